//! The stage kind `embed`.

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, FileOf, Inputs, Params, Problem, Reads,
    Signature, Sizes, Stage, StageError,
};
use encoder::{Config, DeclaredPrecision, Encoder, Pooling};
use serde::Deserialize;
use tokenize::Tokenizer;

use crate::Similarity;
use crate::embeddings::{self, Description};
use crate::encode::{Manner, encode, normalise};
use crate::folder::Folder;

/// The shortest sequence that has room for a token of the sentence.
const SHORTEST: usize = 3;

/// Gives each distinct sentence of a benchmark its vector.
pub struct EmbedStage;

#[derive(Deserialize)]
struct Parameters {
    pooling: DeclaredPooling,
    normalise: DeclaredNormalise,
    max_length: usize,
    precision: DeclaredPrecision,
}

/// The values of `pooling`: `auto`, for the folder's own, or the name of a pooling.
const POOLINGS: [&str; Pooling::NAMES.len() + 1] = {
    let mut names = ["auto"; Pooling::NAMES.len() + 1];
    let mut place = 0;
    while place < Pooling::NAMES.len() {
        names[place + 1] = Pooling::NAMES[place];
        place += 1;
    }
    names
};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DeclaredPooling {
    Auto,
    #[serde(untagged)]
    Of(Pooling),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DeclaredNormalise {
    Auto,
    Always,
    Never,
}

impl Stage for EmbedStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "embed",
            version: 3,
            about: "Gives each distinct sentence of a benchmark its vector",
            fields: const {
                &[
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
                    Field::new(
                        "pooling",
                        FieldType::Choice(&POOLINGS),
                        FieldDefault::Text("auto"),
                        "How hidden states become one vector; auto: as the sentence-transformers folder says, \
                            else mean.",
                    ),
                    Field::new(
                        "normalise",
                        FieldType::Choice(&["auto", "always", "never"]),
                        FieldDefault::Text("auto"),
                        "Whether vectors are scaled to length 1, which changes no cosine; auto: as the \
                            sentence-transformers folder says, else not.",
                    ),
                    Field::new(
                        "max_length",
                        FieldType::Integer {
                            min: 0,
                            max: 1 << 20,
                        },
                        FieldDefault::Integer(0),
                        "The most tokens of a sentence that are seen, [CLS] and [SEP] included; 0: as many as the \
                            folder says (max_seq_length, model_max_length), else all that the encoder has positions for.",
                    ),
                    DeclaredPrecision::FIELD,
                ]
            },
            output: ArtifactType::Embeddings,
            numerics: Some(DeclaredPrecision::numerics),
            files: embeddings::FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        match params.parse::<Parameters>() {
            Ok(Parameters {
                max_length: 1..SHORTEST,
                ..
            }) => vec![
                Problem::value("max_length", "no token of a sentence would be seen")
                    .with_help(format!("give 0, or at least {SHORTEST}")),
            ],
            _ => Vec::new(),
        }
    }

    /// Operations per token. The sentences need not be counted, since they are those of the benchmark.
    fn work(&self, _: &Params, inputs: &Sizes) -> Option<f64> {
        inputs.get("encoder")
    }

    /// Operations per token of the encoder.
    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        match input {
            "encoder" => {
                let config = Config::read(&file("config.json")?).ok()?;
                Some(config.token_operations())
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
        let parameters: Parameters = params.parse()?;
        let folder = Folder::read(inputs.path("encoder")?)?;
        let pooling = parameters.pooling.resolve(&folder)?;
        let normalised = match parameters.normalise {
            DeclaredNormalise::Auto => folder.head.as_ref().is_some_and(|head| head.normalise),
            DeclaredNormalise::Always => true,
            DeclaredNormalise::Never => false,
        };
        let encoder = Encoder::load_unless_stopped(&folder.transformer, context)?
            .with_precision(parameters.precision.resolve()?);
        let tokenizer = Tokenizer::load(&folder.transformer)?;
        tokenizer.check_embedded(encoder.config().vocab_size, &folder.transformer)?;
        let max_length = longest(parameters.max_length, &folder, &tokenizer, &encoder)?;
        let auto = match parameters.pooling {
            DeclaredPooling::Auto => folder.head.as_ref(),
            _ => None,
        };
        let skip = match auto {
            Some(head) if !head.include_prompt && !folder.texts.prompt.is_empty() => {
                let prompt = folder.texts.apply("");
                tokenizer.single(&prompt, Some(max_length)).len() - 1
            }
            _ => 0,
        };
        folder
            .texts
            .note()
            .into_iter()
            .for_each(|note| context.note(note));

        let sentences = benchmarks::read_sentences(inputs.path("data")?)?;
        let manner = Manner {
            texts: &folder.texts,
            max_length,
            pooling,
            skip,
        };
        let mut encoded = encode(&encoder, &tokenizer, &sentences, manner, context)?;
        if encoded.truncated > 0 {
            let (cut, all) = (encoded.truncated, sentences.len());
            context.note(format!(
                "{cut} of {all} sentences were cut to {max_length} tokens"
            ));
        }
        if let Some(head) = auto {
            head.map(&mut encoded.vectors, encoder.precision())?;
        }
        if normalised {
            encoded
                .vectors
                .iter_mut()
                .for_each(|vector| normalise(vector));
        }
        let description = Description {
            pooling,
            normalised,
            dimension: encoded
                .vectors
                .first()
                .map_or(encoder.config().hidden_size, Vec::len),
            sentences: sentences.len(),
            max_length,
            truncated: encoded.truncated,
            similarity: auto.map_or_else(Similarity::default, |head| head.similarity),
        };
        embeddings::write(context.output(), &description, &sentences, &encoded.vectors)
    }
}

impl DeclaredPooling {
    fn resolve(self, folder: &Folder) -> Result<Pooling, StageError> {
        match (self, &folder.head) {
            (Self::Auto, Some(head)) => head.pooling(),
            (Self::Auto, None) => Ok(Pooling::Mean),
            (Self::Of(pooling), _) => Ok(pooling),
        }
    }
}

/// Returns the most tokens of a sentence that are read: `asked`, else the folder's limit, else the number of positions.
fn longest(
    asked: usize,
    folder: &Folder,
    tokenizer: &Tokenizer,
    encoder: &Encoder,
) -> Result<usize, StageError> {
    let positions = encoder.config().max_length();
    let said = folder.texts.max_length.or(tokenizer.max_length());
    let longest = match asked {
        0 => said.unwrap_or(positions),
        asked => asked,
    };
    if longest >= SHORTEST {
        return Ok(longest.min(positions));
    }
    Err(StageError::input(
        folder.transformer.display(),
        format!("by its longest sequence, {longest}, no token of a sentence would be seen"),
        "correct max_seq_length or model_max_length there, or set `max_length`",
    ))
}
