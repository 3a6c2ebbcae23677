//! Logistic regression with an L2 penalty, on vectors.
//!
//! What is minimised is scikit-learn's `LogisticRegression(C)`: C times the sum over rows of the loss, plus half the squared length of
//! the weights, intercepts left out. Of two classes there is one output, the log-odds of the second; of more, one output each, with
//! cross-entropy after a softmax.
//!
//! Features are centred and scaled first, and the penalty is that of the weights before: the intercept takes up the centre, which is
//! not penalised, and a weight times its scale is a weight of the scaled feature, so the minimum is the same one. The components of
//! sentence vectors have variances that differ by orders of magnitude, and without scales the search takes many times the steps.

use crate::lbfgs::{Stop, add, dot, minimise};
use crate::loss::{Loss, logistic, softmax};

/// Vectors of numbers, a row an example.
#[derive(Clone, Debug)]
pub struct Features {
    /// Row by row, centred and scaled.
    values: Vec<f64>,
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Features {
    /// Takes over the finite `values` of examples that have `width` each, row by row. All of them have a part in centre and scale, which
    /// no minimum depends on.
    pub fn new(mut values: Vec<f64>, width: usize) -> Self {
        let count = (values.len() / width.max(1)).max(1) as f64;
        let chunk = width.max(1);
        let mut mean = vec![0.0; width];
        for row in values.chunks_exact(chunk) {
            add(&mut mean, 1.0 / count, row);
        }
        let mut scale = vec![0.0; width];
        for row in values.chunks_exact_mut(chunk) {
            for ((value, mean), square) in row.iter_mut().zip(&mean).zip(&mut scale) {
                *value -= mean;
                *square += *value * *value / count;
            }
        }
        // The slope of the penalty is bounded as well where a feature hardly varies: it is about 1 / (C n) of a weight.
        for square in &mut scale {
            *square = (*square + 4.0 / count).sqrt();
        }
        for row in values.chunks_exact_mut(chunk) {
            for (value, scale) in row.iter_mut().zip(&scale) {
                *value /= scale;
            }
        }
        Self {
            values,
            mean,
            scale,
        }
    }

    fn row(&self, row: usize) -> &[f64] {
        let width = self.mean.len();
        &self.values[row * width..(row + 1) * width]
    }
}

/// A fitted model.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// The classes of the rows that were fitted, ascending.
    classes: Vec<usize>,
    /// The weights of the first output, then of the next, and at last the intercepts, of scaled features.
    parameters: Vec<f64>,
}

/// What is fitted to.
#[derive(Clone, Copy, Debug)]
pub struct Fit<'a> {
    /// The features of all examples.
    pub features: &'a Features,
    /// The class of each example.
    pub labels: &'a [usize],
    /// The examples that are fitted, in the order in which they are added up.
    pub rows: &'a [usize],
}

impl Fit<'_> {
    /// Returns the model with inverse penalty C = `inverse_penalty`. The search begins at `start`, a model of the same classes, or at zero;
    /// `None` where the rows are all of one class, or there are none.
    pub fn run(
        &self,
        inverse_penalty: f64,
        start: Option<&Classifier>,
        stop: &Stop,
    ) -> Option<Classifier> {
        let mut classes: Vec<usize> = self.rows.iter().map(|row| self.labels[*row]).collect();
        classes.sort_unstable();
        classes.dedup();
        let (outputs, loss) = match classes.len() {
            0 | 1 => return None,
            2 => (1, Loss::Logistic),
            more => (more, Loss::Softmax),
        };
        let mut place = vec![0.0; classes.last().map_or(0, |last| last + 1)];
        for (at, class) in classes.iter().enumerate() {
            place[*class] = at as f64;
        }
        let begin = match start {
            Some(start) if start.classes == classes => start.parameters.clone(),
            _ => vec![0.0; outputs * (self.features.mean.len() + 1)],
        };
        let parameters = minimise(begin, stop, |at, slopes| {
            self.evaluate(at, slopes, (outputs, loss), &place, inverse_penalty)
        });
        Some(Classifier {
            classes,
            parameters,
        })
    }

    /// Returns the mean over rows of the loss and the penalty, and writes the gradient.
    fn evaluate(
        &self,
        parameters: &[f64],
        gradient: &mut [f64],
        (outputs, loss): (usize, Loss),
        place: &[f64],
        inverse_penalty: f64,
    ) -> f64 {
        let Features { mean, scale, .. } = self.features;
        let (width, count) = (mean.len(), self.rows.len() as f64);
        let penalty = 1.0 / (inverse_penalty * count);
        let (weights, intercepts) = parameters.split_at(outputs * width);
        let (weight_slopes, intercept_slopes) = gradient.split_at_mut(weights.len());
        let mut squares = 0.0;
        for (at, (slope, weight)) in weight_slopes.iter_mut().zip(weights).enumerate() {
            let plain = weight / scale[at % width];
            squares += plain * plain;
            *slope = penalty * plain / scale[at % width];
        }
        intercept_slopes.fill(0.0);
        let mut sum = 0.0;
        let mut out = vec![0.0; outputs];
        for row in self.rows {
            let values = self.features.row(*row);
            linear(weights, intercepts, values, &mut out);
            sum += loss.of(&mut out, place[self.labels[*row]]);
            for (output, out) in out.iter().enumerate() {
                let slopes = &mut weight_slopes[output * width..(output + 1) * width];
                add(slopes, out / count, values);
                intercept_slopes[output] += out / count;
            }
        }
        sum / count + 0.5 * penalty * squares
    }
}

fn linear(weights: &[f64], intercepts: &[f64], values: &[f64], out: &mut [f64]) {
    let width = values.len();
    for (output, (out, intercept)) in out.iter_mut().zip(intercepts).enumerate() {
        *out = intercept + dot(&weights[output * width..(output + 1) * width], values);
    }
}

impl Classifier {
    /// Returns the probability of each class that was fitted, ascending.
    fn probabilities(&self, features: &Features, row: usize) -> Vec<f64> {
        let width = features.mean.len();
        let outputs = self.parameters.len() / (width + 1);
        let (weights, intercepts) = self.parameters.split_at(outputs * width);
        let mut out = vec![0.0; outputs];
        linear(weights, intercepts, features.row(row), &mut out);
        if let [odds] = out[..] {
            return vec![logistic(-odds), logistic(odds)];
        }
        softmax(&mut out);
        out
    }

    /// Returns the likeliest class of an example, the first of equally likely ones, and the probabilities of the classes from 0 to
    /// `classes`, in 32 bits; of a class that was not fitted it is 0.
    pub fn predict(&self, features: &Features, row: usize, classes: usize) -> (usize, Vec<f32>) {
        let found = self.probabilities(features, row);
        let mut best = 0;
        for (at, probability) in found.iter().enumerate() {
            if *probability > found[best] {
                best = at;
            }
        }
        let mut all = vec![0.0; classes];
        for (class, probability) in self.classes.iter().zip(&found) {
            all[*class] = *probability as f32;
        }
        (self.classes[best], all)
    }

    /// Returns the weights of each output for the features as they were given, and the intercepts.
    pub fn coefficients(&self, features: &Features) -> (Vec<Vec<f64>>, Vec<f64>) {
        let Features { mean, scale, .. } = features;
        let width = mean.len();
        let outputs = self.parameters.len() / (width + 1);
        let (weights, intercepts) = self.parameters.split_at(outputs * width);
        let weights: Vec<Vec<f64>> = weights
            .chunks_exact(width)
            .map(|weights| weights.iter().zip(scale).map(|(a, b)| a / b).collect())
            .collect();
        let of = weights.iter().zip(intercepts);
        let intercepts = of.map(|(weights, intercept)| intercept - dot(weights, mean));
        let intercepts = intercepts.collect();
        (weights, intercepts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: Stop = Stop {
        slope: 1e-10,
        steps: 1000,
    };

    /// Numbers without a pattern, from -1 to 1.
    fn numbers(count: usize) -> Vec<f64> {
        (0..count)
            .map(|at| ((at * at) as f64 * 0.7311 + at as f64 * 1.37).sin())
            .collect()
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let features = Features::new(numbers(36), 3);
        let labels = [0, 1, 2, 1, 0, 2, 2, 1, 0, 0, 1, 2];
        let rows: Vec<usize> = (0..11).collect();
        let fit = Fit {
            features: &features,
            labels: &labels,
            rows: &rows,
        };
        let at = numbers(12);
        let place = [0.0, 1.0, 2.0];
        let mut gradient = vec![0.0; 12];
        let value = |at: &[f64], gradient: &mut [f64]| {
            fit.evaluate(at, gradient, (3, Loss::Softmax), &place, 0.7)
        };
        value(&at, &mut gradient);
        let mut ignored = gradient.clone();
        for index in 0..at.len() {
            let mut moved = |step: f64| {
                let mut moved = at.clone();
                moved[index] += step;
                value(&moved, &mut ignored)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - gradient[index]).abs() < 1e-8, "{index}");
        }
    }

    #[test]
    fn a_class_that_is_not_fitted_is_never_predicted() {
        let features = Features::new(vec![0.0, 1.0, 2.0, 3.0], 1);
        let labels = [2, 2, 5, 5];
        let fit = |rows: &[usize]| {
            let fit = Fit {
                features: &features,
                labels: &labels,
                rows,
            };
            fit.run(1.0, None, &STOP)
        };
        let model = fit(&[0, 1, 2, 3]).expect("two classes");
        let (class, probabilities) = model.predict(&features, 3, 6);
        assert_eq!((class, probabilities.len()), (5, 6));
        assert_eq!(probabilities[0], 0.0);
        assert!((probabilities[2] + probabilities[5] - 1.0).abs() < 1e-6);
        assert!(fit(&[0, 1]).is_none() && fit(&[]).is_none());
    }

    #[test]
    fn where_the_search_begins_does_not_matter() {
        let features = Features::new(numbers(120), 4);
        let labels: Vec<usize> = (0..30).map(|row| row * row % 3).collect();
        let rows: Vec<usize> = (0..30).collect();
        let fit = Fit {
            features: &features,
            labels: &labels,
            rows: &rows,
        };
        let far = fit.run(32.0, None, &STOP).expect("three classes");
        let cold = fit.run(0.5, None, &STOP).expect("three classes");
        let warm = fit.run(0.5, Some(&far), &STOP).expect("three classes");
        let (cold, warm) = (cold.coefficients(&features), warm.coefficients(&features));
        for (cold, warm) in cold.0.iter().flatten().zip(warm.0.iter().flatten()) {
            assert!((cold - warm).abs() < 1e-7, "{cold} {warm}");
        }
    }
}
