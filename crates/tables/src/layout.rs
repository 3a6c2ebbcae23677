//! The parts that all renderings share: the text of each cell, and the lines below the table.

use crate::citation::Citations;
use crate::marks::{Marks, concerns_all, numbered};
use crate::{Cell, Table, chosen};

/// The text in place of a missing score.
const MISSING: &str = "—";
/// The longest line of a text in a cell, where a table is too wide to be printed without breaks.
const TEXT_WIDTH: usize = 32;
/// The most notes of stages that are printed.
const MOST_FOOTNOTES: usize = 20;

/// A table as texts, not yet aligned.
pub(crate) struct Layout {
    /// Headings: keys first, then columns.
    pub(crate) headings: Vec<String>,
    /// How many of the columns hold the labels of rows.
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
    /// Whether it is a text that a stage made, which may be long.
    pub(crate) is_prose: bool,
}

impl Text {
    /// The score and the published value on one line.
    pub(crate) fn line(&self) -> String {
        self.joined(" ")
    }

    /// The score above the published value; a text in several lines.
    pub(crate) fn stacked(&self) -> String {
        if self.is_prose {
            return broken(&self.own);
        }
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

/// Breaks a text at spaces into lines that are not too long.
fn broken(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let more = 1 + word.chars().count();
        match lines.last_mut() {
            Some(line) if line.chars().count() + more <= TEXT_WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

impl Layout {
    pub(crate) fn of(table: &Table) -> Self {
        let expected = cells(table)
            .filter_map(|cell| Some(cell.summary()?.n))
            .max()
            .unwrap_or(0);
        let citations =
            Citations::of(cells(table).filter_map(|cell| Some(&cell.published.as_ref()?.citation)));
        let reasons = reasons(table);
        let mut marks = Marks::of(table);
        // Numbers go first to sources, then to reasons and remarks, then to notes of stages.
        marks.place(&|row, column| {
            let published = table.cells[row][column].published.as_ref()?;
            citations.number(&published.citation)
        });
        let after_sources = citations.numbers();
        let shown = table.footnotes.len().min(MOST_FOOTNOTES);
        let after_reasons = after_sources + reasons.len();
        for place in 0..shown {
            marks.note(after_reasons + place + 1, &|cell| {
                cell.footnotes.contains(&place)
            });
        }

        let keys = table.keys.len().max(1);
        let mut headings = table.keys.clone();
        headings.resize(keys, String::new());
        let columns = table.columns.iter().zip(&marks.columns);
        headings.extend(columns.map(|(column, marks)| column.label.clone() + &numbered(marks)));
        let rows = table
            .rows
            .iter()
            .zip(&table.cells)
            .enumerate()
            .map(|(row, (labels, cells))| {
                let mut labels = labels.labels.clone();
                labels.resize(keys, String::new());
                labels[keys - 1] += &numbered(&marks.rows[row]);
                let stub = labels.into_iter().map(|own| Text {
                    own,
                    published: String::new(),
                    is_prose: false,
                });
                let body = cells.iter().enumerate().map(|(column, cell)| {
                    let lacking = said(cell).filter_map(|reason| {
                        let place = reasons.iter().position(|known| known == reason)?;
                        Some(after_sources + place + 1)
                    });
                    let noted = marks.cells[row][column].iter().copied();
                    let marks: Vec<usize> = lacking.chain(noted).collect();
                    text(cell, table.decimals(column), expected, &marks)
                });
                stub.chain(body).collect()
            })
            .collect();
        // A citation that holds for no whole column or row is marked beside each value.
        let mut rows: Vec<Vec<Text>> = rows;
        for (row, texts) in rows.iter_mut().enumerate() {
            for (column, text) in texts[keys..].iter_mut().enumerate() {
                text.published += &numbered(&marks.published[row][column]);
            }
        }
        Self {
            headings,
            keys,
            rows,
            legend: legend(table, expected, &citations, &reasons),
        }
    }
}

fn cells(table: &Table) -> impl Iterator<Item = &Cell> {
    table.cells.iter().flatten()
}

/// Returns the reasons and remarks of a cell.
fn said(cell: &Cell) -> impl Iterator<Item = &String> {
    cell.reasons.iter().chain(&cell.remarks)
}

/// Returns the reasons and remarks of all cells, each once, in reading order.
fn reasons(table: &Table) -> Vec<&str> {
    let mut reasons: Vec<&str> = Vec::new();
    for reason in cells(table).flat_map(said) {
        if !reasons.contains(&reason.as_str()) {
            reasons.push(reason);
        }
    }
    reasons
}

fn text(cell: &Cell, decimals: usize, expected: usize, marks: &[usize]) -> Text {
    let mut own = match cell.summary() {
        None => cell.text().unwrap_or_else(|| MISSING.to_owned()),
        Some(summary) => {
            let mut own = number(summary.mean, decimals);
            if let Some(spread) = summary.standard_deviation {
                own += &format!(" ± {}", number(spread, decimals));
            } else if summary.n > 1 {
                // The standard deviation exceeds the largest f64.
                own += &format!(" ± {MISSING}");
            }
            // A single score has no ±, so n=1 is printed only if the cell should have had more scores.
            if summary.n != expected && (summary.n > 1 || !cell.reasons.is_empty()) {
                own += &format!(" n={}", summary.n);
            }
            own
        }
    };
    if let Some(mark) = cell.mark {
        own += &format!(" {}", mark.sign());
    }
    own += &numbered(marks);
    let published = cell
        .published
        .as_ref()
        .map_or_else(String::new, |published| {
            let doubt = if published.verified { "" } else { "?" };
            format!("({:.decimals$}{doubt})", published.value)
        });
    Text {
        own,
        published,
        is_prose: !cell.texts.is_empty(),
    }
}

/// Returns a number as a table shows it: with these decimals, or with an exponent where the number is so large that a float
/// has no digits after the point.
fn number(value: f64, decimals: usize) -> String {
    if value.abs() < 1e15 {
        format!("{value:.decimals$}")
    } else {
        format!("{value:.2e}")
    }
}

fn legend(
    table: &Table,
    expected: usize,
    citations: &Citations<'_>,
    reasons: &[&str],
) -> Vec<String> {
    let mut lines = Vec::new();
    if expected > 1 {
        lines.push(format!(
            "± sample standard deviation, n = {expected} unless noted; without ±, n = 1"
        ));
    }
    let published: Vec<_> = cells(table)
        .filter_map(|cell| cell.published.as_ref())
        .collect();
    if !published.is_empty() {
        let mut line = format!("(…) published: {}", citations.words());
        if published.iter().any(|published| !published.verified) {
            line += "; ? from memory, not verified";
        }
        lines.push(line);
    }
    if cells(table).any(|cell| cell.count() == 0 && cell.reasons.is_empty()) {
        lines.push(format!("{MISSING} does not apply"));
    }
    let mut number = citations.numbers();
    let mut add = |lines: &mut Vec<String>, text: &str| {
        number += 1;
        lines.push(format!("[{number}] {text}"));
    };
    for reason in reasons {
        add(&mut lines, reason);
    }
    for (place, footnote) in table.footnotes.iter().take(MOST_FOOTNOTES).enumerate() {
        // A note on all scores has no mark at any cell, so the line itself says what it concerns.
        let all = concerns_all(table, &|cell| cell.footnotes.contains(&place));
        let all = if all { " (holds for all scores)" } else { "" };
        add(&mut lines, &format!("{footnote}{all}"));
    }
    let more = table.footnotes.len().saturating_sub(MOST_FOOTNOTES);
    if more > 0 {
        lines.push(format!(
            "{more} more notes of stages stand in the table's provenance"
        ));
    }
    lines.extend(chosen::lines(table));
    lines.extend(table.notes.iter().cloned());
    lines
}
