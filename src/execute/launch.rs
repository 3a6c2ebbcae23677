//! Starting processes that end with the one that started them.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{self, Command};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// The word for `pipe launch PARENT PROGRAM ARGUMENT…`.
pub(crate) const WORD: &str = "launch";

/// Returns what this process puts before a program and its arguments, so that the program ends with it.
pub(super) fn prefix() -> Vec<OsString> {
    vec![
        "/proc/self/exe".into(),
        WORD.into(),
        process::id().to_string().into(),
    ]
}

/// Becomes the program, which the kernel kills when the thread of `parent` that started this process ends. Returns only if
/// that fails, with the exit code that shells give then and the reason.
pub(crate) fn launch(parent: u32, program: &OsString, arguments: &[OsString]) -> (u8, String) {
    match die_with(parent) {
        Ok(true) => {}
        Ok(false) => return (1, "whoever asked for it is gone".into()),
        Err(error) => return (1, error.to_string()),
    }
    // What this process wants of its memory is not for the program, which would inherit it.
    let _ = rustix::thread::disable_transparent_huge_pages(false);
    let error = Command::new(program).args(arguments).exec();
    let code = match error.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    };
    (code, format!("cannot start {}: {error}", program.display()))
}

/// Has the kernel kill this process when the thread of `parent` that started it ends. Returns whether the parent lives.
pub(super) fn die_with(parent: u32) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before the request was made.
    Ok(getppid().map(Pid::as_raw_nonzero).map(i32::from) == i32::try_from(parent).ok())
}
