//! Asking Slurm how all jobs of a run stand, with one question at a time.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::engine::{CallError, Seen, look};

/// A thread that asks how jobs stand, for as long as there are some.
pub(super) struct Poll {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    every: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By number: how the job stood when Slurm was last asked.
    jobs: BTreeMap<u64, Option<Seen>>,
    /// Why Slurm did not answer the last time.
    away: Option<String>,
    /// Whether that Slurm does not answer has been told.
    told: bool,
    ends: bool,
}

impl Poll {
    /// Starts to ask.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(every: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            every,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("slurm".into())
            .spawn(move || own.ask())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// From here on it is asked how the job stands.
    pub(super) fn follow(&self, id: u64) {
        self.shared.lock().jobs.entry(id).or_default();
        self.shared.changed.notify_all();
    }

    /// The job is of no more interest.
    pub(super) fn forget(&self, id: u64) {
        self.shared.lock().jobs.remove(&id);
    }

    /// Returns how the job stood when Slurm was last asked, if it was.
    pub(super) fn seen(&self, id: u64) -> Option<Seen> {
        self.shared.lock().jobs.get(&id).cloned().flatten()
    }

    /// Says once that Slurm does not answer, and once that it does again.
    pub(super) fn news(&self) -> Option<String> {
        let mut state = self.shared.lock();
        let is_away = state.away.is_some();
        if std::mem::replace(&mut state.told, is_away) == is_away {
            return None;
        }
        Some(match &state.away {
            Some(why) => format!("Slurm does not answer, and its jobs go on: {why}"),
            None => "Slurm answers again".to_owned(),
        })
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.shared.lock().ends = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn ask(&self) {
        let mut state = self.lock();
        while !state.ends {
            // Jobs that have ended stay ended.
            let open = |seen: &Option<Seen>| !matches!(seen, Some(Seen::Ended(_)));
            let open = state.jobs.iter().filter(|(_, seen)| open(seen));
            let ids: Vec<u64> = open.map(|(id, _)| *id).collect();
            if ids.is_empty() {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(state);
            let answer = look(&ids);
            state = self.lock();
            match answer {
                Ok(all) => {
                    state.away = None;
                    for (id, seen) in all {
                        if let Some(place) = state.jobs.get_mut(&id) {
                            *place = Some(seen);
                        }
                    }
                }
                Err(CallError::Away(why) | CallError::Refused(why)) => state.away = Some(why),
                Err(CallError::Missing(program)) => {
                    state.away = Some(format!("{program} is not there any more"));
                }
                Err(CallError::Io(error)) => state.away = Some(error.to_string()),
            }
            let ends = |state: &mut State| !state.ends;
            state = self
                .changed
                .wait_timeout_while(state, self.every, ends)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
