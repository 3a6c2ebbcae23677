//! What became of a run, in a few lines and as JSON.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::output::path_json;
use crate::execute::JobState;
use crate::failure::{Failure, FailureKind};
use crate::graph::{JobGraph, JobIndex, OutputPlan};
use crate::keys::Key;
use crate::progress::{Made, Results, count, duration};
use crate::store::{Store, StoreError};

/// Says why a job has no result; `None` if it has one. `stopped` is the reason for jobs that the end of the run has kept from
/// theirs.
pub(super) fn reason(
    graph: &JobGraph,
    states: &[JobState],
    job: JobIndex,
    stopped: &str,
) -> Option<String> {
    let label = |job: JobIndex| &graph.job(job).label;
    match &states[job.index()] {
        JobState::Cached(_) | JobState::Made(_) => None,
        JobState::Failed(failure) if failure.kind == FailureKind::Interrupted => {
            Some(stopped.into())
        }
        JobState::Failed(failure) => Some(format!(
            "{} failed: {}{}",
            label(job),
            failure.message,
            log(failure)
        )),
        JobState::Blocked { by } => match &states[by.index()] {
            JobState::Failed(failure) if failure.kind == FailureKind::Interrupted => {
                Some(stopped.into())
            }
            JobState::Failed(failure) => Some(format!(
                "{} failed: {}{}",
                label(*by),
                failure.message,
                log(failure)
            )),
            _ => Some(format!("{} has no result", label(*by))),
        },
        JobState::NotStarted if stopped == "interrupted" => Some("not started".into()),
        JobState::NotStarted => Some(stopped.into()),
    }
}

fn log(failure: &Failure) -> String {
    failure
        .log
        .as_ref()
        .map(|log| format!(" (log: {})", log.display()))
        .unwrap_or_default()
}

/// Returns the last line of a run.
pub(super) fn line(outputs: &[OutputPlan], states: &[JobState], time: Duration) -> String {
    let number = |is: fn(&JobState) -> bool| states.iter().filter(|state| is(state)).count();
    let cached = number(|state| matches!(state, JobState::Cached(_)));
    let made = number(|state| matches!(state, JobState::Made(_)));
    // A result that the program has made for one job may be that of other jobs as well, whose keys are the same.
    let run: HashSet<Key> = states
        .iter()
        .filter_map(|state| match state {
            JobState::Made(found) => Some(found.key),
            _ => None,
        })
        .collect();
    let same = states
        .iter()
        .filter(|state| matches!(state, JobState::Cached(found) if run.contains(&found.key)));
    let same = same_as_others(same.count());
    let lacking = states.len() - cached - made;
    let time = duration(time);
    if cached == states.len() {
        return match cached {
            1 => format!("the job is cached ({time})"),
            _ => format!("all {cached} jobs cached ({time})"),
        };
    }
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for output in outputs {
        match kinds.iter_mut().find(|(kind, _)| *kind == output.kind) {
            Some((_, number)) => *number += 1,
            None => kinds.push((output.kind, 1)),
        }
    }
    let kinds = kinds.into_iter();
    let mut text: String = kinds
        .map(|(kind, number)| format!("{} · ", count(number, kind)))
        .collect();
    text += &format!(
        "{}: {cached} cached{same}, {made} run",
        count(states.len(), "job")
    );
    if lacking > 0 {
        let failed = number(
            |state| matches!(state, JobState::Failed(failure) if failure.kind != FailureKind::Interrupted),
        );
        text += &format!(", {failed} failed, {} not run", lacking - failed);
    }
    format!("{text} in {time}")
}

/// Says how many of the cached jobs have a result that the same run made for another job.
pub(super) fn same_as_others(number: usize) -> String {
    match number {
        0 => String::new(),
        1 => " (1 the same as another job)".to_owned(),
        _ => format!(" ({number} the same as other jobs)"),
    }
}

/// Returns the failures in the graph's order, each once.
pub(super) fn failures<'s>(
    graph: &'s JobGraph,
    states: &'s [JobState],
) -> impl Iterator<Item = (&'s str, &'s Failure)> {
    graph
        .jobs()
        .zip(states)
        .filter_map(|((_, job), state)| match state {
            JobState::Failed(failure) => Some((&*job.label, &**failure)),
            _ => None,
        })
}

/// Returns the state of each job as JSON, and the folder of its artifact if that was laid out.
pub(super) fn jobs(
    graph: &JobGraph,
    states: &[JobState],
    places: Option<&BTreeMap<JobIndex, PathBuf>>,
    store: &Store,
) -> Result<Value, StoreError> {
    let jobs = graph.jobs().map(|(index, job)| {
        let mut value = json!({
            "label": job.label,
            "stage": &*job.stage,
            "kind": job.kind,
            "state": match &states[index.index()] {
                JobState::Cached(_) => "cached",
                JobState::Made(_) => "made",
                JobState::Failed(failure) if failure.kind == FailureKind::Interrupted => {
                    "interrupted"
                }
                JobState::Failed(_) => "failed",
                JobState::Blocked { .. } => "blocked",
                JobState::NotStarted => "not_started",
            },
        });
        match &states[index.index()] {
            JobState::Cached(found) | JobState::Made(found) => {
                value["key"] = json!(found.key);
                value["artifact"] = json!(found.artifact);
                let record = store.recorded(&found.key)?;
                if !found.notes.is_none() {
                    value["notes"] = json!(found.notes);
                }
                value["cost"] = json!(record.map(|record| record.cost));
                if let Some(place) = places.and_then(|places| places.get(&index)) {
                    value["path"] = path_json(place);
                }
            }
            JobState::Failed(failure) => value["failure"] = json!(failure),
            JobState::Blocked { by } => value["by"] = json!(graph.job(*by).label),
            JobState::NotStarted => {}
        }
        Ok(value)
    });
    jobs.collect()
}

/// Returns key and artifact of what each job made, by label.
pub(super) fn results<'g>(graph: &'g JobGraph, states: &[JobState]) -> Results<'g> {
    graph
        .jobs()
        .zip(states)
        .filter_map(|((_, job), state)| {
            let found = state.found()?;
            Some((&*job.label, Made::from(&**found)))
        })
        .collect()
}

/// Returns what each of some jobs made, by label.
pub(super) fn digests_of(
    graph: &JobGraph,
    states: &[JobState],
    jobs: &BTreeSet<JobIndex>,
) -> BTreeMap<String, crate::store::Digest> {
    let made = jobs.iter().filter_map(|job| {
        let artifact = states[job.index()].found()?.artifact;
        Some((graph.job(*job).label.to_string(), artifact))
    });
    made.collect()
}

/// Returns what each job made, by label.
pub(super) fn digests(
    graph: &JobGraph,
    states: &[JobState],
) -> BTreeMap<String, crate::store::Digest> {
    graph
        .jobs()
        .zip(states)
        .filter_map(|((_, job), state)| Some((job.label.to_string(), state.found()?.artifact)))
        .collect()
}
