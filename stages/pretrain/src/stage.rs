//! The stage kind `pretrain`.

use contract::{
    ArtifactType, Context, FileOf, Inputs, OutputFile, Params, Problem, ScoreName, Signature,
    Sizes, Stage, StageError,
};
use encoder::{DeclaredPrecision, with_deep_stack};
use metrics::scores;
use tokenize::{Split, Summary};

use crate::log::{TRAINING_FILE, VALIDATION_FILE};
use crate::parameters::{FIELDS, Parameters};
use crate::train::{PERPLEXITY, PERPLEXITY_15, train};

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
        "all parameters that its key knows, and what follows from them: updates, epochs, copies",
    ),
];

/// Trains an encoder by masked language modelling.
#[derive(Clone, Copy, Debug)]
pub struct PretrainStage;

impl Stage for PretrainStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "pretrain",
            version: 3,
            about: "Trains an encoder by masked language modelling.",
            fields: FIELDS,
            output: ArtifactType::Encoder,
            numerics: Some(DeclaredPrecision::numerics),
            files: FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(Parameters::check)
    }

    /// Passes of sequences, those of validation among them, times the operations of one: a training pass goes back as well,
    /// which takes two thirds.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        let plan = parameters.plan();
        let trained = f64::from(plan.updates) * plan.sequences as f64;
        let measurements = plan
            .updates
            .checked_div(parameters.validate_every)
            .unwrap_or(0);
        // Each measures perplexity twice.
        let validated = 2.0 * (1.0 + f64::from(measurements)) * parameters.validation_blocks as f64;
        let sequence = inputs.factor("tokens") * parameters.size.token_operations();
        Some((3.0 * trained + validated) * sequence)
    }

    fn scores(
        &self,
        _: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let split = Split::Validation.name();
        let names = [PERPLEXITY, PERPLEXITY_15].into_iter();
        Some(names.map(|name| ScoreName::new(name, split)).collect())
    }

    /// Operations that a token takes.
    fn size(&self, params: &Params, _: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        Some(parameters.size.token_operations())
    }

    /// Tokens of a sequence.
    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        match input {
            "tokens" => Some(Summary::read(&file(Summary::FILE)?).ok()?.length as f64),
            _ => None,
        }
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let tokens = inputs.path("tokens")?;
        with_deep_stack(|| train(&parameters, tokens, context))
            .map_err(|error| StageError::not_started("the threads of training", &error))?
    }
}
