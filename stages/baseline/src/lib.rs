//! Scores that need no encoder: what a table's other rows must beat.
//!
//! * [`MajorityStage`] answers every example with the most frequent class of the training split (regression: the mean);
//! * [`BagOfWordsStage`] answers with a logistic regression (regression: ridge) over the words of the sentences, fitted
//!   by [`BagOfWords`]. A benchmark on which that does as well as an encoder tests no more than word choice.
//!
//! All arithmetic is f64 in one order, from IEEE operations only ([`kernels::exp`], [`kernels::ln`]), on one thread: the
//! same bytes come out on every processor. `features` turns sentences into sparse rows, `objective` is the penalised
//! loss, `lbfgs` its minimiser, `model` chooses the penalty and predicts, `predictions` scores and writes.

mod features;
mod lbfgs;
mod majority;
mod model;
mod objective;
mod predictions;
mod stages;

pub use benchmarks::{Example, Kind, Metric, Prediction, Task};
pub use majority::{majority, majority_predictions, majority_scores};
pub use model::{BagOfWords, bag_of_words_predictions, bag_of_words_scores};
pub use predictions::Predictions;
pub use stages::{BagOfWordsStage, MajorityStage};
