//! The log for those who look at it while the training goes on.

use contract::{Context, Rows};

use crate::log::{Log, TRAINING, TrainingRow, VALIDATION, ValidationRow};

/// The rows so far, for those who look at them while the training goes on.
pub(crate) struct Shown {
    training: Rows,
    validation: Rows,
}

impl Shown {
    /// Begins with the rows of `log`, which an earlier attempt has made.
    pub(crate) fn begin(log: &Log, context: &Context) -> Self {
        let mut shown = Self {
            training: context.rows(TRAINING),
            validation: context.rows(VALIDATION),
        };
        log.training.iter().for_each(|row| shown.training.push(row));
        log.validation
            .iter()
            .for_each(|row| shown.validation.push(row));
        shown
    }

    /// Adds an update.
    pub(crate) fn update(&mut self, row: &TrainingRow) {
        self.training.push(row);
    }

    /// Adds a measurement.
    pub(crate) fn measurement(&mut self, row: &ValidationRow) {
        self.validation.push(row);
    }
}
