//! Looking at jobs that run, or were stopped or failed, from outside of their run.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use contract::Event;

use super::protocol::{ErrorReport, JobFile, Outcome};
use crate::keys::Key;
use crate::store::{Holder, Store, StoreError, Underway};

/// A job with a work folder.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its key.
    pub key: Key,
    /// What it is called.
    pub label: String,
    /// The stage kind.
    pub kind: String,
    /// How it stands with the job.
    pub state: WatchState,
    /// When the job's last attempt began.
    pub since: SystemTime,
    /// How far the job is, or was when its attempt ended.
    pub progress: Option<Advance>,
    /// Who works on the job, or did last, as far as that is known.
    pub holder: Option<Holder>,
}

/// How a job with a work folder stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// It runs.
    Running,
    /// It was stopped or killed, and goes on with the next run that needs it.
    Stopped,
    /// It failed.
    Failed(ErrorReport),
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// What is counted.
    pub unit: String,
    /// A short word on how it goes.
    pub note: String,
    /// Units that earlier attempts had done.
    resumed: u64,
}

impl Watched {
    /// Returns how long a running job will still take at the rate of this attempt; `None` where that cannot be told.
    pub fn remaining(&self) -> Option<Duration> {
        let advance = self.progress.as_ref()?;
        let done = advance.done.checked_sub(advance.resumed)?;
        if self.state != WatchState::Running || done == 0 {
            return None;
        }
        let spent = self.since.elapsed().ok()?.as_secs_f64();
        let left = advance.total.saturating_sub(advance.done);
        Duration::try_from_secs_f64(spent / done as f64 * left as f64).ok()
    }
}

/// Returns all jobs with a work folder in the store, in the order of their keys. Folders without a job are left out.
///
/// # Errors
/// When the work folders cannot be listed.
pub fn watch(store: &Store) -> Result<Vec<Watched>, StoreError> {
    let all = store.underway()?;
    Ok(all.iter().filter_map(|one| look(store, one)).collect())
}

/// Returns what a work folder tells, or `None` where there is no job in it: its run has only begun, or has just ended.
fn look(store: &Store, underway: &Underway) -> Option<Watched> {
    let path = underway.folder.join("job.json");
    let job: JobFile = read(&path)?;
    let outcome: Option<Outcome> = read(&underway.folder.join(Outcome::FILE));
    let state = match (underway.runs, outcome) {
        (true, _) => WatchState::Running,
        (false, Some(Outcome::Error(report))) if report.is_failure() => WatchState::Failed(report),
        (false, _) => WatchState::Stopped,
    };
    Some(Watched {
        key: underway.key,
        label: job.label,
        kind: job.kind,
        state,
        since: fs::metadata(&path).ok()?.modified().ok()?,
        progress: advance(&underway.folder.join("events.jsonl")),
        holder: store.holder(&underway.key),
    })
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Returns the last progress in a file of events.
fn advance(path: &Path) -> Option<Advance> {
    let text = fs::read_to_string(path).ok()?;
    let mut resumed = 0;
    let mut last = None;
    for event in text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
    {
        match event {
            Event::Resumed { done } => resumed = done,
            Event::Progress {
                done,
                total,
                unit,
                note,
            } => last = Some((done, total, unit, note)),
            _ => {}
        }
    }
    let (done, total, unit, note) = last?;
    Some(Advance {
        done,
        total,
        unit,
        note,
        resumed,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn watched(state: WatchState, seconds: u64, done: u64, resumed: u64) -> Watched {
        Watched {
            key: "ab".repeat(32).parse().unwrap(),
            label: "pretrain".into(),
            kind: "pretrain".into(),
            state,
            since: SystemTime::now() - Duration::from_secs(seconds),
            progress: Some(Advance {
                done,
                total: 100,
                unit: "step".into(),
                note: String::new(),
                resumed,
            }),
            holder: None,
        }
    }

    #[test]
    fn what_remains_follows_from_this_attempt_alone() {
        let remaining = |state, done, resumed| {
            let remaining = watched(state, 20, done, resumed).remaining();
            remaining.map(|time| time.as_secs_f64().round() as u64)
        };
        assert_eq!(remaining(WatchState::Running, 50, 40), Some(100));
        assert_eq!(remaining(WatchState::Running, 20, 0), Some(80));
        assert_eq!(remaining(WatchState::Running, 40, 40), None);
        assert_eq!(remaining(WatchState::Running, 30, 40), None);
        assert_eq!(remaining(WatchState::Stopped, 50, 40), None);
    }

    #[test]
    fn the_last_progress_counts_and_half_a_line_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let progress = |done: u64| {
            let unit = "step".to_owned();
            let note = String::new();
            serde_json::to_string(&Event::Progress {
                done,
                total: 9,
                unit,
                note,
            })
            .unwrap()
        };
        let resumed = serde_json::to_string(&Event::Resumed { done: 3 }).unwrap();
        let text = format!(
            "{resumed}\n{}\n{}\n{{\"event\":\"prog",
            progress(4),
            progress(5)
        );
        fs::write(&path, text).unwrap();
        let found = advance(&path).unwrap();
        assert_eq!((found.done, found.total, found.resumed), (5, 9, 3));
        assert_eq!(advance(&folder.path().join("none")), None);
    }
}
