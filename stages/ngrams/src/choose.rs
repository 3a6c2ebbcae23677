//! The best n-grams of each length.

use std::cmp::Ordering;

use crate::LONGEST;
use crate::score::Measure;
use crate::words::Known;

/// Counts of n-grams. Those of one length are sorted by their words' numbers.
#[derive(Default)]
pub(crate) struct Counts {
    /// By length: the numbers of words, one n-gram after the other, and the counts.
    tables: [(Vec<u32>, Vec<u64>); LONGEST + 1],
    /// By length: how many n-grams the corpus has, the rare ones among them.
    pub(crate) totals: [u64; LONGEST + 1],
}

/// A chosen n-gram.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) text: String,
    pub(crate) words: usize,
    pub(crate) count: u64,
    pub(crate) score: f64,
}

impl Counts {
    /// Adds an n-gram; those of one length come in ascending order.
    pub(crate) fn push(&mut self, ngram: &[u32], count: u64) {
        let (numbers, counts) = &mut self.tables[ngram.len()];
        numbers.extend_from_slice(ngram);
        counts.push(count);
    }

    fn get(&self, length: usize, place: usize) -> &[u32] {
        &self.tables[length].0[place * length..][..length]
    }

    /// Returns the count of an n-gram that was added.
    fn count(&self, ngram: &[u32]) -> Option<u64> {
        let counts = &self.tables[ngram.len()].1;
        let (mut low, mut high) = (0, counts.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(ngram.len(), middle).cmp(ngram) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(counts[middle]),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Returns the logarithm of the probability of an n-gram that was added, or of a known word.
    fn log_p(&self, ngram: &[u32], known: &Known) -> f64 {
        let count = match ngram {
            [word] => Some(known.count(*word)),
            // A part of an n-gram occurs as often as the whole at least, so it was added.
            _ => self.count(ngram),
        };
        // libm's logarithm is the same on every machine.
        libm::log(count.unwrap_or(0) as f64) - libm::log(self.totals[ngram.len()] as f64)
    }

    /// Returns how many n-grams of a length there are.
    pub(crate) fn candidates(&self, length: usize) -> usize {
        self.tables[length].1.len()
    }

    /// Returns the `quota` n-grams of a length with the highest scores, best first; of equal ones those that come first as texts.
    pub(crate) fn best(
        &self,
        length: usize,
        quota: usize,
        measure: Measure,
        known: &Known,
    ) -> Vec<Chosen> {
        let mut scored: Vec<(f64, u32)> = (0..self.candidates(length))
            .map(|place| {
                let ngram = self.get(length, place);
                let score = measure.of(length, |start, end| self.log_p(&ngram[start..end], known));
                (score, place as u32)
            })
            .collect();
        let text = |place: u32| known.text(self.get(length, place as usize));
        let order = |one: &(f64, u32), other: &(f64, u32)| {
            let by_score = other.0.total_cmp(&one.0);
            by_score.then_with(|| text(one.1).cmp(&text(other.1)))
        };
        if quota == 0 {
            return Vec::new();
        }
        if scored.len() > quota {
            scored.select_nth_unstable_by(quota - 1, order);
            scored.truncate(quota);
        }
        scored.sort_unstable_by(order);
        let chosen = scored.into_iter().map(|(score, place)| Chosen {
            text: text(place),
            words: length,
            count: self.tables[length].1[place as usize],
            score,
        });
        chosen.collect()
    }
}
