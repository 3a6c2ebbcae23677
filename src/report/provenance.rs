//! Where each number of a table comes from.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::{Map, Value, json};
use tables::{Bindings, Cell};

use crate::graph::{CellPlan, InputSource, Job, JobGraph, JobIndex, OutputPlan};
use crate::store::Record;

/// The version of the file's fields.
const SCHEMA_VERSION: u32 = 2;

/// For each cell of an output the jobs that it was gathered from, and for each of those, and for all jobs that they needed:
/// key, artifact, parameters, inputs, behaviour version, numerics class and notes. All of this follows from the declaration;
/// [`super::Costs`] holds what is of one machine. Records are read while the file is written, one job after the other, since
/// those of a large table are many.
pub struct Provenance<'a> {
    /// The output as it was planned.
    pub plan: &'a OutputPlan,
    /// Its cells as they came out.
    pub cells: &'a [Vec<Cell>],
    /// The jobs of the plan.
    pub graph: &'a JobGraph,
    /// The profile that they were bound by.
    pub profile: &'a str,
    /// The variables that the command line has given other values, as far as they reach the output.
    pub settings: &'a Bindings,
    /// Returns what is recorded of a job.
    pub known: &'a dyn Fn(JobIndex) -> Option<Record>,
}

impl Serialize for Provenance<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let settings: Map<String, Value> = self.settings.iter().cloned().collect();
        let mut fields = serializer.serialize_struct("Provenance", 7)?;
        fields.serialize_field("schema_version", &SCHEMA_VERSION)?;
        fields.serialize_field(self.plan.kind, &self.plan.name)?;
        fields.serialize_field("profile", self.profile)?;
        fields.serialize_field("set", &settings)?;
        fields.serialize_field("program", concat!("pipe ", env!("CARGO_PKG_VERSION")))?;
        fields.serialize_field("rows", &self.rows())?;
        fields.serialize_field("jobs", &Jobs(self))?;
        fields.end()
    }
}

impl Provenance<'_> {
    fn rows(&self) -> Vec<Value> {
        let Self {
            plan, cells, graph, ..
        } = self;
        let cells = plan.cells.iter().zip(*cells);
        let rows = plan.rows.iter().zip(cells).map(|(row, (plans, cells))| {
            let columns = plan.columns.iter().zip(plans.iter().zip(cells));
            let cells = columns.filter_map(|(column, (planned, cell))| {
                let mut value = cell_json(planned.as_ref()?, cell, graph);
                value["column"] = json!(column.label);
                Some(value)
            });
            json!({ "row": row.label, "cells": cells.collect::<Vec<_>>() })
        });
        rows.collect()
    }

    /// Returns the jobs that the cells show and all that they needed, by label.
    pub(super) fn needed(&self) -> BTreeMap<&str, JobIndex> {
        let mut needed = BTreeSet::new();
        let cells = self.plan.cells.iter().flatten().flatten();
        let mut open: Vec<JobIndex> = cells.flat_map(|cell| cell.jobs.iter().copied()).collect();
        while let Some(job) = open.pop() {
            if needed.insert(job) {
                open.extend(self.graph.inputs(job));
            }
        }
        let needed = needed.into_iter();
        needed
            .map(|job| (&*self.graph.job(job).label, job))
            .collect()
    }
}

/// The jobs of a table, by label.
struct Jobs<'a>(&'a Provenance<'a>);

impl Serialize for Jobs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Provenance { graph, known, .. } = self.0;
        let mut jobs = serializer.serialize_map(None)?;
        for (label, index) in self.0.needed() {
            if let Some(record) = known(index) {
                jobs.serialize_entry(label, &describe(graph.job(index), graph, &record))?;
            }
        }
        jobs.end()
    }
}

/// Returns the jobs that a cell shows. Of a cell that was chosen from a grid, also how it was chosen, and the jobs of every
/// point.
fn cell_json(plan: &CellPlan, cell: &Cell, graph: &JobGraph) -> Value {
    let labels = |jobs: &[JobIndex]| -> Vec<Value> {
        jobs.iter()
            .map(|job| json!(graph.job(*job).label))
            .collect()
    };
    let place = cell.chosen.as_ref().map(|chosen| chosen.place);
    let mut value = json!({ "metric": plan.metric, "jobs": labels(plan.shown(place)) });
    if let Some(text) = &plan.text {
        value["text"] = json!(text);
    }
    if let (Some(choice), Some(chosen)) = (&plan.choice, &cell.chosen) {
        value["chosen"] = chosen.to_json();
        for (place, point) in choice.points.iter().enumerate() {
            value["chosen"]["points"][place]["jobs"] = json!(labels(&point.jobs));
        }
    }
    value
}

/// Returns what is known of a job's result: key, artifact, parameters, inputs, and what the stage noted.
pub fn describe(job: &Job, graph: &JobGraph, record: &Record) -> Value {
    let inputs: BTreeMap<&str, Value> = job
        .inputs
        .iter()
        .map(|(name, source)| {
            let digest = record.parts.inputs.get(&**name);
            let value = match source {
                InputSource::Job { job, subfolder } => json!({
                    "job": graph.job(*job).label, "subfolder": subfolder.as_deref(), "digest": digest,
                }),
                InputSource::Path(path) => json!({
                    "path": path.file_name().map(|name| name.to_string_lossy()), "digest": digest,
                }),
            };
            (&**name, value)
        })
        .collect();
    let mut value = json!({
        "stage": &*job.stage,
        "kind": record.parts.kind,
        "version": record.parts.version,
        "numerics": record.parts.numerics,
        "key": record.key,
        "artifact": record.artifact,
        "params": record.parts.params,
        "inputs": inputs,
    });
    if !record.notes.is_none() {
        value["notes"] = json!(record.notes);
    }
    if !record.origin.is_empty() {
        value["origin"] = json!(record.origin);
    }
    value
}
