//! Finds out which tokenizer Hugging Face would make of the files of a folder.
//!
//! `BertTokenizer` (transformers 4.57 and 5.24) takes vocabulary and added tokens from a `tokenizer.json`, and the normalisation
//! of texts from `tokenizer_config.json` or, if that does not give it, from defaults. Files that the two versions would read
//! differently are refused.

use std::collections::BTreeMap;

use contract::StageError;
use serde::Deserialize;
use serde_json::Value;

use crate::added::{added, lacks};
use crate::byte_level;
use crate::declared::Declared;
use crate::files::CONFIG;
use crate::json::{self, BERT_PROCESSING};
use crate::sources::{Given, Sources};
use crate::specification::{
    Added, Class, Letters, Model, Normalizer, Pieces, Specification, by_id,
};

/// What to do about a tokenizer.json that describes another tokenizer than `BertTokenizer` makes of it.
const BY_ITSELF: &str = "set tokenizer_class to PreTrainedTokenizerFast in tokenizer_config.json, if the tokenizer.json \
                         is right by itself";

/// Returns the tokenizer that the files describe, overruled by the settings `asked`.
///
/// # Errors
/// When the files do not describe a BERT tokenizer, contradict each other, or ask for something that this crate does not do.
pub(crate) fn resolve(sources: &Sources, asked: Letters) -> Result<Specification, StageError> {
    if sources.is_byte_level() {
        return byte_level::resolve::resolve(sources, asked);
    }
    let declared = Declared::of(sources)?;
    let (vocabulary, normalizer, pieces, file) = match &sources.vocabulary {
        Given::Tokens(tokens) => {
            let ids = tokens.iter().map(String::as_str).zip(0..);
            (by_id(ids), declared.normalizer, Pieces::default(), None)
        }
        Given::Tokenizer(_, value) => {
            let file = File::of(value).map_err(|reason| not_bert(sources, reason))?;
            let normalizer = normalizer(sources, &declared, &file)?;
            let vocabulary = unique(&file.model.vocab, sources)?;
            (vocabulary, normalizer, file.pieces(), Some(file))
        }
        Given::Merges(_) => return Err(not_bert(sources, "it is none".into())),
    };
    let in_file = file.as_ref().map_or(&[][..], |file| &file.added_tokens);
    let added = added(sources, &declared, in_file, &vocabulary)?;
    let specification = Specification {
        vocabulary,
        added,
        model: Model::WordPiece {
            normalizer: normalizer.overruled(asked),
            pieces,
        },
        named: declared.named,
        extra: declared.extra,
        split_special_tokens: declared.split_special_tokens,
        token_types: declared.token_types,
        max_length: declared.max_length,
        class: declared.class,
    };
    check_ids(sources, &specification)?;
    if let Some(file) = &file {
        file.check_processing(sources, &specification)?;
    }
    Ok(specification)
}

/// The contents of a `tokenizer.json`, as far as they decide ids.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    truncation: Option<Truncation>,
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Normalizer,
    #[serde(default)]
    post_processor: Value,
    model: WordPiece,
}

/// How a `tokenizer.json` truncates texts.
#[derive(Deserialize)]
pub(crate) struct Truncation {
    #[serde(default)]
    direction: Option<String>,
}

#[derive(Deserialize)]
struct WordPiece {
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: BTreeMap<String, u32>,
}

impl File {
    /// Reads the contents; the error says why they are no BERT tokenizer.
    fn of(value: &Value) -> Result<Self, String> {
        let kind = |part: &str| value[part]["type"].as_str();
        let is_word_piece = match kind("model") {
            None => value["model"].get("continuing_subword_prefix").is_some(),
            kind => kind == Some("WordPiece"),
        };
        if !value["model"].is_object() {
            return Err("not a tokenizer: it has no `model`".into());
        }
        if !is_word_piece {
            return Err("not a BERT tokenizer: its model is not WordPiece".into());
        }
        if kind("normalizer") != Some("BertNormalizer")
            || kind("pre_tokenizer") != Some("BertPreTokenizer")
        {
            let reason = "it does not normalise and separate words as BERT does";
            return Err(format!("not a BERT tokenizer: {reason}"));
        }
        Self::deserialize(value).map_err(|error| format!("not a tokenizer: {error}"))
    }

    fn pieces(&self) -> Pieces {
        Pieces {
            prefix: self.model.continuing_subword_prefix.clone(),
            longest_word: self.model.max_input_chars_per_word,
        }
    }

    /// Checks that the special tokens around a text are BERT's, that the token for unknown words has its role, and that texts are
    /// truncated at their ends.
    fn check_processing(&self, sources: &Sources, read: &Specification) -> Result<(), StageError> {
        let place = sources.place.display();
        if self.model.unk_token != read.named.unk {
            let reason = format!(
                "the model's unk_token is {}, that of {CONFIG} {}",
                self.model.unk_token, read.named.unk
            );
            return Err(StageError::input(
                place,
                reason,
                format!("have unk_token in {CONFIG} name the model's"),
            ));
        }
        check_truncation(sources, self.truncation.as_ref())?;
        let usual = json::processors(read);
        let given = &self.post_processor;
        let is_bert = match given["type"].as_str() {
            Some(BERT_PROCESSING) => *given == usual.old,
            _ => *given == usual.template,
        };
        // BERT's class has a post-processor of its own. With the other class, a file without one puts no tokens around a text.
        if is_bert || (given.is_null() && read.class == Class::Bert) {
            return Ok(());
        }
        let kind = match given.is_null() {
            true => "none",
            false => given["type"].as_str().unwrap_or("of no type"),
        };
        let reason = format!(
            "`post_processor` ({kind}) does not put a text between one [CLS] and one [SEP] as BERT does"
        );
        Err(StageError::input(place, reason, "give it BERT's template"))
    }
}

/// Checks that a `tokenizer.json` truncates texts at their ends, unless the configuration overrules it.
///
/// # Errors
/// When texts would lose their beginnings.
pub(crate) fn check_truncation(
    sources: &Sources,
    truncation: Option<&Truncation>,
) -> Result<(), StageError> {
    let direction = truncation.and_then(|it| it.direction.as_deref());
    let overruled = || sources.config.as_ref()?.map.get("truncation_side");
    if direction.is_some_and(|it| it != "Right") && overruled().is_none() {
        let reason = "`truncation` cuts texts at their beginnings";
        let remedy = "set its direction to Right";
        return Err(StageError::input(sources.place.display(), reason, remedy));
    }
    Ok(())
}

/// Returns the tokens of a file, sorted by id.
///
/// # Errors
/// When two have one id.
pub(crate) fn unique(
    vocabulary: &BTreeMap<String, u32>,
    sources: &Sources,
) -> Result<Vec<(String, u32)>, StageError> {
    let ids = vocabulary.iter().map(|(token, id)| (token.as_str(), *id));
    let tokens = by_id(ids);
    match tokens.windows(2).find(|pair| pair[0].1 == pair[1].1) {
        None => Ok(tokens),
        Some(pair) => {
            let [(one, id), (other, _)] = [&pair[0], &pair[1]];
            let reason = format!("`{one}` and `{other}` have one id, {id}");
            Err(StageError::input(
                sources.place.display(),
                reason,
                "give each token an id of its own",
            ))
        }
    }
}

/// Returns the normalisation of texts: that of the configuration, or that of `tokenizer.json` where this decides.
fn normalizer(
    sources: &Sources,
    declared: &Declared,
    file: &File,
) -> Result<Normalizer, StageError> {
    let place = sources.place.display();
    if declared.class == Class::File {
        if sources.config.is_none()
            && sources.model.is_some()
            && file.normalizer != Normalizer::new(true)
        {
            let reason = format!(
                "does not lower-case and strip texts as Hugging Face will do in a folder without a {CONFIG}"
            );
            let remedy = format!(
                "write a {CONFIG} with do_lower_case, strip_accents and tokenize_chinese_chars"
            );
            return Err(StageError::input(place, reason, remedy));
        }
        return Ok(file.normalizer);
    }
    // Version 4.57 would follow tokenizer.json here, and 5.24 the defaults, so they must agree.
    let usual = Pieces::default();
    let found = file.pieces();
    let other = if !file.normalizer.clean_text {
        Some("clean_text is false".to_owned())
    } else if found.prefix != usual.prefix {
        Some(format!("continuing_subword_prefix is {:?}", found.prefix))
    } else if found.longest_word != usual.longest_word {
        Some(format!(
            "max_input_chars_per_word is {}",
            found.longest_word
        ))
    } else {
        None
    };
    match other {
        None => Ok(declared.normalizer),
        Some(reason) => {
            let reason = format!(
                "{reason}: versions of transformers differ on whether BertTokenizer heeds it"
            );
            Err(StageError::input(place, reason, BY_ITSELF))
        }
    }
}

/// Checks that the vocabulary has the special tokens with a role, and that ids are not much more numerous than tokens, since
/// tables have a row for each id.
pub(crate) fn check_ids(sources: &Sources, read: &Specification) -> Result<(), StageError> {
    let place = sources.place.display();
    for token in read.named.all() {
        if read.id(token).is_none() {
            return Err(lacks(sources, token));
        }
    }
    let tokens = read.vocabulary.len() + read.added.len();
    if read.size() > 2 * tokens + 1000 {
        let last = read.vocabulary.last().map_or("", |(token, _)| token);
        let reason = format!(
            "`{last}` has the id {} among {tokens} tokens",
            read.size() - 1
        );
        let remedy = "give tokens ids from 0 on without large gaps";
        return Err(StageError::input(place, reason, remedy));
    }
    let clashes = |token: &&Added| {
        let at = read
            .vocabulary
            .binary_search_by_key(&token.id, |(_, id)| *id);
        at.is_ok_and(|at| read.vocabulary[at].0 != token.content)
    };
    match read.added.iter().find(clashes) {
        None => Ok(()),
        Some(Added { content, id, .. }) => {
            let reason = format!("the added token `{content}` gets the id {id} of another");
            let remedy = "give each token of the vocabulary once, without gaps in their ids";
            Err(StageError::input(place, reason, remedy))
        }
    }
}

fn not_bert(sources: &Sources, reason: String) -> StageError {
    StageError::input(
        sources.place.display(),
        reason,
        "give a WordPiece tokenizer with BertNormalizer and BertPreTokenizer as Hugging Face's tokenizers write it, or a \
         vocab.txt",
    )
}
