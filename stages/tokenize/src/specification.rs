//! The specification of a tokenizer: everything that decides its ids, whichever files it came from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::byte_level::ByteLevel;

/// The special tokens of BERT in the order of their ids in a trained vocabulary.
pub(crate) const SPECIAL_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/// The prefix of a token that continues a word.
pub(crate) const CONTINUING: &str = "##";
/// Words of more characters than this become `[UNK]`.
pub(crate) const LONGEST_WORD: usize = 100;

/// The specification of a tokenizer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Specification {
    /// The model's vocabulary: tokens with their ids, sorted by id.
    pub(crate) vocabulary: Vec<(String, u32)>,
    /// Added tokens, which are found in a text before it is split into words, sorted by id.
    pub(crate) added: Vec<Added>,
    pub(crate) model: Model,
    pub(crate) named: Named,
    /// Special tokens without a role.
    pub(crate) extra: Vec<String>,
    /// Whether a special token's spelling in a text is tokenised like other text.
    pub(crate) split_special_tokens: bool,
    /// Whether the second text of a pair has a token type of its own.
    pub(crate) token_types: bool,
    /// Length of the longest sequence that the encoder should read.
    pub(crate) max_length: Option<usize>,
    pub(crate) class: Class,
}

/// How words are found in a text, and how they are split.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Model {
    /// BERT's: a normalised text's words are split into the longest pieces of the vocabulary.
    WordPiece {
        normalizer: Normalizer,
        pieces: Pieces,
    },
    /// GPT-2's and RoBERTa's: a text's bytes are merged.
    ByteLevel(ByteLevel),
}

/// Groups of Hugging Face's classes that read a folder in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// `BertTokenizer` and its relatives: `tokenizer_config.json` decides, whatever `tokenizer.json` contains.
    Bert,
    /// `RobertaTokenizer`: likewise.
    Roberta,
    /// `PreTrainedTokenizerFast`: `tokenizer.json` decides.
    File,
}

/// The normalisation of a text before it is split into words: `BertNormalizer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Normalizer {
    /// Whether control characters are removed, and other white space becomes spaces.
    pub(crate) clean_text: bool,
    /// Whether every Chinese character becomes a word.
    pub(crate) handle_chinese_chars: bool,
    /// Whether accents are removed; `None` for the value of `lowercase`.
    pub(crate) strip_accents: Option<bool>,
    pub(crate) lowercase: bool,
}

impl Normalizer {
    pub(crate) const fn new(lowercase: bool) -> Self {
        Self {
            clean_text: true,
            handle_chinese_chars: true,
            strip_accents: None,
            lowercase,
        }
    }

    /// Returns the normalisation with the settings of `asked` in place of those of files or defaults.
    pub(crate) fn overruled(self, asked: Letters) -> Self {
        Self {
            lowercase: asked.lower_case.unwrap_or(self.lowercase),
            strip_accents: asked.strip_accents.or(self.strip_accents),
            ..self
        }
    }
}

/// The user's settings for letters, which overrule the files of a tokenizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// Whether text is lower-cased.
    pub lower_case: Option<bool>,
    /// Whether accents are removed. Where neither this nor a file says it, and for a trained vocabulary, it is as for lower case.
    pub strip_accents: Option<bool>,
}

/// How words are split into pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pieces {
    pub(crate) prefix: String,
    pub(crate) longest_word: usize,
}

impl Default for Pieces {
    fn default() -> Self {
        Self {
            prefix: CONTINUING.to_owned(),
            longest_word: LONGEST_WORD,
        }
    }
}

/// The special tokens with a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) pad: String,
    pub(crate) unk: String,
    pub(crate) cls: String,
    pub(crate) sep: String,
    pub(crate) mask: String,
}

impl Default for Named {
    fn default() -> Self {
        Self::of(SPECIAL_TOKENS)
    }
}

impl Named {
    /// Names the tokens, which are in the order of [`SPECIAL_TOKENS`].
    pub(crate) fn of(tokens: [&str; 5]) -> Self {
        let [pad, unk, cls, sep, mask] = tokens.map(str::to_owned);
        Self {
            pad,
            unk,
            cls,
            sep,
            mask,
        }
    }

    /// Returns the tokens in the order of [`SPECIAL_TOKENS`].
    pub(crate) fn all(&self) -> [&str; 5] {
        [&self.pad, &self.unk, &self.cls, &self.sep, &self.mask]
    }

    /// Returns the tokens with the keys of `tokenizer_config.json`.
    pub(crate) fn by_key(&mut self) -> [(&'static str, &mut String); 5] {
        [
            ("pad_token", &mut self.pad),
            ("unk_token", &mut self.unk),
            ("cls_token", &mut self.cls),
            ("sep_token", &mut self.sep),
            ("mask_token", &mut self.mask),
        ]
    }
}

/// A token that is searched for in the text itself, like Hugging Face's `AddedToken`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Added {
    pub(crate) id: u32,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) single_word: bool,
    #[serde(default)]
    pub(crate) lstrip: bool,
    #[serde(default)]
    pub(crate) rstrip: bool,
    #[serde(default)]
    pub(crate) normalized: bool,
    #[serde(default)]
    pub(crate) special: bool,
}

impl Added {
    /// Makes a token with the properties that Hugging Face gives to a token of which only the text is known.
    pub(crate) fn new(content: impl Into<String>, id: u32, special: bool) -> Self {
        Self {
            id,
            content: content.into(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: !special,
            special,
        }
    }
}

impl Specification {
    /// Makes the specification of a tokenizer from tokens by id, and from those of BERT's special tokens that are among them.
    pub(crate) fn of_tokens(tokens: &[String], normalizer: Normalizer) -> Self {
        let vocabulary = by_id(tokens.iter().map(String::as_str).zip(0..));
        let ids = ids(&vocabulary);
        let mut added: Vec<Added> = SPECIAL_TOKENS
            .iter()
            .filter_map(|token| Some(Added::new(*token, *ids.get(token)?, true)))
            .collect();
        added.sort_unstable_by_key(|token| token.id);
        Self {
            added,
            vocabulary,
            model: Model::WordPiece {
                normalizer,
                pieces: Pieces::default(),
            },
            named: Named::default(),
            extra: Vec::new(),
            split_special_tokens: false,
            token_types: true,
            max_length: None,
            class: Class::Bert,
        }
    }

    /// Returns the number of ids, one more than the largest id.
    pub(crate) fn size(&self) -> usize {
        let model = self.vocabulary.last().map(|(_, id)| *id);
        let added = self.added.last().map(|token| token.id);
        model.max(added).map_or(0, |id| id as usize + 1)
    }

    /// Returns the id of a token.
    pub(crate) fn id(&self, content: &str) -> Option<u32> {
        let added = self.added.iter().find(|token| token.content == content);
        let in_model = || self.vocabulary.iter().find(|(token, _)| token == content);
        added
            .map(|token| token.id)
            .or_else(|| in_model().map(|(_, id)| *id))
    }

    /// Returns the added tokens that the model's vocabulary does not have.
    pub(crate) fn beyond_vocabulary(&self) -> Vec<&Added> {
        let ids = ids(&self.vocabulary);
        let beyond = |token: &&Added| !ids.contains_key(token.content.as_str());
        self.added.iter().filter(beyond).collect()
    }
}

/// Returns the ids of tokens by the tokens' texts.
pub(crate) fn ids(vocabulary: &[(String, u32)]) -> BTreeMap<&str, u32> {
    vocabulary
        .iter()
        .map(|(token, id)| (token.as_str(), *id))
        .collect()
}

/// Returns tokens with their ids, sorted by id. If a token occurs twice, its last id counts, as in Hugging Face.
pub(crate) fn by_id<'a>(tokens: impl Iterator<Item = (&'a str, u32)>) -> Vec<(String, u32)> {
    let ids: BTreeMap<&str, u32> = tokens.collect();
    let mut by_id: Vec<(String, u32)> = ids
        .into_iter()
        .map(|(token, id)| (token.to_owned(), id))
        .collect();
    by_id.sort_unstable_by_key(|(_, id)| *id);
    by_id
}
