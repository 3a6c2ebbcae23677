//! What jobs will cost, estimated from what similar jobs have cost.
//!
//! The results most similar to a job are those of its kind whose keys differ from its own in the fewest parts. Their costs are
//! scaled by the work that both declare ([`contract::Stage::work`]), with inputs of their sizes; where there are several such
//! results, their spread says how sure the estimate is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::execute::{Resolver, Standing};
use crate::graph::{JobGraph, JobIndex, Plan};
use crate::keys::KeyParts;
use crate::registry::Registry;
use crate::store::{Known, Store, StoreError};

use super::History;
use super::work::{Scale, Works};

/// How far off an estimate from a single result, or from one of another amount of work, may be, as factors. The factors apply
/// once more for each tenfold of work, since little work and much work do not go at one speed.
const UNSURE: (f64, f64) = (0.7, 1.5);

/// How many results the price of a job is told from at most: those with the most similar labels first, then the latest.
const ALIKE: usize = 8;

/// What a job, or several, will cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Price {
    /// Time that cores spend on it together, in seconds.
    pub core_seconds: f64,
    /// The least and the most core time that is likely.
    pub between: (f64, f64),
    /// Time from start to end, in seconds.
    pub wall_seconds: f64,
    /// Bytes that the results take in the store, if none of their files is there already.
    pub disk: u64,
    /// Most memory that one job holds, in bytes.
    pub memory: u64,
    /// How many jobs this is the price of.
    pub jobs: usize,
    /// How many jobs will run that have no similar result: they are not in the price.
    pub unknown: usize,
}

impl Price {
    fn add(&mut self, other: &Self) {
        self.core_seconds += other.core_seconds;
        self.between.0 += other.between.0;
        self.between.1 += other.between.1;
        self.disk += other.disk;
        self.memory = self.memory.max(other.memory);
        self.jobs += other.jobs;
        self.unknown += other.unknown;
    }
}

/// Prices of the jobs that will run.
#[derive(Clone, Debug)]
pub struct Prices {
    /// By job; `None` for jobs that need not run, and for those without a similar result.
    pub jobs: Vec<Option<Price>>,
    /// The price of all jobs together. The time from start to end is that of the longest chain, or of the work spread over the
    /// threads, whichever is longer.
    pub total: Price,
}

/// Estimates the prices of the jobs that will run with so many threads.
///
/// # Errors
/// When the store cannot be read.
pub fn prices(
    graph: &JobGraph,
    standings: &[Standing],
    resolver: &mut Resolver<'_>,
    registry: &Registry,
    history: &mut History<'_>,
    threads: usize,
) -> Result<Prices, StoreError> {
    let known = |index: JobIndex| standings[index.index()].found();
    let mut works = Works::new(graph, standings, registry, resolver.store());
    let mut jobs = Vec::with_capacity(graph.len());
    for (index, job) in graph.jobs() {
        let runs = runs(&standings[index.index()]);
        let price = match resolver.parts(job, &known) {
            Ok(parts) if runs => {
                let nearest = history.nearest(&job.label, &parts.key, &parts.open)?;
                let nearest = &nearest[..nearest.len().min(ALIKE)];
                let records = nearest.iter().map(|known| &known.record);
                let scales = works.scales(index, &parts.key, records);
                price(history.store(), nearest, &scales)
            }
            _ => None,
        };
        jobs.push(price);
    }
    let total = together(graph, standings, &jobs, |_| true, threads);
    Ok(Prices { jobs, total })
}

impl Prices {
    /// Returns the price of those jobs together that are `wanted`, the jobs among them that they take inputs from, with so many
    /// threads.
    pub fn of(
        &self,
        graph: &JobGraph,
        standings: &[Standing],
        wanted: &BTreeSet<JobIndex>,
        threads: usize,
    ) -> Price {
        let is_wanted = |index| wanted.contains(&index);
        together(graph, standings, &self.jobs, is_wanted, threads)
    }
}

/// Whether a job will run, or may turn out to.
fn runs(standing: &Standing) -> bool {
    matches!(
        standing,
        Standing::Away(_) | Standing::Missing { .. } | Standing::Unknown
    )
}

/// Adds up the prices of jobs that are wanted.
fn together(
    graph: &JobGraph,
    standings: &[Standing],
    jobs: &[Option<Price>],
    is_wanted: impl Fn(JobIndex) -> bool,
    threads: usize,
) -> Price {
    let mut total = Price::default();
    for (index, _) in graph.jobs().filter(|(index, _)| is_wanted(*index)) {
        match &jobs[index.index()] {
            Some(price) => total.add(price),
            None if runs(&standings[index.index()]) => total.unknown += 1,
            None => {}
        }
    }
    total.wall_seconds =
        longest_chain(graph, jobs, is_wanted).max(total.core_seconds / threads.max(1) as f64);
    total
}

/// Returns the order in which jobs should be started so that cells of tables are completed as early as may be: each job's
/// place. Again and again the cell goes next whose jobs that still have to run cost least together.
pub fn cells_first(plan: &Plan, standings: &[Standing], prices: &Prices) -> Vec<usize> {
    let graph = &plan.jobs;
    let runs = |index: JobIndex| !standings[index.index()].is_cached();
    let known: Vec<f64> = prices
        .jobs
        .iter()
        .flatten()
        .map(|price| price.core_seconds)
        .collect();
    // A job without an estimate is taken to cost what others cost on average.
    let usual = known.iter().sum::<f64>() / known.len().max(1) as f64;
    let cost =
        |index: JobIndex| prices.jobs[index.index()].map_or(usual, |price| price.core_seconds);
    let mut cells: Vec<BTreeSet<JobIndex>> = Vec::new();
    for cell in plan
        .outputs
        .iter()
        .flat_map(|table| &table.cells)
        .flatten()
        .flatten()
    {
        let mut needed = BTreeSet::new();
        let mut open: Vec<JobIndex> = cell.jobs.clone();
        while let Some(index) = open.pop() {
            if runs(index) && needed.insert(index) {
                open.extend(graph.inputs(index));
            }
        }
        cells.push(needed);
    }
    // Jobs that no cell needs come last.
    let mut places = vec![graph.len(); graph.len()];
    let mut next = 0;
    loop {
        cells.retain(|needed| !needed.is_empty());
        let sum =
            |needed: &BTreeSet<JobIndex>| needed.iter().map(|index| cost(*index)).sum::<f64>();
        let cheapest = cells
            .iter()
            .min_by(|a, b| sum(a).total_cmp(&sum(b)))
            .cloned();
        let Some(cheapest) = cheapest else {
            return places;
        };
        for index in &cheapest {
            places[index.index()] = next;
            next += 1;
        }
        for needed in &mut cells {
            needed.retain(|index| !cheapest.contains(index));
        }
    }
}

/// Estimates the price of one job from the nearest results, and from how much more work the job is than each of them.
fn price(store: &Store, nearest: &[Arc<Known>], scales: &[Scale]) -> Option<Price> {
    let (first, scale) = nearest.first().zip(scales.first())?;
    let mut times: Vec<f64> = nearest
        .iter()
        .zip(scales)
        .map(|(known, scale)| known.record.cost.core_seconds * scale.factor)
        .collect();
    times.sort_by(f64::total_cmp);
    let (least, most) = (times[0], times[times.len() - 1]);
    let tenfolds = scale.factor.log10().abs();
    let between = match nearest.len() > 1 && scale.is_sure && tenfolds < 0.005 {
        true => (least, most),
        false => (
            least * UNSURE.0.powf(1.0 + tenfolds),
            most * UNSURE.1.powf(1.0 + tenfolds),
        ),
    };
    let listing = store.listing(&first.record.artifact);
    Some(Price {
        core_seconds: times[times.len() / 2],
        between,
        wall_seconds: first.record.cost.wall_seconds * scale.factor,
        disk: listing.map_or(0, |manifest| manifest.size()),
        memory: most_memory(nearest).unwrap_or(0),
        jobs: 1,
        unknown: 0,
    })
}

/// How many jobs of a kind are compared with results of the store, before the largest value found serves for all others: a
/// large sweep starts thousands of similar jobs.
const COMPARED: usize = 64;

/// How much memory jobs will hold, by what similar jobs have held.
#[derive(Debug)]
pub struct PeakMemory<'a> {
    history: History<'a>,
    /// By kind: how many jobs were compared, and the most memory found.
    kinds: BTreeMap<String, (usize, Option<u64>)>,
}

impl<'a> PeakMemory<'a> {
    /// Estimates by the results of a store, as they are when the first job is asked for.
    pub fn new(store: &'a Store) -> Self {
        Self {
            history: History::new(store),
            kinds: BTreeMap::new(),
        }
    }

    /// Returns the most memory that a job will hold, in bytes; `None` without a similar result.
    pub fn of(&mut self, label: &str, parts: &KeyParts) -> Option<u64> {
        let (compared, most) = self.kinds.entry(parts.kind.clone()).or_default();
        if *compared >= COMPARED {
            return *most;
        }
        *compared += 1;
        // A job without an estimate runs all the same.
        let nearest = self.history.nearest(label, parts, &BTreeSet::new()).ok()?;
        let found = most_memory(&nearest).filter(|memory| *memory > 0);
        *most = found.max(*most);
        found
    }
}

fn most_memory(known: &[Arc<Known>]) -> Option<u64> {
    let peaks = known.iter().map(|known| known.record.cost.peak_memory);
    peaks.max()
}

/// Returns how long the longest chain of wanted jobs takes.
fn longest_chain(
    graph: &JobGraph,
    jobs: &[Option<Price>],
    is_wanted: impl Fn(JobIndex) -> bool,
) -> f64 {
    let mut ends = vec![0.0_f64; jobs.len()];
    // Inputs come before the jobs that use them.
    for (index, _) in graph.jobs().filter(|(index, _)| is_wanted(*index)) {
        let begins = graph.inputs(index).map(|input| ends[input.index()]);
        let begins = begins.fold(0.0, f64::max);
        let takes = jobs[index.index()].map_or(0.0, |price| price.wall_seconds);
        ends[index.index()] = begins + takes;
    }
    ends.into_iter().fold(0.0, f64::max)
}

impl Price {
    /// Returns the time from start to end.
    pub fn wall(&self) -> Duration {
        Duration::try_from_secs_f64(self.wall_seconds).unwrap_or(Duration::MAX)
    }
}
