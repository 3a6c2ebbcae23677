//! The files of a Hugging Face tokenizer, as they are written: they agree, so it does not matter which one a program reads.

use std::collections::BTreeMap;

use contract::{Reads, StageError};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::byte_level::files::{BPE, DICTIONARY, MERGES};
use crate::byte_level::json::{roles, settings};
use crate::byte_level::{self, ByteLevel};
use crate::json::{self as tokenizer_json, pretty};
use crate::sources::{Given, MODEL, Sources};
use crate::specification::{Added, Class, Letters, Model, Named, Normalizer, Specification};

pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const CONFIG: &str = "tokenizer_config.json";
pub(crate) const VOCABULARY: &str = "vocab.txt";
pub(crate) const SPECIALS: &str = "special_tokens_map.json";
pub(crate) const ADDED: &str = "added_tokens.json";

/// The longest sequence of a tokenizer whose files do not give it.
const MAX_LENGTH: usize = 512;

/// The files that are read in a tokenizer's folder, and beside a single file.
pub(crate) const READS: Reads = Reads {
    files: Some(&["/*.json", "/*.txt", "/*.bpe"]),
    beside: &[CONFIG, SPECIALS, ADDED, MODEL, MERGES, BPE, DICTIONARY],
};

/// The files of a tokenizer by name.
pub(crate) type Files = BTreeMap<&'static str, Vec<u8>>;

/// Returns the files of a tokenizer, all made from its specification.
///
/// # Errors
/// When a file cannot be written as JSON, which does not happen.
pub(crate) fn derived(of: &Specification) -> Result<Files, StageError> {
    let mut files = BTreeMap::from([(TOKENIZER, tokenizer_json::tokenizer(of)?.into_bytes())]);
    match &of.model {
        Model::WordPiece { normalizer, .. } => {
            files.insert(CONFIG, config(of, *normalizer)?.into_bytes());
            files.insert(VOCABULARY, vocabulary(of).into_bytes());
            files.insert(SPECIALS, specials(of)?.into_bytes());
        }
        Model::ByteLevel(model) => {
            files.insert(CONFIG, byte_level_config(of, model)?.into_bytes());
            files.insert(
                byte_level::files::VOCABULARY,
                byte_level::json::vocabulary(of)?.into_bytes(),
            );
            files.insert(MERGES, byte_level::json::merges(model).into_bytes());
            files.insert(SPECIALS, pretty(&roles(of))?.into_bytes());
        }
    }
    let beyond = of.beyond_vocabulary();
    if !beyond.is_empty() {
        let added: BTreeMap<&str, u32> = beyond
            .into_iter()
            .map(|token| (token.content.as_str(), token.id))
            .collect();
        files.insert(ADDED, pretty(&added)?.into_bytes());
    }
    Ok(files)
}

/// Returns the files of a tokenizer that was read from `sources`. A source file is kept if it describes the tokenizer. `asked` are
/// the settings that overruled the sources.
///
/// # Errors
/// When a file cannot be written as JSON, which does not happen.
pub(crate) fn kept(
    of: &Specification,
    sources: &Sources,
    asked: Letters,
) -> Result<Files, StageError> {
    let mut files = derived(of)?;
    if let Given::Tokenizer(text, given) = &sources.vocabulary {
        let ours: Result<Value, _> = serde_json::from_slice(&files[TOKENIZER]);
        if ours.is_ok_and(|ours| ours == *given) {
            files.insert(TOKENIZER, text.clone().into_bytes());
        }
    }
    if let Some(given) = &sources.config {
        let mut config = given.map.clone();
        for (key, asked) in [
            ("do_lower_case", asked.lower_case),
            ("strip_accents", asked.strip_accents),
        ] {
            if let Some(asked) = asked.filter(|_| matches!(of.model, Model::WordPiece { .. })) {
                config.insert(key.into(), asked.into());
            }
        }
        if of.class == Class::File {
            let class = class_name(of.class);
            config
                .entry("tokenizer_class")
                .or_insert_with(|| class.into());
        }
        let plain = |token: &Added| *token == Added::new(token.content.as_str(), token.id, true);
        if !of.beyond_vocabulary().is_empty() || !of.added.iter().all(plain) {
            say_added(&mut config, of);
        }
        let text = if config == given.map {
            given.text.clone()
        } else {
            pretty(&config)?
        };
        files.insert(CONFIG, text.into_bytes());
    }
    if let Some(given) = &sources.specials
        && names_are(&given.map, &of.named)
    {
        files.insert(SPECIALS, given.text.clone().into_bytes());
    }
    Ok(files)
}

/// Adds the added tokens and their properties to a configuration, since `added_tokens.json` has only their ids. Hugging Face
/// then takes the roles of tokens from the configuration too.
fn say_added(config: &mut Map<String, Value>, of: &Specification) {
    let key = "added_tokens_decoder";
    if config.contains_key(key) {
        return;
    }
    let tokens: Map<String, Value> = of
        .added
        .iter()
        .map(|token| {
            let mut value = json!(token);
            if let Some(map) = value.as_object_mut() {
                map.remove("id");
            }
            (token.id.to_string(), value)
        })
        .collect();
    config.insert(key.into(), tokens.into());
    let mut named = of.named.clone();
    for (key, content) in named.by_key() {
        config.insert(key.into(), content.as_str().into());
    }
    if !of.extra.is_empty() {
        config.remove("extra_special_tokens");
        config.insert("additional_special_tokens".into(), json!(of.extra));
    }
}

/// Returns the files for the folder of an encoder that reads sequences of up to `max_length` tokens. They make Hugging Face
/// truncate texts at that length and load the tokenizer with its class.
///
/// # Errors
/// When a file cannot be written as JSON, which does not happen.
pub(crate) fn beside_encoder(
    of: &Specification,
    files: &Files,
    max_length: usize,
) -> Result<Files, StageError> {
    let mut files = files.clone();
    let mut config: Map<String, Value> =
        serde_json::from_slice(&files[CONFIG]).map_err(StageError::failed)?;
    config.insert("model_max_length".into(), max_length.into());
    if config.get("tokenizer_class").is_none_or(Value::is_null) {
        config.insert("tokenizer_class".into(), class_name(of.class).into());
    }
    files.insert(CONFIG, pretty(&config)?.into_bytes());
    Ok(files)
}

/// Returns the files like [`beside_encoder`], such that Hugging Face gives an encoder with a single token type no token types: its
/// tokenizers would give the second text of a pair a type that such an encoder has no row for.
///
/// # Errors
/// When a file cannot be written as JSON, which does not happen.
pub(crate) fn beside_encoder_without_types(
    of: &Specification,
    files: &Files,
    max_length: usize,
) -> Result<Files, StageError> {
    let mut files = beside_encoder(of, files, max_length)?;
    let mut config: Map<String, Value> =
        serde_json::from_slice(&files[CONFIG]).map_err(StageError::failed)?;
    config.insert(
        "model_input_names".into(),
        json!(["input_ids", "attention_mask"]),
    );
    files.insert(CONFIG, pretty(&config)?.into_bytes());
    Ok(files)
}

/// Returns the name of the class with which Hugging Face should load the tokenizer.
fn class_name(class: Class) -> &'static str {
    match class {
        Class::Bert => "BertTokenizer",
        Class::Roberta => "RobertaTokenizer",
        Class::File => "PreTrainedTokenizerFast",
    }
}

/// Whether a `special_tokens_map.json` names the tokens with these roles.
fn names_are(map: &Map<String, Value>, named: &Named) -> bool {
    let mut named = named.clone();
    named.by_key().into_iter().all(|(key, content)| {
        let said = map.get(key);
        let said = said.and_then(|value| value.as_str().or_else(|| value.get("content")?.as_str()));
        said.is_none_or(|said| said == content)
    })
}

/// Returns `vocab.txt`: the token of id i on line i + 1.
fn vocabulary(of: &Specification) -> String {
    let mut text = String::new();
    let mut line = 0;
    for (token, id) in &of.vocabulary {
        for _ in line..*id {
            text.push('\n');
        }
        text.push_str(token);
        text.push('\n');
        line = id + 1;
    }
    text
}

/// Returns `tokenizer_config.json` of a byte-level BPE. It has the properties of special tokens too: versions of transformers differ on
/// whether the mask takes the space in front of it, if that is not said.
fn byte_level_config(of: &Specification, model: &ByteLevel) -> Result<String, StageError> {
    let mut config = roles(of);
    let length = of.max_length.unwrap_or(MAX_LENGTH);
    config.insert("model_max_length".into(), length.into());
    config.insert("tokenizer_class".into(), class_name(of.class).into());
    config.extend(settings(model).map(|(key, value)| (key.to_owned(), value)));
    say_added(&mut config, of);
    pretty(&config)
}

fn config(of: &Specification, normalizer: Normalizer) -> Result<String, StageError> {
    pretty(&ConfigJson {
        cls_token: &of.named.cls,
        do_lower_case: normalizer.lowercase,
        mask_token: &of.named.mask,
        model_max_length: of.max_length.unwrap_or(MAX_LENGTH),
        pad_token: &of.named.pad,
        sep_token: &of.named.sep,
        strip_accents: normalizer.strip_accents,
        tokenize_chinese_chars: normalizer.handle_chinese_chars,
        tokenizer_class: class_name(of.class),
        unk_token: &of.named.unk,
    })
}

fn specials(of: &Specification) -> Result<String, StageError> {
    pretty(&SpecialsJson {
        additional_special_tokens: &of.extra,
        cls_token: &of.named.cls,
        mask_token: &of.named.mask,
        pad_token: &of.named.pad,
        sep_token: &of.named.sep,
        unk_token: &of.named.unk,
    })
}

#[derive(Serialize)]
struct ConfigJson<'a> {
    cls_token: &'a str,
    do_lower_case: bool,
    mask_token: &'a str,
    model_max_length: usize,
    pad_token: &'a str,
    sep_token: &'a str,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: bool,
    tokenizer_class: &'static str,
    unk_token: &'a str,
}

#[derive(Serialize)]
struct SpecialsJson<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    additional_special_tokens: &'a [String],
    cls_token: &'a str,
    mask_token: &'a str,
    pad_token: &'a str,
    sep_token: &'a str,
    unk_token: &'a str,
}
