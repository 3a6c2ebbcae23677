//! What is still needed of a store, and why, and removing the rest: `pipe gc`.
//!
//! [`Wanted`] is what a pipeline comes to, under all its profiles; [`decide()`] says of each result and each work folder
//! whether it stays, with the reason; [`sweep()`] removes the rest.
//!
//! Many keys cannot be told, since inputs have to be made anew, or the user's files are not there: after an upgrade of the
//! program perhaps, when a tokeniser gives the same bytes as before, so that all that was trained on them still holds. A job
//! whose key is open therefore keeps every result that may turn out to be its own: of its kind and behaviour version, with
//! its parameters, and with those of its inputs that are known.

mod decide;
mod sweep;
mod wanted;

pub use decide::{Decided, Fate, Gone, Half, Kept, decide};
pub use sweep::{Keep, Kind, Left, Swept, Tally, sweep};
pub use wanted::Wanted;
