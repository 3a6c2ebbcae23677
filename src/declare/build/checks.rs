//! What of a table must fit together: grids with what is gathered, selections with grids, exclusions with variables.

use super::Builder;
use crate::declare::grid::{Axis, Grid, Selection};
use crate::declare::model::{Line, OutputDeclaration, VariableId};
use crate::errors::Diagnostic;

impl Builder<'_> {
    /// Checks grids, selections and exclusions.
    pub(super) fn check_grids(&mut self, table: &OutputDeclaration) {
        self.check_both(table, "best", |line| line.best.is_some());
        self.check_both(table, "select", |line| line.select.is_some());
        self.check_gathered(table);
        self.check_used(table);
        self.check_selected(table);
        self.check_excluded(table);
    }

    /// Refuses a row and a column that both have `key` where they meet in a cell.
    fn check_both(&mut self, table: &OutputDeclaration, key: &str, says: fn(&Line) -> bool) {
        let mut rows = table.rows.iter().filter(|row| says(row));
        let columns: Vec<&Line> = table.columns.iter().filter(|line| says(line)).collect();
        let clash = rows.find_map(|row| {
            let mut columns = columns.iter();
            let column = columns.find(|column| table.cell(row, column).is_some())?;
            Some((row, *column))
        });
        if let Some((row, column)) = clash {
            self.problems.push(
                Diagnostic::new(format!("row and column both have a `{key}`"))
                    .at(self.source, row.span.clone(), "this row")
                    .at(self.source, column.span.clone(), "this column")
                    .help(format!("say `{key}` in the rows or in the columns")),
            );
        }
    }

    /// Refuses a variable that is both in `over` and in a grid.
    fn check_gathered(&mut self, table: &OutputDeclaration) {
        for axis in grids(table).flat_map(Grid::axes) {
            if !table.over.binds(axis.variable) {
                continue;
            }
            let Some(value) = axis.values.first() else {
                continue;
            };
            let name = self.name_of(axis.variable);
            let message = format!("`{name}` is gathered over and cannot be chosen as well");
            let help = "leave it out of `over` or of `best`";
            self.problem(message, value.origin.span.clone(), help);
        }
    }

    /// Refuses variables of `over` and `best` whose values no cell uses, since every row or column binds them itself.
    fn check_used(&mut self, table: &OutputDeclaration) {
        let sets = |line: &Line, axis: &Axis| line.binds(axis.variable);
        let all_set = |lines: &[Line], axis: &Axis| {
            !lines.is_empty() && lines.iter().all(|line| sets(line, axis))
        };
        let whole = [("over", Some(&table.over)), ("best", table.best.as_ref())];
        let whole = whole
            .into_iter()
            .filter_map(|(key, grid)| Some((key, grid?)));
        let mut unused = Vec::new();
        for (key, grid) in whole {
            for axis in grid.axes() {
                let who = match axis {
                    axis if all_set(&table.rows, axis) => "every row",
                    axis if all_set(&table.columns, axis) => "every column",
                    _ => continue,
                };
                unused.push((key, axis, who));
            }
        }
        for line in lines(table) {
            let axes = line.best.iter().flat_map(Grid::axes);
            unused.extend(
                axes.filter(|axis| sets(line, axis))
                    .map(|axis| ("best", axis, "the same line")),
            );
        }
        for (key, axis, who) in unused {
            let Some(value) = axis.values.first() else {
                continue;
            };
            let name = self.name_of(axis.variable);
            let message =
                format!("{who} sets `{name}`, so that the values of `{key}` are never used");
            let help = format!("leave `{name}` out of `{key}`, or out of there");
            self.problem(message, value.origin.span.clone(), &help);
        }
    }

    fn check_selected(&mut self, table: &OutputDeclaration) {
        let selects = |selection: &Option<Selection>| selection.is_some();
        let line = lines(table).find(|line| selects(&line.select));
        if (line.is_none() && !selects(&table.select)) || grids(table).next().is_some() {
            return;
        }
        let span = line.map_or(&table.name.span, |line| &line.span);
        let message = "there is a `select` and no `best` to select from".to_owned();
        self.problem(
            message,
            span.clone(),
            "give a grid: best = { lr = [1e-5, 3e-5] }",
        );
    }

    fn check_excluded(&mut self, table: &OutputDeclaration) {
        for combination in &table.exclude {
            for (variable, definition) in &combination.bindings {
                if !binds(table, *variable) {
                    let name = self.name_of(*variable);
                    let message = format!("nothing in this table binds `{name}`");
                    let help = "leave out values that rows, columns, `over` or `best` bind";
                    self.problem(message, definition.origin.span.clone(), help);
                }
            }
        }
    }
}

fn lines(table: &OutputDeclaration) -> impl Iterator<Item = &Line> {
    table.rows.iter().chain(&table.columns)
}

fn grids(table: &OutputDeclaration) -> impl Iterator<Item = &Grid> {
    let of_lines = lines(table).filter_map(|line| line.best.as_ref());
    table.best.iter().chain(of_lines)
}

fn binds(table: &OutputDeclaration, variable: VariableId) -> bool {
    lines(table).any(|line| line.binds(variable))
        || table.over.binds(variable)
        || grids(table).any(|grid| grid.binds(variable))
}
