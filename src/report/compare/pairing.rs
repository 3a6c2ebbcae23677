//! Which units of two rows go together.

use std::collections::BTreeSet;

use statistics::FEWEST;

use super::Side;
use super::design::UnitName;
use super::resampling::{Run, Sides};

/// The units of a cell, by name.
pub(super) type Units<'a> = Vec<(UnitName, Vec<Run<'a>>)>;

/// The units of two rows in a column.
pub(super) type Column<'a> = [Units<'a>; 2];

/// Says that one run stands beside several, and that its row binds the seeds of the other: then it is no fixed number but one
/// draw of many. A row that no seed reaches is taken to have no other result.
pub(super) fn own_seed(cells: &[Side<'_>; 2], column: &Column<'_>) -> Option<String> {
    let (one, many) = match (column[0].len(), column[1].len()) {
        (1, many) if many > 1 => (0, 1),
        (many, 1) if many > 1 => (1, 0),
        _ => return None,
    };
    let seeds = column[many].iter().flat_map(|(name, _)| name.keys());
    let seeds: BTreeSet<_> = seeds.collect();
    let named = column[one].iter().flat_map(|(name, _)| name.keys());
    let bound = cells[one].plan.bindings.iter().map(|(name, _)| name);
    let mut own = bound.chain(named).filter(|name| seeds.contains(name));
    let own = own.next()?;
    Some(format!(
        "one row has a single `{own}`, the other {}: give both the same",
        column[many].len()
    ))
}

/// Pairs the units of two rows by their names, in all columns alike. Returns the units to compare, and whether they are paired.
pub(super) fn matched<'a>(
    columns: Vec<Column<'a>>,
    remarks: &mut Vec<String>,
) -> Result<(Sides<'a>, bool), String> {
    let names = |column: &Column<'a>| {
        let of = |units: &Units<'a>| -> Vec<UnitName> {
            units.iter().map(|(name, _)| name.clone()).collect()
        };
        [of(&column[0]), of(&column[1])]
    };
    let Some([base, other]) = columns.first().map(names) else {
        return Err("no column is compared".to_owned());
    };
    if columns
        .iter()
        .any(|column| names(column) != [base.clone(), other.clone()])
    {
        return Err("the columns have different seeds".to_owned());
    }
    let common: BTreeSet<&UnitName> = base.iter().filter(|name| other.contains(name)).collect();
    let fewer = base.len().min(other.len());
    // One run without a seed beside one run: the two are compared as they are.
    let paired = common.len() == fewer || common.len() >= FEWEST;
    if !paired && fewer > 1 {
        remarks.push(match common.len() {
            0 => "no seed in common: compared as independent samples".to_owned(),
            few => format!("{few} seeds in common: compared as independent samples"),
        });
    } else if paired && base.len().max(other.len()) > common.len() {
        let all = base.len().max(other.len());
        remarks.push(format!("by the {} of {all} seeds in common", common.len()));
    }
    let kept = |name: &UnitName| !paired || common.contains(name);
    let columns = columns.into_iter().map(|column| {
        column.map(|units| {
            let units = units.into_iter().filter(|(name, _)| kept(name));
            units.map(|(_, runs)| runs).collect()
        })
    });
    Ok((Sides(columns.collect()), paired))
}
