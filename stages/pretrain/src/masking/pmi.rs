//! PMI masking (Levine et al., *PMI-Masking: Principled masking of correlated spans*, ICLR 2021, arXiv 2010.01825; section 2 of the README
//! of its masking vocabularies): n-grams whose words go together are masked together.
//!
//! Entries of a list of n-grams that are found in a sequence are units, and so are all other words. A longer entry beats one that it
//! contains; of entries that overlap one is chosen at random, and the words of the other that are left are units of their own. Units
//! are drawn uniformly until there are as many tokens as wanted.

use std::collections::HashSet;

use kernels::Draws;

use super::units::deal;
use super::{Choose, Tokens, Units, Wanted};

/// A list of n-grams as token ids.
#[derive(Clone, Debug, Default)]
pub struct Ngrams {
    ids: HashSet<Box<[u32]>>,
    /// The tokens that entries begin with, so that most places need no further look.
    first: HashSet<u32>,
    /// Words of the longest entry.
    longest: usize,
}

impl Ngrams {
    /// Adds the n-gram of these words, each of at least one token.
    pub fn insert(&mut self, words: &[Vec<u32>]) {
        self.longest = self.longest.max(words.len());
        let ids = words.concat();
        self.first.extend(ids.first());
        self.ids.insert(ids.into());
    }

    /// Returns the number of different n-grams.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no n-grams.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// Entries of a list, and words. A collision is an entry that overlaps the one that was chosen.
#[derive(Debug)]
pub(super) struct Pmi {
    ngrams: Ngrams,
}

impl Pmi {
    pub(super) fn new(ngrams: Ngrams) -> Self {
        Self { ngrams }
    }

    /// Returns the entries that no other one contains, as ranges of words, by their beginnings.
    fn matches(&self, tokens: &Tokens<'_>, words: &[&[usize]]) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        let mut ids = Vec::new();
        for (start, word) in words.iter().enumerate() {
            if !self.ngrams.first.contains(&tokens.ids()[word[0]]) {
                continue;
            }
            ids.clear();
            let mut longest = None;
            let mut next = word[0];
            for (place, word) in words
                .iter()
                .enumerate()
                .skip(start)
                .take(self.ngrams.longest)
            {
                // Words on both sides of a token that may not be masked are no neighbours.
                if word[0] != next {
                    break;
                }
                ids.extend(word.iter().map(|&position| tokens.ids()[position]));
                next = word[word.len() - 1] + 1;
                if place > start && self.ngrams.ids.contains(ids.as_slice()) {
                    longest = Some(place + 1);
                }
            }
            if let Some(end) = longest
                && found.last().is_none_or(|&(_, before)| before < end)
            {
                found.push((start, end));
            }
        }
        found
    }
}

impl Choose for Pmi {
    fn choose(&self, tokens: &Tokens<'_>, wanted: &Wanted<'_>, draws: &mut Draws) -> Vec<Units> {
        let words: Vec<&[usize]> = tokens.words().collect();
        let mut matches = self.matches(tokens, &words);
        draws.shuffle(&mut matches);
        // The entry that each word belongs to; a word that belongs to none is its own.
        let mut end_of: Vec<usize> = (1..=words.len()).collect();
        let mut taken = vec![false; words.len()];
        let mut collisions = 0;
        for (start, end) in matches {
            if taken[start..end].contains(&true) {
                collisions += 1;
                continue;
            }
            taken[start..end].fill(true);
            end_of[start] = end;
        }
        let mut units = Units::default();
        let mut unit = Vec::new();
        let mut start = 0;
        while start < words.len() {
            unit.clear();
            for word in &words[start..end_of[start]] {
                unit.extend_from_slice(word);
            }
            units.push(&unit);
            start = end_of[start];
        }
        let mut copies = deal(&units, wanted, draws);
        if let Some(first) = copies.first_mut() {
            first.collisions = collisions;
        }
        copies
    }
}

#[cfg(test)]
mod tests {
    use kernels::Stream;

    use super::super::{Count, Vocabulary};
    use super::*;
    use crate::copies::Rates;

    /// Words are the ids 10, 20, …; 11 continues a word.
    fn ngrams(entries: &[&[&[u32]]]) -> Ngrams {
        let mut ngrams = Ngrams::default();
        for entry in entries {
            let words: Vec<Vec<u32>> = entry.iter().map(|word| word.to_vec()).collect();
            ngrams.insert(&words);
        }
        ngrams
    }

    fn units(ngrams: Ngrams, ids: &[u32], seed: u64) -> (Vec<Vec<usize>>, usize) {
        let starts = (0..100).map(|id| id % 10 == 0).collect();
        let vocabulary = Vocabulary::new(100, 4, &[2, 4]).with_word_starts(starts);
        let candidates: Vec<usize> = (0..ids.len()).filter(|&at| ids[at] > 4).collect();
        let tokens = Tokens::new(ids, &candidates, &vocabulary);
        let wanted = Wanted {
            sizes: &[candidates.len()],
            rates: Rates::equal(1.0),
            count: Count::Exact,
        };
        let mut draws = Stream::new(seed, "test").draws(0, 0, 0);
        let copies = Pmi::new(ngrams).choose(&tokens, &wanted, &mut draws);
        let mut units: Vec<Vec<usize>> = copies[0].iter().map(<[usize]>::to_vec).collect();
        units.sort();
        (units, copies[0].collisions)
    }

    #[test]
    fn a_longer_entry_beats_what_it_contains() {
        let list = ngrams(&[
            &[&[10], &[20]],
            &[&[10], &[20], &[30, 31]],
            &[&[20], &[30, 31]],
        ]);
        let (units, collisions) = units(list, &[2, 40, 10, 20, 30, 31, 10, 20, 50], 1);
        assert_eq!(
            units,
            [vec![1], vec![2, 3, 4, 5], vec![6, 7], vec![8]],
            "{units:?}"
        );
        assert_eq!(collisions, 0);
    }

    #[test]
    fn of_overlapping_entries_one_is_chosen_at_random() {
        let by_the_way_out: [u32; 4] = [10, 20, 30, 40];
        let mut seen = HashSet::new();
        for seed in 0..50 {
            let list = ngrams(&[&[&[10], &[20], &[30]], &[&[20], &[30], &[40]]]);
            let (units, collisions) = units(list, &by_the_way_out, seed);
            assert_eq!(collisions, 1);
            seen.insert(units);
        }
        let first = vec![vec![0, 1, 2], vec![3]];
        let second = vec![vec![0], vec![1, 2, 3]];
        assert_eq!(seen, HashSet::from([first, second]));
    }

    /// A part of a word that looks like a word of an entry is none, nor are words with a special token between them.
    #[test]
    fn entries_are_made_of_whole_neighbouring_words() {
        let list = || ngrams(&[&[&[10], &[20]]]);
        assert_eq!(units(list(), &[10, 20, 21], 1).0, [vec![0], vec![1, 2]]);
        assert_eq!(units(list(), &[10, 2, 20], 1).0, [vec![0], vec![2]]);
        assert_eq!(units(list(), &[10, 20], 1).0, [vec![0, 1]]);
    }
}
