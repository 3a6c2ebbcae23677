//! What a masked language model makes of text without being trained on a task.
//!
//! * The stage kind `minimal-pairs` ([`MinimalPairsStage`]) asks whether it finds an acceptable sentence likelier than one that differs
//!   from it just so much that it is not (BLiMP): `pseudo` computes pseudo-log-likelihoods, `accuracy` makes scores of them.
//! * The stage kind `validation-loss` ([`ValidationLossStage`]) measures its loss on held-out text at a masking rate of one's choice, so
//!   that encoders which were trained at different rates can be compared at each of them.
//! * The stage kind `effective-rank` ([`EffectiveRankStage`]) asks how many dimensions the states of ordinary tokens use, with `[MASK]` in
//!   the text and without: `spectrum` computes it from singular values.

mod accuracy;
mod effective_rank;
mod minimal_pairs;
mod pseudo;
mod spectrum;
mod validation_loss;

pub use effective_rank::EffectiveRankStage;
pub use minimal_pairs::MinimalPairsStage;
pub use pseudo::{Scoring, Sentence, log_probabilities};
pub use validation_loss::ValidationLossStage;
