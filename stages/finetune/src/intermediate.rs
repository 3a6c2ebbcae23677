//! The stage kind `intermediate`.

use contract::{
    ArtifactType, Context, FileOf, Inputs, OutputFile, Params, Problem, Reads, ScoreName,
    Signature, Sizes, Stage, StageError,
};

use crate::FinetuneStage;
use crate::stage::run;
use crate::train::{FILES, Keeps};

/// The files of the encoder.
const ENCODER: &[OutputFile] = &[
    OutputFile::new(
        "model.safetensors",
        "the weights, by the names of Hugging Face, without a head",
    ),
    OutputFile::new("config.json", "the encoder's shape, for Hugging Face"),
    OutputFile::new("tokenizer.json", "its tokenizer"),
    OutputFile::new("tokenizer_config.json", "how texts are prepared for it"),
    OutputFile::new("special_tokens_map.json", "the names of the special tokens"),
    OutputFile::new(
        "vocab.txt",
        "the word pieces, a line each, in the order of their ids",
    ),
];

const ALL: &[OutputFile] = &joined_files();

const fn joined_files() -> [OutputFile; ENCODER.len() + FILES.len()] {
    let mut all = [ENCODER[0]; ENCODER.len() + FILES.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = match at < ENCODER.len() {
            true => ENCODER[at],
            false => FILES[at - ENCODER.len()],
        };
        at += 1;
    }
    all
}

/// Trains an encoder on a task like [`FinetuneStage`], and makes that encoder: small tasks learn more from one that was trained on a
/// large one first (Phang et al. 2018, *Sentence Encoders on STILTs*). A head of its own goes on it for every task.
#[derive(Clone, Copy, Debug)]
pub struct IntermediateStage;

impl Stage for IntermediateStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "intermediate",
            version: 1,
            about: "Trains an encoder on a GLUE task and keeps it, for other tasks to start from",
            output: ArtifactType::Encoder,
            files: ALL,
            ..FinetuneStage.signature()
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        FinetuneStage.check(params)
    }

    fn scores(
        &self,
        params: Option<&Params>,
        maker: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        FinetuneStage.scores(params, maker)
    }

    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        FinetuneStage.work(params, inputs)
    }

    /// Operations per token of the encoder, which keeps its shape.
    fn size(&self, _: &Params, inputs: &Sizes) -> Option<f64> {
        inputs.get("encoder")
    }

    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        FinetuneStage.measure(input, file)
    }

    fn reads(&self, input: &str) -> Reads {
        FinetuneStage.reads(input)
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        run(params, inputs, Keeps::Encoder, context)
    }
}
