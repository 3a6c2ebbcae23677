//! The stage's fields, as data.

use contract::{ArtifactType, Field, FieldDefault, FieldType, KeyPolicy};
use encoder::{DeclaredPrecision, Size};
use serde_json::{Map, Value};

use crate::masking::Strategy;

/// The most updates that may be asked for: times the most copies, it still fits the step counter.
const MOST_STEPS: i64 = 4_000_000;
/// A share.
const SHARE: FieldType = FieldType::Number { min: 0.0, max: 1.0 };
/// A number that is not negative.
const POSITIVE: FieldType = FieldType::Number {
    min: 0.0,
    max: f64::MAX,
};

/// Whether sums of gradients rest on how many sequences are in memory at once.
fn is_rounded(beside: &Map<String, Value>) -> bool {
    beside.get(DeclaredPrecision::FIELD.name) != Some(&Value::from("f32"))
}

const fn integer(min: i64, max: i64) -> FieldType {
    FieldType::Integer { min, max }
}

/// The stage's fields.
pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "tokens",
        FieldType::Input(ArtifactType::Tokens),
        FieldDefault::Required,
        "Blocks of token ids to train and validate on.",
    ),
    Field::new(
        "size",
        FieldType::Choice(&Size::NAMES),
        FieldDefault::Required,
        "Shape of the encoder: layers, width, heads.",
    ),
    Field::new(
        "layer_norm",
        FieldType::Choice(&["pre", "post"]),
        FieldDefault::Text("pre"),
        "Where layer normalisation sits: before each sub-layer (Wettig et al.) or after it (BERT).",
    ),
    Field::new(
        "token_types",
        integer(1, 2),
        FieldDefault::Integer(1),
        "Rows of the token type table; 1 makes all tokens of one type.",
    ),
    Field::new(
        "max_positions",
        integer(1, 65_536),
        FieldDefault::Integer(512),
        "Longest sequence in tokens that the encoder has positions for.",
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
    DeclaredPrecision::FIELD,
    Field::new(
        "initial",
        FieldType::Choice(&["normal", "mimetic"]),
        FieldDefault::Text("normal"),
        "How the weights begin: normally distributed, or moved towards what trained encoders look like.",
    ),
    Field::new(
        "initializer_range",
        POSITIVE,
        FieldDefault::Number(0.02),
        "Standard deviation of the initial weights; narrow encoders learn sooner from a larger one.",
    ),
    Field::new(
        "seed",
        integer(0, i64::MAX),
        FieldDefault::Integer(0),
        "Decides initial weights, order, masks and dropout.",
    ),
    Field::new(
        "steps",
        integer(0, MOST_STEPS),
        FieldDefault::Required,
        "Updates; 0 gives the encoder as it was initialised. See masking.updates.",
    ),
    Field::new(
        "batch",
        integer(1, 1 << 20),
        FieldDefault::Required,
        "Sequences an update. See masking.batch_counts.",
    ),
    Field::new(
        "micro_batch",
        integer(0, 1 << 20),
        FieldDefault::Integer(0),
        "Sequences in memory at once, 0 for all of an update: bounds memory, and changes no bit (with bf16, the last ones).",
    )
    .keyed(KeyPolicy::If(is_rounded)),
    Field::new("lr", POSITIVE, FieldDefault::Number(2e-3), "Peak learning rate."),
    Field::new(
        "warmup",
        SHARE,
        FieldDefault::Number(0.06),
        "Share of the updates in which the learning rate rises; then it falls linearly to 0.",
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
        "Added to the root of the second moment.",
    ),
    Field::new(
        "weight_decay",
        POSITIVE,
        FieldDefault::Number(0.01),
        "Decoupled weight decay.",
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
        "masking",
        FieldType::Table(MASKING),
        FieldDefault::Table,
        "What is masked and predicted.",
    ),
    Field::new(
        "validation_blocks",
        integer(1, u32::MAX as i64),
        FieldDefault::Integer(256),
        "Validation blocks that perplexity is measured on; all, if there are fewer.",
    ),
    Field::new(
        "validate_every",
        integer(0, u32::MAX as i64),
        FieldDefault::Integer(0),
        "Updates between measurements of perplexity; 0 for one at the end.",
    ),
    Field::new(
        "checkpoint_every",
        integer(1, u32::MAX as i64),
        FieldDefault::Integer(200),
        "Updates between checkpoints.",
    )
    .keyed(KeyPolicy::Never),
];

const MASKING: &[Field] = &[
    Field::new(
        "strategy",
        FieldType::Choice(Strategy::NAMES),
        FieldDefault::Text("uniform"),
        "How the places to mask are chosen.",
    ),
    Field::new(
        "corrupt",
        SHARE,
        FieldDefault::Number(0.4),
        "Share of a sequence's tokens that is corrupted.",
    ),
    Field::new(
        "predict",
        SHARE,
        FieldDefault::Absent,
        "Share of a sequence's tokens that is predicted; by default all that is corrupted.",
    ),
    Field::new(
        "random",
        SHARE,
        FieldDefault::Number(0.0),
        "Share of the selected tokens that a random token replaces.",
    ),
    Field::new(
        "same",
        SHARE,
        FieldDefault::Number(0.0),
        "Share of the selected tokens that is kept, and predicted all the same.",
    ),
    Field::new(
        "mask_special",
        FieldType::Bool,
        FieldDefault::Bool(true),
        "Whether special tokens such as [CLS] are masked like any other.",
    ),
    Field::new(
        "batch_counts",
        FieldType::Choice(&["copies", "originals"]),
        FieldDefault::Text("copies"),
        "Whether `batch` counts each copy of a sequence, or originals with all their copies.",
    ),
    Field::new(
        "updates",
        FieldType::Choice(&["fixed", "per-original"]),
        FieldDefault::Text("fixed"),
        "Whether there are `steps` updates, or as many as show steps x batch originals.",
    ),
];
