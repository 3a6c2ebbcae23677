//! The metrics of GLUE, STS and SQuAD, and the files of scores and predictions that every stage that scores writes.
//!
//! The definitions are those of the benchmarks' own scorers, which are scikit-learn's and SciPy's; goldens made with
//! them hold this crate to 1e-12. Where scikit-learn has a convention, this crate has it: an F1 without positives and a
//! Matthews correlation with an empty margin are 0. Where SciPy returns NaN, since a correlation with a constant has no
//! value, the answer is [`MetricError::Undefined`] with the reason, and a table shows no number: 0 would claim that there
//! is no correlation. NaN and infinities among the *inputs* are errors: they mean that a model has diverged.
//!
//! | metric | of | range | tasks |
//! | --- | --- | --- | --- |
//! | [`accuracy`] | classes | 0 to 1 | SST-2, MNLI, QNLI, RTE, WNLI; beside F1 in QQP, MRPC |
//! | [`f1`] | classes, positive class 1 | 0 to 1 | QQP, MRPC |
//! | [`matthews`] | classes | -1 to 1 | CoLA |
//! | [`pearson`], [`spearman`] | numbers | -1 to 1 | STS-B, STS12 to STS16, SICK-R |
//! | [`span_match`] | parts of a text | 0 to 1 | SQuAD |
//!
//! Papers print all of these times 100; [`scores`] holds them in the printed unit, and [`find`] and [`Direction`] choose
//! a score and its better direction. [`predictions`] holds the predictions example by example, [`examples`] reads them in any form,
//! [`Rescorer`] scores them anew on examples that were drawn with repetition, [`texts`] the texts of a job for
//! columns of tables, [`best_threshold`] finds when to give no answer, and [`log`] the numbers of a training run update by update.

mod classification;
mod correlation;
mod eigen;
mod error;
pub mod examples;
pub mod geometry;
pub mod log;
mod metric;
pub mod predictions;
mod rescore;
pub mod scores;
mod selection;
mod spans;
mod summary;
pub mod texts;
mod threshold;

pub use classification::{accuracy, f1, matthews};
pub use correlation::{pearson, spearman};
pub use eigen::{Eigen, eigen};
pub use error::{MetricError, Undefined};
pub use metric::Metric;
pub use rescore::{Rescorer, Stratum};
pub use selection::{Direction, find};
pub use spans::{SpanMatch, SpanRules, span_match};
pub use summary::{mean, standard_deviation};
pub use threshold::{Weighed, best_threshold};
