//! Running jobs.
//!
//! * [`survey`] says of each job whether its result is known, what will run, and what cannot be told yet;
//! * [`run`] runs the jobs whose results are not known, several at once as far as threads, memory and GPUs suffice;
//! * [`mod@stage`] is the other side: what `pipe stage WORKDIR` does in the child that runs one job.
//!
//! The two sides share a work folder and nothing else: the coordinator writes `job.json` and links the inputs; the
//! child reads it, appends events to `events.jsonl` and messages to `log.txt`, fills `output/`, and says in
//! `outcome.json` how it went. Only the coordinator touches the rest of the store.

mod apart;
mod attempt;
mod executor;
mod follow;
mod gpus;
mod inside;
mod killed;
mod machine;
mod memory;
mod noting;
mod paths;
mod protocol;
mod queue;
mod recall;
mod resolve;
mod room;
mod scheduler;
mod served;
mod signals;
mod stage;
mod watch;

pub use apart::attempt;
pub use executor::{Asked, Assignment, Control, Executor, Exit, Local, Reach, Share, Slurm};
pub use gpus::{Gpu, Lease, gpus};
pub(crate) use inside::{INSIDE, with as inside};
pub use machine::Machine;
pub use memory::Memory;
pub use noting::noted;
pub use protocol::{ErrorKind, ErrorReport, JobFile, Outcome, Usage};
pub use recall::{lacking, recall};
pub use resolve::{Parts, Resolver, Standing, reread, survey, survey_from};
pub use scheduler::{JobState, Means, Options, Stop, run};
pub(crate) use signals::is_ignored;
pub use stage::stage;
pub(crate) use stage::threads;
pub use watch::{Advance, WatchState, Watched, watch};

#[cfg(test)]
mod tests;
