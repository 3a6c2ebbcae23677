use kernels::{
    Dropout, Matrix, ROW_BLOCK, add, attention_backward, dropout_rows, multiply_with, scale,
};
use rayon::prelude::*;

use super::weights::Weights;
use super::{LayerPass, SavedLayer};
use crate::Architecture;
use crate::engine::pool::Buffer;

impl LayerPass {
    /// Replaces the gradient of the layer's output, `[tokens, width]`, by the gradient of its input `x`, and adds the gradients
    /// of the parameters to `gradients`, which has the layout of `block`.
    pub(crate) fn backward(
        &self,
        block: &[f32],
        x: &[f32],
        saved: &SavedLayer,
        gradient: &mut [f32],
        gradients: &mut [f32],
    ) {
        let weights = Weights::of(&self.shape, block);
        match self.shape.architecture {
            Architecture::Bert => {
                let norm = weights.feed_forward_norm;
                norm.backward(&saved.feed_forward_norm, gradient, gradients);
                let inner = self.feed_forward_backward(&weights, saved, gradient, gradients);
                weights
                    .feed_forward_input
                    .backward_input(&inner, gradient, true);
                let norm = weights.attention_norm;
                norm.backward(&saved.attention_norm, gradient, gradients);
                let qkv = self.attention_backward(&weights, x, saved, gradient, gradients);
                weights.qkv.backward_input(&qkv, gradient, true);
            }
            Architecture::RobertaPreLayerNorm => {
                let mut branch = self.take(self.shape.width());
                let inner = self.feed_forward_backward(&weights, saved, gradient, gradients);
                weights
                    .feed_forward_input
                    .backward_input(&inner, &mut branch, false);
                let norm = weights.feed_forward_norm;
                norm.backward(&saved.feed_forward_norm, &mut branch, gradients);
                self.join(gradient, &branch);
                let input = saved.attention_input.as_deref().unwrap_or(x);
                let qkv = self.attention_backward(&weights, input, saved, gradient, gradients);
                weights.qkv.backward_input(&qkv, &mut branch, false);
                let norm = weights.attention_norm;
                norm.backward(&saved.attention_norm, &mut branch, gradients);
                self.join(gradient, &branch);
            }
        }
    }

    /// Returns the gradient of the first feed-forward map's output from the gradient of the sub-layer's sum.
    fn feed_forward_backward(
        &self,
        weights: &Weights<'_>,
        saved: &SavedLayer,
        gradient: &[f32],
        gradients: &mut [f32],
    ) -> Buffer {
        let (width, inner, rows) = (
            self.shape.width(),
            self.shape.inner_width(),
            self.sequences.rows(),
        );
        let dropped = self.dropped(gradient, self.dropout.feed_forward.as_ref());
        let output = dropped.as_deref().unwrap_or(gradient);
        let map = weights.feed_forward_output;
        map.backward_bias(output, gradients);
        map.backward_weight(output, &saved.activated, gradients);
        let mut inner_gradient = self.take(inner);
        multiply_with(
            self.shape.precision,
            Matrix::new(output, rows, width),
            map.weight(),
            &mut inner_gradient,
            false,
            saved.derivative.par_chunks(ROW_BLOCK * inner),
            |_, block, derivative| scale(block, derivative),
        );
        let map = weights.feed_forward_input;
        map.backward_bias(&inner_gradient, gradients);
        map.backward_weight(&inner_gradient, &saved.middle, gradients);
        inner_gradient
    }

    /// Returns the gradient of queries, keys and values from the gradient of the sub-layer's sum; `input` is attention's input.
    fn attention_backward(
        &self,
        weights: &Weights<'_>,
        input: &[f32],
        saved: &SavedLayer,
        gradient: &[f32],
        gradients: &mut [f32],
    ) -> Buffer {
        let width = self.shape.width();
        let dropped = self.dropped(gradient, self.dropout.attention.as_ref());
        let output = dropped.as_deref().unwrap_or(gradient);
        let map = weights.attention_output;
        map.backward_bias(output, gradients);
        map.backward_weight(output, &saved.context, gradients);
        let mut context = self.take(width);
        map.backward_input(output, &mut context, false);
        let mut qkv = self.take(3 * width);
        let (heads, dropout) = (self.shape.heads, self.dropout.weights.as_ref());
        attention_backward(
            self.shape.precision,
            &saved.qkv,
            &self.sequences,
            heads,
            dropout,
            &context,
            &mut qkv,
        );
        weights.qkv.backward_bias(&qkv, gradients);
        weights.qkv.backward_weight(&qkv, input, gradients);
        qkv
    }

    /// Returns the gradient of a sub-layer's output before dropout, or `None` where nothing is dropped.
    fn dropped(&self, gradient: &[f32], dropout: Option<&Dropout>) -> Option<Buffer> {
        let dropout = dropout?;
        let width = self.shape.width();
        let mut result = self.take(width);
        result
            .par_chunks_mut(ROW_BLOCK * width)
            .zip(gradient.par_chunks(ROW_BLOCK * width))
            .enumerate()
            .for_each(|(index, (result, gradient))| {
                result.copy_from_slice(gradient);
                let first = index * ROW_BLOCK;
                let rows = first..first + result.len() / width;
                dropout_rows(result, rows, width, dropout, &self.sequences);
            });
        Some(result)
    }

    fn join(&self, gradient: &mut [f32], branch: &[f32]) {
        let block = ROW_BLOCK * self.shape.width();
        gradient
            .par_chunks_mut(block)
            .zip(branch.par_chunks(block))
            .for_each(|(gradient, branch)| add(gradient, branch));
    }
}
