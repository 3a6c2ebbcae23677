//! The stage kind `tokenizer`: a vocabulary, WordPiece or byte-level BPE, trained on a corpus, or a given one.

use std::fs;
use std::path::Path;

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, KeyPolicy, Maker, OutputFile,
    Params, Problem, Reads, Signature, Stage, StageError,
};
use serde::Deserialize;

use crate::Tokenizer;
use crate::byte_level::files::{BPE, ENCODER, MERGES, VOCABULARY as IDS};
use crate::byte_level::resolve::check_letters;
use crate::byte_level::train::{LEAST, train as train_byte_level};
use crate::documents::Documents;
use crate::files::{self, TOKENIZER, VOCABULARY};
use crate::specification::{Letters, Normalizer};
use crate::train::{Recipe, train};

/// Trains a vocabulary, or takes a given one, and writes a Hugging Face tokenizer.
pub struct TokenizerStage;

/// How words are split into tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Algorithm {
    #[serde(rename = "wordpiece")]
    WordPiece,
    ByteLevelBpe,
}

const WORD_PIECE: &str = "wordpiece";
const BYTE_LEVEL_BPE: &str = "byte-level-bpe";

#[derive(Deserialize)]
struct Parameters {
    algorithm: Algorithm,
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
        "a given vocabulary: a vocab.txt, a tokenizer.json, or a folder that holds either; of byte-level BPE also a folder with \
                vocab.json and merges.txt, or with GPT-2's encoder.json and vocab.bpe and fairseq's dict.txt",
    ),
    Field::new(
        "algorithm",
        FieldType::Choice(&[WORD_PIECE, BYTE_LEVEL_BPE]),
        FieldDefault::Text(WORD_PIECE),
        "how words are split: wordpiece as BERT does, or byte-level-bpe as GPT-2 and RoBERTa do; a given vocabulary's files \
                say theirs",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Text(WORD_PIECE))),
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
        "whether text is lower-cased; if left out, as a given vocabulary's files say, else true; a byte-level BPE keeps letters \
                as they are",
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
                `vocab_size`; words with other characters become [UNK]; a byte-level BPE has the 256 bytes instead",
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
    )
    .when("the algorithm is wordpiece"),
    OutputFile::new("vocab.json", "the ids by token").when("the algorithm is byte-level-bpe"),
    OutputFile::new("merges.txt", "the merges, a pair of tokens a line")
        .when("the algorithm is byte-level-bpe"),
];

impl Stage for TokenizerStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "tokenizer",
            version: 2,
            about: "Trains a vocabulary, WordPiece or byte-level BPE, on a corpus, or takes a given one.",
            fields: FIELDS,
            output: ArtifactType::Tokenizer,
            numerics: None,
            files: FILES,
        }
    }

    /// Suits a folder with a vocabulary, and one with the vocabulary's own file more than one with a `tokenizer.json` alone.
    fn suits(&self, input: &str, _: &Params, path: &Path) -> Option<u64> {
        if input != "vocab" {
            return None;
        }
        let byte_level = [(IDS, MERGES), (ENCODER, BPE)];
        let is_there = |name: &str| path.join(name).is_file();
        if is_there(VOCABULARY)
            || byte_level
                .iter()
                .any(|pair| is_there(pair.0) && is_there(pair.1))
        {
            return Some(2);
        }
        let text = fs::read_to_string(path.join(TOKENIZER)).ok()?;
        let kinds = ["\"WordPiece\"", "\"ByteLevel\""];
        kinds.iter().any(|kind| text.contains(kind)).then_some(1)
    }

    fn reads(&self, input: &str) -> Reads {
        match input {
            "vocab" => files::READS,
            _ => Reads::default(),
        }
    }

    fn check_inputs(
        &self,
        params: &dyn Fn() -> Params,
        maker: &dyn Fn(&str) -> Option<Maker>,
    ) -> Vec<Problem> {
        let Ok(parameters) = params().parse::<Parameters>() else {
            return Vec::new();
        };
        let is_given = maker("vocab").is_some();
        let size = parameters.vocab_size;
        if is_given || parameters.algorithm == Algorithm::WordPiece || size >= LEAST {
            return Vec::new();
        }
        let message = format!(
            "a byte-level BPE has {LEAST} tokens at least, for bytes and special tokens: {size} are too few"
        );
        vec![Problem::value("vocab_size", message).with_help(format!("give {LEAST} or more"))]
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let asked = Letters {
            lower_case: parameters.lower_case,
            strip_accents: parameters.strip_accents,
        };
        let tokenizer = match (inputs.optional("vocab"), inputs.optional("corpus")) {
            (Some(vocabulary), _) => {
                let tokenizer = Tokenizer::load_as(vocabulary, asked)?;
                if parameters.algorithm == Algorithm::ByteLevelBpe && !tokenizer.is_byte_level() {
                    return Err(StageError::input(
                        vocabulary.display(),
                        format!("a WordPiece vocabulary, and `algorithm` is {BYTE_LEVEL_BPE}"),
                        format!("give a byte-level BPE, or set algorithm to {WORD_PIECE}"),
                    ));
                }
                tokenizer
            }
            (None, Some(corpus)) => trained(&parameters, asked, corpus, context)?,
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

/// Trains a vocabulary on a corpus.
fn trained(
    parameters: &Parameters,
    asked: Letters,
    corpus: &Path,
    context: &Context,
) -> Result<Tokenizer, StageError> {
    let documents = Documents::open(corpus)?;
    let size = parameters.vocab_size;
    let tokenizer = match parameters.algorithm {
        Algorithm::WordPiece => {
            let normalizer = Normalizer::new(true).overruled(asked);
            let recipe = Recipe {
                size,
                alphabet: parameters.alphabet,
                min_frequency: parameters.min_frequency,
                normalizer,
            };
            Tokenizer::trained(&train(&documents, recipe, context)?, normalizer, corpus)?
        }
        Algorithm::ByteLevelBpe => {
            check_letters(asked)?;
            let least = parameters.min_frequency;
            Tokenizer::from_merges(train_byte_level(&documents, size, least, context)?, corpus)?
        }
    };
    let count = tokenizer.vocabulary();
    if count < size {
        context.note(format!(
            "the corpus gives {count} tokens, fewer than the {size} allowed"
        ));
    }
    Ok(tokenizer)
}
