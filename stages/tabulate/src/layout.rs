//! What every rendering has in common: the text of each cell, and the lines below the table.

use std::collections::BTreeSet;

use crate::{Cell, Table, chosen};

/// What stands for a score that is not there.
const MISSING: &str = "—";

/// A table turned to text, not yet laid out.
pub(crate) struct Layout {
    /// Headings: keys first, then columns.
    pub(crate) headings: Vec<String>,
    /// How many of the columns name the row.
    pub(crate) keys: usize,
    /// The texts, row by row.
    pub(crate) rows: Vec<Vec<Text>>,
    /// The lines below the table.
    pub(crate) legend: Vec<String>,
}

/// The text of a cell.
pub(crate) struct Text {
    /// The score, or the row's label.
    pub(crate) own: String,
    /// The published value in brackets, or nothing.
    pub(crate) published: String,
}

impl Text {
    /// The whole text on one line.
    pub(crate) fn line(&self) -> String {
        self.joined(" ")
    }

    /// The score above, the published value below.
    pub(crate) fn stacked(&self) -> String {
        self.joined("\n")
    }

    fn joined(&self, between: &str) -> String {
        if self.published.is_empty() {
            self.own.clone()
        } else {
            format!("{}{between}{}", self.own, self.published)
        }
    }
}

impl Layout {
    pub(crate) fn of(table: &Table) -> Self {
        let keys = table.keys.len().max(1);
        let mut headings = table.keys.clone();
        headings.resize(keys, String::new());
        headings.extend(table.columns.iter().map(|column| column.label.clone()));

        let expected = cells(table)
            .map(|cell| cell.values.len())
            .max()
            .unwrap_or(0);
        let mut reasons = Vec::new();
        let rows = table
            .rows
            .iter()
            .zip(&table.cells)
            .map(|(row, cells)| {
                let mut labels = row.labels.clone();
                labels.resize(keys, String::new());
                let stub = labels.into_iter().map(|own| Text {
                    own,
                    published: String::new(),
                });
                let body = cells.iter().enumerate().map(|(column, cell)| {
                    text(cell, table.decimals(column), expected, &mut reasons)
                });
                stub.chain(body).collect()
            })
            .collect();
        Self {
            headings,
            keys,
            rows,
            legend: legend(table, expected, &reasons),
        }
    }
}

fn cells(table: &Table) -> impl Iterator<Item = &Cell> {
    table.cells.iter().flatten()
}

fn text(cell: &Cell, decimals: usize, expected: usize, reasons: &mut Vec<String>) -> Text {
    let mut own = match cell.summary() {
        None => MISSING.to_owned(),
        Some(summary) => {
            let mut own = number(summary.mean, decimals);
            if let Some(spread) = summary.standard_deviation {
                own += &format!(" ± {}", number(spread, decimals));
            }
            // A single score without ± speaks for itself, unless others were to be there.
            if summary.n != expected && (summary.n > 1 || !cell.reasons.is_empty()) {
                own += &format!(" n={}", summary.n);
            }
            own
        }
    };
    for reason in &cell.reasons {
        let number = reasons
            .iter()
            .position(|known| known == reason)
            .unwrap_or_else(|| {
                reasons.push(reason.clone());
                reasons.len() - 1
            });
        let mark = format!(" [{}]", number + 1);
        if !own.ends_with(&mark) {
            own += &mark;
        }
    }
    let published = cell
        .published
        .as_ref()
        .map_or_else(String::new, |published| {
            let doubt = if published.verified { "" } else { "?" };
            format!("({:.decimals$}{doubt})", published.value)
        });
    Text { own, published }
}

/// Returns a number as a table shows it: with these decimals, or with an exponent where a float has no digit after the
/// point any more.
fn number(value: f64, decimals: usize) -> String {
    if value.abs() < 1e15 {
        format!("{value:.decimals$}")
    } else {
        format!("{value:.2e}")
    }
}

fn legend(table: &Table, expected: usize, reasons: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    if expected > 1 {
        lines.push(format!(
            "± sample standard deviation, n = {expected} unless noted; without ±, n = 1"
        ));
    }
    let published: Vec<_> = cells(table)
        .filter_map(|cell| cell.published.as_ref())
        .collect();
    let mut seen = BTreeSet::new();
    let sources: Vec<_> = published
        .iter()
        .map(|published| published.source.as_str())
        .filter(|source| seen.insert(*source))
        .collect();
    if !sources.is_empty() {
        lines.push(format!("(…) published: {}", sources.join("; ")));
    }
    if published.iter().any(|published| !published.verified) {
        lines.push("? from memory, not verified".to_owned());
    }
    for (number, reason) in reasons.iter().enumerate() {
        lines.push(format!("[{}] {reason}", number + 1));
    }
    if cells(table).any(|cell| cell.values.is_empty() && cell.reasons.is_empty()) {
        lines.push(format!("{MISSING} does not apply"));
    }
    lines.extend(chosen::lines(table));
    lines.extend(table.notes.iter().cloned());
    lines
}
