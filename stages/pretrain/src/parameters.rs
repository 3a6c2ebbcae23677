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
use crate::contrast::Contrasting;
use crate::copies::Rates;
use crate::masking::{Count, Each, Replacement, StrategyName};
use crate::network::{MaskedTokens, Scheme};
use crate::plan::{BatchCounts, Plan, Updates};
use crate::rates::{Rate, Schedule, Shape};

pub(crate) use fields::{FIELDS, MASKING};

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
    /// Width of the hidden states, if not that of the size.
    pub hidden: Option<usize>,
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
    /// A contrastive loss beside that of masked tokens.
    pub contrast: Contrasting,
    /// Number of validation blocks for measuring perplexity.
    pub validation_blocks: usize,
}

/// Which tokens are masked and predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masking {
    /// How the positions to mask are chosen.
    pub strategy: StrategyName,
    /// Share of a sequence's tokens that is corrupted.
    pub corrupt: Rate,
    /// Share of a sequence's tokens that is predicted; `None` for all corrupted tokens.
    pub predict: Option<Rate>,
    /// How the number of masked tokens of a sequence is decided.
    pub count: Count,
    /// Parameter of the distribution of the lengths of SpanBERT's spans.
    pub span_p: f64,
    /// The most words in one of SpanBERT's spans.
    pub longest_span: usize,
    /// Mean length, in tokens, of T5's spans.
    pub mean_span: f64,
    /// Share of the selected tokens that a random token replaces.
    pub random: f64,
    /// Share of the selected tokens that is left unchanged.
    pub keep: f64,
    /// Whether what replaces a token is drawn for each, or for all of a unit.
    pub replace_each: Each,
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
        let sized = match self.hidden {
            Some(hidden) => sized.with_width(hidden),
            None => sized,
        };
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
        problems.extend(crate::contrast::check(self));
        problems.extend(compute::check(self));
        let (_, hidden, heads, _) = self.size.shape();
        let head = hidden / heads;
        if let Some(hidden) = self.hidden
            && hidden % head != 0
        {
            let message = format!(
                "{hidden} is not a multiple of {head}, the width of a head of size {}",
                self.size
            );
            let help = format!("give {}", hidden.next_multiple_of(head));
            problems.push(Problem::value("hidden", message).with_help(help));
        }
        if self.initializer_range <= 0.0 {
            let message = format!("{} is not above 0", self.initializer_range);
            problems.push(Problem::value("initializer_range", message));
        }
        problems
    }
}

impl Masking {
    /// Returns the rates over the run.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            corrupt: self.corrupt,
            predict: self.predict,
        }
    }

    /// Returns the rates of corruption and prediction that the run ends with, which are those of the whole run where none changes.
    pub fn rates(&self) -> Rates {
        self.schedule().last()
    }

    /// Returns how selected tokens are replaced.
    pub fn replacement(&self) -> Replacement {
        Replacement {
            random: self.random,
            keep: self.keep,
            each: self.replace_each,
        }
    }

    /// Whether all is as it was before there were other strategies, so that what is masked follows from the rates alone.
    pub(crate) fn is_plain(&self) -> bool {
        let is_constant = |rate: &Rate| matches!(rate, Rate::Constant(_));
        self.strategy == StrategyName::Uniform
            && self.count == Count::Exact
            && self.replace_each == Each::Token
            && is_constant(&self.corrupt)
            && self.predict.iter().all(is_constant)
    }

    pub(crate) fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (path, rate, is_corruption) in [
            ("masking.corrupt", Some(self.corrupt), true),
            ("masking.predict", self.predict, false),
        ] {
            problems.extend(rate.and_then(|rate| check_rate(path, &rate, is_corruption)));
        }
        let rates = self.rates();
        if problems.is_empty() && rates.copies() > MOST_COPIES {
            let message = format!(
                "predicting {} at a corruption of {} takes {} copies of each sequence",
                rates.predict,
                rates.corrupt,
                rates.copies()
            );
            let help = format!("at most {MOST_COPIES} are supported; raise masking.corrupt");
            problems.push(Problem::value("masking.predict", message).with_help(help));
        } else if problems.is_empty()
            && let Some([one, other]) = self.schedule().differing_copies()
        {
            let message = format!(
                "as the rates change, a sequence takes now {one}, now {other} copies (prediction by corruption, rounded up)"
            );
            let help = "all updates hold as many sequences: keep the ratio of the rates within one whole number, or leave \
                        masking.predict out";
            problems.push(Problem::value("masking.predict", message).with_help(help));
        }
        if self.count == Count::Bernoulli
            && let StrategyName::SpanbertSpans | StrategyName::T5Spans = self.strategy
        {
            let message =
                "spans are not drawn each by itself: where one lies decides where others can";
            let help = "give count = \"exact\", or the strategy uniform, whole-word or pmi";
            problems.push(Problem::value("masking.count", message).with_help(help));
        }
        if self.strategy == StrategyName::SpanbertSpans && self.span_p <= 0.0 {
            let message = "a geometric distribution has no parameter of 0";
            problems.push(Problem::value("masking.span_p", message).with_help(
                "give a number above 0, such as 0.2; the larger, the shorter the spans",
            ));
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

/// Returns what is wrong with a rate. A corruption of 1 leaves nothing to predict from; a prediction of 1 predicts every token once.
fn check_rate(path: &'static str, rate: &Rate, is_corruption: bool) -> Option<Problem> {
    let ends = rate.ends();
    if ends.iter().any(|&rate| rate <= 0.0) {
        let problem = Problem::value(path, "nothing would be learnt at a rate of 0");
        return Some(problem.with_help("give a share above 0, such as 0.15"));
    }
    if is_corruption && ends.iter().any(|&rate| rate >= 1.0) {
        let message = "at a rate of 1 no token is left to predict from";
        return Some(Problem::value(path, message).with_help("give a share below 1, such as 0.4"));
    }
    let Rate::Course(course) = rate else {
        return None;
    };
    match (course.shape, course.to) {
        (Shape::Constant, Some(_)) => {
            let problem = Problem::value(path, "`to` is given, and the shape is constant");
            Some(
                problem
                    .with_help("say how the rate changes, shape = \"linear\", or leave `to` out"),
            )
        }
        (Shape::Constant, None) | (_, Some(_)) => None,
        (_, None) => {
            let problem =
                Problem::value(path, "the shape asks for `to`, the rate at the other end");
            Some(problem.with_help("write { from = 0.3, to = 0.15, shape = \"linear\" }"))
        }
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
