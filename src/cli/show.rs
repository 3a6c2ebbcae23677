//! `pipe show`.

use serde_json::{Value, json};
use tabulate::Table;

use super::Exit;
use super::arguments::ShowArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json, width};
use super::project::Project;
use crate::execute::{Machine, Standing, survey};
use crate::registry::Registry;
use crate::report::Builder;
use crate::store::Store;

/// Prints tables of what is known.
pub(super) fn show(arguments: &ShowArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let (_, plan) = project.plan(&arguments.targets)?;
    if plan.tables.is_empty() {
        return Err(CommandFailure::Usage {
            message: "only tables can be shown".into(),
            remedy: "name one: pipe show table:NAME; `pipe list` shows them".into(),
        });
    }
    let store = Store::view(&project.store)?;
    let standings = survey(&plan.jobs, &store, &Machine::here())?;
    let mut builder = Builder::new(&store);
    let mut tables = Vec::new();
    for table in &plan.tables {
        tables.push(builder.table(
            table,
            vec![note(&project)],
            &|job| match &standings[job.index()] {
                Standing::Cached(found) => Ok(found.as_ref()),
                Standing::Missing { .. } | Standing::Unknown => Err("not run yet".into()),
                Standing::Broken(failure) => Err(failure.message.clone()),
            },
        )?);
    }
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "profile": project.pipeline.profile(),
            "tables": tables.iter().map(table_json).collect::<Vec<_>>(),
        }))?;
    } else {
        let texts: Vec<String> = tables.iter().map(|table| table.terminal(width())).collect();
        print(&texts.join("\n"))?;
    }
    Ok(Exit::Ok)
}

/// Returns the line below a table that says which profile made it.
pub(super) fn note(project: &Project) -> String {
    format!("Profile `{}`.", project.pipeline.profile())
}

/// Returns a table as JSON.
pub(super) fn table_json(table: &Table) -> Value {
    let rows: Vec<Value> = table
        .rows
        .iter()
        .zip(&table.cells)
        .map(|(row, cells)| {
            let cells: Vec<Value> = table
                .columns
                .iter()
                .zip(cells)
                .map(|(column, cell)| {
                    let summary = cell.summary();
                    json!({
                        "column": column.label,
                        "metric": column.metric,
                        "unit": column.unit,
                        "values": cell.values,
                        "mean": summary.map(|summary| summary.mean),
                        "standard_deviation": summary.and_then(|summary| summary.standard_deviation),
                        "missing": cell.reasons,
                        "published": cell.published.as_ref().map(|published| json!({
                            "value": published.value,
                            "verified": published.verified,
                            "source": published.source,
                        })),
                    })
                })
                .collect();
            json!({ "row": row.labels, "cells": cells })
        })
        .collect();
    json!({ "name": table.name, "title": table.title, "notes": table.notes, "rows": rows })
}
