//! What a pre-training run can be told: the fields of the stage, their defaults, and the rules between them.
//!
//! Defaults are the recipe of Wettig et al. (DinkyTrain's `run_efficient_mlm_recipe.sh`). What depends on the machine
//! and the budget (size, updates, batch) has none.

mod fields;

use contract::{Params, Problem, StageError, keyed};
use encoder::{Architecture, Config, Size};
use serde::{Deserialize, Serialize};
use training::Options;

use crate::copies::Rates;
use crate::masking::{Replacement, Strategy};
use crate::plan::{BatchCounts, Plan, Updates};

pub(crate) use fields::FIELDS;

/// The most copies that one sequence may be trained on.
const MOST_COPIES: usize = 1000;

/// All parameters of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// What every training can be told.
    #[serde(flatten)]
    pub training: Options,
    /// Shape of the encoder.
    pub size: Size,
    /// Where layer normalisation sits.
    pub layer_norm: LayerNorm,
    /// Rows of the token type table.
    pub token_types: usize,
    /// Longest sequence that the encoder has positions for.
    pub max_positions: usize,
    /// How the weights begin.
    pub initial: Initial,
    /// Standard deviation of the initial weights.
    pub initializer_range: f64,
    /// Updates, before [`Masking::updates`] scales them.
    pub steps: u32,
    /// Sequences an update, as [`Masking::batch_counts`] counts them.
    pub batch: usize,
    /// Sequences that are in memory at once; 0 stands for all of an update.
    pub micro_batch: usize,
    /// What is masked and predicted.
    pub masking: Masking,
    /// Validation blocks that perplexity is measured on.
    pub validation_blocks: usize,
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
    pub keep: f64,
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
            hidden_dropout_prob: self.training.dropout,
            attention_probs_dropout_prob: self.training.attention_dropout,
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

    /// Returns all that no single field can say.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.masking.check();
        problems.extend(self.training.check());
        if self.initializer_range <= 0.0 {
            let message = format!("{} is not above 0", self.initializer_range);
            problems.push(Problem::value("initializer_range", message));
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
            keep: self.keep,
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
        if self.random + self.keep > 1.0 {
            let sum = self.random + self.keep;
            problems.push(
                Problem::value("masking.keep", format!("random and keep add up to {sum}"))
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
    use encoder::AdamWOptions;
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
        assert_eq!(parameters.training.optimizer(), AdamWOptions::default());
        assert_eq!(
            (
                parameters.training.lr,
                parameters.training.warmup,
                parameters.training.max_grad_norm
            ),
            (2e-3, 0.06, 0.0)
        );
    }

    /// Parameters and fields are two lists of the same.
    #[test]
    fn every_field_is_a_parameter_and_every_parameter_a_field() {
        let parameters = serde_json::to_value(parameters(&json!({}))).unwrap();
        let own: Vec<_> = parameters.as_object().unwrap().keys().cloned().collect();
        let fields = FIELDS.iter().filter(|field| field.takes.is_parameter());
        let mut fields: Vec<_> = fields.map(|field| field.name).collect();
        fields.sort_unstable();
        assert_eq!(own, fields);
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
                json!({"masking": {"random": 0.7, "keep": 0.7}}),
                vec!["masking.keep"],
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
