//! Tables and targets: which cells there are, and which jobs fill them.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::cells::{Cells, distinct};
use super::edges::Files;
use super::environment::{Environment, Reads};
use super::expand::Expander;
use super::gathered::Over;
use super::place::{Place, occurs};
use super::scored;
use super::unread::unread;
use super::{ColumnPlan, Plan, Reference, RowPlan, TablePlan};
use crate::declare::{
    Definition, Line, Origin, Pipeline, ReferenceKey, TableDeclaration, Target, Template,
    VariableId,
};
use crate::errors::{Diagnostic, Source, did_you_mean};

/// Looks at every stage as it is declared, and at every value that a table binds at least once, in time linear in
/// the length of the file. Files that the user has to bring are not looked for.
pub(super) fn check(pipeline: &Pipeline) -> Vec<Diagnostic> {
    let mut expander = Expander::new(pipeline, Files::Any);
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
        let mut looked = scored::Looked::new();
        let cells = Cells {
            pipeline,
            table,
            base: &base,
        };
        let meet = |row, column| {
            let point = &[];
            table.cell(row, column).is_some() && !cells.leaves_out(Place { row, column, point })
        };
        let in_row = |row| table.columns.iter().find(|column| meet(row, column));
        let in_column = |column| table.rows.iter().find(|row| meet(row, column));
        // Each line once, and each value of a grid once, where one of its lines meets another.
        let rows = table
            .rows
            .iter()
            .filter_map(|row| Some((row, in_row(row)?)));
        let columns = table
            .columns
            .iter()
            .filter_map(|column| Some((in_column(column)?, column)));
        for (row, column) in rows.clone().chain(columns.clone()) {
            if expander.has_enough() {
                return expander.problems;
            }
            let place = Place {
                row,
                column,
                point: &[],
            };
            if let Some(Ok(job)) = cells.point(&mut expander, place) {
                scored::check(&cells, &mut expander, (row, column), job, None, &mut looked);
            }
        }
        let of_table = rows.clone().take(1).flat_map(|(row, column)| {
            let grids = [Some(&table.over), table.best.as_ref()];
            grids
                .into_iter()
                .flatten()
                .map(move |grid| (row, column, grid))
        });
        let of_rows = rows
            .clone()
            .filter_map(|(row, column)| Some((row, column, row.best.as_ref()?)));
        let of_columns =
            columns.filter_map(|(row, column)| Some((row, column, column.best.as_ref()?)));
        for (row, column, grid) in of_table.chain(of_rows).chain(of_columns) {
            for axis in grid.axes() {
                for value in &axis.values {
                    if expander.has_enough() {
                        return expander.problems;
                    }
                    let point = &[(axis.variable, value)];
                    let place = Place { row, column, point };
                    if !cells.leaves_out(place) {
                        let _ = cells.point(&mut expander, place);
                    }
                }
            }
        }
        for combination in &table.exclude {
            if !occurs(combination, table, &base) {
                let problem = Diagnostic::new("this leaves out what does not occur")
                    .at(&pipeline.source, combination.span.clone(), "")
                    .help(format!(
                        "no cell of table `{}` has these values under profile `{}`; a profile may replace `exclude`",
                        table.name.text, pipeline.profile
                    ));
                expander.problems.push(problem);
            }
        }
    }
    expander.problems
}

/// Expands targets. `files` says which of the user's files must exist.
pub(super) fn expand<'p>(
    pipeline: &'p Pipeline,
    targets: &[Target],
    files: Files<'p>,
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
            Target::Group(name) => match pipeline.groups.iter().find(|group| group.name == *name) {
                Some(group) => {
                    let place_of = |name: &String| {
                        let mut all = pipeline.tables.iter();
                        all.position(|table| table.name.text == *name)
                    };
                    tables.extend(group.tables.iter().filter_map(place_of));
                }
                None => {
                    let known = pipeline.groups.iter().map(|group| group.name.as_str());
                    problems.push(
                        Diagnostic::new(format!("unknown group `{name}`"))
                            .help(did_you_mean(name, known, "groups")),
                    );
                }
            },
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
    let mut expander = Expander::new(pipeline, files);
    let plans = tables
        .into_iter()
        .map(|place| table_plan(&mut expander, &pipeline.tables[place], &base))
        .collect();
    let mut jobs = Vec::new();
    for (stage, bindings) in &stages {
        let mut environment = Environment::base(pipeline);
        environment.bind(bindings);
        let environment = Rc::new(environment);
        if let Ok(job) = expander.job(*stage, &environment) {
            jobs.push(job);
        }
        problems.extend(unread(&expander, *stage, &environment, bindings));
    }
    problems.append(&mut expander.problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let (graph, settings) = expander.finish();
    Ok(Plan {
        jobs: graph,
        tables: plans,
        stages: distinct(jobs),
        settings,
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
    let over = Over::new(expander.pipeline, table.over.points());
    // What was read before is others'.
    expander.watch.take();
    let mut reads = Vec::new();
    let mut looked = scored::Looked::new();
    let mut lines = Vec::with_capacity(table.rows.len());
    for (at, row) in table.rows.iter().enumerate() {
        let mut line = Vec::with_capacity(table.columns.len());
        for (column_at, column) in table.columns.iter().enumerate() {
            let cell = cells.cell(expander, row, column, &over);
            // What a grid is searched by may be there with some parameters alone.
            if let Some(job) = cell.as_ref().filter(|cell| cell.choice.is_some()) {
                let job = job.jobs[0];
                let params = expander.params_of(job);
                let place = (row, column);
                scored::check(&cells, expander, place, job, Some(&params), &mut looked);
            }
            if cell.is_some() && !expander.watch.is_idle() {
                reads.push((at, column_at, expander.watch.take()));
            }
            line.push(cell);
        }
        lines.push(line);
    }
    expander.watch.table(table, base, &reads);
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
        cells: lines,
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
