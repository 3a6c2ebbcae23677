//! The parameters of a run: fields, defaults, and checks between them.
//!
//! Defaults are those of `run_unsup_example.sh` and `simcse/models.py`: batch 64, sentences of 32 tokens, temperature 0.05, a projection
//! that serves training alone over the first token, and where there are hard negatives, a weight of 1.

use contract::{ArtifactType, Field, FieldDefault, FieldType, KeyPolicy, Params, Problem, joined};
use contrastive::{Contrast, Similarity};
use encoder::{Modules, Pooling};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use training::Options;
use training::fields::{self, Defaults, SHARE};

use crate::views::Positive;

/// The least number of tokens that has room for one of a sentence.
const SHORTEST: usize = 3;

/// All parameters of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The parameters that every training run has.
    #[serde(flatten)]
    pub training: Options,
    /// Passes over the sentences.
    pub epochs: u32,
    /// Number of sentences in an update, which are compared with each other.
    pub batch: usize,
    /// Number of sentences in memory at once; 0 stands for all of an update.
    pub micro_batch: usize,
    /// Number of sentences that are used, the first ones; 0 stands for all.
    pub sentences: usize,
    /// Number of tokens at which sentences are cut.
    pub max_length: usize,
    /// What belongs to a sentence.
    pub positive: Positive,
    /// Share of its words that a crop or a deletion takes away.
    pub strength: f64,
    /// Whether hard negatives are used where the data has them.
    pub negatives: bool,
    /// Weight of an anchor's own hard negative.
    pub negative_weight: f64,
    /// Pooling of a sentence's hidden states.
    pub pooling: Pooling,
    /// What becomes of the projection.
    pub projection: ProjectionUse,
    /// Number of encoders: with two, the second makes the vectors of all but the anchors, and serves training alone.
    pub encoders: u32,
    /// How vectors are compared.
    pub similarity: Similarity,
    /// What similarities are divided by.
    pub temperature: f64,
    /// Whether both passes of a sentence have one dropout mask.
    pub fixed_mask: bool,
    /// Weight of the masked language modelling loss beside the contrastive one.
    pub masked_lm: f64,
    /// Share of the tokens that are masked for it.
    pub masked_lm_rate: f64,
}

/// What becomes of the map between a sentence's vector and the one that the loss compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectionUse {
    /// It serves training alone.
    Training,
    /// It belongs to the model, which gives vectors that went through it.
    Kept,
    /// There is none.
    None,
}

/// Returns the pooling that complete parameters of the stage name.
pub fn pooling(params: &Params) -> Option<Pooling> {
    let parameters: Parameters = params.parse().ok()?;
    Some(parameters.pooling)
}

impl Parameters {
    /// Returns what decides the loss beside the vectors.
    pub fn contrast(&self) -> Contrast {
        Contrast {
            similarity: self.similarity,
            temperature: self.temperature,
            negative_weight: self.negative_weight,
        }
    }

    /// Returns the problems that the ranges of single fields do not catch.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.training.check();
        if self.max_length < SHORTEST {
            let message = "no token of a sentence would be seen";
            let help = format!("give at least {SHORTEST}");
            problems.push(Problem::value("max_length", message).with_help(help));
        }
        if self.batch < 2 {
            let message = "a sentence is compared with the others of its batch, and there is none";
            problems.push(Problem::value("batch", message).with_help("give at least 2"));
        }
        if self.positive.has_strength() && self.strength >= 1.0 {
            let message = format!("{} leaves no word", self.strength);
            problems.push(Problem::value("strength", message).with_help("give a share below 1"));
        }
        if self.masked_lm > 0.0 && (self.masked_lm_rate <= 0.0 || self.masked_lm_rate >= 1.0) {
            let message = format!(
                "{} is not between 0 and 1, and masked_lm asks for masked tokens",
                self.masked_lm_rate
            );
            problems.push(Problem::value("masked_lm_rate", message));
        }
        if self.projection == ProjectionUse::Kept && Modules::mode(self.pooling).is_none() {
            let message = "the model would lose its map: sentence-transformers has no such pooling, so its folder would not name it";
            let help =
                "keep the map with pooling cls, mean or max; or choose projection = \"training\"";
            problems.push(Problem::value("projection", message).with_help(help));
        }
        if self.projection == ProjectionUse::Kept && !self.training.keep_at.is_empty() {
            let message = "of the encoders on the way the map is not kept";
            let help = "leave keep_at out, or choose projection = \"training\"";
            problems.push(Problem::value("keep_at", message).with_help(help));
        }
        if self.training.gradient_parts > 1 {
            let message =
                "all sentences of a batch are compared with each other, so that it has no parts";
            let help = "leave it out; micro_batch bounds memory";
            problems.push(Problem::value("gradient_parts", message).with_help(help));
        }
        problems
    }
}

const fn count(min: i64) -> FieldType {
    FieldType::Integer {
        min,
        max: u32::MAX as i64,
    }
}

fn has_strength(beside: &Map<String, Value>) -> bool {
    let positive = beside.get("positive").and_then(Value::as_str);
    matches!(positive, Some("crop" | "word-deletion"))
}

fn has_masked_lm(beside: &Map<String, Value>) -> bool {
    let weight = beside.get("masked_lm").and_then(Value::as_f64);
    weight.is_some_and(|weight| weight > 0.0)
}

/// Whether the bits of gradients depend on the number of sentences in memory: with bfloat16 they do, and where a weight is applied to
/// the sums over them.
fn is_rounded(beside: &Map<String, Value>) -> bool {
    let precision = beside.get(encoder::DeclaredPrecision::FIELD.name);
    precision != Some(&Value::from("f32")) || has_masked_lm(beside)
}

/// The stage's fields.
pub(crate) const FIELDS: &[Field] =
    &joined::<{ OWN.len() + TRAINING.len() + 1 }>(&[OWN, &TRAINING, &[fields::KEEP_AT]]);

/// The fields that all kinds that train share.
const TRAINING: [Field; fields::FIELDS] = fields::fields(&Defaults {
    seed: "Decides the projection's initial weights, the order of the sentences, dropout, what is cropped and what is masked.",
    lr: FieldDefault::Required,
    weight_decay: 0.0,
    validate_every: (
        "Updates between measurements on `development`; 0 for none.",
        KeyPolicy::Always,
    ),
    checkpoint_every: (200, KeyPolicy::Never),
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
        "The sentences: a benchmark of task `sentences` or `triplets`.",
    ),
    Field::new(
        "development",
        FieldType::Input(ArtifactType::Benchmark),
        FieldDefault::Absent,
        "A task that scores pairs, such as `stsb`, whose development split is measured on the way.",
    ),
    Field::new(
        "epochs",
        FieldType::Integer { min: 0, max: 1000 },
        FieldDefault::Integer(1),
        "Passes over the sentences.",
    ),
    Field::new(
        "batch",
        FieldType::Integer {
            min: 1,
            max: 1 << 20,
        },
        FieldDefault::Integer(64),
        "Sentences an update: each is compared with what belongs to the others.",
    ),
    Field::new(
        "micro_batch",
        FieldType::Integer {
            min: 0,
            max: 1 << 20,
        },
        FieldDefault::Integer(0),
        "Sentences in memory at once, 0 for all of an update: bounds memory by gradient caching, which takes a second forward pass and \
         changes no bit (with bf16 or masked_lm, the last ones).",
    )
    .keyed(KeyPolicy::If(is_rounded)),
    Field::new(
        "sentences",
        count(0),
        FieldDefault::Integer(0),
        "Sentences to use, the first ones; 0 for all.",
    ),
    Field::new(
        "max_length",
        FieldType::Integer {
            min: 0,
            max: 1 << 20,
        },
        FieldDefault::Integer(32),
        "Tokens at which sentences are cut, [CLS] and [SEP] included.",
    ),
    Field::new(
        "positive",
        FieldType::Choice(Positive::NAMES),
        FieldDefault::Text("auto"),
        "What belongs to a sentence. auto: what the data says, or the sentence itself where sentences stand alone; dropout: the sentence \
         itself; crop, word-deletion: the sentence less `strength` of its words, a run of them or any; delete-one-word.",
    ),
    Field::new(
        "strength",
        SHARE,
        FieldDefault::Number(0.1),
        "Share of the words that crop or word-deletion takes away.",
    )
    .keyed(KeyPolicy::If(has_strength)),
    Field::new(
        "negatives",
        FieldType::Bool,
        FieldDefault::Bool(true),
        "Whether hard negatives are used where the data has them.",
    ),
    Field::new(
        "negative_weight",
        FieldType::Number {
            min: 1e-6,
            max: 1e6,
        },
        FieldDefault::Number(1.0),
        "Weight of a sentence's own hard negative among what it is compared with.",
    ),
    Field::new(
        "pooling",
        FieldType::Choice(Pooling::NAMES),
        FieldDefault::Text("cls"),
        "How hidden states become one vector.",
    ),
    Field::new(
        "projection",
        FieldType::Choice(&["training", "kept", "none"]),
        FieldDefault::Text("training"),
        "Whether a dense map and tanh lie between the vector and the loss: in training alone, or kept as a part of the model.",
    ),
    Field::new(
        "encoders",
        FieldType::Integer { min: 1, max: 2 },
        FieldDefault::Integer(1),
        "1: all vectors are made by one encoder. 2: those of what belongs to a sentence, and of hard negatives, by another, which begins \
         with the same weights and serves training alone; what is measured and kept is the first.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Integer(1))),
    Field::new(
        "similarity",
        FieldType::Choice(Similarity::NAMES),
        FieldDefault::Text("cosine"),
        "How vectors are compared in the loss.",
    ),
    Field::new(
        "temperature",
        // Beyond these, similarities decide all or nothing, and gradients leave the range of 32-bit floats.
        FieldType::Number {
            min: 1e-3,
            max: 1e3,
        },
        FieldDefault::Number(0.05),
        "What similarities are divided by.",
    ),
    Field::new(
        "fixed_mask",
        FieldType::Bool,
        FieldDefault::Bool(false),
        "Whether both passes of a sentence have one dropout mask.",
    ),
    Field::new(
        "masked_lm",
        FieldType::Number { min: 0.0, max: 1e3 },
        FieldDefault::Number(0.0),
        "Weight of a masked language modelling loss beside the contrastive one, over masked copies of the sentences (80 % [MASK], 10 % \
         random, 10 % kept); 0 for none.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Number(0.0))),
    Field::new(
        "masked_lm_rate",
        SHARE,
        FieldDefault::Number(0.15),
        "Share of the tokens that are masked for it.",
    )
    .keyed(KeyPolicy::If(has_masked_lm)),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use contract::complete;
    use serde_json::json;

    use super::*;

    fn parse(given: &Value) -> Parameters {
        let all = Params(complete(FIELDS, given.as_object().unwrap()).unwrap());
        all.parse().unwrap()
    }

    /// Parameters and fields are two lists that must agree.
    #[test]
    fn every_field_is_a_parameter_and_every_parameter_a_field() {
        let parameters = serde_json::to_value(parse(&json!({"lr": 3e-5}))).unwrap();
        let own: Vec<_> = parameters.as_object().unwrap().keys().cloned().collect();
        let continuing = fields::CONTINUING.iter().map(|field| field.name);
        let continuing = continuing.filter(|name| *name != fields::KEEP_AT.name);
        let fields = FIELDS.iter().filter(|field| field.takes.is_parameter());
        let mut fields: Vec<_> = fields.map(|field| field.name).chain(continuing).collect();
        fields.sort_unstable();
        assert_eq!(own, fields);
    }

    #[test]
    fn what_cannot_be_is_said_before_a_run() {
        for (given, paths) in [
            (json!({}), vec![]),
            (json!({"max_length": 2}), vec!["max_length"]),
            (json!({"batch": 1}), vec!["batch"]),
            (
                json!({"positive": "crop", "strength": 1.0}),
                vec!["strength"],
            ),
            (
                json!({"masked_lm": 0.1, "masked_lm_rate": 0.0}),
                vec!["masked_lm_rate"],
            ),
            (json!({"gradient_parts": 2}), vec!["gradient_parts"]),
        ] {
            let mut all = json!({"lr": 3e-5});
            all.as_object_mut()
                .unwrap()
                .extend(given.as_object().unwrap().clone());
            let problems = parse(&all).check();
            let found: Vec<String> = problems
                .iter()
                .map(|problem| problem.path.join("."))
                .collect();
            assert_eq!(found, paths);
        }
    }
}
