//! The program as a process: it is started, followed and stopped, and never outlives its stage.
//!
//! **One group.** The program and all processes that it starts are in one process group: the stage's group, if the stage leads
//! one (as when the coordinator starts it), else a group of their own. A request to stop is sent to the whole group.
//!
//! **Sudden deaths.** The program is tied to the stage ([`lifeline`]): the kernel kills it when the stage dies. When only the
//! stage is killed, the coordinator kills its group. When the coordinator dies, the kernel signals the stage, which kills the
//! group, itself included. When both are killed at once, a [`Warden`] kills the group. Processes that none of this reaches
//! (in another session, or in a program's first moments) have inherited the lock of the job's folder, so no second attempt
//! can begin beside them.
//!
//! **No polling at intervals.** One thread waits in `poll` for a signal, which also reports the program's end, or for progress.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use contract::{Context, StageError, is_starved};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, getpid, kill_current_process_group,
    kill_process_group, parent_process_death_signal, set_parent_process_death_signal, waitid,
};
use signal_hook::SigId;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use crate::lifeline;
use crate::log::to_log;
use crate::progress::Lines;

/// The program to start.
pub(crate) struct Program<'a> {
    /// Path of the program.
    pub(crate) path: &'a OsStr,
    pub(crate) arguments: &'a [String],
    /// The folder in which the program starts.
    pub(crate) folder: &'a Path,
}

/// The two ends of the pipe for progress.
pub(crate) struct ProgressPipe {
    read: File,
    write: OwnedFd,
}

impl ProgressPipe {
    /// Makes a pipe whose writing end programs inherit.
    pub(crate) fn new() -> Result<Self, StageError> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(StageError::failed)?;
        fcntl_setfd(&write, FdFlags::empty()).map_err(StageError::failed)?;
        fcntl_setfl(&read, OFlags::NONBLOCK).map_err(StageError::failed)?;
        Ok(Self {
            read: File::from(read),
            write,
        })
    }

    /// Returns the descriptor number of the writing end.
    pub(crate) fn number(&self) -> i32 {
        self.write.as_raw_fd()
    }
}

/// Starts the program, waits for its end, and returns its exit status.
///
/// # Errors
/// [`StageError::Interrupted`] if the stage was asked to stop, whatever the program's exit status.
pub(crate) fn run(
    program: &Program<'_>,
    environment: &BTreeMap<OsString, OsString>,
    progress: ProgressPipe,
    context: &Context,
) -> Result<ExitStatus, StageError> {
    // Signals are caught before the program starts, so that even its early end is noticed.
    let mut signals = Signals::catch().map_err(StageError::failed)?;
    let guard = Guard::post()?;
    let group = Group::here();
    let mut child = start(program, environment, &group)?;
    let ProgressPipe { read, write } = progress;
    // Now only the program has the writing end: when that closes, there is no more progress to read.
    drop(write);
    let mut pipe = Some(read);
    let mut lines = Lines::new(context);
    let mut asked = false;
    let mut warden = Warden::none_yet();
    loop {
        if signals.hung_up() {
            group.signal(&child, Signal::KILL);
            // A program in a group of its own has been killed here, while the stage lives on.
            let _ = child.wait();
            return Err(StageError::Interrupted);
        }
        if context.should_stop() && !asked {
            group.signal(&child, Signal::TERM);
            asked = true;
        }
        if has_ended(&child)? {
            break;
        }
        let until = warden.due();
        signals
            .wait(pipe.as_ref(), until)
            .map_err(StageError::failed)?;
        warden.post_if_due(group.number(&child));
        if let Some(read) = &pipe
            && !follow(read, &mut lines)
        {
            pipe = None;
        }
    }
    if let Some(read) = &pipe {
        follow(read, &mut lines);
    }
    lines.finish();
    // Processes that the program started end with it. In the stage's own group, whoever ends the stage kills them.
    if group == Group::Own {
        group.signal(&child, Signal::KILL);
    }
    let status = child.wait().map_err(StageError::failed)?;
    guard.dismiss()?;
    if asked || signals.hung_up() {
        return Err(StageError::Interrupted);
    }
    Ok(status)
}

fn start(
    program: &Program<'_>,
    environment: &BTreeMap<OsString, OsString>,
    group: &Group,
) -> Result<Child, StageError> {
    let mut command = Command::new(program.path);
    command
        .args(program.arguments)
        .current_dir(program.folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(to_log().map_err(StageError::failed)?)
        .stderr(Stdio::inherit());
    if *group == Group::Own {
        command.process_group(0);
    }
    lifeline::tie(&mut command);
    let name = || format!("`{}`", program.path.display());
    command.spawn().map_err(|error| match is_starved(&error) {
        true => StageError::not_started(&name(), &error),
        false => not_started(program, &error),
    })
}

/// Returns the error for a program that exists but cannot be started.
fn not_started(program: &Program<'_>, error: &io::Error) -> StageError {
    StageError::Program {
        reason: format!("{} cannot be started: {error}", program.path.display()),
        remedy: match error.kind() {
            ErrorKind::PermissionDenied => {
                "a file from the store or without the right to be executed is run by its interpreter: \
                 argv = [\"sh\", \"{script}\", …]"
            }
            _ => "check that it is there, and that the interpreter which its first line names is",
        }
        .into(),
    }
}

/// Reads the progress that is available, and returns whether more may come.
fn follow(mut pipe: &File, lines: &mut Lines<'_>) -> bool {
    let mut bytes = [0; 4096];
    loop {
        match pipe.read(&mut bytes) {
            Ok(0) => return false,
            Ok(count) => lines.take(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Whether the program has ended. It is not reaped, so its process id is not given to another process.
fn has_ended(child: &Child) -> Result<bool, StageError> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    match waitid(WaitId::Pid(Pid::from_child(child)), options) {
        Ok(status) => Ok(status.is_some()),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(StageError::failed(error)),
    }
}

/// The process group that the program is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// The stage's group, which the stage leads.
    Shared,
    /// A group of its own, which the program leads.
    Own,
}

impl Group {
    fn here() -> Self {
        if getpgrp() == getpid() {
            Self::Shared
        } else {
            Self::Own
        }
    }

    fn number(self, child: &Child) -> Pid {
        match self {
            Self::Shared => getpgrp(),
            Self::Own => Pid::from_child(child),
        }
    }

    /// Sends a signal to the whole group; a shared group includes the stage.
    fn signal(self, child: &Child, signal: Signal) {
        // If all processes of the group have ended, there is nobody left to signal.
        let _ = match self {
            Self::Shared => kill_current_process_group(signal),
            Self::Own => kill_process_group(Pid::from_child(child), signal),
        };
    }
}

/// Kills the group if the stage dies without dismissing the warden. It is a shell in a group of its own that waits for the
/// stage's end of a pipe to close. Programs that end soon get no warden.
struct Warden {
    began: Instant,
    shell: Option<Child>,
}

impl Warden {
    /// How long a program runs before it gets a warden.
    const SOON: Duration = Duration::from_millis(100);

    fn none_yet() -> Self {
        Self {
            began: Instant::now(),
            shell: None,
        }
    }

    /// Returns the time until the warden must be posted; `None` if it is posted already.
    fn due(&self) -> Option<Timespec> {
        if self.shell.is_some() {
            return None;
        }
        Timespec::try_from(Self::SOON.saturating_sub(self.began.elapsed())).ok()
    }

    /// Posts a warden for the group, if the program has run long enough.
    fn post_if_due(&mut self, group: Pid) {
        if self.shell.is_some() || self.began.elapsed() < Self::SOON {
            return;
        }
        let shell = Command::new("sh")
            .args(["-c", "read -r line; kill -s KILL -- \"-$1\"", "warden"])
            .arg(group.as_raw_nonzero().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match shell {
            Ok(shell) => self.shell = Some(shell),
            // Without a warden the other protections remain. The next try is after as long a time again.
            Err(_) => self.began = Instant::now(),
        }
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        if let Some(shell) = &mut self.shell {
            // The call fails only if the warden has ended by itself.
            let _ = shell.kill();
            let _ = shell.wait();
        }
    }
}

/// While a guard exists, the coordinator's death reaches the stage as a signal instead of killing it, so that the stage can first
/// kill the program.
struct Guard {
    posted: bool,
}

impl Guard {
    fn post() -> Result<Self, StageError> {
        let posted = parent_process_death_signal().ok().flatten() == Some(Signal::KILL);
        if posted {
            set_parent_process_death_signal(Some(Signal::HUP)).map_err(StageError::failed)?;
        }
        Ok(Self { posted })
    }

    fn dismiss(self) -> Result<(), StageError> {
        if self.posted {
            set_parent_process_death_signal(Some(Signal::KILL)).map_err(StageError::failed)?;
        }
        Ok(())
    }
}

/// Signals in a form that `poll` can wait for.
struct Signals {
    woken: UnixStream,
    hangup: Arc<AtomicBool>,
    registered: Vec<SigId>,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let mut signals = Self {
            woken,
            hangup: Arc::default(),
            registered: Vec::new(),
        };
        // The flags are registered first, so that a woken thread finds them set. The flag of a request to stop exists already.
        let id = signal_hook::flag::register(SIGHUP, Arc::clone(&signals.hangup))?;
        signals.registered.push(id);
        for signal in [SIGCHLD, SIGHUP, SIGINT, SIGTERM] {
            let id = signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
            signals.registered.push(id);
        }
        Ok(signals)
    }

    fn hung_up(&self) -> bool {
        self.hangup.load(Ordering::Relaxed)
    }

    /// Waits until a signal arrives, there is something to read, or the time is over.
    fn wait(&mut self, pipe: Option<&File>, timeout: Option<Timespec>) -> io::Result<()> {
        let mut watched = vec![PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN)];
        watched.extend(pipe.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        match poll(&mut watched, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 64];
        while matches!(self.woken.read(&mut bytes), Ok(count) if count > 0) {}
        Ok(())
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}
