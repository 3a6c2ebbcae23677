//! The stage kind `finetune-spans`.

use benchmarks::SpanTask;
use contract::{
    ArtifactType, Context, FileOf, Inputs, OutputFile, Params, Problem, Reads, ScoreName,
    Signature, Sizes, Stage, StageError,
};
use encoder::{Config, DeclaredPrecision, with_deep_stack};
use metrics::{predictions, scores};
use training::log;

use crate::files;
use crate::objective::{TRAINING_COLUMNS, VALIDATION, VALIDATION_COLUMNS};
use crate::parameters::{FIELDS, Parameters};
use crate::train::train;

/// Number of training and of scored questions where neither parameters nor inputs give it: those of SQuAD 1.1.
const USUAL: (f64, f64) = (87_599.0, 10_570.0);

const FILES: &[OutputFile] = &[
    scores::DOCUMENTED,
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
    predictions::DOCUMENTED_ANSWERS,
    files::PREDICTIONS_FILE,
    files::N_BEST_FILE,
    files::NULL_ODDS_FILE,
    OutputFile::new(
        "model/*",
        "the encoder with its head and its tokenizer, as Hugging Face loads it, and task.json, which says how questions are read",
    )
    .when("keep_model is set"),
];

/// Trains an encoder to find answers in texts, and scores it on the development split.
#[derive(Clone, Copy, Debug)]
pub struct FinetuneSpansStage;

impl Stage for FinetuneSpansStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "finetune-spans",
            version: 1,
            about: "Trains an encoder on SQuAD, to find answers in texts, and scores it on the development split",
            fields: FIELDS,
            output: ArtifactType::Scores,
            numerics: Some(DeclaredPrecision::numerics),
            files: FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(Parameters::check)
    }

    fn scores(
        &self,
        params: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let mut names = SpanTask::score_names();
        let parameters: Option<Parameters> = params.and_then(|params| params.parse().ok());
        if parameters.is_none_or(|parameters| parameters.best_threshold) {
            names.extend(SpanTask::best_score_names());
        }
        Some(names)
    }

    /// Forward passes of questions, scored ones included, times the operations of one. A training pass counts as three, since its
    /// backward pass takes twice the operations of the forward pass.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        let questions = inputs.get("data").unwrap_or(USUAL.0);
        let train = match parameters.train_examples {
            0 => questions,
            most => questions.min(most as f64),
        };
        let score = match parameters.eval_examples {
            0 => USUAL.1,
            most => most as f64,
        };
        let passes = 3.0 * f64::from(parameters.epochs) * train + score;
        Some(passes * inputs.factor("encoder"))
    }

    /// For the encoder: operations per token. For the data: number of training questions.
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
            .map_err(|error| StageError::not_started("the threads of training", &error))?
    }
}
