//! Why results are not known.

use std::collections::{BTreeMap, BTreeSet};

use super::status::far;
use crate::execute::{Standing, WatchState, Watched, watch};
use crate::graph::{JobGraph, JobIndex};
use crate::keys::Key;
use crate::store::{Store, StoreError};

/// Says why results are not known.
pub(super) struct Missing<'a> {
    graph: &'a JobGraph,
    standings: &'a [Standing],
    watched: BTreeMap<Key, Watched>,
}

impl<'a> Missing<'a> {
    pub(super) fn new(
        graph: &'a JobGraph,
        standings: &'a [Standing],
        store: &Store,
    ) -> Result<Self, StoreError> {
        let watched = watch(store)?.into_iter();
        Ok(Self {
            graph,
            standings,
            watched: watched.map(|job| (job.key, job)).collect(),
        })
    }

    /// Says why the result of a job is not known.
    pub(super) fn reason(&self, job: JobIndex) -> String {
        if let Standing::Broken(failure) = &self.standings[job.index()] {
            return failure.message.clone();
        }
        if let Some(text) = self.own(job, "") {
            return text;
        }
        // Of all jobs that it needs, one that failed is the reason, or else one that runs.
        let mut needed = BTreeSet::new();
        let mut open: Vec<JobIndex> = self.graph.inputs(job).collect();
        while let Some(job) = open.pop() {
            if self.standings[job.index()].found().is_none() && needed.insert(job) {
                open.extend(self.graph.inputs(job));
            }
        }
        let known = |wanted: fn(&WatchState) -> bool| {
            let mut needed = needed.iter();
            needed.find_map(|job| {
                let state = &self.watched(*job)?.state;
                let text = self.own(*job, &self.graph.job(*job).label)?;
                wanted(state).then_some(text)
            })
        };
        if let Some(text) = known(|state| matches!(state, WatchState::Failed(_))) {
            return text;
        }
        match known(|state| *state == WatchState::Running) {
            Some(text) => format!("waits for {text}"),
            None => "not run yet".into(),
        }
    }

    fn watched(&self, job: JobIndex) -> Option<&Watched> {
        match &self.standings[job.index()] {
            Standing::Missing { key, .. } => self.watched.get(key),
            _ => None,
        }
    }

    /// Says how far a job with a work folder is. `label` names the job in that, if it is not empty.
    fn own(&self, job: JobIndex, label: &str) -> Option<String> {
        let job = self.watched(job)?;
        let text = match &job.state {
            WatchState::Running => format!("running: {}", far(job)),
            WatchState::Stopped => format!("stopped: {}", far(job)),
            WatchState::Failed(report) => format!("failed: {}", report.message),
        };
        Some(match label.is_empty() {
            true => text,
            false => format!("{label}, {text}"),
        })
    }
}
