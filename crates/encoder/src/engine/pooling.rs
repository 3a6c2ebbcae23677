//! Averages over the tokens of sequences, and their gradients.

use std::ops::Range;

use kernels::add_columns;

/// An average over rows of hidden states.
#[derive(Clone, Debug)]
pub(crate) struct PoolingPass {
    /// The rows that each result averages.
    pub(crate) tokens: Vec<Range<usize>>,
    /// The number of rows of the hidden states.
    pub(crate) rows: usize,
    pub(crate) sums: Sums,
}

/// The precision of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sums {
    /// 32 bits.
    Single,
    /// 64 bits.
    Double,
}

impl PoolingPass {
    /// Returns the averages, `[results, width]`, over the rows of all `states`, `[tokens, width]` each.
    pub(crate) fn forward(&self, states: &[&[f32]], width: usize) -> Vec<f32> {
        let mut pooled = vec![0.0; self.tokens.len() * width];
        let mut sums = vec![0.0_f64; width];
        for (target, rows) in pooled.chunks_exact_mut(width).zip(&self.tokens) {
            let values = states
                .iter()
                .map(|state| &state[rows.start * width..rows.end * width]);
            let count = count(states.len(), rows);
            match self.sums {
                Sums::Single if count == 1 && rows.len() == 1 => {
                    values.for_each(|values| target.copy_from_slice(values));
                }
                Sums::Single => {
                    values.for_each(|values| add_columns(values, target));
                    scale(target, 1.0 / count as f32);
                }
                Sums::Double => {
                    sums.fill(0.0);
                    for row in values.flat_map(|values| values.chunks_exact(width)) {
                        for (sum, value) in sums.iter_mut().zip(row) {
                            *sum += f64::from(*value);
                        }
                    }
                    for (target, sum) in target.iter_mut().zip(&sums) {
                        *target = (sum / count as f64) as f32;
                    }
                }
            }
        }
        pooled
    }

    /// Returns the gradient of the hidden states, the same for each of `layers` layers, from the gradient of the averages.
    pub(crate) fn backward(&self, gradient: &[f32], width: usize, layers: usize) -> Vec<f32> {
        let mut result = vec![0.0; self.rows * width];
        let mut share = vec![0.0; width];
        for (gradient, rows) in gradient.chunks_exact(width).zip(&self.tokens) {
            share.copy_from_slice(gradient);
            let count = count(layers, rows);
            match self.sums {
                Sums::Single => scale(&mut share, 1.0 / count as f32),
                Sums::Double => {
                    for value in &mut share {
                        *value = (f64::from(*value) / count as f64) as f32;
                    }
                }
            }
            for row in result[rows.start * width..rows.end * width].chunks_exact_mut(width) {
                kernels::add(row, &share);
            }
        }
        result
    }
}

/// Returns how many rows of all layers one average has; 1 where it has none, since the sum is zero then.
fn count(layers: usize, rows: &Range<usize>) -> usize {
    layers * rows.len().max(1)
}

fn scale(values: &mut [f32], factor: f32) {
    for value in values {
        *value *= factor;
    }
}
