//! The files of a Hugging Face BERT tokenizer: `tokenizer.json`, `tokenizer_config.json`, `vocab.txt` and
//! `special_tokens_map.json`, written with every key in a fixed order so that equal vocabularies give equal bytes.

use std::collections::BTreeMap;
use std::path::Path;

use contract::{Reads, StageError};
use serde::{Serialize, Serializer};
use serde_json::Value;

pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const CONFIG: &str = "tokenizer_config.json";
pub(crate) const VOCABULARY: &str = "vocab.txt";
pub(crate) const SPECIALS: &str = "special_tokens_map.json";

/// What is read of a tokenizer's folder, and beside a file that is given by itself.
pub(crate) const READS: Reads = Reads {
    files: Some(&["/*.json", "/*.txt"]),
    beside: &[CONFIG, SPECIALS, "added_tokens.json"],
};

/// The special tokens in the order of their ids in a trained vocabulary.
pub(crate) const SPECIAL_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/// What a token starts with if it continues a word.
pub(crate) const CONTINUING: &str = "##";
/// Words of more characters than this become `[UNK]`.
pub(crate) const LONGEST_WORD: usize = 100;

/// Reads a `vocab.txt`: the token of id i on line i + 1.
///
/// # Errors
/// When the file cannot be read, is not UTF-8, or is empty.
pub(crate) fn read_vocabulary(path: &Path) -> Result<Vec<String>, StageError> {
    let bytes = std::fs::read(path).map_err(contract::io_error(path))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        StageError::input(
            format!("{}:{line}", path.display()),
            "the vocabulary is not UTF-8",
            "save the file as UTF-8, one token a line",
        )
    })?;
    let tokens: Vec<String> = text
        .strip_suffix('\n')
        .unwrap_or(&text)
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned())
        .collect();
    if tokens.iter().all(String::is_empty) {
        return Err(StageError::input(
            path.display(),
            "the vocabulary is empty",
            "give a vocab.txt with one token a line",
        ));
    }
    Ok(tokens)
}

/// Returns `vocab.txt` for tokens by id.
pub(crate) fn vocabulary_text(tokens: &[String]) -> String {
    tokens
        .iter()
        .flat_map(|token| [token.as_str(), "\n"])
        .collect()
}

/// Returns `tokenizer.json` for tokens by id; the special tokens must be among them.
pub(crate) fn tokenizer_json(tokens: &[String], lower_case: bool) -> Result<String, StageError> {
    let ids: BTreeMap<&str, u32> = tokens
        .iter()
        .map(String::as_str)
        .zip(0..)
        .collect::<BTreeMap<_, _>>();
    let mut by_id: Vec<(&str, u32)> = ids.iter().map(|(token, id)| (*token, *id)).collect();
    by_id.sort_unstable_by_key(|&(_, id)| id);
    let mut added: Vec<Added<'_>> = SPECIAL_TOKENS
        .iter()
        .filter_map(|token| ids.get(token).map(|&id| Added::special(token, id)))
        .collect();
    added.sort_unstable_by_key(|token| token.id);
    let special = |content| Piece::SpecialToken {
        id: content,
        type_id: 0,
    };
    let json = TokenizerJson {
        version: "1.0",
        truncation: None,
        padding: None,
        added_tokens: added,
        normalizer: BertNormalizer {
            kind: "BertNormalizer",
            clean_text: true,
            handle_chinese_chars: true,
            strip_accents: None,
            lowercase: lower_case,
        },
        pre_tokenizer: Kind {
            kind: "BertPreTokenizer",
        },
        post_processor: Template {
            kind: "TemplateProcessing",
            single: vec![
                special("[CLS]"),
                Piece::Sequence {
                    id: "A",
                    type_id: 0,
                },
                special("[SEP]"),
            ],
            pair: vec![
                special("[CLS]"),
                Piece::Sequence {
                    id: "A",
                    type_id: 0,
                },
                special("[SEP]"),
                Piece::Sequence {
                    id: "B",
                    type_id: 1,
                },
                Piece::SpecialToken {
                    id: "[SEP]",
                    type_id: 1,
                },
            ],
            special_tokens: ["[CLS]", "[SEP]"]
                .into_iter()
                .filter_map(|token| {
                    let ids = vec![*ids.get(token)?];
                    Some((
                        token,
                        TemplateToken {
                            id: token,
                            ids,
                            tokens: vec![token],
                        },
                    ))
                })
                .collect(),
        },
        decoder: Decoder {
            kind: "WordPiece",
            prefix: CONTINUING,
            cleanup: true,
        },
        model: WordPiece {
            kind: "WordPiece",
            unk_token: "[UNK]",
            continuing_subword_prefix: CONTINUING,
            max_input_chars_per_word: LONGEST_WORD,
            vocab: by_id,
        },
    };
    pretty(&json)
}

/// Returns `tokenizer_config.json`.
pub(crate) fn config_json(lower_case: bool) -> Result<String, StageError> {
    pretty(&ConfigJson {
        cls_token: "[CLS]",
        do_lower_case: lower_case,
        mask_token: "[MASK]",
        model_max_length: 512,
        pad_token: "[PAD]",
        sep_token: "[SEP]",
        strip_accents: None,
        tokenize_chinese_chars: true,
        tokenizer_class: "BertTokenizer",
        unk_token: "[UNK]",
    })
}

/// Reads a `tokenizer_config.json`, whoever wrote it. `place` is named in errors.
///
/// # Errors
/// When it is no JSON object.
pub(crate) fn read_config(
    bytes: &[u8],
    place: &Path,
) -> Result<BTreeMap<String, Value>, StageError> {
    serde_json::from_slice(bytes).map_err(|error| {
        StageError::input(
            format!("{}:{}", place.display(), error.line()),
            error.to_string(),
            "mend the file, or remove it",
        )
    })
}

/// Returns the `tokenizer_config.json` in `bytes` with another `model_max_length`, its keys in the order of the
/// alphabet.
///
/// # Errors
/// When it is no JSON object.
pub(crate) fn with_max_length(bytes: &[u8], max_length: usize) -> Result<String, StageError> {
    let mut config = read_config(bytes, Path::new(CONFIG))?;
    config.insert("model_max_length".to_owned(), max_length.into());
    pretty(&config)
}

/// Returns `special_tokens_map.json`.
pub(crate) fn specials_json() -> Result<String, StageError> {
    pretty(&SpecialsJson {
        cls_token: "[CLS]",
        mask_token: "[MASK]",
        pad_token: "[PAD]",
        sep_token: "[SEP]",
        unk_token: "[UNK]",
    })
}

fn pretty(value: &impl Serialize) -> Result<String, StageError> {
    let mut text = serde_json::to_string_pretty(value).map_err(StageError::failed)?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct TokenizerJson<'a> {
    version: &'static str,
    truncation: Option<()>,
    padding: Option<()>,
    added_tokens: Vec<Added<'a>>,
    normalizer: BertNormalizer,
    pre_tokenizer: Kind,
    post_processor: Template,
    decoder: Decoder,
    model: WordPiece<'a>,
}

#[derive(Serialize)]
struct Added<'a> {
    id: u32,
    content: &'a str,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

impl<'a> Added<'a> {
    fn special(content: &'a str, id: u32) -> Self {
        Self {
            id,
            content,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: true,
        }
    }
}

#[derive(Serialize)]
struct BertNormalizer {
    #[serde(rename = "type")]
    kind: &'static str,
    clean_text: bool,
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    lowercase: bool,
}

#[derive(Serialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Template {
    #[serde(rename = "type")]
    kind: &'static str,
    single: Vec<Piece>,
    pair: Vec<Piece>,
    special_tokens: BTreeMap<&'static str, TemplateToken>,
}

#[derive(Serialize)]
enum Piece {
    SpecialToken { id: &'static str, type_id: u32 },
    Sequence { id: &'static str, type_id: u32 },
}

#[derive(Serialize)]
struct TemplateToken {
    id: &'static str,
    ids: Vec<u32>,
    tokens: Vec<&'static str>,
}

#[derive(Serialize)]
struct Decoder {
    #[serde(rename = "type")]
    kind: &'static str,
    prefix: &'static str,
    cleanup: bool,
}

#[derive(Serialize)]
struct WordPiece<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    unk_token: &'static str,
    continuing_subword_prefix: &'static str,
    max_input_chars_per_word: usize,
    #[serde(serialize_with = "as_map")]
    vocab: Vec<(&'a str, u32)>,
}

fn as_map<S: Serializer>(entries: &[(&str, u32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().copied())
}

#[derive(Serialize)]
struct ConfigJson {
    cls_token: &'static str,
    do_lower_case: bool,
    mask_token: &'static str,
    model_max_length: u32,
    pad_token: &'static str,
    sep_token: &'static str,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: bool,
    tokenizer_class: &'static str,
    unk_token: &'static str,
}

#[derive(Serialize)]
struct SpecialsJson {
    cls_token: &'static str,
    mask_token: &'static str,
    pad_token: &'static str,
    sep_token: &'static str,
    unk_token: &'static str,
}
