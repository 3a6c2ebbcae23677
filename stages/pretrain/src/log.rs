//! What a run records as it goes: one row an update in `log.parquet`, one a measurement in `validation.parquet`.
//!
//! No time is in them, so that the same run gives the same bytes.

use std::path::Path;

use columnar::{Reader, Schema};
use contract::{Column, ColumnType, OutputFile, StageError};
use serde::Serialize;

/// The file of training rows.
pub const TRAINING: &str = "log.parquet";
/// The file of validation rows.
pub const VALIDATION: &str = "validation.parquet";
/// What to do about a log that cannot be read.
const AGAIN: &str = "run the `pretrain` stage again";

/// The file of training rows, for the signature.
pub(crate) const TRAINING_FILE: OutputFile = OutputFile::log(
    TRAINING,
    &[
        Column::new("step", ColumnType::Integer, "the update, counted from 1"),
        Column::new(
            "loss",
            ColumnType::Number,
            "mean cross-entropy in nats over the predicted tokens",
        ),
        Column::new(
            "learning_rate",
            ColumnType::Number,
            "the rate that the update was made with",
        ),
        Column::new(
            "gradient_norm",
            ColumnType::Number,
            "Euclidean norm of the gradient, before clipping",
        ),
        Column::new("predicted_tokens", ColumnType::Integer, "tokens predicted"),
        Column::new("tokens", ColumnType::Integer, "tokens read"),
    ],
    "the training, a row for each update",
);
/// The file of validation rows, for the signature.
pub(crate) const VALIDATION_FILE: OutputFile = OutputFile::log(
    VALIDATION,
    &[
        Column::new("step", ColumnType::Integer, "updates made before"),
        Column::new(
            "perplexity",
            ColumnType::Number,
            "on held-out blocks, corrupted as in training",
        ),
        Column::new(
            "perplexity_15",
            ColumnType::Number,
            "the same at a rate of 15 %, which compares runs of different rates",
        ),
    ],
    "measurements on held-out blocks: one at the end, others as `validate_every` says",
);

/// One update.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TrainingRow {
    /// The update, counted from 1.
    pub step: i64,
    /// Mean cross-entropy in nats over the predicted tokens.
    pub loss: f64,
    /// The rate this update was made with.
    pub learning_rate: f64,
    /// Euclidean norm of the gradient, before clipping.
    pub gradient_norm: f64,
    /// Tokens predicted.
    pub predicted_tokens: i64,
    /// Tokens read.
    pub tokens: i64,
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ValidationRow {
    /// Updates made before.
    pub step: i64,
    /// As the run corrupts.
    pub perplexity: f64,
    /// At 15 %.
    pub perplexity_15: f64,
}

/// All rows so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// One an update.
    pub training: Vec<TrainingRow>,
    /// One a measurement.
    pub validation: Vec<ValidationRow>,
}

impl Log {
    /// Writes both files into `folder`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), StageError> {
        let rows = self.training.iter();
        let values = vec![
            rows.clone().map(|row| row.step).collect(),
            rows.clone().map(|row| row.loss).collect(),
            rows.clone().map(|row| row.learning_rate).collect(),
            rows.clone().map(|row| row.gradient_norm).collect(),
            rows.clone().map(|row| row.predicted_tokens).collect(),
            rows.map(|row| row.tokens).collect(),
        ];
        let schema = Schema::of(TRAINING_FILE.columns());
        columnar::write(&folder.join(TRAINING), &schema, values)?;
        let rows = self.validation.iter();
        let values = vec![
            rows.clone().map(|row| row.step).collect(),
            rows.clone().map(|row| row.perplexity).collect(),
            rows.map(|row| row.perplexity_15).collect(),
        ];
        let schema = Schema::of(VALIDATION_FILE.columns());
        columnar::write(&folder.join(VALIDATION), &schema, values)
    }

    /// Reads both files from `folder`.
    ///
    /// # Errors
    /// When they cannot be read or hold other columns.
    pub fn read(folder: &Path) -> Result<Self, StageError> {
        let mut log = Self::default();
        for batch in Reader::open(&folder.join(TRAINING), AGAIN)?.batches()? {
            let batch = batch?;
            let [steps, predicted, tokens] =
                ["step", "predicted_tokens", "tokens"].map(|name| batch.integers(name));
            let [losses, rates, norms] =
                ["loss", "learning_rate", "gradient_norm"].map(|name| batch.numbers(name));
            let (steps, predicted, tokens) = (steps?, predicted?, tokens?);
            let (losses, rates, norms) = (losses?, rates?, norms?);
            log.training
                .extend((0..batch.rows()).map(|row| TrainingRow {
                    step: steps[row],
                    loss: losses[row],
                    learning_rate: rates[row],
                    gradient_norm: norms[row],
                    predicted_tokens: predicted[row],
                    tokens: tokens[row],
                }));
        }
        for batch in Reader::open(&folder.join(VALIDATION), AGAIN)?.batches()? {
            let batch = batch?;
            let steps = batch.integers("step")?;
            let own = batch.numbers("perplexity")?;
            let common = batch.numbers("perplexity_15")?;
            log.validation
                .extend((0..batch.rows()).map(|row| ValidationRow {
                    step: steps[row],
                    perplexity: own[row],
                    perplexity_15: common[row],
                }));
        }
        Ok(log)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_written_is_read_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let training = (1..=2000)
            .map(|step| TrainingRow {
                step,
                loss: 1.0 / step as f64,
                learning_rate: 2e-3 / step as f64,
                gradient_norm: (step as f64).sqrt(),
                predicted_tokens: step * 3,
                tokens: step * 7,
            })
            .collect();
        let validation = vec![ValidationRow {
            step: 7,
            perplexity: 1.1,
            perplexity_15: 1e300,
        }];
        for log in [
            Log::default(),
            Log {
                training,
                validation,
            },
        ] {
            log.write(folder.path()).unwrap();
            assert_eq!(Log::read(folder.path()).unwrap(), log);
        }
    }
}
