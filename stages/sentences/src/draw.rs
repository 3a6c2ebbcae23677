//! Which sentences of a corpus are taken.
//!
//! Each sentence has a number that seed and place alone decide, and those with the lowest are taken: one pass over a corpus of any size,
//! in memory for what is taken; and of two limits the larger takes all that the smaller takes. What is taken stands in the order of the
//! corpus.

use std::collections::BTreeMap;

use benchmarks::Triplet;
use kernels::Stream;

/// Site of the number by which a sentence is drawn, and of the choice among those that follow it.
const DRAWN: u32 = 0;
const FOLLOWING: u32 = 1;

/// Draws sentences of documents.
#[derive(Clone, Debug)]
pub struct Draw {
    stream: Stream,
    limit: usize,
    following: usize,
    /// What is taken so far, by its number and its place in the corpus.
    taken: BTreeMap<(u64, u64), Triplet>,
    seen: u64,
}

impl Draw {
    /// Makes a draw of at most `limit` sentences, 0 for all; each alone where `following` is 0, else with one of so many that follow it
    /// in its document.
    pub fn new(seed: u64, limit: usize, following: usize) -> Self {
        Self {
            stream: Stream::new(seed, "sentences of a corpus"),
            limit,
            following,
            taken: BTreeMap::new(),
            seen: 0,
        }
    }

    /// Takes part of the sentences of the next document, in their order. Where pairs are asked for, the last one has none that follows
    /// it, and is no anchor.
    pub fn document(&mut self, sentences: &[String]) {
        for (at, sentence) in sentences.iter().enumerate() {
            let after = &sentences[at + 1..];
            let after = &after[..self.following.min(after.len())];
            if self.following > 0 && after.is_empty() {
                continue;
            }
            let place = self.seen;
            self.seen += 1;
            let (high, low) = ((place >> 32) as u32, place as u32);
            let mut draws = self.stream.draws(high, low, DRAWN);
            let number = match self.limit {
                0 => 0,
                _ => u64::from(draws.word()) << 32 | u64::from(draws.word()),
            };
            let key = (number, place);
            if self.is_full()
                && self
                    .taken
                    .last_key_value()
                    .is_some_and(|(last, _)| key > *last)
            {
                continue;
            }
            let positive = (!after.is_empty()).then(|| {
                let mut draws = self.stream.draws(high, low, FOLLOWING);
                draws.pick(after).clone()
            });
            let triplet = Triplet {
                anchor: sentence.clone(),
                positive,
                negative: None,
            };
            if self.is_full() {
                self.taken.pop_last();
            }
            self.taken.insert(key, triplet);
        }
    }

    fn is_full(&self) -> bool {
        self.limit > 0 && self.taken.len() >= self.limit
    }

    /// Returns how many sentences could have been taken so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Returns what was taken, in the order of the corpus.
    pub fn finish(self) -> Vec<Triplet> {
        let taken = self.taken.into_iter();
        let mut taken: Vec<(u64, Triplet)> = taken.map(|((_, place), one)| (place, one)).collect();
        taken.sort_by_key(|(place, _)| *place);
        taken.into_iter().map(|(_, one)| one).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Documents whose sentences say where they stand.
    fn documents(lengths: &[usize]) -> Vec<Vec<String>> {
        let documents = lengths.iter().enumerate();
        let documents = documents
            .map(|(document, length)| (0..*length).map(|at| format!("{document} {at}")).collect());
        documents.collect()
    }

    fn drawn(lengths: &[usize], seed: u64, limit: usize, following: usize) -> Vec<Triplet> {
        let mut draw = Draw::new(seed, limit, following);
        for document in documents(lengths) {
            draw.document(&document);
        }
        draw.finish()
    }

    fn place(sentence: &str) -> (usize, usize) {
        let mut parts = sentence
            .split(' ')
            .map(|part| part.parse().expect("a number"));
        (
            parts.next().expect("a document"),
            parts.next().expect("a place"),
        )
    }

    proptest! {
        #[test]
        fn pairs_follow_one_another_within_a_document(
            lengths in prop::collection::vec(0_usize..9, 0..9), seed: u64, limit in 0_usize..20, following in 0_usize..4,
        ) {
            let found = drawn(&lengths, seed, limit, following);
            let anchors = lengths.iter().map(|length| match following {
                0 => *length,
                _ => length.saturating_sub(1),
            });
            let all: usize = anchors.sum();
            let expected = if limit == 0 { all } else { all.min(limit) };
            prop_assert_eq!(found.len(), expected);
            let places: Vec<(usize, usize)> = found.iter().map(|one| place(&one.anchor)).collect();
            prop_assert!(places.is_sorted_by(|a, b| a < b), "each once, in the order of the corpus");
            for (one, (document, at)) in found.iter().zip(places) {
                match &one.positive {
                    None => prop_assert_eq!(following, 0),
                    Some(next) => {
                        let (other, later) = place(next);
                        prop_assert_eq!(other, document);
                        prop_assert!((at + 1..=at + following).contains(&later));
                    }
                }
            }
            // A larger limit takes all that a smaller one takes.
            if limit > 0 {
                let more = drawn(&lengths, seed, limit + 3, following);
                prop_assert!(found.iter().all(|one| more.contains(one)));
            }
        }
    }

    #[test]
    fn every_sentence_is_as_likely_as_another() {
        let mut counts = [0_u32; 20];
        for seed in 0..2000 {
            for one in drawn(&[12, 8], seed, 5, 0) {
                let (document, at) = place(&one.anchor);
                counts[12 * document + at] += 1;
            }
        }
        // Of 2000 draws of a quarter: six standard deviations are 116.
        assert!(
            counts.iter().all(|count| count.abs_diff(500) < 116),
            "{counts:?}"
        );
    }
}
