//! SpanBERT's spans (Joshi et al., *SpanBERT: Improving Pre-training by Representing and Predicting Spans*, TACL 2020, section 3.1;
//! `pretraining/fairseq/data/masking.py`, `PairWithSpanMaskingScheme`).
//!
//! Until there are as many tokens as wanted: a length in words is drawn from the geometric distribution, cut off at the longest and
//! normalised again; a place is drawn uniformly, and both anew if it is masked already; the span begins at the start of
//! that word and takes whole words to its right. The last word is cut where the number of tokens is reached. Spans that overlap or touch
//! become one.
//!
//! Here the number of tokens is that of all strategies, right in the mean; there it is ⌈rate · length⌉. Of several disjoint
//! copies each is made in this way of what those before it have left; a span ends where it meets one of another copy, and before a
//! special token that is not masked.

use kernels::Draws;

use super::{Choose, Tokens, Units, Wanted};

/// The places of spans are drawn one after the other. A collision is a place that was masked already, or a span that became one
/// with another.
#[derive(Clone, Debug)]
pub(super) struct SpanBertSpans {
    /// Probability that a span's length, counted from 1, is at most so many words, by length.
    cumulative: Vec<f64>,
}

/// A place that no copy has masked.
const FREE: usize = usize::MAX;

impl SpanBertSpans {
    /// Spans with lengths of 1 to `longest` words: length l has a probability that is proportional to (1 - p)ˡ.
    pub(super) fn new(p: f64, longest: usize) -> Self {
        let mut weight = 1.0;
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (0..longest.max(1))
            .map(|_| {
                sum += weight;
                weight *= 1.0 - p;
                sum
            })
            .collect();
        for below in &mut cumulative {
            *below /= sum;
        }
        Self { cumulative }
    }

    /// Draws a length in words.
    fn length(&self, draws: &mut Draws) -> usize {
        let u = draws.uniform();
        let shorter = self.cumulative.partition_point(|&below| below <= u);
        shorter.min(self.cumulative.len() - 1) + 1
    }
}

impl Choose for SpanBertSpans {
    fn choose(&self, tokens: &Tokens<'_>, wanted: &Wanted<'_>, draws: &mut Draws) -> Vec<Units> {
        let candidates = tokens.candidates();
        let starts: Vec<bool> = (0..candidates.len())
            .map(|place| tokens.starts_word(place))
            .collect();
        let mut owner = vec![FREE; candidates.len()];
        let mut copies = Vec::with_capacity(wanted.sizes.len());
        for (copy, &size) in wanted.sizes.iter().enumerate() {
            let (mut left, mut spans, mut refused) = (size, 0, 0);
            while left > 0 {
                let words = self.length(draws);
                let anchor = draws.index(candidates.len());
                if owner[anchor] != FREE {
                    refused += 1;
                    continue;
                }
                spans += 1;
                let mut first = anchor;
                while !starts[first] && [FREE, copy].contains(&owner[first - 1]) {
                    first -= 1;
                }
                left = take(&mut owner, &starts, tokens, (copy, first, words, left));
            }
            let mut units = runs(&owner, copy, tokens);
            units.collisions = refused + (spans - units.len().min(spans));
            copies.push(units);
        }
        copies.iter().map(|copy| copy.shuffled(draws)).collect()
    }
}

/// Masks `words` words for a copy from a place on, at most `left` tokens, and returns how many are left.
fn take(
    owner: &mut [usize],
    starts: &[bool],
    tokens: &Tokens<'_>,
    (copy, first, words, mut left): (usize, usize, usize, usize),
) -> usize {
    let mut begun = 0;
    for place in first..owner.len() {
        begun += usize::from(place == first || starts[place]);
        let meets_another = ![FREE, copy].contains(&owner[place]);
        if left == 0 || begun > words || meets_another || (place > first && tokens.is_gap(place)) {
            break;
        }
        if owner[place] == FREE {
            owner[place] = copy;
            left -= 1;
        }
    }
    left
}

/// Returns the runs of neighbouring places of a copy.
fn runs(owner: &[usize], copy: usize, tokens: &Tokens<'_>) -> Units {
    let mut units = Units::default();
    let mut run = Vec::new();
    for (place, &position) in tokens.candidates().iter().enumerate() {
        if !run.is_empty() && (owner[place] != copy || tokens.is_gap(place)) {
            units.push(&run);
            run.clear();
        }
        if owner[place] == copy {
            run.push(position);
        }
    }
    if !run.is_empty() {
        units.push(&run);
    }
    units
}

#[cfg(test)]
mod tests {
    use kernels::Stream;

    use super::*;

    #[test]
    fn lengths_are_geometric_and_cut_off() {
        let spans = SpanBertSpans::new(0.2, 10);
        let mut draws = Stream::new(3, "test").draws(0, 0, 0);
        let total = 200_000;
        let mut counts = [0_u32; 11];
        for _ in 0..total {
            counts[spans.length(&mut draws)] += 1;
        }
        let weights: Vec<f64> = (0..10).map(|l| 0.2 * 0.8_f64.powi(l)).collect();
        let sum: f64 = weights.iter().sum();
        let mean: f64 = (1..=10)
            .zip(&weights)
            .map(|(l, w)| f64::from(l) * w / sum)
            .sum();
        assert!((mean - 3.8).abs() < 0.01, "the paper's mean length: {mean}");
        for (length, weight) in (1..=10).zip(&weights) {
            let p = weight / sum;
            let deviation = (p * (1.0 - p) / f64::from(total)).sqrt();
            let share = f64::from(counts[length]) / f64::from(total);
            assert!((share - p).abs() < 5.0 * deviation, "{length}: {share} {p}");
        }
    }

    #[test]
    fn all_lengths_may_be_one() {
        let spans = SpanBertSpans::new(1.0, 10);
        let mut draws = Stream::new(3, "test").draws(0, 0, 0);
        assert!((0..100).all(|_| spans.length(&mut draws) == 1));
    }
}
