//! Whether two pipelines come to the same tables.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use super::{InputSource, JobGraph, OutputPlan, Plan};
use crate::bytes::Writer;
use crate::store::Digest;

/// Returns by name what decides each table: its labels, what its cells gather, choose by and are compared with, and the jobs behind them with all
/// jobs that they rest on. The content of the user's files is left out.
pub fn fingerprints(plan: &Plan) -> BTreeMap<&str, Digest> {
    let jobs = jobs(&plan.jobs);
    let tables = plan.outputs.iter();
    tables
        .map(|table| (table.name.as_str(), of_output(table, &jobs)))
        .collect()
}

/// Returns what decides each job, by index.
fn jobs(graph: &JobGraph) -> Vec<Digest> {
    let mut all: Vec<Digest> = Vec::with_capacity(graph.len());
    // Inputs come before what uses them.
    for (_, job) in graph.jobs() {
        let mut bytes = Writer::default();
        bytes.text(&job.stage);
        bytes.text(job.kind);
        bytes.bytes(job.keyed.as_bytes());
        for (name, source) in &job.inputs {
            bytes.text(name);
            match source {
                InputSource::Job { job, subfolder } => {
                    bytes.bytes(all[job.index()].as_bytes());
                    bytes.text(subfolder.as_deref().unwrap_or_default());
                }
                InputSource::Path(path) => bytes.bytes(path.as_os_str().as_bytes()),
            }
        }
        all.push(Digest::of(&bytes.0));
    }
    all
}

fn of_output(table: &OutputPlan, jobs: &[Digest]) -> Digest {
    let OutputPlan {
        kind,
        options,
        name: _,
        title,
        caption,
        reference,
        rows,
        columns,
        cells,
        compare,
        claims,
    } = table;
    let mut bytes = Writer::default();
    bytes.text(&format!(
        "{kind} {options:?} {title:?} {caption:?} {reference:?} {rows:?} {columns:?} {compare:?} {claims:?}"
    ));
    for cell in cells.iter().flatten() {
        let Some(cell) = cell else {
            bytes.text("");
            continue;
        };
        bytes.text(&format!(
            "{:?} {:?} {:?}",
            cell.metric, cell.text, cell.bindings
        ));
        for (job, over) in cell.jobs.iter().zip(&cell.over) {
            bytes.text(&format!("{over:?}"));
            bytes.bytes(jobs[job.index()].as_bytes());
        }
        if let Some(choice) = &cell.choice {
            bytes.text(&format!("{:?}", choice.select));
            for point in &choice.points {
                bytes.text(&format!("{:?} {:?}", point.bindings, point.over));
                for job in &point.jobs {
                    bytes.bytes(jobs[job.index()].as_bytes());
                }
            }
        }
    }
    Digest::of(&bytes.0)
}
