//! What a run is given, and the states of jobs that it returns.

use std::sync::Arc;
use std::time::Duration;

use crate::execute::{Executor, Gpu};
use crate::failure::Failure;
use crate::graph::JobIndex;
use crate::keys::KeyParts;
use crate::store::{Found, Store};

/// How a run goes about its jobs.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many jobs may run at once.
    pub jobs: usize,
    /// How many threads the jobs may use together.
    pub threads: usize,
    /// How much memory the jobs may hold together, in bytes; `None` sets no limit.
    pub memory: Option<u64>,
    /// The GPUs that the jobs may use.
    pub gpus: Vec<Gpu>,
    /// Whether to start jobs that do not need a failed one after one has failed.
    pub keep_going: bool,
    /// How long jobs that were asked to stop may take to save their checkpoints before they are killed.
    pub grace: Duration,
    /// After what time the run stops gently.
    pub budget: Option<Duration>,
    /// Each job's place in the order in which jobs are started, by index; without it, the longest chains go first.
    pub order: Option<Vec<usize>>,
    /// Results that are known to be there, by index; those of other jobs are looked up.
    pub known: Vec<Option<Arc<Found>>>,
    /// Jobs whose results must have all their files here in the end.
    pub asked: Vec<JobIndex>,
}

impl Options {
    /// The usual [`Options::grace`]: long enough to end an update of a large encoder and to save. A user who cannot wait
    /// presses Ctrl-C twice.
    pub const GRACE: Duration = Duration::from_secs(15 * 60);
}

/// What a run works with, besides its graph.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// Where results are.
    pub store: &'a Store,
    /// What runs jobs.
    pub executor: &'a dyn Executor,
    /// Returns the fingerprint of the code of a kind of stage, if the program has one.
    pub source: &'a dyn Fn(&str) -> Option<&'static str>,
    /// Says how much memory a job of that label and those parts will hold, in bytes, if anything like it is known.
    pub peak_memory: &'a dyn Fn(&str, &KeyParts) -> Option<u64>,
}

/// What became of a job.
#[derive(Clone, Debug)]
pub enum JobState {
    /// Its result was known.
    Cached(Arc<Found>),
    /// The job ran, and this is its result.
    Made(Arc<Found>),
    /// The job has no result.
    Failed(Box<Failure>),
    /// A job that it needs has no result.
    Blocked {
        /// The job that failed.
        by: JobIndex,
    },
    /// The job was not started, because the run ended before.
    NotStarted,
}

impl JobState {
    /// Returns the result, if there is one.
    pub fn found(&self) -> Option<&Arc<Found>> {
        match self {
            Self::Cached(found) | Self::Made(found) => Some(found),
            Self::Failed(_) | Self::Blocked { .. } | Self::NotStarted => None,
        }
    }
}

/// A request to end the run early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Let running jobs save a checkpoint.
    Gently,
    /// At once.
    Now,
}
