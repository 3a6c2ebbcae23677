//! Results that are known under other options than those in force: by another profile, or with `--set`.

use std::collections::BTreeMap;

use super::arguments::Common;
use crate::declare::Pipeline;
use crate::execute::Standing;
use crate::graph::{JobIndex, Plan};
use crate::journal::{Begun, Runs};
use crate::store::{Store, StoreError};

/// Runs that are looked at, the latest first.
const RUNS: usize = 50;

/// Returns the profile and settings of the last run that came to results of what is asked for, where under those in force less
/// than half of it is known; `None` where it was none under others.
pub(super) fn options(
    pipeline: &Pipeline,
    common: &Common,
    targets: &[String],
    plan: &Plan,
    standings: &[Standing],
    store: &Store,
) -> Result<Option<String>, StoreError> {
    let cells = plan.tables.iter().flat_map(|table| &table.cells);
    let cells = cells.flatten().flatten().flat_map(|cell| &cell.jobs);
    let asked: Vec<JobIndex> = plan.stages.iter().chain(cells).copied().collect();
    let is_known = |job: &&JobIndex| standings[job.index()].found().is_some();
    let known = asked.iter().filter(is_known).count();
    if asked.is_empty() || 2 * known >= asked.len() {
        return Ok(None);
    }
    let set: BTreeMap<&str, &str> = common
        .set
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let is_other = |begun: &Begun| {
        let theirs = begun.set.iter();
        begun.profile != pipeline.profile()
            || !theirs
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .eq(set.iter().map(|(name, value)| (*name, *value)))
    };
    let runs = Runs::list(store.runs())?;
    for name in runs.names().iter().rev().take(RUNS) {
        let Some(run) = runs.summary(name)? else {
            continue;
        };
        let has_results = run.made > 0 || run.planned.is_some_and(|(_, cached)| cached > 0);
        if !has_results || !meet(pipeline, targets, &run.begun.targets) {
            continue;
        }
        // Whoever was last under these very options knows that they have no more.
        return Ok(is_other(&run.begun).then(|| run.begun.options()));
    }
    Ok(None)
}

/// Whether some targets have something in common with others.
fn meet(pipeline: &Pipeline, targets: &[String], others: &[String]) -> bool {
    let [targets, others] = [targets, others].map(|targets| {
        let names = targets.iter().flat_map(|target| names(pipeline, target));
        names.collect::<Vec<String>>()
    });
    let mut targets = targets.iter();
    targets.any(|target| others.contains(target))
}

/// Returns the tables that a target names, or the stage without its variables.
fn names(pipeline: &Pipeline, target: &str) -> Vec<String> {
    let table = |name: &str| format!("table:{name}");
    if target == "all" {
        let tables: Vec<String> = pipeline.tables().map(|(name, _)| table(name)).collect();
        if !tables.is_empty() {
            return tables;
        }
        return pipeline
            .stages()
            .map(|(name, _)| format!("stage:{name}"))
            .collect();
    }
    if let Some(group) = target.strip_prefix("group:") {
        let mut groups = pipeline.groups().iter();
        let group = groups.find(|known| known.name == group);
        let tables = group.iter().flat_map(|group| &group.tables);
        return tables.map(|name| table(name)).collect();
    }
    vec![target.split('[').next().unwrap_or(target).to_owned()]
}
