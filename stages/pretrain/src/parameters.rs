//! The parameters of a pre-training run: fields, defaults, and checks between them.
//!
//! Defaults are the recipe of Wettig et al. (DinkyTrain's `run_efficient_mlm_recipe.sh`). Parameters that depend on machine and
//! budget (size, updates, batch) have no default.

mod fields;

use contract::{Params, Problem, StageError, keyed};
use encoder::{Architecture, Config, Size};
use serde::{Deserialize, Serialize};
use training::Options;

use crate::compute;
use crate::copies::Rates;
use crate::masking::{Replacement, Strategy};
use crate::network::{MaskedTokens, Scheme};
use crate::plan::{BatchCounts, Plan, Updates};

pub(crate) use fields::FIELDS;

/// The most copies that one sequence may be trained on.
const MOST_COPIES: usize = 1000;

/// All parameters of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The parameters that every training run has.
    #[serde(flatten)]
    pub training: Options,
    /// Size of the encoder.
    pub size: Size,
    /// Number of layers, if not that of the size.
    pub layers: Option<usize>,
    /// Where layer normalisation is applied.
    pub layer_norm: LayerNorm,
    /// Number of rows of the token type table.
    pub token_types: usize,
    /// Length of the longest sequence that the encoder has positions for.
    pub max_positions: usize,
    /// Distribution of the initial weights.
    pub initial: Initial,
    /// Standard deviation of the initial weights.
    pub initializer_range: f64,
    /// Number of updates, which [`Masking::updates`] may scale.
    pub steps: u32,
    /// Number of sequences in an update, counted as [`Masking::batch_counts`] says.
    pub batch: usize,
    /// Number of sequences in memory at once; 0 stands for all sequences of an update.
    pub micro_batch: usize,
    /// Which tokens are masked and predicted.
    pub masking: Masking,
    /// Number of validation blocks for measuring perplexity.
    pub validation_blocks: usize,
}

/// Which tokens are masked and predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masking {
    /// How the positions to mask are chosen.
    pub strategy: Strategy,
    /// Share of a sequence's tokens that is corrupted.
    pub corrupt: f64,
    /// Share of a sequence's tokens that is predicted; `None` for all corrupted tokens.
    pub predict: Option<f64>,
    /// Share of the selected tokens that a random token replaces.
    pub random: f64,
    /// Share of the selected tokens that is left unchanged.
    pub keep: f64,
    /// Whether special tokens may be masked too.
    pub mask_special: bool,
    /// Which layers read masked tokens.
    pub masked: MaskedTokens,
    /// Number of layers that read masked tokens where not all do; `None` for what suits the size.
    pub masked_layers: Option<usize>,
    /// Tokens in a block, as [`Updates::EqualCompute`] counts them.
    pub compute_length: Option<usize>,
    /// Tokens in the vocabulary, as [`Updates::EqualCompute`] counts them.
    pub compute_vocabulary: Option<usize>,
    /// What `batch` counts.
    pub batch_counts: BatchCounts,
    /// What `steps` counts.
    pub updates: Updates,
}

/// Where layer normalisation is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerNorm {
    /// Before each sub-layer, and once at the end.
    Pre,
    /// After each sub-layer, as in BERT.
    Post,
}

/// Distribution of the initial weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initial {
    /// Normally distributed, as in BERT.
    Normal,
    /// Normally distributed, then moved towards the weights of trained encoders (Trockman and Kolter 2023).
    Mimetic,
}

impl Parameters {
    /// Returns the parameters as they enter keys.
    pub(crate) fn keyed(&self) -> Result<Params, StageError> {
        let all = serde_json::to_value(self).and_then(serde_json::from_value);
        Ok(keyed(FIELDS, &Params(all.map_err(StageError::failed)?)))
    }

    /// Returns the encoder's configuration for a vocabulary of `vocabulary` tokens with the padding token `padding`.
    pub fn config(&self, vocabulary: usize, padding: u32) -> Config {
        let architecture = match self.layer_norm {
            LayerNorm::Pre => Architecture::RobertaPreLayerNorm,
            LayerNorm::Post => Architecture::Bert,
        };
        let sized = Config::of_size(
            self.size,
            architecture,
            vocabulary,
            self.max_positions,
            padding,
        );
        Config {
            num_hidden_layers: self.layers.unwrap_or(sized.num_hidden_layers),
            type_vocab_size: self.token_types,
            hidden_dropout_prob: self.training.dropout,
            attention_probs_dropout_prob: self.training.attention_dropout,
            initializer_range: self.initializer_range,
            ..sized
        }
    }

    /// Returns which layers read masked tokens.
    pub fn scheme(&self) -> Scheme {
        let layers = self.masking.masked_layers.unwrap_or(match self.size {
            Size::Base => 2,
            Size::Large => 4,
            _ => 1,
        });
        Scheme::of(self.masking.masked, layers)
    }

    /// Returns the plan of the run: its updates and their sequences.
    pub fn plan(&self) -> Plan {
        let masking = &self.masking;
        let steps = match masking.updates {
            Updates::EqualCompute => compute::equal_updates(self),
            Updates::Fixed | Updates::PerOriginal => self.steps,
        };
        Plan::new(
            masking.rates().copies(),
            steps,
            self.batch,
            masking.batch_counts,
            masking.updates,
        )
    }

    /// Returns the problems that the ranges of single fields do not catch.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.masking.check();
        problems.extend(self.training.check());
        problems.extend(crate::network::check(self));
        problems.extend(compute::check(self));
        if self.initializer_range <= 0.0 {
            let message = format!("{} is not above 0", self.initializer_range);
            problems.push(Problem::value("initializer_range", message));
        }
        problems
    }
}

impl Masking {
    /// Returns the rates of corruption and prediction.
    pub fn rates(&self) -> Rates {
        Rates {
            corrupt: self.corrupt,
            predict: self.predict.unwrap_or(self.corrupt),
        }
    }

    /// Returns how selected tokens are replaced.
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

    /// Parameters and fields are two lists that must agree.
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
