//! `pipe verify --inputs`: the user's files, read anew.
//!
//! For a file that looks as it did when it was hashed, runs take the digest that they have noted. A program that has mapped the
//! file into its memory, and has written there before, may write on without a trace; so may another machine, on some network
//! file systems.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::failure::CommandFailure;
use super::project::Project;
use crate::execute::reread;
use crate::graph::JobGraph;
use crate::store::Store;

/// What reading the user's files has found.
pub(super) struct Reread {
    /// How many files were read.
    pub(super) read: usize,
    /// The files whose bytes differ from what was noted.
    pub(super) changed: BTreeSet<PathBuf>,
}

/// Reads all files of the user's that stages take, under the variables' values.
pub(super) fn inputs(project: &Project, store: &Store) -> Result<Reread, CommandFailure> {
    let jobs: JobGraph = project.plan(&project.everything())?.1.jobs;
    let (read, changed) = reread(&jobs, store).map_err(|error| CommandFailure::Usage {
        message: error.to_string(),
        remedy: error.remedy().unwrap_or_default(),
    })?;
    Ok(Reread { read, changed })
}
