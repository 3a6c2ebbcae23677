//! What a strategy sees of a sequence.

use super::Vocabulary;

/// The tokens of one sequence, of which some may be masked.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    ids: &'a [u32],
    candidates: &'a [usize],
    vocabulary: &'a Vocabulary,
}

impl<'a> Tokens<'a> {
    /// The tokens `ids`, of which those at the positions `candidates`, ascending, may be masked.
    pub fn new(ids: &'a [u32], candidates: &'a [usize], vocabulary: &'a Vocabulary) -> Self {
        Self {
            ids,
            candidates,
            vocabulary,
        }
    }

    /// Returns the ids, all of them.
    pub fn ids(&self) -> &'a [u32] {
        self.ids
    }

    /// Returns the positions that may be masked, ascending.
    pub fn candidates(&self) -> &'a [usize] {
        self.candidates
    }

    /// Whether the token at a position is a special one, the marks of beginning and end among them.
    ///
    /// # Panics
    /// When there is no such position.
    pub fn is_special(&self, position: usize) -> bool {
        self.vocabulary.is_special(self.ids[position])
    }

    /// Whether the token at a position begins a word: by its own form, or since nothing or a special token lies before it (as
    /// where a block begins within a word). A special token is a word by itself.
    ///
    /// # Panics
    /// When there is no such position.
    pub fn begins_word(&self, position: usize) -> bool {
        self.is_special(position)
            || self.vocabulary.begins_word(self.ids[position])
            || position == 0
            || self.is_special(position - 1)
    }
}
