//! How many seeds would settle a difference, and what they would cost.

use std::collections::BTreeSet;

use statistics::{Needed, seeds_needed};

use crate::graph::JobIndex;
use crate::report::compare::Compared;

/// What it takes to settle a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Power {
    /// The size of the difference.
    pub(super) difference: f64,
    /// The number of seeds.
    pub(super) needed: Needed,
    /// How many there are.
    pub(super) seeds: usize,
    /// Core time of the seeds that are missing, for both rows, in seconds, where the costs of the known ones are known.
    pub(super) core_seconds: Option<f64>,
}

impl Power {
    /// Works out the seeds for a difference of that size; without a size, for the difference that was found. `cost` returns the core
    /// time of a job.
    pub(super) fn of(
        compared: &Compared,
        size: Option<f64>,
        level: f64,
        cost: &dyn Fn(JobIndex) -> Option<f64>,
    ) -> Self {
        let comparison = &compared.comparison;
        let difference = size.unwrap_or(comparison.difference).abs();
        let needed = seeds_needed(comparison, difference, level);
        let seeds = comparison.replicates();
        let core_seconds = match needed {
            Needed::Seeds(needed) => {
                let more = needed.saturating_sub(seeds) as f64;
                // What both rows rest on is made once. A row without seeds needs no more runs.
                let sides = compared.per_seed.iter().zip(comparison.seeds);
                let growing = sides.filter(|(_, of_side)| *of_side > 1);
                let jobs: BTreeSet<JobIndex> =
                    growing.flat_map(|(jobs, _)| jobs).copied().collect();
                let costs: Option<Vec<f64>> = jobs.into_iter().map(cost).collect();
                costs.map(|costs| more * costs.iter().sum::<f64>())
            }
            Needed::MoreExamples | Needed::TooMany | Needed::NotKnown => None,
        };
        Self {
            difference,
            needed,
            seeds,
            core_seconds,
        }
    }

    /// Says how many seeds it takes.
    pub(super) fn words(&self) -> String {
        match self.needed {
            Needed::Seeds(needed) => needed.to_string(),
            Needed::MoreExamples => "no number: too few examples".to_owned(),
            Needed::TooMany => "over 10000".to_owned(),
            Needed::NotKnown => "not known from one seed, or without a spread".to_owned(),
        }
    }
}
