//! The stage kind `transfer`: SentEval's transfer tasks.
//!
//! A classifier is fitted to frozen sentence vectors and scored by SentEval's protocol (`protocol`; Conneau and Kiela, *SentEval*, LREC
//! 2018), on the folds that scikit-learn makes (`folds`). Of pairs of sentences the features are |u − v| and u · v, component by component
//! (`senteval/mrpc.py`). Examples come in SentEval's order, by their numbers of words and their classes, which decides the folds.
//!
//! SentEval has two modes. This is the one with scikit-learn (`usepytorch = False`), in which the classifier is the minimum of a convex
//! function: a score is a function of the vectors alone, and is that of scikit-learn where its solver goes on to the minimum (the same
//! examples are right; `tests/goldens/transfer.py`). By its default it stops earlier, since its tolerance is absolute and features
//! are not scaled: with an encoder that has learnt next to nothing, whose components have variances below 0.01, that moved CR and MRPC by
//! 0.1 and TREC by 6 points.
//! SimCSE's published scores are of the other mode, in which the same linear classifier is trained by Adam and stopped early, with a grid of
//! penalties of its own: they differ from these by the noise of that training.

mod folds;
mod protocol;

use benchmarks::{Example, TransferSet, TransferSplits};
use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, Params, ScoreName, Signature,
    Stage, StageError,
};
use linear::Features;
use metrics::predictions::{self, Name, Row};
use metrics::scores::{self, PERCENT, Score};
use serde::Deserialize;

use crate::Embeddings;
use crate::protocol::{AVERAGE, SPLIT, as_printed};
use protocol::{Examples, Held};

/// The number of sets over which papers average.
const SETS: usize = 7;
/// The fewest folds of a cross-validation.
const FEWEST_FOLDS: usize = 3;

/// Scores a classifier over frozen sentence vectors on the transfer sets.
pub struct TransferStage;

#[derive(Deserialize)]
struct Parameters {
    folds: usize,
}

impl Stage for TransferStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "transfer",
            version: 1,
            about: "Scores a logistic regression over frozen sentence vectors on the transfer sets by SentEval's protocol",
            fields: const {
                &[
                    Field::new(
                        "embeddings",
                        FieldType::Input(ArtifactType::Embeddings),
                        FieldDefault::Required,
                        "The vectors, from stage kind `embed`.",
                    ),
                    Field::new(
                        "data",
                        FieldType::Input(ArtifactType::Benchmark),
                        FieldDefault::Required,
                        "The sets of task `transfer`, the same that were embedded.",
                    ),
                    Field::new(
                        "folds",
                        FieldType::Integer {
                            min: FEWEST_FOLDS as i64,
                            max: 100,
                        },
                        FieldDefault::Integer(10),
                        "Folds of the cross-validation, inner and outer: 10 as papers report it.",
                    ),
                ]
            },
            output: ArtifactType::Scores,
            numerics: None,
            files: &[scores::DOCUMENTED, predictions::DOCUMENTED],
        }
    }

    fn scores(
        &self,
        _: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let names = benchmarks::transfer_sets().chain([AVERAGE]);
        Some(names.map(|name| ScoreName::new(name, SPLIT)).collect())
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let embeddings = Embeddings::read(inputs.path("embeddings")?)?;
        let sets = benchmarks::read_transfer(inputs.path("data")?)?;
        if sets.len() < SETS {
            let names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
            context.note(format!(
                "the average is over {} of the {SETS} transfer sets: {}",
                sets.len(),
                names.join(", ")
            ));
        }
        let (mut rows, mut scores) = (Vec::new(), Vec::new());
        for (done, set) in sets.iter().enumerate() {
            context.keep_going()?;
            context.progress(done as u64, sets.len() as u64, "set", set.name.clone());
            let found = score(set, &embeddings, parameters.folds, context)?;
            scores.push(Score {
                name: set.name.clone(),
                value: found.accuracy,
                unit: PERCENT.to_owned(),
                split: SPLIT.to_owned(),
                examples: found.rows.len() as u64,
                main: false,
                undefined: None,
            });
            rows.extend(found.rows);
        }
        // As SimCSE's `evaluation.py`.
        let printed: Vec<f64> = scores.iter().map(|score| as_printed(score.value)).collect();
        scores.push(Score {
            name: AVERAGE.to_owned(),
            value: metrics::mean(&printed),
            unit: PERCENT.to_owned(),
            split: SPLIT.to_owned(),
            examples: rows.len() as u64,
            main: true,
            undefined: None,
        });
        predictions::write(context.output(), &rows)?;
        scores::write(context.output(), &scores)
    }
}

/// The accuracy on a set, in percent, and its predictions.
struct Found {
    accuracy: f64,
    rows: Vec<Row>,
}

fn score(
    set: &TransferSet,
    embeddings: &Embeddings,
    folds: usize,
    context: &Context,
) -> Result<Found, StageError> {
    let splits = set.splits.named().into_iter();
    let splits: Vec<Vec<&Example>> = splits.map(|(_, examples)| in_order(examples)).collect();
    let all: Vec<&Example> = splits.iter().flatten().copied().collect();
    let examples = Examples {
        features: features(set, &all, embeddings)?,
        labels: all.iter().map(|one| one.class()).collect(),
        classes: set.labels.len(),
    };
    let mut begin = 0;
    let places: Vec<Vec<usize>> = splits
        .iter()
        .map(|split| {
            begin += split.len();
            (begin - split.len()..begin).collect()
        })
        .collect();
    let held = match (&set.splits, places.as_slice()) {
        (TransferSplits::Whole(_), [whole]) => {
            enough(set, &all[..whole.len()], folds)?;
            examples.nested(folds, context)?
        }
        (TransferSplits::Test { .. }, [train, test]) => {
            enough(set, &all[..train.len()], folds)?;
            examples.by_folds(train, test, folds)?
        }
        (TransferSplits::Development { .. }, [train, validation, test]) => {
            examples.by_validation(train, validation, test)?
        }
        _ => return Err(StageError::failed("the splits of a set are not as named")),
    };
    if held.is_empty() {
        return Err(StageError::input(
            "data",
            format!("the set `{}` has no example to score", set.name),
            "give the output of a `benchmarks` stage of task `transfer`",
        ));
    }
    Ok(Found {
        accuracy: 100.0 * accuracy(&held, &examples.labels),
        rows: rows(set, &all, &held),
    })
}

/// Returns examples in SentEval's order: by the words of the sentences, and then by class.
fn in_order(examples: &[Example]) -> Vec<&Example> {
    let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).count();
    let mut order: Vec<&Example> = examples.iter().collect();
    order.sort_by_key(|one| {
        let second = one.sentence2.as_deref().map_or(0, words);
        (words(&one.sentence1), second, one.class())
    });
    order
}

/// Refuses a set in which a class has fewer examples than there are folds.
fn enough(set: &TransferSet, examples: &[&Example], folds: usize) -> Result<(), StageError> {
    for (class, label) in set.labels.iter().enumerate() {
        let count = examples.iter().filter(|one| one.class() == class).count();
        // A class that never occurs is none of the classifier's.
        if (1..folds).contains(&count) {
            return Err(StageError::input(
                "data",
                format!(
                    "the class {label} of the set `{}` has {count} examples to train on, and there are {folds} folds",
                    set.name
                ),
                match count {
                    0..FEWEST_FOLDS => format!("give more examples, at least {FEWEST_FOLDS}"),
                    _ => format!("give more examples, or set `folds` to {count} or less"),
                },
            ));
        }
    }
    Ok(())
}

/// Returns the features of examples: the sentence's vector, or of two |u − v| and u · v.
fn features(
    set: &TransferSet,
    examples: &[&Example],
    embeddings: &Embeddings,
) -> Result<Features, StageError> {
    let mut values = Vec::new();
    let mut width = 0;
    for one in examples {
        let before = values.len();
        let first = embeddings.vector(&one.sentence1)?;
        match &one.sentence2 {
            None => values.extend(first.iter().map(|value| f64::from(*value))),
            Some(second) => {
                let second = embeddings.vector(second)?;
                let pairs = || first.iter().zip(second);
                values.extend(pairs().map(|(u, v)| f64::from((u - v).abs())));
                values.extend(pairs().map(|(u, v)| f64::from(u * v)));
            }
        }
        let own = &values[before..];
        if !own.iter().all(|value| value.is_finite()) {
            return Err(StageError::input(
                "embeddings",
                format!("the vector of `{}` is not finite", one.sentence1),
                "its encoder is of a training that diverged, or damaged: give another",
            ));
        }
        if before > 0 && own.len() != width {
            return Err(StageError::input(
                "data",
                format!(
                    "some examples of the set `{}` are pairs, and others not",
                    set.name
                ),
                "give the output of a `benchmarks` stage of task `transfer`",
            ));
        }
        width = own.len();
    }
    Ok(Features::new(values, width))
}

/// Returns the mean over folds of the share of right predictions.
fn accuracy(held: &[Held], labels: &[usize]) -> f64 {
    let folds = held.iter().map(|one| one.fold + 1).max().unwrap_or(0);
    let accuracies: Vec<f64> = (0..folds)
        .map(|fold| {
            let of = held.iter().filter(|one| one.fold == fold);
            let right = of.clone().filter(|one| one.class == labels[one.row]);
            right.count() as f64 / of.count() as f64
        })
        .collect();
    metrics::mean(&accuracies)
}

fn rows(set: &TransferSet, examples: &[&Example], held: &[Held]) -> Vec<Row> {
    let is_whole = matches!(set.splits, TransferSplits::Whole(_));
    let of = |one: &Held| Row {
        name: Name {
            set: set.name.clone(),
            subset: match is_whole {
                true => format!("fold-{:02}", one.fold + 1),
                false => String::new(),
            },
            split: SPLIT.to_owned(),
            example: examples[one.row].id.clone(),
        },
        label: examples[one.row].label,
        prediction: one.class as f64,
        probabilities: one.probabilities.clone(),
    };
    held.iter().map(of).collect()
}
