//! The losses of linear models, with their gradients.

use kernels::{exp, ln};

/// The loss, which decides the meaning of the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// One output: the log-odds of class 1 against class 0.
    Logistic,
    /// One output per class: unnormalised log-probabilities.
    Softmax,
    /// One output: the predicted number.
    Squared,
}

/// Turns unnormalised log-probabilities into probabilities and returns the logarithm of their sum.
pub fn softmax(outputs: &mut [f64]) -> f64 {
    let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for output in outputs.iter_mut() {
        *output = exp(*output - largest);
        sum += *output;
    }
    for output in outputs.iter_mut() {
        *output /= sum;
    }
    largest + ln(sum)
}

/// Returns the probability for given log-odds.
pub fn logistic(odds: f64) -> f64 {
    let small = exp(-odds.abs());
    if odds >= 0.0 {
        1.0 / (1.0 + small)
    } else {
        small / (1.0 + small)
    }
}

impl Loss {
    /// Returns the loss of a row with that label (a class counted from 0, or a number), and replaces its outputs by the gradient.
    pub fn of(self, outputs: &mut [f64], label: f64) -> f64 {
        match self {
            Self::Logistic => {
                let odds = outputs[0];
                outputs[0] = logistic(odds) - label;
                // This is ln(1 + e^odds) - label · odds, computed without overflow.
                ln(1.0 + exp(-odds.abs())) + odds.max(0.0) - label * odds
            }
            Self::Softmax => {
                let class = label as usize;
                let output = outputs[class];
                let normaliser = softmax(outputs);
                outputs[class] -= 1.0;
                normaliser - output
            }
            Self::Squared => {
                let error = outputs[0] - label;
                outputs[0] = error;
                0.5 * error * error
            }
        }
    }
}
