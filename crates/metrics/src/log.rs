//! What a training run records as it goes: a Parquet file with one row an update.
//!
//! The first column counts (`step`), the others are numbers. No time is in it, so that the same run gives the same
//! bytes.

use std::path::Path;

use columnar::{Reader, Schema, Values};
use contract::{Column, Rows, StageError};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What to do about a log that cannot be read.
const AGAIN: &str = "run the stage that wrote it again";

/// Rows of a step and `N` numbers each.
#[derive(Debug)]
pub struct Log<const N: usize> {
    columns: &'static [Column],
    rows: Vec<(i64, [f64; N])>,
    /// For those who look at it meanwhile.
    shown: Option<Rows>,
}

impl<const N: usize> Log<N> {
    /// An empty log of these columns, as the signature documents them: the first counts, `N` others hold numbers.
    ///
    /// # Panics
    /// When there are more columns, or fewer.
    pub fn new(columns: &'static [Column]) -> Self {
        assert_eq!(columns.len(), 1 + N, "the columns are those of the rows");
        Self {
            columns,
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
                columns: self.columns,
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
        let rows = self.rows.iter();
        let mut values: Vec<Values> = vec![rows.clone().map(|(step, _)| *step).collect()];
        values.extend((0..N).map(|place| rows.clone().map(|(_, row)| row[place]).collect()));
        columnar::write(path, &Schema::of(self.columns), values)
    }

    /// Adds the rows of the file `path`, which [`Log::write`] wrote.
    ///
    /// # Errors
    /// When it cannot be read, or has other columns.
    pub fn extend_from(&mut self, path: &Path) -> Result<(), StageError> {
        for batch in Reader::open(path, AGAIN)?.batches()? {
            let batch = batch?;
            let steps = batch.integers(self.columns[0].name)?;
            let mut numbers = Vec::with_capacity(N);
            for column in &self.columns[1..] {
                numbers.push(batch.numbers(column.name)?);
            }
            for (row, step) in steps.iter().enumerate() {
                self.push(*step, std::array::from_fn(|place| numbers[place][row]));
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

/// A row by the names of its columns.
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
            map.serialize_entry(column.name, number)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use contract::{ColumnType, Context};

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::new("step", ColumnType::Integer, ""),
        Column::new("loss", ColumnType::Number, ""),
        Column::new("rate", ColumnType::Number, ""),
    ];
    const OTHERS: &[Column] = &[
        Column::new("step", ColumnType::Integer, ""),
        Column::new("accuracy", ColumnType::Number, ""),
    ];

    #[test]
    fn rows_are_shown_by_the_names_of_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        let context = Context::in_folder(folder.path()).unwrap();
        let mut log = Log::<2>::new(COLUMNS).shown(context.rows("log.parquet"));
        log.push(1, [2.5, 1e-3]);
        let shown = fs::read_to_string(folder.path().join("log/log.jsonl")).unwrap();
        assert_eq!(shown, "{\"step\":1,\"loss\":2.5,\"rate\":0.001}\n");
    }

    #[test]
    fn what_is_written_is_read_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.parquet");
        for rows in [0, 1, 3000] {
            let mut log = Log::<2>::new(COLUMNS);
            for step in 1..=rows {
                log.push(step, [1.0 / step as f64, (step as f64).sqrt()]);
            }
            log.write(&path).unwrap();
            let mut found = Log::<2>::new(COLUMNS);
            found.extend_from(&path).unwrap();
            assert_eq!(found.rows(), log.rows());
            let plain = read(&path, &["step", "rate"]).unwrap();
            assert_eq!(plain.len(), log.rows().len());
            if let (Some(last), Some((step, row))) = (plain.last(), log.rows().last()) {
                assert_eq!(last[..], [*step as f64, row[1]]);
            }
        }
        let mut other = Log::<1>::new(OTHERS);
        assert!(other.extend_from(&path).is_err());
        assert!(read(&path, &["accuracy"]).is_err());
    }
}
