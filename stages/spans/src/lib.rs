//! Fine-tuning on questions whose answers are spans of a text: SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016 and 2018), as BERT does it
//! (Devlin et al. 2019, `run_squad.py`).
//!
//! A question and a text are one sequence; a head scores every token as the first and as the last of the answer, and the first token of
//! the sequence stands for "no answer here". A text that is too long is read in windows that overlap.
//!
//! * `parameters` declares the parameters of a run;
//! * `windows` makes sequences of questions and texts, `decode` answers of the scores of a question's windows;
//! * `model` is encoder and head, `objective` presents it to the [`training`] crate's loop;
//! * `train` is a whole run from inputs to scores, `files` writes the answers as SQuAD's server takes them;
//! * a model is `kept` where it is asked for, and [`predict`] answers questions of a user's own with it.
//!
//! The stage kind `answers` ([`AnswersStage`]) scores answers that others have written in that form.

mod answers;
mod decode;
mod files;
pub mod kept;
mod model;
mod objective;
mod odds;
mod parameters;
pub mod predict;
mod stage;
mod train;
mod windows;

pub use answers::AnswersStage;
pub use parameters::Parameters;
pub use stage::FinetuneSpansStage;
