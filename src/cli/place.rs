//! Where the jobs of a run go.

use super::failure::CommandFailure;
use crate::execute::{Executor, Local, Slurm};
use crate::settings::{Place, Settings};

/// Returns what runs the jobs, as the command line or else the user's settings say, and the most jobs that may run at once where
/// those settings say it.
pub(super) fn executor(
    on: Option<Place>,
) -> Result<(Box<dyn Executor>, Option<usize>), CommandFailure> {
    let settings = Settings::load().map_err(|wrong| CommandFailure::Usage {
        message: wrong.message,
        remedy: wrong.remedy,
    })?;
    let settings = settings.executor;
    match on.unwrap_or(settings.on) {
        Place::Here => Ok((Box::new(Local::here()), None)),
        Place::Slurm => {
            let jobs = settings.slurm.jobs;
            let slurm = Slurm::new(settings.slurm).map_err(|failure| CommandFailure::Usage {
                message: failure.message,
                remedy: failure.remedy.unwrap_or_default(),
            })?;
            Ok((Box::new(slurm), Some(jobs)))
        }
    }
}
