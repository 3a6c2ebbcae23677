//! What jobs need: whether the run can ever give it, and GPUs that others may have.

use std::collections::BTreeSet;

use contract::{ROOM, is_full};

use super::Run;
use crate::execute::gpus::{Gathered, Lease};
use crate::failure::{Failure, FailureKind};
use crate::graph::JobIndex;
use crate::progress::{amount, count, whose};

impl Run<'_, '_> {
    /// Says what a job declares to need beyond all that the run has.
    pub(super) fn too_large(&self, index: JobIndex) -> Option<Failure> {
        let resources = &self.graph.job(index).resources;
        let total = self.room.total();
        let bytes = |bytes: u64| format!("{}B of memory", amount(bytes as f64));
        let (wanted, had, option) = match (resources.threads, resources.memory) {
            (Some(threads), _) if threads > total.threads => (
                count(threads, "thread"),
                count(total.threads, "thread"),
                "--threads",
            ),
            (_, Some(memory)) if memory > total.memory => {
                (bytes(memory), bytes(total.memory), "--memory")
            }
            _ if resources.gpus > total.gpus && self.means.executor.is_here() => {
                let gpus = [resources.gpus, total.gpus].map(|gpus| count(gpus, "GPU"));
                let [wanted, had] = gpus;
                (wanted, had, "--gpus")
            }
            _ => return None,
        };
        let place = resources.place.as_deref().unwrap_or("its stage");
        let mut failure = Failure::new(
            FailureKind::Input,
            format!("{place}: it declares {wanted}, and this run has {had}"),
        );
        failure.remedy = Some(match option {
            "--gpus" => "lower `resources.gpus`, or run it where there are as many (`pipe doctor` shows those that are seen; CUDA_VISIBLE_DEVICES and --gpus bound them)".to_owned(),
            _ => format!("lower it in `resources`, or let the run have more with {option}"),
        });
        Some(failure)
    }

    /// Notes early which jobs could not run if they had to: an hour later would be too late.
    pub(super) fn warn(&mut self) {
        let mut told = BTreeSet::new();
        for (index, job) in self.graph.jobs() {
            if self.states[index.index()].is_some() || job.resources.place.is_none() {
                continue;
            }
            if let Some(failure) = self.too_large(index)
                && told.insert(failure.message.clone())
            {
                let text = format!("{} cannot run here: {}", job.label, failure.message);
                self.progress.note(&text);
            }
        }
    }

    /// Leases so many GPUs for a job; `None` while others have them.
    pub(super) fn lease(
        &mut self,
        index: JobIndex,
        number: usize,
    ) -> Result<Option<Vec<Lease>>, Failure> {
        // On other machines GPUs are for others to give.
        if number == 0 || !self.means.executor.is_here() {
            return Ok(Some(Vec::new()));
        }
        match self.pool.gather(number) {
            Ok(Gathered::All(leases)) => Ok(Some(leases)),
            Ok(Gathered::Waits(holders)) => {
                let label = &self.graph.job(index).label;
                let others: BTreeSet<String> = holders.iter().map(whose).collect();
                let others: Vec<String> = others.into_iter().collect();
                let others = match others.is_empty() {
                    true => "another run".to_owned(),
                    false => others.join("; "),
                };
                let gpus = count(number, "GPU");
                let text = format!("{label} waits for {gpus}, which others have: {others}");
                // How long the holder has had the GPU changes each time, so it is left out of the comparison.
                let who: String = holders
                    .iter()
                    .map(|holder| format!("{label} {} ", holder.pid))
                    .collect();
                if self.told != who {
                    self.told = who;
                    self.progress.note(&text);
                }
                Ok(None)
            }
            Err(error) => {
                let folder = self.pool.folder().display();
                let (kind, remedy) = match is_full(&error) {
                    true => (FailureKind::Full, ROOM),
                    false => (
                        FailureKind::Failed,
                        "make that folder one that all who use the GPUs can write to, or name another to all of them with PIPE_GPU_LOCKS",
                    ),
                };
                let text = format!("{folder}: cannot lease a GPU: {error}");
                let mut failure = Failure::new(kind, text);
                failure.remedy = Some(remedy.into());
                Err(failure)
            }
        }
    }
}
