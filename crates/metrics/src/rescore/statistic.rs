//! Metrics of examples of which each counts several times, or not at all. With counts of 1 they are the metrics of this crate.

use std::collections::BTreeMap;

use crate::Metric;

/// How the subsets of a set become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooled {
    /// One correlation over all pairs.
    All,
    /// The mean of the subsets' correlations.
    Mean,
    /// That, weighted by the numbers of pairs.
    WeightedMean,
}

/// A metric with all that does not depend on counts worked out.
#[derive(Clone, Debug)]
pub(super) enum Statistic {
    /// The mean of numbers, with weights.
    Mean {
        values: Vec<f64>,
        weights: Option<Vec<f64>>,
    },
    Accuracy {
        right: Mask,
    },
    /// Of class 1.
    F1 {
        both: Mask,
        predicted: Mask,
        right: Mask,
    },
    /// The examples of each pair of a predicted and a true class, and how many classes there are.
    Matthews {
        cells: Vec<(usize, usize, Vec<u32>)>,
        classes: usize,
    },
    /// Numbers scaled by the largest magnitude, so that no square leaves the range of f64.
    Pearson {
        predictions: Vec<f64>,
        labels: Vec<f64>,
    },
    Spearman(Ranking),
    /// Spearman's coefficient of each subset: the places of its examples.
    Subsets {
        subsets: Vec<(Vec<usize>, Self)>,
        weighted: bool,
    },
}

/// Which examples count: all bits set, or none, so that sums have no branches.
#[derive(Clone, Debug)]
pub(super) struct Mask(Vec<u32>);

impl Mask {
    fn of(examples: impl Iterator<Item = bool>) -> Self {
        Self(
            examples
                .map(|counts| if counts { u32::MAX } else { 0 })
                .collect(),
        )
    }

    fn sum(&self, counts: &[u32]) -> u32 {
        let masked = self.0.iter().zip(counts);
        masked.map(|(mask, count)| mask & count).sum()
    }
}

/// Predictions and labels as ranks are made of them.
#[derive(Clone, Debug)]
pub(super) struct Ranking {
    /// The places of examples, predictions ascending.
    places: Vec<u32>,
    /// Where each group of equal predictions ends in `places`.
    ends: Vec<u32>,
    /// For each of `places`, which of the different labels, ascending, it has.
    labels: Vec<u32>,
    /// How many different labels there are.
    different: usize,
}

/// Returns the places of values in ascending order, and where each group of equal ones ends.
fn ascending(values: &[f64]) -> (Vec<u32>, Vec<u32>) {
    let mut places: Vec<u32> = (0..values.len() as u32).collect();
    let value = |place: &u32| values[*place as usize];
    places.sort_by(|a, b| value(a).total_cmp(&value(b)));
    // `==` rather than the total order: -0.0 and 0.0 tie.
    let changes = (1..places.len()).filter(|at| value(&places[*at]) != value(&places[at - 1]));
    let ends = changes.chain([places.len()]).map(|end| end as u32);
    let ends = ends.collect();
    (places, ends)
}

impl Ranking {
    fn of(predictions: &[f64], labels: &[f64]) -> Self {
        let (order, ends) = ascending(labels);
        let mut group = vec![0; labels.len()];
        let mut start = 0;
        for (number, end) in ends.iter().enumerate() {
            for place in &order[start..*end as usize] {
                group[*place as usize] = number as u32;
            }
            start = *end as usize;
        }
        let different = ends.len();
        let (places, ends) = ascending(predictions);
        Self {
            labels: places.iter().map(|place| group[*place as usize]).collect(),
            places,
            ends,
            different,
        }
    }
}

impl Statistic {
    /// The mean of numbers, weighted if there are weights.
    pub(super) fn mean(values: Vec<f64>, weights: Option<Vec<f64>>) -> Result<Self, String> {
        match &weights {
            Some(weights) if weights.iter().any(|weight| *weight < 0.0) => {
                Err("a weight of its predictions is below zero".to_owned())
            }
            _ => Ok(Self::Mean { values, weights }),
        }
    }

    /// A metric of predictions and labels.
    pub(super) fn of(
        metric: Metric,
        predictions: Vec<f64>,
        labels: &[f64],
    ) -> Result<Self, String> {
        let pairs = || predictions.iter().copied().zip(labels.iter().copied());
        if metric == Metric::Pearson {
            return Ok(Self::Pearson {
                predictions: scaled(&predictions),
                labels: scaled(labels),
            });
        }
        if metric == Metric::Spearman {
            return Ok(Self::Spearman(Ranking::of(&predictions, labels)));
        }
        let is_class = |value: f64| value >= 0.0 && value.fract() == 0.0 && value < 1e6;
        if let Some((predicted, label)) = pairs().find(|(a, b)| !is_class(*a) || !is_class(*b)) {
            let other = if is_class(label) { predicted } else { label };
            return Err(format!(
                "`{}` is of classes, and its predictions hold {other}",
                metric.name()
            ));
        }
        Ok(match metric {
            Metric::Accuracy => Self::Accuracy {
                right: Mask::of(pairs().map(|(a, b)| a == b)),
            },
            Metric::F1 => Self::F1 {
                both: Mask::of(pairs().map(|(a, b)| a == 1.0 && b == 1.0)),
                predicted: Mask::of(pairs().map(|(a, _)| a == 1.0)),
                right: Mask::of(pairs().map(|(_, b)| b == 1.0)),
            },
            _ => {
                // Classes are numbered anew, by those that there are.
                let mut known: Vec<u32> = pairs().flat_map(|(a, b)| [a as u32, b as u32]).collect();
                known.sort_unstable();
                known.dedup();
                let number = |class: f64| known.partition_point(|known| *known < class as u32);
                let mut cells = BTreeMap::<(usize, usize), Vec<u32>>::new();
                for (place, (predicted, right)) in pairs().enumerate() {
                    let cell = cells.entry((number(predicted), number(right)));
                    cell.or_default().push(place as u32);
                }
                let cells = cells.into_iter();
                Self::Matthews {
                    cells: cells.map(|((a, b), places)| (a, b, places)).collect(),
                    classes: known.len(),
                }
            }
        })
    }

    /// Spearman's coefficient over subsets. `subsets` names the subset of each pair.
    pub(super) fn of_subsets<'n>(
        pooled: Pooled,
        predictions: &[f64],
        labels: &[f64],
        subsets: impl Iterator<Item = &'n str>,
    ) -> Result<Self, String> {
        if pooled == Pooled::All {
            return Self::of(Metric::Spearman, predictions.to_vec(), labels);
        }
        let mut places = BTreeMap::<&str, Vec<usize>>::new();
        for (place, subset) in subsets.enumerate() {
            places.entry(subset).or_default().push(place);
        }
        let subsets = places.into_values().map(|places| {
            let of = |values: &[f64]| -> Vec<f64> {
                places.iter().map(|place| values[*place]).collect()
            };
            let statistic = Self::of(Metric::Spearman, of(predictions), &of(labels))?;
            Ok((places, statistic))
        });
        Ok(Self::Subsets {
            subsets: subsets.collect::<Result<_, String>>()?,
            weighted: pooled == Pooled::WeightedMean,
        })
    }

    /// Returns the metric of examples that count so often, in all at most 2³¹; NaN where it is undefined.
    pub(super) fn of_counts(&self, counts: &[u32]) -> f64 {
        match self {
            Self::Mean { values, weights } => {
                let (mut sum, mut total) = (0.0, 0.0);
                for (place, (value, count)) in values.iter().zip(counts).enumerate() {
                    let weight = weights.as_ref().map_or(1.0, |weights| weights[place]);
                    let weight = f64::from(*count) * weight;
                    sum += weight * value;
                    total += weight;
                }
                sum / total
            }
            Self::Accuracy { right } => {
                f64::from(right.sum(counts)) / f64::from(counts.iter().sum::<u32>())
            }
            Self::F1 {
                both,
                predicted,
                right,
            } => {
                let either = u64::from(predicted.sum(counts)) + u64::from(right.sum(counts));
                // scikit-learn's convention.
                match either {
                    0 => 0.0,
                    either => 2.0 * f64::from(both.sum(counts)) / either as f64,
                }
            }
            Self::Matthews { cells, classes } => matthews(cells, *classes, counts),
            Self::Pearson {
                predictions,
                labels,
            } => pearson(predictions, labels, counts),
            Self::Spearman(ranking) => spearman(ranking, counts),
            Self::Subsets { subsets, weighted } => {
                let (mut sum, mut total) = (0.0, 0.0);
                for (places, statistic) in subsets {
                    let counts: Vec<u32> = places.iter().map(|place| counts[*place]).collect();
                    let pairs: u64 = counts.iter().map(|count| u64::from(*count)).sum();
                    let weight = if *weighted { pairs as f64 } else { 1.0 };
                    sum += weight * statistic.of_counts(&counts);
                    total += weight;
                }
                sum / total
            }
        }
    }
}

/// See [`crate::matthews`].
fn matthews(cells: &[(usize, usize, Vec<u32>)], classes: usize, counts: &[u32]) -> f64 {
    let mut of_class = vec![(0i128, 0i128); classes];
    let (mut agreed, mut all) = (0i128, 0i128);
    for (predicted, right, places) in cells {
        let counts = places.iter().map(|place| counts[*place as usize]);
        let count = i128::from(counts.sum::<u32>());
        of_class[*predicted].0 += count;
        of_class[*right].1 += count;
        agreed += if predicted == right { count } else { 0 };
        all += count;
    }
    let sum = |of: fn(&(i128, i128)) -> i128| of_class.iter().map(of).sum::<i128>();
    let covariance = agreed * all - sum(|(predicted, right)| predicted * right);
    let predicted = all * all - sum(|(predicted, _)| predicted * predicted);
    let right = all * all - sum(|(_, right)| right * right);
    if predicted == 0 || right == 0 {
        return 0.0;
    }
    let coefficient = covariance as f64 / (predicted as f64 * right as f64).sqrt();
    coefficient.clamp(-1.0, 1.0)
}

fn scaled(values: &[f64]) -> Vec<f64> {
    let magnitudes = values.iter().map(|value| value.abs());
    let largest = magnitudes.fold(0.0, f64::max);
    match largest > 0.0 {
        true => values.iter().map(|value| value / largest).collect(),
        false => values.to_vec(),
    }
}

/// See [`crate::pearson`].
fn pearson(predictions: &[f64], labels: &[f64], counts: &[u32]) -> f64 {
    let is_constant = |values: &[f64]| {
        let drawn = values.iter().zip(counts).filter(|(_, count)| **count > 0);
        let mut drawn = drawn.map(|(value, _)| value);
        let first = drawn.next();
        drawn.all(|value| Some(value) == first)
    };
    if is_constant(predictions) || is_constant(labels) {
        return f64::NAN;
    }
    let all: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let middle = |values: &[f64]| {
        let values = values.iter().zip(counts);
        values
            .map(|(value, count)| value * f64::from(*count))
            .sum::<f64>()
            / all
    };
    let (a_mean, b_mean) = (middle(predictions), middle(labels));
    let (mut product, mut a_square, mut b_square) = (0.0, 0.0, 0.0);
    for ((a, b), count) in predictions.iter().zip(labels).zip(counts) {
        let (x, y) = (a - a_mean, b - b_mean);
        let count = f64::from(*count);
        product += count * x * y;
        a_square += count * x * x;
        b_square += count * y * y;
    }
    (product / (a_square * b_square).sqrt()).clamp(-1.0, 1.0)
}

/// See [`crate::spearman`]: twice a rank is a whole number, and all sums are exact. Of 2³¹ examples a doubled rank is at most 2³², so
/// that a product of a rank and a count fits into 64 bits, and so does its sum.
fn spearman(ranking: &Ranking, counts: &[u32]) -> f64 {
    let counts: Vec<u32> = ranking
        .places
        .iter()
        .map(|place| counts[*place as usize])
        .collect();
    // Of each label how often it was drawn, and then twice its average rank; ranks count from 1.
    let mut right = vec![0u64; ranking.different];
    for (label, count) in ranking.labels.iter().zip(&counts) {
        right[*label as usize] += u64::from(*count);
    }
    let (mut all, mut right_square) = (0u64, 0u128);
    for size in &mut right {
        let rank = 2 * all + *size + 1;
        right_square += u128::from(rank * *size) * u128::from(rank);
        all += *size;
        *size = rank;
    }
    let (mut before, mut start) = (0u64, 0);
    let (mut product, mut left_square) = (0u128, 0u128);
    for end in &ranking.ends {
        let end = *end as usize;
        let (mut size, mut ranks) = (0u64, 0u64);
        for (label, count) in ranking.labels[start..end].iter().zip(&counts[start..end]) {
            size += u64::from(*count);
            ranks += right[*label as usize] * u64::from(*count);
        }
        let rank = 2 * before + size + 1;
        product += u128::from(rank) * u128::from(ranks);
        left_square += u128::from(rank * size) * u128::from(rank);
        before += size;
        start = end;
    }
    let all = i128::from(all);
    let total = all * (all + 1);
    let moment = |products: u128| all * products as i128 - total * total;
    let (left, right) = (moment(left_square), moment(right_square));
    if left == 0 || right == 0 {
        return f64::NAN;
    }
    let coefficient = moment(product) as f64 / (left as f64 * right as f64).sqrt();
    coefficient.clamp(-1.0, 1.0)
}
