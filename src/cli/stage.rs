//! `pipe stage WORKDIR`.

use std::env;
use std::os::unix::process::CommandExt;
use std::process;

use super::Exit;
use super::arguments::{AttemptArguments, StageArguments, TryLockArguments};
use super::failure::CommandFailure;
use super::output::{print, tell, tell_error};
use crate::execute::{self, ErrorKind, Outcome};
use crate::registry::Registry;
use crate::store::is_locked_by_another;
use crate::terminal::json;

/// Says whether another process has a lock on a file.
pub(super) fn try_lock(arguments: &TryLockArguments) -> Result<Exit, CommandFailure> {
    match is_locked_by_another(&arguments.file)? {
        true => print("locked\n")?,
        false => print("free\n")?,
    }
    Ok(Exit::Ok)
}

/// The variable that sizes the thread pools of libraries, read before any code of ours runs.
const THREADS: &str = "RAYON_NUM_THREADS";

/// Runs one job and prints its outcome as JSON.
pub(super) fn stage(
    arguments: &StageArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    if env::var_os(THREADS).is_none()
        && let Some(threads) = execute::threads(&arguments.folder)
    {
        // The stage was started by hand: the program starts itself again with the variable set.
        let error = process::Command::new("/proc/self/exe")
            .args(env::args_os().skip(1))
            .env(THREADS, threads.to_string())
            .env(execute::INSIDE, execute::inside(&arguments.folder))
            .exec();
        tell_error(
            &format!("cannot start again with {THREADS} set: {error}"),
            None,
        );
        return Ok(Exit::Bug);
    }
    tell_outcome(&execute::stage(
        &arguments.folder,
        arguments.coordinator,
        registry,
    ))
}

/// Runs one job as a start of an attempt at it, and prints its outcome as JSON.
pub(super) fn attempt(
    arguments: &AttemptArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let AttemptArguments {
        folder,
        number,
        source,
    } = arguments;
    let (outcome, word) = execute::attempt(folder, *number, source.as_deref(), registry);
    if let Some(word) = word {
        tell(&word);
    }
    tell_outcome(&outcome)
}

/// Tells how a job went: its failure on standard error, which is the job's log, and all of it as JSON.
fn tell_outcome(outcome: &Outcome) -> Result<Exit, CommandFailure> {
    let exit = match outcome {
        Outcome::Ok(_) => Exit::Ok,
        Outcome::Error(report) => {
            tell_error(&report.message, report.remedy.as_deref());
            match report.kind {
                ErrorKind::Input => Exit::Input,
                ErrorKind::Interrupted => Exit::Interrupted,
                ErrorKind::Full => Exit::Full,
                ErrorKind::Panic => Exit::Bug,
                ErrorKind::Io | ErrorKind::Failed => Exit::Failed,
            }
        }
    };
    match serde_json::to_string(outcome) {
        Ok(text) => print(&format!("{}\n", json(&text)))?,
        Err(error) => tell(&error.to_string()),
    }
    Ok(exit)
}
