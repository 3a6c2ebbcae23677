//! Logs of a training run: Parquet files with one row per update or measurement.
//!
//! The first column counts the updates (`step`), the others are numbers. A log holds no time, so the same run gives the same
//! bytes.

use std::path::Path;

use columnar::{Reader, Schema, Values};
use contract::{Column, ColumnType, Rows, StageError};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What to do about a log that cannot be read.
const AGAIN: &str = "run the stage that wrote it again";

/// A log: rows of a step and a number for each further column.
#[derive(Debug)]
pub struct Log {
    columns: &'static [Column],
    steps: Vec<i64>,
    /// The numbers, row after row; a row has as many as there are further columns.
    numbers: Vec<f64>,
    /// A second destination of the rows, for people who watch the run.
    shown: Option<Rows>,
}

impl Log {
    /// An empty log of these columns, as the signature documents them: the first counts the steps, the others hold numbers, or
    /// whole numbers up to 2⁵³.
    ///
    /// # Panics
    /// When the first column is no whole number, or another is neither a number nor a whole number.
    pub fn new(columns: &'static [Column]) -> Self {
        let are_numbers = columns.iter().all(is_number);
        let counts = columns.first().map(|first| first.holds) == Some(ColumnType::Integer);
        assert!(counts && are_numbers, "the columns are those of a log");
        Self {
            columns,
            steps: Vec::new(),
            numbers: Vec::new(),
            shown: None,
        }
    }

    /// The log, which from now on also writes its rows to `shown`.
    #[must_use]
    pub fn shown(self, shown: Rows) -> Self {
        Self {
            shown: Some(shown),
            ..self
        }
    }

    /// Returns how many numbers a row has beside its step.
    fn width(&self) -> usize {
        self.columns.len() - 1
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When `numbers` are not as many as the further columns.
    pub fn push(&mut self, step: i64, numbers: &[f64]) {
        assert_eq!(numbers.len(), self.width(), "a number for each column");
        if let Some(shown) = &mut self.shown {
            shown.push(&Row {
                columns: self.columns,
                step,
                numbers,
            });
        }
        self.steps.push(step);
        self.numbers.extend_from_slice(numbers);
    }

    /// Returns the rows so far.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (i64, &[f64])> {
        let steps = self.steps.iter().enumerate();
        steps.map(|(row, step)| (*step, self.numbers_of(row)))
    }

    /// Returns the last row.
    pub fn last(&self) -> Option<(i64, &[f64])> {
        self.rows().next_back()
    }

    fn numbers_of(&self, row: usize) -> &[f64] {
        &self.numbers[row * self.width()..(row + 1) * self.width()]
    }

    /// Writes the log to the file `path`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StageError> {
        let mut values: Vec<Values> = vec![self.steps.iter().copied().collect()];
        for (place, column) in self.columns[1..].iter().enumerate() {
            let numbers = (0..self.steps.len()).map(|row| self.numbers_of(row)[place]);
            values.push(match column.holds {
                ColumnType::Integer => numbers.map(|number| number as i64).collect(),
                _ => numbers.collect(),
            });
        }
        columnar::write(path, &Schema::of(self.columns), values)
    }

    /// Adds the rows of the file `path`, which [`Log::write`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, or has other columns.
    pub fn extend_from(&mut self, path: &Path) -> Result<(), StageError> {
        for batch in Reader::open(path, AGAIN)?.batches()? {
            let batch = batch?;
            let steps = batch.integers(self.columns[0].name)?;
            let mut numbers: Vec<Vec<f64>> = Vec::with_capacity(self.width());
            for column in &self.columns[1..] {
                numbers.push(match column.holds {
                    ColumnType::Integer => {
                        let whole = batch.integers(column.name)?;
                        whole.iter().map(|number| *number as f64).collect()
                    }
                    _ => batch.numbers(column.name)?.to_vec(),
                });
            }
            for (row, step) in steps.iter().enumerate() {
                let numbers: Vec<f64> = numbers.iter().map(|column| column[row]).collect();
                self.push(*step, &numbers);
            }
        }
        Ok(())
    }
}

fn is_number(column: &Column) -> bool {
    matches!(column.holds, ColumnType::Integer | ColumnType::Number) && !column.nullable
}

/// Reads the named columns of any log: per row of the file, the numbers in the order of `names`.
///
/// # Errors
/// When the file cannot be read, or lacks a column of numbers of one of the names.
pub fn read(path: &Path, names: &[&str]) -> Result<Vec<Vec<f64>>, StageError> {
    let mut rows = Vec::new();
    for batch in Reader::open(path, AGAIN)?.batches()? {
        let batch = batch?;
        let start = rows.len();
        rows.resize(start + batch.rows(), Vec::with_capacity(names.len()));
        for name in names {
            let numbers = batch.any_numbers(name)?;
            for (row, number) in rows[start..].iter_mut().zip(numbers) {
                row.push(number);
            }
        }
    }
    Ok(rows)
}

/// A row as it is serialised: an object of column names and numbers.
struct Row<'a> {
    columns: &'a [Column],
    step: i64,
    numbers: &'a [f64],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        map.serialize_entry(self.columns[0].name, &self.step)?;
        for (column, number) in self.columns[1..].iter().zip(self.numbers) {
            match column.holds {
                ColumnType::Integer => map.serialize_entry(column.name, &(*number as i64))?,
                _ => map.serialize_entry(column.name, number)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use contract::Context;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::new("step", ColumnType::Integer, ""),
        Column::new("loss", ColumnType::Number, ""),
        Column::new("tokens", ColumnType::Integer, ""),
    ];
    const OTHERS: &[Column] = &[
        Column::new("step", ColumnType::Integer, ""),
        Column::new("accuracy", ColumnType::Number, ""),
    ];

    #[test]
    fn rows_are_shown_by_the_names_of_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        let context = Context::in_folder(folder.path()).unwrap();
        let mut log = Log::new(COLUMNS).shown(context.rows("log.parquet"));
        log.push(1, &[2.5, 70.0]);
        let shown = fs::read_to_string(folder.path().join("log/log.jsonl")).unwrap();
        assert_eq!(shown, "{\"step\":1,\"loss\":2.5,\"tokens\":70}\n");
    }

    #[test]
    fn what_is_written_is_read_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.parquet");
        for rows in [0, 1, 3000] {
            let mut log = Log::new(COLUMNS);
            for step in 1..=rows {
                log.push(step, &[1.0 / step as f64, step as f64 * 7.0]);
            }
            log.write(&path).unwrap();
            let mut found = Log::new(COLUMNS);
            found.extend_from(&path).unwrap();
            assert!(found.rows().eq(log.rows()));
            let plain = read(&path, &["step", "tokens"]).unwrap();
            assert_eq!(plain.len(), log.rows().count());
            if let (Some(last), Some((step, row))) = (plain.last(), log.last()) {
                assert_eq!(last[..], [step as f64, row[1]]);
            }
        }
        let mut other = Log::new(OTHERS);
        assert!(other.extend_from(&path).is_err());
        assert!(read(&path, &["accuracy"]).is_err());
    }
}
