//! The cells of a table: which jobs fill each, gathered, searched and left out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::environment::{Environment, Reads};
use super::expand::{Broken, Expander};
use super::gathered::Over;
use super::place::Place;
use super::{CellPlan, Choice, GridPoint, JobIndex};
use crate::declare::{Grid, Line, OutputDeclaration, Pipeline, Point, VariableId};

/// The cells of a table.
pub(super) struct Cells<'a, 'p> {
    pub(super) pipeline: &'p Pipeline,
    pub(super) table: &'p OutputDeclaration,
    pub(super) base: &'a Environment<'p>,
}

impl<'p> Cells<'_, 'p> {
    /// Returns a cell; `None` where row and column do not go together, where all its places are left out, and where it is
    /// broken.
    pub(super) fn cell(
        &self,
        expander: &mut Expander<'p>,
        row: &'p Line,
        column: &'p Line,
        over: &Over<'p>,
    ) -> Option<CellPlan> {
        let shown = self.table.shown(row, column)?;
        self.table.cell(row, column)?;
        if expander.has_enough() {
            return None;
        }
        let grid = self.table.best(row, column);
        let mut searched: Vec<GridPoint> = Vec::new();
        let mut seen = HashSet::new();
        for chosen in grid.map_or_else(|| vec![Vec::new()], Grid::points) {
            let mut found = Vec::with_capacity(over.points.len());
            for (at, point) in over.points.iter().enumerate() {
                let point: Point<'p> = point.iter().chain(&chosen).copied().collect();
                let place = Place {
                    row,
                    column,
                    point: &point,
                };
                if self.leaves_out(place) {
                    continue;
                }
                // After the first failure the other points would give the same problem.
                found.push((self.point(expander, place)?.ok()?, at));
            }
            let jobs = distinct(found.iter().map(|(job, _)| *job).collect());
            // A job that the grid's variables do not reach is the same at several points.
            if !jobs.is_empty() && (grid.is_none() || seen.insert(jobs.clone())) {
                let narrowed = self.narrows(row, column);
                let gathered = over.of(&jobs, &found, narrowed, &|point| {
                    let gathered = point.iter().map(|(variable, _)| *variable);
                    let gathered: BTreeSet<VariableId> = gathered.collect();
                    let point: Point<'p> = point.iter().chain(&chosen).copied().collect();
                    let place = Place {
                        row,
                        column,
                        point: &point,
                    };
                    self.bound_by_point(place, &|variable| gathered.contains(&variable))
                });
                searched.push(GridPoint {
                    over: gathered,
                    bindings: self.searched(Place {
                        row,
                        column,
                        point: &chosen,
                    }),
                    jobs,
                });
            }
        }
        let jobs = distinct(
            searched
                .iter()
                .flat_map(|point| point.jobs.clone())
                .collect(),
        );
        (!jobs.is_empty()).then(|| CellPlan {
            metric: shown.metric().map(str::to_owned),
            text: shown.text().map(str::to_owned),
            jobs,
            over: match searched.as_slice() {
                [only] => only.over.clone(),
                _ => Vec::new(),
            },
            choice: (searched.len() > 1).then(|| Choice {
                select: self.table.select(row, column),
                points: searched,
            }),
            bindings: self.bindings(row, column),
        })
    }

    /// Returns whether a place is excluded.
    pub(super) fn leaves_out(&self, place: Place<'_, 'p>) -> bool {
        let mut excluded = self.table.exclude.iter();
        excluded.any(|combination| place.has(combination, self.base))
    }

    /// Returns what the point binds, as far as row and column do not bind the same variables.
    fn searched(&self, place: Place<'_, 'p>) -> Vec<(String, Value)> {
        self.bound_by_point(place, &|_| true)
    }

    /// Whether row or column bind a variable of `over`, so that its points do not.
    fn narrows(&self, row: &Line, column: &Line) -> bool {
        let mut bound = row.bindings.iter().chain(&column.bindings);
        bound.any(|(variable, _)| self.table.over.binds(*variable))
    }

    /// Returns what the point binds of the variables that are `wanted`, as far as row and column do not bind them.
    fn bound_by_point(
        &self,
        place: Place<'_, 'p>,
        wanted: &dyn Fn(VariableId) -> bool,
    ) -> Vec<(String, Value)> {
        let environment = place.environment(self.base);
        let open = place.point.iter().filter(|(variable, definition)| {
            place
                .bound(*variable)
                .is_some_and(|bound| std::ptr::eq(bound, *definition))
        });
        let open = open.filter(|(variable, _)| wanted(*variable));
        open.filter_map(|(variable, _)| self.value(*variable, &environment))
            .collect()
    }

    /// Returns what row and column bind.
    fn bindings(&self, row: &'p Line, column: &'p Line) -> Vec<(Arc<str>, Value)> {
        let environment = Place {
            row,
            column,
            point: &[],
        }
        .environment(self.base);
        let bound = row.bindings.iter().chain(&column.bindings);
        let bound: BTreeMap<String, Value> = bound
            .filter_map(|(variable, _)| self.value(*variable, &environment))
            .collect();
        let bound = bound.into_iter();
        bound.map(|(name, value)| (name.into(), value)).collect()
    }

    /// Returns name and value of a variable. A value that cannot be evaluated is reported with the cell's jobs.
    fn value(
        &self,
        variable: VariableId,
        environment: &Environment<'p>,
    ) -> Option<(String, Value)> {
        let value = environment.variable(variable, &mut Reads::new()).ok()?;
        let name = self.pipeline.variable(variable).name.clone();
        Some((name, value.value.into_owned()))
    }

    /// Returns the job at a place; `None` where row and column do not go together.
    pub(super) fn point(
        &self,
        expander: &mut Expander<'p>,
        place: Place<'_, 'p>,
    ) -> Option<Result<JobIndex, Broken>> {
        let stage = self.table.cell(place.row, place.column)?;
        let environment = place.environment(self.base);
        Some(expander.job(stage, &Rc::new(environment)))
    }
}

/// Drops jobs that occurred before.
pub(super) fn distinct(jobs: Vec<JobIndex>) -> Vec<JobIndex> {
    let mut seen = BTreeSet::new();
    jobs.into_iter().filter(|job| seen.insert(*job)).collect()
}
