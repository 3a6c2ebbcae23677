//! Separate rates of corruption and prediction.
//!
//! Corrupting a token makes the context harder; predicting it gives a training signal. Wettig et al. (*Should You Mask
//! 15% in Masked Language Modeling?*, section 4) separate the two:
//!
//! * predict < corrupt: the loss is computed on a random subset of the corrupted tokens;
//! * predict > corrupt: k = ⌈predict / corrupt⌉ copies of the sequence are trained on, whose masked sets are pairwise
//!   disjoint, and every masked token of every copy is predicted.
//!
//! All counts of one sequence come from a single rounding number u, uniform on [0, 1). With r_j = min(j · corrupt,
//! predict), copy j (counted from 1) masks ⌊r_j · length + u⌋ − ⌊r_{j−1} · length + u⌋ tokens. Three things follow:
//!
//! * the sets together hold exactly ⌊predict · length + u⌋ tokens, what uniform masking at `predict` would select;
//! * the fractional part of r_{j−1} · length + u is itself uniform, so each copy alone is distributed exactly like
//!   uniform masking at `corrupt`, save the last, whose rate is the rest, predict − (k − 1) · corrupt, which equals
//!   `corrupt` whenever the ratio is whole;
//! * with k = 1 the construction is uniform masking, bit for bit.

/// How far a ratio may exceed a whole number and still count as that number: 0.35 / 0.07 should be 5, not 5.000…01.
const TOLERANCE: f64 = 1e-9;

/// The share of a sequence's tokens that is corrupted, and the share that is predicted; both in (0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Share of a sequence's tokens that are corrupted in the input of the encoder.
    pub corrupt: f64,
    /// Share of an original sequence's tokens that the loss is computed on, over all copies.
    pub predict: f64,
}

/// How many tokens of one sequence are corrupted and predicted, copy by copy. Both lists have one entry per copy, and no copy
/// predicts more tokens than it corrupts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Tokens corrupted in each copy.
    pub corrupted: Vec<usize>,
    /// Tokens predicted in each copy.
    pub predicted: Vec<usize>,
}

impl Rates {
    /// Makes equal rates of corruption and prediction.
    pub fn equal(rate: f64) -> Self {
        Self {
            corrupt: rate,
            predict: rate,
        }
    }

    /// Returns the number of copies k that a sequence is trained on: at least one.
    pub fn copies(&self) -> usize {
        ((self.predict / self.corrupt - TOLERANCE).ceil() as usize).max(1)
    }

    /// Returns the corruption rate of the last copy; the others have [`Rates::corrupt`].
    pub fn last_copy(&self) -> f64 {
        let before = (self.copies() - 1) as f64 * self.corrupt;
        if before > 0.0 {
            self.predict - before
        } else {
            self.corrupt
        }
    }

    /// Returns where the copies end if a number in [0, 1) decides which copy a token belongs to: at j · corrupt, the last of several at the
    /// rate of prediction.
    pub fn thresholds(&self) -> Vec<f64> {
        let copies = self.copies();
        let ends = (1..=copies).map(|copy| match copy > 1 && copy == copies {
            true => self.predict,
            false => copy as f64 * self.corrupt,
        });
        ends.collect()
    }

    /// Returns the counts for a sequence of `length` tokens under the rounding number `u` in [0, 1).
    pub fn counts(&self, length: usize, u: f64) -> Counts {
        let round = |rate: f64| ((rate * length as f64 + u).floor() as usize).min(length);
        let copies = self.copies();
        if copies == 1 {
            let corrupted = round(self.corrupt);
            // A ratio slightly above 1, within the tolerance, counts as 1, so that no uncorrupted token is ever predicted.
            let predicted = round(self.predict).min(corrupted);
            return Counts {
                corrupted: vec![corrupted],
                predicted: vec![predicted],
            };
        }
        let reached = |copy: usize| match copy {
            0 => 0,
            last if last == copies => round(self.predict),
            copy => round((copy as f64 * self.corrupt).min(self.predict)),
        };
        let corrupted: Vec<_> = (1..=copies)
            .map(|copy| reached(copy) - reached(copy - 1))
            .collect();
        Counts {
            predicted: corrupted.clone(),
            corrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ratios_of_the_published_table() {
        for (corrupt, predict, copies) in [
            (0.40, 0.40, 1),
            (0.40, 0.20, 1),
            (0.20, 0.40, 2),
            (0.10, 0.40, 4),
            (0.05, 0.40, 8),
            (0.07, 0.35, 5),
            (0.15, 0.45, 3),
            (0.15, 0.40, 3),
            (0.40, 1.00, 3),
        ] {
            assert_eq!(
                Rates { corrupt, predict }.copies(),
                copies,
                "{corrupt} {predict}"
            );
        }
        assert!(
            (Rates {
                corrupt: 0.15,
                predict: 0.4
            }
            .last_copy()
                - 0.1)
                .abs()
                < 1e-12
        );
        assert!(
            (Rates {
                corrupt: 0.05,
                predict: 0.4
            }
            .last_copy()
                - 0.05)
                .abs()
                < 1e-12
        );
    }

    #[test]
    fn a_whole_ratio_splits_evenly() {
        let counts = Rates {
            corrupt: 0.05,
            predict: 0.40,
        }
        .counts(120, 0.3);
        assert_eq!(counts.corrupted, vec![6; 8]);
        assert_eq!(counts.predicted, vec![6; 8]);
    }

    /// Over an even grid of u, each copy's mean count is the rate times the length, so the rounding is unbiased.
    #[test]
    fn each_copy_is_uniform_masking_on_average() {
        let (rates, length, grid) = (
            Rates {
                corrupt: 0.15,
                predict: 0.40,
            },
            123,
            10_000,
        );
        let mut sums = [0; 3];
        for step in 0..grid {
            let u = (f64::from(step) + 0.5) / f64::from(grid);
            for (sum, count) in sums.iter_mut().zip(rates.counts(length, u).corrupted) {
                *sum += count;
            }
        }
        for (sum, rate) in sums.into_iter().zip([0.15, 0.15, 0.10]) {
            let (mean, expected) = (sum as f64 / f64::from(grid), rate * length as f64);
            assert!((mean - expected).abs() < 2e-3, "{mean} {expected}");
        }
    }

    proptest! {
        #[test]
        fn the_union_is_what_the_prediction_rate_selects(
            corrupt in 0.01..=1.0_f64, predict in 0.01..=1.0_f64, length in 0_usize..600, u in 0.0..1.0_f64,
        ) {
            let rates = Rates { corrupt, predict };
            let counts = rates.counts(length, u);
            prop_assert_eq!(counts.corrupted.len(), rates.copies());
            let expected = ((predict * length as f64 + u).floor() as usize).min(length);
            prop_assert_eq!(counts.predicted.iter().sum::<usize>(), expected);
            for (place, (&corrupted, &predicted)) in
                counts.corrupted.iter().zip(&counts.predicted).enumerate()
            {
                prop_assert!(predicted <= corrupted);
                let exact = corrupt * length as f64;
                let last = place + 1 == counts.corrupted.len();
                prop_assert!(corrupted as f64 <= exact.ceil());
                prop_assert!(corrupted as f64 >= exact.floor() || (last && rates.copies() > 1));
            }
        }

        #[test]
        fn equal_rates_are_uniform_masking(rate in 0.001..=1.0_f64, length in 0_usize..600, u in 0.0..1.0_f64) {
            let count = ((rate * length as f64 + u).floor() as usize).min(length);
            let expected = Counts { corrupted: vec![count], predicted: vec![count] };
            prop_assert_eq!(Rates::equal(rate).counts(length, u), expected);
        }
    }
}
