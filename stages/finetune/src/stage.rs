//! The stage kind `finetune`.

use contract::{
    ArtifactType, Context, Inputs, Params, Problem, Reads, Signature, Stage, StageError,
};
use encoder::with_deep_stack;

use crate::parameters::{FIELDS, Parameters};
use crate::train::train;

/// Trains an encoder on a GLUE task and scores it on the development split.
#[derive(Clone, Copy, Debug)]
pub struct FinetuneStage;

impl Stage for FinetuneStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "finetune",
            version: 2,
            about: "Trains an encoder on a GLUE task and scores it on the development split.",
            fields: FIELDS,
            output: ArtifactType::Scores,
            numeric: true,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(Parameters::check)
    }

    /// Passes times examples, where their number is bounded.
    fn work(&self, params: &Params) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        let examples = match parameters.train_examples {
            0 => return None,
            examples => examples as f64,
        };
        Some(f64::from(parameters.epochs) * examples)
    }

    fn reads(&self, input: &str) -> Reads {
        match input {
            "encoder" => encoder::READS,
            _ => Reads::default(),
        }
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let (encoder, data) = (inputs.path("encoder")?, inputs.path("data")?);
        with_deep_stack(|| train(&parameters, encoder, data, context))
            .map_err(StageError::failed)?
    }
}
