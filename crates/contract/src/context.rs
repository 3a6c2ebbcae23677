use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::{Checkpoint, Checkpoints, Rows, StageError, io_error, make_folder, remove_all};

/// What a running stage reports, for progress lines and logs. Of all events, only notes are kept with the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A part of the work is done.
    Progress {
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
        /// What is counted: `step`, `document`, `sentence`.
        unit: String,
        /// A short word on how it goes: `loss 3.21`.
        note: String,
    },
    /// A checkpoint was saved after this many units.
    Checkpointed {
        /// Units done.
        done: u64,
    },
    /// A checkpoint is damaged: the stage goes on from an earlier checkpoint, or begins anew.
    PassedOver {
        /// Units of work done when the damaged checkpoint was saved.
        done: u64,
        /// What is damaged, where it is not the checkpoint but something kept beside it that it rests on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beside: Option<String>,
    },
    /// The stage goes on from a checkpoint instead of the beginning.
    Resumed {
        /// Units of work done when the checkpoint was saved.
        done: u64,
    },
    /// Something that a reader of the result should know: see [`Context::note`].
    Note {
        /// A sentence.
        message: String,
    },
    /// How much work the stage did, for its cost record: tokens, sentences, bytes.
    Worked {
        /// Amount.
        amount: f64,
        /// What is counted.
        unit: String,
    },
}

impl Event {
    /// The unit of [`Event::Worked`] for floating-point operations of matrix products.
    pub const OPERATION: &str = "flop";
}

/// Receives the events of a running stage.
pub trait Observer: Send + Sync {
    /// Receives one event. The call must be quick and must not make the stage fail.
    fn observe(&self, event: &Event);
}

/// An observer that ignores all events.
struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event) {}
}

/// A running stage's access to everything outside it: output folder, checkpoints, progress, and the request to stop.
pub struct Context {
    folder: PathBuf,
    output: PathBuf,
    checkpoints: Checkpoints,
    observer: Box<dyn Observer>,
    stop: Arc<AtomicBool>,
    peak: Option<f64>,
    threads: usize,
}

impl Context {
    /// Makes a context with `output/` and `checkpoints/` below `folder`, which are made if need be.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub fn in_folder(folder: &Path) -> Result<Self, StageError> {
        let output = folder.join("output");
        make_folder(&output).map_err(io_error(&output))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            output,
            checkpoints: Checkpoints::in_folder(&folder.join("checkpoints"))?,
            observer: Box::new(Silent),
            stop: Arc::default(),
            peak: None,
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
        })
    }

    /// Sends events to `observer`.
    #[must_use]
    pub fn with_observer(mut self, observer: Box<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Stops at the next [`Context::keep_going`] after `stop` is set.
    #[must_use]
    pub fn with_stop(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// Sets the machine's peak on the threads that the stage may use, in floating-point operations a second.
    #[must_use]
    pub fn with_peak(mut self, peak: Option<f64>) -> Self {
        self.peak = peak;
        self
    }

    /// Returns the machine's peak in floating-point operations a second, if it was measured. The number may only enter progress
    /// lines.
    pub fn peak(&self) -> Option<f64> {
        self.peak
    }

    /// Sets how many threads the stage may use.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Returns how many threads the stage may use: all of the machine's unless [`Context::with_threads`] was called. The number
    /// of threads must not change a result.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Makes an empty folder for files that are not needed after the stage, and returns it. A second call empties the folder.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn scratch(&self) -> Result<PathBuf, StageError> {
        let scratch = self.scratch_folder();
        remove_all(&scratch).map_err(io_error(&scratch))?;
        fs::create_dir(&scratch).map_err(io_error(&scratch))?;
        Ok(scratch)
    }

    /// Returns the path of the scratch folder, whether or not it was made.
    pub fn scratch_folder(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// Returns the folder to write the artifact to. It exists and is empty when a stage starts.
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// Begins the rows of the artifact's log `file` (`log.parquet`), for people who watch the stage while it runs.
    pub fn rows(&self, file: &str) -> Rows {
        Rows::create(&Rows::place(&self.folder, file))
    }

    /// Returns the newest checkpoint that is whole, for the stage to go on from. Newer, damaged checkpoints are reported as events.
    ///
    /// # Errors
    /// When the checkpoints cannot be read.
    pub fn latest_checkpoint(&self) -> Result<Option<Checkpoint>, StageError> {
        self.checkpoints
            .latest_after(&mut |Checkpoint { done, .. }| {
                self.tell(&Event::PassedOver { done, beside: None });
            })
    }

    /// Returns the stage's checkpoints.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Reports `done` of `total` units, with a short word on how it goes.
    pub fn progress(&self, done: u64, total: u64, unit: &str, note: impl Into<String>) {
        self.tell(&Event::Progress {
            done,
            total,
            unit: unit.into(),
            note: note.into(),
        });
    }

    /// Notes what a reader of the result should know: rows left out, sentences cut, parts that are missing. Unlike other
    /// events a note is part of the result: the runner keeps it and prints it wherever the result is shown. So a note must
    /// follow from parameters and inputs alone, and an attempt that goes on from a checkpoint must note it again. What holds
    /// for every result of the kind needs no note; the progress of the work belongs to [`Context::progress`].
    ///
    /// The message names a file of an input by its whole path; the runner replaces that by the path inside the input.
    pub fn note(&self, message: impl Into<String>) {
        self.tell(&Event::Note {
            message: message.into(),
        });
    }

    /// Reports an event.
    pub fn tell(&self, event: &Event) {
        self.observer.observe(event);
    }

    /// Whether the stage was asked to stop. A stage that checkpoints looks here after each step, saves, and returns
    /// [`StageError::Interrupted`].
    pub fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// For stages that do not checkpoint: an error if the stage was asked to stop.
    ///
    /// # Errors
    /// [`StageError::Interrupted`].
    pub fn keep_going(&self) -> Result<(), StageError> {
        if self.should_stop() {
            Err(StageError::Interrupted)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// An observer that collects all events.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<Event>>>);

    impl Observer for Told {
        fn observe(&self, event: &Event) {
            self.0.lock().expect("told").push(event.clone());
        }
    }

    #[test]
    fn damaged_checkpoints_are_passed_over_with_a_word() {
        let folder = tempfile::tempdir().expect("folder");
        let events = Told::default();
        let context = Context::in_folder(folder.path())
            .expect("context")
            .with_observer(Box::new(events.clone()));
        let latest = || {
            let latest = context.latest_checkpoint().expect("read");
            latest.map(|checkpoint| checkpoint.done)
        };
        let told = || std::mem::take(&mut *events.0.lock().expect("told"));
        let write = |folder: &Path| fs::write(folder.join("w"), "w").map_err(io_error(folder));
        let damage = |done: u64| {
            let file = folder
                .path()
                .join(format!("checkpoints/after-{done:010}/w"));
            fs::write(file, "x").expect("damage");
        };
        assert_eq!(latest(), None);
        context.checkpoints().save(10, write).expect("saved");
        context.checkpoints().save(20, write).expect("saved");
        assert_eq!(latest(), Some(20));
        assert!(told().is_empty());
        damage(20);
        assert_eq!(latest(), Some(10));
        let passed = |done: u64| Event::PassedOver { done, beside: None };
        assert_eq!(told(), [passed(20)]);
        damage(10);
        assert_eq!(latest(), None);
        assert_eq!(told(), [20, 10].map(passed));
    }
}
