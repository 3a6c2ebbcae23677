//! What a run records as it goes: one row an update in `log.parquet`, one a measurement in `validation.parquet`.
//!
//! No time is in them, so that the same run gives the same bytes.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use contract::{Column, ColumnType, OutputFile, StageError, io_error};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::Serialize;

/// The file of training rows.
pub const TRAINING: &str = "log.parquet";
/// The file of validation rows.
pub const VALIDATION: &str = "validation.parquet";

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
        let rows = &self.training;
        let columns = [
            ("step", integers(rows, |row| row.step)),
            ("loss", numbers(rows, |row| row.loss)),
            ("learning_rate", numbers(rows, |row| row.learning_rate)),
            ("gradient_norm", numbers(rows, |row| row.gradient_norm)),
            (
                "predicted_tokens",
                integers(rows, |row| row.predicted_tokens),
            ),
            ("tokens", integers(rows, |row| row.tokens)),
        ];
        write(&folder.join(TRAINING), columns)?;
        let rows = &self.validation;
        let columns = [
            ("step", integers(rows, |row| row.step)),
            ("perplexity", numbers(rows, |row| row.perplexity)),
            ("perplexity_15", numbers(rows, |row| row.perplexity_15)),
        ];
        write(&folder.join(VALIDATION), columns)
    }

    /// Reads both files from `folder`.
    ///
    /// # Errors
    /// When they cannot be read or hold other columns.
    pub fn read(folder: &Path) -> Result<Self, StageError> {
        let mut log = Self::default();
        for table in read(&folder.join(TRAINING))? {
            for row in 0..table.rows {
                log.training.push(TrainingRow {
                    step: table.integer("step", row)?,
                    loss: table.number("loss", row)?,
                    learning_rate: table.number("learning_rate", row)?,
                    gradient_norm: table.number("gradient_norm", row)?,
                    predicted_tokens: table.integer("predicted_tokens", row)?,
                    tokens: table.integer("tokens", row)?,
                });
            }
        }
        for table in read(&folder.join(VALIDATION))? {
            for row in 0..table.rows {
                log.validation.push(ValidationRow {
                    step: table.integer("step", row)?,
                    perplexity: table.number("perplexity", row)?,
                    perplexity_15: table.number("perplexity_15", row)?,
                });
            }
        }
        Ok(log)
    }
}

fn integers<T>(rows: &[T], get: impl Fn(&T) -> i64) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<Int64Array>())
}

fn numbers<T>(rows: &[T], get: impl Fn(&T) -> f64) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<Float64Array>())
}

fn write<const N: usize>(path: &Path, columns: [(&str, ArrayRef); N]) -> Result<(), StageError> {
    let failed =
        |error: &dyn std::fmt::Display| StageError::failed(format!("{}: {error}", path.display()));
    let columns = columns.map(|(name, column)| (name, column, false));
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| failed(&error))?;
    let level = ZstdLevel::try_new(1).map_err(|error| failed(&error))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))
        .map_err(|error| failed(&error))?;
    writer.write(&batch).map_err(|error| failed(&error))?;
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    fs::write(path, bytes).map_err(io_error(path))
}

/// Rows of a file.
struct Rows<'a> {
    path: &'a Path,
    batch: RecordBatch,
    rows: usize,
}

impl Rows<'_> {
    fn column(&self, name: &str) -> Result<&ArrayRef, StageError> {
        self.batch
            .column_by_name(name)
            .ok_or_else(|| self.wrong(name))
    }

    fn integer(&self, name: &str, row: usize) -> Result<i64, StageError> {
        let column = self.column(name)?.as_primitive_opt::<Int64Type>();
        column
            .map(|column| column.value(row))
            .ok_or_else(|| self.wrong(name))
    }

    fn number(&self, name: &str, row: usize) -> Result<f64, StageError> {
        let column = self.column(name)?.as_primitive_opt::<Float64Type>();
        column
            .map(|column| column.value(row))
            .ok_or_else(|| self.wrong(name))
    }

    fn wrong(&self, name: &str) -> StageError {
        StageError::failed(format!(
            "{}: no such column as {name} should be",
            self.path.display()
        ))
    }
}

fn read(path: &Path) -> Result<Vec<Rows<'_>>, StageError> {
    let failed =
        |error: &dyn std::fmt::Display| StageError::failed(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(io_error(path))?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.build())
        .map_err(|error| failed(&error))?
        .map(|batch| {
            let batch = batch.map_err(|error| failed(&error))?;
            Ok(Rows {
                path,
                rows: batch.num_rows(),
                batch,
            })
        })
        .collect()
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
