//! What a training run records as it goes: a Parquet file with one row an update.
//!
//! The first column counts (`step`), the others are numbers. No time is in it, so that the same run gives the same
//! bytes.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use contract::{Rows, StageError, io_error};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Rows of a step and `N` numbers each.
#[derive(Debug)]
pub struct Log<const N: usize> {
    names: [&'static str; N],
    rows: Vec<(i64, [f64; N])>,
    /// For those who look at it meanwhile.
    shown: Option<Rows>,
}

impl<const N: usize> Log<N> {
    /// An empty log with these columns behind `step`.
    pub fn new(names: [&'static str; N]) -> Self {
        Self {
            names,
            rows: Vec::new(),
            shown: None,
        }
    }

    /// Writes rows to `shown` as well from here on.
    #[must_use]
    pub fn shown(self, shown: Rows) -> Self {
        Self {
            shown: Some(shown),
            ..self
        }
    }

    /// Adds a row.
    pub fn push(&mut self, step: i64, numbers: [f64; N]) {
        if let Some(shown) = &mut self.shown {
            shown.push(&Row {
                names: &self.names,
                step,
                numbers: &numbers,
            });
        }
        self.rows.push((step, numbers));
    }

    /// Returns the rows so far.
    pub fn rows(&self) -> &[(i64, [f64; N])] {
        &self.rows
    }

    /// Writes the log to the file `path`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StageError> {
        let failed = |error: &dyn std::fmt::Display| {
            StageError::failed(format!("{}: {error}", path.display()))
        };
        let steps: Int64Array = self.rows.iter().map(|(step, _)| *step).collect();
        let mut columns: Vec<(&str, ArrayRef, bool)> = vec![("step", Arc::new(steps), false)];
        for (place, name) in self.names.iter().enumerate() {
            let numbers: Float64Array = self.rows.iter().map(|(_, row)| row[place]).collect();
            columns.push((name, Arc::new(numbers), false));
        }
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

    /// Adds the rows of the file `path`, which [`Log::write`] wrote.
    ///
    /// # Errors
    /// When it cannot be read, or has other columns.
    pub fn extend_from(&mut self, path: &Path) -> Result<(), StageError> {
        let failed = |error: &dyn std::fmt::Display| {
            StageError::failed(format!("{}: {error}", path.display()))
        };
        let file = File::open(path).map_err(io_error(path))?;
        let batches = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.build())
            .map_err(|error| failed(&error))?;
        for batch in batches {
            let batch = batch.map_err(|error| failed(&error))?;
            let column = |name: &str| {
                batch
                    .column_by_name(name)
                    .ok_or_else(|| failed(&format!("there is no column `{name}`")))
            };
            let steps = column("step")?
                .as_primitive_opt::<Int64Type>()
                .ok_or_else(|| failed(&"the column `step` does not count"))?;
            let mut numbers = Vec::with_capacity(N);
            for name in self.names {
                let column = column(name)?.as_primitive_opt::<Float64Type>();
                let column = column.ok_or_else(|| failed(&format!("`{name}` holds no numbers")))?;
                numbers.push(column.clone());
            }
            for row in 0..batch.num_rows() {
                self.push(
                    steps.value(row),
                    std::array::from_fn(|place| numbers[place].value(row)),
                );
            }
        }
        Ok(())
    }
}

/// Reads the named columns of any log: a row of numbers for each of the file's.
///
/// # Errors
/// When the file cannot be read, or lacks a column of numbers of such a name.
pub fn read(path: &Path, names: &[&str]) -> Result<Vec<Vec<f64>>, StageError> {
    let failed =
        |error: &dyn std::fmt::Display| StageError::failed(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(io_error(path))?;
    let batches = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.build())
        .map_err(|error| failed(&error))?;
    let mut rows = Vec::new();
    for batch in batches {
        let batch = batch.map_err(|error| failed(&error))?;
        let start = rows.len();
        rows.resize(start + batch.num_rows(), Vec::with_capacity(names.len()));
        for name in names {
            let column = batch.column_by_name(name);
            let column = column.ok_or_else(|| failed(&format!("there is no column `{name}`")))?;
            let integers = column.as_primitive_opt::<Int64Type>();
            let numbers = column.as_primitive_opt::<Float64Type>();
            for (at, row) in rows[start..].iter_mut().enumerate() {
                row.push(match (integers, numbers) {
                    (Some(integers), _) => integers.value(at) as f64,
                    (None, Some(numbers)) => numbers.value(at),
                    (None, None) => return Err(failed(&format!("`{name}` holds no numbers"))),
                });
            }
        }
    }
    Ok(rows)
}

/// A row by the names of its columns.
struct Row<'a> {
    names: &'a [&'static str],
    step: i64,
    numbers: &'a [f64],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.names.len()))?;
        map.serialize_entry("step", &self.step)?;
        for (name, number) in self.names.iter().zip(self.numbers) {
            map.serialize_entry(name, number)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use contract::Context;

    use super::*;

    #[test]
    fn rows_are_shown_by_the_names_of_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        let context = Context::in_folder(folder.path()).unwrap();
        let mut log = Log::new(["loss", "rate"]).shown(context.rows("log.parquet"));
        log.push(1, [2.5, 1e-3]);
        let shown = fs::read_to_string(folder.path().join("log/log.jsonl")).unwrap();
        assert_eq!(shown, "{\"step\":1,\"loss\":2.5,\"rate\":0.001}\n");
    }

    #[test]
    fn what_is_written_is_read_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.parquet");
        for rows in [0, 1, 3000] {
            let mut log = Log::new(["loss", "learning_rate"]);
            for step in 1..=rows {
                log.push(step, [1.0 / step as f64, (step as f64).sqrt()]);
            }
            log.write(&path).unwrap();
            let mut found = Log::new(["loss", "learning_rate"]);
            found.extend_from(&path).unwrap();
            assert_eq!(found.rows(), log.rows());
            let plain = read(&path, &["step", "learning_rate"]).unwrap();
            assert_eq!(plain.len(), log.rows().len());
            if let (Some(last), Some((step, row))) = (plain.last(), log.rows().last()) {
                assert_eq!(last[..], [*step as f64, row[1]]);
            }
        }
        let mut other = Log::new(["accuracy"]);
        assert!(other.extend_from(&path).is_err());
        assert!(read(&path, &["accuracy"]).is_err());
    }
}
