//! Why jobs run, and what they will cost: both by comparison with what the store holds.
//!
//! [`History`] finds the earlier results that are nearest to a job, [`changes()`] what differs from one of them. [`Explainer`]
//! makes reasons of that, [`prices`] an estimate: what the nearest result cost, times how much more work the job is.

mod changes;
mod estimate;
mod explainer;
mod history;
mod words;
mod work;

pub use changes::{Change, FileChange, How, changes};
pub use estimate::{PeakMemory, Price, Prices, cells_first, prices};
pub use explainer::{Cause, Explainer, Why};
pub use history::History;
