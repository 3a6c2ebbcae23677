//! Sequences packed one after the other, without padding.

use std::ops::Range;

/// The places of packed sequences among the rows of a batch, and the samples that they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequences {
    /// The first row of each sequence, followed by the number of all rows.
    starts: Vec<usize>,
    /// Each sequence's index in the whole update, on which random numbers depend.
    samples: Vec<u32>,
}

impl Sequences {
    /// Makes sequences of these lengths and sample indices, in packed order.
    pub fn new(sequences: impl IntoIterator<Item = (usize, u32)>) -> Self {
        let (mut starts, mut samples) = (vec![0], Vec::new());
        let mut row = 0;
        for (length, sample) in sequences {
            row += length;
            starts.push(row);
            samples.push(sample);
        }
        Self { starts, samples }
    }

    /// Returns the number of sequences.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are no sequences.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Returns the number of rows of all sequences.
    pub fn rows(&self) -> usize {
        self.starts[self.samples.len()]
    }

    /// Returns the rows of a sequence.
    ///
    /// # Panics
    /// When there is no such sequence.
    pub fn range(&self, sequence: usize) -> Range<usize> {
        self.starts[sequence]..self.starts[sequence + 1]
    }

    /// Returns the sample index of a sequence.
    ///
    /// # Panics
    /// When there is no such sequence.
    pub fn sample(&self, sequence: usize) -> u32 {
        self.samples[sequence]
    }

    /// Returns the parts of sequences that lie in `rows`, each as (sample, position of the first row in its sequence, number
    /// of rows).
    pub fn parts(&self, rows: Range<usize>) -> impl Iterator<Item = (u32, usize, usize)> + '_ {
        let first = self.starts.partition_point(|&start| start <= rows.start) - 1;
        (first..self.len())
            .map(move |sequence| {
                let own = self.range(sequence);
                let (from, to) = (own.start.max(rows.start), own.end.min(rows.end));
                (
                    self.samples[sequence],
                    from - own.start,
                    to.saturating_sub(from),
                )
            })
            .take_while(move |&(_, _, count)| count > 0)
    }

    /// Splits a matrix with `width` columns and one row per packed row into one part per sequence.
    pub(crate) fn split<'a>(&self, mut rows: &'a mut [f32], width: usize) -> Vec<&'a mut [f32]> {
        let mut parts = Vec::with_capacity(self.len());
        for sequence in 0..self.len() {
            let (own, rest) = rows.split_at_mut(self.range(sequence).len() * width);
            parts.push(own);
            rows = rest;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_cover_the_rows_once(
            lengths in prop::collection::vec(1_usize..9, 1..9), from in 0_usize..70, count in 0_usize..70,
        ) {
            let sequences = Sequences::new(lengths.iter().copied().zip(10..));
            let all: Vec<(u32, usize)> = lengths
                .iter()
                .zip(10..)
                .flat_map(|(&length, sample)| (0..length).map(move |position| (sample, position)))
                .collect();
            prop_assert_eq!(sequences.rows(), all.len());
            let rows = from.min(all.len())..(from + count).min(all.len());
            let found: Vec<(u32, usize)> = sequences
                .parts(rows.clone())
                .flat_map(|(sample, first, count)| (first..first + count).map(move |position| (sample, position)))
                .collect();
            prop_assert_eq!(&found, &all[rows]);
        }
    }
}
