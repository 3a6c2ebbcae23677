//! Word-by-word encoding. White space separates BERT's tokens, and a text repeats its words. So encoding each distinct word once
//! and copying its ids gives the same ids as encoding the text, several times faster. Where spaces are a part of tokens, a word has those
//! in front of it.

use std::collections::HashMap;

use crate::Tokenizer;

/// Characters that always separate words. Other white space (U+0085) may be removed as a control character before a text is
/// split into words.
pub(crate) const SEPARATORS: [char; 4] = [' ', '\t', '\n', '\r'];
/// Where a text can be cut so that the pieces, each encoded by itself, have the ids of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// At the characters [`SEPARATORS`], which are no part of any token.
    Separators,
    /// Before each space that follows something else than white space. GPT-2's regular expression never has both in one part, and looks
    /// ahead after white space alone.
    BeforeSpaces,
}

impl Cut {
    /// Returns the words of a text: its pieces, cut wherever it can be.
    pub(crate) fn words(self, text: &str) -> impl Iterator<Item = &str> {
        let mut rest = text;
        let next = move || {
            if self == Self::Separators {
                rest = rest.trim_start_matches(SEPARATORS);
            }
            let end = self.place(rest, 1).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            rest = after;
            (!word.is_empty()).then_some(word)
        };
        std::iter::from_fn(next)
    }

    /// Returns the first place in a text, at or after the byte `from`, at which it can be cut.
    pub(crate) fn place(self, text: &str, from: usize) -> Option<usize> {
        // Separators are single bytes that are not part of any other character's encoding.
        let bytes = text.as_bytes().iter().enumerate().skip(from);
        let mut places = bytes.filter(|(place, byte)| match self {
            Self::Separators => SEPARATORS.contains(&char::from(**byte)),
            Self::BeforeSpaces => {
                let before = || text[..*place].chars().next_back();
                **byte == b' ' && before().is_some_and(|it| !it.is_whitespace())
            }
        });
        places.next().map(|(place, _)| place)
    }
}

/// The most words that are remembered.
const CAPACITY: usize = 1 << 18;

/// Encodes one text after another, and remembers the ids of words. The memory is bounded, and never changes a result.
pub struct WordEncoder<'a> {
    tokenizer: &'a Tokenizer,
    known: HashMap<Box<str>, Box<[u32]>>,
    /// Where words end; `None` if they cannot be encoded one by one.
    cut: Option<Cut>,
}

impl<'a> WordEncoder<'a> {
    /// Makes an encoder that remembers no words yet.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        Self {
            tokenizer,
            known: HashMap::new(),
            cut: tokenizer.cut(),
        }
    }

    /// Returns the ids of `text` without special tokens around it, the same as [`Tokenizer::encode`].
    pub fn encode(&mut self, text: &str) -> Vec<u32> {
        let Some(cut) = self.cut else {
            return self.tokenizer.encode(text);
        };
        let mut ids = Vec::with_capacity(text.len() / 4);
        for word in cut.words(text) {
            if let Some(known) = self.known.get(word) {
                ids.extend_from_slice(known);
                continue;
            }
            let found = self.tokenizer.encode(word);
            ids.extend_from_slice(&found);
            if self.known.len() == CAPACITY {
                self.known.clear();
            }
            self.known.insert(word.into(), found.into());
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::specification::SPECIAL_TOKENS;

    fn tokenizer(lower_case: bool) -> Tokenizer {
        let rest = [
            "a", "b", "c", "##a", "##b", "##ab", ",", "[", "]", "mask", "é", "中", "##é",
        ];
        let tokens: Vec<String> = SPECIAL_TOKENS
            .into_iter()
            .chain(rest)
            .map(str::to_owned)
            .collect();
        Tokenizer::from_tokens(&tokens, lower_case, Path::new("test")).unwrap()
    }

    proptest! {
        /// Texts include special tokens, control characters, marks and all kinds of white space.
        #[test]
        fn words_give_the_ids_of_the_text(
            parts in prop::collection::vec(
                prop_oneof![
                    "[abcAB,é中]{0,5}",
                    "[ \t\n\r\u{85}\u{b}\u{c}\u{a0}\u{2028}\u{3000}]{1,2}",
                    "[\u{300}\u{301}\u{200b}\u{ad}\u{0}]",
                    "\\PC{1,4}",
                    Just("[MASK]".to_owned()),
                    Just("[SEP".to_owned()),
                ],
                0..20,
            ),
            lower_case: bool,
        ) {
            let tokenizer = tokenizer(lower_case);
            let text = parts.concat();
            let mut encoder = WordEncoder::new(&tokenizer);
            for _ in 0..2 {
                prop_assert_eq!(encoder.encode(&text), tokenizer.encode(&text));
            }
        }
    }
}
