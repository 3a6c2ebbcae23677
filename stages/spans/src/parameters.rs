//! The parameters of a run: fields, defaults, and checks between them.
//!
//! Defaults are those of `run_squad.py` (Devlin et al. 2019) where it has any; of training those that all trainings share.

use contract::{ArtifactType, Field, FieldDefault, FieldType, KeyPolicy, Problem, joined};
use serde::{Deserialize, Serialize};
use training::Options;
use training::fields::{self, Defaults};

use crate::windows::SHORTEST;

/// All parameters of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The parameters that every training run has.
    #[serde(flatten)]
    pub training: Options,
    /// Passes over the windows of the training questions.
    pub epochs: u32,
    /// Number of windows in an update.
    pub batch: usize,
    /// The most tokens of a sequence; 0 stands for the tokenizer's `model_max_length`, or the encoder's positions if these are fewer.
    pub max_length: usize,
    /// The most tokens of a question.
    pub question_length: usize,
    /// Tokens from the beginning of one window of a text to that of the next.
    pub stride: usize,
    /// The most tokens of an answer.
    pub answer_length: usize,
    /// Number of answers that are considered.
    pub n_best: usize,
    /// How much better than the best answer "no answer" has to be.
    pub null_threshold: f64,
    /// Whether the threshold is looked for that suits the answers best.
    pub best_threshold: bool,
    /// Number of training questions that are used, the same ones for every seed; 0 stands for all.
    pub train_examples: usize,
    /// Number of development questions that are answered; 0 stands for all.
    pub eval_examples: usize,
    /// Whether the encoder with its head is kept beside the scores.
    pub keep_model: bool,
}

impl Parameters {
    /// Returns the problems that the ranges of single fields do not catch.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.training.check();
        if (1..SHORTEST).contains(&self.max_length) {
            let message = format!("{} tokens hold no question and text", self.max_length);
            problems.push(
                Problem::value("max_length", message)
                    .with_help("they take three special tokens and at least two others"),
            );
        }
        problems
    }
}

const fn at_least(min: i64) -> FieldType {
    FieldType::Integer {
        min,
        max: u32::MAX as i64,
    }
}

/// The stage's fields.
pub(crate) const FIELDS: &[Field] = &joined::<{ OWN.len() + TRAINING.len() }>(&[OWN, &TRAINING]);

/// The fields that all kinds that train share.
const TRAINING: [Field; fields::FIELDS] = fields::fields(&Defaults {
    seed: "Decides the head's initial weights, the order of the windows, and dropout.",
    lr: FieldDefault::Required,
    weight_decay: 0.01,
    validate_every: (
        "Updates between measurements of F1 on the development split; 0 for none.",
        KeyPolicy::Unless(FieldDefault::Integer(0)),
    ),
    checkpoint_every: (500, KeyPolicy::Never),
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
        "The questions: a benchmark with `task = \"squad\"` or `\"squad2\"`.",
    ),
    Field::new(
        "epochs",
        FieldType::Integer { min: 0, max: 1000 },
        FieldDefault::Required,
        "Passes over the windows of the training questions.",
    ),
    Field::new(
        "batch",
        FieldType::Integer {
            min: 1,
            max: 65_536,
        },
        FieldDefault::Required,
        "Windows an update.",
    ),
    Field::new(
        "max_length",
        at_least(0),
        FieldDefault::Integer(0),
        "The most tokens of a sequence, question and special tokens included; 0 stands for what the tokenizer says \
         (model_max_length), and no more than the encoder has positions for. Published runs have 384.",
    ),
    Field::new(
        "question_length",
        at_least(1),
        FieldDefault::Integer(64),
        "Tokens at which questions are cut, and never more than half of a sequence.",
    ),
    Field::new(
        "stride",
        at_least(1),
        FieldDefault::Integer(128),
        "Tokens from the beginning of one window of a text to that of the next; at most as many as a window holds.",
    ),
    Field::new(
        "answer_length",
        at_least(1),
        FieldDefault::Integer(30),
        "The most tokens of an answer.",
    ),
    Field::new(
        "n_best",
        FieldType::Integer { min: 1, max: 1000 },
        FieldDefault::Integer(20),
        "Tokens of a window that are tried as first and as last of the answer, and answers that are kept.",
    ),
    Field::new(
        "null_threshold",
        FieldType::Number {
            min: f64::MIN,
            max: f64::MAX,
        },
        FieldDefault::Number(0.0),
        "How much better than the best answer \"no answer\" has to be, where questions may have none.",
    ),
    Field::new(
        "best_threshold",
        FieldType::Bool,
        FieldDefault::Bool(false),
        "Whether to score the answers with the null_threshold that suits them best as well, where questions may have none, as SQuAD \
         2.0's script does: best_f1, best_exact. It is chosen by the questions that are scored.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Bool(false))),
    Field::new(
        "train_examples",
        at_least(0),
        FieldDefault::Integer(0),
        "Training questions to use, the same for every seed; 0 stands for all.",
    ),
    Field::new(
        "eval_examples",
        at_least(0),
        FieldDefault::Integer(0),
        "Development questions to answer, the first of the split; 0 stands for all.",
    ),
    Field::new(
        "keep_model",
        FieldType::Bool,
        FieldDefault::Bool(false),
        "Keep the trained encoder with its head, in `model/`: for `pipe predict` and `pipe export --to`.",
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
