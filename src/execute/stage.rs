//! The child's side: runs the one job of a work folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::{Context, Event, Observer, Stage, StageError};
use procfs::process::Process;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use rustix::time::{ClockId, clock_gettime};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use super::is_ignored;
use super::memory;
use super::noting::NoteTaker;
use super::protocol::{ErrorKind, ErrorReport, JobFile, Outcome, Usage};
use crate::failure::{Failure, FailureKind};
use crate::registry::Registry;
use crate::store::{Holder, Worked, is_at};

/// Progress is recorded at most this often, and less often in a long job: a file of it grows for as long as the job goes on.
const EVERY: Duration = Duration::from_millis(100);
const SELDOM: Duration = Duration::from_secs(10);

/// Runs the job of the work folder and returns how it went. A failure is kept in the folder's `outcome.json` as well.
///
/// `coordinator` is the process to die with; without it (a person runs the stage by hand) the child lives on its own.
/// The folder's lock is held from before the first write to the end of the process.
pub fn stage(folder: &Path, coordinator: Option<u32>, registry: &Registry) -> Outcome {
    match prepare(folder, coordinator, registry) {
        Ok(prepared) => prepared.run(),
        Err(error) => Outcome::Error(ErrorReport::from(&error)),
    }
}

/// A job that may start.
struct Prepared {
    folder: PathBuf,
    job: JobFile,
    stage: &'static dyn Stage,
    context: Context,
    worked: Arc<Mutex<Vec<Worked>>>,
    noted: Arc<Mutex<NoteTaker>>,
    source: Option<&'static str>,
    /// The folder's lock, held until the process ends.
    lock: File,
}

fn prepare(
    folder: &Path,
    coordinator: Option<u32>,
    registry: &Registry,
) -> Result<Prepared, StageError> {
    if let Some(coordinator) = coordinator
        && !die_with(coordinator).map_err(StageError::failed)?
    {
        return Err(StageError::Interrupted);
    }
    let folder = fs::canonicalize(folder).map_err(contract::io_error(folder))?;
    let job = read_job(&folder)?;
    let stage = registry.get(&job.kind).ok_or_else(|| {
        StageError::input(
            folder.join("job.json").display(),
            format!("unknown stage kind `{}`", job.kind),
            "run it with the program that wrote it",
        )
    })?;
    // A stage that computes for long wants large pages; one that starts a program, or copies files, would only spend time
    // clearing them.
    let large = stage.signature().numerics.is_some();
    let _ = rustix::thread::disable_transparent_huge_pages(!large);
    let stop = Arc::new(AtomicBool::new(false));
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    // Slurm sends the last one before a time limit.
    for signal in [SIGTERM, SIGINT, SIGUSR1].into_iter().chain(hangup) {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(StageError::failed)?;
    }
    let lock = lock(&folder)?;
    remove(&folder.join(Outcome::FILE))?;
    let output = folder.join("output");
    contract::remove_all(&output).map_err(contract::io_error(&output))?;
    let events = folder.join("events.jsonl");
    remove(&events)?;
    let recorder = Recorder::new(events, NoteTaker::new(&job.inputs));
    let worked = Arc::clone(&recorder.worked);
    let noted = Arc::clone(&recorder.noted);
    let context = Context::in_folder(&folder)?
        .with_observer(Box::new(recorder))
        .with_stop(stop)
        .with_peak(job.peak)
        .with_threads(job.threads);
    Ok(Prepared {
        folder,
        source: registry.source(&job.kind),
        job,
        stage,
        context,
        worked,
        noted,
        lock,
    })
}

impl Prepared {
    fn run(self) -> Outcome {
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.stage
                .run(&self.job.params, &self.job.inputs, &self.context)
        }));
        let outcome = match result {
            Ok(Ok(())) => {
                let mut worked = self.worked.lock().unwrap_or_else(PoisonError::into_inner);
                let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
                Outcome::Ok(Usage {
                    core_seconds: core_seconds() + children_core_seconds(),
                    peak_memory: peak_memory(),
                    worked: std::mem::take(&mut *worked),
                    source: self.source.map(str::to_owned),
                    notes: noted.finish(),
                })
            }
            Ok(Err(error)) => Outcome::Error(ErrorReport::from(&error)),
            Err(panic) => {
                let Failure {
                    kind,
                    message,
                    remedy,
                    ..
                } = Failure::panicked(panic.as_ref());
                let kind = match kind {
                    FailureKind::Bug => ErrorKind::Panic,
                    _ => ErrorKind::Failed,
                };
                Outcome::Error(ErrorReport {
                    kind,
                    message,
                    remedy,
                })
            }
        };
        // Success is only printed, for the coordinator; a failure is also kept, for whoever looks later. On a full disk it
        // cannot be kept, and the coordinator goes by what is printed.
        if matches!(outcome, Outcome::Error(_)) && self.is_in_place() {
            let _ = outcome.keep(&self.folder);
        }
        outcome
    }

    /// Whether the work folder lies where it was: another folder that a program has put in its place must not be written to.
    fn is_in_place(&self) -> bool {
        contract::is_folder(&self.folder).unwrap_or(false)
            && is_at(&self.lock, &self.folder.join("lock")).unwrap_or(false)
    }
}

/// Has the kernel kill this process when the thread of `parent` that started it ends. Returns whether the parent lives.
fn die_with(parent: u32) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before the request was made.
    Ok(getppid().map(Pid::as_raw_nonzero).map(i32::from) == i32::try_from(parent).ok())
}

/// Returns how many threads the folder's job is to use, if it holds one.
pub(crate) fn threads(folder: &Path) -> Option<usize> {
    read_job(folder).ok().map(|job| job.threads)
}

fn read_job(folder: &Path) -> Result<JobFile, StageError> {
    let path = folder.join("job.json");
    let text = fs::read(&path).map_err(contract::io_error(&path))?;
    serde_json::from_slice(&text).map_err(|error| {
        StageError::input(
            path.display(),
            error.to_string(),
            "run it with the program that wrote it",
        )
    })
}

/// Takes the folder's lock: the coordinator's, inherited as standard input, or else a new one.
fn lock(folder: &Path) -> Result<File, StageError> {
    let path = folder.join("lock");
    let own = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(contract::io_error(&path))?;
    let inherited = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let lock = match inherited {
        Ok(inherited) if same_file(&inherited, &own).unwrap_or(false) => inherited,
        _ => {
            own.lock().map_err(contract::io_error(&path))?;
            Holder::here().sign(&own);
            return Ok(own);
        }
    };
    lock.lock().map_err(contract::io_error(&path))?;
    // Programs that the stage starts hold the lock too: as long as one of them is left after a kill, no other attempt begins.
    fcntl_setfd(&lock, FdFlags::empty()).map_err(StageError::failed)?;
    Ok(lock)
}

fn same_file(a: &File, b: &File) -> io::Result<bool> {
    let (a, b) = (a.metadata()?, b.metadata()?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

fn remove(path: &Path) -> Result<(), StageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(contract::io_error(path)(error))
        }
        _ => Ok(()),
    }
}

/// Appends events to a file, made with the first, sums up the work done, and gathers what is noted of the result.
struct Recorder {
    path: PathBuf,
    began: Instant,
    file: Mutex<Recording>,
    worked: Arc<Mutex<Vec<Worked>>>,
    noted: Arc<Mutex<NoteTaker>>,
}

#[derive(Default)]
struct Recording {
    file: Option<File>,
    /// When progress was last recorded.
    last: Option<Instant>,
}

impl Recorder {
    fn new(path: PathBuf, notes: NoteTaker) -> Self {
        Self {
            path,
            began: Instant::now(),
            file: Mutex::default(),
            worked: Arc::default(),
            noted: Arc::new(Mutex::new(notes)),
        }
    }
}

impl Observer for Recorder {
    fn observe(&self, event: &Event) {
        if let Event::Worked { amount, unit } = event {
            let mut worked = self.worked.lock().unwrap_or_else(PoisonError::into_inner);
            match worked.iter_mut().find(|worked| worked.unit == *unit) {
                Some(worked) => worked.amount += amount,
                None => worked.push(Worked {
                    amount: *amount,
                    unit: unit.clone(),
                }),
            }
        }
        if let Event::Note { message } = event {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.add(message);
        }
        let mut recording = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::Progress { done, total, .. } = event {
            let last = recording.last;
            let pause = (self.began.elapsed() / 3600).clamp(EVERY, SELDOM);
            if done < total && last.is_some_and(|last| last.elapsed() < pause) {
                return;
            }
            recording.last = Some(Instant::now());
        }
        if recording.file.is_none() {
            recording.file = File::create(&self.path).ok();
        }
        if let Some(file) = &mut recording.file
            && let Ok(mut line) = serde_json::to_vec(event)
        {
            line.push(b'\n');
            // Events are for watching, so one that cannot be written is no failure.
            let _ = file.write_all(&line);
        }
    }
}

fn core_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    u64::try_from(time.tv_sec).unwrap_or_default() as f64 + f64::from(nanoseconds) * 1e-9
}

/// Returns the time on all cores of the programs that this process has started, in seconds; 0 where the kernel does not
/// tell.
fn children_core_seconds() -> f64 {
    let stat = Process::myself().and_then(|process| process.stat());
    let ticks = stat.map_or(0, |stat| stat.cutime + stat.cstime);
    ticks as f64 / procfs::ticks_per_second() as f64
}

/// Returns the most memory this process ever held, in bytes; 0 where the kernel does not tell.
fn peak_memory() -> u64 {
    memory::peak(std::process::id()).unwrap_or(0)
}
