//! The parameters that every training run has.

use contract::Problem;
use encoder::{AdamWOptions, DecayGroup, DeclaredPrecision};
use serde::{Deserialize, Serialize};

use crate::schedule::{Schedule, Shape};
use crate::start::StartFrom;

/// The parameters that all stage kinds that train share. [`crate::fields`] declares them; a kind flattens them into its own
/// parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Peak learning rate.
    pub lr: f64,
    /// Share of the updates, the first ones, in which the learning rate rises.
    pub warmup: f64,
    /// Course of the learning rate after the warm-up.
    pub schedule: Shape,
    /// Share of the updates, the last ones, in which the learning rate of [`Shape::WarmupStableDecay`] falls.
    pub decay_share: f64,
    /// AdamW's β₁, the decay of the first moment.
    pub beta1: f64,
    /// AdamW's β₂, the decay of the second moment.
    pub beta2: f64,
    /// AdamW's ε, added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Which parameters weight decay applies to.
    pub decay: DecayGroup,
    /// Largest gradient norm; 0 switches clipping off.
    pub max_grad_norm: f64,
    /// Number of parts that gradients are summed in: see [`crate::train`].
    pub gradient_parts: usize,
    /// Dropout probability of embeddings and sub-layer outputs.
    pub dropout: f64,
    /// Dropout probability of attention weights.
    pub attention_dropout: f64,
    /// Precision of the operands of matrix products.
    pub precision: DeclaredPrecision,
    /// Updates between measurements; 0 for no measurements during the run.
    pub validate_every: u32,
    /// Whether the run ends with the weights of the best measurement instead of the last ones.
    pub keep_best: bool,
    /// Updates between checkpoints.
    pub checkpoint_every: u32,
    /// Steps after which an encoder is kept beside the last one, ascending.
    #[serde(default)]
    pub keep_at: Vec<u32>,
    /// Whether AdamW's moments and the count of updates are kept with the weights.
    #[serde(default)]
    pub keep_state: bool,
    /// What the run takes from the encoder that it starts from, if there is one.
    #[serde(default)]
    pub start_from: StartFrom,
}

impl Options {
    /// Returns the optimiser's settings.
    pub fn optimizer(&self) -> AdamWOptions {
        AdamWOptions {
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            decay: self.decay,
        }
    }

    /// Returns the learning rate over a run of `updates` updates.
    pub fn schedule(&self, updates: u32) -> Schedule {
        let share = |share: f64| (share * f64::from(updates)).round() as u32;
        Schedule {
            peak: self.lr,
            warmup_steps: share(self.warmup),
            decay_steps: share(self.decay_share),
            total_steps: updates,
            shape: self.schedule,
        }
    }

    /// Returns the problems that the ranges of single fields do not catch: open bounds, and options that contradict each other.
    pub fn check(&self) -> Vec<Problem> {
        let below_one = [
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
            ("beta1", self.beta1),
            ("beta2", self.beta2),
        ];
        let above_zero = [("epsilon", self.epsilon), ("lr", self.lr)];
        let mut problems: Vec<Problem> = below_one
            .into_iter()
            .filter_map(|(path, value)| not_below_one(path, value))
            .collect();
        problems.extend(
            above_zero
                .into_iter()
                .filter_map(|(path, value)| not_above_zero(path, value)),
        );
        if self.keep_best && self.validate_every == 0 {
            problems.push(
                Problem::value("keep_best", "nothing is measured on the way to choose from")
                    .with_help("set validate_every to the updates between measurements"),
            );
        }
        if self.keep_best && self.keep_state {
            let message = "the training state is that after the last update, and keep_best keeps the weights of another";
            problems
                .push(Problem::value("keep_state", message).with_help("leave one of the two out"));
        }
        problems
    }
}

/// Refuses a probability of 1, which would leave no values.
pub(crate) fn not_below_one(path: &str, value: f64) -> Option<Problem> {
    (value >= 1.0).then(|| Problem::value(path, format!("{value} is not below 1")))
}

/// Refuses 0.
pub(crate) fn not_above_zero(path: &str, value: f64) -> Option<Problem> {
    (value <= 0.0).then(|| Problem::value(path, format!("{value} is not above 0")))
}
