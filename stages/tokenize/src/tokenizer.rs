//! The tokenizer that every stage uses. It gives the same ids as Hugging Face's `BertTokenizer` or `RobertaTokenizer`, also when it
//! truncates.

use std::fs;
use std::path::Path;

use contract::{StageError, io_error};

use crate::byte_level::{self, ByteLevel};
use crate::files::{self, Files, TOKENIZER};
use crate::resolve::resolve;
use crate::sources::Sources;
use crate::specification::{Letters, Model, Normalizer, Specification};
use crate::word_marks::WordMarks;
use crate::words::Cut;

/// The ids of the special tokens, here called by BERT's names; RoBERTa's are `<pad>`, `<unk>`, `<s>`, `</s>` and `<mask>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Specials {
    /// `[PAD]`, which fills up padded batches.
    pub pad: u32,
    /// `[UNK]`, the token for words that the vocabulary cannot spell.
    pub unk: u32,
    /// `[CLS]`, the first token of every sequence.
    pub cls: u32,
    /// `[SEP]`, which ends a sentence or a document.
    pub sep: u32,
    /// `[MASK]`, which replaces a token that is to be predicted.
    pub mask: u32,
}

impl Specials {
    /// Returns all of them.
    pub fn all(self) -> [u32; 5] {
        [self.pad, self.unk, self.cls, self.sep, self.mask]
    }
}

/// A tokenizer: WordPiece as BERT has it, or byte-level BPE as RoBERTa has it. The spelling of a special token (`[MASK]`) in a text gives
/// the token's id, as in Hugging Face.
pub struct Tokenizer {
    pub(crate) inner: tokenizers::Tokenizer,
    specification: Specification,
    specials: Specials,
    files: Files,
}

impl Tokenizer {
    /// Loads a tokenizer from a `tokenizer.json`, a `vocab.txt`, a `vocab.json` with `merges.txt`, an `encoder.json` with `vocab.bpe`
    /// and fairseq's `dict.txt`, or a folder with one of them (the first of these wins). Other files beside it (`tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`) have the same effect as in Hugging Face, or
    /// are refused with an error that names the setting.
    ///
    /// # Errors
    /// When there is no such file, it cannot be understood, a special token is missing, or ids would depend on something that
    /// this crate does not do.
    pub fn load(folder_or_file: &Path) -> Result<Self, StageError> {
        Self::load_as(folder_or_file, Letters::default())
    }

    /// Loads a tokenizer like [`Tokenizer::load`]; the settings `asked` overrule the files.
    ///
    /// # Errors
    /// The errors of [`Tokenizer::load`].
    pub fn load_as(folder_or_file: &Path, asked: Letters) -> Result<Self, StageError> {
        let sources = Sources::read(folder_or_file)?;
        let specification = resolve(&sources, asked)?;
        let files = files::kept(&specification, &sources, asked)?;
        Self::of(specification, files, &sources.place)
    }

    /// Makes a WordPiece tokenizer from tokens by id. Errors name `place`.
    ///
    /// # Errors
    /// When a special token is missing.
    pub fn from_tokens(
        tokens: &[String],
        lower_case: bool,
        place: &Path,
    ) -> Result<Self, StageError> {
        Self::trained(tokens, Normalizer::new(lower_case), place)
    }

    /// Makes the tokenizer of a vocabulary that was trained on texts with this normalisation.
    pub(crate) fn trained(
        tokens: &[String],
        normalizer: Normalizer,
        place: &Path,
    ) -> Result<Self, StageError> {
        let specification = Specification::of_tokens(tokens, normalizer);
        let files = files::derived(&specification)?;
        Self::of(specification, files, place)
    }

    /// Makes a byte-level BPE with RoBERTa's special tokens from merges of the symbols of bytes. Errors name `place`.
    ///
    /// # Errors
    /// When a merge is of unknown tokens.
    pub fn from_merges(merges: Vec<(String, String)>, place: &Path) -> Result<Self, StageError> {
        let specification = ByteLevel::of_merges(merges);
        let files = files::derived(&specification)?;
        Self::of(specification, files, place)
    }

    fn of(specification: Specification, files: Files, place: &Path) -> Result<Self, StageError> {
        let unreadable = |error: tokenizers::Error| {
            StageError::input(
                place.display(),
                format!("not a tokenizer: {error}"),
                "give a tokenizer.json as Hugging Face's tokenizers write it, or a vocab.txt with one token a line",
            )
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(&files[TOKENIZER]).map_err(unreadable)?;
        inner.set_encode_special_tokens(specification.split_special_tokens);
        let id = |token: &str| {
            specification.id(token).ok_or_else(|| {
                StageError::input(
                    place.display(),
                    format!("the vocabulary has no {token}"),
                    "use a BERT vocabulary with its special tokens",
                )
            })
        };
        let named = &specification.named;
        let specials = Specials {
            pad: id(&named.pad)?,
            unk: id(&named.unk)?,
            cls: id(&named.cls)?,
            sep: id(&named.sep)?,
            mask: id(&named.mask)?,
        };
        Ok(Self {
            inner,
            specification,
            specials,
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

    /// Returns the text of `ids` as the tokenizer's decoder puts it together, special tokens as they are spelt.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.inner.decode(ids, false).unwrap_or_default()
    }

    /// Returns the token with that id as the vocabulary has it (`##ing`); an empty text where there is none.
    pub fn token(&self, id: u32) -> String {
        self.inner.id_to_token(id).unwrap_or_default()
    }

    /// Returns the token with that id for people: as [`Tokenizer::token`], but the symbols of a byte-level BPE as the letters that they
    /// stand for (`Ġschön`).
    pub fn readable(&self, id: u32) -> String {
        let token = self.token(id);
        match self.is_byte_level() {
            true => byte_level::readable(&token),
            false => token,
        }
    }

    /// Returns the ids of `[CLS] text [SEP]`. The text is truncated on the right so that there are at most `max_length` ids
    /// in all.
    pub fn single(&self, text: &str, max_length: Option<usize>) -> Vec<u32> {
        let mut ids = vec![self.specials.cls];
        ids.extend(self.encode(text));
        if let Some(max_length) = max_length {
            ids.truncate(max_length.saturating_sub(1).max(1));
        }
        ids.push(self.specials.sep);
        ids
    }

    /// Returns the ids of `[CLS] first [SEP] second [SEP]` and their token types (0 up to the first `[SEP]`, then 1;
    /// all 0 for a tokenizer without token types). RoBERTa's has two separators between the texts.
    /// If there are more than `max_length` ids, texts are truncated on the right like `longest_first` in Hugging Face's Rust
    /// tokenizers: the longer text until it would be shorter than the other, then both to one length.
    pub fn pair(
        &self,
        first: &str,
        second: &str,
        max_length: Option<usize>,
    ) -> (Vec<u32>, Vec<u32>) {
        let (mut first, mut second) = (self.encode(first), self.encode(second));
        let separators = self.separators();
        let around = separators.len() + 2;
        if let Some(max_length) = max_length {
            let (keep_first, keep_second) =
                longest_first(first.len(), second.len(), max_length.saturating_sub(around));
            first.truncate(keep_first);
            second.truncate(keep_second);
        }
        let mut ids = vec![self.specials.cls];
        ids.extend(first);
        ids.extend(separators);
        let mut types = vec![0; ids.len()];
        ids.extend(second);
        ids.push(self.specials.sep);
        let second = u32::from(self.has_token_types());
        types.resize(ids.len(), second);
        (ids, types)
    }

    /// Returns the ids between the two texts of a pair.
    pub fn separators(&self) -> Vec<u32> {
        let count = match self.specification.model {
            Model::WordPiece { .. } => 1,
            Model::ByteLevel(_) => 2,
        };
        vec![self.specials.sep; count]
    }

    /// Whether the second text of a pair has a token type of its own.
    pub fn has_token_types(&self) -> bool {
        self.specification.token_types
    }

    /// Returns the ids of the special tokens.
    pub fn specials(&self) -> Specials {
        self.specials
    }

    /// Returns the number of ids, which is the number of rows that an embedding needs.
    pub fn vocabulary(&self) -> usize {
        self.specification.size()
    }

    /// Checks that an encoder with `embedded` tokens, from the folder `place`, has all of the tokenizer's.
    ///
    /// # Errors
    /// When it has fewer.
    pub fn check_embedded(&self, embedded: usize, place: &Path) -> Result<(), StageError> {
        let tokens = self.vocabulary();
        if tokens <= embedded {
            return Ok(());
        }
        Err(StageError::input(
            place.display(),
            format!("the tokenizer has {tokens} tokens, the encoder embeds {embedded}"),
            "give the tokenizer that the encoder was trained with",
        ))
    }

    /// Returns the first id that stands for different tokens here and in another tokenizer, with both tokens.
    pub fn first_difference(&self, other: &Self) -> Option<(u32, Option<String>, Option<String>)> {
        let ids = 0..self.vocabulary().max(other.vocabulary()) as u32;
        let mut both = ids.map(|id| (id, self.inner.id_to_token(id), other.inner.id_to_token(id)));
        both.find(|(_, own, others)| own != others)
    }

    /// Returns, by id, which tokens begin a word, as the tokenizer declares it; added tokens and ids without a token do.
    pub fn word_starts(&self) -> Vec<bool> {
        let declared = serde_json::from_slice(&self.files[TOKENIZER]);
        let marks = declared.ok().and_then(|json| WordMarks::declared(&json));
        let mut starts = vec![true; self.vocabulary()];
        let Some(marks) = marks else {
            return starts;
        };
        for (token, id) in &self.specification.vocabulary {
            starts[*id as usize] = marks.begins_word(token);
        }
        for token in &self.specification.added {
            starts[token.id as usize] = true;
        }
        starts
    }

    /// Returns the length of the longest sequence that an encoder should read, `[CLS]` and `[SEP]` included, if the files give
    /// it (`model_max_length`).
    pub fn max_length(&self) -> Option<usize> {
        self.specification.max_length
    }

    /// Returns where texts can be cut so that the pieces have the ids of the whole; `None` if nowhere.
    pub(crate) fn cut(&self) -> Option<Cut> {
        let mut added = self.specification.added.iter();
        let reaches = |text: &str| text.contains(char::is_whitespace);
        match self.specification.model {
            Model::WordPiece { .. } => {
                let crosses = added.any(|token| reaches(&token.content));
                (!crosses).then_some(Cut::Separators)
            }
            Model::ByteLevel(_) => {
                let crosses = added.any(|token| token.rstrip || reaches(&token.content));
                (!crosses).then_some(Cut::BeforeSpaces)
            }
        }
    }

    /// Whether this is a byte-level BPE.
    pub(crate) fn is_byte_level(&self) -> bool {
        matches!(self.specification.model, Model::ByteLevel(_))
    }

    /// Writes `tokenizer.json`, `tokenizer_config.json`, `vocab.txt` (or `vocab.json` and `merges.txt`), `special_tokens_map.json` and,
    /// if there are tokens beyond the vocabulary, `added_tokens.json` into the folder `to`, made if need be. All of them describe this
    /// tokenizer.
    /// Files that it was loaded from are kept unchanged if they describe it.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn copy_files(&self, to: &Path) -> Result<(), StageError> {
        write_files(&self.files, to)
    }

    /// Writes the files like [`Tokenizer::copy_files`] for the folder of an encoder that reads sequences of up to `max_length`
    /// tokens: `model_max_length` in `tokenizer_config.json`, at which Hugging Face truncates texts, has that value.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn copy_files_for(&self, max_length: usize, to: &Path) -> Result<(), StageError> {
        let files = files::beside_encoder(&self.specification, &self.files, max_length)?;
        write_files(&files, to)
    }

    /// Writes the files like [`Tokenizer::copy_files_for`] for a folder that leaves, of an encoder with so many token types: Hugging Face
    /// then gives one with a single type no token types.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn take_files_for(
        &self,
        max_length: usize,
        token_types: usize,
        to: &Path,
    ) -> Result<(), StageError> {
        if token_types > 1 || !self.has_token_types() {
            return self.copy_files_for(max_length, to);
        }
        let (of, files) = (&self.specification, &self.files);
        write_files(
            &files::beside_encoder_without_types(of, files, max_length)?,
            to,
        )
    }
}

fn write_files(files: &Files, to: &Path) -> Result<(), StageError> {
    fs::create_dir_all(to).map_err(io_error(to))?;
    for (name, bytes) in files {
        let path = to.join(name);
        fs::write(&path, bytes).map_err(io_error(&path))?;
    }
    Ok(())
}

/// Returns how many tokens of each of two texts to keep, so that at most `budget` remain: `truncate_encodings` of Hugging
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
