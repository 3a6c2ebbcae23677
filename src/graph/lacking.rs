//! What this machine lacks to run a plan's jobs, told before any of them runs.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{JobGraph, JobIndex};
use crate::declare::{ItemValue, Pipeline, StageDeclaration};
use crate::errors::Diagnostic;

/// Returns what the jobs that are `wanted` lack on this machine; what many jobs lack is reported once.
pub(super) fn lacking(
    pipeline: &Pipeline,
    jobs: &JobGraph,
    wanted: &dyn Fn(JobIndex) -> bool,
) -> Vec<Diagnostic> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (_, job) in jobs.jobs().filter(|(index, _)| wanted(*index)) {
        let Some(Some(id)) = pipeline.stage_ids.get(&*job.stage) else {
            continue;
        };
        let stage = pipeline.stage(*id);
        for problem in stage.stage.lacking(&job.params.params()) {
            if told.insert((*id, problem.message.clone())) {
                let span = span(stage, &problem.path).unwrap_or_else(|| stage.name.span.clone());
                found.push(
                    Diagnostic::new(problem.message)
                        .at(&pipeline.source, span, format!("`{}` needs it", job.label))
                        .maybe_help(problem.help),
                );
            }
        }
    }
    found
}

/// Returns where the value at a path of keys is written.
fn span(stage: &StageDeclaration, path: &[String]) -> Option<Range<usize>> {
    if let Some(item) = stage.written(path) {
        return Some(item.span.clone());
    }
    let (place, list) = path.split_last()?;
    let item = stage.written(list)?;
    let ItemValue::List(definitions) = &item.value else {
        return Some(item.span.clone());
    };
    let definition = definitions.get(place.parse::<usize>().ok()?)?;
    Some(definition.origin.span.clone())
}
