//! Counts the words of a corpus, as a stream.
//!
//! Memory holds only the counts, and of these only the most frequent if there are too many (lossy counting, Manku and Motwani, VLDB
//! 2002).

use std::collections::HashMap;

use contract::{Context, StageError};
use rayon::prelude::*;

use crate::documents::Documents;
use crate::words::Cut;

/// The most different words that are counted. Beyond this, the rarest are forgotten.
const MOST_WORDS: usize = 8 << 20;

/// Returns the words of a corpus with their counts, in the order of the words. `separate` passes the words of a piece of text on, where
/// texts are cut as `cut` says.
///
/// # Errors
/// When the corpus cannot be read, and those of `separate`.
pub(crate) fn count(
    documents: &Documents,
    cut: Cut,
    context: &Context,
    separate: impl Fn(&str, &mut dyn FnMut(&str)) -> tokenizers::Result<()> + Sync,
) -> Result<Vec<(String, u64)>, StageError> {
    let mut counts = Counts::new(MOST_WORDS);
    documents.for_each(|batch| {
        context.keep_going()?;
        counts.add(&count_pieces(&batch.pieces(Some(cut)), cut, &separate)?);
        let done = batch.first + batch.len() as u64;
        context.progress(done, documents.total(), "document", "");
        Ok(())
    })?;
    Ok(counts.into_sorted())
}

/// Counts of words. The rarest words are forgotten when there are too many.
struct Counts {
    of: HashMap<String, u64>,
    capacity: usize,
}

impl Counts {
    fn new(capacity: usize) -> Self {
        Self {
            of: HashMap::new(),
            capacity,
        }
    }

    fn add(&mut self, more: &HashMap<String, u64>) {
        for (word, count) in more {
            if let Some(sum) = self.of.get_mut(word) {
                *sum += count;
            } else {
                self.of.insert(word.clone(), *count);
            }
        }
        let mut threshold = 1;
        while self.of.len() > self.capacity {
            self.of.retain(|_, count| *count > threshold);
            threshold *= 2;
        }
    }

    fn into_sorted(self) -> Vec<(String, u64)> {
        let mut counts: Vec<_> = self.of.into_iter().collect();
        counts.sort_unstable();
        counts
    }
}

/// Counts the words of some texts. Each distinct string between two cuts is separated only once.
fn count_pieces(
    pieces: &[(usize, &str)],
    cut: Cut,
    separate: impl Fn(&str, &mut dyn FnMut(&str)) -> tokenizers::Result<()> + Sync,
) -> Result<HashMap<String, u64>, StageError> {
    let raw = pieces
        .par_iter()
        .fold(HashMap::new, |mut counts: HashMap<&str, u64>, (_, text)| {
            for word in cut.words(text) {
                *counts.entry(word).or_default() += 1;
            }
            counts
        })
        .reduce(HashMap::new, sum);
    raw.into_par_iter()
        .try_fold(
            HashMap::new,
            |mut counts: HashMap<String, u64>, (raw, count)| {
                separate(raw, &mut |word| {
                    *counts.entry(word.to_owned()).or_default() += count;
                })?;
                Ok(counts)
            },
        )
        .try_reduce(HashMap::new, |one, other| Ok(sum(one, other)))
        .map_err(|error: tokenizers::Error| StageError::failed(error))
}

fn sum<K: Eq + std::hash::Hash>(one: HashMap<K, u64>, other: HashMap<K, u64>) -> HashMap<K, u64> {
    let (mut more, less) = if one.len() < other.len() {
        (other, one)
    } else {
        (one, other)
    };
    for (word, count) in less {
        *more.entry(word).or_default() += count;
    }
    more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_words_are_forgotten_when_there_are_too_many() {
        let mut kept = Counts::new(3);
        for words in [
            [("a", 5), ("b", 1)],
            [("c", 2), ("d", 1)],
            [("b", 1), ("a", 1)],
        ] {
            kept.add(
                &words
                    .map(|(word, count)| (word.to_owned(), count))
                    .into_iter()
                    .collect(),
            );
        }
        assert_eq!(
            kept.into_sorted(),
            [("a", 6), ("b", 1), ("c", 2)].map(|(word, count)| (word.to_owned(), count))
        );
    }
}
