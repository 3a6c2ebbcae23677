//! The parameters of a fine-tuning run: fields, defaults, and checks between them.
//!
//! Defaults are those of Wettig et al.'s `finetune_glue.sh`: Adam (0.9, 0.98), epsilon 1e-6, decay 0.1, dropout 0.1
//! but none in the head, 6 % warm-up, no clipping. Learning rate, batch and epochs come from a grid per task there, and have no
//! default.

use contract::{ArtifactType, Field, FieldDefault, FieldType, KeyPolicy, Problem, joined};
use encoder::Pooling;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use training::Options;
use training::fields::{self, Defaults, SHARE};

use crate::class_contrast;

/// All parameters of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The parameters that every training run has.
    #[serde(flatten)]
    pub training: Options,
    /// Passes over the training examples.
    pub epochs: u32,
    /// Number of examples in an update.
    pub batch: usize,
    /// Dropout probability before and within the head.
    pub head_dropout: f64,
    /// Pooling of a sequence's hidden states for the head.
    pub pooling: Pooling,
    /// Number of tokens at which examples are truncated; 0 stands for the tokenizer's `model_max_length`, or the encoder's positions
    /// if these are fewer.
    pub max_length: usize,
    /// Number of training examples that are used, the same ones for every seed; 0 stands for all.
    pub train_examples: usize,
    /// Number of those examples that are held out and scored as a split of their own; 0 holds none out.
    pub held_out: usize,
    /// Number of development examples that are scored; 0 stands for all.
    pub eval_examples: usize,
    /// Weight of a supervised contrastive loss, whose rest the cross-entropy has; 0 for none.
    pub contrastive: f64,
    /// What cosines are divided by in that loss.
    pub contrastive_temperature: f64,
    /// Whether the encoder with its head is kept beside the scores.
    pub keep_model: bool,
}

impl Parameters {
    /// Returns the problems that the ranges of single fields do not catch.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.training.check();
        problems.extend(class_contrast::check(self));
        if self.head_dropout >= 1.0 {
            let message = format!("{} is not below 1", self.head_dropout);
            problems.push(Problem::value("head_dropout", message));
        }
        if self.train_examples > 0 && self.held_out >= self.train_examples {
            problems.push(
                Problem::value(
                    "held_out",
                    format!(
                        "{} of {} training examples leave none to train on",
                        self.held_out, self.train_examples
                    ),
                )
                .with_help("set fewer aside"),
            );
        }
        if (1..4).contains(&self.max_length) {
            problems.push(
                Problem::value(
                    "max_length",
                    format!("{} tokens hold no example", self.max_length),
                )
                .with_help(
                    "a pair takes three special tokens and at least one other; 0 cuts nothing",
                ),
            );
        }
        problems
    }
}

fn is_contrastive(beside: &Map<String, Value>) -> bool {
    let weight = beside.get("contrastive").and_then(Value::as_f64);
    weight.is_some_and(|weight| weight > 0.0)
}

const fn at_least(min: i64) -> FieldType {
    FieldType::Integer { min, max: i64::MAX }
}

/// The stage's fields.
pub(crate) const FIELDS: &[Field] = &joined::<{ OWN.len() + TRAINING.len() }>(&[OWN, &TRAINING]);

/// The fields that all kinds that train share.
const TRAINING: [Field; fields::FIELDS] = fields::fields(&Defaults {
    seed: "Decides the head's initial weights, the order of the examples, and dropout.",
    lr: FieldDefault::Required,
    weight_decay: 0.1,
    validate_every: (
        "Updates between measurements of the main metric, on what `held_out` sets aside, or else on the development split; 0 \
         for none.",
        KeyPolicy::Unless(FieldDefault::Integer(0)),
    ),
    // Earlier versions keyed this field, so keys hold its default of that time.
    checkpoint_every: (500, KeyPolicy::As(FieldDefault::Integer(500))),
});

/// The fields of this kind alone.
const OWN: &[Field] = &[
    Field::new(
        "encoder",
        FieldType::Input(ArtifactType::Encoder),
        FieldDefault::Required,
        "The encoder to start from.",
    ),
    Field::new(
        "data",
        FieldType::Input(ArtifactType::Benchmark),
        FieldDefault::Required,
        "The task's examples.",
    ),
    Field::new(
        "epochs",
        FieldType::Integer { min: 0, max: 1000 },
        FieldDefault::Required,
        "Passes over the training examples.",
    ),
    Field::new(
        "batch",
        FieldType::Integer {
            min: 1,
            max: 65_536,
        },
        FieldDefault::Required,
        "Examples an update.",
    ),
    Field::new(
        "head_dropout",
        SHARE,
        FieldDefault::Number(0.0),
        "Dropout probability before and within the head.",
    ),
    Field::new(
        "pooling",
        FieldType::Choice(Pooling::NAMES),
        FieldDefault::Text("cls"),
        "What the head sees: the first token's hidden state, as published, the mean of all tokens', which small \
         encoders learn from sooner, or the mean over the first or the embedding layer and the last.",
    ),
    Field::new(
        "max_length",
        at_least(0),
        FieldDefault::Integer(0),
        "Tokens at which examples are cut; 0 stands for what the tokenizer says (model_max_length), and no more than the \
         encoder has positions for.",
    ),
    Field::new(
        "train_examples",
        at_least(0),
        FieldDefault::Integer(0),
        "Training examples to use, the same for every seed; 0 stands for all.",
    ),
    Field::new(
        "held_out",
        at_least(0),
        FieldDefault::Integer(0),
        "Of those, examples to set aside, the same for every seed, and to score as the split `held_out`: what the best of \
         several runs can be chosen by; 0 sets none aside.",
    ),
    Field::new(
        "eval_examples",
        at_least(0),
        FieldDefault::Integer(0),
        "Development examples to score, the first of the split; 0 stands for all.",
    ),
    Field::new(
        "contrastive",
        SHARE,
        FieldDefault::Number(0.0),
        "Weight of a supervised contrastive loss over the batch's pooled states, of which those of one class are to be near each other \
         (Gunel et al. 2021); the cross-entropy has the rest. 0 for none.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Number(0.0))),
    Field::new(
        "contrastive_temperature",
        FieldType::Number {
            min: 1e-3,
            max: 1e3,
        },
        FieldDefault::Number(0.3),
        "What cosines are divided by in that loss.",
    )
    .keyed(KeyPolicy::If(is_contrastive)),
    Field::new(
        "keep_model",
        FieldType::Bool,
        FieldDefault::Bool(false),
        "Keep the trained encoder with its head, in `model/`: for `pipe predict`, and for `pipe export --to`, which takes heads with \
         pooling = \"cls\".",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Bool(false))),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use contract::{Params, complete};
    use serde_json::json;

    use super::*;

    /// Parameters and fields are two lists that must agree.
    #[test]
    fn every_field_is_a_parameter_and_every_parameter_a_field() {
        let given = json!({"epochs": 1, "batch": 4, "lr": 1e-3});
        let all = Params(complete(FIELDS, given.as_object().unwrap()).unwrap());
        let parameters: Parameters = all.parse().unwrap();
        let parameters = serde_json::to_value(parameters).unwrap();
        let own: Vec<_> = parameters.as_object().unwrap().keys().cloned().collect();
        let continuing = fields::CONTINUING.iter().map(|field| field.name);
        let fields = FIELDS.iter().filter(|field| field.takes.is_parameter());
        let mut fields: Vec<_> = fields.map(|field| field.name).chain(continuing).collect();
        fields.sort_unstable();
        assert_eq!(own, fields);
    }
}
