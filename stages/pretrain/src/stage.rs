//! The stage kind `pretrain`.

use contract::{
    ArtifactType, Context, FileOf, Inputs, Maker, OutputFile, Params, Problem, Reads, ScoreName,
    Signature, Sizes, Stage, StageError,
};
use encoder::{DeclaredPrecision, with_deep_stack};
use metrics::scores;
use tokenize::{Split, Summary};
use training::log;

use crate::contrast;
use crate::ngrams;
use crate::objective::{
    MASKING, MASKING_COLUMNS, TRAINING_COLUMNS, VALIDATION, VALIDATION_COLUMNS,
};
use crate::parameters::{FIELDS, Parameters};
use crate::start;
use crate::train::{PERPLEXITY, PERPLEXITY_15, Sources, train};

/// The files of an encoder that this stage trains.
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
    OutputFile::log(
        log::FILE,
        TRAINING_COLUMNS,
        "the training, a row for each update",
    ),
    OutputFile::log(
        VALIDATION,
        VALIDATION_COLUMNS,
        "measurements on held-out blocks: one at the end, others as `validate_every` says",
    ),
    OutputFile::log(
        MASKING,
        MASKING_COLUMNS,
        "what was masked, a row for each update",
    )
    .when("masking has another strategy than uniform, count = \"bernoulli\", replace_each = \"span\", or rates that change"),
    OutputFile::new(
        "recipe.json",
        "all parameters that its key knows, and what follows from them: updates, epochs, copies",
    ),
    OutputFile::new(
        encoder::Decoder::FILE,
        "the decoder of masked tokens, which only training uses",
    )
    .when("masking.masked is decoder"),
    OutputFile::new(
        training::STATE_FILE,
        "AdamW's moments and the count of updates, to go on from",
    )
    .when("keep_state is set"),
    OutputFile::new(
        "step-*/*",
        "the encoder as it was after so many updates, with its tokenizer",
    )
    .when("keep_at names steps"),
];

/// What a run reads of the encoder that it starts from: what every stage reads of one, the training state, and a decoder.
const START_READS: Reads = Reads::only(&[
    "/*.json",
    "/*.txt",
    "/model*.safetensors",
    "*/*.json",
    "*/*.txt",
    "*/model*.safetensors",
    training::STATE_FILE,
    encoder::Decoder::FILE,
]);

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

    fn check_inputs(
        &self,
        params: &dyn Fn() -> Params,
        maker: &dyn Fn(&str) -> Option<Maker>,
    ) -> Vec<Problem> {
        let Ok(parameters) = params().parse::<Parameters>() else {
            return Vec::new();
        };
        let mut problems = start::check(&parameters, maker("start").as_ref());
        problems.extend(ngrams::check(&parameters.masking, maker("ngrams").as_ref()));
        let teacher = maker("teacher");
        problems.extend(contrast::check_teacher(&parameters, teacher.as_ref()));
        problems
    }

    /// Passes of sequences, those of validation among them, times the operations of one: a training pass goes back as well,
    /// which takes two thirds.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        let plan = parameters.plan();
        let trained = f64::from(plan.updates) * plan.sequences as f64;
        let measurements = plan
            .updates
            .checked_div(parameters.training.validate_every)
            .unwrap_or(0);
        // Each measurement computes two perplexities.
        let validated = 2.0 * (1.0 + f64::from(measurements)) * parameters.validation_blocks as f64;
        let sequence = inputs.factor("tokens") * crate::compute::token_operations(&parameters);
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

    /// The encoders that `keep_at` keeps during the run.
    fn parts(&self, params: Option<&Params>) -> Option<Vec<String>> {
        let parameters: Option<Parameters> = params.and_then(|params| params.parse().ok());
        let kept = parameters.map(|parameters| {
            let updates = parameters.plan().updates;
            let steps = training::kept_steps(&parameters.training.keep_at, updates);
            steps.map(training::kept_name).collect()
        });
        Some(kept.unwrap_or_default())
    }

    fn reads(&self, input: &str) -> Reads {
        match input {
            "start" => START_READS,
            "teacher" => encoder::READS,
            _ => Reads::default(),
        }
    }

    /// Operations per token of the encoder.
    fn size(&self, params: &Params, _: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        Some(parameters.config(1, 0).token_operations())
    }

    /// Number of tokens in a sequence.
    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        match input {
            "tokens" => Some(Summary::read(&file(Summary::FILE)?).ok()?.length as f64),
            _ => None,
        }
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let sources = Sources {
            tokens: inputs.path("tokens")?,
            start: inputs.optional("start"),
            teacher: inputs.optional("teacher"),
            ngrams: inputs.optional("ngrams"),
        };
        with_deep_stack(|| train(&parameters, sources, context))
            .map_err(|error| StageError::not_started("the threads of training", &error))?
    }
}
