//! Where each number of a table comes from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use tabulate::{Cell, Table};

use crate::graph::{CellPlan, InputSource, Job, JobGraph, JobIndex, TablePlan};
use crate::store::Record;

/// The version of the file's fields.
const SCHEMA_VERSION: u32 = 1;

/// Returns for each cell of a table the jobs that it was gathered from, and for each of those, and all that they
/// needed: key, artifact, parameters, inputs, behaviour version, numerics class and cost.
pub fn provenance(
    plan: &TablePlan,
    table: &Table,
    graph: &JobGraph,
    profile: &str,
    known: &dyn Fn(JobIndex) -> Option<Record>,
) -> Value {
    let mut needed = BTreeSet::new();
    let mut open: Vec<JobIndex> = plan
        .cells
        .iter()
        .flatten()
        .flatten()
        .flat_map(|cell| cell.jobs.iter().copied())
        .collect();
    while let Some(job) = open.pop() {
        if needed.insert(job) {
            open.extend(graph.inputs(job));
        }
    }
    let mut jobs = BTreeMap::new();
    let mut core_seconds = 0.0;
    for index in needed {
        let job = graph.job(index);
        if let Some(record) = known(index) {
            core_seconds += record.cost.core_seconds;
            jobs.insert(job.label.clone(), describe(job, graph, &record));
        }
    }
    let rows: Vec<Value> = plan
        .rows
        .iter()
        .zip(plan.cells.iter().zip(&table.cells))
        .map(|(row, (plans, cells))| {
            let cells: Vec<Value> = plan
                .columns
                .iter()
                .zip(plans.iter().zip(cells))
                .filter_map(|(column, (planned, cell))| {
                    let mut value = cell_json(planned.as_ref()?, cell, graph);
                    value["column"] = json!(column.label);
                    Some(value)
                })
                .collect();
            json!({ "row": row.label, "cells": cells })
        })
        .collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "table": plan.name,
        "profile": profile,
        "program": concat!("pipe ", env!("CARGO_PKG_VERSION")),
        "core_seconds": core_seconds,
        "rows": rows,
        "jobs": jobs,
    })
}

/// Returns the jobs that a cell shows; where it was chosen from a grid also how, and the jobs of every point.
fn cell_json(plan: &CellPlan, cell: &Cell, graph: &JobGraph) -> Value {
    let labels = |jobs: &[JobIndex]| -> Vec<Value> {
        jobs.iter()
            .map(|job| json!(graph.job(*job).label))
            .collect()
    };
    let place = cell.chosen.as_ref().map(|chosen| chosen.place);
    let mut value = json!({ "metric": plan.metric, "jobs": labels(plan.shown(place)) });
    if let (Some(choice), Some(chosen)) = (&plan.choice, &cell.chosen) {
        value["chosen"] = chosen.to_json();
        for (place, point) in choice.points.iter().enumerate() {
            value["chosen"]["points"][place]["jobs"] = json!(labels(&point.jobs));
        }
    }
    value
}

/// Returns what is known of a job's result: key, artifact, parameters, inputs and cost.
pub fn describe(job: &Job, graph: &JobGraph, record: &Record) -> Value {
    let inputs: BTreeMap<&str, Value> = job
        .inputs
        .iter()
        .map(|(name, source)| {
            let digest = record.parts.inputs.get(&**name);
            let value = match source {
                InputSource::Job { job, subfolder } => json!({
                    "job": graph.job(*job).label, "subfolder": subfolder, "digest": digest,
                }),
                InputSource::Path(path) => json!({
                    "path": path.file_name().map(|name| name.to_string_lossy()), "digest": digest,
                }),
            };
            (&**name, value)
        })
        .collect();
    json!({
        "stage": &*job.stage,
        "kind": record.parts.kind,
        "version": record.parts.version,
        "numerics": record.parts.numerics,
        "key": record.key,
        "artifact": record.artifact,
        "params": record.parts.params,
        "inputs": inputs,
        "cost": record.cost,
    })
}
