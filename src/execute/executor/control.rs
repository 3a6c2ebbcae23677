//! A line to a running job.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a job was asked to do. What was asked once is not taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// To go on.
    #[default]
    Nothing,
    /// To save a checkpoint and stop.
    Stop,
    /// To end at once.
    Kill,
}

/// How a running job is reached. An executor has one for each job that it has started.
pub trait Reach: Send + Sync {
    /// Passes on what the job is asked to do. A job that has ended just now need not hear it.
    fn ask(&self, what: Asked);

    /// Returns how much memory the job holds, in bytes, if that can be seen.
    fn held(&self) -> Option<u64>;
}

/// Asks a running job to stop, or kills it, and tells how much memory it holds.
#[derive(Default)]
pub struct Control {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asked: Asked,
    reach: Option<Arc<dyn Reach>>,
    /// Most memory that it was seen to hold, in bytes.
    held: Option<u64>,
    /// What is to be told, in order.
    said: Vec<String>,
}

impl Control {
    /// Asks the job to save a checkpoint and stop.
    pub fn stop(&self) {
        self.ask(Asked::Stop);
    }

    /// Ends the job at once.
    pub fn kill(&self) {
        self.ask(Asked::Kill);
    }

    /// Whether the job was asked to stop, or killed.
    pub fn stopping(&self) -> bool {
        self.lock().asked > Asked::Nothing
    }

    /// Whether the job was killed.
    pub fn killed(&self) -> bool {
        self.lock().asked == Asked::Kill
    }

    /// Looks how much memory the job holds, and returns the most that was seen so far, in bytes.
    pub fn look(&self) -> Option<u64> {
        let reach = self.lock().reach.clone();
        let now = reach.and_then(|reach| reach.held());
        let mut state = self.lock();
        state.held = state.held.max(now);
        state.held
    }

    /// Returns the most memory that the job was seen to hold, in bytes.
    pub fn held(&self) -> Option<u64> {
        self.lock().held
    }

    /// Has the scheduler tell something about the job.
    pub fn say(&self, what: String) {
        self.lock().said.push(what);
    }

    /// Returns what is to be told since the last time.
    pub fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().said)
    }

    /// From here on the job is reached by `reach`; what was asked for before is passed on now.
    pub fn attach(&self, reach: Arc<dyn Reach>) {
        let mut state = self.lock();
        state.reach = Some(reach);
        state.deliver();
    }

    /// The job has ended, and what reached it may soon reach something else.
    pub fn detach(&self) {
        self.lock().reach = None;
    }

    fn ask(&self, what: Asked) {
        let mut state = self.lock();
        state.asked = state.asked.max(what);
        state.deliver();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deliver(&self) {
        if let Some(reach) = self.reach.as_ref().filter(|_| self.asked > Asked::Nothing) {
            reach.ask(self.asked);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<Asked>>);

    impl Reach for Heard {
        fn ask(&self, what: Asked) {
            self.0.lock().unwrap().push(what);
        }

        fn held(&self) -> Option<u64> {
            Some(self.0.lock().unwrap().len() as u64)
        }
    }

    #[test]
    fn what_was_asked_before_is_heard_and_nothing_after_the_end() {
        let (control, heard) = (Control::default(), Arc::new(Heard::default()));
        assert_eq!(control.look(), None);
        control.stop();
        control.attach(Arc::clone(&heard) as Arc<dyn Reach>);
        control.kill();
        assert_eq!(control.look(), Some(2));
        control.stop();
        assert!(control.killed());
        control.detach();
        control.kill();
        assert_eq!(
            *heard.0.lock().unwrap(),
            [Asked::Stop, Asked::Kill, Asked::Kill]
        );
        assert_eq!(control.held(), Some(2));
    }
}
