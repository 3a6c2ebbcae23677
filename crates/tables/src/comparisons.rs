//! Which rows differ from one of them: marks at cells, and the numbers for other programs.

use columnar::Schema;
use contract::{ColumnType, StageError};

use crate::csv;
use crate::series::Series;

/// What is said of a cell beside that of the row that others are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is better.
    Better,
    /// It is worse.
    Worse,
}

impl Mark {
    /// Returns the sign at the cell.
    pub const fn sign(self) -> char {
        match self {
            Self::Better => '▲',
            Self::Worse => '▼',
        }
    }
}

/// A comparison of a cell with that of the base row in its column. Differences are of the cell less the base.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComparisonLine {
    /// The row's label.
    pub row: String,
    /// The column's label.
    pub column: String,
    /// The label of the row that it is compared with.
    pub base: String,
    /// The difference of the means.
    pub difference: Option<f64>,
    /// Where it lies by seeds and examples.
    pub interval: Option<(f64, f64)>,
    /// Where it lies by seeds alone.
    pub by_seeds: Option<(f64, f64)>,
    /// The probability of so large a difference where there is none, corrected for all comparisons of the table.
    pub p: Option<f64>,
    /// `better`, `worse`, `not settled` or `no verdict`.
    pub verdict: Option<String>,
    /// Whether the verdict is of `procedures` or of `artefacts`, made once.
    pub of: Option<String>,
    /// How many seeds the base and the cell have.
    pub seeds: Option<(usize, usize)>,
    /// Remarks, or why nothing was compared.
    pub remarks: Vec<String>,
}

/// All comparisons of a table, as a table: a row each.
pub struct ComparisonExport(Vec<(String, Series)>);

impl ComparisonExport {
    /// Makes the table. Columns: `table`, `row`, `column`, `base`: utf8; `difference`, `low`, `high` (by seeds and examples),
    /// `seeds_low`, `seeds_high` (by seeds alone), `p`: double; `verdict`, `of`: utf8; `base_seeds`, `seeds`: int64; `remarks`: utf8.
    pub fn new(table: &str, lines: &[ComparisonLine]) -> Self {
        let text = |get: &dyn Fn(&ComparisonLine) -> Option<String>| {
            Series::Texts(lines.iter().map(get).collect())
        };
        let number = |get: &dyn Fn(&ComparisonLine) -> Option<f64>| {
            Series::Numbers(lines.iter().map(get).collect())
        };
        let count = |get: &dyn Fn((usize, usize)) -> usize| {
            let counts = lines.iter().map(|line| Some(get(line.seeds?) as i64));
            Series::Integers(counts.collect())
        };
        let columns = [
            ("table", text(&|_| Some(table.to_owned()))),
            ("row", text(&|line| Some(line.row.clone()))),
            ("column", text(&|line| Some(line.column.clone()))),
            ("base", text(&|line| Some(line.base.clone()))),
            ("difference", number(&|line| line.difference)),
            ("low", number(&|line| Some(line.interval?.0))),
            ("high", number(&|line| Some(line.interval?.1))),
            ("seeds_low", number(&|line| Some(line.by_seeds?.0))),
            ("seeds_high", number(&|line| Some(line.by_seeds?.1))),
            ("p", number(&|line| line.p)),
            ("verdict", text(&|line| line.verdict.clone())),
            ("of", text(&|line| line.of.clone())),
            ("base_seeds", count(&|(base, _)| base)),
            ("seeds", count(&|(_, seeds)| seeds)),
            (
                "remarks",
                text(&|line| (!line.remarks.is_empty()).then(|| line.remarks.join("; "))),
            ),
        ];
        Self(
            columns
                .into_iter()
                .map(|(name, series)| (name.to_owned(), series))
                .collect(),
        )
    }

    /// Returns the table as a Parquet file.
    ///
    /// # Errors
    /// When the values do not fit the columns.
    pub fn parquet(&self) -> Result<Vec<u8>, StageError> {
        let columns: Vec<(String, ColumnType)> = self
            .0
            .iter()
            .map(|(name, series)| (name.clone(), series.holds()))
            .collect();
        let values = self.0.iter().map(|(_, series)| series.values());
        columnar::encode(&Schema::nullable(columns), values.collect())
    }

    /// Returns the table as comma-separated values.
    pub fn csv(&self) -> String {
        csv::write(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_was_not_compared_has_a_row_and_says_why() {
        let lines = [
            ComparisonLine {
                row: "40 %".to_owned(),
                column: "MNLI".to_owned(),
                base: "15 %".to_owned(),
                difference: Some(1.5),
                interval: Some((0.5, 2.5)),
                by_seeds: Some((0.25, 2.75)),
                p: Some(0.03125),
                verdict: Some("better".to_owned()),
                of: Some("artefacts".to_owned()),
                seeds: Some((3, 5)),
                remarks: Vec::new(),
            },
            ComparisonLine {
                row: "80 %".to_owned(),
                column: "MNLI".to_owned(),
                base: "15 %".to_owned(),
                remarks: vec!["not run yet".to_owned()],
                ..ComparisonLine::default()
            },
        ];
        let export = ComparisonExport::new("rates", &lines);
        insta::assert_snapshot!(export.csv());
        assert!(!export.parquet().unwrap().is_empty());
    }
}
