//! What a fine-tuning run can be told: the fields of the stage, their defaults, and the rules between them.
//!
//! Defaults are those of Wettig et al.'s `finetune_glue.sh`: Adam (0.9, 0.98), epsilon 1e-6, decay 0.1, dropout 0.1
//! but none in the head, 6 % warm-up, no clipping. Their learning rate, batch and epochs come from a grid per task and have no default.

use contract::{ArtifactType, Field, FieldDefault, FieldType, KeyPolicy, Problem};
use encoder::{AdamWOptions, DecayGroup, DeclaredPrecision, Pooling};
use serde::Deserialize;

/// All parameters of a run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Decides the head's initial weights, the order of the examples, and dropout.
    pub seed: u64,
    /// Passes over the training examples.
    pub epochs: u32,
    /// Examples an update.
    pub batch: usize,
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
    /// Dropout probability of embeddings and sub-layer outputs.
    pub dropout: f64,
    /// Dropout probability of attention weights.
    pub attention_dropout: f64,
    /// Dropout probability before and within the head.
    pub head_dropout: f64,
    /// Operands of matrix products.
    pub precision: DeclaredPrecision,
    /// What the head sees of a sequence.
    pub pooling: Pooling,
    /// Tokens at which examples are cut; 0 stands for what the tokenizer says (`model_max_length`), and no more than the
    /// encoder has positions for.
    pub max_length: usize,
    /// Training examples to use, the same for every seed; 0 stands for all.
    pub train_examples: usize,
    /// Of those, examples to set aside and score as a split of their own; 0 sets none aside.
    pub held_out: usize,
    /// Development examples to score; 0 stands for all.
    pub eval_examples: usize,
    /// Updates between checkpoints.
    pub checkpoint_every: u32,
}

/// Which parameters decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// All (Wettig et al.).
    All,
    /// All but biases and layer normalisation (Izsak et al.).
    NoBiasOrNorm,
}

impl Parameters {
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
        let below_one = [
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
            ("head_dropout", self.head_dropout),
            ("beta1", self.beta1),
            ("beta2", self.beta2),
        ];
        let above_zero = [("epsilon", self.epsilon), ("lr", self.lr)];
        let mut problems = Vec::new();
        for (path, value) in below_one.into_iter().filter(|(_, value)| *value >= 1.0) {
            problems.push(Problem::value(path, format!("{value} is not below 1")));
        }
        for (path, value) in above_zero.into_iter().filter(|(_, value)| *value <= 0.0) {
            problems.push(Problem::value(path, format!("{value} is not above 0")));
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

/// A share.
const SHARE: FieldType = FieldType::Number { min: 0.0, max: 1.0 };
/// A number that is not negative.
const POSITIVE: FieldType = FieldType::Number {
    min: 0.0,
    max: f64::MAX,
};

const fn at_least(min: i64) -> FieldType {
    FieldType::Integer { min, max: i64::MAX }
}

/// The stage's fields.
pub(crate) const FIELDS: &[Field] = &[
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
        "seed",
        at_least(0),
        FieldDefault::Integer(0),
        "Decides the head's initial weights, the order of the examples, and dropout.",
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
        "lr",
        POSITIVE,
        FieldDefault::Required,
        "Peak learning rate.",
    ),
    Field::new(
        "warmup",
        SHARE,
        FieldDefault::Number(0.06),
        "Share of the updates in which the learning rate rises.",
    ),
    Field::new(
        "beta1",
        SHARE,
        FieldDefault::Number(0.9),
        "Decay of AdamW's first moment.",
    ),
    Field::new(
        "beta2",
        SHARE,
        FieldDefault::Number(0.98),
        "Decay of AdamW's second moment.",
    ),
    Field::new(
        "epsilon",
        POSITIVE,
        FieldDefault::Number(1e-6),
        "Added to the root of AdamW's second moment.",
    ),
    Field::new(
        "weight_decay",
        POSITIVE,
        FieldDefault::Number(0.1),
        "Decoupled weight decay per unit of learning rate.",
    ),
    Field::new(
        "decay",
        FieldType::Choice(&["all", "no-bias-or-norm"]),
        FieldDefault::Text("all"),
        "Which parameters decay.",
    ),
    Field::new(
        "clip",
        POSITIVE,
        FieldDefault::Number(0.0),
        "Largest gradient norm; 0 switches clipping off.",
    ),
    Field::new(
        "dropout",
        SHARE,
        FieldDefault::Number(0.1),
        "Dropout probability of embeddings and sub-layer outputs.",
    ),
    Field::new(
        "attention_dropout",
        SHARE,
        FieldDefault::Number(0.1),
        "Dropout probability of attention weights.",
    ),
    Field::new(
        "head_dropout",
        SHARE,
        FieldDefault::Number(0.0),
        "Dropout probability before and within the head.",
    ),
    DeclaredPrecision::FIELD,
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
        "checkpoint_every",
        FieldType::Integer {
            min: 1,
            max: 1_000_000,
        },
        FieldDefault::Integer(500),
        "Updates between checkpoints.",
    )
    // It was keyed once, with this default.
    .keyed(KeyPolicy::As(FieldDefault::Integer(500))),
];
