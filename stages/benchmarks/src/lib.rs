//! Readers of the official GLUE and SentEval STS files.
//!
//! The stage [`BenchmarksStage`] turns one task's files, in the layout in which everybody downloads them, into Parquet
//! with plain columns and a `task.json`; the functions [`read`] and [`read_pairs`] give that back to the stages that
//! train and evaluate. Each task's quirks (a missing header, doubled quotation marks, the order of labels) end here.
//!
//! * `layout` declares the nine GLUE tasks as data, after Wang et al., *GLUE*, ICLR 2019, and the label order of the
//!   Hugging Face `glue` dataset;
//! * `glue` and `mrpc` read their files, `sts` the seven sets of semantic textual similarity as SentEval has them
//!   (Conneau and Kiela, *SentEval*, LREC 2018);
//! * `artifact` writes and reads the Parquet files , `task` says what they hold and scores predictions.

mod artifact;
mod glue;
mod layout;
mod mrpc;
mod stage;
mod sts;
mod table;
mod task;
mod text;

pub use artifact::{read, read_pairs, training_examples};
pub use stage::BenchmarksStage;
pub use sts::sets as sts_sets;
pub use task::{Example, Kind, Metric, StsPair, Task};
