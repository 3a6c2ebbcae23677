//! Known results that are made again, since a job that has to run, or the user, needs files of them that are elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{JobState, Run};
use crate::execute::recall::lacking;
use crate::graph::JobIndex;
use crate::store::Found;

impl Run<'_, '_> {
    /// Returns the result of a job as it is known so far.
    pub(super) fn known(&self, index: JobIndex) -> Option<Arc<Found>> {
        let state = self.states[index.index()].as_ref();
        state.and_then(JobState::found).cloned()
    }

    /// Whether files of a job's inputs are elsewhere. Then the job waits, and the inputs that are made again are added to
    /// `open`, to be settled.
    pub(super) fn waits_for_files(
        &mut self,
        index: JobIndex,
        open: &mut BTreeSet<JobIndex>,
    ) -> bool {
        let lacking = lacking(self.graph, index, &|index| self.known(index));
        for &input in &lacking {
            self.recall(input).insert(index);
            open.insert(input);
        }
        !lacking.is_empty()
    }

    /// Has those results made again that were asked for by name and lack files here.
    pub(super) fn recall_asked(&mut self) {
        for index in self.options.asked.clone() {
            self.recall_if_asked(index);
        }
    }

    /// Returns the job, to be settled, if it is one of those.
    fn recall_if_asked(&mut self, index: JobIndex) -> Option<JobIndex> {
        let is_away = self.known(index).is_some_and(|found| !found.is_whole());
        let is_asked = is_away && self.options.asked.contains(&index);
        is_asked.then(|| {
            self.recall(index);
            index
        })
    }

    /// Notes that a known result is to be made again, and returns the jobs that wait for its files.
    fn recall(&mut self, index: JobIndex) -> &mut BTreeSet<JobIndex> {
        if !self.recalled.contains_key(&index) {
            let label = &self.graph.job(index).label;
            let found = self.known(index);
            let reason = found.and_then(|found| self.means.store.why_away(&found).ok()?);
            let reason = reason.unwrap_or_else(|| "its files are not here".to_owned());
            self.progress
                .note(&format!("{label}: to run again: {reason}"));
        }
        self.recalled.entry(index).or_default()
    }

    /// Notes that a job has a result, or has its files again. Returns the jobs to be settled next.
    pub(super) fn gains(&mut self, index: JobIndex, state: JobState) -> Vec<JobIndex> {
        let waiting = self.recalled.remove(&index).unwrap_or_default();
        // The users of a result that was known without its files have counted it already.
        let mut open = match self.states[index.index()].is_some() {
            true => {
                self.states[index.index()] = Some(state);
                Vec::new()
            }
            false => self.has(index, state),
        };
        open.extend(waiting);
        open.extend(self.recall_if_asked(index));
        open
    }

    /// Gives up results that were asked for with their files, and that the run did not get to.
    pub(super) fn forget_recalled(&mut self) {
        for (index, waiting) in std::mem::take(&mut self.recalled) {
            if waiting.is_empty() {
                self.states[index.index()] = Some(JobState::NotStarted);
            }
        }
    }
}
