//! Which runs of a cell are replicates of each other, and what all of them share.
//!
//! Two runs that rest on one training are no independent witnesses of it: three fine-tunings of one encoder say something of that
//! encoder, and nothing of how it was pre-trained. So runs that share a job which not all runs of the cell share form one unit,
//! named by the variables whose values they have in common, and a job in which chance has a part and which all runs share makes the
//! comparison one of artefacts. Both are read off the graph: a new kind of training needs no word here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::graph::{CellPlan, JobGraph, JobIndex};
use crate::store::{Digest, Found};

/// Variables and values, sorted: what tells a unit from the others of its cell.
pub(in crate::report) type UnitName = BTreeMap<Arc<str>, String>;

/// The runs of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Design {
    /// The units, by name. All have runs.
    pub(in crate::report) units: Vec<(UnitName, Vec<JobIndex>)>,
    /// The jobs in which chance has a part and which all runs share.
    pub(in crate::report) trained_once: BTreeSet<JobIndex>,
    /// Whether all units rest on each other, so that they are no replicates.
    pub(in crate::report) is_crossed: bool,
    /// The jobs behind the first unit alone: what another seed costs.
    pub(in crate::report) per_seed: Vec<JobIndex>,
}

impl Design {
    /// Reads the design of a cell off the graph. `chosen` is the place of the point that was chosen, where a grid was searched.
    pub(in crate::report) fn of(graph: &JobGraph, cell: &CellPlan, chosen: Option<usize>) -> Self {
        let jobs = cell.shown(chosen);
        let over = cell.gathered(chosen);
        let behind: Vec<BTreeSet<JobIndex>> = jobs.iter().map(|job| behind(graph, *job)).collect();
        let mut runs_of: BTreeMap<JobIndex, Vec<usize>> = BTreeMap::new();
        for (run, behind) in behind.iter().enumerate() {
            for job in behind {
                runs_of.entry(*job).or_default().push(run);
            }
        }
        // By run: the first run of its unit.
        let mut first: Vec<usize> = (0..jobs.len()).collect();
        for runs in runs_of.values().filter(|runs| runs.len() < jobs.len()) {
            let joined: BTreeSet<usize> = runs.iter().map(|run| first[*run]).collect();
            if let Some(lowest) = joined.first() {
                for place in first.iter_mut().filter(|place| joined.contains(*place)) {
                    *place = *lowest;
                }
            }
        }
        let mut units: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (run, first) in first.iter().enumerate() {
            units.entry(*first).or_default().push(run);
        }
        let of_first = units.first_key_value().map_or(0, |(_, runs)| runs.len());
        let alone = runs_of.iter().filter(|(_, runs)| {
            runs.iter().all(|run| first[*run] == first[0]) && runs.len() <= of_first
        });
        let is_alone = units.len() == 1;
        let per_seed = alone.map(|(job, _)| *job);
        let per_seed = per_seed
            .filter(|job| !is_alone || jobs.contains(job))
            .collect();
        let mut units: Vec<(UnitName, Vec<JobIndex>)> = units
            .into_values()
            .map(|runs| {
                let named = runs.iter().map(|run| match over.get(*run) {
                    Some(over) => over
                        .iter()
                        .map(|(name, value)| (Arc::clone(name), plain(value)))
                        .collect(),
                    None => UnitName::new(),
                });
                let name = named.reduce(|common, name| {
                    let common = common.into_iter();
                    common
                        .filter(|(variable, value)| name.get(variable) == Some(value))
                        .collect()
                });
                let jobs = runs.iter().map(|run| jobs[*run]).collect();
                (name.unwrap_or_default(), jobs)
            })
            .collect();
        units.sort();
        let shared = runs_of.iter().filter(|(_, runs)| runs.len() == jobs.len());
        let trained_once = shared
            .map(|(job, _)| *job)
            .filter(|job| graph.job(*job).by_chance)
            .collect();
        Self {
            is_crossed: units.len() == 1 && jobs.len() > 1,
            units,
            trained_once,
            per_seed,
        }
    }
}

impl Design {
    /// Whether some unit has several runs.
    pub(in crate::report) fn is_nested(&self) -> bool {
        self.units.iter().any(|(_, runs)| runs.len() > 1)
    }

    /// Makes units one whose results are all the same: what no seed reaches has one result, however often it ran.
    pub(super) fn distinct<'f>(mut self, found: &dyn Fn(JobIndex) -> Option<&'f Found>) -> Self {
        let artifacts = |jobs: &[JobIndex]| -> Option<Vec<Digest>> {
            jobs.iter().map(|job| Some(found(*job)?.artifact)).collect()
        };
        let all: Vec<_> = self.units.iter().map(|(_, jobs)| artifacts(jobs)).collect();
        let is_one = all
            .first()
            .is_some_and(|first| first.is_some() && all.iter().all(|other| other == first));
        if is_one && self.units.len() > 1 {
            self.units.truncate(1);
            self.units[0].0 = UnitName::new();
        }
        self
    }
}

/// Returns a job and all jobs that it rests on.
fn behind(graph: &JobGraph, job: JobIndex) -> BTreeSet<JobIndex> {
    let mut behind = BTreeSet::new();
    let mut open = vec![job];
    while let Some(job) = open.pop() {
        if behind.insert(job) {
            open.extend(graph.inputs(job));
        }
    }
    behind
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::graph::expand;
    use crate::test_support::{PIPELINE, load};

    /// Units with how many runs each has, stages that all runs share, and whether units are crossed.
    type Read = (Vec<(String, usize)>, Vec<String>, bool);

    /// Returns the units of the cells of two rows: the names of units with how many runs each has, the trainings that all share,
    /// and whether units are crossed.
    fn designs(over: &str) -> Vec<Read> {
        let text = PIPELINE
            .replace("m = 0.40\n", "m = 0.40\npretrain_seed = 0\n")
            .replace("steps = 10\n", "steps = 10\nseed = \"${pretrain_seed}\"\n");
        let rows = "{ label = \"a\" }, { label = \"majority\", cell = \"@majority\" }";
        let table = format!(
            "\n[table.design]\ncell = \"@tune\"\nover = {over}\nrows = [{rows}]\ncolumns = {{ label = \"x\" }}\n"
        );
        let pipeline =
            load(&format!("{text}{table}"), None, &[]).unwrap_or_else(|it| panic!("{it}"));
        let plan = expand(&pipeline, &pipeline.targets(&["table:design"]).unwrap()).unwrap();
        let cells = plan.outputs[0].cells.iter().flatten().flatten();
        let designs = cells.map(|cell| {
            let design = Design::of(&plan.jobs, cell, None);
            let units = design.units.iter().map(|(name, jobs)| {
                let name: Vec<String> = name.iter().map(|(a, b)| format!("{a}={b}")).collect();
                (name.join(","), jobs.len())
            });
            let trained = design.trained_once.iter();
            let trained = trained.map(|job| plan.jobs.job(*job).stage.to_string());
            (units.collect(), trained.collect(), design.is_crossed)
        });
        designs.collect()
    }

    fn named(units: &[(&str, usize)]) -> Vec<(String, usize)> {
        let units = units.iter();
        units
            .map(|(name, runs)| ((*name).to_owned(), *runs))
            .collect()
    }

    #[test]
    fn fine_tunings_of_one_encoder_are_replicates_for_that_encoder() {
        let found = designs("{ seed = [0, 1, 2] }");
        let units = named(&[("seed=0", 1), ("seed=1", 1), ("seed=2", 1)]);
        assert_eq!(found[0], (units, vec!["train".to_owned()], false));
        // What no seed reaches is one run without a name, and was not trained.
        assert_eq!(found[1], (named(&[("", 1)]), Vec::new(), false));
    }

    #[test]
    fn fine_tunings_are_nested_in_their_pre_training() {
        let found = designs("{ seed = [0, 1], pretrain_seed = [0, 1, 2] }");
        let units = named(&[
            ("pretrain_seed=0", 2),
            ("pretrain_seed=1", 2),
            ("pretrain_seed=2", 2),
        ]);
        assert_eq!(found[0], (units, Vec::new(), false));
    }

    #[test]
    fn seeds_that_go_together_are_replicates() {
        let found = designs("[{ seed = 0, pretrain_seed = 0 }, { seed = 1, pretrain_seed = 1 }]");
        let units = named(&[("pretrain_seed=0,seed=0", 1), ("pretrain_seed=1,seed=1", 1)]);
        assert_eq!(found[0], (units, Vec::new(), false));
    }

    #[test]
    fn a_single_run_rests_on_all_its_trainings() {
        let found = designs("{ seed = [0] }");
        let trained = ["train", "tune"].map(str::to_owned);
        assert_eq!(found[0], (named(&[("seed=0", 1)]), trained.to_vec(), false));
    }

    #[test]
    fn runs_that_all_hang_together_are_crossed() {
        // Each size shares its encoder over seeds, and each seed its corpus over sizes.
        let found = designs("{ seed = [0, 1], size = [\"nano\", \"tiny\"] }");
        assert_eq!(found[0].0.len(), 2);
        assert!(!found[0].2);
    }
}
