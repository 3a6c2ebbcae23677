//! Readers of the official GLUE, SentEval STS, SQuAD and BLiMP files, and of tables of the user's own.
//!
//! The stage [`BenchmarksStage`] turns one task's files, in the layout in which everybody downloads them, into Parquet
//! with plain columns and a `task.json`; the stage [`TaskStage`] does so with the user's tables, as the user declares them (`own`). The function [`read`] reads that artifact for the stages that train and evaluate;
//! [`read_labelled`], [`read_pairs`], [`read_spans`] and [`read_minimal_pairs`] read the single shape that a stage can use. The peculiarities of each
//! task's files (a missing header, doubled quotation marks, the order of labels) do not go beyond this crate.
//!
//! * `catalogue` names the tasks, each with its reader, `shape` the shapes of their examples;
//! * `layout` declares the nine GLUE tasks as data, after Wang et al., *GLUE*, ICLR 2019, and the label order of the
//!   Hugging Face `glue` dataset;
//! * `glue` and `mrpc` read their files, `sts` the seven sets of semantic textual similarity as SentEval has them
//!   (Conneau and Kiela, *SentEval*, LREC 2018), `squad` both releases of SQuAD, `minimal_pairs` BLiMP and what is of its form,
//!   `triplets` SimCSE's sentences, `transfer` SentEval's transfer tasks;
//!   `identity` decides the names of examples, `server` reads GLUE's test splits and writes what its server takes;
//! * `own_texts` reads texts of the user's in a task's columns, to be predicted;
//! * `artifact` writes and reads the Parquet files, `task` and `spans` define their contents and score predictions.

mod artifact;
mod catalogue;
mod glue;
mod identity;
mod layout;
mod minimal_pairs;
mod mrpc;
mod own;
mod own_stage;
mod own_texts;
mod server;
mod shape;
mod spans;
mod squad;
mod stage;
mod sts;
mod table;
mod task;
mod text;
mod transfer;
mod triplets;

pub use artifact::{
    TRIPLET_FILES, read, read_labelled, read_minimal_pairs, read_pairs, read_sentences, read_spans,
    read_tests, read_transfer, read_triplets, training_examples, write_triplets,
};
pub use metrics::Metric;
pub use own_stage::TaskStage;
pub use own_texts::{OwnTexts, PredictionTable, read_texts};
pub use server::{TestSplit, submission};
pub use shape::{Benchmark, Shape};
pub use spans::{Question, SpanTask};
pub use stage::BenchmarksStage;
pub use sts::{SICKR_ALL, sets as sts_sets};
pub use task::{
    Example, Kind, MinimalPair, Prediction, StsPair, Task, TransferSet, TransferSplits, Triplet,
};
pub use transfer::sets as transfer_sets;
