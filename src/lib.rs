//! The runner: declarations, graph, keys, store, execution, reports. What stages do is known to the crates below `stages/`,
//! which [`registry`] alone names; everything else here sees a stage by its signature.
//!
//! A run flows through the modules in this order:
//!
//! 1. [`declare`] reads `pipeline.toml` into a validated model;
//! 2. [`graph`] binds variables and expands targets into a graph of jobs and the tables over it;
//! 3. [`keys`] names each job's result by all that can change it;
//! 4. [`store`] says whether that result is already known, and keeps new ones;
//! 5. [`execute`] runs the jobs that are not, each in its own process;
//! 6. [`report`] prints the tables and writes them with their provenance.
//!
//! [`gc`] says what is still needed of a store, and removes the rest. [`cli`] is the command line over them; [`progress`] shows a run while it goes on.

pub mod belongs;
mod bytes;
pub mod cli;
pub mod declare;
pub mod draw;
pub mod environment;
pub mod errors;
pub mod execute;
pub mod failure;
pub mod gc;
pub mod graph;
pub mod keys;
pub mod logs;
pub mod paths;
pub mod progress;
pub mod registry;
pub mod report;
pub mod resources;
pub mod runs;
pub mod schema;
pub mod settings;
pub mod store;
pub mod terminal;
#[cfg(test)]
mod test_support;
pub mod why;
