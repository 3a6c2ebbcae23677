//! Having a prepared job done: by a child process.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use contract::{STARVED, is_starved};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use super::gpus::{Lease, ORDER, VISIBLE};
use super::inside::{self, INSIDE};
use super::memory::held;
use crate::store::{StoreError, io_error};

/// For how many milliseconds the allocator keeps freed memory. A step of training frees what the next one takes: by its default
/// of 10 the allocator hands these pages back to the system in between, which then clears them again.
const KEPT: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10000");

/// What a job may use while it runs.
#[derive(Debug, Default)]
pub struct Share {
    /// Threads.
    pub threads: usize,
    /// GPUs, leased until the job has ended.
    pub gpus: Vec<Lease>,
}

/// What runs the job of a prepared work folder.
pub trait Worker: Sync {
    /// Runs the job and returns when it has ended. `lock` is the folder's lock, to be held by whoever writes there.
    ///
    /// # Errors
    /// When the job could not be started.
    fn run(
        &self,
        folder: &Path,
        lock: File,
        share: &Share,
        control: &Control,
    ) -> Result<Exit, StoreError>;
}

/// How a worker ended.
#[derive(Clone, Debug, Default)]
pub struct Exit {
    /// What it printed: its outcome as JSON, if all went well enough to say it.
    pub printed: String,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
}

/// A line to a running job: asks it to stop, or kills it.
#[derive(Debug, Default)]
pub struct Control {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    asked: Asked,
    child: Option<Pid>,
    /// Most memory that it was seen to hold, in bytes.
    held: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    #[default]
    Nothing,
    Stop,
    Kill,
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
        let child = self.lock().child;
        let now = child.and_then(|child| held(child.as_raw_nonzero().get().unsigned_abs()));
        let mut state = self.lock();
        state.held = state.held.max(now);
        state.held
    }

    /// Returns the most memory that the job was seen to hold, in bytes.
    pub fn held(&self) -> Option<u64> {
        self.lock().held
    }

    fn ask(&self, what: Asked) {
        let mut state = self.lock();
        state.asked = state.asked.max(what);
        state.deliver();
    }

    /// From here on signals go to `child`; a signal that was asked for before is sent now.
    fn attach(&self, child: Pid) {
        let mut state = self.lock();
        state.child = Some(child);
        state.deliver();
    }

    /// The child has ended, and its process number may soon be another's.
    fn detach(&self) {
        self.lock().child = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deliver(&self) {
        let signal = match self.asked {
            Asked::Nothing => return,
            Asked::Stop => Signal::TERM,
            Asked::Kill => Signal::KILL,
        };
        if let Some(child) = self.child {
            // The child may have ended just now: then there is nobody left to signal.
            let _ = kill_process(child, signal);
        }
    }
}

/// Runs jobs as `pipe stage WORKDIR`, the program being the one that runs already.
#[derive(Clone, Debug)]
pub struct ChildProcess {
    program: PathBuf,
    /// Held alone while a child is started that inherits leases, so that no other child inherits them as well.
    starting: Arc<RwLock<()>>,
}

impl Default for ChildProcess {
    fn default() -> Self {
        // The program that runs now is started, even if its file was replaced since.
        Self {
            program: "/proc/self/exe".into(),
            starting: Arc::default(),
        }
    }
}

impl Worker for ChildProcess {
    fn run(
        &self,
        folder: &Path,
        lock: File,
        share: &Share,
        control: &Control,
    ) -> Result<Exit, StoreError> {
        let path = folder.join("log.txt");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(io_error(&path))?;
        let visible: Vec<&str> = share.gpus.iter().map(|lease| &*lease.gpu.name).collect();
        let mut command = Command::new(&self.program);
        command
            .arg0("pipe")
            .arg("stage")
            .arg(folder)
            .args(["--coordinator", &std::process::id().to_string()])
            .env("RAYON_NUM_THREADS", share.threads.to_string())
            .env(VISIBLE, visible.join(","))
            .env(INSIDE, inside::with(folder))
            .stdin(Stdio::from(lock))
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log))
            // A Ctrl-C on the terminal reaches the coordinator alone, which passes it on.
            .process_group(0);
        for (name, value) in [ORDER, KEPT] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let mut child = self
            .start(&mut command, &share.gpus)
            .map_err(|error| match is_starved(&error) {
                true => io::Error::new(error.kind(), STARVED),
                false => error,
            })
            .map_err(io_error(folder))?;
        // The command holds handles of the folder's lock and of the log, which must be closed here.
        drop(command);
        let pid = Pid::from_child(&child);
        control.attach(pid);
        let mut printed = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            // Output that is cut short is no JSON: then the exit status decides.
            let _ = stdout.read_to_string(&mut printed);
        }
        // This waits without reaping the child, so that until `detach` the process number is the child's.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
        // Processes that the stage has started and left behind are in its group.
        let _ = kill_process_group(pid, Signal::KILL);
        control.detach();
        let status = child.wait().map_err(io_error(folder))?;
        Ok(Exit {
            printed,
            signal: status.signal(),
            code: status.code(),
        })
    }
}

impl ChildProcess {
    /// Starts a child that inherits the leases, and with it all that it starts.
    fn start(&self, command: &mut Command, leases: &[Lease]) -> io::Result<Child> {
        if leases.is_empty() {
            let _others = self.starting.read().unwrap_or_else(PoisonError::into_inner);
            return command.spawn();
        }
        let _alone = self
            .starting
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Unlike all other handles of this program, these stay open in the child and in what it starts.
        let handles = leases.iter().map(|lease| rustix::io::dup(&lease.file));
        let _inherited: Vec<OwnedFd> = handles.collect::<Result<_, _>>()?;
        command.spawn()
    }
}
