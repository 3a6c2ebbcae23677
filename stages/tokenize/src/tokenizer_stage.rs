//! The stage kind `tokenizer`: a vocabulary trained on a corpus, or a given one.

use std::fs;
use std::path::Path;

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, KeyPolicy, OutputFile, Params,
    Reads, Signature, Stage, StageError,
};
use serde::Deserialize;

use crate::Tokenizer;
use crate::documents::Documents;
use crate::files::{self, TOKENIZER, VOCABULARY};
use crate::specification::{Letters, Normalizer};
use crate::train::{Recipe, train};

/// Trains a WordPiece vocabulary, or takes a given one, and writes a Hugging Face tokenizer.
pub struct TokenizerStage;

#[derive(Deserialize)]
struct Parameters {
    vocab_size: usize,
    lower_case: Option<bool>,
    strip_accents: Option<bool>,
    min_frequency: u64,
    alphabet: usize,
}

const FIELDS: &[Field] = &[
    Field::new(
        "corpus",
        FieldType::Input(ArtifactType::Corpus),
        FieldDefault::Absent,
        "documents to train a vocabulary on; not read if `vocab` is given",
    ),
    Field::new(
        "vocab",
        FieldType::Input(ArtifactType::Folder),
        FieldDefault::Absent,
        "a given vocabulary: a vocab.txt, a tokenizer.json, or a folder that holds either",
    ),
    Field::new(
        "vocab_size",
        FieldType::Integer {
            min: 32,
            max: 1 << 24,
        },
        FieldDefault::Integer(30_522),
        "tokens of a trained vocabulary at most, special tokens included",
    ),
    Field::new(
        "lower_case",
        FieldType::Bool,
        FieldDefault::Absent,
        "whether text is lower-cased; if left out, as a given vocabulary's files say, else true",
    ),
    Field::new(
        "strip_accents",
        FieldType::Bool,
        FieldDefault::Absent,
        "whether accents are dropped; if left out, as a given vocabulary's files say, else as lower_case says",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Absent)),
    Field::new(
        "min_frequency",
        FieldType::Integer {
            min: 1,
            max: i64::MAX,
        },
        FieldDefault::Integer(2),
        "occurrences that a pair of pieces needs in the corpus to become a token",
    ),
    Field::new(
        "alphabet",
        FieldType::Integer {
            min: 1,
            max: 1 << 20,
        },
        FieldDefault::Integer(1000),
        "characters with tokens of their own at most, the most frequent first, and never more than a quarter of \
                `vocab_size`; words with other characters become [UNK]",
    ),
];

/// The files of a tokenizer.
const FILES: &[OutputFile] = &[
    OutputFile::new(
        "tokenizer.json",
        "the tokenizer, for Hugging Face's tokenizers",
    ),
    OutputFile::new("tokenizer_config.json", "how texts are prepared for it"),
    OutputFile::new("special_tokens_map.json", "the names of the special tokens"),
    OutputFile::new(
        "vocab.txt",
        "the word pieces, a line each, in the order of their ids",
    ),
];

impl Stage for TokenizerStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "tokenizer",
            version: 2,
            about: "Trains a WordPiece vocabulary on a corpus, or takes a given one.",
            fields: FIELDS,
            output: ArtifactType::Tokenizer,
            numerics: None,
            files: FILES,
        }
    }

    /// Suits a folder with a WordPiece vocabulary, and one with a `vocab.txt` more than one with a `tokenizer.json` alone.
    fn suits(&self, input: &str, _: &Params, path: &Path) -> Option<u64> {
        if input != "vocab" {
            return None;
        }
        if path.join(VOCABULARY).is_file() {
            return Some(2);
        }
        let text = fs::read_to_string(path.join(TOKENIZER)).ok()?;
        text.contains("\"WordPiece\"").then_some(1)
    }

    fn reads(&self, input: &str) -> Reads {
        match input {
            "vocab" => files::READS,
            _ => Reads::default(),
        }
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let asked = Letters {
            lower_case: parameters.lower_case,
            strip_accents: parameters.strip_accents,
        };
        let tokenizer = match (inputs.optional("vocab"), inputs.optional("corpus")) {
            (Some(vocabulary), _) => Tokenizer::load_as(vocabulary, asked)?,
            (None, Some(corpus)) => {
                let normalizer = Normalizer::new(true).overruled(asked);
                let recipe = Recipe {
                    size: parameters.vocab_size,
                    alphabet: parameters.alphabet,
                    min_frequency: parameters.min_frequency,
                    normalizer,
                };
                let tokens = train(&Documents::open(corpus)?, recipe, context)?;
                if tokens.len() < parameters.vocab_size {
                    context.note(format!(
                        "the corpus gives {} tokens, fewer than the {} allowed",
                        tokens.len(),
                        parameters.vocab_size
                    ));
                }
                Tokenizer::trained(&tokens, normalizer, corpus)?
            }
            (None, None) => {
                return Err(StageError::input(
                    "tokenizer",
                    "neither `corpus` nor `vocab` is given",
                    "give a corpus to train on, or the path of a vocabulary",
                ));
            }
        };
        tokenizer.copy_files(context.output())
    }
}
