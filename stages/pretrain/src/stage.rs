//! The stage kind `pretrain`.

use contract::{
    ArtifactType, Context, Inputs, OutputFile, Params, Problem, Signature, Stage, StageError,
};
use encoder::with_deep_stack;
use metrics::scores;

use crate::log::{TRAINING_FILE, VALIDATION_FILE};
use crate::parameters::{FIELDS, Parameters};
use crate::train::train;

/// The files of an encoder that was trained here.
const FILES: &[OutputFile] = &[
    OutputFile::new(
        "model.safetensors",
        "the weights, by the names of Hugging Face",
    ),
    OutputFile::new("config.json", "the encoder's shape, for Hugging Face"),
    OutputFile::new("tokenizer.json", "its tokenizer"),
    OutputFile::new("tokenizer_config.json", "how texts are prepared for it"),
    OutputFile::new("special_tokens_map.json", "the names of the special tokens"),
    OutputFile::new(
        "vocab.txt",
        "the word pieces, a line each, in the order of their ids",
    ),
    scores::DOCUMENTED,
    TRAINING_FILE,
    VALIDATION_FILE,
    OutputFile::new(
        "recipe.json",
        "all parameters, and what follows from them: updates, epochs, copies",
    ),
];

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
            files: FILES,
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
        with_deep_stack(|| train(&parameters, tokens, context)).map_err(StageError::failed)?
    }
}
