//! `pipe launch PARENT PROGRAM ARGUMENT…`: how stages start programs.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use super::output::tell_error;
use crate::execute::{self, LAUNCH};

/// Returns how to end if this is what the command line asks for; if all is well it does not return, and the process is the
/// program. To be called before anything else, since every job of a user's program passes here.
pub fn launch() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != LAUNCH {
        return None;
    }
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let program = arguments.next()?;
    let arguments: Vec<OsString> = arguments.collect();
    let (code, reason) = execute::launch(parent, &program, &arguments);
    tell_error(&reason, None);
    Some(code.into())
}
