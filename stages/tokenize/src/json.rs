//! Makes a WordPiece tokenizer's `tokenizer.json`, with every key in a fixed order, so that equal tokenizers give equal bytes.

use std::collections::BTreeMap;

use contract::StageError;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::byte_level;
use crate::specification::{Added, Model, Normalizer, Specification};

/// The type of the older post-processor that is equivalent to [`Template`].
pub(crate) const BERT_PROCESSING: &str = "BertProcessing";

/// Returns the text of `tokenizer.json`.
///
/// # Errors
/// When it cannot be written as JSON, which does not happen.
pub(crate) fn tokenizer(of: &Specification) -> Result<String, StageError> {
    let (normalizer, pieces) = match &of.model {
        Model::WordPiece { normalizer, pieces } => (*normalizer, pieces),
        Model::ByteLevel(model) => return byte_level::json::tokenizer(of, model),
    };
    pretty(&TokenizerJson {
        version: "1.0",
        truncation: None,
        padding: None,
        added_tokens: &of.added,
        normalizer: NormalizerJson {
            kind: "BertNormalizer",
            is: normalizer,
        },
        pre_tokenizer: Kind {
            kind: "BertPreTokenizer",
        },
        post_processor: template(of),
        decoder: Decoder {
            kind: "WordPiece",
            prefix: &pieces.prefix,
            cleanup: true,
        },
        model: WordPiece {
            kind: "WordPiece",
            unk_token: &of.named.unk,
            continuing_subword_prefix: &pieces.prefix,
            max_input_chars_per_word: pieces.longest_word,
            vocab: &of.vocabulary,
        },
    })
}

/// The post-processor that puts a text between `[CLS]` and `[SEP]`, in its two equivalent forms.
pub(crate) struct Processors {
    pub(crate) template: Value,
    pub(crate) old: Value,
}

/// Returns BERT's post-processors.
pub(crate) fn processors(of: &Specification) -> Processors {
    let (cls, sep) = (&of.named.cls, &of.named.sep);
    Processors {
        template: json!(template(of)),
        old: json!({"type": BERT_PROCESSING, "sep": [sep, of.id(sep)], "cls": [cls, of.id(cls)]}),
    }
}

fn template(of: &Specification) -> Template<'_> {
    let (cls, sep) = (of.named.cls.as_str(), of.named.sep.as_str());
    let special = |id, type_id| Piece::SpecialToken { id, type_id };
    let text = |id, type_id| Piece::Sequence { id, type_id };
    Template {
        kind: "TemplateProcessing",
        single: vec![special(cls, 0), text("A", 0), special(sep, 0)],
        pair: vec![
            special(cls, 0),
            text("A", 0),
            special(sep, 0),
            text("B", 1),
            special(sep, 1),
        ],
        special_tokens: [cls, sep]
            .into_iter()
            .filter_map(|token| {
                let ids = vec![of.id(token)?];
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
    }
}

/// Returns a value as indented JSON with a line feed at the end.
///
/// # Errors
/// When the value cannot be written as JSON.
pub(crate) fn pretty(value: &impl Serialize) -> Result<String, StageError> {
    let mut text = serde_json::to_string_pretty(value).map_err(StageError::failed)?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct TokenizerJson<'a> {
    version: &'static str,
    truncation: Option<()>,
    padding: Option<()>,
    added_tokens: &'a [Added],
    normalizer: NormalizerJson,
    pre_tokenizer: Kind,
    post_processor: Template<'a>,
    decoder: Decoder<'a>,
    model: WordPiece<'a>,
}

#[derive(Serialize)]
struct NormalizerJson {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    is: Normalizer,
}

#[derive(Serialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Template<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    single: Vec<Piece<'a>>,
    pair: Vec<Piece<'a>>,
    special_tokens: BTreeMap<&'a str, TemplateToken<'a>>,
}

#[derive(Serialize)]
enum Piece<'a> {
    SpecialToken { id: &'a str, type_id: u32 },
    Sequence { id: &'a str, type_id: u32 },
}

#[derive(Serialize)]
struct TemplateToken<'a> {
    id: &'a str,
    ids: Vec<u32>,
    tokens: Vec<&'a str>,
}

#[derive(Serialize)]
struct Decoder<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    prefix: &'a str,
    cleanup: bool,
}

#[derive(Serialize)]
struct WordPiece<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    unk_token: &'a str,
    continuing_subword_prefix: &'a str,
    max_input_chars_per_word: usize,
    #[serde(serialize_with = "as_map")]
    vocab: &'a [(String, u32)],
}

/// Writes the vocabulary as an object of ids by token, in the order of the ids.
pub(crate) fn as_map<S: Serializer>(
    entries: &[(String, u32)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(token, id)| (token, id)))
}
