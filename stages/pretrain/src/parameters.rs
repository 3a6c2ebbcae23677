//! What a pre-training run can be told: the fields of the stage, their defaults, and the rules between them.
//!
//! Defaults are the recipe of Wettig et al. (DinkyTrain's `run_efficient_mlm_recipe.sh`). What depends on the machine
//! and the budget (size, updates, batch) has none.

mod fields;

use contract::{Params, Problem, StageError, keyed};
use encoder::{AdamWOptions, Architecture, Config, DecayGroup, DeclaredPrecision, Size};
use serde::{Deserialize, Serialize};

use crate::copies::Rates;
use crate::masking::{Replacement, Strategy};
use crate::plan::{BatchCounts, Plan, Updates};

pub(crate) use fields::FIELDS;

/// The most copies that one sequence may be trained on.
const MOST_COPIES: usize = 1000;

/// All parameters of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Shape of the encoder.
    pub size: Size,
    /// Where layer normalisation sits.
    pub layer_norm: LayerNorm,
    /// Rows of the token type table.
    pub token_types: usize,
    /// Longest sequence that the encoder has positions for.
    pub max_positions: usize,
    /// Dropout probability of embeddings and sub-layer outputs.
    pub dropout: f64,
    /// Dropout probability of attention weights.
    pub attention_dropout: f64,
    /// Operands of matrix products.
    pub precision: DeclaredPrecision,
    /// How the weights begin.
    pub initial: Initial,
    /// Standard deviation of the initial weights.
    pub initializer_range: f64,
    /// Decides initial weights, order, masks and dropout.
    pub seed: u64,
    /// Updates, before [`Masking::updates`] scales them.
    pub steps: u32,
    /// Sequences an update, as [`Masking::batch_counts`] counts them.
    pub batch: usize,
    /// Sequences that are in memory at once; 0 stands for all of an update.
    pub micro_batch: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Share of the updates in which the learning rate rises.
    pub warmup: f64,
    /// Decay of AdamW's first moment.
    pub beta1: f64,
    /// Decay of AdamW's second moment.
    pub beta2: f64,
    /// Added to the root of AdamW's second moment.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay: Decay,
    /// Largest gradient norm; 0 switches clipping off.
    pub clip: f64,
    /// What is masked and predicted.
    pub masking: Masking,
    /// Validation blocks that perplexity is measured on.
    pub validation_blocks: usize,
    /// Updates between measurements of perplexity; 0 stands for one at the end.
    pub validate_every: u32,
    /// Updates between checkpoints.
    pub checkpoint_every: u32,
}

/// What is masked and predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masking {
    /// How the places are chosen.
    pub strategy: Strategy,
    /// Share of a sequence's tokens that is corrupted.
    pub corrupt: f64,
    /// Share of a sequence's tokens that is predicted; without it, all that is corrupted.
    pub predict: Option<f64>,
    /// Share of the selected tokens that a random token replaces.
    pub random: f64,
    /// Share of the selected tokens that is kept.
    pub same: f64,
    /// Whether special tokens are masked like any other.
    pub mask_special: bool,
    /// What `batch` counts.
    pub batch_counts: BatchCounts,
    /// What `steps` counts.
    pub updates: Updates,
}

/// Where layer normalisation sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerNorm {
    /// Before each sub-layer, and once at the end.
    Pre,
    /// After each sub-layer, as in BERT.
    Post,
}

/// How the weights begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initial {
    /// Normally distributed, as in BERT.
    Normal,
    /// The same, moved towards what trained encoders look like (Trockman and Kolter 2023).
    Mimetic,
}

/// Which parameters decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// All (Wettig et al.).
    All,
    /// All but biases and layer normalisation (Izsak et al.).
    NoBiasOrNorm,
}

impl Parameters {
    /// Returns what keys know of them.
    pub(crate) fn keyed(&self) -> Result<Params, StageError> {
        let all = serde_json::to_value(self).and_then(serde_json::from_value);
        Ok(keyed(FIELDS, &Params(all.map_err(StageError::failed)?)))
    }

    /// Returns the encoder's configuration over a vocabulary of that many tokens, of which `padding` pads.
    pub fn config(&self, vocabulary: usize, padding: u32) -> Config {
        let architecture = match self.layer_norm {
            LayerNorm::Pre => Architecture::RobertaPreLayerNorm,
            LayerNorm::Post => Architecture::Bert,
        };
        Config {
            type_vocab_size: self.token_types,
            hidden_dropout_prob: self.dropout,
            attention_probs_dropout_prob: self.attention_dropout,
            initializer_range: self.initializer_range,
            ..Config::of_size(
                self.size,
                architecture,
                vocabulary,
                self.max_positions,
                padding,
            )
        }
    }

    /// Returns the extent of the run.
    pub fn plan(&self) -> Plan {
        let masking = &self.masking;
        Plan::new(
            masking.rates().copies(),
            self.steps,
            self.batch,
            masking.batch_counts,
            masking.updates,
        )
    }

    /// Returns the optimiser's settings.
    pub fn optimizer(&self) -> AdamWOptions {
        AdamWOptions {
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            decay: match self.decay {
                Decay::All => DecayGroup::All,
                Decay::NoBiasOrNorm => DecayGroup::NoBiasOrNorm,
            },
        }
    }

    /// Returns all that no single field can say.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.masking.check();
        for (path, value) in [
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
            ("beta1", self.beta1),
            ("beta2", self.beta2),
        ] {
            if value >= 1.0 {
                problems.push(Problem::value(path, format!("{value} is not below 1")));
            }
        }
        for (path, value) in [
            ("epsilon", self.epsilon),
            ("lr", self.lr),
            ("initializer_range", self.initializer_range),
        ] {
            if value <= 0.0 {
                problems.push(Problem::value(path, format!("{value} is not above 0")));
            }
        }
        problems
    }
}

impl Masking {
    /// Returns both rates.
    pub fn rates(&self) -> Rates {
        Rates {
            corrupt: self.corrupt,
            predict: self.predict.unwrap_or(self.corrupt),
        }
    }

    /// Returns what replaces a selected token.
    pub fn replacement(&self) -> Replacement {
        Replacement {
            random: self.random,
            same: self.same,
        }
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let rates = self.rates();
        for (path, rate) in [
            ("masking.corrupt", Some(self.corrupt)),
            ("masking.predict", self.predict),
        ] {
            if rate.is_some_and(|rate| rate <= 0.0) {
                problems.push(
                    Problem::value(path, "nothing would be learnt at a rate of 0")
                        .with_help("give a share above 0, such as 0.15"),
                );
            }
        }
        if problems.is_empty() && rates.copies() > MOST_COPIES {
            let message = format!(
                "predicting {} at a corruption of {} takes {} copies of each sequence",
                rates.predict,
                rates.corrupt,
                rates.copies()
            );
            let help = format!("at most {MOST_COPIES} are supported; raise masking.corrupt");
            problems.push(Problem::value("masking.predict", message).with_help(help));
        }
        if self.random + self.same > 1.0 {
            let sum = self.random + self.same;
            problems.push(
                Problem::value("masking.same", format!("random and same add up to {sum}"))
                    .with_help("both are shares of the selected tokens; the rest becomes [MASK]"),
            );
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use contract::{Params, complete};
    use serde_json::json;

    use super::*;

    fn parameters(given: &serde_json::Value) -> Parameters {
        let mut all = json!({"size": "nano", "steps": 10, "batch": 4});
        all.as_object_mut()
            .unwrap()
            .extend(given.as_object().unwrap().clone());
        Params(complete(FIELDS, all.as_object().unwrap()).unwrap())
            .parse()
            .unwrap()
    }

    #[test]
    fn defaults_are_the_papers_and_pass() {
        let parameters = parameters(&json!({}));
        assert_eq!(parameters.check(), []);
        assert_eq!(
            parameters.masking.rates(),
            Rates {
                corrupt: 0.4,
                predict: 0.4
            }
        );
        assert_eq!(parameters.optimizer(), AdamWOptions::default());
        assert_eq!(
            (parameters.lr, parameters.warmup, parameters.clip),
            (2e-3, 0.06, 0.0)
        );
    }

    #[test]
    fn each_choice_of_a_field_is_understood() {
        for (name, choices) in [
            ("size", &Size::NAMES[..]),
            ("layer_norm", &["pre", "post"]),
            ("decay", &["all", "no-bias-or-norm"]),
        ] {
            for choice in choices {
                let read = serde_json::to_value(parameters(&json!({ (name): choice }))).unwrap();
                assert_eq!(read[name], *choice);
            }
        }
        for counts in ["copies", "originals"] {
            for updates in ["fixed", "per-original"] {
                parameters(&json!({"masking": {"batch_counts": counts, "updates": updates}}));
            }
        }
    }

    #[test]
    fn problems_name_the_nested_place() {
        let cases = [
            (json!({"masking": {"corrupt": 0}}), vec!["masking.corrupt"]),
            (
                json!({"masking": {"corrupt": 0, "predict": 0}}),
                vec!["masking.corrupt", "masking.predict"],
            ),
            (
                json!({"masking": {"corrupt": 0.0001, "predict": 0.4}}),
                vec!["masking.predict"],
            ),
            (
                json!({"masking": {"random": 0.7, "same": 0.7}}),
                vec!["masking.same"],
            ),
            (
                json!({"dropout": 1, "beta2": 1, "lr": 0}),
                vec!["dropout", "beta2", "lr"],
            ),
            (json!({"masking": {"corrupt": 0.4, "predict": 1}}), vec![]),
        ];
        for (given, expected) in cases {
            let paths: Vec<_> = parameters(&given)
                .check()
                .iter()
                .map(|problem| problem.path.join("."))
                .collect();
            assert_eq!(paths, expected, "{given}");
        }
    }
}
