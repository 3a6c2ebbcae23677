//! The view of a sequence that a masking strategy gets.

use super::Vocabulary;

/// The tokens of one sequence, some of which may be masked.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    ids: &'a [u32],
    candidates: &'a [usize],
    vocabulary: &'a Vocabulary,
}

impl<'a> Tokens<'a> {
    /// Makes the view of the tokens `ids`. The positions `candidates`, ascending, may be masked.
    pub fn new(ids: &'a [u32], candidates: &'a [usize], vocabulary: &'a Vocabulary) -> Self {
        Self {
            ids,
            candidates,
            vocabulary,
        }
    }

    /// Returns all token ids.
    pub fn ids(&self) -> &'a [u32] {
        self.ids
    }

    /// Returns the positions that may be masked, ascending.
    pub fn candidates(&self) -> &'a [usize] {
        self.candidates
    }

    /// Whether the token at a position is a special token, such as `[CLS]` and `[SEP]`.
    ///
    /// # Panics
    /// When there is no such position.
    pub fn is_special(&self, position: usize) -> bool {
        self.vocabulary.is_special(self.ids[position])
    }

    /// Whether the token at a position begins a word: by its own form, or because it is the first token or follows a special one
    /// (a block may begin inside a word). A special token is a word of its own.
    ///
    /// # Panics
    /// When there is no such position.
    pub fn begins_word(&self, position: usize) -> bool {
        self.is_special(position)
            || self.vocabulary.begins_word(self.ids[position])
            || position == 0
            || self.is_special(position - 1)
    }

    /// Whether tokens that may not be masked lie before the candidate of that index.
    pub(super) fn is_gap(&self, candidate: usize) -> bool {
        candidate > 0 && self.candidates[candidate - 1] + 1 != self.candidates[candidate]
    }

    /// Whether the candidate of that index is the first one of its word.
    pub(super) fn starts_word(&self, candidate: usize) -> bool {
        candidate == 0 || self.is_gap(candidate) || self.begins_word(self.candidates[candidate])
    }

    /// Returns the positions of the words that may be masked, one after the other.
    pub(super) fn words(self) -> impl Iterator<Item = &'a [usize]> {
        let mut start = 0;
        std::iter::from_fn(move || {
            if start == self.candidates.len() {
                return None;
            }
            let rest = start + 1..self.candidates.len();
            let end = rest.into_iter().find(|&place| self.starts_word(place));
            let end = end.unwrap_or(self.candidates.len());
            let word = &self.candidates[start..end];
            start = end;
            Some(word)
        })
    }
}
