//! Tables for other programs: one row per score, with a column for each variable.

use std::collections::BTreeMap;

use columnar::Schema;
use contract::{ColumnType, StageError};
use serde_json::Value;

use crate::series::Series;
use crate::{Cell, Column, Row, Table, csv};

/// Names and values of variables. Where a name occurs twice, the later value holds.
pub type Bindings = Vec<(String, Value)>;

/// The variables of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    /// The variables of all the cell's scores: bound by row, column and command line.
    pub cell: Bindings,
    /// The variables of each score: those that the cell gathers over.
    pub scores: Vec<Bindings>,
}

/// The fixed columns before and after the columns of variables.
const BEFORE: [&str; 3] = ["table", "row", "column"];
const AFTER: [&str; 12] = [
    "metric",
    "unit",
    "value",
    "n",
    "mean",
    "standard_deviation",
    "published",
    "published_verified",
    "published_source",
    "notes",
    "missing",
    "chosen",
];

/// The column of texts, in tables that show texts.
const TEXT: &str = "text_value";

/// A table with one row per score, cells in reading order; a cell without scores has one row without a value.
///
/// Columns: `table`, `row` (labels joined by `, `), `column`: utf8; one for each variable, by name, of the narrowest type
/// for all its values (int64, double, bool, else utf8), null where nothing binds the variable; `metric`, `unit`: utf8;
/// `value`: double; `n`, `mean`, `standard_deviation` of the cell: int64 and double; `published`: double;
/// `published_verified`: bool; `published_source`: utf8; `notes`: utf8, remarks on the scores and notes of the stages that
/// the cell rests on, joined by `; `; `missing`: utf8, why scores are missing; `chosen`: utf8, how the point was chosen
/// where a grid was searched; in tables that show texts, `text_value`: utf8, the text, in place of `value`. A variable
/// with the name of another column gets the prefix `variable_`.
pub struct Export(Vec<(String, Series)>);

/// A row of the exported table.
struct Line<'a> {
    row: &'a Row,
    column: &'a Column,
    cell: &'a Cell,
    value: Option<f64>,
    text: Option<&'a str>,
    variables: BTreeMap<&'a str, &'a Value>,
}

impl Table {
    /// Returns the table for other programs. `variables[row][column]` are the variables of the table's cells.
    ///
    /// # Errors
    /// When the table is out of shape ([`Table::check`]).
    pub fn export(&self, variables: &[Vec<Variables>]) -> Result<Export, StageError> {
        self.check()?;
        let none = Variables::default();
        let mut lines = Vec::new();
        for (at, (row, cells)) in self.rows.iter().zip(&self.cells).enumerate() {
            for (place, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
                let of_cell = variables.get(at).and_then(|row| row.get(place));
                let of_cell = of_cell.unwrap_or(&none);
                for score in 0..cell.count().max(1) {
                    let of_score = of_cell.scores.get(score).into_iter().flatten();
                    let all = of_cell.cell.iter().chain(of_score);
                    lines.push(Line {
                        row,
                        column,
                        cell,
                        value: cell.values.get(score).copied(),
                        text: cell.texts.get(score).map(String::as_str),
                        variables: all.map(|(name, value)| (name.as_str(), value)).collect(),
                    });
                }
            }
        }
        Ok(Export(self.columns(&lines)))
    }

    fn columns(&self, lines: &[Line<'_>]) -> Vec<(String, Series)> {
        let text = |get: &dyn Fn(&Line<'_>) -> Option<String>| {
            Series::Texts(lines.iter().map(get).collect())
        };
        let number = |get: &dyn Fn(&Line<'_>) -> Option<f64>| {
            Series::Numbers(lines.iter().map(get).collect())
        };
        let joined = |parts: Vec<String>| (!parts.is_empty()).then(|| parts.join("; "));
        let mut columns = vec![
            ("table".to_owned(), text(&|_| Some(self.name.clone()))),
            ("row".into(), text(&|line| Some(line.row.labels.join(", ")))),
            (
                "column".into(),
                text(&|line| Some(line.column.label.clone())),
            ),
        ];
        columns.extend(variables(lines));
        let published = |line: &Line<'_>| line.cell.published.clone();
        let counts = lines.iter().map(|line| {
            let runs = line.cell.summary().map(|summary| summary.n);
            Some(runs.unwrap_or_else(|| line.cell.count()) as i64)
        });
        let verified = lines.iter().map(|line| Some(published(line)?.verified));
        let after: [Series; AFTER.len()] = [
            text(&|line| Some(line.column.metric.clone())),
            text(&|line| Some(line.column.unit.clone())),
            number(&|line| line.value),
            Series::Integers(counts.collect()),
            number(&|line| Some(line.cell.summary()?.mean)),
            number(&|line| line.cell.summary()?.standard_deviation),
            number(&|line| Some(published(line)?.value)),
            Series::Bools(verified.collect()),
            text(&|line| Some(published(line)?.citation.to_string())),
            text(&|line| {
                let notes = line.cell.footnotes.iter();
                let notes = notes.filter_map(|place| Some(self.footnotes.get(*place)?.to_string()));
                joined(line.cell.remarks.iter().cloned().chain(notes).collect())
            }),
            text(&|line| joined(line.cell.reasons.clone())),
            text(&|line| Some(line.cell.chosen.as_ref()?.rule())),
        ];
        columns.extend(AFTER.into_iter().map(str::to_owned).zip(after));
        // A table of scores alone has the bytes that it had before tables could show texts.
        if lines.iter().any(|line| line.text.is_some()) {
            columns.push((TEXT.into(), text(&|line| line.text.map(str::to_owned))));
        }
        columns
    }
}

/// Returns the columns of variables, by name.
fn variables(lines: &[Line<'_>]) -> Vec<(String, Series)> {
    let mut values: BTreeMap<&str, Vec<Option<&Value>>> = BTreeMap::new();
    for line in lines {
        for name in line.variables.keys() {
            values.entry(name).or_default();
        }
    }
    for (name, values) in &mut values {
        let of_line = lines.iter().map(|line| line.variables.get(name).copied());
        values.extend(of_line);
    }
    let columns = values.into_iter().map(|(name, values)| {
        let taken = BEFORE.contains(&name) || AFTER.contains(&name) || name == TEXT;
        let name = if taken {
            format!("variable_{name}")
        } else {
            name.to_owned()
        };
        (name, Series::of(&values))
    });
    columns.collect()
}

impl Export {
    /// Returns the table as a Parquet file.
    ///
    /// # Errors
    /// When the values do not fit the columns.
    pub fn parquet(&self) -> Result<Vec<u8>, StageError> {
        let values = self.0.iter().map(|(_, series)| series.values());
        columnar::encode(&Schema::nullable(self.columns()), values.collect())
    }

    /// Returns the table as comma-separated values, column names first; null is an empty field.
    pub fn csv(&self) -> String {
        csv::write(&self.0)
    }

    /// Returns names and types of the columns.
    pub fn columns(&self) -> Vec<(String, ColumnType)> {
        let columns = self.0.iter();
        columns
            .map(|(name, series)| (name.clone(), series.holds()))
            .collect()
    }
}
