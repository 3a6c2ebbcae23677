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
    /// Some jobs have results without a start: told before the run is planned, and later as such jobs turn up.
    fn known(&mut self, results: &Results<'_>);
    /// How many jobs there are, and how many of them need not run, as known at the start.
    fn planned(&mut self, jobs: usize, cached: usize);
    /// A job starts.
    fn started(&mut self, job: usize, label: &str, threads: usize);
    /// A started job waits for another run that works on it, `holder`, if that is known.
    fn waits(&mut self, job: usize, holder: Option<&Holder>);
    /// A running job has written an event.
    fn event(&mut self, job: usize, event: &Event);
    /// A started job has a result. `made` is its record if this run made it; otherwise [`known`](Self::known) has told of it.
    fn finished(&mut self, job: usize, label: &str, made: Option<&Record>);
    /// A job has no result. It may not have been started.
    fn failed(&mut self, job: usize, label: &str, failure: &Failure);
    /// The user should know something.
    fn note(&mut self, message: &str);
    /// Some time has passed.
    fn tick(&mut self);
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only failures, at the end.
    Quiet,
    /// The jobs that run.
    Normal,
    /// Notes of stages as well, and the threads and cost of each job.
    Verbose,
}

/// Returns the form of progress that fits standard error: moving lines on a terminal, else plain ones.
pub fn to_stderr(verbosity: Verbosity) -> Box<dyn Progress> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if verbosity > Verbosity::Quiet && stderr().is_terminal() && !dumb {
        Box::new(bars::Bars::new(verbosity))
    } else {
        Box::new(lines::Lines::new(stderr(), verbosity))
    }
}
