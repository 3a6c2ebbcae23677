//! What a run leaves for its reader: tables, their provenance, and the digests of all that was made.
//!
//! Below `results/PROFILE/`:
//!
//! | file | holds |
//! | --- | --- |
//! | `TABLE.md` | the table, as printed |
//! | `TABLE.parquet` | its numbers unrounded, a row per cell |
//! | `TABLE.provenance.json` | for each cell the jobs behind it, and for each of those key, parameters, inputs, cost |
//! | `digests.json` | what every job made, by label: two runs with the same results give the same bytes |
//!
//! A table is written only when it is complete, so that a failed run leaves an earlier result in place.

mod choose;
mod digests;
mod files;
mod provenance;
mod scores;
mod tables;

pub use digests::{Entry, update as update_digests};
pub use files::{Files, ReportError};
pub use provenance::{Provenance, describe};
pub use scores::main_score;
pub use tables::{Builder, Known, Lack, is_complete};
