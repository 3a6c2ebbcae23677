use std::fmt;

use toml::Value;

/// A value that names a row. Key columns of a reference file are compared by it with the variables of a declared row.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A truth value.
    Bool(bool),
}

impl Key {
    /// Returns the key that a JSON value stands for; `None` for null, lists and objects.
    pub fn from_json(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::Bool(value) => Some(Self::Bool(*value)),
            serde_json::Value::Number(value) => value.as_f64().map(Self::Number),
            serde_json::Value::String(value) => Some(Self::Text(value.clone())),
            _ => None,
        }
    }

    pub(super) fn from_toml(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(value) => Some(Self::Bool(*value)),
            Value::String(value) => Some(Self::Text(value.clone())),
            _ => number(value).map(Self::Number),
        }
    }

    /// Whether two keys are equal; numbers are, if they differ by no more than the rounding of a decimal fraction.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            _ => self == other,
        }
    }

    /// Returns a share as a percentage; other keys unchanged.
    pub(super) fn in_percent(&self) -> Self {
        match self {
            Self::Number(share) => Self::Number(share * 100.0),
            other => other.clone(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

/// Returns the value of a finite TOML integer or float.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(value) => Some(*value as f64),
        Value::Float(value) if value.is_finite() => Some(*value),
        _ => None,
    }
}
