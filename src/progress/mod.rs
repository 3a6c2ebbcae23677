//! Showing a run while it goes on, on standard error.
//!
//! On a terminal each running job has a line that moves; elsewhere (a file, a pipe, CI) plain lines tell what starts
//! and ends, and now and then how far it is.

mod bars;
mod lines;
mod results;
mod text;

use std::io::{IsTerminal, stderr};

use contract::Event;

pub use results::{Made, Results};
pub use text::{amount, count, duration, percent_of, whose};

use crate::failure::Failure;
use crate::store::{Holder, Record};

/// Takes what happens in a run. Jobs are told apart by their index in the graph.
pub trait Progress {
    /// Jobs have results without a start: before the run is planned, and later as it turns out.
    fn known(&mut self, results: &Results<'_>);
    /// All that is known at the start: how many jobs there are, and how many of them need not run.
    fn planned(&mut self, jobs: usize, cached: usize);
    /// A job starts.
    fn started(&mut self, job: usize, label: &str, threads: usize);
    /// A started job waits for another run that works on it: whose, as far as that is known.
    fn waits(&mut self, job: usize, holder: Option<&Holder>);
    /// A running job tells something.
    fn event(&mut self, job: usize, event: &Event);
    /// A started job has a result, which it `made` itself, or which was there after all, as is [`known`](Self::known) by then.
    fn finished(&mut self, job: usize, label: &str, made: Option<&Record>);
    /// A job has no result. It may not have been started.
    fn failed(&mut self, job: usize, label: &str, failure: &Failure);
    /// Something the user should know.
    fn note(&mut self, message: &str);
    /// Some time has passed.
    fn tick(&mut self);
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Nothing but what went wrong, at the end.
    Quiet,
    /// What runs.
    Normal,
    /// Also what stages note, and the threads and cost of each job.
    Verbose,
}

/// Returns what fits standard error.
pub fn to_stderr(verbosity: Verbosity) -> Box<dyn Progress> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if verbosity > Verbosity::Quiet && stderr().is_terminal() && !dumb {
        Box::new(bars::Bars::new(verbosity))
    } else {
        Box::new(lines::Lines::new(stderr(), verbosity))
    }
}
