//! Jobs on the nodes of a Slurm cluster.
//!
//! Each job is handed over by one `sbatch`, and one thread asks how all of them stand. What counts is, in this order: the
//! result that a start has published ([`crate::execute::apart`]), what a start has said in the work folder, what `squeue`
//! says, and what `sacct` says where there is one. That the controller does not answer tells nothing of a job. A run that ends
//! leaves its jobs to go on, and the next one finds them by what was submitted ([`Submitted`]).

mod ending;
mod engine;
mod poll;
mod script;
mod submitted;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Asked, Assignment, Control, Executor, Exit, Reach};
use crate::execute::apart::Start;
use crate::execute::machine::Machine;
use crate::execute::protocol::{ErrorKind, Outcome};
use crate::failure::{Failure, FailureKind};
use crate::settings::SlurmSettings;
use crate::store::{Store, StoreError, io_error};
use ending::{Verdict, cannot_start, is_usual, judge};
use engine::{CallError, End, Seen};
use poll::Poll;
use submitted::Submitted;

/// How often it is looked whether a job has said something.
const TICK: Duration = Duration::from_millis(250);
/// How often a job is begun anew that a node has failed.
const FAULTS: u32 = 3;
/// How long a job may stand still for a reason that does not pass before it is given up.
const HOPELESS: Duration = Duration::from_secs(5);

/// Runs jobs by Slurm.
pub struct Slurm {
    settings: SlurmSettings,
    machine: Machine,
    program: PathBuf,
    poll: Poll,
    /// Jobs that go on although the run does not wait for them.
    left: Mutex<BTreeSet<u64>>,
}

/// How a submitted job is reached: its thread looks whether it is asked for anything.
#[derive(Default)]
struct Flags {
    stop: AtomicBool,
    kill: AtomicBool,
}

impl Reach for Flags {
    fn ask(&self, what: Asked) {
        self.stop.fetch_or(what >= Asked::Stop, Ordering::SeqCst);
        self.kill.fetch_or(what >= Asked::Kill, Ordering::SeqCst);
    }

    fn held(&self) -> Option<u64> {
        None
    }
}

/// What comes of waiting for an attempt.
enum Waited {
    /// The job has ended.
    Ended(Exit),
    /// The attempt has come to nothing, and another may do better.
    Again { why: String, fault: bool },
}

impl Slurm {
    /// Returns what runs jobs by Slurm.
    ///
    /// # Errors
    /// When Slurm's programs are not there.
    pub fn new(settings: SlurmSettings) -> Result<Self, Failure> {
        engine::check().map_err(|error| refusal(error, FailureKind::Input))?;
        let program = std::env::current_exe();
        let poll = Poll::start(settings.poll);
        match (program, poll) {
            (Ok(program), Ok(poll)) => Ok(Self {
                settings,
                machine: Machine::here(),
                program,
                poll,
                left: Mutex::default(),
            }),
            (Err(error), _) | (_, Err(error)) => {
                Err(Failure::new(FailureKind::Failed, error.to_string()))
            }
        }
    }

    /// Finds the job of the open attempt, or submits a new one. Returns its number.
    fn submit(
        &self,
        assignment: &Assignment<'_>,
        submitted: &mut Submitted,
        flags: &Flags,
    ) -> Result<u64, Box<Failure>> {
        let folder = assignment.folder();
        let io = |error: io::Error| Box::new(Failure::from(io_error(folder)(error)));
        if let Some(open) = submitted.open() {
            // A run that ended between the intent and the answer may have submitted it.
            let found = match open.id {
                Some(id) => Some(id),
                None => self.insist(flags, || engine::find(&open.name))?,
            };
            if let Some(id) = found {
                submitted.is(id);
                submitted.write(folder).map_err(io)?;
                return Ok(id);
            }
            submitted.end("never submitted");
        }
        let key = assignment.claim.key().to_string();
        let submission = submitted.intend(folder, &key).clone();
        submitted.write(folder).map_err(io)?;
        let script = script::Script {
            program: &self.program,
            folder,
            submission: &submission,
            threads: assignment.share.threads,
            request: assignment.request,
            source: assignment.source,
            settings: &self.settings,
        };
        fs::create_dir_all(script.log().parent().unwrap_or(folder)).map_err(io)?;
        let mut asked = false;
        let answer = self.insist(flags, || {
            // Slurm may have taken the job although its answer did not arrive.
            if std::mem::replace(&mut asked, true)
                && let Some(id) = engine::find(&submission.name)?
            {
                return Ok(id);
            }
            engine::submit(&script.arguments(), &script.text())
        });
        if answer.is_err() {
            submitted.end("not submitted");
            submitted.write(folder).map_err(io)?;
        }
        let id = answer?;
        submitted.is(id);
        submitted.write(folder).map_err(io)?;
        Ok(id)
    }

    /// Asks Slurm something until it answers, or nobody waits for that any more.
    fn insist<T>(
        &self,
        flags: &Flags,
        mut ask: impl FnMut() -> Result<T, CallError>,
    ) -> Result<T, Box<Failure>> {
        loop {
            match ask() {
                Err(CallError::Away(_)) if flags.stop.load(Ordering::SeqCst) => {
                    return Err(Box::new(Failure::interrupted()));
                }
                Err(CallError::Away(_)) => thread::sleep(self.settings.poll),
                Err(error) => return Err(Box::new(refusal(error, FailureKind::Input))),
                Ok(answer) => return Ok(answer),
            }
        }
    }

    /// Whether a job goes on although the run does not wait for it.
    fn is_left(&self, id: u64) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.contains(&id)
    }

    /// Waits for what comes of a submitted job.
    fn wait(
        &self,
        folder: &Path,
        (attempt, id): (u32, u64),
        flags: &Flags,
        control: &Control,
    ) -> io::Result<Waited> {
        let mut events = Events::new(folder);
        let mut told = String::new();
        let mut since: Option<(Seen, Instant)> = None;
        let mut cancelled = None;
        let mut interrupted: Option<Instant> = None;
        loop {
            thread::sleep(TICK);
            if let Some(start) = Start::published(folder)? {
                events.pass_on(&start.place);
                let exit = collect(folder, &start, self.settings.grace)?;
                forget(folder)?;
                return Ok(Waited::Ended(exit));
            }
            let starts = Start::all(folder)?;
            let own: Vec<&Start> = starts
                .iter()
                .filter(|start| start.attempt == attempt)
                .collect();
            if let Some(start) = own.last() {
                events.pass_on(&start.place);
            }
            if flags.kill.load(Ordering::SeqCst) && cancelled.is_none() {
                cancelled = Some(Instant::now());
                // A job that cannot be cancelled now goes on, and the next run finds it.
                let _ = engine::cancel(&[id]);
            }
            if cancelled.is_some_and(|at: Instant| at.elapsed() > self.settings.poll.max(TICK * 8))
            {
                return Ok(Waited::Ended(Exit::of(Failure::interrupted())));
            }
            if flags.stop.load(Ordering::SeqCst) && cancelled.is_none() {
                self.left
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(id);
                return Ok(Waited::Ended(Exit::of(Failure::interrupted())));
            }
            // A start that has succeeded has published before it says so: the next look finds that.
            let failed = own.iter().find_map(|start| match &start.outcome {
                Some(outcome @ Outcome::Error(_)) => Some(outcome),
                _ => None,
            });
            if let Some(outcome) = failed {
                let end = match self.poll.seen(id) {
                    Some(Seen::Ended(end)) => Some(end),
                    _ => None,
                };
                // Who has asked it to stop, its user or a time limit, Slurm says once the job has ended.
                let waits = end.is_none() && is_interruption(outcome);
                let since = *interrupted.get_or_insert_with(Instant::now);
                if waits && since.elapsed() < self.settings.grace {
                    continue;
                }
                return Ok(said(outcome, end.as_ref(), id, advanced(&starts, attempt)));
            }
            let Some(seen) = self.poll.seen(id) else {
                continue;
            };
            if let Seen::Queued(reason) = &seen
                && !is_usual(reason)
                && *reason != told
            {
                control.say(format!("job {id} is queued, Slurm says {reason}"));
                told.clone_from(reason);
            }
            if since.as_ref().is_none_or(|(last, _)| *last != seen) {
                since = Some((seen.clone(), Instant::now()));
            }
            let stands = since
                .as_ref()
                .map_or(Duration::ZERO, |(_, at)| at.elapsed());
            match seen {
                Seen::Queued(reason) if stands > HOPELESS => {
                    if let Some(failure) = cannot_start(&reason, id) {
                        let _ = engine::cancel(&[id]);
                        return Ok(Waited::Ended(Exit::of(failure)));
                    }
                }
                // What the job has written may take a while to be seen here.
                Seen::Ended(end) if stands > self.settings.grace => {
                    let checkpoints = advanced(&starts, attempt);
                    return Ok(match judge(&end, id, checkpoints) {
                        Verdict::Again { why, fault } => Waited::Again { why, fault },
                        Verdict::Failed(failure) => Waited::Ended(Exit::of(failure)),
                    });
                }
                Seen::Gone if stands > self.settings.grace => {
                    let why = format!("Slurm does not know job {id} any more");
                    return Ok(Waited::Again { why, fault: true });
                }
                _ => {}
            }
        }
    }
}

impl Executor for Slurm {
    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn is_here(&self) -> bool {
        false
    }

    fn threads_each(&self) -> Option<usize> {
        Some(self.settings.cpus)
    }

    fn news(&self) -> Option<String> {
        self.poll.news()
    }

    fn farewell(&self) -> Option<String> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let ids: Vec<String> = left.iter().map(u64::to_string).collect();
        let ids = ids.join(" ");
        let text = match left.len() {
            0 => return None,
            1 => format!(
                "job {ids} goes on in Slurm: the same command comes back to it; `scancel {ids}` ends it"
            ),
            number => format!(
                "{number} jobs go on in Slurm: the same command comes back to them; `scancel {ids}` ends them"
            ),
        };
        Some(text)
    }

    fn run(&self, assignment: &Assignment<'_>, control: &Control) -> Result<Exit, StoreError> {
        let folder = assignment.folder();
        let flags = Arc::new(Flags::default());
        control.attach(Arc::clone(&flags) as Arc<dyn Reach>);
        let mut submitted = Submitted::read(folder).map_err(io_error(folder))?;
        let mut faults = 0;
        let exit = loop {
            let id = match self.submit(assignment, &mut submitted, &flags) {
                Ok(id) => id,
                Err(failure) => break Exit::of(*failure),
            };
            let attempt = submitted.attempts.last().map_or(0, |last| last.number);
            self.poll.follow(id);
            let waited = self.wait(folder, (attempt, id), &flags, control);
            self.poll.forget(id);
            match waited.map_err(io_error(folder))? {
                Waited::Ended(exit) => {
                    // What goes on is found by the next run; what has failed is not waited for again.
                    if !self.is_left(id) {
                        submitted.end("ended");
                        submitted.write(folder).map_err(io_error(folder))?;
                    }
                    break exit;
                }
                Waited::Again { why, fault } => {
                    faults += u32::from(fault);
                    submitted.end(&why);
                    submitted.write(folder).map_err(io_error(folder))?;
                    if faults > FAULTS {
                        let mut failure = Failure::new(
                            FailureKind::Failed,
                            format!("given up after {attempt} attempts: {why}"),
                        );
                        failure.remedy = Some("look at the nodes (`sinfo -R`), then run again: it goes on from its last checkpoint".into());
                        break Exit::of(failure);
                    }
                    control.say(format!("{why}: submitted again"));
                }
            }
        };
        control.detach();
        Ok(exit)
    }
}

/// Whether a start was asked to stop, and has neither succeeded nor failed.
fn is_interruption(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Error(report) if report.kind == ErrorKind::Interrupted)
}

/// Says what comes of a start that has told how it went, and whose job Slurm says to have ended so. `advanced` says whether it has
/// left a later checkpoint than there was.
fn said(outcome: &Outcome, end: Option<&End>, id: u64, advanced: bool) -> Waited {
    if !is_interruption(outcome) {
        return Waited::Ended(Exit {
            printed: serde_json::to_string(outcome).unwrap_or_default(),
            code: Some(1),
            ..Exit::default()
        });
    }
    if let Some(end) = end.filter(|end| end.state == "CANCELLED")
        && let Verdict::Failed(failure) = judge(end, id, advanced)
    {
        return Waited::Ended(Exit::of(failure));
    }
    Waited::Again {
        why: format!("job {id} was asked to stop, as before its time limit or for another job"),
        // A start that got no farther than those before would get no farther the next time.
        fault: !advanced,
    }
}

/// Removes what starts have left that have ended; a copy that still runs removes its own.
fn forget(folder: &Path) -> io::Result<()> {
    for start in Start::all(folder)? {
        // Bytes that differ from the result's are kept, for whoever looks why.
        if start.outcome.is_some() && start.word.is_none() {
            contract::remove_all(&start.place)?;
        }
    }
    Ok(())
}

/// Whether the attempt has a later checkpoint than the attempts before it.
fn advanced(starts: &[Start], attempt: u32) -> bool {
    let last = |start: &Start| {
        let names = fs::read_dir(start.place.join("checkpoints"))
            .into_iter()
            .flatten()
            .flatten();
        names
            .map(|entry| entry.file_name())
            .filter(|name| name.to_string_lossy().starts_with("after-"))
            .max()
    };
    let own = starts
        .iter()
        .filter(|start| start.attempt == attempt)
        .filter_map(last)
        .max();
    let before = starts
        .iter()
        .filter(|start| start.attempt < attempt)
        .filter_map(last)
        .max();
    own > before
}

/// Moves what a start has made to where the runner looks for it, and says how the job ended. On a network file system the files
/// may take a while to be seen whole.
fn collect(folder: &Path, start: &Start, grace: Duration) -> io::Result<Exit> {
    let output = start.place.join("output");
    let begun = Instant::now();
    // A run that was killed at this place has moved the output before.
    while contract::is_folder(&output)? {
        let seen = start
            .output
            .and_then(|output_type| Store::artifact_of(&output, output_type).ok());
        if seen == start.artifact {
            break;
        }
        if begun.elapsed() > grace {
            let mut failure = Failure::new(
                FailureKind::Failed,
                format!(
                    "{}: what {} has made is not what is seen here",
                    output.display(),
                    start.host
                ),
            );
            failure.remedy = Some("see that the store lies where all nodes see the same files; on a slow file system raise `grace` in [executor.slurm]".into());
            return Ok(Exit::of(failure));
        }
        thread::sleep(TICK);
    }
    for name in ["output", "log.txt"] {
        let (from, to) = (start.place.join(name), folder.join(name));
        match fs::symlink_metadata(&from) {
            Ok(_) => {
                contract::remove_all(&to)?;
                fs::rename(&from, &to)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    // The winner publishes before it says how it went, and may be about to say it.
    contract::remove_all(&start.place)?;
    let printed = start.outcome.as_ref().map(serde_json::to_string);
    Ok(Exit {
        printed: printed.and_then(Result::ok).unwrap_or_default(),
        code: Some(0),
        ..Exit::default()
    })
}

/// The events of a job that runs elsewhere, passed on to where the runner looks for them.
struct Events {
    to: PathBuf,
    from: Option<PathBuf>,
    length: u64,
}

impl Events {
    fn new(folder: &Path) -> Self {
        Self {
            to: folder.join("events.jsonl"),
            from: None,
            length: 0,
        }
    }

    /// Copies the events of the start that works in `place`, if there are new ones. Events are for watching, so that a copy which
    /// fails is no failure.
    fn pass_on(&mut self, place: &Path) {
        let from = place.join("events.jsonl");
        let length = fs::metadata(&from).map_or(0, |metadata| metadata.len());
        if self.from.as_deref() == Some(&from) && length == self.length {
            return;
        }
        let aside = self.to.with_extension("part");
        if fs::copy(&from, &aside)
            .and_then(|_| fs::rename(&aside, &self.to))
            .is_ok()
        {
            self.length = length;
            self.from = Some(from);
        }
    }
}

/// Says that Slurm does not take a job.
fn refusal(error: CallError, kind: FailureKind) -> Failure {
    let (message, remedy) = match error {
        CallError::Missing(program) => (
            format!("there is no program `{program}` here, which hands jobs to Slurm"),
            "run it on a node of the cluster from which jobs are submitted, or here with --on here",
        ),
        CallError::Refused(why) => (
            format!("Slurm refuses the job: {why}"),
            "correct `resources` of the stage, or [executor.slurm] in your settings",
        ),
        CallError::Away(why) => (format!("Slurm does not answer: {why}"), "try again later"),
        CallError::Io(error) => (error.to_string(), "see what the system lacks"),
    };
    let mut failure = Failure::new(kind, message);
    failure.remedy = Some(remedy.into());
    failure
}
