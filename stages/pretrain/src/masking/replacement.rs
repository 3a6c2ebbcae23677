//! What takes the place of a selected token.

use kernels::{Draws, Stream};
use serde::{Deserialize, Serialize};

use super::Vocabulary;

/// What a selected token is replaced with: `random` and `keep` are shares of the selected tokens, the rest becomes
/// `[MASK]`. BERT's 80-10-10 is `random` 0.1, `keep` 0.1; the default of Wettig et al. is 0 and 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Replacement {
    /// Share replaced with a token drawn uniformly from the vocabulary without its special tokens.
    pub random: f64,
    /// Share left unchanged, but predicted.
    pub keep: f64,
    /// What one draw decides.
    pub each: Each,
}

/// What one draw between mask, random token and the same token decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Each {
    /// One token, as in BERT and RoBERTa.
    #[default]
    Token,
    /// All tokens of a word, span or n-gram, as in SpanBERT (Joshi et al. 2020, `--replacement-method span`) and PMI masking (Levine
    /// et al. 2021). Random tokens are still drawn one by one.
    Span,
}

impl Each {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["token", "span"];
}

impl Replacement {
    /// Replaces the tokens at the positions of one unit, ascending. The number that decides for position p is the first one at site p + 1 of
    /// `stream`; for a whole span it is that of its first position.
    pub(super) fn apply(
        self,
        unit: &[usize],
        ids: &mut [u32],
        vocabulary: &Vocabulary,
        (stream, visit, sample): (&Stream, u32, u32),
    ) {
        let mut shared = None;
        for &position in unit {
            let mut draws = stream.draws(visit, sample, position as u32 + 1);
            let own = draws.uniform();
            let u = match self.each {
                Each::Token => own,
                Each::Span => *shared.get_or_insert(own),
            };
            ids[position] = self.replace(u, ids[position], vocabulary, &mut draws);
        }
    }

    fn replace(self, u: f64, id: u32, vocabulary: &Vocabulary, draws: &mut Draws) -> u32 {
        if u < self.keep {
            id
        } else if u < self.keep + self.random {
            // A vocabulary with only special tokens has no token to draw.
            match vocabulary.ordinary.is_empty() {
                true => id,
                false => *draws.pick(&vocabulary.ordinary),
            }
        } else {
            vocabulary.mask
        }
    }
}
