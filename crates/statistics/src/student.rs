//! Student's t: the test over seeds, which is exact for few of them where the bootstrap is not.

use crate::special::incomplete_beta;
use crate::{Interval, mean};

/// A t test of whether a mean difference is zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Student {
    /// The difference divided by its standard error; infinite where all seeds differ by the same.
    pub t: f64,
    /// The degrees of freedom.
    pub freedom: f64,
    /// The standard error of the mean difference.
    pub error: f64,
    /// How likely so large a difference, of either sign, is where there is none.
    pub p: f64,
    /// Where the difference lies, at the confidence level that was asked for.
    pub interval: Interval,
}

impl Student {
    /// Tests differences of pairs, or of scores and a fixed number; `None` for fewer than two. SciPy's `ttest_rel` and `ttest_1samp`.
    pub fn paired(differences: &[f64], level: f64) -> Option<Self> {
        let error = (variance(differences)? / differences.len() as f64).sqrt();
        let freedom = (differences.len() - 1) as f64;
        Some(Self::of(mean(differences), error, freedom, level))
    }

    /// Tests the difference of the means of two independent samples with variances of their own (Welch); `None` where either
    /// has fewer than two. SciPy's `ttest_ind` with `equal_var=False`.
    pub fn unpaired(base: &[f64], other: &[f64], level: f64) -> Option<Self> {
        let part = |sample: &[f64]| Some(variance(sample)? / sample.len() as f64);
        let (a, b) = (part(base)?, part(other)?);
        // The share of the variance, squared, of each degree of freedom: squares of the variances may leave the range of f64.
        let squared =
            |part: f64, sample: &[f64]| (part / (a + b)).powi(2) / (sample.len() - 1) as f64;
        let freedom = match a + b {
            // Without any spread the degrees of freedom do not matter.
            0.0 => (base.len() + other.len() - 2) as f64,
            _ => 1.0 / (squared(a, base) + squared(b, other)),
        };
        let difference = mean(other) - mean(base);
        Some(Self::of(difference, (a + b).sqrt(), freedom, level))
    }

    /// Adds the part of the error that examples have, which no number of seeds makes smaller; the degrees of freedom are those of
    /// Satterthwaite, with the examples' part taken as known.
    pub(crate) fn with_examples(self, difference: f64, examples: f64, level: f64) -> Self {
        let (seeds, examples) = (self.error * self.error, examples * examples);
        let error = (seeds + examples).sqrt();
        let freedom = match seeds > 0.0 {
            true => {
                let share = (seeds + examples) / seeds;
                self.freedom * share * share
            }
            false => f64::INFINITY,
        };
        // Beyond a million degrees of freedom t is the normal distribution to all digits that matter.
        Self::of(difference, error, freedom.min(1e6), level)
    }

    fn of(difference: f64, error: f64, freedom: f64, level: f64) -> Self {
        let t = match (difference == 0.0, error == 0.0) {
            (true, _) => 0.0,
            (false, true) => f64::INFINITY.copysign(difference),
            (false, false) => difference / error,
        };
        let reach = quantile(0.5 + level / 2.0, freedom) * error;
        Self {
            t,
            freedom,
            error,
            p: two_sided(t, freedom),
            interval: Interval {
                low: difference - reach,
                high: difference + reach,
            },
        }
    }
}

/// Returns the sample variance (divisor n - 1); `None` for fewer than two values.
pub(crate) fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    // Equal values have a rounded mean that need not equal them.
    if values.iter().all(|value| *value == values[0]) {
        return Some(0.0);
    }
    let middle = mean(values);
    let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    Some(squares / (values.len() - 1) as f64)
}

/// Returns the probability that |T| ≥ |t|, for T with the t distribution of so many degrees of freedom.
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    let square = t * t;
    if square.is_infinite() {
        return 0.0;
    }
    let all = freedom + square;
    incomplete_beta(freedom / 2.0, 0.5, freedom / all, square / all)
}

/// Returns the t below which the t distribution of so many degrees of freedom has the `probability`, from 0.5 up to less than 1.
pub fn quantile(probability: f64, freedom: f64) -> f64 {
    let outside = 2.0 * (1.0 - probability);
    invert(outside, &|t| two_sided(t, freedom))
}

/// Returns the z below which the standard normal distribution has the `probability`, from 0.5 up to less than 1.
pub fn normal_quantile(probability: f64) -> f64 {
    let outside = 2.0 * (1.0 - probability);
    invert(outside, &|z| libm::erfc(z / std::f64::consts::SQRT_2))
}

/// Finds where a function that falls from 1 at 0 has the value `wanted`, by halving.
fn invert(wanted: f64, of: &dyn Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while of(high) > wanted && high < 1e300 {
        (low, high) = (high, 2.0 * high);
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        match of(middle) > wanted {
            true => low = middle,
            false => high = middle,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn quantiles_are_those_of_printed_tables() {
        for (freedom, expected) in [
            (1.0, 12.706_204_736),
            (2.0, 4.302_652_730),
            (9.0, 2.262_157_163),
            (1e6, 1.959_966_355),
        ] {
            let found = quantile(0.975, freedom);
            assert!((found - expected).abs() < 1e-8, "{freedom}: {found}");
        }
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        assert_eq!(quantile(0.5, 3.0), 0.0);
    }

    #[test]
    fn without_spread_any_difference_counts_and_none_does_not() {
        let all = Student::paired(&[0.1, 0.1, 0.1], 0.95).unwrap();
        assert_eq!((all.t, all.p), (f64::INFINITY, 0.0));
        assert_eq!(
            (all.interval.low, all.interval.high),
            (mean(&[0.1; 3]), mean(&[0.1; 3]))
        );
        let none = Student::paired(&[0.0, 0.0], 0.95).unwrap();
        assert_eq!((none.t, none.p), (0.0, 1.0));
        assert_eq!(
            Student::unpaired(&[1.0, 1.0], &[2.0, 2.0], 0.95).unwrap().p,
            0.0
        );
    }

    #[test]
    fn no_square_leaves_the_range() {
        assert_eq!(two_sided(1e200, 1.0), 0.0);
        let small =
            Student::unpaired(&[1e-90, 2e-90, 4e-90], &[5e-90, 7e-90, 8e-90], 0.95).unwrap();
        let usual = Student::unpaired(&[1.0, 2.0, 4.0], &[5.0, 7.0, 8.0], 0.95).unwrap();
        assert!((small.freedom - usual.freedom).abs() < 1e-12 && (small.p - usual.p).abs() < 1e-12);
    }

    #[test]
    fn fewer_than_two_say_nothing() {
        assert_eq!(Student::paired(&[1.0], 0.95), None);
        assert_eq!(Student::unpaired(&[1.0, 2.0], &[1.0], 0.95), None);
    }
}
