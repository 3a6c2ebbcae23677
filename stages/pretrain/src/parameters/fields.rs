//! The stage's fields, as data.

use contract::{ArtifactType, Field, FieldDefault, FieldType, KeyPolicy, joined};
use encoder::{DeclaredPrecision, Size};
use serde_json::{Map, Value};
use training::fields::{self, CONTINUING, Defaults, MOST_STEPS, POSITIVE, SHARE};

use crate::contrast;
use crate::masking::{Count, Each, StrategyName};
use crate::network::MaskedTokens;
use crate::rates::Shape;

/// Whether the bits of gradients depend on the number of sequences in memory at once: with bfloat16 they do.
fn is_rounded(beside: &Map<String, Value>) -> bool {
    beside.get(DeclaredPrecision::FIELD.name) != Some(&Value::from("f32"))
}

/// Whether updates are counted by what they cost.
fn is_by_compute(beside: &Map<String, Value>) -> bool {
    beside.get("updates") == Some(&Value::from("equal-compute"))
}

/// Whether the strategy beside a parameter is this one, which alone reads it.
fn is_strategy(beside: &Map<String, Value>, name: &str) -> bool {
    beside.get("strategy") == Some(&Value::from(name))
}

fn is_spanbert(beside: &Map<String, Value>) -> bool {
    is_strategy(beside, "spanbert-spans")
}

fn is_t5(beside: &Map<String, Value>) -> bool {
    is_strategy(beside, "t5-spans")
}

const fn integer(min: i64, max: i64) -> FieldType {
    FieldType::Integer { min, max }
}

/// The stage's fields.
pub(crate) const FIELDS: &[Field] =
    &joined::<{ OWN.len() + TRAINING.len() + CONTINUING.len() }>(&[OWN, &TRAINING, &CONTINUING]);

/// The fields that all kinds that train share.
const TRAINING: [Field; fields::FIELDS] = fields::fields(&Defaults {
    seed: "Decides initial weights, order, masks and dropout.",
    lr: FieldDefault::Number(2e-3),
    weight_decay: 0.01,
    validate_every: (
        "Updates between measurements of perplexity; 0 for one at the end.",
        KeyPolicy::Always,
    ),
    checkpoint_every: (200, KeyPolicy::Never),
});

/// The fields of this kind alone.
const OWN: &[Field] = &[
    Field::new(
        "tokens",
        FieldType::Input(ArtifactType::Tokens),
        FieldDefault::Required,
        "Blocks of token ids to train and validate on.",
    ),
    Field::new(
        "start",
        FieldType::Input(ArtifactType::Encoder),
        FieldDefault::Absent,
        "An encoder of the same shape and tokenizer to start from, instead of new weights; `start_from` says what is taken of it.",
    ),
    Field::new(
        "teacher",
        FieldType::Input(ArtifactType::Encoder),
        FieldDefault::Absent,
        "The encoder whose tokens contrast.level = \"tokens\" compares with; it is not trained.",
    ),
    Field::new(
        "ngrams",
        FieldType::Input(ArtifactType::Ngrams),
        FieldDefault::Absent,
        "The n-grams that are masked together by the strategy pmi: what a stage `ngrams` made, or a list, one a line.",
    ),
    Field::new(
        "size",
        FieldType::Choice(&Size::NAMES),
        FieldDefault::Required,
        "Shape of the encoder: layers, width, heads.",
    ),
    Field::new(
        "layers",
        integer(1, 1000),
        FieldDefault::Absent,
        "Number of layers, if not that of the size.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Absent)),
    Field::new(
        "hidden",
        integer(1, 65_536),
        FieldDefault::Absent,
        "Width of the hidden states, if not that of the size: heads are as wide as the size's, and the feed-forward map four times as wide.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Absent)),
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
    Field::new(
        "masking",
        FieldType::Table(MASKING),
        FieldDefault::Table,
        "What is masked and predicted.",
    ),
    Field::new(
        "contrast",
        FieldType::Table(contrast::FIELDS),
        FieldDefault::Table,
        "A contrastive loss beside that of masked tokens.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Table)),
    Field::new(
        "validation_blocks",
        integer(1, u32::MAX as i64),
        FieldDefault::Integer(256),
        "Validation blocks that perplexity is measured on; all, if there are fewer.",
    ),
];

/// A masking rate that changes.
const COURSE: &[Field] = &[
    Field::new(
        "from",
        SHARE,
        FieldDefault::Required,
        "The rate of the first update; one end of the rates drawn.",
    ),
    Field::new(
        "to",
        SHARE,
        FieldDefault::Absent,
        "The rate that the run ends with; the other end.",
    ),
    Field::new(
        "shape",
        FieldType::Choice(Shape::NAMES),
        FieldDefault::Text("constant"),
        "How the rate goes from one to the other: linear, along half a cosine, in one step halfway; or random, drawn for each sequence.",
    ),
];

/// A masking rate: a share, or its course.
const RATE: FieldType = FieldType::OrTable {
    single: &SHARE,
    table: COURSE,
};

pub(crate) const MASKING: &[Field] = &[
    Field::new(
        "strategy",
        FieldType::Choice(StrategyName::NAMES),
        FieldDefault::Text("uniform"),
        "What is masked together: single tokens, whole words, SpanBERT's or T5's spans, or the n-grams of `ngrams`.",
    ),
    Field::new(
        "corrupt",
        RATE,
        FieldDefault::Number(0.4),
        "Share of a sequence's tokens that is corrupted.",
    ),
    Field::new(
        "predict",
        RATE,
        FieldDefault::Absent,
        "Share of a sequence's tokens that is predicted; by default all that is corrupted.",
    ),
    Field::new(
        "count",
        FieldType::Choice(Count::NAMES),
        FieldDefault::Text("exact"),
        "Whether each sequence has that share masked, rounded up or down at random, or each token, word or n-gram is drawn by itself.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Text("exact"))),
    Field::new(
        "span_p",
        SHARE,
        FieldDefault::Number(0.2),
        "Parameter of the geometric distribution of the lengths, in words, of spanbert-spans.",
    )
    .keyed(KeyPolicy::If(is_spanbert)),
    Field::new(
        "longest_span",
        integer(1, 1 << 16),
        FieldDefault::Integer(10),
        "The most words in a span of spanbert-spans.",
    )
    .keyed(KeyPolicy::If(is_spanbert)),
    Field::new(
        "mean_span",
        FieldType::Number {
            min: 1.0,
            max: 65_536.0,
        },
        FieldDefault::Number(3.0),
        "Mean length, in tokens, of t5-spans.",
    )
    .keyed(KeyPolicy::If(is_t5)),
    Field::new(
        "random",
        SHARE,
        FieldDefault::Number(0.0),
        "Share of the selected tokens that a random token replaces.",
    ),
    Field::new(
        "keep",
        SHARE,
        FieldDefault::Number(0.0),
        "Share of the selected tokens that is kept as it is, and predicted all the same.",
    )
    .keyed_as("same")
    .formerly("same"),
    Field::new(
        "replace_each",
        FieldType::Choice(Each::NAMES),
        FieldDefault::Text("token"),
        "Whether it is drawn for each token, or once for all of a word, span or n-gram, if they are kept, masked or random.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Text("token"))),
    Field::new(
        "mask_special",
        FieldType::Bool,
        FieldDefault::Bool(true),
        "Whether special tokens such as [CLS] are masked like any other.",
    ),
    Field::new(
        "masked",
        FieldType::Choice(MaskedTokens::NAMES),
        FieldDefault::Text("embedded"),
        "Which layers read masked tokens: all (embedded), a decoder that only serves training (decoder: MAE-LM), or the encoder's last \
         (appended: Liao et al.). In the last two the encoder's first layers read the visible tokens alone.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Text("embedded"))),
    Field::new(
        "masked_layers",
        integer(1, 1000),
        FieldDefault::Absent,
        "Layers that read masked tokens if not all do: the decoder's, or the encoder's last; by default 1, 2 for base, 4 for large.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Absent)),
    Field::new(
        "compute_length",
        integer(1, 65_536),
        FieldDefault::Absent,
        "Tokens in a block, for updates = \"equal-compute\".",
    )
    .keyed(KeyPolicy::If(is_by_compute)),
    Field::new(
        "compute_vocabulary",
        integer(1, 1 << 30),
        FieldDefault::Absent,
        "Tokens in the vocabulary, for updates = \"equal-compute\".",
    )
    .keyed(KeyPolicy::If(is_by_compute)),
    Field::new(
        "batch_counts",
        FieldType::Choice(&["copies", "originals"]),
        FieldDefault::Text("copies"),
        "Whether `batch` counts each copy of a sequence, or originals with all their copies.",
    ),
    Field::new(
        "updates",
        FieldType::Choice(&["fixed", "per-original", "equal-compute"]),
        FieldDefault::Text("fixed"),
        "Whether there are `steps` updates, as many as show steps x batch originals, or as many as cost what `steps` updates cost with \
         masked = \"embedded\" and no contrastive loss.",
    ),
];
