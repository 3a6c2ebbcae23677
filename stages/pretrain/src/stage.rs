//! The stage kind `pretrain`.

use contract::{ArtifactType, Context, Inputs, Params, Problem, Signature, Stage, StageError};
use encoder::with_deep_stack;

use crate::parameters::{FIELDS, Parameters};
use crate::train::train;

/// Trains an encoder by masked language modelling.
#[derive(Clone, Copy, Debug)]
pub struct PretrainStage;

impl Stage for PretrainStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "pretrain",
            version: 2,
            about: "Trains an encoder by masked language modelling.",
            fields: FIELDS,
            output: ArtifactType::Encoder,
            numeric: true,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(Parameters::check)
    }

    /// Updates times sequences times the weights of the layers.
    fn work(&self, params: &Params) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        let (layers, hidden, _, inner) = parameters.size.shape();
        let weights = layers * hidden * (4 * hidden + 2 * inner);
        Some(f64::from(parameters.steps) * parameters.batch as f64 * weights as f64)
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let tokens = inputs.path("tokens")?;
        with_deep_stack(|| train(&parameters, tokens, context))
            .map_err(|error| StageError::not_started("the threads of training", &error))?
    }
}
