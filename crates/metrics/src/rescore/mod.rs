//! A score computed anew from predictions, on examples that are drawn with repetition: what resampling takes.
//!
//! A [`Rescorer`] is made for a score of a run, and is refused where the predictions do not give the score that was written.

mod counted;
mod statistic;

use std::collections::BTreeMap;

use crate::examples::Examples;
use crate::predictions::Name;
use crate::scores::{HUNDREDFOLD, PERCENT, PERPLEXITY, Score};
use crate::{Metric, mean};

use statistic::{Pooled, Statistic};

/// The measure that a perplexity is made of.
const LOSS: &str = "loss";
/// The measure that weighs the others: the number of tokens that a loss is the mean over.
const WEIGHT: &str = "weight";
/// The name of the average over sets (SentEval).
const AVERAGE: &str = "avg";
/// How far a score that is made anew may be from the one that was written, as a share of its size, for rounding.
const ROUNDING: f64 = 1e-9;
/// How far it may be, as a share of its size or of 1, where it was written with few decimals.
const COARSEST: f64 = 0.005;

/// Examples that are drawn among themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Stratum {
    /// The data sets and the split.
    pub name: String,
    /// The examples, sorted.
    pub examples: Vec<Name>,
    /// What is right of each; empty where the predictions do not say.
    pub labels: Vec<f64>,
}

/// Scores a run on drawn examples.
#[derive(Clone, Debug)]
pub struct Rescorer {
    strata: Vec<Stratum>,
    statistics: Vec<Statistic>,
    combined: Combined,
    /// What the value, from 0 to 1, is multiplied by.
    scale: f64,
}

/// How the values of strata become one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Combined {
    /// There is one.
    One,
    /// One, raised to the power of which it is the logarithm.
    Exponential,
    /// The mean of the values as printed, with two decimals (SimCSE's `evaluation.py`).
    MeanAsPrinted,
}

impl Rescorer {
    /// Makes the rescorer of a score, whose examples are those of its split.
    ///
    /// # Errors
    /// When the predictions do not tell how to compute the score, or give another value than the score has. The reason is a
    /// lowercase fragment.
    pub fn new(score: &Score, examples: &Examples) -> Result<Self, String> {
        if let Some(why) = &score.undefined {
            return Err(format!("`{}` is undefined: {why}", score.name));
        }
        let places = of_split(score, examples)?;
        let mut rescorer = Self::of(score, examples, &places)?;
        let ones: Vec<Vec<u32>> = rescorer
            .strata
            .iter()
            .map(|stratum| vec![1; stratum.examples.len()])
            .collect();
        let value = rescorer.score(&ones);
        // Programs of others write shares or percentages, and columns of either.
        let is_mean = matches!(rescorer.statistics[..], [Statistic::Mean { .. }]);
        let scales: &[f64] = match score.unit.as_str() {
            PERCENT | HUNDREDFOLD if is_mean => &[100.0, 1.0],
            PERCENT | HUNDREDFOLD => &[100.0],
            PERPLEXITY => &[1.0],
            _ => &[1.0, 100.0],
        };
        match scales
            .iter()
            .find(|scale| agree(value * *scale, score.value))
        {
            Some(scale) => {
                rescorer.scale = *scale;
                Ok(rescorer)
            }
            None => Err(format!(
                "its predictions do not give its score: `{}` is {} in the scores, and {} by the predictions",
                score.name,
                score.value,
                value * scales[scales.len() - 1]
            )),
        }
    }

    fn of(score: &Score, examples: &Examples, places: &[usize]) -> Result<Self, String> {
        let name = score.name.as_str();
        let one = |statistic, combined| {
            let strata = vec![stratum(examples, places)];
            Ok(Self {
                strata,
                statistics: vec![statistic],
                combined,
                scale: 1.0,
            })
        };
        let measure = |name: &str| {
            let (_, values) = examples.measures.iter().find(|(known, _)| known == name)?;
            Some(
                places
                    .iter()
                    .map(|place| values[*place])
                    .collect::<Vec<f64>>(),
            )
        };
        if let Some(values) = measure(name) {
            return one(Statistic::mean(values, measure(WEIGHT))?, Combined::One);
        }
        if let Some((whole, part)) = name.split_once('.')
            && measure(whole).is_some()
        {
            let places = of_part(part, examples, places)?;
            let whole = Score {
                name: whole.to_owned(),
                ..score.clone()
            };
            return Self::of(&whole, examples, &places);
        }
        if name == "perplexity"
            && let Some(values) = measure(LOSS)
        {
            return one(
                Statistic::mean(values, measure(WEIGHT))?,
                Combined::Exponential,
            );
        }
        let Some(pairs) = &examples.pairs else {
            let known: Vec<String> = examples
                .measures
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            return Err(format!(
                "`{name}` is no column of its predictions, which have {}",
                known.join(", ")
            ));
        };
        let taken = |places: &[usize]| -> (Vec<f64>, Vec<f64>) {
            let of = |values: &[f64]| places.iter().map(|place| values[*place]).collect();
            (of(&pairs.predictions), of(&pairs.labels))
        };
        if let Some(metric) = metric(name) {
            let (predictions, labels) = taken(places);
            return one(Statistic::of(metric, &predictions, &labels)?, Combined::One);
        }
        let unknown = || {
            format!(
                "`{name}` is no metric that is known here, and no column of its predictions: a column of that name, with a number \
                 for each example, is averaged"
            )
        };
        let (metric, pooled) = over_subsets(score).ok_or_else(unknown)?;
        let sets = sets(name, examples, places).ok_or_else(unknown)?;
        let combined = match name.split('.').next() {
            Some(AVERAGE) => Combined::MeanAsPrinted,
            _ => Combined::One,
        };
        let mut rescorer = Self {
            strata: Vec::new(),
            statistics: Vec::new(),
            combined,
            scale: 1.0,
        };
        for places in sets {
            let (predictions, labels) = taken(&places);
            let subsets = places
                .iter()
                .map(|place| examples.names[*place].subset.as_str());
            rescorer.strata.push(stratum(examples, &places));
            rescorer.statistics.push(Statistic::of_subsets(
                metric,
                pooled,
                &predictions,
                &labels,
                subsets,
            )?);
        }
        Ok(rescorer)
    }

    /// Returns what a value from 0 to 1 is multiplied by: 100 where the score is a percentage.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Returns the examples that the score is made of.
    pub fn strata(&self) -> &[Stratum] {
        &self.strata
    }

    /// Scores the run on examples that were drawn so often, by stratum and example, in all at most 2³¹ times, in the unit of the
    /// score. NaN where the score is undefined on them.
    pub fn score(&self, counts: &[Vec<u32>]) -> f64 {
        let mut values = self
            .statistics
            .iter()
            .zip(counts)
            .map(|(statistic, counts)| statistic.of_counts(counts));
        match self.combined {
            Combined::One => self.scale * values.next().unwrap_or(f64::NAN),
            Combined::Exponential => self.scale * libm::exp(values.next().unwrap_or(f64::NAN)),
            Combined::MeanAsPrinted => {
                let printed: Vec<f64> = values.map(|value| as_printed(100.0 * value)).collect();
                self.scale / 100.0 * mean(&printed)
            }
        }
    }
}

/// Returns the places of the examples that a score is of.
fn of_split(score: &Score, examples: &Examples) -> Result<Vec<usize>, String> {
    let mut splits: Vec<&str> = examples
        .names
        .iter()
        .map(|name| name.split.as_str())
        .collect();
    splits.sort_unstable();
    splits.dedup();
    let wanted = match (score.split.as_str(), splits.as_slice()) {
        ("", [only]) | (_, [only @ ""]) => only,
        ("", _) => {
            return Err(format!(
                "its predictions are of {}, and its score `{}` does not say of which split it is",
                splits.join(", "),
                score.name
            ));
        }
        (split, _) => split,
    };
    let all = 0..examples.names.len();
    let places: Vec<usize> = all
        .filter(|place| examples.names[*place].split == wanted)
        .collect();
    match places.is_empty() {
        true => Err(format!("there are no predictions of split `{wanted}`")),
        false => Ok(places),
    }
}

/// Returns the places of the examples whose set, subset, or a part of the path that names their subset, is `part`.
fn of_part(part: &str, examples: &Examples, places: &[usize]) -> Result<Vec<usize>, String> {
    let is_of = |place: &&usize| {
        let name = &examples.names[**place];
        name.set == part || name.subset == part || name.subset.split('/').any(|of| of == part)
    };
    let found: Vec<usize> = places.iter().filter(is_of).copied().collect();
    match found.is_empty() {
        true => Err(format!("none of its predictions are of `{part}`")),
        false => Ok(found),
    }
}

fn stratum(examples: &Examples, places: &[usize]) -> Stratum {
    let names = || places.iter().map(|place| &examples.names[*place]);
    let mut sets: Vec<&str> = names().map(|name| name.set.as_str()).collect();
    sets.dedup();
    let split = names().next().map_or("", |name| name.split.as_str());
    let labels = examples.pairs.as_ref().map(|pairs| &pairs.labels);
    Stratum {
        name: match (sets.join("+"), split) {
            (sets, "") if sets.is_empty() => "the data".to_owned(),
            (sets, "") => sets,
            (sets, split) if sets.is_empty() => split.to_owned(),
            (sets, split) => format!("{sets}/{split}"),
        },
        examples: names().cloned().collect(),
        labels: labels.map_or_else(Vec::new, |labels| {
            places.iter().map(|place| labels[*place]).collect()
        }),
    }
}

/// Returns the metric that a score is named after: `accuracy`, or `accuracy_mm` on a second split.
fn metric(name: &str) -> Option<Metric> {
    Metric::ALL.into_iter().find(|metric| {
        let rest = name.strip_prefix(metric.name());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })
}

/// Returns the metric of a score over sets, and how the subsets of a set become one number. A percentage is an accuracy, the mean over
/// the folds of each set (`mr`); a correlation is Spearman's (`sts12`) or Pearson's (`sts12.pearson`), over all pairs, or with `.mean` or
/// `.wmean` a mean over subsets.
fn over_subsets(score: &Score) -> Option<(Metric, Pooled)> {
    let rest = score.name.split_once('.').map_or("", |(_, rest)| rest);
    if score.unit == PERCENT && rest.is_empty() {
        return Some((Metric::Accuracy, Pooled::Mean));
    }
    let (metric, rest) = match rest.strip_prefix(Metric::Pearson.name()) {
        Some(rest) => (Metric::Pearson, rest.trim_start_matches('.')),
        None => (Metric::Spearman, rest),
    };
    let pooled = match rest {
        "" => Pooled::All,
        "mean" => Pooled::Mean,
        "wmean" => Pooled::WeightedMean,
        _ => return None,
    };
    Some((metric, pooled))
}

/// Returns the places of each set that a score is of: of the set that it is named after (`sts12`), or for `avg` of all sets.
fn sets(name: &str, examples: &Examples, places: &[usize]) -> Option<Vec<Vec<usize>>> {
    let name = name.split('.').next().unwrap_or_default();
    let mut sets: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for place in places {
        let set = examples.names[*place].set.as_str();
        sets.entry(set).or_default().push(*place);
    }
    match name {
        AVERAGE if !sets.is_empty() => Some(sets.into_values().collect()),
        name => sets.remove(name).map(|places| vec![places]),
    }
}

/// Whether a value is the one that was written, with as many decimals as were written.
fn agree(value: f64, written: f64) -> bool {
    let decimals = format!("{written}");
    let decimals = decimals.split_once('.').map_or(0, |(_, rest)| rest.len());
    let half = 0.5 * 0.1f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX));
    // 1 may be 1.0 or 1.00: few decimals are no reason to take 0.7 for 1.
    let size = written.abs().max(1.0);
    (value - written).abs() <= half.min(COARSEST * size) + ROUNDING * size
}

/// Rounds to two decimals as printing does: halfway cases to even.
fn as_printed(value: f64) -> f64 {
    format!("{value:.2}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests;
