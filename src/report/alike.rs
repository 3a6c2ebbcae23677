//! Rows that show the same jobs, since what the rows vary does not reach them.
//!
//! A setting may cut off what rows vary from what their cells show, such as one encoder that is given where each row would
//! train its own. The table then says the same under several labels, which nobody should take for a finding.

use std::collections::BTreeMap;

use crate::graph::{CellPlan, OutputPlan};

/// How many labels are named at most.
const NAMED: usize = 6;

/// Returns a note for each set of rows that have the same jobs behind them, with the columns where that is so.
pub(super) fn notes(plan: &OutputPlan) -> Vec<String> {
    let mut columns: BTreeMap<Vec<usize>, Vec<&str>> = BTreeMap::new();
    for (place, column) in plan.columns.iter().enumerate() {
        for rows in groups(plan, place) {
            columns.entry(rows).or_default().push(&column.label);
        }
    }
    let told = columns.into_iter().map(|(rows, columns)| {
        let labels: Vec<&str> = rows
            .iter()
            .map(|row| plan.rows[*row].label.as_str())
            .collect();
        format!(
            "rows {} have the same jobs behind them in {}: what they vary does not reach those",
            listed(&labels),
            listed(&columns)
        )
    });
    told.collect()
}

/// Returns the sets of two rows and more whose cells in a column show the same, whatever their row binds.
fn groups(plan: &OutputPlan, column: usize) -> Vec<Vec<usize>> {
    let cells = plan.cells.iter().map(|cells| cells[column].as_ref());
    let mut cells: Vec<(usize, &CellPlan)> = (0..)
        .zip(cells)
        .filter_map(|(row, cell)| Some((row, cell?)))
        .collect();
    // Cells that show the same begin with the same job. Nearly always no two cells do, so sorting by that job finds few to
    // compare.
    cells.sort_by_key(|(_, cell)| cell.jobs.first());
    let mut groups = Vec::new();
    for near in cells.chunk_by(|(_, one), (_, other)| one.jobs.first() == other.jobs.first()) {
        if near.len() == 1 {
            continue;
        }
        let mut same: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, cell) in near {
            let first = near.iter().find(|(_, first)| is_same(first, cell));
            let first = first.map_or(*row, |(first, _)| *first);
            same.entry(first).or_default().push(*row);
        }
        groups.extend(same.into_values().filter(|rows| rows.len() > 1));
    }
    groups
}

/// Whether two cells show the same.
fn is_same(one: &CellPlan, other: &CellPlan) -> bool {
    (&one.jobs, &one.metric, &one.text, &one.choice)
        == (&other.jobs, &other.metric, &other.text, &other.choice)
}

fn listed(labels: &[&str]) -> String {
    let quoted = labels.iter().take(NAMED).map(|label| format!("`{label}`"));
    let mut text = quoted.collect::<Vec<_>>().join(", ");
    if labels.len() > NAMED {
        text += &format!(" and {} more", labels.len() - NAMED);
    }
    text
}
