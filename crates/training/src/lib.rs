//! The training loop, for any [`Objective`].
//!
//! A stage kind that trains says what an update is made of and how its loss is computed; this crate does the rest in the same
//! way for all kinds:
//!
//! * [`Options`] are the parameters that all such kinds share, and [`fields`] declares them;
//! * [`Schedule`] is the learning rate over time, [`Epochs`] the order of the data;
//! * [`train`] makes the updates: gradients are summed over fixed parts ([`Options::gradient_parts`]), checked once to reach every
//!   parameter, clipped and given to AdamW; rows go to the log; measurements are made on the way, and the weights of the best one
//!   may be kept;
//! * checkpoints hold the whole state, so a run that was killed ends with the same bytes as an uninterrupted one;
//! * a run may begin from the weights of another, or go on where another ended ([`Start`]).
//!
//! A new objective is one file in the stage kind that trains it, which implements [`Objective`].

mod best;
mod checkpoint;
pub mod fields;
mod kept;
pub mod log;
mod objective;
mod options;
mod order;
mod reduction;
mod run;
mod schedule;
mod start;

pub use kept::{name as kept_name, steps as kept_steps};
pub use objective::{Extent, Further, Measure, Objective};
pub use options::Options;
pub use order::Epochs;
pub use run::{Trained, train};
pub use schedule::{Schedule, Shape};
pub use start::{STATE_FILE, Start, StartFrom};
