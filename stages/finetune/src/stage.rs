//! The stage kind `finetune`.

use benchmarks::Task;
use contract::{
    ArtifactType, Context, FileOf, Inputs, Params, Problem, Reads, ScoreName, Signature, Sizes,
    Stage, StageError,
};
use encoder::{Config, DeclaredPrecision, with_deep_stack};

use crate::held_out;
use crate::parameters::{FIELDS, Parameters};
use crate::train::{FILES, Keeps, train};

/// Number of training and of scored examples where neither parameters nor inputs give it: those of a middle-sized GLUE task.
const USUAL: (f64, f64) = (10_000.0, 1000.0);

/// Trains an encoder on a GLUE task and scores it on the development split.
#[derive(Clone, Copy, Debug)]
pub struct FinetuneStage;

impl Stage for FinetuneStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "finetune",
            // Version 3: a correlation with a constant is undefined, not 0. Version 4: predictions have names and probabilities.
            version: 4,
            about: "Trains an encoder on a GLUE task and scores it on the development split.",
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
        let mut names = Task::score_names();
        let parameters: Option<Parameters> = params.and_then(|params| params.parse().ok());
        if parameters.is_none_or(|parameters| parameters.held_out > 0) {
            names.extend(held_out::score_names());
        }
        Some(names)
    }

    /// Forward passes of examples, scored ones included, times the operations of one. A training pass counts as three, since its
    /// backward pass takes twice the operations of the forward pass.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        let examples = inputs.get("data");
        let train = match (parameters.train_examples, examples) {
            (0, None) => USUAL.0,
            (0, Some(examples)) => examples,
            (most, examples) => examples.map_or(most as f64, |examples| examples.min(most as f64)),
        };
        let score = match parameters.eval_examples {
            0 => USUAL.1,
            most => most as f64,
        };
        let passes = 3.0 * f64::from(parameters.epochs) * train + score;
        Some(passes * inputs.factor("encoder"))
    }

    /// For the encoder: operations per token. For the data: number of training examples.
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
        run(params, inputs, Keeps::Scores, context)
    }
}

/// Trains and scores, and writes what is to be kept.
pub(crate) fn run(
    params: &Params,
    inputs: &Inputs,
    keeps: Keeps,
    context: &Context,
) -> Result<(), StageError> {
    let parameters: Parameters = params.parse()?;
    let folders = (inputs.path("encoder")?, inputs.path("data")?);
    with_deep_stack(|| train(&parameters, folders, keeps, context))
        .map_err(|error| StageError::not_started("the threads of training", &error))?
}
