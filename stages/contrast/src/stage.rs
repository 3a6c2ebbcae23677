//! The stage kind `contrast`.

use contract::{
    ArtifactType, Context, FileOf, Inputs, OutputFile, Params, Problem, Reads, ScoreName,
    Signature, Sizes, Stage, StageError,
};
use encoder::{Config, DeclaredPrecision, with_deep_stack};
use metrics::scores;
use training::log;

use crate::objective::{TRAINING_COLUMNS, VALIDATION, VALIDATION_COLUMNS};
use crate::parameters::{FIELDS, Parameters};
use crate::train::{SCORES, SPLIT, Sources, train};

/// Number of sentences where neither parameters nor inputs give it, and tokens of a sentence.
const USUAL: (f64, f64) = (100_000.0, 20.0);

/// The files of an encoder that this stage trains.
const FILES: &[OutputFile] = &[
    OutputFile::new(
        "model.safetensors",
        "the weights, by the names of Hugging Face, without the projection",
    ),
    OutputFile::new("config.json", "the encoder's shape, for Hugging Face"),
    OutputFile::new("tokenizer.json", "its tokenizer"),
    OutputFile::new("tokenizer_config.json", "how texts are prepared for it"),
    OutputFile::new("special_tokens_map.json", "the names of the special tokens"),
    OutputFile::new(
        "vocab.txt",
        "the word pieces, a line each, in the order of their ids",
    ),
    OutputFile::new("modules.json", "what sentence-transformers makes of it")
        .when("pooling is cls, mean or max"),
    OutputFile::new(
        "sentence_bert_config.json",
        "the longest sentence, for sentence-transformers",
    )
    .when("pooling is cls, mean or max"),
    OutputFile::new(
        "1_Pooling/config.json",
        "the pooling, for sentence-transformers",
    )
    .when("pooling is cls, mean or max"),
    OutputFile::new("2_Dense/*", "the projection, for sentence-transformers")
        .when("projection is kept"),
    scores::DOCUMENTED.when("development is given"),
    OutputFile::log(
        log::FILE,
        TRAINING_COLUMNS,
        "the training, a row for each update",
    ),
    OutputFile::log(
        VALIDATION,
        VALIDATION_COLUMNS,
        "measurements on the way, as `validate_every` says",
    )
    .when("validate_every is not 0"),
    OutputFile::new(
        "step-*/*",
        "the encoder as it was after so many updates, with its tokenizer",
    )
    .when("keep_at names steps"),
];

/// Trains an encoder to tell sentences apart.
#[derive(Clone, Copy, Debug)]
pub struct ContrastStage;

impl Stage for ContrastStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "contrast",
            version: 2,
            about: "Trains an encoder by contrast, so that its vectors tell sentences apart (SimCSE).",
            fields: FIELDS,
            output: ArtifactType::Encoder,
            numerics: Some(DeclaredPrecision::numerics),
            files: FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(Parameters::check)
    }

    fn scores(
        &self,
        _: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let names = SCORES.iter().map(|(name, _)| ScoreName::new(*name, SPLIT));
        Some(names.collect())
    }

    /// Forward passes of a sentence's two views, three times for training, times the operations of one.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        let all = inputs.get("data").unwrap_or(USUAL.0);
        let sentences = match parameters.sentences {
            0 => all,
            most => all.min(most as f64),
        };
        let passes = match parameters.micro_batch {
            0 => 3.0,
            _ => 4.0,
        };
        let passes = passes * 2.0 * f64::from(parameters.epochs) * sentences;
        Some(passes * USUAL.1 * inputs.factor("encoder"))
    }

    /// For the encoder: operations per token. For the data: number of sentences.
    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        match input {
            "encoder" => {
                let config = Config::read(&file("config.json")?).ok()?;
                Some(config.token_operations())
            }
            "data" => benchmarks::training_examples(file),
            _ => None,
        }
    }

    /// The encoders that `keep_at` keeps during the run. How many updates there are depends on the sentences.
    fn parts(&self, params: Option<&Params>) -> Option<Vec<String>> {
        let parameters: Option<Parameters> = params.and_then(|params| params.parse().ok());
        let kept = parameters.map(|parameters| {
            let steps = training::kept_steps(&parameters.training.keep_at, u32::MAX);
            steps.map(training::kept_name).collect()
        });
        Some(kept.unwrap_or_default())
    }

    /// Operations per token, which are those of the encoder that it starts from.
    fn size(&self, _: &Params, inputs: &Sizes) -> Option<f64> {
        inputs.get("encoder")
    }

    fn reads(&self, input: &str) -> Reads {
        match input {
            "encoder" => encoder::READS,
            _ => Reads::default(),
        }
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let sources = Sources {
            encoder: inputs.path("encoder")?,
            data: inputs.path("data")?,
            development: inputs.optional("development"),
        };
        with_deep_stack(|| train(&parameters, sources, context))
            .map_err(|error| StageError::not_started("the threads of training", &error))?
    }
}
