//! Layer normalisation of all rows of a batch, forward and backward.

use std::ops::Range;

use kernels::{ROW_BLOCK, Share, layer_norm, layer_norm_backward, layer_norm_sums};
use rayon::prelude::*;

use super::blocks::part;
use super::pool::{Buffer, Pool};
use crate::layout::Norm;

/// A layer normalisation: the layout of its parameters in a block, and the block.
#[derive(Clone, Copy)]
pub(super) struct NormOf<'a> {
    layout: Norm,
    pub(super) weight: &'a [f32],
    pub(super) bias: &'a [f32],
    pub(super) epsilon: f32,
}

/// Values that the backward pass needs: the normalised rows before scale and shift, and their inverse deviations.
#[derive(Debug)]
pub(super) struct SavedNorm {
    pub(super) normal: Buffer,
    pub(super) inverse: Buffer,
}

impl SavedNorm {
    /// Allocates memory for `rows` rows of `width` floats.
    pub(super) fn new(pool: &Pool, rows: usize, width: usize) -> Self {
        Self {
            normal: pool.take(rows * width),
            inverse: pool.take(rows),
        }
    }
}

impl<'a> NormOf<'a> {
    pub(super) fn new(layout: Norm, block: &'a [f32], epsilon: f32) -> Self {
        Self {
            layout,
            weight: &block[layout.weight.range()],
            bias: &block[layout.bias.range()],
            epsilon,
        }
    }

    /// Normalises some rows in place, and writes the scaled and shifted rows to `y` and the inverse deviations to `inverse`.
    pub(super) fn rows(self, rows: &mut [f32], y: &mut [f32], inverse: &mut [f32]) {
        layer_norm(rows, self.weight, self.bias, self.epsilon, y, inverse);
    }

    /// Normalises all rows of `saved.normal` in place, and writes the scaled and shifted rows to `y`.
    pub(super) fn forward(self, saved: &mut SavedNorm, y: &mut [f32]) {
        let block = ROW_BLOCK * self.weight.len();
        saved
            .normal
            .par_chunks_mut(block)
            .zip(saved.inverse.par_chunks_mut(ROW_BLOCK))
            .zip(y.par_chunks_mut(block))
            .share(|((normal, inverse), y)| self.rows(normal, y, inverse));
    }

    /// Replaces the gradient of the result by the gradient of the argument, and adds the parameters' gradients to `gradients`.
    pub(super) fn backward(self, saved: &SavedNorm, gradient: &mut [f32], gradients: &mut [f32]) {
        self.sums(saved, gradient, gradients);
        gradient
            .par_chunks_mut(ROW_BLOCK * self.weight.len())
            .enumerate()
            .share(|(index, gradient)| {
                let first = index * ROW_BLOCK;
                let rows = first..first + gradient.len() / self.weight.len();
                self.backward_rows(saved, &rows, gradient);
            });
    }

    /// Adds the parameters' gradients to `gradients`, from the gradient of the result.
    pub(super) fn sums(self, saved: &SavedNorm, gradient: &[f32], gradients: &mut [f32]) {
        let [weights, biases] = gradients
            .get_disjoint_mut([self.layout.weight.range(), self.layout.bias.range()])
            .expect("a layout's tensors do not overlap");
        layer_norm_sums(gradient, &saved.normal, weights, biases);
    }

    /// Replaces the gradient of the result by the gradient of the argument in the rows `rows`.
    pub(super) fn backward_rows(
        self,
        saved: &SavedNorm,
        rows: &Range<usize>,
        gradient: &mut [f32],
    ) {
        let normal = part(&saved.normal, rows, self.weight.len());
        layer_norm_backward(gradient, normal, &saved.inverse[rows.clone()], self.weight);
    }
}
