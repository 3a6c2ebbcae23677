//! Results that are known under other options than those in force: by another profile, or with `--set`.

use std::collections::BTreeMap;

use super::arguments::Common;
use crate::declare::Pipeline;
use crate::execute::Standing;
use crate::graph::{JobIndex, Plan};
use crate::runs::{Begun, Runs, quoted};
use crate::store::{Store, StoreError};

/// How many runs are looked at, the latest first.
const RUNS: usize = 50;

/// Says with which other profile and settings the last run got results for these targets: `given --profile tiny`. `None` where
/// half of the results are known under the options in force, or where no run had other options.
pub(super) fn options(
    pipeline: &Pipeline,
    common: &Common,
    targets: &[String],
    plan: &Plan,
    standings: &[Standing],
    store: &Store,
) -> Result<Option<String>, StoreError> {
    let cells = plan.outputs.iter().flat_map(|table| &table.cells);
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
    let runs = Runs::list(store.runs())?;
    for name in runs.names().iter().rev().take(RUNS) {
        let Some(run) = runs.summary(name)? else {
            continue;
        };
        let has_results = run.made > 0 || run.planned.is_some_and(|(_, cached)| cached > 0);
        if !has_results || !meet(pipeline, targets, &run.begun.targets) {
            continue;
        }
        // If the last run had the very options in force, the user knows that there are no more results.
        return Ok(beyond(&run.begun, pipeline.profile(), &set));
    }
    Ok(None)
}

/// Says which options of a run are not in force, and which options in force the run did not have; `None` where they are the
/// same.
fn beyond(begun: &Begun, profile: &str, set: &BTreeMap<&str, &str>) -> Option<String> {
    let mut given = String::new();
    if begun.profile != profile {
        given += &format!(" --profile {}", quoted(&begun.profile));
    }
    for (name, value) in &begun.set {
        if set.get(name.as_str()) != Some(&value.as_str()) {
            given += &format!(" --set {}", quoted(&format!("{name}={value}")));
        }
    }
    let mut not_given = String::new();
    for (name, value) in set {
        if !begun.set.contains_key(*name) {
            not_given += &format!(" --set {}", quoted(&format!("{name}={value}")));
        }
    }
    match (given.is_empty(), not_given.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("given{given}")),
        (true, false) => Some(format!("not given{not_given}")),
        (false, false) => Some(format!("given{given}, and not{not_given}")),
    }
}

/// Whether some targets have an output or a stage in common with others.
fn meet(pipeline: &Pipeline, targets: &[String], others: &[String]) -> bool {
    let [targets, others] = [targets, others].map(|targets| {
        let names = targets.iter().flat_map(|target| names(pipeline, target));
        names.collect::<Vec<String>>()
    });
    let mut targets = targets.iter();
    targets.any(|target| others.contains(target))
}

/// Returns the outputs that a target names, or the stage without its variables.
fn names(pipeline: &Pipeline, target: &str) -> Vec<String> {
    let table = |name: &str| format!("table:{name}");
    if target == "all" {
        let outputs: Vec<String> = pipeline.outputs().map(|output| output.target()).collect();
        if !outputs.is_empty() {
            return outputs;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_force_already_is_not_told() {
        let begun = |profile: &str, set: &[(&str, &str)]| Begun {
            at: String::new(),
            program: String::new(),
            pid: 1,
            host: String::new(),
            pipeline: String::new(),
            profile: profile.to_owned(),
            set: set
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            targets: Vec::new(),
        };
        let told =
            |profile: &str, theirs: &[(&str, &str)], ours: &[(&'static str, &'static str)]| {
                beyond(
                    &begun(profile, theirs),
                    "tiny",
                    &ours.iter().copied().collect(),
                )
            };
        let m = ("m", "0.3");
        assert_eq!(told("tiny", &[m], &[m]), None);
        assert_eq!(
            told("laptop", &[m], &[m]).as_deref(),
            Some("given --profile laptop")
        );
        assert_eq!(
            told("tiny", &[m, ("lr", "1")], &[m]).as_deref(),
            Some("given --set lr=1")
        );
        assert_eq!(
            told("tiny", &[m], &[("m", "0.4")]).as_deref(),
            Some("given --set m=0.3")
        );
        assert_eq!(
            told("tiny", &[], &[m]).as_deref(),
            Some("not given --set m=0.3")
        );
        assert_eq!(
            told("laptop", &[], &[m]).as_deref(),
            Some("given --profile laptop, and not --set m=0.3")
        );
    }
}
