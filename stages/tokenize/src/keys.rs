//! Values of keys in JSON files, with the types that Hugging Face gives them.

use contract::StageError;
use serde_json::{Map, Value};

use crate::specification::Added;

/// What to do about a value of the wrong type.
pub(crate) const MEND: &str = "mend the file, or remove it";

/// The keys of a file.
pub(crate) struct Keys<'a> {
    pub(crate) map: &'a Map<String, Value>,
    pub(crate) place: String,
}

impl Keys<'_> {
    pub(crate) fn refusal(&self, key: &str, reason: &str, remedy: &str) -> StageError {
        StageError::input(&self.place, format!("`{key}` {reason}"), remedy)
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, StageError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => {
                let reason = format!("is {other}, neither true nor false");
                Err(self.refusal(key, &reason, MEND))
            }
        }
    }

    /// Returns a length in tokens. Hugging Face writes 10^30 for an unknown length.
    pub(crate) fn length(&self, key: &str) -> Result<Option<usize>, StageError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) if number.as_f64().is_some_and(|it| it >= 1.0) => {
                Ok(number.as_f64().filter(|it| *it < 1e9).map(|it| it as usize))
            }
            Some(other) => Err(self.refusal(key, &format!("is {other}, no length"), MEND)),
        }
    }

    /// Returns a special token, which is written as its text or as an object with its properties.
    pub(crate) fn token(&self, key: &str) -> Result<Option<Added>, StageError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match parse_token(value, true) {
                Some(token) => Ok(Some(token)),
                None => Err(self.refusal(key, &format!("is {value}, no token"), MEND)),
            },
        }
    }

    /// Returns several special tokens, which are written as a list or as an object by name.
    pub(crate) fn tokens(&self, key: &str) -> Result<Vec<Added>, StageError> {
        let values: Vec<&Value> = match self.map.get(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) => values.iter().collect(),
            Some(Value::Object(values)) => values.values().collect(),
            Some(other) => {
                return Err(self.refusal(key, &format!("is {other}, no list of tokens"), MEND));
            }
        };
        let parse = |value: &Value| match parse_token(value, true) {
            Some(token) => Ok(token),
            None => Err(self.refusal(key, &format!("has {value}, no token"), MEND)),
        };
        values.into_iter().map(parse).collect()
    }
}

/// Returns a token that is written as its text or as an object. Its id is not known yet.
pub(crate) fn parse_token(value: &Value, special: bool) -> Option<Added> {
    if let Value::String(content) = value {
        return Some(Added::new(content.as_str(), 0, special));
    }
    let content = value.get("content")?.as_str()?;
    let flag = |key: &str| match value.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(Value::Bool(flag)) => Some(Some(*flag)),
        Some(_) => None,
    };
    let special = special || flag("special")?.unwrap_or(false);
    Some(Added {
        single_word: flag("single_word")?.unwrap_or(false),
        lstrip: flag("lstrip")?.unwrap_or(false),
        rstrip: flag("rstrip")?.unwrap_or(false),
        normalized: flag("normalized")?.unwrap_or(!special),
        special,
        ..Added::new(content, 0, special)
    })
}
