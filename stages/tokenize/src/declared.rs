//! The declarations of `tokenizer_config.json` and `special_tokens_map.json`, with Hugging Face's defaults.
//!
//! Some keys mean different things to Hugging Face's classes or versions, or ask for something that this crate does not do. A value
//! of such a key is refused if it would change ids, and ignored otherwise.

use contract::StageError;
use serde_json::{Map, Value};

use crate::byte_level;
use crate::files::{ADDED, CONFIG, SPECIALS};
use crate::keys::{Keys, MEND, parse_token};
use crate::sources::{Given, Sources};
use crate::specification::{Added, Class, Named, Normalizer};

/// Tokenizers of Hugging Face that read a folder in the same way.
struct Family {
    class: Class,
    /// Whose they are, in errors.
    name: &'static str,
    /// Their class that gives them their name.
    first: &'static str,
    /// Names of the classes, without `Fast` at the end.
    classes: &'static [&'static str],
    /// The models that use these tokenizers, by config.json's `model_type`.
    models: &'static [&'static str],
}

const BERT: Family = Family {
    class: Class::Bert,
    name: "BERT",
    first: "BertTokenizer",
    classes: &LIKE_BERT,
    models: &LIKE_BERT_MODELS,
};
const ROBERTA: Family = Family {
    class: Class::Roberta,
    name: "RoBERTa",
    first: "RobertaTokenizer",
    classes: &["RobertaTokenizer"],
    models: &["roberta", "roberta-prelayernorm"],
};
/// Classes that read a folder as `BertTokenizer` does.
const LIKE_BERT: [&str; 8] = [
    "BertTokenizer",
    "ConvBertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "LxmertTokenizer",
    "MobileBertTokenizer",
    "RetriBertTokenizer",
    "SqueezeBertTokenizer",
];
const LIKE_BERT_MODELS: [&str; 8] = [
    "bert",
    "convbert",
    "distilbert",
    "electra",
    "lxmert",
    "mobilebert",
    "retribert",
    "squeezebert",
];
/// Names of Hugging Face's tokenizers that follow `tokenizer.json`.
const BY_FILE: [&str; 2] = ["PreTrainedTokenizer", "TokenizersBackend"];
/// Keys of special tokens, in the order in which Hugging Face adds them to a vocabulary.
const SPECIAL_KEYS: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// What a byte-level BPE does with spaces in front of words.
#[derive(Clone, Copy)]
pub(crate) struct Spaces {
    /// Whether a text that begins with a word gets one.
    pub(crate) add_prefix_space: bool,
    /// Whether a token's place in the text leaves it out.
    pub(crate) trim_offsets: bool,
}

/// The declarations beside a vocabulary.
pub(crate) struct Declared {
    pub(crate) class: Class,
    /// The normalisation of a text, for classes that take it from here.
    pub(crate) normalizer: Normalizer,
    pub(crate) byte_level: Spaces,
    pub(crate) named: Named,
    /// Tokens that Hugging Face adds as special tokens, in its order: those with a role, then the others.
    pub(crate) specials: Vec<Added>,
    pub(crate) extra: Vec<String>,
    /// The tokens of `added_tokens_decoder`, by id.
    pub(crate) decoder: Option<Vec<Added>>,
    pub(crate) split_special_tokens: bool,
    pub(crate) token_types: bool,
    pub(crate) max_length: Option<usize>,
}

impl Declared {
    /// Reads the declarations.
    ///
    /// # Errors
    /// When a value is of the wrong type, or would change ids in a way that this crate does not know.
    pub(crate) fn of(sources: &Sources) -> Result<Self, StageError> {
        let empty = Map::new();
        let config = Keys {
            map: sources.config.as_ref().map_or(&empty, |it| &it.map),
            place: sources.beside(CONFIG),
        };
        let is_byte_level = sources.is_byte_level();
        let family = if is_byte_level { &ROBERTA } else { &BERT };
        let (class, name) = class(sources, &config, family)?;
        let decoder = decoder(&config)?;
        // Hugging Face reads the older files only if the newer key is missing.
        let map = Keys {
            map: match (&decoder, &sources.specials) {
                (None, Some(given)) => &given.map,
                _ => &empty,
            },
            place: sources.beside(SPECIALS),
        };
        let mut named = match is_byte_level {
            true => Named::of(byte_level::SPECIAL_TOKENS),
            false => Named::default(),
        };
        for (key, value) in named.by_key() {
            if let Some(token) = map.token(key)?.or(config.token(key)?) {
                *value = token.content;
            } else if map.map.get(key).or(config.map.get(key)) == Some(&Value::Null) {
                let remedy = format!("name the token, which {} needs", family.name);
                return Err(config.refusal(key, "is null", &remedy));
            }
        }
        let mut specials = Vec::new();
        for key in SPECIAL_KEYS {
            let default = || {
                let mut named = named.clone();
                let [pad, unk, cls, sep, mask] = named.by_key();
                let token = [unk, sep, pad, cls, mask]
                    .into_iter()
                    .find(|it| it.0 == key);
                token.map(|(_, content)| Added::new(content.as_str(), 0, true))
            };
            let said = map.token(key)?.or(config.token(key)?);
            let token = match class {
                Class::Bert => said.or_else(default),
                Class::Roberta => {
                    let is_spelt_out = [map.map, config.map]
                        .iter()
                        .any(|it| it.get(key).is_some_and(Value::is_object));
                    let token = said.or_else(default).or_else(|| end(key));
                    token.map(|token| Added {
                        // The mask stands for a word and the space in front of it.
                        lstrip: token.lstrip || (key == "mask_token" && !is_spelt_out),
                        ..token
                    })
                }
                Class::File => said,
            };
            specials.extend(token);
        }
        let mut extra = Vec::new();
        for keys in [&config, &map] {
            for key in ["additional_special_tokens", "extra_special_tokens"] {
                for token in keys.tokens(key)? {
                    if !extra.contains(&token.content) {
                        extra.push(token.content.clone());
                        specials.push(token);
                    }
                }
            }
        }
        refuse(&config, &specials)?;
        let default_types = name.as_deref() != Some("DistilBertTokenizer");
        Ok(Self {
            class,
            normalizer: Normalizer {
                clean_text: true,
                handle_chinese_chars: config.flag("tokenize_chinese_chars")?.unwrap_or(true),
                strip_accents: config.flag("strip_accents")?,
                lowercase: config.flag("do_lower_case")?.unwrap_or(true),
            },
            byte_level: Spaces {
                add_prefix_space: config.flag("add_prefix_space")?.unwrap_or(false),
                trim_offsets: config.flag("trim_offsets")?.unwrap_or(true),
            },
            named,
            specials,
            extra,
            decoder,
            split_special_tokens: config.flag("split_special_tokens")?.unwrap_or(false),
            token_types: match config.map.get("model_input_names") {
                Some(Value::Array(names)) => names.iter().any(|name| name == "token_type_ids"),
                _ => default_types,
            },
            max_length: match config.length("model_max_length")? {
                None => config.length("max_len")?,
                length => length,
            },
        })
    }

    /// Whether a token is a special token.
    pub(crate) fn is_special(&self, content: &str) -> bool {
        self.specials.iter().any(|token| token.content == content)
    }
}

/// Returns the token with which RoBERTa's texts begin or end by default, which need not be those around a text.
fn end(key: &str) -> Option<Added> {
    let [_, _, first, last, _] = byte_level::SPECIAL_TOKENS;
    let token = match key {
        "bos_token" => first,
        "eos_token" => last,
        _ => return None,
    };
    Some(Added::new(token, 0, true))
}

/// Returns the tokenizer's class, and its name without `Fast` at the end, if the files name one.
fn class(
    sources: &Sources,
    config: &Keys<'_>,
    family: &Family,
) -> Result<(Class, Option<String>), StageError> {
    let (bert, first) = (family.name, family.first);
    let of = |map: &Map<String, Value>| {
        let name = map.get("tokenizer_class")?.as_str()?;
        Some(name.strip_suffix("Fast").unwrap_or(name).to_owned())
    };
    let in_model = || of(sources.model.as_ref()?);
    let name = of(config.map).or_else(in_model);
    let model_type = sources
        .model
        .as_ref()
        .and_then(|model| model.get("model_type")?.as_str());
    let is_json = matches!(sources.vocabulary, Given::Tokenizer(..));
    let class = match name.as_deref() {
        Some(name) if family.classes.contains(&name) => family.class,
        Some(name) if BY_FILE.contains(&name) && is_json => Class::File,
        // A tokenizer.json alone: no other file says how to read it.
        None if is_json && sources.config.is_none() => Class::File,
        // Without a name, Hugging Face decides by the kind of model.
        None if model_type.is_some_and(|kind| !family.models.contains(&kind)) => {
            let kind = model_type.unwrap_or_default();
            return Err(config.refusal(
                "tokenizer_class",
                &format!("is not given, and config.json's model_type is {kind}, whose texts become other ids than {bert}'s"),
                &format!("give a {bert} tokenizer, or name its tokenizer_class"),
            ));
        }
        None => family.class,
        Some(name) => {
            let (reason, remedy) = if BY_FILE.contains(&name) {
                (
                    format!("is {name}, which needs a tokenizer.json, and there is none"),
                    "save the tokenizer with its tokenizer.json".to_owned(),
                )
            } else {
                (
                    format!("is {name}, whose texts become other ids than {first}'s"),
                    format!(
                        "give a {bert} tokenizer; if a tokenizer.json beside it gives the right ids by itself, set \
                         tokenizer_class to PreTrainedTokenizerFast"
                    ),
                )
            };
            return Err(config.refusal("tokenizer_class", &reason, &remedy));
        }
    };
    Ok((class, name))
}

/// Returns the tokens of `added_tokens_decoder`, by id.
fn decoder(config: &Keys<'_>) -> Result<Option<Vec<Added>>, StageError> {
    let key = "added_tokens_decoder";
    let tokens = match config.map.get(key) {
        None => return Ok(None),
        Some(Value::Object(tokens)) => tokens,
        Some(_) => return Err(config.refusal(key, "is no table of tokens by id", MEND)),
    };
    let mut decoder = Vec::new();
    for (id, value) in tokens {
        let token = id
            .parse()
            .ok()
            .zip(parse_token(value, false))
            .filter(|_| value.is_object());
        let Some((id, token)) = token else {
            return Err(config.refusal(key, &format!("has `{id}`: {value}, no token"), MEND));
        };
        decoder.push(Added { id, ..token });
    }
    decoder.sort_by_key(|token| token.id);
    Ok(Some(decoder))
}

/// Refuses settings that would change ids in a way that this crate does not know.
fn refuse(config: &Keys<'_>, specials: &[Added]) -> Result<(), StageError> {
    let splits = |token: &&Value| {
        !specials
            .iter()
            .any(|special| token.as_str() == Some(&special.content))
    };
    if let Some(Value::Array(tokens)) = config.map.get("never_split")
        && let Some(token) = tokens.iter().find(splits)
    {
        let reason =
            format!("has {token}, and Hugging Face's tokenizers differ on whether it is split");
        let remedy =
            format!("remove it (BertTokenizerFast does not look at it), or add the token: {ADDED}");
        return Err(config.refusal("never_split", &reason, &remedy));
    }
    if config.flag("do_basic_tokenize")? == Some(false) {
        let reason = "is false, and Hugging Face's tokenizers differ on what that does";
        let remedy = "set it to true, which BertTokenizerFast takes it for";
        return Err(config.refusal("do_basic_tokenize", reason, remedy));
    }
    for (key, fine, remedy) in [
        (
            "truncation_side",
            &["right"][..],
            "set it to right: texts are cut at their ends",
        ),
        (
            "word_tokenizer_type",
            &["basic"],
            "give a tokenizer that needs no other program",
        ),
        (
            "subword_tokenizer_type",
            &["wordpiece"],
            "give a WordPiece tokenizer",
        ),
    ] {
        match config.map.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(value)) if fine.contains(&value.as_str()) => {}
            Some(value) => return Err(config.refusal(key, &format!("is {value}"), remedy)),
        }
    }
    let code = config
        .map
        .get("auto_map")
        .is_some_and(|value| !value.is_null());
    if code {
        let reason = "names a program in Python, which is not run";
        return Err(config.refusal("auto_map", reason, "give a tokenizer of Hugging Face's own"));
    }
    if let Some(Value::Array(files)) = config.map.get("fast_tokenizer_files")
        && let Some(file) = files.iter().find(|file| *file != "tokenizer.json")
    {
        let reason = format!(
            "names {file}, which some versions of transformers read in the place of tokenizer.json"
        );
        return Err(config.refusal(
            "fast_tokenizer_files",
            &reason,
            "keep the right one as tokenizer.json",
        ));
    }
    let unknown = |(key, value): &(&String, &Value)| {
        let known = SPECIAL_KEYS.contains(&key.as_str());
        let token = value.as_str().or_else(|| value.get("content")?.as_str());
        let splits = token.is_some_and(|token| specials.iter().all(|it| it.content != token));
        key.ends_with("_token") && !known && splits
    };
    if let Some((key, value)) = config.map.iter().find(unknown) {
        let reason = format!(
            "is {value}: versions of transformers differ on whether that is a special token"
        );
        return Err(config.refusal(
            key,
            &reason,
            "name it in additional_special_tokens, or remove the key",
        ));
    }
    Ok(())
}
