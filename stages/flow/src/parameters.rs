//! The parameters of a run. Defaults are those of the released code of BERT-flow (`run_siamese.py`, `config_l3_d3_w32.json`).

use contract::{ArtifactType, Field, FieldDefault, FieldType, KeyPolicy, Problem};
use encoder::{DecayGroup, DeclaredPrecision};
use serde::{Deserialize, Serialize};
use training::{Options, Shape, StartFrom};

/// All parameters of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Number of levels; each halves the components that enter the next.
    pub levels: usize,
    /// Steps of a level.
    pub depth: usize,
    /// Width of the hidden layers of a coupling.
    pub coupling_width: usize,
    /// Passes over the vectors.
    pub epochs: u32,
    /// Vectors in an update.
    pub batch: usize,
    /// Learning rate, the same in all updates.
    pub lr: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Largest gradient norm; 0 switches clipping off.
    pub max_grad_norm: f64,
    /// Seed of the initial weights and of the order of the vectors.
    pub seed: u64,
    /// Updates between checkpoints.
    pub checkpoint_every: u32,
}

impl Parameters {
    /// Returns the problems that the ranges of single fields do not catch.
    pub fn check(&self) -> Vec<Problem> {
        self.options().check()
    }

    /// Returns the options of the training loop. Those that a flow has no field for are BERT-flow's: a constant learning rate and
    /// AdamW with β₂ = 0.999.
    pub(crate) fn options(&self) -> Options {
        Options {
            seed: self.seed,
            lr: self.lr,
            warmup: 0.0,
            schedule: Shape::Constant,
            decay_share: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-6,
            weight_decay: self.weight_decay,
            decay: DecayGroup::All,
            max_grad_norm: self.max_grad_norm,
            gradient_parts: 1,
            dropout: 0.0,
            attention_dropout: 0.0,
            precision: DeclaredPrecision::F32,
            validate_every: 0,
            keep_best: false,
            checkpoint_every: self.checkpoint_every,
            keep_at: Vec::new(),
            keep_state: false,
            start_from: StartFrom::Weights,
        }
    }
}

const fn from(min: i64, max: i64) -> FieldType {
    FieldType::Integer { min, max }
}

/// The stage's fields.
pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "embeddings",
        FieldType::Input(ArtifactType::Embeddings),
        FieldDefault::Required,
        "The vectors, from stage kind `embed`.",
    ),
    Field::new(
        "fit",
        FieldType::Input(ArtifactType::Embeddings),
        FieldDefault::Absent,
        "The vectors that the flow is trained on, of the same encoder; left out, those that are mapped (the target, without its labels).",
    ),
    Field::new(
        "levels",
        from(1, 16),
        FieldDefault::Integer(3),
        "Levels; half of what comes out of one enters the next.",
    ),
    Field::new(
        "depth",
        from(1, 64),
        FieldDefault::Integer(3),
        "Steps of a level.",
    ),
    Field::new(
        "coupling_width",
        from(1, 65_536),
        FieldDefault::Integer(32),
        "Width of the two hidden layers of each coupling.",
    ),
    Field::new(
        "epochs",
        from(0, 1000),
        FieldDefault::Integer(1),
        "Passes over the vectors.",
    ),
    Field::new(
        "batch",
        from(2, 65_536),
        FieldDefault::Integer(32),
        "Vectors an update; the first ones decide the scaling that the flow begins with.",
    ),
    Field::new(
        "lr",
        training::fields::POSITIVE,
        FieldDefault::Number(1e-3),
        "Learning rate, the same in all updates.",
    ),
    Field::new(
        "weight_decay",
        training::fields::POSITIVE,
        FieldDefault::Number(0.01),
        "Decoupled weight decay per unit of learning rate.",
    ),
    Field::new(
        "max_grad_norm",
        training::fields::POSITIVE,
        FieldDefault::Number(1.0),
        "Largest gradient norm, beyond which gradients are scaled down to it; 0 switches clipping off.",
    ),
    Field::new(
        "seed",
        from(0, i64::MAX),
        FieldDefault::Integer(0),
        "Decides initial weights and the order of the vectors.",
    ),
    Field::new(
        "checkpoint_every",
        from(1, u32::MAX as i64),
        FieldDefault::Integer(2000),
        "Updates between checkpoints.",
    )
    .keyed(KeyPolicy::Never),
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
        let all = Params(complete(FIELDS, json!({}).as_object().unwrap()).unwrap());
        let parameters: Parameters = all.parse().unwrap();
        assert!(parameters.check().is_empty());
        let parameters = serde_json::to_value(parameters).unwrap();
        let own: Vec<_> = parameters.as_object().unwrap().keys().cloned().collect();
        let fields = FIELDS.iter().filter(|field| field.takes.is_parameter());
        let mut fields: Vec<_> = fields.map(|field| field.name).collect();
        fields.sort_unstable();
        assert_eq!(own, fields);
    }
}
