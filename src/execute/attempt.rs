//! One job, from claim to commit.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use contract::{ArtifactType, Event, Params};

use super::executor::{Assignment, Control, Executor, Exit, Share};
use super::follow::Follower;
use super::killed::{self, Circumstances};
use super::memory::{Evidence, KillWatch};
use super::protocol::{ErrorKind, ErrorReport, JobFile, Outcome, Usage};
use super::resolve::Ready;
use super::served::Serving;
use crate::failure::{Failure, FailureKind};
use crate::keys::KeyParts;
use crate::resources::Resources;
use crate::store::{Claim, Cost, Found, Lookup, Made, Record, Store, io_error};

/// What an attempt needs to know.
pub(super) struct Attempt<'a> {
    pub(super) store: &'a Store,
    pub(super) executor: &'a dyn Executor,
    pub(super) label: String,
    pub(super) output: ArtifactType,
    pub(super) ready: Ready,
    pub(super) parts: KeyParts,
    /// The job's known result, where the job runs again for files of it that are elsewhere.
    pub(super) known: Option<Arc<Found>>,
    /// The complete parameters.
    pub(super) params: Params,
    pub(super) share: Share,
    /// The fingerprint of the code of the job's stage.
    pub(super) source: Option<&'a str>,
    /// What the job declares to need.
    pub(super) resources: &'a Resources,
    /// The memory that all jobs of the run may hold together, in bytes, if that is known.
    pub(super) memory: Option<u64>,
    pub(super) kills: &'a KillWatch,
    /// What the job's threads can do at most, in floating-point operations a second, if that was measured.
    pub(super) peak: Option<f64>,
}

/// What came of an attempt.
pub(super) enum Gained {
    /// The job ran, and this is its record.
    Made(Arc<Found>, Box<Record>),
    /// Its result was there after all: another run has made it.
    Cached(Arc<Found>),
    /// Another run works on it.
    Elsewhere,
}

impl Attempt<'_> {
    /// Gets the job's result: runs the job, unless another run has its result or works on it. `done` is called when the work is
    /// done and only the output is still to be stored: the job's share of the machine is free then. It gets the last event,
    /// since the file of events goes with the work folder.
    pub(super) fn run(
        self,
        control: &Control,
        done: impl FnOnce(Option<Event>),
    ) -> Result<Gained, Failure> {
        if control.stopping() {
            return Err(Failure::interrupted());
        }
        let Some(claim) = self.store.claim(&self.ready.key)? else {
            return Ok(Gained::Elsewhere);
        };
        if let Lookup::Hit(found) = self.store.lookup(&self.ready.key)?
            && (self.known.is_none() || found.is_whole())
        {
            self.store.release(claim)?;
            return Ok(Gained::Cached(Arc::new(found)));
        }
        let log = claim.log();
        let (found, record) =
            self.make(claim, control, done)
                .map_err(|failure| match failure.kind {
                    FailureKind::Interrupted => failure,
                    _ if log.exists() => failure.with_log(log),
                    _ => failure,
                })?;
        Ok(Gained::Made(Arc::new(found), Box::new(record)))
    }

    fn make(
        mut self,
        claim: Claim,
        control: &Control,
        done: impl FnOnce(Option<Event>),
    ) -> Result<(Found, Record), Failure> {
        let folder = claim.folder();
        let (inputs, serving) =
            Serving::begin(self.store, &self.ready, folder, self.executor.is_here())?;
        let job = JobFile {
            kind: self.parts.kind.clone(),
            label: self.label.clone(),
            keyed: (self.params != self.parts.params).then(|| self.parts.params.clone()),
            params: self.params.clone(),
            inputs,
            output: Some(self.output),
            threads: self.share.threads,
            peak: self.peak,
        };
        let path = folder.join("job.json");
        let text = serde_json::to_vec_pretty(&job)
            .map_err(|error| Failure::new(FailureKind::Failed, error.to_string()))?;
        // Written aside, since a person may start the stage by hand at any time.
        let aside = folder.join("job.json.part");
        fs::write(&aside, text).map_err(io_error(&aside))?;
        fs::rename(&aside, &path).map_err(io_error(&path))?;
        let outcome_path = folder.join(Outcome::FILE);
        match fs::remove_file(&outcome_path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error(&outcome_path)(error).into());
            }
            _ => {}
        }

        let start = Instant::now();
        let assignment = Assignment {
            claim: &claim,
            share: &self.share,
            request: self.resources,
            source: self.source,
        };
        let exit = self.executor.run(&assignment, control)?;
        self.share.gpus.clear();
        claim.check_place()?;
        claim.end_log();
        let wall_seconds = start.elapsed().as_secs_f64();
        let written = outcome(folder)?;
        if let Some(Outcome::Error(report)) = &written {
            let ErrorReport {
                kind,
                message,
                remedy,
            } = report;
            let report = ErrorReport {
                kind: *kind,
                message: serving.readable(message),
                remedy: remedy.as_deref().map(|remedy| serving.readable(remedy)),
            };
            // The report is kept for whoever looks later; the caller tells it now in any case.
            let _ = Outcome::Error(report).keep(folder);
        }
        let readable = |mut failure: Failure| {
            failure.message = serving.readable(&failure.message);
            failure.remedy = failure.remedy.map(|remedy| serving.readable(&remedy));
            failure
        };
        let usage = self.judge(folder, written, &exit, control);
        let usage = usage.map_err(readable).inspect_err(|failure| {
            if failure.kind == FailureKind::Full {
                claim.make_room();
            }
        })?;
        let events = Follower::new(self.store.events(&self.ready.key)).read();
        let mut events = events.into_iter().rev();
        done(events.find(|event| matches!(event, Event::Progress { .. })));
        serving.check(self.store)?;
        let made = Made {
            label: self.label.clone(),
            parts: self.parts.clone(),
            cost: Cost {
                core_seconds: usage.core_seconds,
                wall_seconds,
                threads: self.share.threads,
                // Programs that the stage has started count as well, as far as they were seen.
                peak_memory: usage.peak_memory.max(control.held().unwrap_or(0)),
                worked: usage.worked,
                cpu: self.executor.machine().cpu.clone(),
                peak: self.peak,
            },
            output: self.output,
            source: usage.source,
            notes: usage.notes,
        };
        claim.check_place()?;
        let known = self.known.as_deref();
        let made = self.store.commit_as(&claim.output(), made, known)?;
        self.store.release(claim)?;
        Ok(made)
    }

    /// Says how the worker's job went: by its outcome or, if it left none, by how the worker ended.
    fn judge(
        &self,
        folder: &Path,
        written: Option<Outcome>,
        exit: &Exit,
        control: &Control,
    ) -> Result<Usage, Failure> {
        if let Some(failure) = &exit.failure {
            return Err(failure.clone());
        }
        match written.or_else(|| serde_json::from_str(&exit.printed).ok()) {
            Some(Outcome::Ok(usage)) if exit.code == Some(0) => Ok(usage),
            Some(Outcome::Error(report)) => {
                let starved =
                    report.kind == ErrorKind::Failed && self.evidence() == Evidence::Group;
                let mut failure = self.failure(report);
                let asked = control.stopping() || control.killed();
                if failure.kind == FailureKind::Interrupted && !asked {
                    failure = unasked();
                }
                if starved {
                    // The system has killed a program that the stage had started.
                    killed::explain(
                        &mut failure,
                        &self.circumstances(folder, control, Evidence::Group),
                    );
                }
                Err(failure)
            }
            _ if control.killed() || (control.stopping() && killed::is_request(exit)) => {
                Err(Failure::interrupted())
            }
            _ => {
                let evidence = self.evidence();
                let circumstances = self.circumstances(folder, control, evidence);
                Err(killed::failure(exit, &circumstances))
            }
        }
    }

    /// Says what speaks for the system having killed the job. Of another machine nothing is seen here.
    fn evidence(&self) -> Evidence {
        match self.executor.is_here() {
            true => self.kills.evidence(),
            false => Evidence::Nothing,
        }
    }

    fn circumstances(&self, folder: &Path, control: &Control, evidence: Evidence) -> Circumstances {
        Circumstances {
            held: control.held(),
            declared: self.resources.memory,
            available: self.memory,
            evidence,
            last_words: killed::last_words(&folder.join("log.txt")),
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
        let mut failure = Failure::new(kind, report.message);
        failure.remedy = report.remedy;
        failure
    }
}

/// Returns the outcome that a worker has left in its folder, if there is one that can be read.
fn outcome(folder: &Path) -> Result<Option<Outcome>, Failure> {
    let path = folder.join(Outcome::FILE);
    match fs::read(&path) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(&path)(error).into()),
    }
}

/// The failure of a job that was asked to stop by something else than the run.
fn unasked() -> Failure {
    let mut failure = Failure::new(
        FailureKind::Failed,
        "the job was asked to stop (SIGTERM or SIGINT), and not by this run".to_owned(),
    );
    failure.remedy = Some(
        "a program that signals its process group (`kill 0`) signals the job as well: have it signal its own \
         children; where somebody else has stopped the job, run again"
            .into(),
    );
    failure
}
