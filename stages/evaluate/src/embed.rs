//! The stage kind `embed`.

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, FileOf, Inputs, Params, Problem, Reads,
    Signature, Sizes, Stage, StageError, joined,
};
use encoder::Config;

use crate::engine::DeclaredEngine;
use crate::sentences::{Asked, PARAMETERS, SentenceEncoder};
use crate::{embeddings, families};

/// Gives each distinct sentence of a benchmark its vector.
pub struct EmbedStage;

const INPUTS: &[Field] = &[
    Field::new(
        "encoder",
        FieldType::Input(ArtifactType::Encoder),
        FieldDefault::Required,
        "The encoder: one trained here, or a Hugging Face or sentence-transformers folder.",
    ),
    Field::new(
        "data",
        FieldType::Input(ArtifactType::Benchmark),
        FieldDefault::Required,
        "Whose sentences: `sts`, `transfer`, a task of GLUE or one of your own, or sentences to train on.",
    ),
];

impl Stage for EmbedStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "embed",
            version: 3,
            about: "Gives each distinct sentence of a benchmark its vector",
            fields: const { &joined::<{ INPUTS.len() + PARAMETERS.len() }>(&[INPUTS, PARAMETERS]) },
            output: ArtifactType::Embeddings,
            numerics: Some(DeclaredEngine::numerics),
            files: embeddings::FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(Asked::check)
    }

    /// Operations per token. The sentences need not be counted, since they are those of the benchmark.
    fn work(&self, _: &Params, inputs: &Sizes) -> Option<f64> {
        inputs.get("encoder")
    }

    /// Operations per token of the encoder.
    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        match input {
            "encoder" => {
                let path = file("config.json")?;
                let own = Config::read(&path).map(|config| config.token_operations());
                own.ok().or_else(|| families::token_operations(&path))
            }
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
        let asked: Asked = params.parse()?;
        let model = SentenceEncoder::load(inputs.path("encoder")?, asked, context)?;
        model.note(context);
        let sentences = benchmarks::read_sentences(inputs.path("data")?)?;
        let encoded = model.encode(&sentences, context)?;
        let description = model.description(&encoded);
        embeddings::write(context.output(), &description, &sentences, &encoded.vectors)
    }
}
