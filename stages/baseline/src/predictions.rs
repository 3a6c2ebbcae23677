//! Predictions of a baseline for a task, to be scored and written.

use std::path::Path;

use benchmarks::{Example, Prediction, Task};
use contract::{OutputFile, StageError};
use metrics::scores::Score;
use metrics::{predictions, scores};

/// The files that a baseline stage writes.
pub(crate) const FILES: &[OutputFile] = &[scores::DOCUMENTED, predictions::DOCUMENTED];

/// Predictions for the validation splits of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// Predictions for the validation split.
    pub validation: Vec<Prediction>,
    /// Predictions for the mismatched validation split, where the task has one.
    pub mismatched: Option<Vec<Prediction>>,
}

impl Predictions {
    /// Predicts the splits of `task`.
    pub(crate) fn of(task: &Task, mut predict: impl FnMut(&[Example]) -> Vec<Prediction>) -> Self {
        let mismatched = task.validation_mismatched.as_deref();
        Self {
            validation: predict(&task.validation),
            mismatched: mismatched.map(predict),
        }
    }

    /// Scores the predictions with the task's metrics.
    ///
    /// # Errors
    /// When a split is empty, or the predictions are of another task.
    pub fn scores(&self, task: &Task) -> Result<Vec<Score>, StageError> {
        task.scores(&self.validation, self.mismatched.as_deref())
    }

    /// Writes the scores and the predictions into the folder.
    pub(crate) fn write(&self, task: &Task, folder: &Path) -> Result<(), StageError> {
        scores::write(folder, &self.scores(task)?)?;
        let rows = task.rows(&self.validation, self.mismatched.as_deref())?;
        predictions::write(folder, &rows)
    }
}
