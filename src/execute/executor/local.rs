//! Jobs as child processes on this machine.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, PoisonError, RwLock};

use contract::{STARVED, is_starved};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use super::{Asked, Assignment, Control, Executor, Exit, Reach};
use crate::execute::gpus::{Lease, ORDER, VISIBLE};
use crate::execute::inside::{self, INSIDE};
use crate::execute::machine::Machine;
use crate::execute::memory::held;
use crate::store::{StoreError, io_error};

/// For how many milliseconds the allocator keeps freed memory. A step of training frees what the next one takes: by its default
/// of 10 the allocator hands these pages back to the system in between, which then clears them again.
const KEPT: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10000");

/// How a child process is reached.
struct Process(Pid);

impl Reach for Process {
    fn ask(&self, what: Asked) {
        let signal = match what {
            Asked::Nothing => return,
            Asked::Stop => Signal::TERM,
            Asked::Kill => Signal::KILL,
        };
        // The child may have ended just now: then there is nobody left to signal.
        let _ = kill_process(self.0, signal);
    }

    fn held(&self) -> Option<u64> {
        held(self.0.as_raw_nonzero().get().unsigned_abs())
    }
}

/// Runs jobs on this machine: as `pipe stage WORKDIR`, the program being the one that runs already.
#[derive(Clone, Debug)]
pub struct Local {
    program: PathBuf,
    machine: Machine,
    /// Held alone while a child is started that inherits leases, so that no other child inherits them as well.
    starting: Arc<RwLock<()>>,
}

impl Local {
    /// Returns what runs jobs on this machine.
    pub fn here() -> Self {
        // The program that runs now is started, even if its file was replaced since.
        Self {
            program: "/proc/self/exe".into(),
            machine: Machine::here(),
            starting: Arc::default(),
        }
    }
}

impl Executor for Local {
    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn run(&self, assignment: &Assignment<'_>, control: &Control) -> Result<Exit, StoreError> {
        let Assignment { claim, share, .. } = *assignment;
        let (folder, lock) = (claim.folder(), claim.lock()?);
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
        control.attach(Arc::new(Process(pid)));
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
            failure: None,
        })
    }
}

impl Local {
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
