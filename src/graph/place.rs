//! Places in a table: what binds each variable there, and which places are left out.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::environment::{Environment, Reads};
use super::label::same;
use crate::declare::{
    Axis, Combination, Definition, Grid, Line, OutputDeclaration, Point, Template, VariableId,
    product,
};

/// A row, a column, and a value of each variable that is gathered over or searched.
#[derive(Clone, Copy)]
pub(super) struct Place<'a, 'p> {
    pub(super) row: &'p Line,
    pub(super) column: &'p Line,
    pub(super) point: &'a [(VariableId, &'p Definition)],
}

impl<'p> Place<'_, 'p> {
    /// Returns the environment here. The bindings of a row or a column override those of `over` and `best`.
    pub(super) fn environment(&self, base: &Environment<'p>) -> Environment<'p> {
        let mut environment = base.clone();
        for (variable, definition) in self.point {
            environment.bind_one(*variable, definition);
        }
        environment.bind(&self.row.bindings);
        environment.bind(&self.column.bindings);
        environment
    }

    /// Returns the definition that row or column give a variable, else the one that the point gives.
    pub(super) fn bound(&self, variable: VariableId) -> Option<&'p Definition> {
        let mut lines = self.row.bindings.iter().chain(&self.column.bindings);
        let of_line = lines.find(|(bound, _)| *bound == variable);
        match of_line {
            Some((_, definition)) => Some(definition),
            None => {
                let mut point = self.point.iter();
                let (_, definition) = point.find(|(bound, _)| *bound == variable)?;
                Some(definition)
            }
        }
    }

    /// Returns whether all values of a combination are bound here.
    pub(super) fn has(&self, combination: &'p Combination, base: &Environment<'p>) -> bool {
        // Nearly all values are plain, and need no environment.
        let environment = OnceCell::new();
        let value = |definition: &'p Definition| {
            if let Template::Value(value) = &definition.template {
                return Some(Cow::Borrowed(value));
            }
            let environment = environment.get_or_init(|| self.environment(base));
            let evaluated = environment.evaluate(definition, &mut Reads::new()).ok()?;
            Some(evaluated.value)
        };
        combination.bindings.iter().all(|(variable, wanted)| {
            self.bound(*variable)
                .is_some_and(|found| same(value(found).as_deref(), value(wanted).as_deref()))
        })
    }
}

/// Returns whether any place of a table has all values of a combination.
pub(super) fn occurs<'p>(
    combination: &'p Combination,
    table: &'p OutputDeclaration,
    base: &Environment<'p>,
) -> bool {
    let variables: BTreeSet<VariableId> = combination
        .bindings
        .iter()
        .map(|(variable, _)| *variable)
        .collect();
    let over = projected(&table.over, &variables);
    let unsearched = vec![Vec::new()];
    table.rows.iter().any(|row| {
        table.columns.iter().any(|column| {
            if table.cell(row, column).is_none() {
                return false;
            }
            let searched = table.best(row, column);
            let searched = searched.map_or(Cow::Borrowed(&unsearched), |grid| {
                Cow::Owned(projected(grid, &variables))
            });
            over.iter().any(|gathered| {
                searched.iter().any(|searched| {
                    let point: Cow<'_, [_]> = match searched.as_slice() {
                        [] => Cow::Borrowed(gathered),
                        _ => gathered.iter().chain(searched).copied().collect(),
                    };
                    let place = Place {
                        row,
                        column,
                        point: &point,
                    };
                    place.has(combination, base)
                })
            })
        })
    })
}

/// Returns the points of a grid as far as they bind some variables.
fn projected<'g>(grid: &'g Grid, variables: &BTreeSet<VariableId>) -> Vec<Point<'g>> {
    if grid.blocks.is_empty() {
        return vec![Vec::new()];
    }
    let blocks = grid.blocks.iter().flat_map(|block| {
        let axes: Vec<&Axis> = block
            .iter()
            .filter(|axis| variables.contains(&axis.variable))
            .collect();
        product(&axes)
    });
    blocks.collect()
}
