//! Metrics of examples of which each counts several times, or not at all. With counts of 1 they are the metrics of this crate.

use std::collections::BTreeMap;

use super::counted::{Cell, Mask, Ranking, matthews, pearson, scaled, spearman};
use crate::Metric;

/// How the subsets of a set become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooled {
    /// One value over all examples.
    All,
    /// The mean of the subsets' values.
    Mean,
    /// That, weighted by the numbers of examples.
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
        cells: Vec<Cell>,
        classes: usize,
    },
    /// Numbers scaled by the largest magnitude, so that no square leaves the range of f64.
    Pearson {
        predictions: Vec<f64>,
        labels: Vec<f64>,
    },
    Spearman(Ranking),
    /// The metric of each subset: the places of its examples.
    Subsets {
        subsets: Vec<(Vec<usize>, Self)>,
        weighted: bool,
    },
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
    pub(super) fn of(metric: Metric, predictions: &[f64], labels: &[f64]) -> Result<Self, String> {
        let pairs = || predictions.iter().copied().zip(labels.iter().copied());
        if metric == Metric::Pearson {
            return Ok(Self::Pearson {
                predictions: scaled(predictions),
                labels: scaled(labels),
            });
        }
        if metric == Metric::Spearman {
            return Ok(Self::Spearman(Ranking::of(predictions, labels)));
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
                    cells: cells
                        .map(|((predicted, right), places)| Cell {
                            predicted,
                            right,
                            places,
                        })
                        .collect(),
                    classes: known.len(),
                }
            }
        })
    }

    /// A metric over subsets. `subsets` names the subset of each example.
    pub(super) fn of_subsets<'n>(
        metric: Metric,
        pooled: Pooled,
        predictions: &[f64],
        labels: &[f64],
        subsets: impl Iterator<Item = &'n str>,
    ) -> Result<Self, String> {
        if pooled == Pooled::All {
            return Self::of(metric, predictions, labels);
        }
        let mut places = BTreeMap::<&str, Vec<usize>>::new();
        for (place, subset) in subsets.enumerate() {
            places.entry(subset).or_default().push(place);
        }
        let subsets = places.into_values().map(|places| {
            let of = |values: &[f64]| -> Vec<f64> {
                places.iter().map(|place| values[*place]).collect()
            };
            let statistic = Self::of(metric, &of(predictions), &of(labels))?;
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
