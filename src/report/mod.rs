//! What a run leaves for its reader: outputs, of which tables are the first kind ([`output`]), their provenance, and the digests
//! of all artifacts and files.
//!
//! Below `results/PROFILE/`:
//!
//! | file | holds |
//! | --- | --- |
//! | `TABLE.md` | the table, as printed |
//! | `TABLE.parquet`, `TABLE.csv` | its scores unrounded, a row for each, with a column for each variable |
//! | `TABLE.comparisons.parquet`, `.csv` | how its rows compare with one of them, where the table says so |
//! | `TABLE.provenance.json` | for each cell the jobs behind it, and for each of those key, parameters, inputs, notes |
//! | `TABLE.costs.json` | what those jobs cost, and on which machine: all else follows from the declaration |
//! | `digests.json` | what every job made, by label: two runs with the same results give the same bytes |
//!
//! What `--set` has changed goes to a folder of its own, `results/PROFILE/with-NAME=VALUE/`.
//!
//! A table is written only when it is complete, so that a failed run leaves an earlier result in place.

mod alike;
mod averaged;
mod builder;
mod choose;
pub mod claims;
pub mod compare;
mod compared;
mod costs;
mod digests;
mod files;
mod footnotes;
#[cfg(test)]
mod listing;
mod names;
mod output;
mod provenance;
mod scores;
mod spread;
mod table;
mod texts;
mod variables;

pub use builder::{Builder, Jobs, Lack};
pub use compared::{options, questions, side, too_few_draws};
pub use costs::Costs;
pub use digests::{Entry, update as update_digests};
pub use files::{Files, ReportError};
pub use names::Names;
pub use output::{Kind, Output, all_json};
pub use provenance::{Provenance, describe};
pub use scores::main_score;
