//! Programs that end with the process that starts them.

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use rustix::thread::disable_transparent_huge_pages;

/// Has the kernel kill the program when the thread that starts it ends, however it ends.
#[allow(unsafe_code)]
pub(crate) fn tie(command: &mut Command) {
    let parent = getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before the request was made.
        if getppid() != Some(parent) {
            return Err(Errno::SRCH.into());
        }
        // What the stage wants of its memory is not for the program, which would inherit it.
        let _ = disable_transparent_huge_pages(false);
        Ok(())
    };
    // SAFETY: between fork and exec there are system calls alone: nothing is allocated, and no lock is taken.
    unsafe { command.pre_exec(prepare) };
}
