//! What a stage is.
//!
//! A stage is a plain function from parameters and input artifacts to one output artifact, a folder of files. This
//! crate holds the words that the runner and the stages share and nothing else: neither of them sees the other.
//!
//! * [`Stage`] is the trait every stage kind implements; [`Signature`] is its declaration as data: name, behaviour
//!   version, fields with types, ranges and defaults, typed inputs, output type and the files that it consists of.
//! * [`complete`] checks a stage's parameters against the declaration and fills in the defaults, so that writing a
//!   default out changes nothing. [`keyed()`] returns the part of them that enters keys: [`KeyPolicy`] lets a kind take new
//!   options and keep its earlier results.
//! * [`Reads`] says which files belong to an input that the user gives, and [`Patterns`] match files by name.
//! * [`Context`] is a running stage's access to everything outside it: its output folder, progress, checkpoints, and
//!   the request to stop. [`Meter`] counts an encoder's tokens and operations, for progress and cost.
//! * [`Content`] names the kind of a file that its reader cannot use: a pointer of Git LFS, a web page, an archive.
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
mod below;
mod checkpoint;
mod content;
mod context;
mod error;
mod folder;
mod full;
mod keyed;
mod meter;
mod output;
mod params;
mod patterns;
mod reads;
mod rows;
mod signature;
mod sizes;
mod stage;
mod starved;
mod text;

pub use artifact::ArtifactType;
pub use below::{Below, below};
pub use checkpoint::{Checkpoint, Checkpoints};
pub use content::{Content, not_utf8, read_file, unreadable};
pub use context::{Context, Event, Observer};
pub use error::{Problem, StageError, io_error, system_error};
pub use folder::{is_folder, make_folder, no_folder, open_plain, open_up, read_plain, remove_all};
pub use full::{ROOM, is_full};
pub use keyed::{is_keyed_whole, keyed, unkeyed, written};
pub use meter::Meter;
pub use output::{Column, ColumnType, FileForm, OutputFile, ScoreName};
pub use params::{Params, complete, hundredth, text_of};
pub use patterns::{NotAPattern, Patterns};
pub use reads::Reads;
pub use rows::Rows;
pub use signature::{
    Device, Field, FieldDefault, FieldType, KeyPolicy, NumericsOf, Signature, joined,
};
pub use sizes::{FileOf, Sizes};
pub use stage::{Inputs, Maker, Piece, Stage};
pub use starved::{STARVED, STARVED_REMEDY, is_starved, panicked_starved};
pub use text::{parse_json, read_json, read_text, write_json};
