//! Masking: which tokens are corrupted, what replaces them, and which are predicted.
//!
//! This is fairseq's `mask_tokens_dataset.py` as DinkyTrain used it (lines 114–220): the count is exact up to a
//! probabilistic rounding, ⌊rate · length + u⌋; positions are drawn without replacement from *all* positions, including the
//! special tokens at beginning and end; and each visit to a sequence draws anew. Unlike there, a draw is a pure function of
//! (seed, epoch, block): it does not depend on batch size, order or threads, nor on earlier draws.
//!
//! A strategy ([`Choose`]) chooses sets of units (tokens, words, spans, n-grams) from ids, word starts and special tokens
//! ([`Tokens`]); everything else (counts, copies, replacement, targets) is common to all strategies. A new strategy is a file beside
//! `uniform`, and a name in `strategy`.
//!
//! Where less is predicted than corrupted, whole units are predicted, in random order until there are as many tokens as wanted; the
//! last may be predicted in part.

mod pmi;
mod replacement;
mod spanbert;
mod strategy;
mod t5;
mod tally;
mod tokens;
mod uniform;
mod units;
mod vocabulary;
mod whole_word;

use std::fmt;
use std::sync::Arc;

use kernels::{Draws, Stream};
use serde::{Deserialize, Serialize};

use crate::copies::Rates;

pub use pmi::Ngrams;
pub use replacement::{Each, Replacement};
pub use strategy::{Strategy, StrategyName};
pub use tally::{LENGTHS, Tally};
pub use tokens::Tokens;
pub use units::Units;
pub use vocabulary::Vocabulary;

/// Site of the random numbers for counts and positions; the replacement at position p is drawn at site p + 1.
const SELECTION: u32 = 0;

/// A way to choose the positions to mask.
pub trait Choose: fmt::Debug + Send + Sync {
    /// Returns disjoint units of candidate positions for each copy, in random order, so that the first are a random part of
    /// them. A strategy whose units are larger than a token comes as near to each size as its units allow, and to the size itself in the
    /// mean.
    fn choose(&self, tokens: &Tokens<'_>, wanted: &Wanted<'_>, draws: &mut Draws) -> Vec<Units>;
}

/// How many tokens each copy of a sequence is to have masked.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Numbers of tokens, copy by copy. They sum up to no more than the number of candidates.
    pub sizes: &'a [usize],
    /// The rates that they follow from.
    pub rates: Rates,
    /// Whether the numbers are to be met, or each unit is drawn by itself.
    pub count: Count,
}

/// How the number of masked tokens of a sequence is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Count {
    /// The share asked for, rounded up or down at random.
    #[default]
    Exact,
    /// Each unit is drawn by itself, with the rate as its probability.
    Bernoulli,
}

impl Count {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["exact", "bernoulli"];
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
    /// The units that were selected.
    pub units: Units,
    /// The same, counted.
    pub tally: Tally,
}

/// Masks sequences. All its random numbers are functions of its seed and of (visit, sample).
#[derive(Clone, Debug)]
pub struct Masker {
    /// How positions are chosen.
    pub strategy: Strategy,
    /// Shares of tokens that are corrupted and predicted.
    pub rates: Rates,
    /// How the number of tokens is decided.
    pub count: Count,
    /// What replaces a selected token.
    pub replacement: Replacement,
    /// Whether special tokens may be selected; if not, the rates are shares of the other tokens alone.
    pub mask_special: bool,
    /// The tokens.
    pub vocabulary: Arc<Vocabulary>,
    /// The source of random numbers.
    pub stream: Stream,
}

impl Masker {
    /// Makes a masker of single tokens, all equally likely, special ones among them, which `[MASK]` replaces.
    pub fn uniform(rates: Rates, vocabulary: Arc<Vocabulary>, stream: Stream) -> Self {
        Self {
            strategy: Strategy::uniform(),
            rates,
            count: Count::Exact,
            replacement: Replacement::default(),
            mask_special: true,
            vocabulary,
            stream,
        }
    }

    /// Returns the [`Rates::copies`] masked copies of `ids` for the given visit (epoch) to sample (block).
    pub fn copies(&self, visit: u32, sample: u32, ids: &[u32]) -> Vec<Masked> {
        self.copies_at(self.rates, visit, sample, ids)
    }

    /// Returns the copies at other rates than the masker's own.
    pub fn copies_at(&self, rates: Rates, visit: u32, sample: u32, ids: &[u32]) -> Vec<Masked> {
        let candidates: Vec<usize> = (0..ids.len())
            .filter(|&position| self.mask_special || !self.vocabulary.is_special(ids[position]))
            .collect();
        let mut draws = self.stream.draws(visit, sample, SELECTION);
        let counts = rates.counts(candidates.len(), draws.uniform());
        let tokens = Tokens::new(ids, &candidates, &self.vocabulary);
        let wanted = Wanted {
            sizes: &counts.corrupted,
            rates,
            count: self.count,
        };
        let copies = self.strategy.choose(&tokens, &wanted, &mut draws);
        let sizes = counts.corrupted.iter().zip(counts.predicted);
        copies
            .into_iter()
            .zip(sizes)
            .map(|(units, (&corrupted, predicted))| {
                let predicted = match self.count {
                    // A strategy's set may be somewhat larger or smaller than the size asked for.
                    Count::Exact if predicted == corrupted => units.positions().to_vec(),
                    Count::Exact => {
                        let all = units.positions();
                        all[..predicted.min(all.len())].to_vec()
                    }
                    Count::Bernoulli => some_units(&units, rates, &mut draws),
                };
                let tally = Tally::of(&units, candidates.len());
                self.corrupt((visit, sample), ids, units, predicted, tally)
            })
            .collect()
    }

    /// Corrupts the positions of the units and predicts some of them.
    fn corrupt(
        &self,
        (visit, sample): (u32, u32),
        ids: &[u32],
        units: Units,
        mut predicted: Vec<usize>,
        tally: Tally,
    ) -> Masked {
        let mut masked = ids.to_vec();
        let place = (&self.stream, visit, sample);
        for unit in units.iter() {
            self.replacement
                .apply(unit, &mut masked, &self.vocabulary, place);
        }
        predicted.sort_unstable();
        Masked {
            ids: masked,
            targets: predicted.iter().map(|&position| ids[position]).collect(),
            positions: predicted.iter().map(|&position| position as u32).collect(),
            corrupted: units.positions().len(),
            units,
            tally,
        }
    }
}

/// Returns the positions of units that are each drawn with the share of the corrupted tokens that is predicted.
fn some_units(units: &Units, rates: Rates, draws: &mut Draws) -> Vec<usize> {
    if rates.predict >= rates.corrupt {
        return units.positions().to_vec();
    }
    let share = rates.predict / rates.corrupt;
    let drawn = units.iter().filter(|_| draws.chance(share));
    drawn.flatten().copied().collect()
}

#[cfg(test)]
mod tests;
