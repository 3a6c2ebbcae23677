//! Which rows are compared.

use std::collections::BTreeSet;

use crate::cli::cells::selector::{fits_row, row_suggestion};
use crate::cli::failure::CommandFailure;
use crate::graph::OutputPlan;

/// Returns the row that others are compared with, and these. `selectors` names the first, or both; what is not named is the row that
/// the table declares, or its first, and all others.
///
/// # Errors
/// When a selector fits no row, or several, or both name the same.
pub(super) fn chosen(
    table: &OutputPlan,
    selectors: &[String],
) -> Result<(usize, Vec<usize>), CommandFailure> {
    let base = match selectors.first() {
        Some(selector) => row(table, selector)?,
        None => table.compare.map_or(0, |declared| declared.to),
    };
    let Some(selector) = selectors.get(1) else {
        let all = 0..table.rows.len();
        let others = all.filter(|row| *row != base && table.rows[*row].compared);
        return Ok((base, others.collect()));
    };
    let other = row(table, selector)?;
    if other == base {
        return Err(CommandFailure::Usage {
            message: format!(
                "`{selector}` is the row `{}` as well",
                table.rows[base].label
            ),
            remedy: format!("name another row; there are {}", labels(table)),
        });
    }
    Ok((base, vec![other]))
}

/// Returns the one row that a selector names.
fn row(table: &OutputPlan, selector: &str) -> Result<usize, CommandFailure> {
    let rows = 0..table.rows.len();
    let fitting: Vec<usize> = rows.filter(|row| fits_row(selector, table, *row)).collect();
    match fitting.as_slice() {
        [row] => Ok(*row),
        [] => {
            let guess = row_suggestion(selector, table);
            let guess = guess.map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
            Err(CommandFailure::Usage {
                message: format!("no row of table `{}` fits `{selector}`", table.name),
                remedy: format!("{guess}there are {}", labels(table)),
            })
        }
        several => {
            let labels = several
                .iter()
                .map(|row| format!("`{}`", table.rows[*row].label));
            let labels: Vec<String> = labels.collect();
            Err(CommandFailure::Usage {
                message: format!("`{selector}` fits several rows: {}", labels.join(", ")),
                remedy: "name one by its label, or by more values: m_corr=0.4,m_pred=0.2".into(),
            })
        }
    }
}

/// Names the rows: by what tells each from the others.
fn labels(table: &OutputPlan) -> String {
    let labels: BTreeSet<String> = table
        .rows
        .iter()
        .map(|row| format!("`{}`", row.label))
        .collect();
    labels.into_iter().collect::<Vec<_>>().join(", ")
}
