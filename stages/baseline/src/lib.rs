//! Baselines: scores without an encoder, which the other rows of a table must exceed.
//!
//! * [`MajorityStage`] answers every example with the most frequent class of the training split (regression: the mean);
//! * [`BagOfWordsStage`] answers with a logistic regression (regression: ridge) over the words of the sentences, fitted
//!   by [`BagOfWords`]. A benchmark on which this baseline equals an encoder tests only the choice of words.
//!
//! All arithmetic is in 64 bits, by IEEE operations only ([`kernels::exp`], [`kernels::ln`]) in a fixed order on one thread,
//! so every processor gives the same bytes. `features` turns sentences into sparse rows, `objective` is the penalised
//! loss, which the crate `linear` minimises, `model` chooses the penalty and predicts, `predictions` scores and writes.

mod features;
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
