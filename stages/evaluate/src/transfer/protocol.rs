//! SentEval's protocol for classifiers over frozen vectors (`senteval/tools/validation.py`), in its scikit-learn mode.
//!
//! A classifier is a logistic regression with an L2 penalty. How its inverse penalty C is chosen, and what is scored, depends on the
//! splits of a set:
//!
//! | splits | C is the best of | by the accuracy | scored |
//! | --- | --- | --- | --- |
//! | none (`InnerKFoldClassifier`) | 2⁻² … 2³, in each fold | of folds within the fold's training part | each fold, by the rest |
//! | train, test (`KFoldClassifier`) | 2⁻¹ … 2⁵ | of folds of the training set | the test set |
//! | train, validation, test (`SplitClassifier`) | 2⁻² … 2³ | on the validation set | the test set |
//!
//! Accuracies are compared as SentEval compares them, rounded to two decimals, and of equal ones the smallest C is taken. The score of
//! a set without splits is the mean over folds, which SentEval rounds fold by fold: that moves it by 0.005 at most.

use contract::{Context, StageError};
use linear::{Classifier, Features, Fit, Stop};
use rayon::prelude::*;

use super::folds::stratified;

/// SentEval's seed of folds.
const SEED: u32 = 1111;
/// When a fit stops: far below scikit-learn's tolerance, so that what is left of it decides next to no prediction.
const STOP: Stop = Stop {
    slope: 1e-6,
    steps: 1000,
};
/// The values of C of sets without a test set, and of those with a validation set.
const SMALL: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0];
/// The values of C of sets with a training and a test set.
const LARGE: [f64; 7] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// Examples as numbers.
pub(crate) struct Examples {
    pub(crate) features: Features,
    pub(crate) labels: Vec<usize>,
    pub(crate) classes: usize,
}

/// The prediction for an example: its place among all, the class, the probability of each class, and the fold, from 0.
pub(crate) struct Held {
    pub(crate) row: usize,
    pub(crate) class: usize,
    pub(crate) probabilities: Vec<f32>,
    pub(crate) fold: usize,
}

/// Why a set cannot be scored: the rows that are fitted are all of one class.
fn one_class() -> StageError {
    StageError::input(
        "data",
        "the examples that a classifier is fitted to are all of one class",
        "give a set with more examples of each class",
    )
}

impl Examples {
    fn fit(
        &self,
        rows: &[usize],
        inverse_penalty: f64,
        start: Option<&Classifier>,
    ) -> Result<Classifier, StageError> {
        let fit = Fit {
            features: &self.features,
            labels: &self.labels,
            rows,
        };
        fit.run(inverse_penalty, start, &STOP).ok_or_else(one_class)
    }

    fn predict(&self, model: &Classifier, rows: &[usize], fold: usize) -> Vec<Held> {
        let of = |row: &usize| {
            let (class, probabilities) = model.predict(&self.features, *row, self.classes);
            Held {
                row: *row,
                class,
                probabilities,
                fold,
            }
        };
        rows.iter().map(of).collect()
    }

    /// Returns the accuracy on the rows `held` for each C, fitted to `rows`. Each fit begins at the one before, which is near.
    fn path(&self, rows: &[usize], held: &[usize], grid: &[f64]) -> Result<Vec<f64>, StageError> {
        let mut model = None;
        let accuracies = grid.iter().map(|inverse_penalty| {
            let found = self.fit(rows, *inverse_penalty, model.as_ref())?;
            let right = self.predict(&found, held, 0);
            let right = right.iter().filter(|one| one.class == self.labels[one.row]);
            let accuracy = right.count() as f64 / held.len() as f64;
            model = Some(found);
            Ok(accuracy)
        });
        accuracies.collect()
    }

    /// Returns the C of the grid that is best by cross-validation within the rows.
    fn choose(&self, rows: &[usize], folds: usize, grid: &[f64]) -> Result<f64, StageError> {
        let labels: Vec<usize> = rows.iter().map(|row| self.labels[*row]).collect();
        let of = stratified(&labels, folds, SEED);
        let accuracies = (0..folds).into_par_iter().map(|fold| {
            let (fitted, held) = part(rows, &of, fold);
            self.path(&fitted, &held, grid)
        });
        let accuracies = accuracies.collect::<Result<Vec<Vec<f64>>, StageError>>()?;
        let means = (0..grid.len()).map(|at| {
            let of_all: Vec<f64> = accuracies.iter().map(|of_fold| of_fold[at]).collect();
            metrics::mean(&of_all)
        });
        Ok(best(grid, means))
    }

    /// Scores all rows by nested cross-validation.
    pub(crate) fn nested(&self, folds: usize, context: &Context) -> Result<Vec<Held>, StageError> {
        let rows: Vec<usize> = (0..self.labels.len()).collect();
        let of = stratified(&self.labels, folds, SEED);
        let mut all = Vec::new();
        for fold in 0..folds {
            context.keep_going()?;
            let (fitted, held) = part(&rows, &of, fold);
            let inverse_penalty = self.choose(&fitted, folds, &SMALL)?;
            let model = self.fit(&fitted, inverse_penalty, None)?;
            all.extend(self.predict(&model, &held, fold));
        }
        Ok(all)
    }

    /// Scores the rows `test`, with C chosen by cross-validation on the rows `train`.
    pub(crate) fn by_folds(
        &self,
        train: &[usize],
        test: &[usize],
        folds: usize,
    ) -> Result<Vec<Held>, StageError> {
        let inverse_penalty = self.choose(train, folds, &LARGE)?;
        let model = self.fit(train, inverse_penalty, None)?;
        Ok(self.predict(&model, test, 0))
    }

    /// Scores the rows `test`, with C chosen by the rows `validation`.
    pub(crate) fn by_validation(
        &self,
        train: &[usize],
        validation: &[usize],
        test: &[usize],
    ) -> Result<Vec<Held>, StageError> {
        let accuracies = self.path(train, validation, &SMALL)?;
        let inverse_penalty = best(&SMALL, accuracies.into_iter());
        let model = self.fit(train, inverse_penalty, None)?;
        Ok(self.predict(&model, test, 0))
    }
}

/// Splits rows into those to fit and those that are held out in the fold.
fn part(rows: &[usize], of: &[usize], fold: usize) -> (Vec<usize>, Vec<usize>) {
    let mut parts = (Vec::new(), Vec::new());
    for (row, own) in rows.iter().zip(of) {
        match *own == fold {
            true => parts.1.push(*row),
            false => parts.0.push(*row),
        }
    }
    parts
}

/// Returns the first value of the grid whose accuracy, as a percentage with two decimals, is the highest.
fn best(grid: &[f64], accuracies: impl Iterator<Item = f64>) -> f64 {
    let mut best = (f64::NEG_INFINITY, grid[0]);
    for (value, accuracy) in grid.iter().zip(accuracies) {
        // As NumPy rounds.
        let rounded = (100.0 * accuracy * 100.0).round_ties_even() / 100.0;
        if rounded > best.0 {
            best = (rounded, *value);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_accuracies_that_print_alike_the_smallest_c_is_taken() {
        assert_eq!(
            best(&SMALL, [0.5, 0.700_01, 0.700_04, 0.6, 0.1, 0.0].into_iter()),
            0.5
        );
        assert_eq!(
            best(&SMALL, [0.5, 0.70, 0.7002, 0.6, 0.1, 0.0].into_iter()),
            1.0
        );
    }

    #[test]
    fn parts_are_all_rows_in_order() {
        let (fitted, held) = part(&[2, 4, 6, 8], &[0, 1, 0, 1], 1);
        assert_eq!((fitted, held), (vec![2, 6], vec![4, 8]));
    }
}
