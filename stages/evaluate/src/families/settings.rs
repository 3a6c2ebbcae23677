//! What a `config.json` says. A setting that is not looked at here is refused unless it says what is done anyway.

use std::path::{Path, PathBuf};

use contract::{StageError, read_json};
use serde_json::{Map, Value};

use super::Sizes;

/// What to do about a file that is not as Hugging Face writes it.
const MEND: &str = "give a folder as Hugging Face saves it";
/// What to do about a setting that is not computed here.
const OTHER: &str = "give an encoder without it";

/// The settings of an encoder.
pub(crate) struct Settings {
    path: PathBuf,
    map: Map<String, Value>,
}

impl Settings {
    /// Reads a `config.json`, and refuses what no family here has.
    ///
    /// # Errors
    /// When it cannot be read, or says that weights are quantised, or that tokens see only those before them.
    pub(crate) fn read(path: &Path) -> Result<Self, StageError> {
        if !path.is_file() {
            return Err(StageError::input(
                path.display(),
                "no such file",
                "give the folder of a Hugging Face encoder: config.json, model.safetensors and tokenizer.json",
            ));
        }
        let settings = Self {
            path: path.to_path_buf(),
            map: read_json(path, MEND)?,
        };
        settings.only("quantization_config", &[])?;
        settings.only("is_decoder", &["false"])?;
        settings.only("add_cross_attention", &["false"])?;
        settings.only("rope_scaling", &[])?;
        Ok(settings)
    }

    pub(crate) fn map(&self) -> &Map<String, Value> {
        &self.map
    }

    /// Returns the error for a setting: `reason` goes on after its name.
    pub(crate) fn refusal(&self, key: &str, reason: &str, remedy: &str) -> StageError {
        StageError::input(self.path.display(), format!("`{key}` {reason}"), remedy)
    }

    /// Returns a setting, if it is given and not null.
    pub(crate) fn given(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Checks that a setting, if it is given, has one of these values, which are written as JSON.
    ///
    /// # Errors
    /// When it has another one.
    pub(crate) fn only(&self, key: &str, accepted: &[&str]) -> Result<(), StageError> {
        match self.given(key) {
            Some(value) if !accepted.contains(&value.to_string().as_str()) => Err(self.refusal(
                key,
                &format!("is {value}, which is not supported here"),
                &match accepted {
                    [] => OTHER.to_owned(),
                    _ => format!("give an encoder where it is {}", accepted.join(" or ")),
                },
            )),
            _ => Ok(()),
        }
    }

    /// Refuses code of others in the place of transformers' own class.
    ///
    /// # Errors
    /// When the file names some.
    pub(crate) fn no_code(&self) -> Result<(), StageError> {
        match self.given("auto_map") {
            None => Ok(()),
            Some(code) => Err(self.refusal(
                "auto_map",
                &format!("names a program in Python, which is not run: {code}"),
                "give an encoder of a class that transformers itself has",
            )),
        }
    }

    /// Returns a number of things, at least one, under the name that the file has for it.
    ///
    /// # Errors
    /// When it is missing, or no such number.
    pub(crate) fn size(&self, names: &[&str]) -> Result<usize, StageError> {
        match names.iter().find(|name| self.given(name).is_some()) {
            Some(name) => self.size_or(name, 0),
            None => Err(self.refusal(names[0], "is missing", MEND)),
        }
    }

    /// Returns a number of things, at least one; `default` where the file says nothing.
    ///
    /// # Errors
    /// When it is no such number.
    pub(crate) fn size_or(&self, name: &str, default: usize) -> Result<usize, StageError> {
        let Some(value) = self.given(name) else {
            return Ok(default);
        };
        match value.as_u64().and_then(|size| u32::try_from(size).ok()) {
            Some(size) if size > 0 => Ok(size as usize),
            _ => Err(self.refusal(name, &format!("is {value}, no number of things"), MEND)),
        }
    }

    /// Returns a positive number.
    ///
    /// # Errors
    /// When it is missing, or no such number.
    pub(crate) fn number(&self, name: &str) -> Result<f64, StageError> {
        match self.given(name) {
            Some(value) => self.positive(name, value),
            None => Err(self.refusal(name, "is missing", MEND)),
        }
    }

    /// Returns a positive number; `default` where the file says nothing.
    ///
    /// # Errors
    /// When it is no such number.
    pub(crate) fn number_or(&self, name: &str, default: f64) -> Result<f64, StageError> {
        self.given(name)
            .map_or(Ok(default), |value| self.positive(name, value))
    }

    /// Returns the base of rotary positions that a table `rope_parameters`, or a part of one, gives, if it does.
    ///
    /// # Errors
    /// When positions are scaled.
    pub(crate) fn rotary_base(
        &self,
        parameters: Option<&Value>,
    ) -> Result<Option<f64>, StageError> {
        const KEY: &str = "rope_parameters";
        let Some(parameters) = parameters.filter(|it| !it.is_null()) else {
            return Ok(None);
        };
        let Value::Object(table) = parameters else {
            return Err(self.refusal(KEY, &format!("is {parameters}, no table"), MEND));
        };
        let mut base = None;
        for (name, value) in table {
            match name.as_str() {
                "rope_theta" => base = Some(self.positive(KEY, value)?),
                "rope_type" if *value == "default" => {}
                _ if value.is_null() => {}
                _ => {
                    let reason = format!("has `{name}`: {value}, which is not supported here");
                    return Err(self.refusal(KEY, &reason, OTHER));
                }
            }
        }
        Ok(base)
    }

    /// Checks that heads share the width equally, and that rotary positions can turn pairs of a head's components.
    ///
    /// # Errors
    /// When they do not.
    pub(crate) fn check_heads(&self, sizes: &Sizes, rotary: bool) -> Result<(), StageError> {
        let (hidden, heads) = (sizes.hidden, sizes.heads);
        let (reason, remedy) = if !hidden.is_multiple_of(heads) {
            (
                "do not divide",
                "give an encoder whose heads have one width",
            )
        } else if rotary && !(hidden / heads).is_multiple_of(2) {
            (
                "leave an odd number of components each of",
                "give an encoder whose heads are even",
            )
        } else {
            return Ok(());
        };
        let reason = format!("is {heads}, and so many heads {reason} a width of {hidden}");
        Err(self.refusal("num_attention_heads", &reason, remedy))
    }

    fn positive(&self, name: &str, value: &Value) -> Result<f64, StageError> {
        match value.as_f64() {
            Some(number) if number > 0.0 => Ok(number),
            _ => Err(self.refusal(name, &format!("is {value}, no positive number"), MEND)),
        }
    }
}
