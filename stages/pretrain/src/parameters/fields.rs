//! The stage's fields, as data.

use contract::{ArtifactType, Default, Field, FieldType};
use encoder::{DeclaredPrecision, Size};

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

const fn field(
    name: &'static str,
    takes: FieldType,
    default: Default,
    about: &'static str,
) -> Field {
    Field {
        name,
        takes,
        default,
        about,
    }
}

const fn integer(min: i64, max: i64) -> FieldType {
    FieldType::Integer { min, max }
}

/// The stage's fields.
pub(crate) const FIELDS: &[Field] = &[
    field(
        "tokens",
        FieldType::Input(ArtifactType::Tokens),
        Default::Required,
        "Blocks of token ids to train and validate on.",
    ),
    field(
        "size",
        FieldType::Choice(&Size::NAMES),
        Default::Required,
        "Shape of the encoder: layers, width, heads.",
    ),
    field(
        "layer_norm",
        FieldType::Choice(&["pre", "post"]),
        Default::Text("pre"),
        "Where layer normalisation sits: before each sub-layer (Wettig et al.) or after it (BERT).",
    ),
    field(
        "token_types",
        integer(1, 2),
        Default::Integer(1),
        "Rows of the token type table; 1 makes all tokens of one type.",
    ),
    field(
        "max_positions",
        integer(1, 65_536),
        Default::Integer(512),
        "Longest sequence in tokens that the encoder has positions for.",
    ),
    field(
        "dropout",
        SHARE,
        Default::Number(0.1),
        "Dropout probability of embeddings and sub-layer outputs.",
    ),
    field(
        "attention_dropout",
        SHARE,
        Default::Number(0.1),
        "Dropout probability of attention weights.",
    ),
    DeclaredPrecision::FIELD,
    field(
        "initial",
        FieldType::Choice(&["normal", "mimetic"]),
        Default::Text("normal"),
        "How the weights begin: normally distributed, or moved towards what trained encoders look like.",
    ),
    field(
        "initializer_range",
        POSITIVE,
        Default::Number(0.02),
        "Standard deviation of the initial weights; narrow encoders learn sooner from a larger one.",
    ),
    field(
        "seed",
        integer(0, i64::MAX),
        Default::Integer(0),
        "Decides initial weights, order, masks and dropout.",
    ),
    field(
        "steps",
        integer(0, MOST_STEPS),
        Default::Required,
        "Updates; 0 gives the encoder as it was initialised. See masking.updates.",
    ),
    field(
        "batch",
        integer(1, 1 << 20),
        Default::Required,
        "Sequences an update. See masking.batch_counts.",
    ),
    field(
        "micro_batch",
        integer(0, 1 << 20),
        Default::Integer(0),
        "Sequences in memory at once, 0 for all of an update: bounds memory, and changes no bit (with bf16, the last ones).",
    ),
    field("lr", POSITIVE, Default::Number(2e-3), "Peak learning rate."),
    field(
        "warmup",
        SHARE,
        Default::Number(0.06),
        "Share of the updates in which the learning rate rises; then it falls linearly to 0.",
    ),
    field(
        "beta1",
        SHARE,
        Default::Number(0.9),
        "Decay of AdamW's first moment.",
    ),
    field(
        "beta2",
        SHARE,
        Default::Number(0.98),
        "Decay of AdamW's second moment.",
    ),
    field(
        "epsilon",
        POSITIVE,
        Default::Number(1e-6),
        "Added to the root of the second moment.",
    ),
    field(
        "weight_decay",
        POSITIVE,
        Default::Number(0.01),
        "Decoupled weight decay.",
    ),
    field(
        "decay",
        FieldType::Choice(&["all", "no-bias-or-norm"]),
        Default::Text("all"),
        "Which parameters decay.",
    ),
    field(
        "clip",
        POSITIVE,
        Default::Number(0.0),
        "Largest gradient norm; 0 switches clipping off.",
    ),
    field(
        "masking",
        FieldType::Table(MASKING),
        Default::Table,
        "What is masked and predicted.",
    ),
    field(
        "validation_blocks",
        integer(1, u32::MAX as i64),
        Default::Integer(256),
        "Validation blocks that perplexity is measured on; all, if there are fewer.",
    ),
    field(
        "validate_every",
        integer(0, u32::MAX as i64),
        Default::Integer(0),
        "Updates between measurements of perplexity; 0 for one at the end.",
    ),
    field(
        "checkpoint_every",
        integer(1, u32::MAX as i64),
        Default::Integer(200),
        "Updates between checkpoints.",
    ),
];

const MASKING: &[Field] = &[
    field(
        "strategy",
        FieldType::Choice(Strategy::NAMES),
        Default::Text("uniform"),
        "How the places to mask are chosen.",
    ),
    field(
        "corrupt",
        SHARE,
        Default::Number(0.4),
        "Share of a sequence's tokens that is corrupted.",
    ),
    field(
        "predict",
        SHARE,
        Default::Absent,
        "Share of a sequence's tokens that is predicted; by default all that is corrupted.",
    ),
    field(
        "random",
        SHARE,
        Default::Number(0.0),
        "Share of the selected tokens that a random token replaces.",
    ),
    field(
        "same",
        SHARE,
        Default::Number(0.0),
        "Share of the selected tokens that is kept, and predicted all the same.",
    ),
    field(
        "mask_special",
        FieldType::Bool,
        Default::Bool(true),
        "Whether special tokens such as [CLS] are masked like any other.",
    ),
    field(
        "batch_counts",
        FieldType::Choice(&["copies", "originals"]),
        Default::Text("copies"),
        "Whether `batch` counts each copy of a sequence, or originals with all their copies.",
    ),
    field(
        "updates",
        FieldType::Choice(&["fixed", "per-original"]),
        Default::Text("fixed"),
        "Whether there are `steps` updates, or as many as show steps x batch originals.",
    ),
];
