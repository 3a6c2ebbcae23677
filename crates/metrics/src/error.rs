use std::fmt;

use contract::StageError;

/// Why a metric has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// There are no examples.
    #[error("no examples to score")]
    Empty,
    /// Predictions and labels differ in number.
    #[error("{left} predictions for {right} labels")]
    Lengths {
        /// Length of the first argument.
        left: usize,
        /// Length of the second argument.
        right: usize,
    },
    /// A number is NaN or infinite.
    #[error("the value of example {example} is not finite")]
    NotFinite {
        /// Index of the example, from 0.
        example: usize,
    },
    /// The metric has no value for these inputs, though the inputs are valid.
    #[error("undefined: {0}")]
    Undefined(Undefined),
}

/// Why a correlation has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undefined {
    /// All predictions are equal.
    ConstantPredictions,
    /// All labels are equal.
    ConstantLabels,
    /// There is only one example, and a correlation needs two.
    OneExample,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConstantPredictions => "constant predictions",
            Self::ConstantLabels => "constant labels",
            Self::OneExample => "a single example",
        })
    }
}

impl From<MetricError> for StageError {
    fn from(error: MetricError) -> Self {
        Self::failed(error)
    }
}

/// Checks that two lists can be scored against each other.
pub(crate) fn check_lengths<L, R>(left: &[L], right: &[R]) -> Result<(), MetricError> {
    if left.len() != right.len() {
        return Err(MetricError::Lengths {
            left: left.len(),
            right: right.len(),
        });
    }
    if left.is_empty() {
        Err(MetricError::Empty)
    } else {
        Ok(())
    }
}

/// Checks that all values are finite.
pub(crate) fn check_finite(values: &[f64]) -> Result<(), MetricError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(example) => Err(MetricError::NotFinite { example }),
        None => Ok(()),
    }
}
