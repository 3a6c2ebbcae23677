//! Ids of texts, as a folder's `tokenizer.json` says: its normaliser, its model (WordPiece, BPE, Unigram) and its special tokens around a
//! text. Of the files beside it `tokenizer_config.json` gives the longest sequence; a setting there that contradicts `tokenizer.json` is
//! refused. What versions of transformers set anew by the name of a tokenizer's class (version 5 leaves out the normaliser of
//! XLM-RoBERTa's) is not looked at: the file counts.

use std::path::{Path, PathBuf};

use contract::{StageError, parse_json, read_json, read_text};
use serde_json::{Map, Value, json};
use tokenizers::{Encoding, PostProcessor, Tokenizer, TruncationDirection};

const TOKENIZER: &str = "tokenizer.json";
const SETTINGS: &str = "tokenizer_config.json";
/// What to do about a file that cannot be used.
const AGAIN: &str =
    "write it again with Python: `AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`";
/// Lengths from here on say that there is no limit: Hugging Face writes 10^30.
const NO_LIMIT: f64 = 1e9;
/// Settings of `tokenizer_config.json` that say again what a part of `tokenizer.json` says: the setting, the part, its type, its key.
const SAID_TWICE: [(&str, &str, &str, &str); 4] = [
    ("do_lower_case", "normalizer", "BertNormalizer", "lowercase"),
    (
        "strip_accents",
        "normalizer",
        "BertNormalizer",
        "strip_accents",
    ),
    (
        "tokenize_chinese_chars",
        "normalizer",
        "BertNormalizer",
        "handle_chinese_chars",
    ),
    (
        "add_prefix_space",
        "pre_tokenizer",
        "ByteLevel",
        "add_prefix_space",
    ),
];

/// A tokenizer.
pub(super) struct Tokens {
    inner: Tokenizer,
    place: PathBuf,
    said_length: Option<usize>,
    /// Number of special tokens around a text.
    around: usize,
}

impl Tokens {
    /// Reads the tokenizer of a folder.
    ///
    /// # Errors
    /// When there is no `tokenizer.json`, it cannot be read, puts no special token around a text, or is contradicted.
    pub(super) fn load(folder: &Path) -> Result<Self, StageError> {
        let place = folder.join(TOKENIZER);
        if !place.is_file() {
            return Err(StageError::input(place.display(), "no such file", AGAIN));
        }
        let text = read_text(&place)?;
        let value: Value = parse_json(&text, &place, AGAIN)?;
        let path = folder.join(SETTINGS);
        let said_length = match path.is_file() {
            true => said(&path, &read_json(&path, AGAIN)?, &value)?,
            false => None,
        };
        let wrong = |reason: String| StageError::input(place.display(), reason, AGAIN);
        let mut inner: Tokenizer = text
            .parse()
            .map_err(|error: tokenizers::Error| wrong(error.to_string()))?;
        // Where a file says how to cut and to pad, that is what it was last used with.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| wrong(error.to_string()))?;
        let around = inner
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(false));
        if around == 0 {
            return Err(wrong(
                "`post_processor` puts no special token around a text".to_owned(),
            ));
        }
        Ok(Self {
            inner,
            place,
            said_length,
            around,
        })
    }

    /// Returns the most tokens of a sequence by `model_max_length`, if that is a limit.
    pub(super) fn said_length(&self) -> Option<usize> {
        self.said_length
    }

    /// Checks that an encoder with so many words has all of the tokenizer's.
    ///
    /// # Errors
    /// When it has fewer.
    pub(super) fn check_embedded(&self, embedded: usize) -> Result<(), StageError> {
        let ids = self.inner.get_vocab(true).into_values();
        let tokens = ids.max().map_or(0, |id| id as usize + 1);
        if tokens <= embedded {
            return Ok(());
        }
        Err(StageError::input(
            self.place.display(),
            format!("the tokenizer has {tokens} tokens, the encoder embeds {embedded}"),
            "give the tokenizer that the encoder was trained with",
        ))
    }

    /// Returns the ids of a text with the special tokens around it, at most `max_length`, and whether the text was cut.
    ///
    /// # Errors
    /// When there is no room for a token of the text, or the tokenizer has none for it.
    pub(super) fn single(
        &self,
        text: &str,
        max_length: usize,
    ) -> Result<(Vec<u32>, bool), StageError> {
        let (encoding, is_cut) = self.encoding(text, max_length)?;
        Ok((encoding.get_ids().to_vec(), is_cut))
    }

    /// Returns how many ids there are before those of a text that follows `beginning`: the special tokens behind it do not count.
    ///
    /// # Errors
    /// Those of [`Tokens::single`].
    pub(super) fn beginning(
        &self,
        beginning: &str,
        max_length: usize,
    ) -> Result<usize, StageError> {
        let (encoding, _) = self.encoding(beginning, max_length)?;
        let mask = encoding.get_special_tokens_mask().iter().rev();
        Ok(encoding.len() - mask.take_while(|is_special| **is_special == 1).count())
    }

    fn encoding(&self, text: &str, max_length: usize) -> Result<(Encoding, bool), StageError> {
        let around = self.around;
        if max_length <= around {
            return Err(StageError::input(
                self.place.display(),
                format!(
                    "{around} special tokens leave no room for a text among {max_length} tokens"
                ),
                "set a greater `max_length`",
            ));
        }
        let failed = |error: tokenizers::Error| {
            let shown: String = text.chars().take(60).collect();
            let reason = format!("`{shown}` has no ids: {error}");
            StageError::input(self.place.display(), reason, AGAIN)
        };
        let mut encoding = self.inner.encode_fast(text, false).map_err(failed)?;
        let room = max_length - around;
        let is_cut = encoding.len() > room;
        if is_cut {
            encoding.truncate(room, 0, TruncationDirection::Right);
            // The pieces that are cut off.
            encoding.take_overflowing();
        }
        let whole = self.inner.post_process(encoding, None, true);
        Ok((whole.map_err(failed)?, is_cut))
    }
}

/// Returns the longest sequence by `tokenizer_config.json`, if it says one.
///
/// # Errors
/// When it has a setting by which ids would be others than `tokenizer` gives.
fn said(
    path: &Path,
    settings: &Map<String, Value>,
    tokenizer: &Value,
) -> Result<Option<usize>, StageError> {
    let refusal = |key: &str, reason: &str, remedy: &str| {
        StageError::input(path.display(), format!("`{key}` {reason}"), remedy)
    };
    let given = |key: &str| settings.get(key).filter(|value| !value.is_null());
    for (key, part, kind, name) in SAID_TWICE {
        let part = &tokenizer[part];
        if let Some(value) = given(key)
            && part["type"] == kind
            && part[name] != *value
        {
            let reason = format!("is {value}, and `{name}` in {TOKENIZER} {}", part[name]);
            return Err(refusal(key, &reason, "make them agree"));
        }
    }
    for (key, accepted, remedy) in [
        (
            "truncation_side",
            json!("right"),
            "set it to right: texts are cut at their ends",
        ),
        (
            "split_special_tokens",
            json!(false),
            "set it to false: special tokens in a text are read as such",
        ),
        (
            "fast_tokenizer_files",
            json!([TOKENIZER]),
            "keep the file that your version of transformers reads as tokenizer.json, and remove the setting",
        ),
    ] {
        if let Some(value) = given(key)
            && *value != accepted
        {
            return Err(refusal(key, &format!("is {value}"), remedy));
        }
    }
    if given("auto_map").is_some() {
        let reason = "names a program in Python, which is not run";
        let remedy = "give a tokenizer of Hugging Face's own";
        return Err(refusal("auto_map", reason, remedy));
    }
    let Some((key, value)) = ["model_max_length", "max_len"]
        .into_iter()
        .find_map(|key| Some((key, given(key)?)))
    else {
        return Ok(None);
    };
    match value.as_f64() {
        Some(length) if length >= NO_LIMIT => Ok(None),
        Some(length) if length >= 1.0 => Ok(Some(length as usize)),
        _ => Err(refusal(
            key,
            &format!("is {value}, no length"),
            "give a number of tokens",
        )),
    }
}
