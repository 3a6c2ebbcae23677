//! From likelihoods of pairs to scores.
//!
//! A pair counts 1 where the acceptable sentence has the higher likelihood, 0 where it has the lower, and one half where both have the
//! same: a model that tells nothing apart has 50 %. The accuracy of a paradigm is the mean over its pairs; that of a phenomenon, a
//! field or of all is the mean over the paradigms in it, each with the same weight (Warstadt et al. 2020).

use std::collections::{BTreeMap, BTreeSet};

use benchmarks::MinimalPair;
use contract::{Column, ColumnType, OutputFile};
use metrics::mean;
use metrics::predictions::{self, Name};
use metrics::scores::{PERCENT, Score};

/// The split under which pairs are scored: nothing of a set is trained on.
const SPLIT: &str = "test";
/// The names of the accuracies: by the sum of log-probabilities, and by their mean over tokens.
const ACCURACY: &str = "accuracy";
const ACCURACY_MEAN: &str = "accuracy_mean";
const TIES: &str = "ties";

/// The file of predictions.
pub(crate) const PREDICTIONS: OutputFile = OutputFile::table(
    predictions::FILE,
    &[
        predictions::SET,
        predictions::SUBSET,
        predictions::SPLIT,
        predictions::EXAMPLE,
        Column::new(
            ACCURACY,
            ColumnType::Number,
            "1 where the acceptable sentence is the likelier one, 0.5 where both are as likely, else 0",
        ),
        Column::new(
            ACCURACY_MEAN,
            ColumnType::Number,
            "the same by the mean over a sentence's tokens",
        ),
        Column::new(
            "weight",
            ColumnType::Number,
            "1 over the number of pairs of the paradigm, since all paradigms weigh the same",
        ),
        Column::new(
            "likelihood_good",
            ColumnType::Number,
            "sum of the log-probabilities in nats of the acceptable sentence's tokens",
        ),
        Column::new("likelihood_bad", ColumnType::Number, "that of the other"),
        Column::new("tokens_good", ColumnType::Number, "how many tokens these are"),
        Column::new("tokens_bad", ColumnType::Number, "those of the other"),
    ],
    "what was found likelier, a row for each pair: `set` is the field, `subset` phenomenon and paradigm",
)
.light();

/// The pseudo-log-likelihood of a sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Likelihood {
    /// The sum over its tokens, in nats.
    pub(crate) sum: f64,
    pub(crate) tokens: usize,
}

impl Likelihood {
    pub(crate) fn of(log_probabilities: &[f64]) -> Self {
        Self {
            sum: kernels::sum(log_probabilities),
            tokens: log_probabilities.len(),
        }
    }

    fn mean(self) -> f64 {
        self.sum / self.tokens as f64
    }
}

/// A pair with the likelihoods of its acceptable sentence and of the other.
#[derive(Clone, Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) pair: &'a MinimalPair,
    pub(crate) good: Likelihood,
    pub(crate) bad: Likelihood,
}

impl Judged<'_> {
    /// Returns what the pair counts by the sum and by the mean.
    fn counts(&self) -> [f64; 2] {
        let count = |good: f64, bad: f64| match good == bad {
            true => 0.5,
            false => f64::from(good > bad),
        };
        [
            count(self.good.sum, self.bad.sum),
            count(self.good.mean(), self.bad.mean()),
        ]
    }
}

/// The pairs of a paradigm: its names, and what each pair counts by sum and mean.
struct Paradigm<'a> {
    names: [&'a str; 3],
    counts: Vec<[f64; 2]>,
}

/// Returns the scores: by sum and by mean, overall, for each field, phenomenon and paradigm; and how many pairs are ties by the sum. A
/// part is named in a score (`accuracy.island_effects`); a name that stands for parts of several levels stands for all their pairs.
pub(crate) fn scores(judged: &[Judged<'_>]) -> Vec<Score> {
    let paradigms = paradigms(judged);
    let mut parts: Vec<Option<&str>> = vec![None];
    let mut seen = BTreeSet::new();
    for level in 0..3 {
        let names: BTreeSet<&str> = paradigms.iter().map(|one| one.names[level]).collect();
        parts.extend(
            names
                .into_iter()
                .filter(|name| seen.insert(*name))
                .map(Some),
        );
    }
    let score = |name: String, value: f64, unit: &str, examples: usize, main: bool| Score {
        name,
        value,
        unit: unit.to_owned(),
        split: SPLIT.to_owned(),
        examples: examples as u64,
        main,
        undefined: None,
    };
    let mut scores = Vec::new();
    for part in parts {
        let of_part = paradigms
            .iter()
            .filter(|one| part.is_none_or(|part| one.names.contains(&part)));
        let of_part: Vec<&Paradigm<'_>> = of_part.collect();
        let pairs = of_part.iter().map(|one| one.counts.len()).sum();
        for (place, metric) in [ACCURACY, ACCURACY_MEAN].into_iter().enumerate() {
            let means = of_part.iter().map(|one| {
                let counts = one.counts.iter().map(|counts| counts[place]);
                mean(&counts.collect::<Vec<_>>())
            });
            let value = 100.0 * mean(&means.collect::<Vec<_>>());
            let name = match part {
                None => metric.to_owned(),
                Some(part) => format!("{metric}.{part}"),
            };
            let main = scores.is_empty();
            scores.push(score(name, value, PERCENT, pairs, main));
        }
    }
    let ties = ties(judged) as f64;
    scores.push(score(TIES.to_owned(), ties, "pairs", judged.len(), false));
    scores
}

/// Returns how many pairs are as likely as each other by the sum.
pub(crate) fn ties(judged: &[Judged<'_>]) -> usize {
    judged.iter().filter(|one| one.counts()[0] == 0.5).count()
}

/// Returns the rows of the predictions, in the order of the pairs.
pub(crate) fn rows(judged: &[Judged<'_>]) -> Vec<(Name, [f64; 7])> {
    let mut sizes = BTreeMap::<&str, usize>::new();
    for one in judged {
        *sizes.entry(&one.pair.paradigm).or_default() += 1;
    }
    let rows = judged.iter().map(|one| {
        let MinimalPair {
            field,
            phenomenon,
            paradigm,
            id,
            ..
        } = one.pair;
        let name = Name {
            set: field.clone(),
            subset: format!("{phenomenon}/{paradigm}"),
            split: SPLIT.to_owned(),
            example: id.clone(),
        };
        let [sum, mean] = one.counts();
        let weight = 1.0 / sizes[paradigm.as_str()] as f64;
        let (good, bad) = (one.good, one.bad);
        let tokens = [good.tokens as f64, bad.tokens as f64];
        (
            name,
            [sum, mean, weight, good.sum, bad.sum, tokens[0], tokens[1]],
        )
    });
    rows.collect()
}

/// Returns the paradigms, sorted by name.
fn paradigms<'a>(judged: &[Judged<'a>]) -> Vec<Paradigm<'a>> {
    let mut found = BTreeMap::<&str, Paradigm<'a>>::new();
    for one in judged {
        let pair = one.pair;
        let paradigm = found.entry(&pair.paradigm).or_insert_with(|| Paradigm {
            names: [&pair.field, &pair.phenomenon, &pair.paradigm].map(String::as_str),
            counts: Vec::new(),
        });
        paradigm.counts.push(one.counts());
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(names: [&str; 3], id: usize) -> MinimalPair {
        let [field, phenomenon, paradigm] = names.map(str::to_owned);
        MinimalPair {
            field,
            phenomenon,
            paradigm,
            id: id.to_string(),
            good: "a".into(),
            bad: "b".into(),
        }
    }

    fn judged<'a>(pairs: &'a [MinimalPair], likelihoods: &[[(f64, usize); 2]]) -> Vec<Judged<'a>> {
        let of = |(sum, tokens)| Likelihood { sum, tokens };
        let pairs = pairs.iter().zip(likelihoods);
        pairs
            .map(|(pair, [good, bad])| Judged {
                pair,
                good: of(*good),
                bad: of(*bad),
            })
            .collect()
    }

    fn value(scores: &[Score], name: &str) -> f64 {
        let found = scores.iter().find(|score| score.name == name);
        found.map_or(f64::NAN, |score| score.value)
    }

    #[test]
    fn paradigms_weigh_the_same_and_ties_count_one_half() {
        let adjunct = ["syntax", "islands", "adjunct"];
        let pairs = [
            pair(adjunct, 0),
            pair(adjunct, 1),
            pair(adjunct, 2),
            pair(["syntax", "islands", "wh"], 0),
            pair(["morphology", "agreement", "agreement"], 0),
        ];
        let judged = judged(
            &pairs,
            &[
                [(-3.0, 3), (-4.0, 4)],
                [(-5.0, 5), (-4.0, 2)],
                [(-2.0, 1), (-2.0, 2)],
                [(-1.0, 1), (-2.0, 1)],
                [(-9.0, 2), (-8.0, 1)],
            ],
        );
        let scores = scores(&judged);
        let of = |name: &str| value(&scores, name);
        assert_eq!(of("accuracy.adjunct"), 50.0);
        assert_eq!(of("accuracy.wh"), 100.0);
        assert_eq!(of("accuracy.islands"), 75.0);
        assert_eq!(of("accuracy.syntax"), 75.0);
        assert_eq!(of("accuracy.agreement"), 0.0);
        assert_eq!(of("accuracy"), 50.0);
        // By the mean over tokens: a tie, right, wrong; right; right.
        assert_eq!(of("accuracy_mean.adjunct"), 50.0);
        assert_eq!(of("accuracy_mean"), 100.0 * ((0.5 + 1.0 + 1.0) / 3.0));
        assert_eq!(of("ties"), 1.0);
        assert!(scores[0].main && scores[0].name == "accuracy");
        let names: BTreeSet<&str> = scores.iter().map(|score| score.name.as_str()).collect();
        assert_eq!(names.len(), scores.len(), "`agreement` is there once");
        let weights: Vec<f64> = rows(&judged).iter().map(|(_, row)| row[2]).collect();
        assert_eq!(weights, [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 1.0, 1.0]);
    }

    #[test]
    fn a_model_that_tells_nothing_apart_has_exactly_one_half() {
        let pairs: Vec<MinimalPair> = (0..7)
            .map(|at| pair(["f", "p", ["x", "y", "z"][at % 3]], at))
            .collect();
        let equal = [[(-1.25, 3), (-1.25, 3)]; 7];
        let scores = scores(&judged(&pairs, &equal));
        for score in scores.iter().filter(|score| score.name != TIES) {
            assert_eq!(score.value, 50.0, "{}", score.name);
        }
        assert_eq!(value(&scores, TIES), 7.0);
    }
}
