//! Masking: which tokens are corrupted, what replaces them, and which are predicted.
//!
//! This is fairseq's `mask_tokens_dataset.py` as DinkyTrain used it (lines 114–220): the count is exact up to a
//! probabilistic rounding, ⌊rate · length + u⌋; positions are drawn without replacement from *all* positions, including the
//! special tokens at beginning and end; and each visit to a sequence draws anew. Unlike there, a draw is a pure function of
//! (seed, epoch, block): it does not depend on batch size, order or threads, nor on earlier draws.
//!
//! A [`Strategy`] chooses sets of positions from ids, word starts and special tokens ([`Tokens`]); everything else (counts,
//! copies, replacement, targets) is common to all strategies. A new strategy is a file beside `uniform`, and a name here.

mod tokens;
mod uniform;

use kernels::{Draws, Stream};
use serde::{Deserialize, Serialize};

use crate::copies::Rates;

pub use tokens::Tokens;

/// Site of the random numbers for counts and positions; the replacement at position p is drawn at site p + 1.
const SELECTION: u32 = 0;

/// How the positions to mask are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Every token equally likely.
    Uniform,
}

impl Strategy {
    /// The names of all strategies, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["uniform"];

    fn choose(self) -> &'static dyn Choose {
        match self {
            Self::Uniform => &uniform::Uniform,
        }
    }
}

/// A way to choose the positions to mask.
trait Choose {
    /// Returns disjoint sets of candidate positions, one for each size, each in random order, so that its first positions are
    /// a random subset of it. The sizes sum up to no more than the number of candidates. A strategy whose units are larger than a
    /// token comes as near to each size as its units allow.
    fn disjoint_sets(
        &self,
        tokens: &Tokens<'_>,
        sizes: &[usize],
        draws: &mut Draws,
    ) -> Vec<Vec<usize>>;
}

/// What a selected token is replaced with: `random` and `keep` are shares of the selected tokens, the rest becomes
/// `[MASK]`. BERT's 80-10-10 is `random` 0.1, `keep` 0.1; the default of Wettig et al. is 0 and 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Replacement {
    /// Share replaced with a token drawn uniformly from the vocabulary without its special tokens.
    pub random: f64,
    /// Share left unchanged, but predicted.
    pub keep: f64,
}

/// The properties of a vocabulary that masking needs.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    mask: u32,
    special: Vec<u32>,
    ordinary: Vec<u32>,
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

    fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    fn begins_word(&self, id: u32) -> bool {
        self.word_starts.get(id as usize).copied().unwrap_or(true)
    }
}

/// One copy of a sequence, ready to train on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// Token ids with the corrupted ones replaced.
    pub ids: Vec<u32>,
    /// Positions to predict, ascending.
    pub positions: Vec<u32>,
    /// The original ids at those positions.
    pub targets: Vec<u32>,
    /// Number of positions selected for corruption, including those that are kept or get a random token.
    pub corrupted: usize,
}

/// Masks sequences. All its random numbers are functions of its seed and of (visit, sample).
#[derive(Clone, Debug)]
pub struct Masker {
    /// How positions are chosen.
    pub strategy: Strategy,
    /// Shares of tokens that are corrupted and predicted.
    pub rates: Rates,
    /// What replaces a selected token.
    pub replacement: Replacement,
    /// Whether special tokens may be selected; if not, the rates are shares of the other tokens alone.
    pub mask_special: bool,
    /// The tokens.
    pub vocabulary: Vocabulary,
    /// The source of random numbers.
    pub stream: Stream,
}

impl Masker {
    /// Returns the [`Rates::copies`] masked copies of `ids` for the given visit (epoch) to sample (block).
    pub fn copies(&self, visit: u32, sample: u32, ids: &[u32]) -> Vec<Masked> {
        self.copies_by(self.strategy.choose(), visit, sample, ids)
    }

    fn copies_by(
        &self,
        strategy: &dyn Choose,
        visit: u32,
        sample: u32,
        ids: &[u32],
    ) -> Vec<Masked> {
        let candidates: Vec<usize> = (0..ids.len())
            .filter(|&position| self.mask_special || !self.vocabulary.is_special(ids[position]))
            .collect();
        let mut draws = self.stream.draws(visit, sample, SELECTION);
        let counts = self.rates.counts(candidates.len(), draws.uniform());
        let tokens = Tokens::new(ids, &candidates, &self.vocabulary);
        let sets = strategy.disjoint_sets(&tokens, &counts.corrupted, &mut draws);
        let wanted = counts.corrupted.into_iter().zip(counts.predicted);
        sets.into_iter()
            .zip(wanted)
            .map(|(selected, (corrupted, predicted))| {
                // A strategy's set may be somewhat larger or smaller than the size asked for.
                let predicted = match predicted == corrupted {
                    true => selected.len(),
                    false => predicted.min(selected.len()),
                };
                self.corrupt(visit, sample, ids, &selected, predicted)
            })
            .collect()
    }

    /// Corrupts the selected positions and predicts the first `predicted` of them.
    fn corrupt(
        &self,
        visit: u32,
        sample: u32,
        ids: &[u32],
        selected: &[usize],
        predicted: usize,
    ) -> Masked {
        let mut masked = ids.to_vec();
        for &position in selected {
            let mut draws = self.stream.draws(visit, sample, position as u32 + 1);
            masked[position] = self.replace(ids[position], &mut draws);
        }
        let mut positions = selected[..predicted].to_vec();
        positions.sort_unstable();
        Masked {
            ids: masked,
            targets: positions.iter().map(|&position| ids[position]).collect(),
            positions: positions
                .into_iter()
                .map(|position| position as u32)
                .collect(),
            corrupted: selected.len(),
        }
    }

    fn replace(&self, id: u32, draws: &mut Draws) -> u32 {
        let u = draws.uniform();
        if u < self.replacement.keep {
            id
        } else if u < self.replacement.keep + self.replacement.random {
            // A vocabulary with only special tokens has no token to draw.
            if self.vocabulary.ordinary.is_empty() {
                id
            } else {
                *draws.pick(&self.vocabulary.ordinary)
            }
        } else {
            self.vocabulary.mask
        }
    }
}

#[cfg(test)]
mod tests;
