//! What masking has to know of a vocabulary.

/// The properties of a vocabulary that masking needs.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    pub(super) mask: u32,
    special: Vec<u32>,
    /// The tokens that a random replacement is drawn from: all but the special ones.
    pub(super) ordinary: Vec<u32>,
    /// Whether the token with that id begins a word; a token beyond the end of the list does.
    word_starts: Vec<bool>,
}

impl Vocabulary {
    /// Makes a vocabulary of `size` tokens, in which `mask` is the mask token and `special` are all special tokens.
    pub fn new(size: usize, mask: u32, special: &[u32]) -> Self {
        let ordinary = (0..size as u32)
            .filter(|id| !special.contains(id))
            .collect();
        Self {
            mask,
            special: special.to_vec(),
            ordinary,
            word_starts: Vec::new(),
        }
    }

    /// Sets which tokens begin a word, by id ([`tokenize::Tokenizer::word_starts`]). Without this call all tokens do.
    #[must_use]
    pub fn with_word_starts(self, word_starts: Vec<bool>) -> Self {
        Self {
            word_starts,
            ..self
        }
    }

    /// Whether an id is that of a special token.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    pub(super) fn begins_word(&self, id: u32) -> bool {
        self.word_starts.get(id as usize).copied().unwrap_or(true)
    }
}
