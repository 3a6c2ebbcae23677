//! SentEval's protocol for the sets of semantic textual similarity, as SimCSE uses it.
//!
//! A pair's similarity is the cosine of its two vectors. The score is Spearman's rank correlation of similarities and people's
//! judgements, times 100; Pearson's, by which earlier papers report, stands beside it, with `.pearson` after the set's name. STS12 to STS16 have several subsets, and papers differ in how these become one number
//! (Gao et al., *SimCSE*, 2021, appendix B):
//!
//! * `all`: one correlation over the pairs of all subsets together;
//! * `mean`: the mean of the subsets' correlations;
//! * `wmean`: their mean weighted by the number of pairs.
//!
//! For the same vectors the three differ by up to 18 points, so all are written, each under a name of its own: `sts12`,
//! `sts12.mean`, `sts12.wmean`, and `sts12.pearson`, `sts12.pearson.mean`, `sts12.pearson.wmean`. The average over the sets is the plain mean of the values *as printed*, with two decimals, as in
//! SimCSE's `evaluation.py`; the set of all pairs of SICK, if there is one, has no part in it. Where similarities are constant, a correlation is undefined, as in SciPy, and so is every mean
//! that contains it.

use std::collections::BTreeMap;

use benchmarks::StsPair;
use contract::{ScoreName, StageError};
use metrics::scores::{HUNDREDFOLD, Score};
use metrics::{Metric, MetricError};
use serde::Deserialize;

/// How the subsets of a set become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// One correlation over all pairs.
    All,
    /// The mean of the subsets' correlations.
    Mean,
    /// The mean of the subsets' correlations, weighted by the numbers of pairs.
    Wmean,
}

impl Aggregate {
    const EACH: [Self; 3] = [Self::All, Self::Mean, Self::Wmean];

    /// Returns the suffix of a score's name.
    const fn suffix(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Mean => ".mean",
            Self::Wmean => ".wmean",
        }
    }
}

/// The correlations, with what the names of their scores have after the set.
const CORRELATIONS: [(Metric, &str); 2] = [(Metric::Spearman, ""), (Metric::Pearson, ".pearson")];

/// The similarities of one subset's pairs, and the judgements of the same pairs.
#[derive(Default)]
struct Subset {
    similarities: Vec<f64>,
    judgements: Vec<f64>,
}

/// The name of the average over the sets.
pub(crate) const AVERAGE: &str = "avg";
pub(crate) const SPLIT: &str = "test";

/// Returns the split of a set's pairs.
pub(crate) fn split_of(set: &str) -> &'static str {
    match set {
        benchmarks::SICKR_ALL => "all",
        _ => SPLIT,
    }
}

/// A score, or the reason why it is undefined.
type Value = Result<f64, String>;

/// Scores `similarities`, one per pair, and returns six scores per set, in the order in which the sets first appear, and
/// six averages over the sets: three ways over subsets by Spearman's correlation, and by Pearson's. `main` chooses the main one of the
/// averages by Spearman's.
///
/// # Errors
/// When there are no pairs, not as many similarities as pairs, or a similarity is not finite.
pub fn score(
    pairs: &[StsPair],
    similarities: &[f64],
    main: Aggregate,
) -> Result<Vec<Score>, StageError> {
    if pairs.len() != similarities.len() || pairs.is_empty() {
        let (found, wanted) = (similarities.len(), pairs.len());
        return Err(StageError::failed(format!(
            "{found} similarities for {wanted} pairs"
        )));
    }
    let mut order: Vec<&str> = Vec::new();
    let mut sets = BTreeMap::<&str, BTreeMap<&str, Subset>>::new();
    for (pair, similarity) in pairs.iter().zip(similarities) {
        if !order.contains(&pair.set.as_str()) {
            order.push(&pair.set);
        }
        let subset = sets
            .entry(&pair.set)
            .or_default()
            .entry(&pair.subset)
            .or_default();
        subset.similarities.push(*similarity);
        subset.judgements.push(pair.score);
    }

    let new = |name: String, value: &Value, split: &str, examples: usize, main: bool| Score {
        name,
        value: value.as_ref().copied().unwrap_or(f64::NAN),
        unit: HUNDREDFOLD.to_owned(),
        split: split.to_owned(),
        examples: examples as u64,
        main,
        undefined: value.as_ref().err().cloned(),
    };
    let mut scores = Vec::new();
    let mut printed: Vec<Vec<Value>> = vec![Vec::new(); ways().count()];
    let mut averaged = 0;
    for name in order {
        let subsets: Vec<&Subset> = sets[name].values().collect();
        let examples = subsets.iter().map(|subset| subset.judgements.len()).sum();
        let split = split_of(name);
        for ((metric, aggregate, suffix), printed) in ways().zip(&mut printed) {
            let value = correlate(metric, &subsets, aggregate)?.map(|value| 100.0 * value);
            if split == SPLIT {
                printed.push(
                    value
                        .clone()
                        .map(as_printed)
                        .map_err(|why| format!("{why} in {name}")),
                );
            }
            let name = format!("{name}{suffix}");
            scores.push(new(name, &value, split, examples, false));
        }
        averaged += if split == SPLIT { examples } else { 0 };
    }
    for ((metric, aggregate, suffix), printed) in ways().zip(printed) {
        let printed: Result<Vec<f64>, String> = printed.into_iter().collect();
        let value = printed.and_then(|values| match values.is_empty() {
            true => Err("none of the seven sets is scored".to_owned()),
            false => Ok(metrics::mean(&values)),
        });
        let main = metric == Metric::Spearman && aggregate == main;
        scores.push(new(
            format!("{AVERAGE}{suffix}"),
            &value,
            SPLIT,
            averaged,
            main,
        ));
    }
    Ok(scores)
}

/// Returns the ways of scoring a set, with what the names of their scores have after the set.
fn ways() -> impl Iterator<Item = (Metric, Aggregate, String)> {
    CORRELATIONS.into_iter().flat_map(|(metric, name)| {
        let each = Aggregate::EACH.into_iter();
        each.map(move |aggregate| (metric, aggregate, format!("{name}{}", aggregate.suffix())))
    })
}

/// Returns the names of the scores of all seven sets and of all pairs of SICK.
pub(crate) fn score_names() -> Vec<ScoreName> {
    let sets = benchmarks::sts_sets().chain([benchmarks::SICKR_ALL, AVERAGE]);
    let names = sets.flat_map(|name| {
        ways().map(move |(_, _, suffix)| ScoreName::new(format!("{name}{suffix}"), split_of(name)))
    });
    names.collect()
}

fn correlate(
    metric: Metric,
    subsets: &[&Subset],
    aggregate: Aggregate,
) -> Result<Value, StageError> {
    if aggregate == Aggregate::All {
        let join = |get: fn(&Subset) -> &Vec<f64>| -> Vec<f64> {
            subsets
                .iter()
                .flat_map(|subset| get(subset))
                .copied()
                .collect()
        };
        return value(metric.of(&join(|it| &it.similarities), &join(|it| &it.judgements)));
    }
    let (mut sum, mut weights) = (0.0, 0.0);
    for subset in subsets {
        let weight = match aggregate {
            Aggregate::Wmean => subset.judgements.len() as f64,
            _ => 1.0,
        };
        match value(metric.of(&subset.similarities, &subset.judgements))? {
            Ok(correlation) => sum += weight * correlation,
            Err(why) => return Ok(Err(why)),
        }
        weights += weight;
    }
    Ok(Ok(sum / weights))
}

fn value(correlation: Result<f64, MetricError>) -> Result<Value, StageError> {
    match correlation {
        Ok(correlation) => Ok(Ok(correlation)),
        Err(MetricError::Undefined(why)) => Ok(Err(why.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Rounds to two decimals as printing does: halfway cases to even.
pub(crate) fn as_printed(value: f64) -> f64 {
    format!("{value:.2}").parse().unwrap_or(value)
}

/// Returns the cosine of two vectors, computed in 64 bits. For equal vectors it is exactly 1, so that pairs of equal
/// sentences tie. It is 0 where a vector is zero or not finite, as in SentEval.
pub fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let cosine = dot(left, right) / (dot(left, left) * dot(right, right)).sqrt();
    if cosine.is_finite() { cosine } else { 0.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn pair(set: &str, subset: &str, score: f64) -> StsPair {
        StsPair {
            set: set.to_owned(),
            subset: subset.to_owned(),
            id: String::new(),
            sentence1: String::new(),
            sentence2: String::new(),
            score,
        }
    }

    #[test]
    fn what_is_scored_is_what_is_said_beforehand() {
        let pairs: Vec<StsPair> = benchmarks::sts_sets()
            .chain([benchmarks::SICKR_ALL])
            .flat_map(|set| (0..3).map(move |score| pair(set, "a", f64::from(score))))
            .collect();
        let similarities: Vec<f64> = (0..pairs.len()).map(|place| place as f64 / 100.0).collect();
        let mut made: Vec<ScoreName> = score(&pairs, &similarities, Aggregate::All)
            .unwrap()
            .into_iter()
            .map(|score| {
                let set = score.name.split('.').next().unwrap_or_default();
                assert_eq!(score.split, split_of(set));
                ScoreName::new(score.name.clone(), split_of(set))
            })
            .collect();
        let mut said = score_names();
        made.sort();
        said.sort();
        assert_eq!(made, said);
    }

    #[test]
    fn the_three_aggregates_differ_as_they_should() {
        // Both subsets, of unequal sizes, are in perfect order, the second in reverse.
        let mut pairs: Vec<StsPair> = (0..3)
            .map(|score| pair("sts12", "a", f64::from(score)))
            .collect();
        pairs.extend((0..2).map(|score| pair("sts12", "b", f64::from(score))));
        let scores = score(&pairs, &[0.1, 0.2, 0.9, 0.8, 0.3], Aggregate::Wmean).unwrap();
        let value = |name: &str| {
            scores
                .iter()
                .find(|score| score.name == name)
                .unwrap()
                .value
        };
        assert_eq!(value("sts12.mean"), 0.0);
        assert!((value("sts12.wmean") - 20.0).abs() < 1e-12);
        // Ranks 1 2 5 4 3 against 1.5 3.5 5 1.5 3.5: 5 / sqrt(10 * 9).
        assert!((value("sts12") - 500.0 / 90.0f64.sqrt()).abs() < 1e-12);
        let mains: Vec<_> = scores
            .iter()
            .filter(|score| score.main)
            .map(|score| &score.name)
            .collect();
        assert_eq!(mains, ["avg.wmean"]);
    }

    #[test]
    fn constant_similarities_have_no_score() {
        let mut pairs: Vec<StsPair> = (0..3)
            .map(|score| pair("sts12", "a", f64::from(score)))
            .collect();
        pairs.extend((0..3).map(|score| pair("sickr", "test", f64::from(score))));
        let scores = score(&pairs, &[0.5, 0.5, 0.5, 0.1, 0.2, 0.3], Aggregate::All).unwrap();
        let told = |name: &str| {
            let score = scores.iter().find(|score| score.name == name).unwrap();
            assert_eq!(score.value.is_nan(), score.undefined.is_some());
            score.undefined.clone()
        };
        assert_eq!(told("sts12"), Some("constant predictions".into()));
        assert_eq!(told("sts12.wmean"), Some("constant predictions".into()));
        assert_eq!(told("sickr"), None);
        assert_eq!(told("avg"), Some("constant predictions in sts12".into()));
    }

    #[test]
    fn the_average_is_of_values_as_printed() {
        assert_eq!(as_printed(57.865), 57.87);
        assert_eq!(as_printed(57.125), 57.12);
        assert_eq!(as_printed(-0.004), 0.0);
    }

    #[test]
    fn a_cosine_without_a_value_is_zero() {
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 2.0]), 0.0);
        assert_eq!(cosine(&[f32::NAN, 0.0], &[1.0, 2.0]), 0.0);
        assert_eq!(cosine(&[3.0, 4.0], &[4.0, 3.0]), 0.96);
    }

    proptest! {
        #[test]
        fn equal_vectors_have_cosine_one(vector in prop::collection::vec(-9.0f32..9.0, 1..50)) {
            prop_assume!(vector.iter().any(|value| *value != 0.0));
            prop_assert_eq!(cosine(&vector, &vector), 1.0);
        }
    }

    #[test]
    fn nothing_to_score_is_an_error() {
        assert!(score(&[], &[], Aggregate::All).is_err());
        assert!(score(&[pair("stsb", "test", 1.0)], &[], Aggregate::All).is_err());
    }
}
