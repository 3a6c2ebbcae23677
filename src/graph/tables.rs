//! Tables and targets: which cells there are, and which jobs fill them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::environment::{Environment, Reads};
use super::expand::{Broken, Expander};
use super::{CellPlan, ColumnPlan, JobIndex, Plan, Reference, RowPlan, TablePlan};
use crate::declare::{
    Definition, Line, Origin, Pipeline, ReferenceKey, TableDeclaration, Target, Template,
    VariableId,
};
use crate::errors::{Diagnostic, Source, did_you_mean};

/// Looks at every stage as it is declared, and at every value that a table binds at least once, in time linear in
/// the length of the file. Files that the user has to bring are not looked for.
pub(super) fn check(pipeline: &Pipeline) -> Vec<Diagnostic> {
    let mut expander = Expander::new(pipeline, false);
    let base = Rc::new(Environment::base(pipeline));
    for place in 0..pipeline.variables.len() {
        if let Err(problem) = base.variable(VariableId(place), &mut Reads::new()) {
            expander.problems.push(problem);
        }
    }
    // What goes wrong goes to the expander's problems, which are all that is wanted here.
    for stage in pipeline.stage_list() {
        let _ = expander.job(stage, &base);
    }
    for table in &pipeline.tables {
        let cells = Cells {
            pipeline,
            table,
            base: &base,
        };
        let meet = |row: &Line, column: &Line| table.cell(row, column).is_some();
        for row in &table.rows {
            if let Some(column) = table.columns.iter().find(|column| meet(row, column)) {
                let _ = cells.point(&mut expander, row, column, &[]);
            }
        }
        for column in &table.columns {
            if let Some(row) = table.rows.iter().find(|row| meet(row, column)) {
                let _ = cells.point(&mut expander, row, column, &[]);
            }
        }
        let first = table.rows.iter().find_map(|row| {
            table
                .columns
                .iter()
                .find(|column| meet(row, column))
                .map(|column| (row, column))
        });
        if let Some((row, column)) = first {
            for (variable, values) in &table.over {
                for value in values {
                    let _ = cells.point(&mut expander, row, column, &[(*variable, value)]);
                }
            }
        }
    }
    expander.problems
}

/// Expands targets. Files that the user has to bring must be there if `check_paths`.
pub(super) fn expand(
    pipeline: &Pipeline,
    targets: &[Target],
    check_paths: bool,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut tables = BTreeSet::new();
    let mut stages = Vec::new();
    for target in targets {
        match target {
            Target::All => {
                tables.extend(0..pipeline.tables.len());
                if pipeline.tables.is_empty() {
                    stages.extend(pipeline.stage_list().map(|stage| (stage, Vec::new())));
                }
            }
            Target::Table(name) => {
                let found = pipeline
                    .tables
                    .iter()
                    .position(|table| table.name.text == *name);
                if found.is_none() {
                    let known = pipeline.tables.iter().map(|table| table.name.text.as_str());
                    problems.push(
                        Diagnostic::new(format!("unknown table `{name}`"))
                            .help(did_you_mean(name, known, "tables")),
                    );
                }
                tables.extend(found);
            }
            Target::Stage { name, bindings } => match pipeline.stage_ids.get(name) {
                Some(Some(stage)) => {
                    let bindings = bind(pipeline, target, bindings, &mut problems);
                    stages.push((*stage, bindings));
                }
                _ => {
                    let known = pipeline.stage_ids.keys().map(String::as_str);
                    problems.push(
                        Diagnostic::new(format!("unknown stage `{name}`"))
                            .help(did_you_mean(name, known, "stages")),
                    );
                }
            },
        }
    }
    let base = Rc::new(Environment::base(pipeline));
    let mut expander = Expander::new(pipeline, check_paths);
    let plans = tables
        .into_iter()
        .map(|place| table_plan(&mut expander, &pipeline.tables[place], &base))
        .collect();
    let mut jobs = Vec::new();
    for (stage, bindings) in &stages {
        let mut environment = Environment::base(pipeline);
        environment.bind(bindings);
        if let Ok(job) = expander.job(*stage, &Rc::new(environment)) {
            jobs.push(job);
        }
    }
    problems.append(&mut expander.problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Plan {
        jobs: expander.finish(),
        tables: plans,
        stages: distinct(jobs),
    })
}

/// Turns the bindings of a target into definitions that know their place on the command line.
fn bind(
    pipeline: &Pipeline,
    target: &Target,
    bindings: &[(String, Value)],
    problems: &mut Vec<Diagnostic>,
) -> Vec<(VariableId, Definition)> {
    let text = target.to_string();
    let source = Arc::new(Source {
        name: "command line".into(),
        text,
    });
    let mut from = 0;
    let mut bound = Vec::with_capacity(bindings.len());
    for (name, value) in bindings {
        let pair = crate::declare::written_bindings([(name.as_str(), value)].into_iter());
        let pair = &pair[1..pair.len() - 1];
        let start = source.text[from..]
            .find(pair)
            .map_or(from, |offset| from + offset);
        from = (start + pair.len()).min(source.text.len());
        let Some(id) = pipeline.variable_ids.get(name) else {
            let known = pipeline.variable_ids.keys().map(String::as_str);
            problems.push(
                Diagnostic::new(format!("unknown variable `{name}`"))
                    .at(&source, start..start + name.len(), "")
                    .help(did_you_mean(name, known, "variables")),
            );
            continue;
        };
        let span = start + name.len() + 1..from;
        let origin = Origin {
            source: Arc::clone(&source),
            span,
            command_line: true,
        };
        bound.push((
            *id,
            Definition {
                template: Template::Value(value.clone()),
                origin,
            },
        ));
    }
    bound
}

fn table_plan<'p>(
    expander: &mut Expander<'p>,
    table: &'p TableDeclaration,
    base: &Rc<Environment<'p>>,
) -> TablePlan {
    let cells = Cells {
        pipeline: expander.pipeline,
        table,
        base,
    };
    let points = points(&table.over);
    TablePlan {
        name: table.name.text.clone(),
        title: table.title.clone(),
        caption: table.caption.clone(),
        reference: table
            .references
            .iter()
            .map(|reference| Reference {
                file: reference.file.clone(),
                id: reference.id.clone(),
            })
            .collect(),
        rows: table.rows.iter().map(row_plan).collect(),
        columns: table.columns.iter().map(column_plan).collect(),
        cells: table
            .rows
            .iter()
            .map(|row| {
                let columns = table.columns.iter();
                columns
                    .map(|column| cells.cell(expander, row, column, &points))
                    .collect()
            })
            .collect(),
    }
}

fn row_plan(row: &Line) -> RowPlan {
    let reference = match row.reference.as_ref().map(|reference| &reference.value) {
        Some(ReferenceKey::Row(keys)) => Some(keys.clone()),
        _ => None,
    };
    RowPlan {
        label: row.label.clone(),
        reference,
    }
}

fn column_plan(column: &Line) -> ColumnPlan {
    let reference = match column.reference.as_ref().map(|reference| &reference.value) {
        Some(ReferenceKey::Column(key)) => Some(key.clone()),
        _ => None,
    };
    ColumnPlan {
        label: column.label.clone(),
        reference,
    }
}

/// A value of each variable of `over`.
type Point<'p> = Vec<(VariableId, &'p Definition)>;

/// Returns every combination of the values of `over`, the last variable turning fastest.
fn points(over: &[(VariableId, Vec<Definition>)]) -> Vec<Point<'_>> {
    over.iter()
        .fold(vec![Vec::new()], |points, (variable, values)| {
            let mut longer = Vec::with_capacity(points.len() * values.len());
            for point in &points {
                for value in values {
                    let mut point = point.clone();
                    point.push((*variable, value));
                    longer.push(point);
                }
            }
            longer
        })
}

/// The cells of a table.
struct Cells<'a, 'p> {
    pipeline: &'p Pipeline,
    table: &'p TableDeclaration,
    base: &'a Environment<'p>,
}

impl<'p> Cells<'_, 'p> {
    fn cell(
        &self,
        expander: &mut Expander<'p>,
        row: &'p Line,
        column: &'p Line,
        points: &[Point<'p>],
    ) -> Option<CellPlan> {
        let metric = self.table.metric(row, column)?.map(str::to_owned);
        let mut jobs = Vec::with_capacity(points.len());
        for point in points {
            // After the first failure the others would say the same again.
            jobs.push(self.point(expander, row, column, point)?.ok()?);
        }
        Some(CellPlan {
            metric,
            jobs: distinct(jobs),
            bindings: self.bindings(row, column),
        })
    }

    /// Returns what row and column bind.
    fn bindings(&self, row: &'p Line, column: &'p Line) -> Vec<(Arc<str>, Value)> {
        let mut environment = self.base.clone();
        environment.bind(&row.bindings);
        environment.bind(&column.bindings);
        let bound = row.bindings.iter().chain(&column.bindings);
        let pairs = bound.filter_map(|(variable, _)| {
            // What cannot be evaluated is a problem of the cell's jobs already.
            let value = environment.variable(*variable, &mut Reads::new()).ok()?;
            let name = self.pipeline.variable(*variable).name.as_str();
            Some((name, value.value.into_owned()))
        });
        // Row and column may bind the same variable: the later counts, as it does for the jobs.
        let bound: BTreeMap<&str, Value> = pairs.collect();
        bound
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect()
    }

    /// Returns the job at one point of a cell; `None` where row and column do not go together.
    fn point(
        &self,
        expander: &mut Expander<'p>,
        row: &'p Line,
        column: &'p Line,
        point: &[(VariableId, &'p Definition)],
    ) -> Option<Result<JobIndex, Broken>> {
        let stage = self.table.cell(row, column)?;
        let mut environment = self.base.clone();
        for (variable, definition) in point {
            environment.bind_one(*variable, definition);
        }
        // What a line binds it binds for good: it narrows `over`.
        environment.bind(&row.bindings);
        environment.bind(&column.bindings);
        Some(expander.job(stage, &Rc::new(environment)))
    }
}

/// Drops the jobs that came before.
fn distinct(jobs: Vec<JobIndex>) -> Vec<JobIndex> {
    let mut seen = BTreeSet::new();
    jobs.into_iter().filter(|job| seen.insert(*job)).collect()
}
