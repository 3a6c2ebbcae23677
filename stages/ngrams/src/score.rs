//! How much more often words go together than their parts would by chance.
//!
//! Levine et al. (2021, equation 3) take, of all ways to cut an n-gram into two parts or more, the one that explains it best:
//!
//! PMIₙ(w₁…wₙ) = min over segmentations σ of log p(w₁…wₙ) / ∏_{s ∈ σ} p(s),
//!
//! so that "new york in" scores low, since "new york" and "in" explain it, although its words taken singly do not. p of an n-gram is its
//! count divided by that of all n-grams of its length. The lists that they published have p² in the numerator (section 1 of the README
//! beside them), which favours frequent n-grams.

use serde::{Deserialize, Serialize};

use crate::LONGEST;

/// The measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The paper's: p in the numerator.
    Pmi,
    /// That of the published lists: p² in the numerator.
    PmiFrequency,
}

impl Measure {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["pmi", "pmi-frequency"];

    /// Returns the score of an n-gram of 2 to [`LONGEST`] words. `log_p(start, end)` is the logarithm of the probability of its part of the
    /// words from `start` up to `end`.
    pub fn of(self, words: usize, log_p: impl Fn(usize, usize) -> f64) -> f64 {
        // The likeliest segmentation of the first words, and of the whole without the one that is no cut.
        let mut best = [0.0_f64; LONGEST + 1];
        for end in 1..=words {
            let starts = 0..end;
            let ways = starts
                .filter(|start| (*start, end) != (0, words))
                .map(|start| best[start] + log_p(start, end));
            best[end] = ways.fold(f64::NEG_INFINITY, f64::max);
        }
        let whole = log_p(0, words);
        let numerator = match self {
            Self::Pmi => whole,
            Self::PmiFrequency => 2.0 * whole,
        };
        numerator - best[words]
    }
}
