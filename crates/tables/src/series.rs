//! A column of an exported table.

use columnar::Values;
use contract::ColumnType;
use serde_json::Value;

/// The values of a column, `None` where a row has no value.
#[derive(Clone, Debug)]
pub(crate) enum Series {
    Texts(Vec<Option<String>>),
    Integers(Vec<Option<i64>>),
    Numbers(Vec<Option<f64>>),
    Bools(Vec<Option<bool>>),
}

impl Series {
    /// Converts values to the narrowest type that holds all of them.
    pub(crate) fn of(values: &[Option<&Value>]) -> Self {
        let all = |is: fn(&Value) -> bool| values.iter().flatten().all(|value| is(value));
        let values = values.iter().copied();
        if all(Value::is_i64) {
            Self::Integers(values.map(|value| value?.as_i64()).collect())
        } else if all(Value::is_number) {
            Self::Numbers(values.map(|value| value?.as_f64()).collect())
        } else if all(Value::is_boolean) {
            Self::Bools(values.map(|value| value?.as_bool()).collect())
        } else {
            let text = |value: &Value| match value {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            Self::Texts(values.map(|value| value.map(text)).collect())
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Texts(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Numbers(values) => values.len(),
            Self::Bools(values) => values.len(),
        }
    }

    pub(crate) fn holds(&self) -> ColumnType {
        match self {
            Self::Texts(_) => ColumnType::Text,
            Self::Integers(_) => ColumnType::Integer,
            Self::Numbers(_) => ColumnType::Number,
            Self::Bools(_) => ColumnType::Bool,
        }
    }

    pub(crate) fn values(&self) -> Values {
        match self {
            Self::Texts(values) => values.iter().map(Option::as_deref).collect(),
            Self::Integers(values) => values.iter().copied().collect(),
            Self::Numbers(values) => values.iter().copied().collect(),
            Self::Bools(values) => values.iter().copied().collect(),
        }
    }
}
