//! What a stage is.
//!
//! A stage is a plain function from parameters and input artifacts to one output artifact, a folder of files. This
//! crate holds the words that the runner and the stages share and nothing else: neither side sees the other.
//!
//! * [`Stage`] is the trait every stage kind implements; [`Signature`] is its declaration as data: name, behaviour
//!   version, fields with types, ranges and defaults, typed inputs, output type.
//! * [`complete`] checks a stage's parameters against the declaration and fills in the defaults, so that writing a
//!   default out changes nothing.
//! * [`Reads`] says what belongs to an input of the user's, [`Patterns`] are how files of it are named.
//! * [`Context`] is what a running stage may do to the world: write its output folder, report progress, save and find
//!   checkpoints, and learn that it should stop. [`Meter`] counts what an encoder does, for progress and cost.
//!
//! ```
//! use contract::{Context, Inputs, Params, Stage, StageError};
//!
//! /// Any stage can be run from a test without a runner.
//! fn run_it(stage: &dyn Stage, params: Params, inputs: Inputs) -> Result<(), StageError> {
//!     let folder = tempfile::tempdir().expect("a temporary folder");
//!     let context = Context::in_folder(folder.path())?;
//!     stage.run(&params, &inputs, &context)
//! }
//! ```

mod artifact;
mod checkpoint;
mod context;
mod error;
mod meter;
mod params;
mod patterns;
mod reads;
mod signature;
mod stage;

pub use artifact::ArtifactType;
pub use checkpoint::{Checkpoint, Checkpoints};
pub use context::{Context, Event, Observer};
pub use error::{Problem, StageError, io_error};
pub use meter::Meter;
pub use params::{Params, complete, text_of};
pub use patterns::{NotAPattern, Patterns};
pub use reads::Reads;
pub use signature::{Default, Field, FieldType, Signature};
pub use stage::{Inputs, Stage};
