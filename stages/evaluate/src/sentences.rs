//! From sentences to vectors: an encoder's folder with all that it says of sentences, and what is asked of it besides.

use std::path::Path;

use contract::{Context, Field, FieldDefault, FieldType, Params, Problem, StageError, complete};
use encoder::{DeclaredPrecision, Encoder, Pooling};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokenize::Tokenizer;

use crate::Similarity;
use crate::embeddings::Description;
use crate::encode::{Encoded, Manner, encode, normalise};
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

    /// Returns the problems that the ranges of single parameters do not catch.
    #[allow(clippy::trivially_copy_pass_by_ref)] // as `Params::check` calls it
    pub(crate) fn check(&self) -> Vec<Problem> {
        match self.max_length {
            1..SHORTEST => vec![
                Problem::value("max_length", "no token of a sentence would be seen")
                    .with_help(format!("give 0, or at least {SHORTEST}")),
            ],
            _ => Vec::new(),
        }
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
    encoder: Encoder,
    tokenizer: Tokenizer,
    pooling: Pooling,
    normalised: bool,
    max_length: usize,
    /// Whether the folder's own modules are used.
    is_auto: bool,
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
        let encoder = Encoder::load_unless_stopped(&folder.transformer, context)?
            .with_precision(asked.precision.resolve()?);
        let tokenizer = Tokenizer::load(&folder.transformer)?;
        tokenizer.check_embedded(encoder.config().vocab_size, &folder.transformer)?;
        let max_length = longest(asked.max_length, &folder, &tokenizer, &encoder)?;
        Ok(Self {
            folder,
            encoder,
            tokenizer,
            pooling,
            normalised,
            max_length,
            is_auto: matches!(asked.pooling, DeclaredPooling::Auto),
        })
    }

    /// Notes what the folder changes of sentences, if it does.
    pub fn note(&self, context: &Context) {
        self.folder
            .texts
            .note()
            .into_iter()
            .for_each(|note| context.note(note));
    }

    /// Returns the most tokens of a sentence that are read, `[CLS]` and `[SEP]` included.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Returns the vectors of sentences, in their order: pooled, mapped and scaled as is asked for. Notes how many were cut.
    ///
    /// # Errors
    /// When a vector is not finite, a dense map cannot be read, or the run asks to stop.
    pub fn encode(&self, sentences: &[String], context: &Context) -> Result<Encoded, StageError> {
        let auto = self.modules();
        let skip = match auto {
            Some(head) if !head.include_prompt && !self.folder.texts.prompt.is_empty() => {
                let prompt = self.folder.texts.apply("");
                self.tokenizer.single(&prompt, Some(self.max_length)).len() - 1
            }
            _ => 0,
        };
        let manner = Manner {
            texts: &self.folder.texts,
            max_length: self.max_length,
            pooling: self.pooling,
            skip,
        };
        let mut encoded = encode(&self.encoder, &self.tokenizer, sentences, manner, context)?;
        if encoded.truncated > 0 {
            let (cut, all) = (encoded.truncated, sentences.len());
            context.note(format!(
                "{cut} of {all} sentences were cut to {} tokens",
                self.max_length
            ));
        }
        if let Some(head) = auto {
            head.map(&mut encoded.vectors, self.encoder.precision())?;
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
            dimension: first.map_or(self.encoder.config().hidden_size, Vec::len),
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
