//! What a run leaves for its reader: tables, their provenance, and the digests of all that was made.
//!
//! Below `results/PROFILE/`:
//!
//! | file | holds |
//! | --- | --- |
//! | `TABLE.md` | the table, as printed |
//! | `TABLE.parquet`, `TABLE.csv` | its scores unrounded, a row for each, with a column for each variable |
//! | `TABLE.provenance.json` | for each cell the jobs behind it, and for each of those key, parameters, inputs, notes |
//! | `TABLE.costs.json` | what those jobs cost, and on which machine: all else follows from the declaration |
//! | `digests.json` | what every job made, by label: two runs with the same results give the same bytes |
//!
//! What `--set` has changed goes to a folder of its own, `results/PROFILE/with-NAME=VALUE/`.
//!
//! A table is written only when it is complete, so that a failed run leaves an earlier result in place.

mod alike;
mod averaged;
mod choose;
mod costs;
mod digests;
mod files;
mod footnotes;
mod names;
mod provenance;
mod scores;
mod table;
mod variables;

pub use costs::Costs;
pub use digests::{Entry, update as update_digests};
pub use files::{Files, ReportError};
pub use names::Names;
pub use provenance::{Provenance, describe};
pub use scores::main_score;
pub use table::{Builder, Jobs, Lack, is_complete};
