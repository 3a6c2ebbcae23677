//! From sentences to vectors: an encoder's folder with all that it says of sentences, and what is asked of it besides.

use std::path::Path;

use contract::{Context, Field, FieldDefault, FieldType, Params, Problem, StageError, complete};
use encoder::{DeclaredPrecision, Encoder, Pooling, Precision};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokenize::Tokenizer;

use crate::Similarity;
use crate::embeddings::Description;
use crate::encode::{Encoded, Engine, Manner, Own, encode_by, normalise};
use crate::engine::{CANDLE_CLASS, DeclaredEngine};
use crate::families::{self, CandleEncoder};
use crate::folder::Folder;

/// The shortest sequence that has room for a token of the sentence.
const SHORTEST: usize = 3;

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

/// The parameters of [`Asked`].
pub(crate) const PARAMETERS: &[Field] = &[
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
    DeclaredEngine::FIELD,
];

/// What is asked of an encoder.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Asked {
    /// How hidden states become one vector.
    pub pooling: DeclaredPooling,
    /// Whether vectors are scaled to length 1.
    pub normalise: DeclaredNormalise,
    /// The most tokens of a sentence that are read, `[CLS]` and `[SEP]` included; 0 stands for what the folder says.
    pub max_length: usize,
    /// The operands of matrix products.
    pub precision: DeclaredPrecision,
    /// What computes hidden states.
    #[serde(default)]
    pub engine: DeclaredEngine,
}

impl Asked {
    /// Reads what is asked for, as the parameters of the stage kind `embed` say it. What is not given is what the folder says, in 32 bits.
    ///
    /// # Errors
    /// One problem for each thing that is wrong.
    pub fn read(given: &Map<String, Value>) -> Result<Self, Vec<Problem>> {
        let all = Params(complete(PARAMETERS, given)?);
        let problems = all.check(Self::check);
        match all.parse() {
            Ok(asked) if problems.is_empty() => Ok(asked),
            _ => Err(problems),
        }
    }

    /// Takes the folder's modules to be a pooling alone, where the folder has none and none is asked for.
    #[must_use]
    pub fn or_pooling(self, folder: &Folder, own: Option<Pooling>) -> Self {
        match (self.pooling, own) {
            (DeclaredPooling::Auto, Some(own)) if folder.head.is_none() => Self {
                pooling: DeclaredPooling::Of(own),
                ..self
            },
            _ => self,
        }
    }

    /// Takes candle to be asked for, where the encoder is of a family that candle computes and the own engine does not.
    #[must_use]
    pub fn or_candle(self, folder: &Folder) -> Self {
        match families::Name::of_folder(&folder.transformer) {
            Some(_) => Self {
                engine: DeclaredEngine::Candle,
                ..self
            },
            None => self,
        }
    }

    /// Returns the problems that the ranges of single parameters do not catch.
    #[allow(clippy::trivially_copy_pass_by_ref)] // as `Params::check` calls it
    pub(crate) fn check(&self) -> Vec<Problem> {
        let short = matches!(self.max_length, 1..SHORTEST).then(|| {
            Problem::value("max_length", "no token of a sentence would be seen")
                .with_help(format!("give 0, or at least {SHORTEST}"))
        });
        short.into_iter().chain(self.beyond_candle()).collect()
    }

    /// Returns what is asked for and candle's engine does not give, if that is the one.
    fn beyond_candle(self) -> Vec<Problem> {
        if self.engine == DeclaredEngine::Own {
            return Vec::new();
        }
        let pooling = match self.pooling {
            DeclaredPooling::Of(pooling) if !families::pools(pooling) => Some(
                Problem::value(
                    "pooling",
                    format!(
                        "{} needs hidden states of several layers, and candle gives those of the last",
                        pooling.name()
                    ),
                )
                .with_help("give auto, cls, mean or max"),
            ),
            _ => None,
        };
        let precision = (self.precision != DeclaredPrecision::F32).then(|| {
            Problem::value("precision", "candle computes in 32-bit floats here")
                .with_help("leave it at f32")
        });
        pooling.into_iter().chain(precision).collect()
    }
}

/// A pooling that is asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeclaredPooling {
    /// That of the folder, with all its modules; the mean where it says nothing.
    Auto,
    /// This one, which leaves the modules of the folder aside.
    #[serde(untagged)]
    Of(Pooling),
}

/// What is asked of the length of vectors.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeclaredNormalise {
    /// What the folder says.
    Auto,
    /// Vectors are scaled to length 1.
    Always,
    /// They stay as long as they are.
    Never,
}

/// An encoder that makes one vector of a sentence.
pub struct SentenceEncoder {
    folder: Folder,
    loaded: Loaded,
    pooling: Pooling,
    normalised: bool,
    max_length: usize,
    /// Whether the folder's own modules are used.
    is_auto: bool,
}

/// An encoder with its tokenizer.
enum Loaded {
    Own(Box<(Encoder, Tokenizer)>),
    Candle(Box<CandleEncoder>),
}

impl Loaded {
    fn read(folder: &Path, asked: Asked, context: &Context) -> Result<Self, StageError> {
        match asked.engine {
            DeclaredEngine::Own => {
                families::refuse(folder)?;
                let encoder = Encoder::load_unless_stopped(folder, context)?
                    .with_precision(asked.precision.resolve()?);
                let tokenizer = Tokenizer::load(folder)?;
                tokenizer.check_embedded(encoder.config().vocab_size, folder)?;
                Ok(Self::Own(Box::new((encoder, tokenizer))))
            }
            DeclaredEngine::Candle => {
                if let Some(problem) = asked.beyond_candle().into_iter().next() {
                    let Problem {
                        path,
                        message,
                        help,
                        ..
                    } = problem;
                    let remedy = help.unwrap_or_default();
                    return Err(StageError::input(path.join("."), message, remedy));
                }
                let encoder = CandleEncoder::load(folder, context)?;
                Ok(Self::Candle(Box::new(encoder)))
            }
        }
    }

    fn engine(&self) -> Box<dyn Engine + '_> {
        match self {
            Self::Own(own) => {
                let (encoder, tokenizer) = &**own;
                Box::new(Own { encoder, tokenizer })
            }
            Self::Candle(encoder) => Box::new(&**encoder),
        }
    }

    /// Returns the width of hidden states.
    fn width(&self) -> usize {
        match self {
            Self::Own(own) => own.0.config().hidden_size,
            Self::Candle(encoder) => encoder.sizes().hidden,
        }
    }

    /// Returns the number of tokens that the encoder has positions for.
    fn positions(&self) -> usize {
        match self {
            Self::Own(own) => own.0.config().max_length(),
            Self::Candle(encoder) => encoder.sizes().longest,
        }
    }

    /// Returns the longest sequence by the tokenizer's files.
    fn said_length(&self) -> Option<usize> {
        match self {
            Self::Own(own) => own.1.max_length(),
            Self::Candle(encoder) => encoder.said_length(),
        }
    }

    fn precision(&self) -> Precision {
        match self {
            Self::Own(own) => own.0.precision(),
            Self::Candle(_) => Precision::F32,
        }
    }
}

impl SentenceEncoder {
    /// Reads the folder of an encoder, of Hugging Face or sentence-transformers.
    ///
    /// # Errors
    /// When a file is missing, damaged or of another kind than is computed here, or what is asked for cannot be had.
    pub fn load(folder: &Path, asked: Asked, context: &Context) -> Result<Self, StageError> {
        let folder = Folder::read(folder)?;
        let pooling = asked.pooling.resolve(&folder)?;
        let normalised = match asked.normalise {
            DeclaredNormalise::Auto => folder.head.as_ref().is_some_and(|head| head.normalise),
            DeclaredNormalise::Always => true,
            DeclaredNormalise::Never => false,
        };
        let loaded = Loaded::read(&folder.transformer, asked, context)?;
        let max_length = longest(asked.max_length, &folder, &loaded)?;
        Ok(Self {
            folder,
            loaded,
            pooling,
            normalised,
            max_length,
            is_auto: matches!(asked.pooling, DeclaredPooling::Auto),
        })
    }

    /// Notes what the folder changes of sentences, if it does, and that another engine than the own one computes, if one does.
    pub fn note(&self, context: &Context) {
        let texts = self.folder.texts.note();
        let engine = match &self.loaded {
            Loaded::Own(_) => None,
            Loaded::Candle(encoder) => Some(format!(
                "the encoder is {}, which candle computes: the same bits on processors of one kind alone ({CANDLE_CLASS})",
                encoder.name().told()
            )),
        };
        let notes = texts.into_iter().chain(engine);
        notes.for_each(|note| context.note(note));
    }

    /// Returns the most tokens of a sentence that are read, `[CLS]` and `[SEP]` included.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Returns the vectors of sentences, in their order: pooled, mapped and scaled as is asked for. Notes how many were cut.
    ///
    /// # Errors
    /// When a sentence has no ids, a vector is not finite, a dense map cannot be read, or the run asks to stop.
    pub fn encode(&self, sentences: &[String], context: &Context) -> Result<Encoded, StageError> {
        let engine = self.loaded.engine();
        let auto = self.modules();
        let skip = match auto {
            Some(head) if !head.include_prompt && !self.folder.texts.prompt.is_empty() => {
                let prompt = self.folder.texts.apply("");
                engine.prompt(&prompt, self.max_length)?
            }
            _ => 0,
        };
        let manner = Manner {
            texts: &self.folder.texts,
            max_length: self.max_length,
            pooling: self.pooling,
            skip,
        };
        let mut encoded = encode_by(&*engine, sentences, manner, context)?;
        if encoded.truncated > 0 {
            let (cut, all) = (encoded.truncated, sentences.len());
            context.note(format!(
                "{cut} of {all} sentences were cut to {} tokens",
                self.max_length
            ));
        }
        if let Some(head) = auto {
            head.map(&mut encoded.vectors, self.loaded.precision())?;
        }
        if self.normalised {
            encoded
                .vectors
                .iter_mut()
                .for_each(|vector| normalise(vector));
        }
        Ok(encoded)
    }

    /// Says how vectors that [`SentenceEncoder::encode`] returned were made.
    pub fn description(&self, encoded: &Encoded) -> Description {
        let first = encoded.vectors.first();
        Description {
            pooling: self.pooling,
            normalised: self.normalised,
            dimension: first.map_or(self.loaded.width(), Vec::len),
            sentences: encoded.vectors.len(),
            max_length: self.max_length,
            truncated: encoded.truncated,
            similarity: self
                .modules()
                .map_or_else(Similarity::default, |head| head.similarity),
        }
    }

    /// Returns the folder's modules after the transformer, where they are used.
    fn modules(&self) -> Option<&crate::Head> {
        self.folder.head.as_ref().filter(|_| self.is_auto)
    }
}

impl DeclaredPooling {
    /// Returns the pooling that this is for a folder.
    pub(crate) fn resolve(self, folder: &Folder) -> Result<Pooling, StageError> {
        match (self, &folder.head) {
            (Self::Auto, Some(head)) => head.pooling(),
            (Self::Auto, None) => Ok(Pooling::Mean),
            (Self::Of(pooling), _) => Ok(pooling),
        }
    }
}

/// Returns the most tokens of a sentence that are read: `asked`, else the folder's limit, else the number of positions.
fn longest(asked: usize, folder: &Folder, loaded: &Loaded) -> Result<usize, StageError> {
    let positions = loaded.positions();
    let said = folder.texts.max_length.or(loaded.said_length());
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
