//! What `--cell` selects, and what was probably meant where it selects nothing.

use std::collections::BTreeSet;

use super::plain;
use crate::cli::failure::CommandFailure;
use crate::declare::parse_value;
use crate::errors::nearest;
use crate::graph::{CellPlan, OutputPlan, Plan};
use contract::hundredth;

/// A cell, and the labels of its row and column.
type Labelled<'p> = (&'p CellPlan, [&'p str; 2]);

/// Whether a cell has everything that a selector names.
pub(super) fn selects(selector: &str, cell: Labelled<'_>) -> bool {
    parts(selector).all(|part| fits(part, cell))
}

fn parts(selector: &str) -> impl Iterator<Item = &str> {
    selector.split(',').map(str::trim)
}

/// Whether a cell has a value, or is in a row or a column of that label.
fn fits<const N: usize>(part: &str, (cell, labels): (&CellPlan, [&str; N])) -> bool {
    let labelled = labels.iter().any(|label| label.eq_ignore_ascii_case(part));
    let bound = part.split_once('=').is_some_and(|(name, value)| {
        let mut bound = cell.bindings.iter();
        bound.any(|(bound, found)| **bound == *name.trim() && *found == parse_value(value.trim()))
    });
    labelled || bound
}

/// Whether a row has everything that a selector names: its label, or values that all of its cells have.
pub(in crate::cli) fn fits_row(selector: &str, table: &OutputPlan, row: usize) -> bool {
    let label = table.rows[row].label.as_str();
    let cells = || table.cells[row].iter().flatten();
    // A label may have a comma in it.
    label.eq_ignore_ascii_case(selector.trim())
        || parts(selector)
            .all(|part| cells().next().is_some() && cells().all(|cell| fits(part, (cell, [label]))))
}

/// Returns what a selector of a row was probably meant to be.
pub(in crate::cli) fn row_suggestion(selector: &str, table: &OutputPlan) -> Option<String> {
    let rows = || table.rows.iter().zip(&table.cells);
    let cells: Vec<Labelled<'_>> = rows()
        .flat_map(|(row, cells)| {
            let label = row.label.as_str();
            cells
                .iter()
                .flatten()
                .map(move |cell| (cell, [label, label]))
        })
        .collect();
    let meant: Option<Vec<String>> = parts(selector)
        .map(|part| match cells.iter().any(|cell| fits(part, *cell)) {
            true => Some(part.to_owned()),
            false => suggestion(part, &cells),
        })
        .collect();
    let meant = meant.map(|meant| meant.join(","));
    meant.filter(|meant| meant != selector)
}

/// Says that no cell fits, and what was probably meant.
pub(super) fn none(selector: &str, plan: &Plan) -> CommandFailure {
    let cells: Vec<Labelled<'_>> = cells(plan).collect();
    let lost = |part: &str| !cells.iter().any(|cell| fits(part, *cell));
    let meant: Option<Vec<String>> = parts(selector)
        .map(|part| match lost(part) {
            true => suggestion(part, &cells),
            false => Some(part.to_owned()),
        })
        .collect();
    // If every part is right by itself, and no cell has all of them, there is nothing to suggest.
    let meant = meant.filter(|_| parts(selector).any(lost));
    let guess = meant.map_or_else(String::new, |meant| {
        format!("did you mean `{}`? ", meant.join(","))
    });
    let bindings = cells.iter().flat_map(|(cell, _)| &cell.bindings);
    let known: BTreeSet<String> = bindings
        .map(|(name, value)| format!("{name}={}", plain(value)))
        .collect();
    CommandFailure::Usage {
        message: format!("no cell fits `{selector}`"),
        remedy: format!(
            "{guess}name values of variables, or the labels of a row and a column; there are {}",
            known.into_iter().collect::<Vec<_>>().join(", ")
        ),
    }
}

fn cells(plan: &Plan) -> impl Iterator<Item = Labelled<'_>> {
    plan.outputs.iter().flat_map(|table| {
        let rows = table.rows.iter().zip(&table.cells);
        rows.flat_map(|(row, cells)| {
            let cells = table.columns.iter().zip(cells);
            cells.filter_map(|(column, cell)| {
                Some((cell.as_ref()?, [row.label.as_str(), column.label.as_str()]))
            })
        })
    })
}

/// Returns what a part was probably meant to be: a share for a percentage, or the most similar value, variable or label.
fn suggestion(part: &str, cells: &[Labelled<'_>]) -> Option<String> {
    let bindings = || cells.iter().flat_map(|(cell, _)| &cell.bindings);
    if let Some((name, value)) = part.split_once('=') {
        let (name, value) = (name.trim(), value.trim());
        let name = nearest(name, bindings().map(|(name, _)| &**name))?;
        let values: BTreeSet<String> = bindings()
            .filter(|(bound, _)| **bound == *name)
            .map(|(_, value)| plain(value))
            .collect();
        let share = value.strip_suffix('%').and_then(|share| {
            let share = parse_value(&hundredth(share.trim_end())?);
            let mut same = bindings().filter(|(bound, found)| **bound == *name && *found == share);
            same.next().map(|(_, value)| plain(value))
        });
        let exact = values.get(value).cloned();
        let like = || nearest(value, values.iter().map(String::as_str)).map(str::to_owned);
        let value = share.or(exact).or_else(like)?;
        return Some(format!("{name}={value}"));
    }
    let labels = cells.iter().flat_map(|(_, labels)| labels.iter().copied());
    nearest(part, labels).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_was_meant_is_guessed() {
        let cell = |m: f64, task: &str| CellPlan {
            metric: None,
            text: None,
            jobs: Vec::new(),
            choice: None,
            over: Vec::new(),
            bindings: [("m", json!(m)), ("task", Value::from(task))]
                .map(|(name, value)| (Arc::from(name), value))
                .into(),
        };
        let (a, b) = (cell(0.15, "mnli"), cell(0.4, "sst2"));
        let cells = [(&a, ["15 %", "MNLI"]), (&b, ["40 %", "SST-2"])];
        let guess = |part: &str| suggestion(part, &cells);
        for (part, meant) in [
            ("m=40%", "m=0.4"),
            ("m = 15 %", "m=0.15"),
            ("task=mnil", "task=mnli"),
            ("tsk=mnli", "task=mnli"),
            ("SST2", "SST-2"),
            ("40%", "40 %"),
        ] {
            assert_eq!(guess(part).as_deref(), Some(meant), "{part}");
        }
        assert_eq!(guess("lr=1"), None);
        assert_eq!(guess("xyz"), None);
    }
}
