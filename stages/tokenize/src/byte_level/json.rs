//! Makes the files of a byte-level BPE, with every key in a fixed order.

use contract::StageError;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::ByteLevel;
use super::files::VERSION;
use crate::json::{as_map, pretty};
use crate::specification::{Added, Specification};

/// Returns the text of `tokenizer.json`.
///
/// # Errors
/// When it cannot be written as JSON, which does not happen.
pub(crate) fn tokenizer(of: &Specification, model: &ByteLevel) -> Result<String, StageError> {
    pretty(&TokenizerJson {
        version: "1.0",
        truncation: None,
        padding: None,
        added_tokens: &of.added,
        normalizer: model.nfc.then_some(Kind { kind: "NFC" }),
        pre_tokenizer: Steps {
            kind: "ByteLevel",
            add_prefix_space: model.add_prefix_space,
            trim_offsets: model.trim_offsets,
            use_regex: true,
        },
        post_processor: Around {
            kind: "RobertaProcessing",
            sep: (&of.named.sep, of.id(&of.named.sep)),
            cls: (&of.named.cls, of.id(&of.named.cls)),
            trim_offsets: model.trim_offsets,
            add_prefix_space: model.add_prefix_space,
        },
        decoder: Steps {
            kind: "ByteLevel",
            add_prefix_space: true,
            trim_offsets: true,
            use_regex: true,
        },
        model: Bpe {
            kind: "BPE",
            dropout: None,
            unk_token: None,
            continuing_subword_prefix: "",
            end_of_word_suffix: "",
            fuse_unk: false,
            byte_fallback: false,
            ignore_merges: false,
            vocab: &of.vocabulary,
            merges: model.merges.iter().map(written).collect(),
        },
    })
}

/// Returns RoBERTa's post-processor in its form as a template.
pub(crate) fn template(of: &Specification) -> Value {
    let (cls, sep) = (&of.named.cls, &of.named.sep);
    let special = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
    let text = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
    let token = |id: &str| json!({"id": id, "ids": [of.id(id)], "tokens": [id]});
    json!({
        "type": "TemplateProcessing",
        "single": [special(cls), text("A"), special(sep)],
        "pair": [special(cls), text("A"), special(sep), special(sep), text("B"), special(sep)],
        "special_tokens": {cls: token(cls), sep: token(sep)},
    })
}

/// Returns the settings of `tokenizer_config.json` that belong to the model.
pub(crate) fn settings(model: &ByteLevel) -> [(&'static str, Value); 2] {
    [
        ("add_prefix_space", model.add_prefix_space.into()),
        ("trim_offsets", model.trim_offsets.into()),
    ]
}

/// Returns the special tokens by role, as `tokenizer_config.json` and `special_tokens_map.json` name them. A text begins and ends with the
/// tokens around it.
pub(crate) fn roles(of: &Specification) -> Map<String, Value> {
    let mut named = of.named.clone();
    let mut roles: Map<String, Value> = named
        .by_key()
        .into_iter()
        .map(|(key, token)| (key.to_owned(), token.as_str().into()))
        .collect();
    roles.insert("bos_token".into(), of.named.cls.as_str().into());
    roles.insert("eos_token".into(), of.named.sep.as_str().into());
    roles
}

/// Returns the text of `vocab.json`.
///
/// # Errors
/// When it cannot be written as JSON, which does not happen.
pub(crate) fn vocabulary(of: &Specification) -> Result<String, StageError> {
    let mut text = serde_json::to_string(&Ids(&of.vocabulary)).map_err(StageError::failed)?;
    text.push('\n');
    Ok(text)
}

/// Returns the text of `merges.txt`.
pub(crate) fn merges(model: &ByteLevel) -> String {
    let lines = model.merges.iter().map(|pair| written(pair) + "\n");
    format!("{VERSION}: 0.2\n{}", lines.collect::<String>())
}

/// Returns a merge as text, which every version of Hugging Face's tokenizers reads.
fn written((first, second): &(String, String)) -> String {
    format!("{first} {second}")
}

#[derive(Serialize)]
struct TokenizerJson<'a> {
    version: &'static str,
    truncation: Option<()>,
    padding: Option<()>,
    added_tokens: &'a [Added],
    normalizer: Option<Kind>,
    pre_tokenizer: Steps,
    post_processor: Around<'a>,
    decoder: Steps,
    model: Bpe<'a>,
}

#[derive(Serialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Steps {
    #[serde(rename = "type")]
    kind: &'static str,
    add_prefix_space: bool,
    trim_offsets: bool,
    use_regex: bool,
}

#[derive(Serialize)]
struct Around<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sep: (&'a str, Option<u32>),
    cls: (&'a str, Option<u32>),
    trim_offsets: bool,
    add_prefix_space: bool,
}

#[derive(Serialize)]
struct Bpe<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    dropout: Option<()>,
    unk_token: Option<()>,
    continuing_subword_prefix: &'static str,
    end_of_word_suffix: &'static str,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    #[serde(serialize_with = "as_map")]
    vocab: &'a [(String, u32)],
    merges: Vec<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Ids<'a>(#[serde(serialize_with = "as_map")] &'a [(String, u32)]);
