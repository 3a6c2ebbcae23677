use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::{Checkpoint, Checkpoints, Rows, StageError, io_error, make_folder, remove_all};

/// What a running stage tells: for progress lines and logs; notes alone are kept with the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// So much of the work is done.
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
    /// A checkpoint is damaged: the stage goes on from an earlier one, or begins anew.
    PassedOver {
        /// Units done in it.
        done: u64,
        /// What is damaged, where it is not the checkpoint but something kept beside it that it rests on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beside: Option<String>,
    },
    /// The stage goes on from a checkpoint instead of the beginning.
    Resumed {
        /// Units done before.
        done: u64,
    },
    /// Something the user should know of the result: see [`Context::note`].
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

/// Takes a running stage's events.
pub trait Observer: Send + Sync {
    /// Takes one event. Must be quick and must not fail the stage.
    fn observe(&self, event: &Event);
}

/// Throws events away.
struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event) {}
}

/// What a running stage may do to the world.
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
    /// A context with `output/` and `checkpoints/` below `folder`, made if need be.
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

    /// Says what the machine can do at most on the threads that the stage may use: floating-point operations a second.
    #[must_use]
    pub fn with_peak(mut self, peak: Option<f64>) -> Self {
        self.peak = peak;
        self
    }

    /// Returns what the machine can do at most, in floating-point operations a second, if that was measured. For progress
    /// lines alone.
    pub fn peak(&self) -> Option<f64> {
        self.peak
    }

    /// Says how many threads the stage may use.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Returns how many threads the stage may use: all of the machine's where nobody has said. They must not reach a
    /// result.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Makes an empty folder for whatever is of no use after the stage, and returns it. Called again, it empties it.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn scratch(&self) -> Result<PathBuf, StageError> {
        let scratch = self.scratch_folder();
        remove_all(&scratch).map_err(io_error(&scratch))?;
        fs::create_dir(&scratch).map_err(io_error(&scratch))?;
        Ok(scratch)
    }

    /// Returns where that folder lies, or would.
    pub fn scratch_folder(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// Returns the folder to write the artifact to. It exists and is empty when a stage starts.
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// Begins the rows of the log `file` of the artifact (`log.parquet`) for those who look at it while the stage goes on.
    pub fn rows(&self, file: &str) -> Rows {
        Rows::create(&Rows::place(&self.folder, file))
    }

    /// Returns the newest checkpoint that is whole, to go on from. Newer ones, which are damaged, are told of.
    ///
    /// # Errors
    /// When the checkpoints cannot be read.
    pub fn latest_checkpoint(&self) -> Result<Option<Checkpoint>, StageError> {
        self.checkpoints
            .latest_after(&mut |Checkpoint { done, .. }| {
                self.tell(&Event::PassedOver { done, beside: None })
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

    /// Notes what whoever reads the result should know of it: rows left out, sentences cut, parts that are missing. Unlike
    /// other events this is part of the result: the runner keeps it with it, and tells it wherever the result is shown. So it
    /// must follow from parameters and inputs alone, and be noted again by an attempt that goes on from a checkpoint. What
    /// is always so need not be noted; how the work goes belongs to [`Context::progress`].
    ///
    /// Files of an input are named by their whole path here; the runner names them from the input.
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

    /// Keeps what was told.
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
