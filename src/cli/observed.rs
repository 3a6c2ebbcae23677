//! What a stage's code says while a command uses it outside of a run.

use contract::{Event, Observer};

use super::output::tell;
use crate::progress::Verbosity;
use crate::terminal::Paint;

/// Tells notes on standard error.
pub(super) struct Observed {
    verbosity: Verbosity,
}

impl Observed {
    pub(super) fn new(verbosity: Verbosity) -> Self {
        Self { verbosity }
    }
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
