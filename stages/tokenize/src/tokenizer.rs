//! The tokenizer every stage uses: Hugging Face's `BertTokenizer`, ids and truncation included.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use contract::{StageError, io_error, read_file};
use serde_json::Value;
use tokenizers::{ModelWrapper, NormalizerWrapper, PreTokenizerWrapper};

use crate::files::{self, CONFIG, SPECIALS, TOKENIZER, VOCABULARY};

/// The ids of the special tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Specials {
    /// `[PAD]`, which fills up padded batches.
    pub pad: u32,
    /// `[UNK]`, which stands for words the vocabulary cannot spell.
    pub unk: u32,
    /// `[CLS]`, the first token of every sequence.
    pub cls: u32,
    /// `[SEP]`, which ends a sentence or a document.
    pub sep: u32,
    /// `[MASK]`, which stands for a token to predict.
    pub mask: u32,
}

/// A BERT tokenizer. Texts that spell a special token (`[MASK]`) give its id, as in Hugging
/// Face.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    specials: Specials,
    vocabulary: usize,
    files: BTreeMap<&'static str, Vec<u8>>,
}

impl Tokenizer {
    /// Loads a tokenizer from a `tokenizer.json`, a `vocab.txt`, or a folder that holds either (the former wins). A
    /// `vocab.txt` is lower-cased as `do_lower_case` in the `tokenizer_config.json` beside it says; by default it is.
    ///
    /// # Errors
    /// When there is no such file, it cannot be understood, or a special token is missing.
    pub fn load(folder_or_file: &Path) -> Result<Self, StageError> {
        Self::load_as(folder_or_file, None)
    }

    /// Loads as [`Tokenizer::load`]; `lower_case` overrules what holds for a `vocab.txt`. A `tokenizer.json` says
    /// itself whether it lower-cases.
    ///
    /// # Errors
    /// Those of [`Tokenizer::load`].
    pub fn load_as(folder_or_file: &Path, lower_case: Option<bool>) -> Result<Self, StageError> {
        let path = find(folder_or_file)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut files = BTreeMap::new();
        if lower_case.is_none()
            || path
                .extension()
                .is_some_and(|extension| extension == "json")
        {
            for name in [CONFIG, SPECIALS] {
                let beside = folder.join(name);
                if beside.is_file() {
                    files.insert(name, read_file(&beside)?);
                }
            }
        }
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.insert(TOKENIZER, read_file(&path)?);
        } else {
            let lower_case = match (lower_case, files.get(CONFIG)) {
                (Some(lower_case), _) => lower_case,
                (None, Some(config)) => read_lower_case(config, &folder.join(CONFIG))?,
                (None, None) => true,
            };
            let tokens = files::read_vocabulary(&path)?;
            files.insert(
                TOKENIZER,
                files::tokenizer_json(&tokens, lower_case)?.into_bytes(),
            );
            files
                .entry(CONFIG)
                .or_insert(files::config_json(lower_case)?.into_bytes());
        }
        Self::from_files(files, &path)
    }

    /// Makes a WordPiece tokenizer of tokens by id. `place` is named in errors.
    ///
    /// # Errors
    /// When a special token is missing.
    pub fn from_tokens(
        tokens: &[String],
        lower_case: bool,
        place: &Path,
    ) -> Result<Self, StageError> {
        let files = BTreeMap::from([
            (
                TOKENIZER,
                files::tokenizer_json(tokens, lower_case)?.into_bytes(),
            ),
            (CONFIG, files::config_json(lower_case)?.into_bytes()),
        ]);
        Self::from_files(files, place)
    }

    /// Builds the tokenizer of `files`, which hold at least `tokenizer.json`, and adds the files that are missing.
    fn from_files(
        mut files: BTreeMap<&'static str, Vec<u8>>,
        place: &Path,
    ) -> Result<Self, StageError> {
        let unreadable = |error: tokenizers::Error| {
            StageError::input(
                place.display(),
                format!("not a tokenizer: {error}"),
                "give a tokenizer.json as Hugging Face's tokenizers write it, or a vocab.txt with one token a line",
            )
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(&files[TOKENIZER]).map_err(unreadable)?;
        inner.with_truncation(None).map_err(unreadable)?;
        inner.with_padding(None);
        let id = |token: &str| {
            inner.token_to_id(token).ok_or_else(|| {
                StageError::input(
                    place.display(),
                    format!("the vocabulary has no {token}"),
                    format!(
                        "use a BERT vocabulary with the tokens {}",
                        files::SPECIAL_TOKENS.join(" ")
                    ),
                )
            })
        };
        let specials = Specials {
            pad: id("[PAD]")?,
            unk: id("[UNK]")?,
            cls: id("[CLS]")?,
            sep: id("[SEP]")?,
            mask: id("[MASK]")?,
        };
        let lower_case = check_pipeline(&inner).map_err(|reason| {
            StageError::input(
                place.display(),
                format!("not a BERT tokenizer: {reason}"),
                "give a WordPiece tokenizer with BertNormalizer and BertPreTokenizer, or a vocab.txt",
            )
        })?;
        let ids: BTreeMap<u32, String> = inner
            .get_vocab(true)
            .into_iter()
            .map(|(token, id)| (id, token))
            .collect();
        let vocabulary = ids.last_key_value().map_or(0, |(&id, _)| id as usize + 1);
        if !files.contains_key(VOCABULARY) {
            let mut tokens = vec![String::new(); vocabulary];
            for (id, token) in ids {
                tokens[id as usize] = token;
            }
            files.insert(VOCABULARY, files::vocabulary_text(&tokens).into_bytes());
        }
        match files.get(CONFIG) {
            // Now, and not when an encoder that was trained for hours is to be saved beside it.
            Some(config) => {
                files::read_config(config, &place.with_file_name(CONFIG))?;
            }
            None => {
                files.insert(CONFIG, files::config_json(lower_case)?.into_bytes());
            }
        }
        if !files.contains_key(SPECIALS) {
            files.insert(SPECIALS, files::specials_json()?.into_bytes());
        }
        Ok(Self {
            inner,
            specials,
            vocabulary,
            files,
        })
    }

    /// Returns the ids of `text`, without special tokens around it.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .expect("loading has checked that the model has a token for unknown words");
        encoding.get_ids().to_vec()
    }

    /// Returns the ids of `[CLS] text [SEP]`, of which `text` is cut on the right so that there are at most
    /// `max_length` in all.
    pub fn single(&self, text: &str, max_length: Option<usize>) -> Vec<u32> {
        let mut ids = vec![self.specials.cls];
        ids.extend(self.encode(text));
        if let Some(max_length) = max_length {
            ids.truncate(max_length.saturating_sub(1).max(1));
        }
        ids.push(self.specials.sep);
        ids
    }

    /// Returns the ids of `[CLS] first [SEP] second [SEP]` and their token types (0 up to the first `[SEP]`, then 1).
    /// Beyond `max_length` in all, texts are cut on the right as Hugging Face's `longest_first` does in its Rust
    /// tokenizers: the longer one until it would be shorter than the other, then both to one length.
    pub fn pair(
        &self,
        first: &str,
        second: &str,
        max_length: Option<usize>,
    ) -> (Vec<u32>, Vec<u32>) {
        let (mut first, mut second) = (self.encode(first), self.encode(second));
        if let Some(max_length) = max_length {
            let (keep_first, keep_second) =
                longest_first(first.len(), second.len(), max_length.saturating_sub(3));
            first.truncate(keep_first);
            second.truncate(keep_second);
        }
        let mut ids = vec![self.specials.cls];
        ids.extend(first);
        ids.push(self.specials.sep);
        let mut types = vec![0; ids.len()];
        ids.extend(second);
        ids.push(self.specials.sep);
        types.resize(ids.len(), 1);
        (ids, types)
    }

    /// Returns the ids of the special tokens.
    pub fn specials(&self) -> Specials {
        self.specials
    }

    /// Returns the number of ids: the rows an embedding needs.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Writes `tokenizer.json`, `tokenizer_config.json`, `vocab.txt` and `special_tokens_map.json` into the folder
    /// `to`, made if need be: those it was loaded from as they were, the others derived.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn copy_files(&self, to: &Path) -> Result<(), StageError> {
        write_files(&self.files, to)
    }

    /// Writes the files as [`Tokenizer::copy_files`] does, to lie beside an encoder that reads sequences of up to
    /// `max_length` tokens: `model_max_length` in `tokenizer_config.json`, by which Hugging Face cuts texts, says so.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn copy_files_for(&self, max_length: usize, to: &Path) -> Result<(), StageError> {
        let mut files = self.files.clone();
        let config = files::with_max_length(&files[CONFIG], max_length)?;
        files.insert(CONFIG, config.into_bytes());
        write_files(&files, to)
    }
}

fn write_files(files: &BTreeMap<&'static str, Vec<u8>>, to: &Path) -> Result<(), StageError> {
    fs::create_dir_all(to).map_err(io_error(to))?;
    for (name, bytes) in files {
        let path = to.join(name);
        fs::write(&path, bytes).map_err(io_error(&path))?;
    }
    Ok(())
}

/// Returns how many tokens of two texts to keep so that at most `budget` remain: `truncate_encodings` of Hugging
/// Face's tokenizers with `LongestFirst`.
fn longest_first(first: usize, second: usize, budget: usize) -> (usize, usize) {
    if first + second <= budget {
        return (first, second);
    }
    let shorter = first.min(second);
    let (short, long) = if 2 * shorter <= budget {
        (shorter, budget - shorter)
    } else {
        (budget / 2, budget / 2 + budget % 2)
    };
    if first > second {
        (long, short)
    } else {
        (short, long)
    }
}

/// Returns the file to load: `path` itself, or `tokenizer.json` or `vocab.txt` in it.
fn find(path: &Path) -> Result<PathBuf, StageError> {
    if path.is_file() {
        return Ok(path.to_path_buf());
    }
    [TOKENIZER, VOCABULARY]
        .iter()
        .map(|name| path.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            StageError::input(
                path.display(),
                format!("there is neither a {TOKENIZER} nor a {VOCABULARY}"),
                "give the path of a vocab.txt, of a tokenizer.json, or of a folder that holds one",
            )
        })
}

fn read_lower_case(config: &[u8], path: &Path) -> Result<bool, StageError> {
    let config = files::read_config(config, path)?;
    match config.get("do_lower_case") {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(lower_case)) => Ok(*lower_case),
        Some(other) => Err(StageError::input(
            path.display(),
            format!("`do_lower_case` is {other}, neither true nor false"),
            "mend the file, or remove it",
        )),
    }
}

/// Checks that the tokenizer is BERT's: white space separates tokens, no added token contains or swallows any, and
/// every word has an id. Returns whether it lower-cases.
fn check_pipeline(inner: &tokenizers::Tokenizer) -> Result<bool, String> {
    match inner.get_model() {
        ModelWrapper::WordPiece(model) if inner.token_to_id(&model.unk_token).is_some() => {}
        ModelWrapper::WordPiece(model) => {
            return Err(format!("the vocabulary has no {}", model.unk_token));
        }
        _ => return Err("its model is not WordPiece".into()),
    }
    for token in inner.get_added_tokens_decoder().values() {
        if token.lstrip || token.rstrip || token.content.contains(char::is_whitespace) {
            return Err("an added token has to do with white space".into());
        }
    }
    match (inner.get_normalizer(), inner.get_pre_tokenizer()) {
        (
            Some(NormalizerWrapper::BertNormalizer(normalizer)),
            Some(PreTokenizerWrapper::BertPreTokenizer(_)),
        ) => Ok(normalizer.lowercase),
        _ => Err("it does not normalise and separate words as BERT does".into()),
    }
}
