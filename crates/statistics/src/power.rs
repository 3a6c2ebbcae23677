//! How many seeds would settle a difference.

use crate::comparison::{Comparison, FEWEST, detectable};
use crate::student::quantile as t_quantile;

/// The most seeds that are thought of.
const MOST: usize = 10_000;

/// What it takes to settle a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// So many seeds on each side find it four times of five.
    Seeds(usize),
    /// No number of seeds: the examples are too few for a difference of this size.
    MoreExamples,
    /// Thousands of seeds.
    TooMany,
    /// There is one seed so far, or no spread, from which nothing can be told.
    NotKnown,
}

/// Returns how many seeds would settle a difference of the size `difference`, if seeds and examples spread as they did so far: the
/// smallest number for which it is detectable by Student's t over the seeds, and by seeds and examples together.
pub fn seeds_needed(comparison: &Comparison, difference: f64, level: f64) -> Needed {
    let size = difference.abs();
    let Some(student) = comparison.student.filter(|student| student.error > 0.0) else {
        return Needed::NotKnown;
    };
    let [base, other] = comparison.seeds;
    let independent = !comparison.paired && base > 1 && other > 1;
    // The spread of one seed's difference. Two independent samples count as their harmonic mean: so many seeds on each side would have
    // the same standard error, where both sides spread alike.
    let seeds = match independent {
        true => 2.0 / (1.0 / base as f64 + 1.0 / other as f64),
        false => comparison.replicates() as f64,
    };
    let spread = student.error * seeds.sqrt();
    let examples = comparison
        .bootstrap
        .map_or(0.0, |bootstrap| bootstrap.examples);
    if detectable(examples, level) > size {
        return Needed::MoreExamples;
    }
    let is_enough = |seeds: usize| {
        let count = seeds as f64;
        let error = spread / count.sqrt();
        let freedom = match independent {
            true => 2.0 * (count - 1.0),
            false => count - 1.0,
        };
        let reach = t_quantile(0.5 + level / 2.0, freedom) + t_quantile(0.8, freedom);
        let together = (error * error + examples * examples).sqrt();
        error * reach <= size && detectable(together, level) <= size
    };
    // The more seeds, the smaller what they find, so the smallest number is found by halving.
    let (mut low, mut high) = (FEWEST, MOST);
    if !is_enough(high) {
        return Needed::TooMany;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        match is_enough(middle) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    Needed::Seeds(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Unit};

    fn compared(scores: &[f64]) -> Comparison {
        let unit = |score: f64| Unit {
            score,
            draws: Vec::new(),
        };
        let base: Vec<Unit> = scores.iter().map(|_| unit(0.0)).collect();
        let other: Vec<Unit> = scores.iter().map(|score| unit(*score)).collect();
        Comparison::of(&base, &other, true, &Options::default())
    }

    #[test]
    fn smaller_differences_take_more_seeds() {
        // A standard deviation of 1.
        let comparison = compared(&[-1.0, 0.0, 1.0]);
        let needed = |difference| seeds_needed(&comparison, difference, 0.95);
        assert_eq!(needed(10.0), Needed::Seeds(3));
        // A paired t test needs 10 for a difference of one standard deviation at 80 % power; the noncentral t agrees within one.
        assert_eq!(needed(1.0), Needed::Seeds(10));
        assert_eq!(needed(-1.0), Needed::Seeds(10));
        assert_eq!(needed(0.1), Needed::Seeds(787));
        assert_eq!(needed(1e-3), Needed::TooMany);
        assert_eq!(seeds_needed(&compared(&[1.0]), 1.0, 0.95), Needed::NotKnown);
    }

    #[test]
    fn many_seeds_of_one_side_do_not_stand_for_the_other() {
        let units = |count: usize| -> Vec<Unit> {
            let unit = |place: usize| Unit {
                score: [-1.0, 0.0, 1.0][place % 3],
                draws: Vec::new(),
            };
            (0..count).map(unit).collect()
        };
        let needed = |base: usize, other: usize| {
            let comparison =
                Comparison::of(&units(base), &units(other), false, &Options::default());
            match seeds_needed(&comparison, 1.0, 0.95) {
                Needed::Seeds(seeds) => seeds as f64,
                _ => f64::NAN,
            }
        };
        // Of two independent sides, with standard deviations of 0.83.
        let equal = needed(30, 30);
        let apart = needed(30, 3000);
        assert!((equal - apart).abs() <= 1.0, "{equal} {apart}");
        assert!((11.0..13.0).contains(&equal), "{equal}");
    }

    #[test]
    fn few_examples_cannot_be_made_up_for() {
        let mut comparison = compared(&[-1.0, 0.0, 1.0]);
        comparison.bootstrap = Some(crate::Bootstrap {
            interval: crate::Interval {
                low: -1.0,
                high: 1.0,
            },
            p: 1.0,
            seeds: 0.5,
            examples: 0.5,
            draws: 1,
            undefined: 0,
        });
        assert_eq!(seeds_needed(&comparison, 1.0, 0.95), Needed::MoreExamples);
        assert!(matches!(
            seeds_needed(&comparison, 1.5, 0.95),
            Needed::Seeds(_)
        ));
    }
}
