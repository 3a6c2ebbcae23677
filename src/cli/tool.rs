//! What a kind's code is given while a command uses it outside of a run.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use contract::{Context, Event, Observer};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tempfile::TempDir;

use super::failure::CommandFailure;
use super::output::tell;
use crate::progress::Verbosity;
use crate::terminal::Paint;

/// The exit code of a program that a second signal ends at once.
const AT_ONCE: i32 = 130;

/// A context for a tool, and its folder, which goes when this is dropped.
pub(super) struct Tool {
    pub(super) context: Context,
    _scratch: TempDir,
}

impl Tool {
    /// Makes a context that tells notes on standard error and is stopped by an interrupt, so that what was begun beside its place is
    /// removed; a second interrupt ends the program at once.
    pub(super) fn new(verbosity: Verbosity) -> Result<Self, CommandFailure> {
        let scratch = tempfile::tempdir()?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Without them the signals end the program as they always do.
            let _ = flag::register_conditional_shutdown(signal, AT_ONCE, Arc::clone(&stop));
            let _ = flag::register(signal, Arc::clone(&stop));
        }
        let context = Context::in_folder(scratch.path())?
            .with_observer(Box::new(Observed { verbosity }))
            .with_stop(stop);
        Ok(Self {
            context,
            _scratch: scratch,
        })
    }
}

/// Tells notes on standard error.
struct Observed {
    verbosity: Verbosity,
}

impl Observer for Observed {
    fn observe(&self, event: &Event) {
        if let Event::Note { message } = event
            && self.verbosity > Verbosity::Quiet
        {
            tell(&format!("{} {message}", "note:".cyan()));
        }
    }
}
