//! Short names of jobs for notes below a table: as long as tells the jobs apart.

use std::collections::{BTreeSet, HashMap};

use crate::graph::{JobGraph, JobIndex};

/// Names jobs by their labels without the variables that all jobs of the stage have in common, such as the place of the user's
/// files.
pub struct Names<'a> {
    graph: &'a JobGraph,
    /// By stage: the pairs that all of its labels have.
    common: HashMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Names<'a> {
    /// Names for the jobs of a graph.
    pub fn new(graph: &'a JobGraph) -> Self {
        let common = HashMap::new();
        Self { graph, common }
    }

    /// Returns one name for several jobs of one stage.
    pub fn of(&mut self, jobs: impl ExactSizeIterator<Item = JobIndex>) -> String {
        let number = jobs.len();
        let Some(first) = jobs.last() else {
            return String::new();
        };
        let job = self.graph.job(first);
        if number > 1 {
            return format!("{} ({number} jobs)", job.stage);
        }
        let graph = self.graph;
        let common = self.common.entry(&*job.stage).or_insert_with(|| {
            let alike = graph.jobs().filter(|(_, other)| other.stage == job.stage);
            let mut pairs = alike.map(|(_, other)| pairs(&other.label));
            let first = pairs.next().unwrap_or_default();
            let common = pairs.fold(first, |common, pairs| {
                let both = common.into_iter().filter(|pair| pairs.contains(pair));
                both.collect()
            });
            common.into_iter().collect()
        });
        let own = pairs(&job.label).into_iter();
        let own: Vec<&str> = own.filter(|pair| !common.contains(pair)).collect();
        match own.is_empty() {
            true => job.stage.to_string(),
            false => format!("{}[{}]", job.stage, own.join(",")),
        }
    }
}

/// Returns what stands between the brackets of a label, cut at commas.
fn pairs(label: &str) -> Vec<&str> {
    let inner = label
        .split_once('[')
        .and_then(|(_, rest)| rest.strip_suffix(']'));
    inner.map_or_else(Vec::new, |inner| inner.split(',').collect())
}
