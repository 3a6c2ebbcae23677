//! Byte-level byte-pair encoding: GPT-2's, and with RoBERTa's special tokens.
//!
//! A text is split by GPT-2's regular expression, each byte of a part is written as one of 256 symbols, and pairs of symbols are merged
//! in the order in which training found them. So every text has tokens, and tokens give the text back. A space belongs to the word
//! after it and is the symbol `Ġ`.

pub(crate) mod files;
pub(crate) mod json;
pub(crate) mod learn;
pub(crate) mod resolve;
pub(crate) mod train;

use std::collections::BTreeSet;

use crate::specification::{Added, Class, Model, Named, Specification, by_id, ids};

/// RoBERTa's special tokens, in the order of [`SPECIAL_TOKENS`](crate::specification::SPECIAL_TOKENS): padding, unknown, first, separator,
/// mask.
pub(crate) const SPECIAL_TOKENS: [&str; 5] = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"];
/// The same in the order of their ids in a trained vocabulary, as in Hugging Face's examples. RoBERTa's own have the first four of these
/// ids as well, which configurations of RoBERTa's kind take for granted.
pub(crate) const BY_ID: [&str; 5] = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];
/// The bytes that separate words and have one symbol: space, line feed, carriage return, tab.
const BLANKS: [u8; 4] = [b' ', b'\n', b'\r', b'\t'];

/// A byte-level BPE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ByteLevel {
    /// Pairs of tokens in the order in which they are merged.
    pub(crate) merges: Vec<(String, String)>,
    /// Whether a text that begins with a word gets a space in front.
    pub(crate) add_prefix_space: bool,
    /// Whether a token's place in the text leaves out the space in front of it.
    pub(crate) trim_offsets: bool,
    /// Whether texts are brought into Unicode's normal form C.
    pub(crate) nfc: bool,
}

impl ByteLevel {
    /// Makes the specification of a tokenizer from merges: the tokens that exist before any merge, then those that merges make.
    pub(crate) fn of_merges(merges: Vec<(String, String)>) -> Specification {
        let mut tokens = first_tokens();
        let mut known: BTreeSet<String> = tokens.iter().cloned().collect();
        for (first, second) in &merges {
            let whole = format!("{first}{second}");
            // Several pairs may make one token.
            if known.insert(whole.clone()) {
                tokens.push(whole);
            }
        }
        let vocabulary = by_id(tokens.iter().map(String::as_str).zip(0..));
        let by_token = ids(&vocabulary);
        let named = Named::of(SPECIAL_TOKENS);
        let added = |token: &str| {
            let id = *by_token.get(token)?;
            Some(Added {
                // The mask stands for a word and the space in front of it.
                lstrip: token == named.mask,
                ..Added::new(token, id, true)
            })
        };
        let mut added: Vec<Added> = BY_ID.into_iter().filter_map(added).collect();
        added.sort_unstable_by_key(|token| token.id);
        Specification {
            added,
            vocabulary,
            model: Model::ByteLevel(Self {
                merges,
                add_prefix_space: false,
                trim_offsets: true,
                nfc: false,
            }),
            named,
            extra: Vec::new(),
            split_special_tokens: false,
            token_types: false,
            max_length: None,
            class: Class::Roberta,
        }
    }
}

/// Returns the symbol of a byte: the byte's character in Latin-1 where that can be seen, and otherwise the next one from U+0100 on.
pub(crate) fn symbol(byte: u8) -> char {
    let is_seen = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if is_seen(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&byte| !is_seen(byte)).count() as u32;
    char::from_u32(0x100 + before).unwrap_or_default()
}

/// Returns all symbols, in the order of their code points.
fn symbols() -> Vec<char> {
    let mut symbols: Vec<char> = (0..=u8::MAX).map(symbol).collect();
    symbols.sort_unstable();
    symbols
}

/// Returns the tokens that exist before anything is learned: special ones, and the symbols in the order of their code points.
pub(crate) fn first_tokens() -> Vec<String> {
    let special = BY_ID.map(str::to_owned).into_iter();
    special
        .chain(symbols().iter().map(char::to_string))
        .collect()
}

/// Returns the symbols that begin a word.
pub(crate) fn word_marks() -> Vec<String> {
    BLANKS.map(|byte| symbol(byte).to_string()).to_vec()
}

/// Returns a token for people: as the text that it stands for, but blanks and what cannot be seen as their symbols; the token itself
/// where its bytes are no whole characters.
pub(crate) fn readable(token: &str) -> String {
    let table: Vec<char> = (0..=u8::MAX).map(symbol).collect();
    let byte = |character: char| table.iter().position(|it| *it == character);
    let bytes: Option<Vec<u8>> = token
        .chars()
        .map(|character| byte(character).map(|byte| byte as u8))
        .collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let seen = |character: char| match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() => symbol(byte),
        _ => character,
    };
    text.map_or_else(|| token.to_owned(), |text| text.chars().map(seen).collect())
}

#[cfg(test)]
mod tests {
    use tokenizers::pre_tokenizers::byte_level::ByteLevel as Theirs;

    use super::*;

    #[test]
    fn symbols_are_those_of_hugging_face() {
        let ours: BTreeSet<char> = symbols().into_iter().collect();
        assert_eq!(ours, Theirs::alphabet().into_iter().collect());
        let some = [b' ', b'\n', b'\r', b'\t', b'a', 0, 0xAD, 0xFF];
        assert_eq!(
            some.map(symbol),
            ['Ġ', 'Ċ', 'č', 'ĉ', 'a', 'Ā', '\u{143}', 'ÿ']
        );
    }

    #[test]
    fn a_token_is_shown_as_its_text() {
        for (token, shown) in [
            ("Ġthe", "Ġthe"),
            ("ĠschÃ¶n", "Ġschön"),
            ("ÃĪĊ", "ÈĊ"),
            ("Ã", "Ã"),
            ("<mask>", "<mask>"),
            ("京", "京"),
        ] {
            assert_eq!(readable(token), shown);
        }
    }
}
