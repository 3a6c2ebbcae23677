//! The normalisation after the last layer of a pre-layer-norm encoder.

use super::norm::{NormOf, SavedNorm};
use super::pool::Pool;
use crate::layout::FinalNormLayout;

/// Values that the backward pass needs.
#[derive(Debug)]
pub(crate) struct SavedFinalNorm(SavedNorm);

/// One pass of a batch through the normalisation, whose parameters are a block of their own.
#[derive(Clone, Debug)]
pub(crate) struct FinalNormPass {
    pub(crate) layout: FinalNormLayout,
    /// Number of tokens in the batch.
    pub(crate) rows: usize,
    pub(crate) epsilon: f32,
    pub(crate) pool: Pool,
}

impl FinalNormPass {
    /// Normalises the rows of `x` into `y`.
    pub(crate) fn forward(&self, block: &[f32], x: &[f32], y: &mut [f32]) -> SavedFinalNorm {
        let norm = NormOf::new(self.layout.norm, block, self.epsilon);
        let width = norm.weight.len();
        let mut saved = SavedNorm::new(&self.pool, self.rows, width);
        saved.normal.copy_from_slice(x);
        norm.forward(&mut saved, y);
        SavedFinalNorm(saved)
    }

    /// Replaces the gradient of the result by the gradient of `x`, and adds the gradients of the parameters to `gradients`.
    pub(crate) fn backward(
        &self,
        block: &[f32],
        saved: &SavedFinalNorm,
        gradient: &mut [f32],
        gradients: &mut [f32],
    ) {
        let norm = NormOf::new(self.layout.norm, block, self.epsilon);
        norm.backward(&saved.0, gradient, gradients);
    }
}
