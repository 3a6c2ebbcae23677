//! Programs that end when the process that started them ends.

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use rustix::thread::disable_transparent_huge_pages;

/// Makes the kernel kill the program when the thread that starts it ends, for whatever reason.
#[allow(unsafe_code)]
pub(crate) fn tie(command: &mut Command) {
    let parent = getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the request was made.
        if getppid() != Some(parent) {
            return Err(Errno::SRCH.into());
        }
        // The stage's setting for huge pages would be inherited, but it is not meant for the program.
        let _ = disable_transparent_huge_pages(false);
        Ok(())
    };
    // SAFETY: between fork and exec, only system calls are made: nothing is allocated, and no lock is taken.
    unsafe { command.pre_exec(prepare) };
}
