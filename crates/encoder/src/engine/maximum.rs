//! The greatest value of each component among the tokens of a sequence, and its gradient.

use std::ops::Range;

/// A maximum over rows of hidden states.
#[derive(Clone, Debug)]
pub(crate) struct MaximumPass {
    /// The rows that each result is the maximum of.
    pub(crate) tokens: Vec<Range<usize>>,
    /// The number of rows of the hidden states.
    pub(crate) rows: usize,
}

impl MaximumPass {
    /// Returns the maxima, `[results, width]`, of `state`, `[tokens, width]`; zeros where a result has no row.
    pub(crate) fn forward(&self, state: &[f32], width: usize) -> Vec<f32> {
        let mut maxima = vec![0.0; self.tokens.len() * width];
        for (maxima, rows) in maxima.chunks_exact_mut(width).zip(&self.tokens) {
            for (column, maximum) in maxima.iter_mut().enumerate() {
                if let Some(row) = first_greatest(state, width, rows, column) {
                    *maximum = state[row * width + column];
                }
            }
        }
        maxima
    }

    /// Returns the gradient of the hidden states from that of the maxima: it goes to the first row that has the greatest value.
    pub(crate) fn backward(&self, state: &[f32], gradient: &[f32], width: usize) -> Vec<f32> {
        let mut result = vec![0.0; self.rows * width];
        for (gradient, rows) in gradient.chunks_exact(width).zip(&self.tokens) {
            for (column, gradient) in gradient.iter().enumerate() {
                if let Some(row) = first_greatest(state, width, rows, column) {
                    result[row * width + column] += gradient;
                }
            }
        }
        result
    }
}

/// Returns the first row in which a column has its greatest value. A value that is no number counts as the greatest, so that it is seen.
fn first_greatest(
    state: &[f32],
    width: usize,
    rows: &Range<usize>,
    column: usize,
) -> Option<usize> {
    let value = |row: usize| state[row * width + column];
    rows.clone().reduce(|greatest, row| {
        match value(row) > value(greatest) || (value(row).is_nan() && !value(greatest).is_nan()) {
            true => row,
            false => greatest,
        }
    })
}
