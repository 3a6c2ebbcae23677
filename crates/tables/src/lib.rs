//! Tables of scores, as papers print them.
//!
//! A [`Table`] is rows × columns of [`Cell`]s; a cell holds one score per seed, the reasons why some are lacking, and
//! the value that the paper prints there. The same model is rendered in three forms, each a function of the table alone:
//!
//! * [`Table::terminal`]: text that fits a given width: `52.3 ± 0.8 (84.2)`;
//! * [`Table::markdown`]: the same cells as a GitHub table;
//! * [`Table::export`]: the numbers unrounded, one row per score, as Parquet or CSV, for DuckDB, Polars or pandas.
//!
//! How a cell reads:
//!
//! | cell | means |
//! | --- | --- |
//! | `52.3 ± 0.8` | mean and sample standard deviation over the seeds |
//! | `52.3` | one seed: no spread is claimed |
//! | `52.3 ± 0.8 (84.2)` | the paper prints 84.2 |
//! | `52.3 (84.2?)` | the paper's value is from memory, nobody has checked it |
//! | `52.3 ± 0.8 n=2 [1]` | fewer seeds than the other cells have; note 1 below the table says why |
//! | `— [1]` | no value; note 1 says why |
//! | `52.3 ± 0.8 n=2 [1]`, `— [1]` | note 1 may say that scores are undefined: `undefined for 1 of 3: constant predictions` |
//! | `52.3 ± 0.8 ▲`, `52.3 ± 0.8 ▼` | better, worse than the row that others are compared with; a note below says by which rule |
//! | `—` | the score does not apply to the row |
//! | `MNLI [2]`, `40 % [2]` | note 2 concerns the column, the row: what a stage noted, or where published values were read |
//!
//! [`reference`](mod@reference) reads the published values, [`claims`] what is claimed of rows.

mod cell;
mod chosen;
mod citation;
pub mod claims;
mod comparisons;
mod csv;
mod export;
mod layout;
mod located;
mod markdown;
mod marks;
pub mod reference;
mod series;
mod table;
mod terminal;

pub use cell::{Cell, Published, Summary};
pub use chosen::{Candidate, Chosen};
pub use citation::Citation;
pub use comparisons::{ComparisonExport, ComparisonLine, Mark};
pub use export::{Bindings, Export, Variables};
pub use table::{Column, Footnote, Row, Table};
