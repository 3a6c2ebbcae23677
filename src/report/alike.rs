//! Rows that show the same jobs: what they vary does not reach what is shown.
//!
//! A setting may cut what rows vary from what their cells show, such as an input that is given where rows train their own. The
//! table then says one thing under several labels, which nobody should take for a finding.

use std::collections::{BTreeMap, HashMap};

use crate::graph::OutputPlan;

/// Labels named at most.
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

/// Returns the sets of two rows and more whose cells in a column show the same, whatever their row binds; in no order.
fn groups(plan: &OutputPlan, column: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (row, cells) in plan.cells.iter().enumerate() {
        if let Some(cell) = &cells[column] {
            let shown = (&cell.jobs, &cell.metric, &cell.text, &cell.choice);
            groups.entry(shown).or_default().push(row);
        }
    }
    groups.into_values().filter(|rows| rows.len() > 1)
}

fn listed(labels: &[&str]) -> String {
    let quoted = labels.iter().take(NAMED).map(|label| format!("`{label}`"));
    let mut text = quoted.collect::<Vec<_>>().join(", ");
    if labels.len() > NAMED {
        text += &format!(" and {} more", labels.len() - NAMED);
    }
    text
}
