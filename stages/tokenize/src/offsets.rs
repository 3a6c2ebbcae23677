//! The places of tokens in their text.

use std::ops::Range;

use crate::Tokenizer;

/// A token of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token's id.
    pub id: u32,
    /// The bytes of the given text that the token stands for, before lower-casing and the removal of accents.
    pub bytes: Range<usize>,
    /// The word that the token is a part of, counted from 0: texts are split at white space and, by most tokenizers, at punctuation.
    pub word: u32,
}

impl Tokenizer {
    /// Returns the tokens of `text`, without special tokens around it: the ids of [`Tokenizer::encode`] with their places.
    pub fn tokens(&self, text: &str) -> Vec<Token> {
        let encoding = self
            .inner
            .encode(text, false)
            .expect("loading has checked that the model has a token for unknown words");
        let places = encoding.get_offsets().iter();
        let words = encoding.get_word_ids().iter();
        let tokens = encoding.get_ids().iter().zip(places.zip(words));
        tokens
            .map(|(&id, (&(start, end), word))| Token {
                id,
                bytes: start..end,
                // Special tokens alone have none, and there are none here.
                word: word.unwrap_or_default(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::specification::SPECIAL_TOKENS;

    fn tokenizer() -> Tokenizer {
        let rest = ["a", "b", "c", "##a", "##b", "##ab", ",", "e", "##e", "中"];
        let tokens: Vec<String> = SPECIAL_TOKENS
            .into_iter()
            .chain(rest)
            .map(str::to_owned)
            .collect();
        Tokenizer::from_tokens(&tokens, true, Path::new("test")).unwrap()
    }

    #[test]
    fn offsets_are_bytes_of_the_text_as_given() {
        let text = "Éab,  中 [MASK]a\u{301}b";
        let found: Vec<&str> = tokenizer()
            .tokens(text)
            .into_iter()
            .map(|token| &text[token.bytes])
            .collect();
        assert_eq!(found, ["É", "ab", ",", "中", "[MASK]", "a", "b"]);
    }

    #[test]
    fn tokens_of_a_word_say_so() {
        let found = tokenizer().tokens("aab, ab[MASK]b");
        let words: Vec<u32> = found.iter().map(|token| token.word).collect();
        assert_eq!(words, [0, 0, 1, 2, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn tokens_have_the_ids_of_the_text_and_lie_in_its_order(
            parts in prop::collection::vec(
                prop_oneof!["[abcABÉé,中]{0,5}", "[ \t\n\u{a0}\u{3000}]{1,2}", "\\PC{1,4}", Just("[MASK]".to_owned())],
                0..20,
            ),
        ) {
            let (tokenizer, text) = (tokenizer(), parts.concat());
            let tokens = tokenizer.tokens(&text);
            let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
            prop_assert_eq!(ids, tokenizer.encode(&text));
            for token in &tokens {
                prop_assert!(text.get(token.bytes.clone()).is_some());
            }
            for pair in tokens.windows(2) {
                prop_assert!(pair[0].bytes.start <= pair[1].bytes.start);
            }
        }
    }
}
