//! Outputs and targets: which cells there are, and which jobs fill them.

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
use super::{ColumnPlan, ComparePlan, OutputPlan, Plan, Reference, RowPlan};
use crate::declare::{
    Definition, Line, Origin, OutputDeclaration, Pipeline, ReferenceKey, Target, Template,
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
    // Problems are gathered by the expander; the jobs themselves are not wanted here.
    for stage in pipeline.stage_list() {
        let _ = expander.job(stage, &base);
    }
    for table in &pipeline.outputs {
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
        // Each line is looked at once, and each value of a grid once, where one of the grid's lines meets another line.
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
    let mut outputs = BTreeSet::new();
    let mut stages = Vec::new();
    for target in targets {
        match target {
            Target::All => {
                outputs.extend(0..pipeline.outputs.len());
                if pipeline.outputs.is_empty() {
                    stages.extend(pipeline.stage_list().map(|stage| (stage, Vec::new())));
                }
            }
            Target::Output { kind, name } => {
                let found = pipeline
                    .outputs()
                    .position(|output| output.kind == *kind && output.name == name);
                if found.is_none() {
                    let alike = pipeline.outputs().filter(|output| output.kind == *kind);
                    let known = alike.map(|output| output.name);
                    problems.push(
                        Diagnostic::new(format!("unknown {kind} `{name}`")).help(did_you_mean(
                            name,
                            known,
                            &format!("{kind}s"),
                        )),
                    );
                }
                outputs.extend(found);
            }
            Target::Group(name) => match pipeline.groups.iter().find(|group| group.name == *name) {
                Some(group) => {
                    let place_of = |name: &String| {
                        let mut all = pipeline.outputs.iter();
                        all.position(|table| table.name.text == *name)
                    };
                    outputs.extend(group.tables.iter().filter_map(place_of));
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
    let plans = outputs
        .into_iter()
        .map(|place| output_plan(&mut expander, &pipeline.outputs[place], &base))
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
        outputs: plans,
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

fn output_plan<'p>(
    expander: &mut Expander<'p>,
    table: &'p OutputDeclaration,
    base: &Rc<Environment<'p>>,
) -> OutputPlan {
    let cells = Cells {
        pipeline: expander.pipeline,
        table,
        base,
    };
    let over = Over::new(expander.pipeline, table.over.points());
    // Variables that were read before this table are not its own.
    expander.watch.take();
    let mut reads = Vec::new();
    let mut looked = scored::Looked::new();
    let mut lines = Vec::with_capacity(table.rows.len());
    for (at, row) in table.rows.iter().enumerate() {
        let mut line = Vec::with_capacity(table.columns.len());
        for (column_at, column) in table.columns.iter().enumerate() {
            let cell = cells.cell(expander, row, column, &over);
            // A score that a grid is searched by may exist with some parameters alone, so this very job is asked.
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
    OutputPlan {
        kind: table.kind.word,
        options: table.options.clone(),
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
        compare: table.compare.map(|compare| ComparePlan {
            to: compare.to,
            draws: compare.draws,
            seed: compare.seed,
            level: compare.level,
        }),
        claims: table
            .claims
            .iter()
            .map(|claims| claims.file.clone())
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
        compared: row.compared,
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
        compared: column.compared,
    }
}
