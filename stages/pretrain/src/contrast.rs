//! A contrastive loss beside masked language modelling: its parameters. Each level is an objective of its own, in a file of its own.
//!
//! * [`sequences`]: the loss of an update is the cross-entropy of its masked tokens plus λ times that of telling its sequences apart,
//!   InfoNCE over the cosines of two views' pooled states. No published work settles this from scratch. The one that comes near, CLEAR
//!   (Wu et al. 2020, arXiv:2012.15466), adds the contrast of two augmentations of a sentence, deleted words among them, to masked
//!   language modelling from the first update. Here the views are two masks of a sequence, which delete words and keep their places;
//!   the first is the one whose tokens are predicted. Mean pooling and a temperature of 0.05 are those of DeCLUTR (Giorgi et al. 2021,
//!   arXiv:2006.03659). The loss is SimCSE's: in one direction, without a projection.
//! * [`tokens`]: TaCL (Su et al. 2022, arXiv:2111.04198) without its prediction of the next sentence.

use contract::{Field, FieldDefault, FieldType, KeyPolicy, Maker, Problem};
use encoder::Pooling;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::network::Scheme;
use crate::parameters::Parameters;

pub mod objective;
pub mod sequences;
pub mod tokens;

/// What a contrastive loss beside masked language modelling compares, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrasting {
    /// λ, the loss's weight; 0 for none.
    pub weight: f64,
    /// What is told apart.
    pub level: Level,
    /// How the two views of a sequence differ.
    pub views: Views,
    /// Pooling of a sequence's hidden states.
    pub pooling: Pooling,
    /// What cosines are divided by.
    pub temperature: f64,
}

/// What a contrastive loss tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The sequences of an update, by their pooled states.
    Sequences,
    /// The tokens of a sequence, by those that a frozen encoder makes of it.
    Tokens,
}

/// How the two views of a sequence differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Views {
    /// By masks that are drawn apart, and by their dropout.
    Masks,
    /// By their dropout alone.
    Dropout,
}

impl Contrasting {
    /// Returns the level of the loss, if there is one.
    pub fn level(&self) -> Option<Level> {
        (self.weight > 0.0).then_some(self.level)
    }

    /// Returns how many passes of an update's sequences through the layers the loss costs beside those of masked language modelling; a
    /// pass without gradients is a third of one.
    pub fn further_passes(&self) -> f64 {
        match self.level() {
            None => 0.0,
            Some(Level::Sequences) => 1.0,
            Some(Level::Tokens) => 1.0 / 3.0,
        }
    }
}

fn is_on(beside: &Map<String, Value>) -> bool {
    let weight = beside.get("weight").and_then(Value::as_f64);
    weight.is_some_and(|weight| weight > 0.0)
}

fn is_of_sequences(beside: &Map<String, Value>) -> bool {
    is_on(beside) && beside.get("level") == Some(&Value::from("sequences"))
}

/// The fields of [`Contrasting`].
pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "weight",
        FieldType::Number { min: 0.0, max: 1e3 },
        FieldDefault::Number(0.0),
        "Weight of a contrastive loss beside that of masked tokens; 0 for none.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Number(0.0))),
    Field::new(
        "level",
        FieldType::Choice(&["sequences", "tokens"]),
        FieldDefault::Text("sequences"),
        "What is told apart: the sequences of an update, by two views of each; or the tokens of a sequence, by those that `teacher` makes \
         of it unmasked (TaCL).",
    )
    .keyed(KeyPolicy::If(is_on)),
    Field::new(
        "views",
        FieldType::Choice(&["masks", "dropout"]),
        FieldDefault::Text("masks"),
        "How a sequence's two views differ: by masks that are drawn apart, or by dropout alone.",
    )
    .keyed(KeyPolicy::If(is_of_sequences)),
    Field::new(
        "pooling",
        FieldType::Choice(Pooling::NAMES),
        FieldDefault::Text("mean"),
        "How a sequence's hidden states become one vector.",
    )
    .keyed(KeyPolicy::If(is_of_sequences)),
    Field::new(
        "temperature",
        FieldType::Number {
            min: 1e-3,
            max: 1e3,
        },
        FieldDefault::Number(0.05),
        "What cosines are divided by; TaCL has 0.01.",
    )
    .keyed(KeyPolicy::If(is_on)),
];

/// Returns what speaks against the parameters.
pub(crate) fn check(parameters: &Parameters) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(level) = parameters.contrast.level() else {
        return problems;
    };
    if parameters.scheme() != Scheme::Embedded {
        let message = "the states that are compared are those of an encoder that reads all tokens";
        let help = "set masking.masked = \"embedded\", or contrast.weight = 0";
        problems.push(Problem::value("contrast.weight", message).with_help(help));
    }
    if level == Level::Tokens {
        return problems;
    }
    if parameters.masking.rates().copies() > 1 {
        let message = "more is predicted than corrupted, so that an update holds copies of a sequence, which would be told apart";
        let help = "leave masking.predict out, or set contrast.weight = 0";
        problems.push(Problem::value("masking.predict", message).with_help(help));
    }
    if parameters.batch < 2 {
        let message = "a sequence is told from the others of its update, and there is none";
        problems.push(Problem::value("batch", message).with_help("give at least 2"));
    }
    if parameters.training.gradient_parts > 1 {
        let message =
            "all sequences of an update are compared with each other, so that it has no parts";
        let help = "leave it out; micro_batch bounds memory";
        problems.push(Problem::value("gradient_parts", message).with_help(help));
    }
    problems
}

/// Returns what speaks against the teacher that is given, or not given.
pub(crate) fn check_teacher(parameters: &Parameters, teacher: Option<&Maker>) -> Option<Problem> {
    match (parameters.contrast.level(), teacher) {
        (Some(Level::Tokens), None) => {
            let message = "contrast.level = \"tokens\" compares with an encoder, and none is given";
            let help = "name the one that `start` names: teacher = \"@stage\"";
            Some(Problem::value("teacher", message).with_help(help))
        }
        (None | Some(Level::Sequences), Some(_)) => {
            let message = "no loss compares with it";
            let help = "leave it out, or set contrast = { weight = 1.0, level = \"tokens\" }";
            Some(Problem::value("teacher", message).with_help(help))
        }
        _ => None,
    }
}
