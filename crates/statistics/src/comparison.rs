//! A comparison of two sides, and the verdict on it.

use crate::bootstrap::{Drawing, Drawn, Picked, Unit, differences, pick, quantile};
use crate::student::{normal_quantile, quantile as t_quantile, variance};
use crate::{Interval, Permutation, Student, mean};

/// The fewest seeds that a verdict over seeds takes: of two, a bootstrap has three different draws.
pub const FEWEST: usize = 3;
/// How likely a difference of the size that is called the smallest detectable is to be found.
const POWER: f64 = 0.8;

/// How comparisons are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How often, and by which seed, seeds and examples are drawn.
    pub drawing: Drawing,
    /// The confidence of intervals, and 1 less the share of wrong verdicts where nothing differs.
    pub level: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            drawing: Drawing {
                draws: 5_000,
                seed: 0,
            },
            level: 0.95,
        }
    }
}

/// What is known of the difference between two sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The mean score of the other side less that of the base.
    pub difference: f64,
    /// How many seeds the base and the other side have.
    pub seeds: [usize; 2],
    /// Whether the sides are compared seed by seed.
    pub paired: bool,
    /// What the Multi-Bootstrap says, where examples are known.
    pub bootstrap: Option<Bootstrap>,
    /// Student's t over seeds, where there are several.
    pub student: Option<Student>,
    /// That, with the error that examples have besides, where they are known: of many seeds the first says too little of examples,
    /// and the bootstrap is a little narrow.
    pub together: Option<Student>,
    /// A permutation test over seeds, where there are several.
    pub permutation: Option<Permutation>,
    /// The smallest difference that the seeds could have shown: (t + t₀.₈) · s / √n.
    pub detectable_by_seeds: Option<f64>,
    /// The smallest difference that the examples could have shown, however many seeds there had been.
    pub detectable_by_examples: Option<f64>,
}

/// What the Multi-Bootstrap says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// The interval of percentiles.
    pub interval: Interval,
    /// Twice the share of draws on the rarer side of zero, at least 2 / draws.
    pub p: f64,
    /// The standard deviation of the difference over draws of seeds alone.
    pub seeds: f64,
    /// The standard deviation over draws of examples alone.
    pub examples: f64,
    /// How many draws had a score on both sides.
    pub draws: usize,
    /// How many had none, such as a correlation of labels that are all equal.
    pub undefined: usize,
}

impl Comparison {
    /// Compares two sides. `paired` says that units of the same place share a seed; then both sides have equally many. Neither
    /// side may be empty.
    pub fn of(base: &[Unit], other: &[Unit], paired: bool, options: &Options) -> Self {
        let bootstrap = Bootstrap::of(base, other, paired, options);
        Self::with(base, other, paired, bootstrap, options)
    }

    /// Compares two sides of which it is known what the bootstrap says. Draws of units are not looked at.
    pub fn with(
        base: &[Unit],
        other: &[Unit],
        paired: bool,
        bootstrap: Option<Bootstrap>,
        options: &Options,
    ) -> Self {
        debug_assert!(!base.is_empty() && !other.is_empty());
        debug_assert!(!paired || base.len() == other.len());
        let scores = |units: &[Unit]| -> Vec<f64> { units.iter().map(|unit| unit.score).collect() };
        let (a, b) = (scores(base), scores(other));
        let level = options.level;
        let seed = options.drawing.seed;
        // A side with one score is a fixed number to the other.
        let pairs: Option<Vec<f64>> = match (paired, a.as_slice(), b.as_slice()) {
            (true, ..) => Some(a.iter().zip(&b).map(|(a, b)| b - a).collect()),
            (false, [one], many) => Some(many.iter().map(|score| score - one).collect()),
            (false, many, [one]) => Some(many.iter().map(|score| one - score).collect()),
            _ => None,
        };
        let (student, permutation) = match &pairs {
            Some(pairs) => (
                Student::paired(pairs, level),
                Permutation::paired(pairs, seed),
            ),
            None => (
                Student::unpaired(&a, &b, level),
                Permutation::unpaired(&a, &b, seed),
            ),
        };
        Self {
            difference: mean(&b) - mean(&a),
            seeds: [a.len(), b.len()],
            paired,
            bootstrap,
            student,
            together: student.zip(bootstrap).map(|(student, bootstrap)| {
                student.with_examples(mean(&b) - mean(&a), bootstrap.examples, level)
            }),
            permutation,
            detectable_by_seeds: student.map(|student| {
                student.error
                    * (t_quantile(0.5 + level / 2.0, student.freedom)
                        + t_quantile(POWER, student.freedom))
            }),
            detectable_by_examples: bootstrap
                .map(|bootstrap| detectable(bootstrap.examples, level)),
        }
    }

    /// Returns the probability of so large a difference where there is none, by the test that is hardest to convince: of the
    /// bootstrap, Student's t over seeds, and that over seeds and examples together. `None` where there are too few seeds to tell, and
    /// nothing else to go by.
    pub fn p(&self) -> Option<f64> {
        let bootstrap = self.bootstrap.map(|bootstrap| bootstrap.p);
        match self.replicates() {
            1 => bootstrap,
            seeds if seeds < FEWEST => None,
            _ => {
                let tests = [bootstrap, self.together.map(|together| together.p)];
                let others = tests.into_iter().flatten();
                Some(others.fold(self.student?.p, f64::max))
            }
        }
    }

    /// Returns the intervals that a verdict rests on.
    pub fn intervals(&self) -> impl Iterator<Item = Interval> + Clone {
        let bootstrap = self.bootstrap.map(|bootstrap| bootstrap.interval);
        let students = [self.student, self.together].into_iter().flatten();
        bootstrap
            .into_iter()
            .chain(students.map(|student| student.interval))
    }

    /// Returns how many seeds the comparison rests on: of the side with fewer, unless that is a single score beside several of the
    /// other side.
    pub fn replicates(&self) -> usize {
        let [base, other] = self.seeds;
        match base.min(other) {
            1 => base.max(other),
            seeds => seeds,
        }
    }
}

impl Bootstrap {
    /// Resamples two sides; see [`Comparison::of`]. `None` where draws are not known, or none of them has a score.
    pub fn of(base: &[Unit], other: &[Unit], paired: bool, options: &Options) -> Option<Self> {
        let sides = [base, other];
        let drawing = options.drawing;
        let draws = drawing.draws as usize;
        let known = |units: &[Unit]| units.iter().all(|unit| unit.draws.len() == draws);
        if draws == 0 || !known(base) || !known(other) {
            return None;
        }
        let seeds = [base.len(), other.len()];
        let picked = pick(drawing, seeds, paired);
        let picked: Vec<Picked> = (0..drawing.draws).map(picked).collect();
        let drawn = |drawn| {
            let values = differences(sides, draws, drawn, &|draw| &picked[draw]);
            let defined: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
            defined
        };
        let mut both = drawn(Drawn::Both);
        if both.is_empty() {
            return None;
        }
        both.sort_by(f64::total_cmp);
        let outside = (1.0 - options.level) / 2.0;
        let deviation = |values: &[f64]| variance(values).unwrap_or(0.0).sqrt();
        let below = both.partition_point(|value| *value <= 0.0);
        let above = both.len() - both.partition_point(|value| *value < 0.0);
        let rarer = below.min(above).max(1);
        Some(Self {
            interval: Interval {
                low: quantile(&both, outside),
                high: quantile(&both, 1.0 - outside),
            },
            p: (2.0 * rarer as f64 / both.len() as f64).min(1.0),
            seeds: deviation(&drawn(Drawn::Seeds)),
            examples: deviation(&drawn(Drawn::Examples)),
            draws: both.len(),
            undefined: draws - both.len(),
        })
    }
}

/// Returns the smallest difference that is found four times of five where it has this standard error.
pub(crate) fn detectable(error: f64, level: f64) -> f64 {
    error * (normal_quantile(0.5 + level / 2.0) + normal_quantile(POWER))
}

/// What is said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The other side scores higher.
    Higher,
    /// The other side scores lower.
    Lower,
    /// The difference may be chance.
    NotSettled,
    /// There are two seeds, of which nothing follows.
    TooFew,
    /// There is one score on each side, and no predictions to resample.
    NothingToGoBy,
}

impl Verdict {
    /// Judges a comparison by its `p`, corrected for the comparisons beside it.
    fn of(comparison: &Comparison, corrected: Option<f64>, level: f64) -> Self {
        let Some(p) = corrected else {
            return match comparison.replicates() {
                1 => Self::NothingToGoBy,
                _ => Self::TooFew,
            };
        };
        // All intervals have to lie on the difference's side of zero. They do where p says so, but for draws exactly at the edge, and
        // where few examples bend a score so far that its draws lie on the other side.
        let intervals = || comparison.intervals();
        let difference = comparison.difference;
        match p <= 1.0 - level {
            true if difference > 0.0 && intervals().all(|it| it.low > 0.0) => Self::Higher,
            true if difference < 0.0 && intervals().all(|it| it.high < 0.0) => Self::Lower,
            _ => Self::NotSettled,
        }
    }
}

/// A verdict, and the probability that it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// [`Comparison::p`], corrected by Holm's method for all comparisons that were judged together.
    pub p: Option<f64>,
}

/// Judges comparisons that are made together: the more there are, the more a single one has to show (Holm 1979).
pub fn judge(comparisons: &[&Comparison], level: f64) -> Vec<Judged> {
    let known: Vec<f64> = comparisons.iter().filter_map(|one| one.p()).collect();
    let mut corrected = holm(&known).into_iter();
    comparisons
        .iter()
        .map(|comparison| {
            let p = comparison.p().and_then(|_| corrected.next());
            Judged {
                verdict: Verdict::of(comparison, p, level),
                p,
            }
        })
        .collect()
}

/// Corrects probabilities for being several (Holm 1979): the smallest is multiplied by their number, the next by one less, and none
/// becomes smaller than one before it.
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut corrected = vec![0.0; values.len()];
    let mut largest = 0.0f64;
    for (rank, place) in order.into_iter().enumerate() {
        let factor = (values.len() - rank) as f64;
        largest = largest.max((values[place] * factor).min(1.0));
        corrected[place] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn options() -> Options {
        Options {
            drawing: Drawing {
                draws: 400,
                seed: 0,
            },
            level: 0.95,
        }
    }

    /// A unit whose score on draws spreads around its score.
    fn unit(score: f64, spread: f64) -> Unit {
        let draws = (0..400).map(|draw| score + spread * f64::from(draw % 21 - 10));
        Unit {
            score,
            draws: draws.collect(),
        }
    }

    fn units(scores: &[f64], spread: f64) -> Vec<Unit> {
        scores.iter().map(|score| unit(*score, spread)).collect()
    }

    fn verdict(base: &[f64], other: &[f64], paired: bool) -> Verdict {
        let comparison =
            Comparison::of(&units(base, 0.01), &units(other, 0.02), paired, &options());
        judge(&[&comparison], 0.95)[0].verdict
    }

    #[test]
    fn verdicts_need_three_seeds_or_one_of_each() {
        assert_eq!(verdict(&[1.0, 1.1], &[5.0, 5.2], true), Verdict::TooFew);
        assert_eq!(
            verdict(&[1.0, 1.1, 0.9], &[5.0, 5.2, 5.1], true),
            Verdict::Higher
        );
        assert_eq!(
            verdict(&[5.0, 5.2, 5.1], &[1.0, 1.1, 0.9], false),
            Verdict::Lower
        );
        assert_eq!(
            verdict(&[1.0, 5.0, 3.0], &[2.0, 3.0, 6.0], true),
            Verdict::NotSettled
        );
        assert_eq!(verdict(&[1.0], &[5.0], true), Verdict::Higher);
        assert_eq!(verdict(&[1.0], &[1.01], true), Verdict::NotSettled);
        assert_eq!(verdict(&[1.0], &[5.0, 5.1, 4.9], false), Verdict::Higher);
        assert_eq!(verdict(&[5.0, 5.1], &[1.0], false), Verdict::TooFew);
    }

    #[test]
    fn without_examples_seeds_alone_decide() {
        let bare = |scores: &[f64]| -> Vec<Unit> {
            let units = scores.iter().map(|score| Unit {
                score: *score,
                draws: Vec::new(),
            });
            units.collect()
        };
        let judged = |base: &[f64], other: &[f64]| {
            let comparison = Comparison::of(&bare(base), &bare(other), true, &options());
            assert_eq!(comparison.bootstrap, None);
            judge(&[&comparison], 0.95)[0].verdict
        };
        assert_eq!(judged(&[1.0, 1.1, 0.9], &[5.0, 5.2, 5.1]), Verdict::Higher);
        assert_eq!(judged(&[1.0], &[2.0]), Verdict::NothingToGoBy);
    }

    #[test]
    fn draws_without_a_score_are_left_out_and_counted() {
        let mut base = units(&[1.0, 1.2, 1.1], 0.01);
        base[1].draws[7] = f64::NAN;
        let other = units(&[2.0, 2.2, 2.1], 0.01);
        let comparison = Comparison::of(&base, &other, true, &options());
        let bootstrap = comparison.bootstrap.unwrap();
        assert!(bootstrap.undefined <= 1 && bootstrap.draws + bootstrap.undefined == 400);
    }

    #[test]
    fn draws_on_the_other_side_of_zero_settle_nothing() {
        let base = units(&[1.0, 1.1, 0.9], 0.0);
        let mut other = units(&[2.0, 2.1, 1.9], 0.0);
        for unit in &mut other {
            unit.draws.fill(0.5);
        }
        let comparison = Comparison::of(&base, &other, true, &options());
        assert!(comparison.bootstrap.unwrap().interval.high < 0.0 && comparison.difference > 0.0);
        assert_eq!(judge(&[&comparison], 0.95)[0].verdict, Verdict::NotSettled);
    }

    #[test]
    fn both_parts_of_the_variance_are_told_apart() {
        let of = |scores: &[f64], spread| {
            let comparison = Comparison::of(
                &units(&[0.0; 4], 0.0),
                &units(scores, spread),
                true,
                &options(),
            );
            comparison.bootstrap.unwrap()
        };
        let seeds = of(&[1.0, 2.0, 3.0, 4.0], 0.0);
        assert!(seeds.seeds > 0.4 && seeds.examples == 0.0, "{seeds:?}");
        let examples = of(&[1.0; 4], 0.1);
        assert!(
            examples.seeds == 0.0 && examples.examples > 0.4,
            "{examples:?}"
        );
    }

    #[test]
    fn holm_is_that_of_statsmodels() {
        // statsmodels.stats.multitest.multipletests(…, method="holm")
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        for (one, other) in corrected.iter().zip(expected) {
            assert!((one - other).abs() < 1e-15, "{corrected:?}");
        }
        assert_eq!(holm(&[]), Vec::<f64>::new());
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn sides_changed_over_change_the_sign(
            scores in prop::collection::vec((0.0f64..1.0, 0.0f64..1.0), 1..6),
            paired in any::<bool>(),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = scores.into_iter().unzip();
            let (a, b) = (units(&a, 0.01), units(&b, 0.03));
            let there = Comparison::of(&a, &b, paired, &options());
            let back = Comparison::of(&b, &a, paired, &options());
            prop_assert_eq!(there.difference, -back.difference);
            prop_assert_eq!(there.permutation, back.permutation);
            let (t, u) = (there.student.map(|it| it.p), back.student.map(|it| it.p));
            prop_assert_eq!(t, u);
            if paired {
                let (i, j) = (there.bootstrap.unwrap().interval, back.bootstrap.unwrap().interval);
                prop_assert!((i.low + j.high).abs() < 1e-12 && (i.high + j.low).abs() < 1e-12);
            }
        }

        #[test]
        fn holm_corrects_upwards_and_keeps_the_order(values in prop::collection::vec(0.0f64..1.0, 0..20)) {
            let corrected = holm(&values);
            for (place, value) in values.iter().enumerate() {
                prop_assert!(corrected[place] >= *value && corrected[place] <= 1.0);
                for (other, larger) in values.iter().enumerate() {
                    prop_assert!(value > larger || corrected[place] <= corrected[other]);
                }
            }
        }
    }
}
