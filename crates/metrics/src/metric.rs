//! The metrics of GLUE by name.

use serde::{Deserialize, Serialize};

use crate::scores::{HUNDREDFOLD, PERCENT};
use crate::{MetricError, accuracy, f1, matthews, pearson, spearman};

/// A metric of GLUE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The share of correct predictions.
    Accuracy,
    /// The harmonic mean of precision and recall of class 1.
    F1,
    /// Matthews' correlation coefficient.
    Matthews,
    /// Pearson's correlation coefficient.
    Pearson,
    /// Spearman's rank correlation with average ranks.
    Spearman,
}

impl Metric {
    /// All metrics.
    pub const ALL: [Self; 5] = [
        Self::Accuracy,
        Self::F1,
        Self::Matthews,
        Self::Pearson,
        Self::Spearman,
    ];

    /// Returns the name used in `scores.parquet` and `task.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::F1 => "f1",
            Self::Matthews => "matthews",
            Self::Pearson => "pearson",
            Self::Spearman => "spearman",
        }
    }

    /// Returns the unit in which papers print the metric: percent, or a hundredfold for correlations.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Accuracy | Self::F1 => PERCENT,
            Self::Matthews | Self::Pearson | Self::Spearman => HUNDREDFOLD,
        }
    }

    /// Returns the metric of predictions and labels, from 0, or -1, to 1. Classes are whole numbers from 0.
    ///
    /// # Errors
    /// When there are no examples, not as many predictions as labels, a number is not finite, or a correlation is undefined.
    pub fn of(self, predictions: &[f64], labels: &[f64]) -> Result<f64, MetricError> {
        let classes =
            |values: &[f64]| -> Vec<usize> { values.iter().map(|value| *value as usize).collect() };
        match self {
            Self::Accuracy => accuracy(&classes(predictions), &classes(labels)),
            Self::F1 => f1(&classes(predictions), &classes(labels)),
            Self::Matthews => matthews(&classes(predictions), &classes(labels)),
            Self::Pearson => pearson(predictions, labels),
            Self::Spearman => spearman(predictions, labels),
        }
    }
}
