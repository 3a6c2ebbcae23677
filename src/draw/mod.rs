//! The graph of jobs as text that other programs draw (DOT, Mermaid), and as a picture (SVG).

mod dot;
mod mermaid;
mod svg;

use std::collections::{BTreeMap, BTreeSet};

use crate::execute::Standing;
use crate::graph::{JobGraph, JobIndex};
use crate::progress::count;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of it is known.
    Cached,
    /// Some of it will run.
    Run,
    /// Some of it cannot run.
    Broken,
}

impl State {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Run => "run",
            Self::Broken => "broken",
        }
    }

    /// Returns the colour to fill it with: light enough for black text, and told apart by those who see no red or green.
    fn colour(self) -> &'static str {
        match self {
            Self::Cached => "#d5e8f7",
            Self::Run => "#fdf0c8",
            Self::Broken => "#f6cfd0",
        }
    }
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What stands in it.
    pub name: String,
    /// What stands below that.
    pub note: String,
    /// How far it is.
    pub state: State,
}

/// Boxes, and arrows between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// The boxes: what is used comes before what uses it.
    pub nodes: Vec<Node>,
    /// The arrows, from what is used to what uses it.
    pub edges: BTreeSet<(usize, usize)>,
}

impl Drawing {
    /// One box per job.
    pub fn of_jobs(graph: &JobGraph, standings: &[Standing]) -> Self {
        Self::grouped(
            graph,
            standings,
            |index| graph.job(index).label.to_string(),
            false,
        )
    }

    /// One box per stage.
    pub fn of_stages(graph: &JobGraph, standings: &[Standing]) -> Self {
        Self::grouped(
            graph,
            standings,
            |index| graph.job(index).stage.to_string(),
            true,
        )
    }

    fn grouped(
        graph: &JobGraph,
        standings: &[Standing],
        name: impl Fn(JobIndex) -> String,
        counted: bool,
    ) -> Self {
        let mut places = BTreeMap::new();
        let mut members: Vec<(String, Vec<JobIndex>)> = Vec::new();
        for (index, _) in graph.jobs() {
            let name = name(index);
            let place = *places.entry(name.clone()).or_insert_with(|| {
                members.push((name, Vec::new()));
                members.len() - 1
            });
            members[place].1.push(index);
        }
        let mut edges = BTreeSet::new();
        for (index, _) in graph.jobs() {
            let to = places[&name(index)];
            for input in graph.inputs(index) {
                let from = places[&name(input)];
                if from != to {
                    edges.insert((from, to));
                }
            }
        }
        let nodes = members.into_iter().map(|(name, jobs)| {
            let number = |is: fn(&Standing) -> bool| {
                jobs.iter()
                    .filter(|job| is(&standings[job.index()]))
                    .count()
            };
            let cached = number(|standing| matches!(standing, Standing::Cached(_)));
            let broken = number(|standing| matches!(standing, Standing::Broken(_)));
            let state = match (broken, cached == jobs.len()) {
                (0, true) => State::Cached,
                (0, false) => State::Run,
                _ => State::Broken,
            };
            let note = match (counted, state) {
                (true, _) => format!("{}, {cached} cached", count(jobs.len(), "job")),
                (false, State::Cached) => "cached".to_owned(),
                (false, State::Run) => "to run".to_owned(),
                (false, State::Broken) => "broken".to_owned(),
            };
            Node { name, note, state }
        });
        Self {
            nodes: nodes.collect(),
            edges,
        }
    }

    /// Returns for each box how many arrows at most lead to it, one after the other.
    fn layers(&self) -> Vec<usize> {
        let mut layers = vec![0; self.nodes.len()];
        // Stages may be declared in any order, but never in a cycle.
        for _ in 0..self.nodes.len() {
            let mut changed = false;
            for &(from, to) in &self.edges {
                if layers[to] <= layers[from] {
                    layers[to] = layers[from] + 1;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        layers
    }
}

#[cfg(test)]
pub(crate) fn example() -> Drawing {
    let node = |name: &str, note: &str, state| Node {
        name: name.into(),
        note: note.into(),
        state,
    };
    Drawing {
        nodes: vec![
            node("world", "1 job, 1 cached", State::Cached),
            node("a \"b\" <c>", "2 jobs, 1 cached", State::Run),
            node(
                "finetune[m=0.4,task=mnli]",
                "1 job, 0 cached",
                State::Broken,
            ),
        ],
        edges: BTreeSet::from([(0, 1), (0, 2), (1, 2)]),
    }
}
