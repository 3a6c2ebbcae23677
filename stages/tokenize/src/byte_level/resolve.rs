//! Finds out which byte-level BPE Hugging Face would make of the files of a folder.
//!
//! `RobertaTokenizer` (transformers 4.57 and 5.24) takes vocabulary, merges and added tokens from a `tokenizer.json`, and whether a text
//! gets a space in front from `tokenizer_config.json`. Files that the two versions would read differently are refused.

use std::collections::{BTreeMap, BTreeSet};

use contract::StageError;
use serde::Deserialize;
use serde_json::Value;

use super::files::{self, Merges};
use super::{ByteLevel, json, symbol};
use crate::added::added;
use crate::declared::Declared;
use crate::files::CONFIG;
use crate::resolve::{Truncation, check_ids, check_truncation, unique};
use crate::sources::{Given, Sources};
use crate::specification::{Added, Class, Letters, Model, Specification};

/// The type of RoBERTa's own post-processor.
const PROCESSING: &str = "RobertaProcessing";
/// How many tokens of any vocabulary no merge need make: fairseq fills dictionaries up with made-up words.
const UNMADE: usize = 16;

/// Returns the tokenizer that the files describe.
///
/// # Errors
/// When the files do not describe a byte-level BPE with RoBERTa's special tokens, contradict each other, or ask for something that this
/// crate does not do; and when letters are asked to change.
pub(crate) fn resolve(sources: &Sources, asked: Letters) -> Result<Specification, StageError> {
    check_letters(asked)?;
    let declared = Declared::of(sources)?;
    let (file, listed) = match &sources.vocabulary {
        Given::Tokenizer(_, value) => {
            let refuse = |reason: String| not_byte_level(sources, &reason);
            let file = File::of(value).map_err(refuse)?;
            let pairs = file.pairs().map_err(refuse)?;
            (Some(file), Some(Merges::of_list(pairs, &sources.place)))
        }
        Given::Merges(_) | Given::Tokens(_) => (None, None),
    };
    let (vocabulary, merges) = match (&sources.vocabulary, &file, &listed) {
        (Given::Merges(read), ..) => (&read.vocabulary, &read.merges),
        (_, Some(file), Some(merges)) => (&file.model.vocab, merges),
        _ => return Err(not_byte_level(sources, "it is none")),
    };
    check_merges(sources, vocabulary, merges)?;
    let vocabulary = unique(vocabulary, sources)?;
    let in_file = file.as_ref().map_or(&[][..], |file| &file.added_tokens);
    let added = added(sources, &declared, in_file, &vocabulary)?;
    let apart = added.iter().map(|token| token.content.as_str());
    let apart = apart.chain(declared.named.all()).collect();
    check_reached(&vocabulary, merges, &apart)?;
    let model = model(sources, &declared, file.as_ref(), merges)?;
    let specification = Specification {
        vocabulary,
        added,
        model: Model::ByteLevel(model),
        named: declared.named,
        extra: declared.extra,
        split_special_tokens: declared.split_special_tokens,
        // RoBERTa has none, whatever model_input_names lists.
        token_types: false,
        max_length: declared.max_length,
        class: declared.class,
    };
    check_ids(sources, &specification)?;
    if let Some(file) = &file {
        check_truncation(sources, file.truncation.as_ref())?;
        file.check_processing(sources, &specification)?;
    }
    Ok(specification)
}

/// Checks that letters are not asked to change: bytes are what the tokens are made of.
///
/// # Errors
/// When they are.
pub(crate) fn check_letters(asked: Letters) -> Result<(), StageError> {
    for (name, asked) in [
        ("lower_case", asked.lower_case),
        ("strip_accents", asked.strip_accents),
    ] {
        if asked == Some(true) {
            return Err(StageError::input(
                name,
                "a byte-level BPE keeps letters as they are",
                format!("leave {name} out, or set it to false"),
            ));
        }
    }
    Ok(())
}

/// The contents of a `tokenizer.json`, as far as they decide ids.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    truncation: Option<Truncation>,
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    pre_tokenizer: Steps,
    #[serde(default)]
    post_processor: Value,
    model: Bpe,
}

/// The steps before the model.
#[derive(Deserialize)]
struct Steps {
    add_prefix_space: bool,
    #[serde(default = "yes")]
    trim_offsets: bool,
    #[serde(default = "yes")]
    use_regex: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Bpe {
    vocab: BTreeMap<String, u32>,
    merges: Vec<Merge>,
    #[serde(default)]
    dropout: Option<f64>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
}

/// A merge as newer and as older tokenizers write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Text(String),
}

impl File {
    /// Reads the contents; the error says why they are no byte-level BPE.
    fn of(value: &Value) -> Result<Self, String> {
        let kind = |part: &str| value[part]["type"].as_str();
        if kind("pre_tokenizer") != Some("ByteLevel") {
            return Err("its pre_tokenizer is not ByteLevel".into());
        }
        if !value["normalizer"].is_null() && kind("normalizer") != Some("NFC") {
            return Err("its normalizer is not NFC".into());
        }
        let file = Self::deserialize(value).map_err(|error| error.to_string())?;
        let model = &file.model;
        let is_text = |text: &Option<String>| text.as_deref().is_some_and(|it| !it.is_empty());
        let other = [
            (!file.pre_tokenizer.use_regex, "use_regex is false"),
            (
                model.dropout.is_some_and(|it| it != 0.0),
                "its dropout drops merges",
            ),
            (
                is_text(&model.continuing_subword_prefix),
                "it has a continuing_subword_prefix",
            ),
            (
                is_text(&model.end_of_word_suffix),
                "it has an end_of_word_suffix",
            ),
            (model.byte_fallback, "byte_fallback is true"),
            (model.ignore_merges, "ignore_merges is true"),
        ];
        match other.into_iter().find(|(is_other, _)| *is_other) {
            Some((_, reason)) => Err(reason.into()),
            None => Ok(file),
        }
    }

    fn pairs(&self) -> Result<Vec<(String, String)>, String> {
        let merges = self.model.merges.iter();
        let pair = |merge: &Merge| match merge {
            Merge::Pair(first, second) => Ok((first.clone(), second.clone())),
            Merge::Text(text) => files::pair(text).ok_or(format!("`{text}` is no merge")),
        };
        merges.map(pair).collect()
    }

    /// Checks that the special tokens around a text are RoBERTa's.
    fn check_processing(&self, sources: &Sources, read: &Specification) -> Result<(), StageError> {
        let given = &self.post_processor;
        let (cls, sep) = (&read.named.cls, &read.named.sep);
        let names = |key: &str, token: &str| {
            given[key][0].as_str() == Some(token)
                && given[key][1].as_u64() == read.id(token).map(u64::from)
        };
        let is_roberta = match given["type"].as_str() {
            Some(PROCESSING) => names("cls", cls) && names("sep", sep),
            _ => *given == json::template(read),
        };
        if is_roberta {
            return Ok(());
        }
        let kind = match given.is_null() {
            true => "none",
            false => given["type"].as_str().unwrap_or("of no type"),
        };
        let reason = format!(
            "`post_processor` ({kind}) does not put a text between {cls} and {sep}, and two {sep} between texts, as RoBERTa does"
        );
        let remedy = format!("give it {PROCESSING} with the tokens that {CONFIG} names");
        Err(StageError::input(sources.place.display(), reason, remedy))
    }
}

/// Returns the model, with the settings of the configuration where that decides.
fn model(
    sources: &Sources,
    declared: &Declared,
    file: Option<&File>,
    merges: &Merges,
) -> Result<ByteLevel, StageError> {
    let nfc = file.is_some_and(|file| !file.normalizer.is_null());
    let said = declared.byte_level;
    let (add_prefix_space, trim_offsets) = match file {
        Some(File { pre_tokenizer, .. }) if declared.class == Class::File => {
            if pre_tokenizer.add_prefix_space != said.add_prefix_space {
                let reason = format!(
                    "its add_prefix_space is {}, that of {CONFIG} {}: versions of transformers differ on which one counts",
                    pre_tokenizer.add_prefix_space, said.add_prefix_space
                );
                let remedy = format!("give add_prefix_space the same value in {CONFIG}");
                return Err(StageError::input(sources.place.display(), reason, remedy));
            }
            (pre_tokenizer.add_prefix_space, pre_tokenizer.trim_offsets)
        }
        _ if nfc => {
            let reason = "its normalizer is NFC: versions of transformers differ on whether RobertaTokenizer heeds it";
            let remedy = format!(
                "set tokenizer_class to PreTrainedTokenizerFast in {CONFIG}, if the tokenizer.json is right by itself"
            );
            return Err(StageError::input(sources.place.display(), reason, remedy));
        }
        _ => (said.add_prefix_space, said.trim_offsets),
    };
    Ok(ByteLevel {
        merges: merges.pairs.clone(),
        add_prefix_space,
        trim_offsets,
        nfc,
    })
}

/// Checks that every text can be spelt: that each byte has a token, and that merges make known tokens of known ones.
fn check_merges(
    sources: &Sources,
    vocabulary: &BTreeMap<String, u32>,
    merges: &Merges,
) -> Result<(), StageError> {
    let missing: Vec<u8> = (0..=u8::MAX)
        .filter(|byte| !vocabulary.contains_key(&symbol(*byte).to_string()))
        .collect();
    if let [first, rest @ ..] = missing.as_slice() {
        let others = match rest.len() {
            0 => String::new(),
            others => format!(", and none for {others} other bytes"),
        };
        let reason = format!(
            "the vocabulary has no token `{}` for the byte {first:#04x}{others}",
            symbol(*first)
        );
        let remedy =
            "give the vocabulary of a byte-level BPE, which has a token for each of the 256 bytes";
        return Err(StageError::input(sources.place.display(), reason, remedy));
    }
    for (index, (first, second)) in merges.pairs.iter().enumerate() {
        let whole = format!("{first}{second}");
        let unknown = [first, second, &whole]
            .into_iter()
            .find(|token| !vocabulary.contains_key(*token));
        if let Some(token) = unknown {
            let reason = format!(
                "the merge of `{first}` and `{second}` needs the token `{token}`, which the vocabulary lacks"
            );
            let remedy = "give merges and a vocabulary that belong together";
            return Err(StageError::input(merges.place(index), reason, remedy));
        }
    }
    Ok(())
}

/// Checks that merges make the tokens of the vocabulary, but for a few and for those that are found `apart` from the model.
///
/// A list of merges that a download cut short is a valid one: texts would be spelt with fewer tokens than the model was trained on.
fn check_reached(
    vocabulary: &[(String, u32)],
    merges: &Merges,
    apart: &BTreeSet<&str>,
) -> Result<(), StageError> {
    let pairs = merges.pairs.iter();
    let made: BTreeSet<String> = pairs.map(|(one, other)| format!("{one}{other}")).collect();
    let is_longer = |token: &&str| token.chars().nth(1).is_some();
    let tokens = vocabulary.iter().map(|(token, _)| token.as_str());
    let mut unmade = tokens
        .filter(is_longer)
        .filter(|token| !apart.contains(token) && !made.contains(*token));
    let Some(first) = unmade.next() else {
        return Ok(());
    };
    let count = 1 + unmade.count();
    if count <= UNMADE.max(vocabulary.len() / 100) {
        return Ok(());
    }
    let reason = format!(
        "the {} merges make no `{first}`, and {} other tokens of the vocabulary neither: the list seems to be cut",
        merges.pairs.len(),
        count - 1
    );
    Err(StageError::input(
        merges.file.display(),
        reason,
        "give merges and a vocabulary that belong together, whole",
    ))
}

fn not_byte_level(sources: &Sources, reason: &str) -> StageError {
    StageError::input(
        sources.place.display(),
        format!("not a byte-level BPE as RoBERTa has it: {reason}"),
        "give a tokenizer.json as Hugging Face's tokenizers write it for RoBERTa, or a folder with vocab.json and merges.txt",
    )
}
