//! One job, from claim to commit.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::{ArtifactType, Inputs};

use super::protocol::{ErrorKind, ErrorReport, JobFile, Outcome, Usage};
use super::resolve::{Ready, ReadyInput};
use super::worker::{Control, Exit, Worker};
use super::{Failure, FailureKind};
use crate::keys::KeyParts;
use crate::store::{Claim, Cost, Found, Lookup, Made, Record, Store, StoreError, io_error};

/// How often to look whether another run's job is done: first, and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// What an attempt needs to know.
pub(super) struct Attempt<'a> {
    pub(super) store: &'a Store,
    pub(super) worker: &'a dyn Worker,
    pub(super) cpu: &'a str,
    pub(super) label: String,
    pub(super) output: ArtifactType,
    pub(super) ready: Ready,
    pub(super) parts: KeyParts,
    pub(super) threads: usize,
    /// What these can do at most, in floating-point operations a second, if that was measured.
    pub(super) peak: Option<f64>,
}

/// A result, and its record if this attempt made it.
pub(super) struct Gained {
    pub(super) found: Arc<Found>,
    pub(super) made: Option<Box<Record>>,
}

impl Attempt<'_> {
    /// Gets the job's result: runs it, or waits for another run that does. `waits` is called if there is one.
    pub(super) fn run(self, control: &Control, waits: impl FnOnce()) -> Result<Gained, Failure> {
        let Some(claim) = self.claim(control, waits)? else {
            return Err(Failure::interrupted());
        };
        if let Lookup::Hit(found) = self.store.lookup(&self.ready.key)? {
            self.store.release(claim)?;
            return Ok(Gained {
                found: Arc::new(found),
                made: None,
            });
        }
        let log = claim.log();
        let (found, record) = self
            .make(claim, control)
            .map_err(|failure| match failure.kind {
                FailureKind::Interrupted => failure,
                _ if log.exists() => failure.with_log(log),
                _ => failure,
            })?;
        Ok(Gained {
            found: Arc::new(found),
            made: Some(Box::new(record)),
        })
    }

    fn claim(&self, control: &Control, waits: impl FnOnce()) -> Result<Option<Claim>, StoreError> {
        let mut waits = Some(waits);
        let mut pause = LOOK.0;
        loop {
            if control.stopping() {
                return Ok(None);
            }
            if let Some(claim) = self.store.claim(&self.ready.key)? {
                return Ok(Some(claim));
            }
            if let Some(waits) = waits.take() {
                waits();
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LOOK.1);
        }
    }

    fn make(&self, claim: Claim, control: &Control) -> Result<(Found, Record), Failure> {
        let folder = claim.folder();
        let job = JobFile {
            kind: self.parts.kind.clone(),
            label: self.label.clone(),
            params: self.parts.params.clone(),
            inputs: self.serve(folder)?,
            threads: self.threads,
            peak: self.peak,
        };
        let path = folder.join("job.json");
        let text = serde_json::to_vec_pretty(&job)
            .map_err(|error| Failure::new(FailureKind::Failed, error.to_string()))?;
        // Written aside, since a person may start the stage by hand at any time.
        let aside = folder.join("job.json.part");
        fs::write(&aside, text).map_err(io_error(&aside))?;
        fs::rename(&aside, &path).map_err(io_error(&path))?;
        let outcome_path = folder.join("outcome.json");
        match fs::remove_file(&outcome_path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error(&outcome_path)(error).into());
            }
            _ => {}
        }

        let start = Instant::now();
        let exit = self
            .worker
            .run(folder, claim.lock()?, self.threads, control)?;
        let wall_seconds = start.elapsed().as_secs_f64();
        let usage = self.judge(&outcome_path, &exit, control)?;
        for (_, input) in &self.ready.inputs {
            if let ReadyInput::External(external) = input {
                external.check_unchanged()?;
            }
        }
        let made = Made {
            label: self.label.clone(),
            parts: self.parts.clone(),
            cost: Cost {
                core_seconds: usage.core_seconds,
                wall_seconds,
                threads: self.threads,
                peak_memory: usage.peak_memory,
                worked: usage.worked,
                cpu: self.cpu.to_owned(),
                peak: self.peak,
            },
            output: self.output,
            source: usage.source,
        };
        let made = self.store.commit(&claim.output(), made)?;
        self.store.release(claim)?;
        Ok(made)
    }

    /// Makes the inputs appear in the work folder and returns where.
    fn serve(&self, folder: &Path) -> Result<Inputs, StoreError> {
        let inputs = folder.join("inputs");
        if inputs.exists() {
            fs::remove_dir_all(&inputs).map_err(io_error(&inputs))?;
        }
        let mut paths = Inputs::default();
        for (name, input) in &self.ready.inputs {
            let path = match input {
                ReadyInput::Stored(_, manifest) => {
                    self.store.keep_listing(manifest)?;
                    self.store.serve(manifest, &inputs.join(&**name))?
                }
                ReadyInput::External(external) => {
                    self.store.keep_listing(external.manifest())?;
                    fs::canonicalize(external.path()).map_err(io_error(external.path()))?
                }
            };
            paths.0.insert(name.to_string(), path);
        }
        Ok(paths)
    }

    /// Says how the worker's job went: by its outcome, or by how it ended if it left none.
    fn judge(&self, path: &Path, exit: &Exit, control: &Control) -> Result<Usage, Failure> {
        let written = match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(path)(error).into()),
        };
        match written.or_else(|| serde_json::from_str(&exit.printed).ok()) {
            Some(Outcome::Ok(usage)) if exit.code == Some(0) => Ok(usage),
            Some(Outcome::Error(report)) => Err(self.failure(report)),
            _ if control.stopping() => Err(Failure::interrupted()),
            _ => Err(Failure::new(FailureKind::Failed, describe(exit))),
        }
    }

    fn failure(&self, report: ErrorReport) -> Failure {
        let kind = match report.kind {
            ErrorKind::Input => FailureKind::Input,
            ErrorKind::Full => FailureKind::Full,
            ErrorKind::Interrupted => FailureKind::Interrupted,
            ErrorKind::Panic => FailureKind::Bug,
            ErrorKind::Io | ErrorKind::Failed => FailureKind::Failed,
        };
        let mut failure = Failure::new(kind, self.readable(&report.message));
        failure.remedy = report.remedy;
        failure
    }

    /// Replaces paths of the work folder by what they are links to: the names of inputs.
    fn readable(&self, message: &str) -> String {
        let folder = self
            .store
            .root()
            .join("work")
            .join(self.ready.key.to_string());
        message.replace(&format!("{}/inputs/", folder.display()), "input ")
    }
}

/// Says how a worker ended that left no outcome.
fn describe(exit: &Exit) -> String {
    match (exit.signal, exit.code) {
        (Some(9), _) => {
            "the stage was killed (signal 9): by hand, or by the system for want of memory".into()
        }
        (Some(signal), _) => format!("the stage was ended by signal {signal}"),
        (None, Some(code)) => format!("the stage ended with code {code} and said nothing"),
        (None, None) => "the stage ended and said nothing".into(),
    }
}
