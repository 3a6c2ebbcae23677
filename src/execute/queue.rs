//! Jobs that may start, in lanes of like needs.
//!
//! Within a lane jobs stand by rank, so the next to start is the first of some lane: however many jobs are ready, finding it
//! takes a look at each lane. Of jobs with one key only one stands in its lane; the others wait for what becomes of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::resolve::Ready;
use crate::graph::JobIndex;
use crate::keys::Key;
use crate::resources::Resources;

/// A job's place among those that may start, smallest first: the order that the run was given, then the longest chain of jobs
/// behind it, then the graph.
pub(super) type Rank = (Option<usize>, Reverse<usize>, JobIndex);

/// What the jobs of a lane have in common: everything that decides what they need of the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) kind: &'static str,
    pub(super) threads: Option<usize>,
    pub(super) memory: Option<u64>,
    pub(super) gpus: usize,
}

impl Lane {
    pub(super) fn of(kind: &'static str, resources: &Resources) -> Self {
        Self {
            kind,
            threads: resources.threads,
            memory: resources.memory,
            gpus: resources.gpus,
        }
    }
}

/// The jobs that may start.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lanes: BTreeMap<Lane, BTreeSet<Rank>>,
    jobs: HashMap<JobIndex, (Lane, Ready)>,
    /// By key: the job that stands in a lane, or was taken, for all jobs of that key; and those others.
    leaders: HashMap<Key, (Rank, BTreeSet<JobIndex>)>,
}

impl Queue {
    /// Adds a job. If one with the same key is there or has been taken, it waits for that one; of two that wait, the one of
    /// better rank goes.
    pub(super) fn push(&mut self, rank: Rank, lane: Lane, ready: Ready) {
        match self.leaders.get_mut(&ready.key) {
            None => {
                self.leaders.insert(ready.key, (rank, BTreeSet::new()));
            }
            // The job stands in its lane or runs already: it comes again since an input that it shares with another job was
            // made once more.
            Some((leader, _)) if leader.2 == rank.2 => return,
            Some((leader, twins)) => {
                let place = self.jobs.get(&leader.2).map(|(lane, _)| lane.clone());
                let Some(place) = place.filter(|_| rank < *leader) else {
                    twins.insert(rank.2);
                    return;
                };
                let other = std::mem::replace(leader, rank);
                twins.remove(&rank.2);
                twins.insert(other.2);
                self.jobs.remove(&other.2);
                self.leave(&place, &other);
            }
        }
        self.lanes.entry(lane.clone()).or_default().insert(rank);
        self.jobs.insert(rank.2, (lane, ready));
    }

    /// Returns the first job of each lane.
    pub(super) fn heads(&self) -> impl Iterator<Item = (Rank, &Lane, &Ready)> {
        self.lanes.iter().filter_map(|(lane, jobs)| {
            let rank = *jobs.first()?;
            let (_, ready) = self.jobs.get(&rank.2)?;
            Some((rank, lane, ready))
        })
    }

    /// Takes a job out to start it. Others of its key wait until it is [`Queue::end`]ed or pushed again.
    pub(super) fn take(&mut self, rank: Rank) -> Option<Ready> {
        let (lane, ready) = self.jobs.remove(&rank.2)?;
        self.leave(&lane, &rank);
        Some(ready)
    }

    /// Puts back a job that was taken.
    pub(super) fn put_back(&mut self, rank: Rank, lane: Lane, ready: Ready) {
        self.lanes.entry(lane.clone()).or_default().insert(rank);
        self.jobs.insert(rank.2, (lane, ready));
    }

    /// Ends a key, and returns the other jobs that have it.
    pub(super) fn end(&mut self, key: &Key) -> BTreeSet<JobIndex> {
        self.leaders
            .remove(key)
            .map(|(_, twins)| twins)
            .unwrap_or_default()
    }

    /// Returns how many jobs stand in lanes.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    fn leave(&mut self, lane: &Lane, rank: &Rank) {
        if let Some(jobs) = self.lanes.get_mut(lane) {
            jobs.remove(rank);
            if jobs.is_empty() {
                self.lanes.remove(lane);
            }
        }
    }
}
