//! The words of documents.
//!
//! A word is what lies between two tokens that begin words, so n-grams are found in blocks of tokens later as they were counted.
//! N-grams do not go beyond a document, nor over marks: words without a letter or digit, and special tokens, such as the one for what the
//! vocabulary cannot spell.

use std::collections::HashMap;

use contract::StageError;
use tokenize::{Tokenizer, WordEncoder};

/// Cuts documents into words.
pub(crate) struct Words<'a> {
    tokenizer: &'a Tokenizer,
    encoder: WordEncoder<'a>,
    starts: Vec<bool>,
    /// What a token holds, by id; special tokens hold nothing.
    holds: Vec<Holds>,
}

/// What a token by itself holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// A letter or digit.
    Letters,
    /// A part of a character.
    Part,
    /// Neither.
    Marks,
}

/// The words that are frequent enough to be a part of an n-gram, with their spelling.
#[derive(Default)]
pub(crate) struct Known {
    numbers: HashMap<Box<[u32]>, u32>,
    spelling: Vec<String>,
    /// Occurrences by number.
    counts: Vec<u64>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer) -> Self {
        let specials = tokenizer.specials();
        let special = [
            specials.pad,
            specials.unk,
            specials.cls,
            specials.sep,
            specials.mask,
        ];
        let holds = (0..tokenizer.vocabulary() as u32).map(|id| {
            if special.contains(&id) {
                return Holds::Marks;
            }
            let text = tokenizer.decode(&[id]);
            match text.contains(char::is_alphanumeric) {
                true => Holds::Letters,
                false if text.contains(char::REPLACEMENT_CHARACTER) => Holds::Part,
                false => Holds::Marks,
            }
        });
        Self {
            tokenizer,
            encoder: WordEncoder::new(tokenizer),
            starts: tokenizer.word_starts(),
            holds: holds.collect(),
        }
    }

    /// Passes the words of a document to `take`, in order; `None` for a mark.
    ///
    /// # Errors
    /// Those of `take`.
    pub(crate) fn of(
        &mut self,
        text: &str,
        mut take: impl FnMut(Option<&[u32]>) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let ids = self.encoder.encode(text);
        let mut start = 0;
        while start < ids.len() {
            let rest = &ids[start + 1..];
            let next = rest.iter().position(|&id| self.starts[id as usize]);
            let end = next.map_or(ids.len(), |place| start + 1 + place);
            let word = &ids[start..end];
            take(self.has_letters(word).then_some(word))?;
            start = end;
        }
        Ok(())
    }

    /// Whether a word has a letter or digit, which may lie in several tokens.
    fn has_letters(&self, word: &[u32]) -> bool {
        let any = |what| word.iter().any(|&id| self.holds[id as usize] == what);
        let in_parts = || self.tokenizer.decode(word).contains(char::is_alphanumeric);
        any(Holds::Letters) || (any(Holds::Part) && in_parts())
    }

    /// Returns the spelling of a word; `None` where that, read again, is another word, so that no list of n-grams can name it.
    pub(crate) fn spelling(&mut self, word: &[u32]) -> Option<String> {
        let text = self.tokenizer.decode(word);
        let text = text.trim();
        if text.contains(char::is_whitespace) {
            return None;
        }
        // As lists of n-grams are read: with a space in front.
        let is_itself = self.encoder.encode(&format!(" {text}")) == word;
        is_itself.then(|| text.to_owned())
    }
}

impl Known {
    /// Adds a word, with its spelling and how often it occurs.
    pub(crate) fn add(
        &mut self,
        word: &[u32],
        spelling: String,
        count: u64,
    ) -> Result<(), StageError> {
        let number = u32::try_from(self.spelling.len()).map_err(StageError::failed)?;
        self.numbers.insert(word.into(), number);
        self.spelling.push(spelling);
        self.counts.push(count);
        Ok(())
    }

    /// Returns the number of a word, if it is known.
    pub(crate) fn number(&self, word: &[u32]) -> Option<u32> {
        self.numbers.get(word).copied()
    }

    /// Returns how often the word of a number occurs.
    pub(crate) fn count(&self, number: u32) -> u64 {
        self.counts[number as usize]
    }

    /// Returns the text of an n-gram.
    pub(crate) fn text(&self, ngram: &[u32]) -> String {
        let words = ngram
            .iter()
            .map(|&number| self.spelling[number as usize].as_str());
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;

    /// Each letter here is two tokens, and neither of them is a letter by itself.
    #[test]
    fn letters_of_several_tokens_make_a_word_and_pictures_a_mark() {
        let tokenizer = Tokenizer::from_merges(Vec::new(), Path::new("test")).unwrap();
        let mut words = Words::new(&tokenizer);
        let mut found = Vec::new();
        words
            .of("да нет 😀 no, - 7", |word| {
                found.push(word.map(<[u32]>::to_vec));
                Ok(())
            })
            .unwrap();
        let spelt: Vec<Option<String>> = found
            .iter()
            .map(|word| words.spelling(word.as_deref()?))
            .collect();
        let spelt: Vec<Option<&str>> = spelt.iter().map(Option::as_deref).collect();
        // The first word has no space in front, so that no list can name it.
        assert!(found[0].is_some());
        let expected = [None, Some("нет"), None, Some("no,"), None, Some("7")];
        assert_eq!(spelt, expected);
    }
}
