//! The fields of [`Options`](crate::Options), as data.

use contract::{Field, FieldDefault, FieldType, KeyPolicy};
use encoder::{DecayGroup, DeclaredPrecision};
use serde_json::{Map, Value};

use crate::schedule::Shape;
use crate::start::StartFrom;

/// The most updates that a run may make.
pub const MOST_STEPS: i64 = 4_000_000;
/// A share, from 0 to 1.
pub const SHARE: FieldType = FieldType::Number { min: 0.0, max: 1.0 };
/// A number that is not negative.
pub const POSITIVE: FieldType = FieldType::Number {
    min: 0.0,
    max: f64::MAX,
};
/// A count that may be zero.
pub const COUNT: FieldType = FieldType::Integer {
    min: 0,
    max: u32::MAX as i64,
};

/// The parts of the fields that differ between stage kinds that train.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Description of the field `seed`: what the seed decides.
    pub seed: &'static str,
    /// Default peak learning rate.
    pub lr: FieldDefault,
    /// Default decoupled weight decay.
    pub weight_decay: f64,
    /// Description of the field `validate_every`, and how it enters keys.
    pub validate_every: (&'static str, KeyPolicy),
    /// Default number of updates between checkpoints, and how the field enters keys.
    pub checkpoint_every: (i64, KeyPolicy),
}

/// How many fields [`fields`] returns.
pub const FIELDS: usize = 18;

/// The fields that every kind that trains has.
pub const fn fields(defaults: &Defaults) -> [Field; FIELDS] {
    [
        Field::new(
            "seed",
            FieldType::Integer {
                min: 0,
                max: i64::MAX,
            },
            FieldDefault::Integer(0),
            defaults.seed,
        ),
        Field::new("lr", POSITIVE, defaults.lr, "Peak learning rate."),
        Field::new(
            "warmup",
            SHARE,
            FieldDefault::Number(0.06),
            "Share of the updates in which the learning rate rises; `schedule` says what follows.",
        ),
        Field::new(
            "schedule",
            FieldType::Choice(Shape::NAMES),
            FieldDefault::Text("linear"),
            "The learning rate after the warm-up: a linear fall to 0, constant, constant with a linear fall at the end, or \
             half a cosine.",
        )
        .keyed(KeyPolicy::Unless(FieldDefault::Text("linear"))),
        Field::new(
            "decay_share",
            SHARE,
            FieldDefault::Number(0.2),
            "Share of the updates, the last ones, in which the learning rate of `warmup-stable-decay` falls.",
        )
        .keyed(KeyPolicy::If(falls_late)),
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
            FieldDefault::Number(defaults.weight_decay),
            "Decoupled weight decay per unit of learning rate.",
        ),
        Field::new(
            "decay",
            FieldType::Choice(DecayGroup::NAMES),
            FieldDefault::Text("all"),
            "Which parameters decay.",
        ),
        Field::new(
            "max_grad_norm",
            POSITIVE,
            FieldDefault::Number(0.0),
            "Largest gradient norm, beyond which gradients are scaled down to it; 0 switches clipping off.",
        )
        .keyed_as("clip")
        .formerly("clip"),
        Field::new(
            "gradient_parts",
            FieldType::Integer { min: 1, max: 1024 },
            FieldDefault::Integer(1),
            "Parts of a batch whose gradients are summed apart and then added in a fixed tree, so that several processes can \
             share them; each doubling takes the memory of one more gradient.",
        )
        .keyed(KeyPolicy::Unless(FieldDefault::Integer(1))),
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
            "validate_every",
            COUNT,
            FieldDefault::Integer(0),
            defaults.validate_every.0,
        )
        .keyed(defaults.validate_every.1),
        Field::new(
            "keep_best",
            FieldType::Bool,
            FieldDefault::Bool(false),
            "Whether the weights of the best measurement are the result, the first of equals, instead of the last.",
        )
        .keyed(KeyPolicy::Unless(FieldDefault::Bool(false))),
        Field::new(
            "checkpoint_every",
            FieldType::Integer {
                min: 1,
                max: u32::MAX as i64,
            },
            FieldDefault::Integer(defaults.checkpoint_every.0),
            "Updates between checkpoints.",
        )
        .keyed(defaults.checkpoint_every.1),
    ]
}

/// The field of a kind whose runs keep encoders on their way.
pub const KEEP_AT: Field = Field::new(
    "keep_at",
    FieldType::IntegerSet {
        min: 0,
        max: MOST_STEPS,
    },
    FieldDefault::List,
    "Updates after which the encoder is kept as well: [1000, 2000] gives @stage/step-1000 and @stage/step-2000.",
)
.keyed(KeyPolicy::Unless(FieldDefault::List));

/// The fields of a kind whose runs can go on from an earlier encoder.
pub const CONTINUING: [Field; 3] = [
    Field::new(
        "start_from",
        FieldType::Choice(StartFrom::NAMES),
        FieldDefault::Text("weights"),
        "What is taken of `start`: its weights, for a new run; or its training state as well, to go on where it ended.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Text("weights"))),
    KEEP_AT,
    Field::new(
        "keep_state",
        FieldType::Bool,
        FieldDefault::Bool(false),
        "Whether the training state is kept with the weights, so that another run can go on from it (start_from).",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Bool(false))),
];

/// Whether the schedule ends in a fall whose length `decay_share` sets.
fn falls_late(beside: &Map<String, Value>) -> bool {
    beside.get("schedule") == Some(&Value::from("warmup-stable-decay"))
}
