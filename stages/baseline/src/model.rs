//! The bag-of-words model: choosing the penalty, fitting, predicting.

use benchmarks::{Example, Kind, Prediction, Task};
use contract::StageError;
use kernels::Stream;
use linear::{Loss, Stop, logistic, minimise, softmax};
use metrics::scores::Score;

use crate::Predictions;
use crate::features::{Rows, Vocabulary};
use crate::objective::{Objective, linear};

/// The inverse penalties C that are tried, strongest penalty first.
const INVERSE_PENALTIES: [f64; 4] = [0.01, 0.1, 1.0, 10.0];
/// The share of training examples that are held out to choose the penalty.
const HELD_OUT: f64 = 0.2;
/// When a fit stops: scikit-learn's tolerance.
const STOP: Stop = Stop {
    slope: 1e-4,
    steps: 300,
};

/// A linear model over the words of sentences: logistic regression for classes, ridge regression for numbers.
///
/// Features are the counts of each word of the first sentence, those of the second, and for each word whether both
/// have it. The strength of the L2 penalty is chosen from four by accuracy (regression: squared error) on a random
/// fifth of the training examples, after which all are fitted.
pub struct BagOfWords {
    vocabulary: Vocabulary,
    shape: Shape,
    parameters: Vec<f64>,
    inverse_penalty: f64,
}

impl BagOfWords {
    /// Fits a model to `train`. `classes` is the number of classes; a regression ignores it.
    ///
    /// # Errors
    /// When `train` is empty, or a label is not a class, or not a finite number.
    pub fn fit(train: &[Example], kind: Kind, classes: usize) -> Result<Self, StageError> {
        check(train, kind, classes)?;
        let vocabulary = Vocabulary::of(train);
        let shape = Shape::of(kind, classes, vocabulary.len());
        let rows = vocabulary.rows(train);
        let labels: Vec<f64> = train.iter().map(|example| example.label).collect();
        let (start, inverse_penalty) = choose_penalty(&rows, &labels, shape);
        let all: Vec<usize> = (0..train.len()).collect();
        let parameters = shape.fit(start, &rows, &labels, &all, inverse_penalty, &STOP);
        Ok(Self {
            vocabulary,
            shape,
            parameters,
            inverse_penalty,
        })
    }

    /// Returns the prediction for each example: the class with the probabilities of all classes, or the number.
    pub fn predict(&self, examples: &[Example]) -> Vec<Prediction> {
        let rows = self.vocabulary.rows(examples);
        (0..rows.len())
            .map(|index| {
                let row = rows.row(index);
                Prediction {
                    value: self.shape.predict(&self.parameters, row),
                    probabilities: self.shape.probabilities(&self.parameters, row),
                }
            })
            .collect()
    }

    /// Returns the chosen inverse penalty C, defined as in scikit-learn's `LogisticRegression`.
    pub fn inverse_penalty(&self) -> f64 {
        self.inverse_penalty
    }
}

/// Fits the model to a task's training split and predicts its validation splits.
///
/// # Errors
/// When the training split is empty, or a label is not a class of the task.
pub fn bag_of_words_predictions(task: &Task) -> Result<Predictions, StageError> {
    let model = BagOfWords::fit(&task.train, task.kind, task.labels.len())?;
    Ok(Predictions::of(task, |examples| model.predict(examples)))
}

/// Fits the model to a task's training split and scores it with the task's metrics on its validation splits.
///
/// # Errors
/// When a split is empty, or a label is not a class of the task.
pub fn bag_of_words_scores(task: &Task) -> Result<Vec<Score>, StageError> {
    bag_of_words_predictions(task)?.scores(task)
}

fn check(train: &[Example], kind: Kind, classes: usize) -> Result<(), StageError> {
    if train.is_empty() {
        return Err(StageError::failed("no examples to fit a bag of words to"));
    }
    let legal = |label: f64| match kind {
        Kind::Classification => label >= 0.0 && label.fract() == 0.0 && label < classes as f64,
        Kind::Regression => label.is_finite(),
    };
    match train.iter().position(|example| !legal(example.label)) {
        Some(index) => Err(StageError::failed(format!(
            "the label {} of training example {index} is none of the task's",
            train[index].label
        ))),
        None => Ok(()),
    }
}

/// Returns the inverse penalty with the smallest error on held-out examples, and its fit to the others. The penalty keeps the
/// weights of words that only held-out examples have at zero, so these words do not matter.
fn choose_penalty(rows: &Rows, labels: &[f64], shape: Shape) -> (Vec<f64>, f64) {
    // The held-out examples are drawn at random, since the order of examples may have a pattern.
    let stream = Stream::new(0, "bag-of-words held-out examples");
    let is_held_out = |index: &usize| stream.draws(0, *index as u32, 0).chance(HELD_OUT);
    let (held_out, fitted): (Vec<_>, Vec<_>) = (0..rows.len()).partition(is_held_out);
    let mut parameters = vec![0.0; (shape.columns + 1) * shape.outputs];
    if held_out.is_empty() || fitted.is_empty() {
        return (parameters, 1.0);
    }
    let mut best = (f64::INFINITY, parameters.clone(), 1.0);
    for inverse_penalty in INVERSE_PENALTIES {
        // Each fit starts from the one before, which is near.
        parameters = shape.fit(parameters, rows, labels, &fitted, inverse_penalty, &STOP);
        let errors = held_out.iter().map(|index| {
            let error = shape.predict(&parameters, rows.row(*index)) - labels[*index];
            if shape.loss == Loss::Squared {
                error * error
            } else {
                f64::from(error != 0.0)
            }
        });
        let errors: f64 = errors.sum();
        if errors < best.0 {
            best = (errors, parameters.clone(), inverse_penalty);
        }
    }
    (best.1, best.2)
}

/// A family of linear models. Parameters have the layout of [`Objective`].
#[derive(Clone, Copy)]
struct Shape {
    loss: Loss,
    outputs: usize,
    columns: usize,
}

impl Shape {
    fn of(kind: Kind, classes: usize, columns: usize) -> Self {
        let (loss, outputs) = match (kind, classes) {
            (Kind::Regression, _) => (Loss::Squared, 1),
            (Kind::Classification, 2) => (Loss::Logistic, 1),
            (Kind::Classification, _) => (Loss::Softmax, classes),
        };
        Self {
            loss,
            outputs,
            columns,
        }
    }

    /// Returns the parameters that fit the rows whose indices are in `fitted` best, searching from `start`.
    fn fit(
        self,
        start: Vec<f64>,
        rows: &Rows,
        labels: &[f64],
        fitted: &[usize],
        inverse_penalty: f64,
        stop: &Stop,
    ) -> Vec<f64> {
        let Self {
            loss,
            outputs,
            columns,
        } = self;
        let objective = Objective {
            rows,
            labels,
            fitted,
            columns,
            outputs,
            loss,
            inverse_penalty,
        };
        minimise(start, stop, |at, slopes| objective.evaluate(at, slopes))
    }

    fn outputs(self, parameters: &[f64], row: &[(u32, f64)]) -> Vec<f64> {
        let (weights, intercepts) = parameters.split_at(self.columns * self.outputs);
        let mut outputs = vec![0.0; self.outputs];
        linear(weights, intercepts, row, &mut outputs);
        outputs
    }

    /// Returns the probability of each class; an empty list for a regression.
    fn probabilities(self, parameters: &[f64], row: &[(u32, f64)]) -> Vec<f32> {
        let mut outputs = self.outputs(parameters, row);
        match self.loss {
            Loss::Squared => Vec::new(),
            Loss::Logistic => {
                let probability = logistic(outputs[0]);
                vec![(1.0 - probability) as f32, probability as f32]
            }
            Loss::Softmax => {
                softmax(&mut outputs);
                outputs.into_iter().map(|one| one as f32).collect()
            }
        }
    }

    /// Returns the class index or the number predicted for a row.
    fn predict(self, parameters: &[f64], row: &[(u32, f64)]) -> f64 {
        let outputs = self.outputs(parameters, row);
        match self.loss {
            Loss::Squared => outputs[0],
            Loss::Logistic => f64::from(outputs[0] > 0.0),
            Loss::Softmax => {
                let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                outputs
                    .iter()
                    .position(|output| *output == largest)
                    .unwrap_or_default() as f64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::Deserialize;

    use super::*;

    /// A fit of scikit-learn's, made by the script beside the golden file.
    #[derive(Deserialize)]
    struct Golden {
        kind: Kind,
        classes: usize,
        inverse_penalty: f64,
        examples: Vec<(String, Option<String>, f64)>,
        /// Probabilities of the classes, or predicted numbers, for each row.
        predictions: Vec<Vec<f64>>,
        /// Number of features.
        columns: usize,
        /// Sum of the squared weights.
        squares: f64,
    }

    #[test]
    fn agrees_with_scikit_learn() {
        let goldens: Vec<Golden> =
            serde_json::from_str(include_str!("../tests/goldens/bag_of_words.json")).unwrap();
        assert_eq!(goldens.len(), 3);
        for golden in goldens {
            let examples: Vec<Example> = golden
                .examples
                .into_iter()
                .map(|(sentence1, sentence2, label)| Example {
                    id: String::new(),
                    sentence1,
                    sentence2,
                    label,
                })
                .collect();
            let vocabulary = Vocabulary::of(&examples);
            assert_eq!(vocabulary.len(), golden.columns);
            let shape = Shape::of(golden.kind, golden.classes, vocabulary.len());
            let tight = Stop {
                slope: 1e-10,
                steps: 1000,
            };
            let rows = vocabulary.rows(&examples);
            let labels: Vec<f64> = examples.iter().map(|example| example.label).collect();
            let all: Vec<usize> = (0..examples.len()).collect();
            let start = vec![0.0; (shape.columns + 1) * shape.outputs];
            let fit = shape.fit(start, &rows, &labels, &all, golden.inverse_penalty, &tight);
            for (index, expected) in golden.predictions.iter().enumerate() {
                let mut outputs = shape.outputs(&fit, rows.row(index));
                match shape.loss {
                    Loss::Squared => {}
                    Loss::Softmax => {
                        softmax(&mut outputs);
                    }
                    Loss::Logistic => {
                        let probability = logistic(outputs[0]);
                        outputs = vec![1.0 - probability, probability];
                    }
                }
                for (own, theirs) in outputs.iter().zip(expected) {
                    let kind = golden.kind;
                    assert!(
                        (own - theirs).abs() < 1e-6,
                        "{kind:?} {index}: {own} {theirs}"
                    );
                }
            }
            let weights = &fit[..shape.columns * shape.outputs];
            let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
            let expected = golden.squares;
            assert!(
                (squares - expected).abs() < 1e-5 * squares,
                "{squares} {expected}"
            );
        }
    }

    fn example(sentence1: &str, label: f64) -> Example {
        Example {
            id: String::new(),
            sentence1: sentence1.into(),
            sentence2: None,
            label,
        }
    }

    #[test]
    fn one_class_and_few_examples_are_enough() {
        for count in 1..8 {
            let train = vec![example("a b", 1.0); count];
            for classes in [2, 3] {
                let model = BagOfWords::fit(&train, Kind::Classification, classes).unwrap();
                let found = &model.predict(&[example("c", 0.0)])[0];
                assert_eq!((found.value, found.probabilities.len()), (1.0, classes));
            }
            let model = BagOfWords::fit(&train, Kind::Regression, 0).unwrap();
            let found = &model.predict(&[example("a b", 0.0)])[0];
            assert!((found.value - 1.0).abs() < 1e-3 && found.probabilities.is_empty());
        }
    }

    #[test]
    fn labels_outside_the_task_are_refused() {
        for (label, kind) in [
            (2.0, Kind::Classification),
            (-1.0, Kind::Classification),
            (0.5, Kind::Classification),
            (f64::NAN, Kind::Classification),
            (f64::NAN, Kind::Regression),
        ] {
            assert!(BagOfWords::fit(&[example("a", label)], kind, 2).is_err());
        }
        assert!(BagOfWords::fit(&[], Kind::Regression, 0).is_err());
    }
}
