//! Tasks with a class or a number per example: examples, labels and the metrics that score predictions.

use contract::{ScoreName, StageError};
use metrics::predictions::{Name, Row};
use metrics::scores::Score;
use metrics::{Metric, MetricError};
use serde::{Deserialize, Serialize};

/// One labelled sentence or pair of sentences.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The data set's name for the example, or else its place in the file, from 0. Unique in its split.
    pub id: String,
    /// The only sentence, or the first of two, as it is in the file.
    pub sentence1: String,
    /// The second sentence, for tasks over pairs.
    pub sentence2: Option<String>,
    /// The index of the class in [`Task::labels`], or the score from 0 to 5 of a regression task.
    pub label: f64,
}

impl Example {
    /// Returns the class of an example, in a classification task.
    pub fn class(&self) -> usize {
        self.label as usize
    }
}

/// One pair of a semantic textual similarity set.
#[derive(Clone, Debug, PartialEq)]
pub struct StsPair {
    /// `sts12` to `sts16`, `stsb` or `sickr`.
    pub set: String,
    /// The part of the set, as its file is named (`MSRpar`); `test` for `stsb` and `sickr`.
    pub subset: String,
    /// The set's name for the pair, or else its line in the file, from 0. Unique in its subset.
    pub id: String,
    /// The first sentence, with single spaces between its words.
    pub sentence1: String,
    /// The second sentence, with single spaces between its words.
    pub sentence2: String,
    /// Similarity of the two sentences, from 0 to 5, as judged by people.
    pub score: f64,
}

/// An acceptable sentence and one that differs from it just so much that it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinimalPair {
    /// The field of linguistics: `syntax`.
    pub field: String,
    /// The phenomenon: `island_effects`.
    pub phenomenon: String,
    /// The pattern by which the pair was made: `adjunct_island`.
    pub paradigm: String,
    /// The data set's name for the pair, or else its place in its paradigm, from 0. Unique in its paradigm.
    pub id: String,
    /// The acceptable sentence.
    pub good: String,
    /// The other.
    pub bad: String,
}

/// A sentence to train on by contrast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triplet {
    /// The sentence: of NLI the premise.
    pub anchor: String,
    /// A sentence that belongs to it: of NLI one that it entails. `None` where sentences stand alone.
    pub positive: Option<String>,
    /// A hard negative: of NLI a sentence that contradicts the premise.
    pub negative: Option<String>,
}

/// Sentences with classes, on which a classifier over frozen sentence vectors is fitted and scored.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferSet {
    /// `mr`, `cr`, `subj`, `mpqa`, `sst2`, `trec` or `mrpc`.
    pub name: String,
    /// The names of the classes.
    pub labels: Vec<String>,
    /// The examples, by split.
    pub splits: TransferSplits,
}

/// The splits of a [`TransferSet`], which decide how it is scored.
#[derive(Clone, Debug, PartialEq)]
pub enum TransferSplits {
    /// No split: scored by nested cross-validation.
    Whole(Vec<Example>),
    /// A test set: what is to be chosen is chosen by cross-validation on the training set.
    Test {
        /// The training set.
        train: Vec<Example>,
        /// The test set.
        test: Vec<Example>,
    },
    /// A development set to choose by, and a test set.
    Development {
        /// The training set.
        train: Vec<Example>,
        /// The development set.
        validation: Vec<Example>,
        /// The test set.
        test: Vec<Example>,
    },
}

impl TransferSplits {
    /// Returns the splits with their names: `all`, or `train`, `validation` and `test`.
    pub fn named(&self) -> Vec<(&'static str, &[Example])> {
        match self {
            Self::Whole(all) => vec![("all", all)],
            Self::Test { train, test } => vec![("train", train), ("test", test)],
            Self::Development {
                train,
                validation,
                test,
            } => vec![("train", train), ("validation", validation), ("test", test)],
        }
    }
}

/// The prediction for an example of a task with classes or numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the predicted class, or the predicted number.
    pub value: f64,
    /// The probability of each class; empty for a number.
    pub probabilities: Vec<f32>,
}

/// Whether a task's labels are classes or numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One of a few classes.
    Classification,
    /// A number.
    Regression,
}

/// A GLUE task or one of the user's own, read from a benchmark artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// `sst2`, `mnli`, `qnli`, `rte`, `qqp`, `mrpc`, `cola`, `stsb` or `wnli`, or what the user calls it.
    pub name: String,
    /// Whether labels are classes or numbers.
    pub kind: Kind,
    /// The names of the classes, of GLUE's tasks in Hugging Face's order; empty for regression.
    pub labels: Vec<String>,
    /// The official or declared metrics, the main one first.
    pub metrics: Vec<Metric>,
    /// The training split.
    pub train: Vec<Example>,
    /// The development split (MNLI: matched).
    pub validation: Vec<Example>,
    /// MNLI's development split from other genres than the training split's.
    pub validation_mismatched: Option<Vec<Example>>,
}

/// Name of the split that is scored.
pub(crate) const SPLIT: &str = "validation";
/// Name of MNLI's second scored split, and the suffix of its scores' names.
const MISMATCHED: (&str, &str) = ("validation_mismatched", "_mm");

impl Task {
    /// Returns the names of the scores of all tasks.
    pub fn score_names() -> Vec<ScoreName> {
        let names = Metric::ALL.into_iter().flat_map(|metric| {
            let (split, suffix) = MISMATCHED;
            [
                ScoreName::new(metric.name(), SPLIT),
                ScoreName::new(format!("{}{suffix}", metric.name()), split),
            ]
        });
        names.collect()
    }

    /// Returns the number of outputs that a model of the task needs: the number of classes, or 1 for regression.
    pub fn outputs(&self) -> usize {
        match self.kind {
            Kind::Classification => self.labels.len(),
            Kind::Regression => 1,
        }
    }

    /// Scores predictions of the validation split, and of the mismatched one where the task has it, with every metric
    /// of the task. Predictions are in the order of the examples.
    /// The first score is the main one; names of scores of the mismatched split end in `_mm`. A correlation with a constant is
    /// undefined, and the score says so.
    ///
    /// # Errors
    /// When the numbers of predictions and examples differ, `mismatched` is given for a task without that split or the
    /// reverse, or a prediction of a regression task is not finite.
    pub fn scores(
        &self,
        validation: &[Prediction],
        mismatched: Option<&[Prediction]>,
    ) -> Result<Vec<Score>, StageError> {
        let mut scores = Vec::new();
        for (split, suffix, examples, predictions) in self.splits(validation, mismatched)? {
            for metric in &self.metrics {
                let (value, undefined) = match score(*metric, examples, predictions) {
                    Ok(value) => (value, None),
                    Err(MetricError::Undefined(why)) => (f64::NAN, Some(why.to_string())),
                    Err(error) => return Err(error.into()),
                };
                scores.push(Score {
                    name: format!("{}{suffix}", metric.name()),
                    value,
                    unit: metric.unit().to_owned(),
                    split: split.to_owned(),
                    examples: examples.len() as u64,
                    main: scores.is_empty(),
                    undefined,
                });
            }
        }
        Ok(scores)
    }

    /// Returns predictions as rows of `predictions.parquet`.
    ///
    /// # Errors
    /// When predictions of a split are given for a task without that split, or are missing for one with it.
    pub fn rows(
        &self,
        validation: &[Prediction],
        mismatched: Option<&[Prediction]>,
    ) -> Result<Vec<Row>, StageError> {
        let splits = self.splits(validation, mismatched)?.into_iter();
        let rows = splits.flat_map(|(split, _, examples, predictions)| {
            self.rows_of(split, examples, predictions)
        });
        Ok(rows.collect())
    }

    /// Returns predictions for examples of the split `split` as rows of `predictions.parquet`.
    pub fn rows_of<'a>(
        &'a self,
        split: &'a str,
        examples: &'a [Example],
        predictions: &'a [Prediction],
    ) -> impl Iterator<Item = Row> + 'a {
        examples
            .iter()
            .zip(predictions)
            .map(move |(one, found)| Row {
                name: Name {
                    set: self.name.clone(),
                    subset: String::new(),
                    split: split.to_owned(),
                    example: one.id.clone(),
                },
                label: one.label,
                prediction: found.value,
                probabilities: found.probabilities.clone(),
            })
    }

    /// Returns the scored splits with their predictions.
    fn splits<'a>(
        &'a self,
        validation: &'a [Prediction],
        mismatched: Option<&'a [Prediction]>,
    ) -> Result<Vec<Scored<'a>>, StageError> {
        let first = (SPLIT, "", &self.validation[..], validation);
        match (&self.validation_mismatched, mismatched) {
            (None, None) => Ok(vec![first]),
            (Some(examples), Some(predictions)) => {
                let (split, suffix) = MISMATCHED;
                Ok(vec![first, (split, suffix, examples, predictions)])
            }
            _ => Err(StageError::failed(
                "predictions of a mismatched split go with a task that has one",
            )),
        }
    }
}

/// A scored split: its name, the suffix of its scores' names, its examples and the predictions for them.
type Scored<'a> = (&'static str, &'static str, &'a [Example], &'a [Prediction]);

/// Returns one metric, in its unit, from -100 to 100.
fn score(
    metric: Metric,
    examples: &[Example],
    predictions: &[Prediction],
) -> Result<f64, MetricError> {
    let predictions: Vec<f64> = predictions.iter().map(|one| one.value).collect();
    let labels: Vec<f64> = examples.iter().map(|example| example.label).collect();
    Ok(100.0 * metric.of(&predictions, &labels)?)
}
