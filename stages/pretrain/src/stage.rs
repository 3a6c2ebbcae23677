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
        match params.parse::<Parameters>() {
            Ok(parameters) => parameters.check(),
            Err(error) => vec![Problem {
                path: Vec::new(),
                message: error.to_string(),
                help: None,
                at_key: false,
            }],
        }
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let tokens = inputs.path("tokens")?;
        with_deep_stack(|| train(&parameters, tokens, context)).map_err(StageError::failed)?
    }
}
