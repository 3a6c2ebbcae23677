//! What becomes of jobs (found, made, failed or blocked), and which jobs that concerns next.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{JobState, Run};
use crate::execute::resolve::Ready;
use crate::failure::{Failure, FailureKind};
use crate::graph::JobIndex;
use crate::keys::Key;
use crate::progress::Made;
use crate::store::{Found, Lookup, Record, Section, StoreError};

/// How often a job is tried again whose inputs were found damaged.
const RETRIES: u32 = 3;

impl Run<'_, '_> {
    /// Looks up these jobs, and all jobs that depend on results found by that, in the graph's order.
    pub(super) fn settle(&mut self, mut open: BTreeSet<JobIndex>) {
        while let Some(index) = open.pop_first() {
            let is_recalled = self.recalled.contains_key(&index);
            if self.states[index.index()].is_some() && !is_recalled {
                continue;
            }
            let blocker =
                self.graph
                    .inputs(index)
                    .find_map(|input| match &self.states[input.index()] {
                        Some(JobState::Failed(_)) => Some(input),
                        Some(JobState::Blocked { by }) => Some(*by),
                        _ => None,
                    });
            if let Some(by) = blocker {
                self.recalled.remove(&index);
                self.states[index.index()] = Some(JobState::Blocked { by });
                open.extend(self.graph.users(index));
                continue;
            }
            if self.missing[index.index()] > 0 {
                continue;
            }
            let (graph, states) = (self.graph, &self.states);
            let known = |index: JobIndex| {
                let state = states[index.index()].as_ref();
                state.and_then(JobState::found).cloned()
            };
            match self.resolver.resolve(graph.job(index), &known) {
                None => {}
                Some(Err(failure)) => open.extend(self.fail(index, failure)),
                Some(Ok(ready)) => match self.look_up(ready.key) {
                    Ok(Lookup::Hit(found)) if !is_recalled || found.is_whole() => {
                        self.tell_known(index, &found);
                        let state = JobState::Cached(Arc::new(found));
                        open.extend(self.gains(index, state));
                    }
                    Ok(Lookup::Hit(_) | Lookup::Miss) => self.enqueue(index, ready, &mut open),
                    Ok(Lookup::Damaged { path, reason }) => {
                        self.progress.note(&format!(
                            "damaged in the store, made again: {}: {reason}",
                            path.display()
                        ));
                        self.enqueue(index, ready, &mut open);
                    }
                    Err(error) => open.extend(self.fail(index, error.into())),
                },
            }
        }
    }

    pub(super) fn look_up(&mut self, key: Key) -> Result<Lookup, StoreError> {
        self.used.push(key);
        self.means.store.lookup(&key)
    }

    /// Tells the store which results this run counts on, so that none of them is swept away.
    pub(super) fn hold(&mut self, section: &Section) {
        let keys = std::mem::take(&mut self.used);
        self.means.store.hold(section, &keys);
    }

    /// Settles these jobs in a section of the store, and counts on the results that are found there.
    pub(super) fn settle_and_hold(&mut self, open: BTreeSet<JobIndex>) {
        let section = self.means.store.enter();
        self.settle(open);
        self.hold(&section);
    }

    /// Notes that a job has a result. Returns the jobs that now have all their inputs.
    pub(super) fn has(&mut self, index: JobIndex, state: JobState) -> Vec<JobIndex> {
        self.states[index.index()] = Some(state);
        let mut complete = Vec::new();
        // A user that takes the result as several inputs has counted each of them.
        for user in self.graph.users(index) {
            let missing = &mut self.missing[user.index()];
            *missing = missing.saturating_sub(1);
            if *missing == 0 {
                complete.push(user);
            }
        }
        complete
    }

    /// Tells that a job need not run after all. Results that were known at the start are told together.
    fn tell_known(&mut self, index: JobIndex, found: &Found) {
        if self.planned {
            let label = &*self.graph.job(index).label;
            let known = [(label, Made::from(found))];
            self.progress.known(&known.into_iter().collect());
        }
    }

    /// Says what became of a job and of those with the same key. Returns the jobs to be settled next.
    pub(super) fn close(
        &mut self,
        index: JobIndex,
        ready: &Ready,
        result: Result<(JobState, Option<Box<Record>>), Failure>,
    ) -> BTreeSet<JobIndex> {
        // Jobs with the same key share the fate of this one.
        let twins = self.queue.end(&ready.key);
        let mut open = BTreeSet::new();
        match result {
            Ok((state, record)) => {
                if let Some(record) = &record {
                    self.learn(index, record.cost.peak_memory);
                }
                if let JobState::Cached(found) = &state {
                    self.tell_known(index, found);
                }
                let label = &self.graph.job(index).label;
                self.progress
                    .finished(index.index(), label, record.as_deref());
                open.extend(self.gains(index, state));
                // Their look-up will find the result.
                open.extend(twins);
            }
            Err(failure) if failure.kind == FailureKind::Damaged && self.may_retry(index) => {
                self.progress
                    .note(&format!("{}, made again", failure.message));
                for input in self.graph.inputs(index).collect::<BTreeSet<_>>() {
                    open.extend(self.lose(input));
                }
                open.insert(index);
                open.extend(twins);
            }
            Err(failure) => {
                for twin in twins {
                    open.extend(self.fail(twin, failure.clone()));
                }
                open.extend(self.fail(index, failure));
            }
        }
        open
    }

    /// Whether a job whose inputs were damaged is tried again. A disk that damages everything must not keep a run from ending.
    pub(super) fn may_retry(&mut self, index: JobIndex) -> bool {
        let tries = self.retries.entry(index).or_default();
        *tries += 1;
        *tries <= RETRIES
    }

    /// Gives up a result that is no longer whole. Returns its job, which has to be settled again.
    pub(super) fn lose(&mut self, index: JobIndex) -> Option<JobIndex> {
        let found = self.states[index.index()].as_ref()?.found()?;
        if let Ok(Lookup::Hit(found)) = self.means.store.lookup(&found.key) {
            // The result may be whole, and its files elsewhere by now.
            let found = JobState::Cached(Arc::new(found));
            self.states[index.index()] = Some(found);
            return None;
        }
        self.states[index.index()] = None;
        for user in self.graph.users(index) {
            self.missing[user.index()] += 1;
        }
        Some(index)
    }

    /// Notes how much memory a job has held, since other jobs of its stage may hold as much.
    pub(super) fn learn(&mut self, index: JobIndex, held: u64) {
        let seen = self.seen.entry(&*self.graph.job(index).stage).or_default();
        if held > *seen {
            *seen = held;
            self.likely.clear();
        }
    }

    /// Notes that a job has no result. Returns the jobs that need it.
    pub(super) fn fail(&mut self, index: JobIndex, failure: Failure) -> Vec<JobIndex> {
        self.progress
            .failed(index.index(), &self.graph.job(index).label, &failure);
        let fatal = matches!(
            failure.kind,
            FailureKind::Full | FailureKind::Store | FailureKind::Interrupted
        );
        if fatal || !self.options.keep_going {
            self.starting = false;
        }
        self.recalled.remove(&index);
        self.states[index.index()] = Some(JobState::Failed(failure.into()));
        self.graph.users(index).collect()
    }
}
