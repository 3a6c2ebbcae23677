//! The penalised loss of a linear model over sparse rows.
//!
//! With n rows, penalty strength 1/C and outputs z = W x + b, the function is the mean over rows of the loss of z, plus
//! |W|² / (2 C n); the intercepts b are not penalised. This is scikit-learn's objective for `LogisticRegression(C)`
//! (two classes: one output, the logistic loss; more: one output per class, cross-entropy after a softmax) and, with
//! half the squared error as loss, for `Ridge(alpha = 1/C)`.

use linear::Loss;

use crate::features::Rows;

/// The function to be minimised. Its parameters are the weights of the first column, one per output, then those of the
/// second column and so on, and finally the intercepts.
pub(crate) struct Objective<'a> {
    pub(crate) rows: &'a Rows,
    /// The label of each row.
    pub(crate) labels: &'a [f64],
    /// Indices of the rows that are fitted.
    pub(crate) fitted: &'a [usize],
    pub(crate) columns: usize,
    pub(crate) outputs: usize,
    pub(crate) loss: Loss,
    /// C, the inverse of the penalty's strength.
    pub(crate) inverse_penalty: f64,
}

impl Objective<'_> {
    /// Returns the value at `parameters` and writes the gradient.
    pub(crate) fn evaluate(&self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let count = self.fitted.len() as f64;
        let penalty = 1.0 / (self.inverse_penalty * count);
        let (weights, intercepts) = parameters.split_at(self.columns * self.outputs);
        let (weight_slopes, intercept_slopes) = gradient.split_at_mut(weights.len());
        let mut squares = 0.0;
        for (slope, weight) in weight_slopes.iter_mut().zip(weights) {
            squares += weight * weight;
            *slope = penalty * weight;
        }
        intercept_slopes.fill(0.0);
        let mut sum = 0.0;
        let mut outputs = vec![0.0; self.outputs];
        for index in self.fitted {
            let row = self.rows.row(*index);
            linear(weights, intercepts, row, &mut outputs);
            sum += self.loss.of(&mut outputs, self.labels[*index]);
            for output in &mut outputs {
                *output /= count;
            }
            for (column, value) in row {
                let at = *column as usize * self.outputs;
                for (slope, output) in weight_slopes[at..at + self.outputs]
                    .iter_mut()
                    .zip(&outputs)
                {
                    *slope += output * value;
                }
            }
            for (slope, output) in intercept_slopes.iter_mut().zip(&outputs) {
                *slope += output;
            }
        }
        sum / count + 0.5 * penalty * squares
    }
}

/// Computes the outputs of one row.
pub(crate) fn linear(weights: &[f64], intercepts: &[f64], row: &[(u32, f64)], outputs: &mut [f64]) {
    outputs.copy_from_slice(intercepts);
    for (column, value) in row {
        let at = *column as usize * outputs.len();
        for (output, weight) in outputs.iter_mut().zip(&weights[at..]) {
            *output += weight * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences() {
        let mut rows = Rows::default();
        rows.push([(0, 1.0), (2, 3.0)]);
        rows.push([(1, 2.0)]);
        rows.push([]);
        rows.push([(0, 2.0), (1, 1.0), (2, 1.0)]);
        for (loss, outputs, labels) in [
            (Loss::Logistic, 1, [1.0, 0.0, 0.0, 1.0]),
            (Loss::Softmax, 3, [1.0, 0.0, 2.0, 1.0]),
            (Loss::Squared, 1, [1.5, 0.0, 4.0, 5.0]),
        ] {
            let objective = Objective {
                rows: &rows,
                labels: &labels,
                fitted: &[0, 1, 3],
                columns: 3,
                outputs,
                loss,
                inverse_penalty: 0.7,
            };
            let parameters: Vec<f64> = (0..4 * outputs)
                .map(|index| (index as f64 * 0.37).sin())
                .collect();
            let mut gradient = vec![0.0; parameters.len()];
            objective.evaluate(&parameters, &mut gradient);
            let mut ignored = gradient.clone();
            for index in 0..parameters.len() {
                let mut at = |step: f64| {
                    let mut moved = parameters.clone();
                    moved[index] += step;
                    objective.evaluate(&moved, &mut ignored)
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                let given = gradient[index];
                assert!(
                    (slope - given).abs() < 1e-8,
                    "{loss:?} {index}: {slope} {given}"
                );
            }
        }
    }
}
