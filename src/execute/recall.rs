//! Results that are known and whose files are elsewhere: which of them have to be made again.
//!
//! A key needs no file, so results that rest on such a result are found, and a job with a known result never reads the files. A
//! job that runs does. If its files are elsewhere, the job that made them runs once more before it, which may need the files of
//! its own inputs in the same way.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Standing;
use crate::graph::{InputSource, JobGraph, JobIndex};
use crate::store::Found;

/// Returns the inputs of a job whose files it needs and are elsewhere, as far as results are `known`.
pub fn lacking(
    graph: &JobGraph,
    index: JobIndex,
    known: &dyn Fn(JobIndex) -> Option<Arc<Found>>,
) -> BTreeSet<JobIndex> {
    let job = graph.job(index);
    let lacks = |name: &str, maker: JobIndex, subfolder: Option<&str>| {
        let found = known(maker).filter(|found| !found.is_whole())?;
        let part = subfolder.map(|path| found.manifest.part(path));
        let part = match &part {
            Some(part) => part.as_ref()?,
            None => &*found.manifest,
        };
        let selection = job.selections.of(name);
        let left = selection.and_then(|selection| part.without(&selection.ignore));
        found.lacks(left.as_ref().unwrap_or(part)).then_some(maker)
    };
    let inputs = job.inputs.iter();
    let lacking = inputs.filter_map(|(name, source)| match source {
        InputSource::Job { job, subfolder } => lacks(name, *job, subfolder.as_deref()),
        InputSource::Path(_) => None,
    });
    lacking.collect()
}

/// Finds out which known results have to be made again, since jobs that will run read files of them that are elsewhere, or
/// somebody asks for them by name. A job of which it cannot be told yet whether it runs counts as one that does.
pub fn recall(graph: &JobGraph, standings: &mut [Standing], asked: &[JobIndex]) {
    let is_away = |standing: &Standing| standing.found().is_some_and(|found| !found.is_whole());
    // Results without their files are rare, so the graph is rarely walked.
    if !standings.iter().any(is_away) {
        return;
    }
    let mut wanted: BTreeSet<JobIndex> = asked.iter().copied().collect();
    let jobs: Vec<JobIndex> = graph.jobs().map(|(index, _)| index).collect();
    // Users come after their inputs.
    for index in jobs.into_iter().rev() {
        let standing = &mut standings[index.index()];
        match standing {
            Standing::Cached(found) if wanted.contains(&index) && !found.is_whole() => {
                *standing = Standing::Away(Arc::clone(found));
            }
            Standing::Cached(_) | Standing::Broken(_) => continue,
            Standing::Away(_) | Standing::Missing { .. } | Standing::Unknown => {}
        }
        let known = |index: JobIndex| standings[index.index()].found();
        wanted.extend(lacking(graph, index, &known));
    }
}
