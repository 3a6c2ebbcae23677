//! What `--set` reaches of what is asked for: a row that sets a variable itself knows nothing of it.

use super::environment::{Environment, Reads};
use crate::declare::{Grid, Line, OutputDeclaration, Pipeline, VariableId};

/// What became of a variable that `--set` gives a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable.
    pub variable: String,
    /// Whether anything that is asked for reads that value.
    pub is_read: bool,
    /// The tables asked for that set it otherwise, in all of their cells or in some.
    pub overridden: Vec<Overridden>,
}

/// A table that sets a variable otherwise than `--set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden {
    /// The table.
    pub table: String,
    /// How many of its cells read what `--set` says all the same.
    pub reached: usize,
    /// How many cells it has.
    pub cells: usize,
    /// What sets the variable otherwise: the labels of rows, of columns, and `over` or `best`.
    pub by: Vec<(What, String)>,
    /// The variables that rows and columns set instead, whose values are made of this one otherwise.
    pub made_of_it: Vec<String>,
}

/// What sets a variable in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A row.
    Row,
    /// A column.
    Column,
    /// What is gathered over.
    Over,
    /// A grid that is searched.
    Best,
}

/// Notes which variables of `--set` are read while jobs are made.
pub(super) struct Watch<'p> {
    pipeline: &'p Pipeline,
    variables: Vec<VariableId>,
    /// By variable: whether it was read since the last look.
    read: Vec<bool>,
    settings: Vec<Setting>,
}

/// Which cell of a table, and which variables were read for it.
pub(super) type CellReads = (usize, usize, Vec<bool>);

impl<'p> Watch<'p> {
    pub(super) fn new(pipeline: &'p Pipeline) -> Self {
        let all = (0..pipeline.variables.len()).map(VariableId);
        let set = all.filter(|variable| pipeline.variable(*variable).set.is_some());
        let variables: Vec<VariableId> = set.collect();
        let settings = variables.iter().map(|variable| Setting {
            variable: pipeline.variable(*variable).name.clone(),
            is_read: false,
            overridden: Vec::new(),
        });
        Self {
            pipeline,
            read: vec![false; variables.len()],
            settings: settings.collect(),
            variables,
        }
    }

    /// Whether `--set` gives nothing to look for.
    pub(super) fn is_idle(&self) -> bool {
        self.variables.is_empty()
    }

    /// Notes what was read under an environment.
    pub(super) fn note(&mut self, environment: &Environment<'_>, reads: &Reads) {
        for (place, variable) in self.variables.iter().enumerate() {
            self.read[place] |= reads.contains(*variable) && environment.is_set(*variable);
        }
    }

    /// Returns which variables were read since the last call.
    pub(super) fn take(&mut self) -> Vec<bool> {
        let read = std::mem::replace(&mut self.read, vec![false; self.variables.len()]);
        for (setting, read) in self.settings.iter_mut().zip(&read) {
            setting.is_read |= read;
        }
        read
    }

    /// Finds which variables a table sets otherwise, by what its cells have read.
    pub(super) fn table(
        &mut self,
        table: &OutputDeclaration,
        base: &Environment<'_>,
        cells: &[CellReads],
    ) {
        for (place, variable) in self.variables.iter().enumerate() {
            let reads = |(_, _, read): &&CellReads| read[place];
            let reached = cells.iter().filter(reads).count();
            if reached == cells.len() {
                continue;
            }
            let derived = derived(self.pipeline, *variable, base);
            let binds = |line: &Line| {
                let mut bound = line.bindings.iter();
                bound.any(|(bound, _)| derived.contains(bound))
            };
            let grid = |grid: &Grid| derived.iter().any(|variable| grid.binds(*variable));
            let mut by = Vec::new();
            for (at, row) in table.rows.iter().enumerate() {
                let mut of_row = cells.iter().filter(|(row, ..)| *row == at);
                if binds(row) && of_row.all(|cell| !reads(&cell)) {
                    by.push((What::Row, row.label.clone()));
                }
            }
            for (at, column) in table.columns.iter().enumerate() {
                let mut of_column = cells.iter().filter(|(_, column, _)| *column == at);
                if binds(column) && of_column.all(|cell| !reads(&cell)) {
                    by.push((What::Column, column.label.clone()));
                }
            }
            let lines = table.rows.iter().chain(&table.columns);
            let mut grids = lines
                .filter_map(|line| line.best.as_ref())
                .chain(&table.best);
            if grid(&table.over) {
                by.push((What::Over, String::new()));
            }
            if grids.any(grid) {
                by.push((What::Best, String::new()));
            }
            if by.is_empty() {
                continue;
            }
            let lines = table.rows.iter().chain(&table.columns);
            let mut bound = lines.flat_map(|line| &line.bindings);
            let is_set = bound.any(|(bound, _)| bound == variable)
                || table.over.binds(*variable)
                || table.best.iter().any(|best| best.binds(*variable));
            let pipeline = self.pipeline;
            let name = |variable: &VariableId| pipeline.variable(*variable).name.clone();
            self.settings[place].overridden.push(Overridden {
                table: table.name.text.clone(),
                reached,
                cells: cells.len(),
                by,
                made_of_it: match is_set {
                    true => Vec::new(),
                    false => derived[1..].iter().map(name).collect(),
                },
            });
        }
    }

    pub(super) fn finish(mut self) -> Vec<Setting> {
        self.take();
        self.settings
    }
}

/// Returns a variable, and those whose values are made of it.
fn derived(pipeline: &Pipeline, variable: VariableId, base: &Environment<'_>) -> Vec<VariableId> {
    let all = (0..pipeline.variables.len()).map(VariableId);
    let made_of_it = all.filter(|other| {
        let mut reads = Reads::new();
        *other != variable && base.variable(*other, &mut reads).is_ok() && reads.contains(variable)
    });
    [variable].into_iter().chain(made_of_it).collect()
}
