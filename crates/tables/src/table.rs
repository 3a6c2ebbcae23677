use std::fmt;

use contract::StageError;
use metrics::scores::{PERCENT, PERPLEXITY};

use crate::{Cell, ComparisonLine};

/// A table of scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Name of the table, as in `table:masking-rate`.
    pub name: String,
    /// One sentence on what the table shows, for the line above it.
    pub title: String,
    /// The headings of the leading columns that name the rows: `["m_corr", "m_pred"]`.
    pub keys: Vec<String>,
    /// The rows, from the top.
    pub rows: Vec<Row>,
    /// The columns of scores, from the left.
    pub columns: Vec<Column>,
    /// The cells: `cells[row][column]`.
    pub cells: Vec<Vec<Cell>>,
    /// Sentences to print below the table: profile, caveats.
    pub notes: Vec<String>,
    /// How rows compare with one of them, where the table says so.
    pub comparisons: Vec<ComparisonLine>,
    /// Notes of the stages that made the results behind the cells, each note once.
    pub footnotes: Vec<Footnote>,
}

/// A note of a stage on its results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footnote {
    /// Name of the stage.
    pub stage: String,
    /// Names of the jobs with this note, each once.
    pub jobs: Vec<String>,
    /// A short name for all these jobs together.
    pub who: String,
    /// The note.
    pub message: String,
}

impl fmt::Display for Footnote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.who, self.message)
    }
}

/// The labels of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// One text per key heading of the table: `["0.4", "0.2"]`; a row outside the sweep (a baseline) may have just one.
    pub labels: Vec<String>,
}

/// A column of scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// The heading: `MNLI`.
    pub label: String,
    /// The score's name: `accuracy`.
    pub metric: String,
    /// The score's unit, as in [`metrics::scores`].
    pub unit: String,
    /// Decimals to print. When absent: as many as the column's published values have, else by the unit, one for shares and
    /// perplexities and two for correlations.
    pub decimals: Option<usize>,
}

impl Row {
    /// Makes a row with these labels.
    pub fn new<L: Into<String>>(labels: impl IntoIterator<Item = L>) -> Self {
        Self {
            labels: labels.into_iter().map(Into::into).collect(),
        }
    }
}

impl Column {
    /// Makes a column with the default number of decimals.
    pub fn new(
        label: impl Into<String>,
        metric: impl Into<String>,
        unit: impl Into<String>,
    ) -> Self {
        Self {
            label: label.into(),
            metric: metric.into(),
            unit: unit.into(),
            decimals: None,
        }
    }
}

impl Table {
    /// Checks that the cells fill the rows and columns and that all values are finite.
    ///
    /// # Errors
    /// When a row has the wrong number of cells or a value is not finite; the error names the table and the row.
    pub fn check(&self) -> Result<(), StageError> {
        let wrong = |what: String| StageError::failed(format!("table {}: {what}", self.name));
        if self.cells.len() != self.rows.len() {
            let (found, named) = (self.cells.len(), self.rows.len());
            return Err(wrong(format!("{found} rows of cells for {named} rows")));
        }
        for (row, cells) in self.rows.iter().zip(&self.cells) {
            let name = row.labels.join(", ");
            if row.labels.len() > self.keys.len().max(1) {
                return Err(wrong(format!(
                    "row `{name}` has more labels than there are headings"
                )));
            }
            if cells.len() != self.columns.len() {
                let (found, named) = (cells.len(), self.columns.len());
                return Err(wrong(format!(
                    "row `{name}` has {found} cells for {named} columns"
                )));
            }
            let published = cells.iter().filter_map(|cell| cell.published.as_ref());
            let mut values = cells.iter().flat_map(|cell| &cell.values).copied();
            if !values.all(f64::is_finite) || !published.map(|it| it.value).all(f64::is_finite) {
                return Err(wrong(format!(
                    "row `{name}` has a value that is not finite"
                )));
            }
        }
        Ok(())
    }

    /// Returns how many decimals the scores of a column are printed with.
    pub(crate) fn decimals(&self, column: usize) -> usize {
        let declared = &self.columns[column];
        let published = self
            .cells
            .iter()
            .filter_map(|cells| cells.get(column)?.published.as_ref());
        declared
            .decimals
            .or_else(|| published.map(|it| it.decimals).max())
            .unwrap_or({
                match declared.unit.as_str() {
                    PERCENT | PERPLEXITY => 1,
                    _ => 2,
                }
            })
    }
}
