//! Metrics of examples of which each counts several times, or not at all. With counts of 1 they are the metrics of this crate.

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
    /// Of each example whether it is right.
    Accuracy(Vec<bool>),
    /// Of each example whether class 1 is predicted and right, and how often it is predicted or right.
    F1(Vec<(u32, u32)>),
    /// Predicted and true classes, and how many classes there are.
    Matthews {
        predicted: Vec<usize>,
        right: Vec<usize>,
        classes: usize,
    },
    Pearson {
        predictions: Vec<f64>,
        labels: Vec<f64>,
    },
    Spearman {
        predictions: Order,
        labels: Order,
    },
    /// Spearman's coefficient of each subset: the places of its examples.
    Subsets {
        subsets: Vec<(Vec<usize>, Self)>,
        weighted: bool,
    },
}

/// The places of values in ascending order, in groups of equal ones.
#[derive(Clone, Debug)]
pub(super) struct Order {
    places: Vec<u32>,
    /// Where each group ends in `places`.
    ends: Vec<u32>,
}

impl Order {
    fn of(values: &[f64]) -> Self {
        let mut places: Vec<u32> = (0..values.len() as u32).collect();
        let value = |place: &u32| values[*place as usize];
        places.sort_by(|a, b| value(a).total_cmp(&value(b)));
        // `==` rather than the total order: -0.0 and 0.0 tie.
        let changes = (1..places.len()).filter(|at| value(&places[*at]) != value(&places[at - 1]));
        let ends = changes.chain([places.len()]).map(|end| end as u32);
        let ends = ends.collect();
        Self { places, ends }
    }

    /// Returns twice the average rank of each value, ranks counted from 1; 0 for values that were not drawn.
    fn doubled_ranks(&self, counts: &[u32]) -> Vec<i64> {
        let mut ranks = vec![0; counts.len()];
        let (mut before, mut start) = (0i64, 0);
        for end in &self.ends {
            let group = &self.places[start..*end as usize];
            let size: i64 = group.iter().map(|at| i64::from(counts[*at as usize])).sum();
            for at in group {
                ranks[*at as usize] = 2 * before + size + 1;
            }
            before += size;
            start = *end as usize;
        }
        ranks
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
        if matches!(metric, Metric::Pearson | Metric::Spearman) {
            return Ok(match metric {
                Metric::Pearson => Self::Pearson {
                    labels: labels.to_vec(),
                    predictions,
                },
                _ => Self::Spearman {
                    predictions: Order::of(&predictions),
                    labels: Order::of(labels),
                },
            });
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
            Metric::Accuracy => Self::Accuracy(pairs().map(|(a, b)| a == b).collect()),
            Metric::F1 => {
                let one = |value: f64| u32::from(value == 1.0);
                let of = |(a, b)| (one(a) * one(b), one(a) + one(b));
                Self::F1(pairs().map(of).collect())
            }
            _ => {
                let classes = |values: &[f64]| -> Vec<usize> {
                    values.iter().map(|value| *value as usize).collect()
                };
                let (predicted, right) = (classes(&predictions), classes(labels));
                let largest = predicted.iter().chain(&right).max();
                Self::Matthews {
                    classes: largest.map_or(0, |largest| largest + 1),
                    predicted,
                    right,
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
        let mut places = std::collections::BTreeMap::<&str, Vec<usize>>::new();
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

    /// Returns the metric of examples that count so often; NaN where it is undefined.
    pub(super) fn of_counts(&self, counts: &[u32]) -> f64 {
        let all = || counts.iter().map(|count| u64::from(*count)).sum::<u64>();
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
            Self::Accuracy(right) => {
                let right = right.iter().zip(counts);
                let right: u64 = right
                    .map(|(right, count)| u64::from(*right) * u64::from(*count))
                    .sum();
                right as f64 / all() as f64
            }
            Self::F1(examples) => {
                let (mut both, mut either) = (0u64, 0u64);
                for ((is_both, is_either), count) in examples.iter().zip(counts) {
                    both += u64::from(is_both * count);
                    either += u64::from(is_either * count);
                }
                // scikit-learn's convention.
                match either {
                    0 => 0.0,
                    either => 2.0 * both as f64 / either as f64,
                }
            }
            Self::Matthews {
                predicted,
                right,
                classes,
            } => matthews(predicted, right, *classes, counts),
            Self::Pearson {
                predictions,
                labels,
            } => pearson(predictions, labels, counts),
            Self::Spearman {
                predictions,
                labels,
            } => spearman(predictions, labels, counts),
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
fn matthews(predicted: &[usize], right: &[usize], classes: usize, counts: &[u32]) -> f64 {
    let mut of_class = vec![(0i128, 0i128); classes];
    let (mut agreed, mut all) = (0i128, 0i128);
    for ((predicted, right), count) in predicted.iter().zip(right).zip(counts) {
        let count = i128::from(*count);
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

/// See [`crate::pearson`].
fn pearson(predictions: &[f64], labels: &[f64], counts: &[u32]) -> f64 {
    let drawn = || counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let is_constant = |values: &[f64]| {
        let mut drawn = drawn().map(|(place, _)| values[place]);
        let first = drawn.next();
        drawn.all(|value| Some(value) == first)
    };
    if is_constant(predictions) || is_constant(labels) {
        return f64::NAN;
    }
    let all: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    // Scaled by the largest magnitude, so that no square leaves the range of f64.
    let centred = |values: &[f64]| {
        let largest = values
            .iter()
            .fold(0.0f64, |largest, value| largest.max(value.abs()));
        let sum: f64 = drawn()
            .map(|(place, count)| values[place] / largest * f64::from(*count))
            .sum();
        (largest, sum / all)
    };
    let ((a, a_mean), (b, b_mean)) = (centred(predictions), centred(labels));
    let (mut product, mut a_square, mut b_square) = (0.0, 0.0, 0.0);
    for (place, count) in drawn() {
        let (x, y) = (predictions[place] / a - a_mean, labels[place] / b - b_mean);
        let count = f64::from(*count);
        product += count * x * y;
        a_square += count * x * x;
        b_square += count * y * y;
    }
    (product / (a_square * b_square).sqrt()).clamp(-1.0, 1.0)
}

/// See [`crate::spearman`]: all sums are exact.
fn spearman(predictions: &Order, labels: &Order, counts: &[u32]) -> f64 {
    let (left, right) = (
        predictions.doubled_ranks(counts),
        labels.doubled_ranks(counts),
    );
    let all: i128 = counts.iter().map(|count| i128::from(*count)).sum();
    let (mut product, mut left_square, mut right_square) = (0i128, 0i128, 0i128);
    for ((left, right), count) in left.iter().zip(&right).zip(counts) {
        // Of 2³⁰ examples a doubled rank is at most 2³¹, so that a product of two fits into 64 bits.
        let count = i128::from(*count);
        product += i128::from(left * right) * count;
        left_square += i128::from(left * left) * count;
        right_square += i128::from(right * right) * count;
    }
    let total = all * (all + 1);
    let moment = |products: i128| all * products - total * total;
    let (left, right) = (moment(left_square), moment(right_square));
    if left == 0 || right == 0 {
        return f64::NAN;
    }
    let coefficient = moment(product) as f64 / (left as f64 * right as f64).sqrt();
    coefficient.clamp(-1.0, 1.0)
}
