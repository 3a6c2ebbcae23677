//! The variables behind the scores of a table, for its files that other programs read.

use tables::{Bindings, Cell, Variables};

use crate::graph::{CellPlan, OutputPlan};

/// Returns the variables of each cell: those that the command line, a chosen point, the row and the column bind, and those that
/// each score was gathered over.
pub(super) fn variables(
    plan: &OutputPlan,
    cells: &[Vec<Cell>],
    settings: &Bindings,
) -> Vec<Vec<Variables>> {
    let rows = plan.cells.iter().zip(cells);
    let rows = rows.map(|(plans, cells)| {
        let cells = plans.iter().zip(cells);
        let cells = cells.map(|(plan, cell)| match plan {
            Some(plan) => of_cell(plan, cell, settings),
            None => Variables::default(),
        });
        cells.collect()
    });
    rows.collect()
}

fn of_cell(plan: &CellPlan, cell: &Cell, settings: &Bindings) -> Variables {
    let place = cell.chosen.as_ref().map(|chosen| chosen.place);
    let chosen = cell.chosen.as_ref();
    let chosen = chosen.and_then(|chosen| chosen.points.get(chosen.place));
    let chosen = chosen.into_iter().flat_map(|point| point.bindings.clone());
    let plain = |(name, value): &(std::sync::Arc<str>, serde_json::Value)| {
        (name.to_string(), value.clone())
    };
    let bound = plan.bindings.iter().map(plain);
    let gathered = plan.gathered(place);
    Variables {
        cell: settings
            .iter()
            .cloned()
            .chain(chosen)
            .chain(bound)
            .collect(),
        scores: cell
            .places
            .iter()
            .map(|place| gathered.get(*place))
            .map(|over| {
                over.into_iter()
                    .flat_map(|over| over.iter().map(plain))
                    .collect()
            })
            .collect(),
    }
}
