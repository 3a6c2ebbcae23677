//! Parquet files: the one place that reads and writes them.
//!
//! * A [`Schema`] is made of the columns that a signature documents ([`contract::Column`]), so what `pipe list` says of a file and
//!   the file's contents cannot differ.
//! * [`write()`] writes a small table at once, [`Writer`] a large one batch by batch; [`encode`] gives the bytes. The same values
//!   give the same bytes: compression and other properties are fixed here, and a file holds no time and no name of a machine.
//! * [`Reader`] opens a file by its metadata alone and gives its rows in [`Batch`]es, whose columns are plain slices and texts. Its
//!   errors name file and column, and say what to do.
//!
//! ```
//! use columnar::{Reader, Schema};
//! use contract::{Column, ColumnType, StageError};
//!
//! const COLUMNS: &[Column] = &[
//!     Column::new("step", ColumnType::Integer, "the update, counted from 1"),
//!     Column::new("loss", ColumnType::Number, "mean cross-entropy in nats"),
//! ];
//!
//! # fn main() -> Result<(), StageError> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! let path = folder.path().join("log.parquet");
//! let values = vec![[1_i64, 2].into_iter().collect(), [0.5, 0.25].into_iter().collect()];
//! columnar::write(&path, &Schema::of(COLUMNS), values)?;
//! for batch in Reader::open(&path, "train again")?.batches()? {
//!     assert_eq!(batch?.numbers("loss")?, [0.5, 0.25]);
//! }
//! # Ok(())
//! # }
//! ```

mod batch;
mod guard;
mod reader;
mod schema;
mod values;
mod writer;

pub use batch::{Batch, Lists, Texts};
pub use reader::{Batches, Reader};
pub use schema::Schema;
pub use values::{IntegerLists, Values};
pub use writer::{Encoding, Writer, encode, write};
