//! Where jobs run.
//!
//! The scheduler decides which job runs when; an [`Executor`] says what there is to run jobs on, and runs them. It is given a
//! prepared work folder and tells how the job ended. What it does in between (start a child process, hand the job to a
//! batch system and look after it) is its own affair: neither an open file nor a process number is part of the contract.

mod control;
mod local;
mod slurm;

use std::path::Path;

use super::gpus::Lease;
use super::machine::Machine;
use crate::failure::Failure;
use crate::resources::Resources;
use crate::store::{Claim, StoreError};
pub use control::{Asked, Control, Reach};
pub use local::Local;
pub use slurm::Slurm;

/// What runs the jobs of prepared work folders.
pub trait Executor: Sync {
    /// Returns the machine that jobs run on: its numerics class, its processor, and how many threads run at once.
    fn machine(&self) -> &Machine;

    /// Whether jobs run on the machine that the scheduler runs on, and share its memory and its GPUs.
    fn is_here(&self) -> bool {
        true
    }

    /// Returns how many threads a job gets that does not say how many it uses; `None` for an equal part of the run's.
    fn threads_each(&self) -> Option<usize> {
        None
    }

    /// Says what is new about the place as a whole, once.
    fn news(&self) -> Option<String> {
        None
    }

    /// Says what goes on after the run has ended, and how to come back to it.
    fn farewell(&self) -> Option<String> {
        None
    }

    /// Runs a job and returns when it has ended, or when nobody waits for it any more. While it runs, `control` can reach it.
    ///
    /// # Errors
    /// When the job could not be started.
    fn run(&self, assignment: &Assignment<'_>, control: &Control) -> Result<Exit, StoreError>;
}

/// A job that an executor is to run.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    /// The right to run the job, with its work folder. It must outlive whatever writes into the folder.
    pub claim: &'a Claim,
    /// What the job may use.
    pub share: &'a Share,
    /// What its stage declares to need.
    pub request: &'a Resources,
    /// The fingerprint of the code of its stage, if the program has one.
    pub source: Option<&'a str>,
}

impl Assignment<'_> {
    /// Returns the work folder, which holds `job.json` and the inputs.
    pub fn folder(&self) -> &Path {
        self.claim.folder()
    }
}

/// What a job may use while it runs.
#[derive(Debug, Default)]
pub struct Share {
    /// Threads.
    pub threads: usize,
    /// GPUs, leased until the job has ended.
    pub gpus: Vec<Lease>,
}

/// How a job's program ended.
#[derive(Clone, Debug, Default)]
pub struct Exit {
    /// What it printed: its outcome as JSON, if all went well enough to say it.
    pub printed: String,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// What the executor knows of an end of which the program itself has said nothing.
    pub failure: Option<Failure>,
}

impl Exit {
    /// The end of a job of which the executor knows why it has no result.
    pub fn of(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }
}
