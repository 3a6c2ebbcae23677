//! Ending a run before its jobs are done.

use std::time::{Duration, Instant};

use super::{Run, Stop};
use crate::progress::count;

impl Run<'_, '_> {
    pub(super) fn stop(&mut self, stop: Stop) {
        if self.starting && stop == Stop::Gently {
            let grace = self.options.grace.as_secs();
            self.progress.note(&format!(
                "stopping: running jobs save their checkpoints, for {grace} s at most; once more kills them"
            ));
        }
        if stop == Stop::Gently {
            self.patience
                .get_or_insert_with(|| Instant::now() + self.options.grace);
        }
        self.starting = false;
        for running in &self.running {
            match stop {
                Stop::Gently => running.control.stop(),
                Stop::Now => running.control.kill(),
            }
        }
    }

    /// Kills the jobs that have not stopped although they were asked to.
    pub(super) fn lose_patience(&mut self) {
        self.patience = None;
        if !self.running.is_empty() {
            let jobs = count(self.running.len(), "job");
            self.progress
                .note(&format!("killed, for not stopping when asked to: {jobs}"));
        }
        self.stop(Stop::Now);
    }
}

/// Returns when to ask jobs to stop so that they have stopped by the end of the budget: a little before it.
pub(super) fn in_time(budget: Duration) -> Duration {
    budget.saturating_sub((budget / 50).min(Duration::from_secs(20)))
}

/// Returns how long jobs that were asked to stop may go on beyond the budget.
pub(super) fn overtime(budget: Duration) -> Duration {
    (budget / 10).max(Duration::from_secs(30))
}
