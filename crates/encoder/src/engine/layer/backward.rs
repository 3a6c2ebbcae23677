use std::ops::Range;

use kernels::{Dropout, Matrix, Share, add, attention_backward, dropout_rows, scale, with_factors};
use rayon::prelude::*;

use super::weights::Weights;
use super::{LayerPass, SavedLayer};
use crate::engine::blocks::{part, range, split};
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
        // With normalisation first, the gradient of a sub-layer's input; otherwise it is added to `gradient` at once.
        let norm_last = self.shape.architecture.normalises_last();
        let mut branch = self.take(if norm_last { 0 } else { self.shape.width() });
        self.feed_forward_backward(&weights, saved, gradient, &mut branch, gradients);
        let context = self.context_backward(&weights, saved, gradient, &mut branch, gradients);
        let result = match norm_last {
            true => &mut *gradient,
            false => &mut *branch,
        };
        self.attention_backward(&weights, x, saved, &context, result, gradients);
        if norm_last {
            return;
        }
        let norm = weights.attention_norm;
        norm.backward(&saved.attention_norm, &mut branch, gradients);
        let rows = self.sequences.rows();
        let width = self.shape.width();
        split(gradient, rows, width)
            .into_par_iter()
            .enumerate()
            .share(|(index, gradient)| {
                add(gradient, part(&branch, &range(index, rows), width));
            });
    }

    /// Takes the gradient of the layer's output through the feed-forward sub-layer: with normalisation last, `gradient` becomes
    /// the gradient of the sub-layer's input, otherwise `branch` becomes that of its normalised input.
    fn feed_forward_backward(
        &self,
        weights: &Weights<'_>,
        saved: &SavedLayer,
        gradient: &mut [f32],
        branch: &mut [f32],
        gradients: &mut [f32],
    ) {
        let (rows, width, inner) = self.sizes();
        let norm_last = self.shape.architecture.normalises_last();
        let norm = weights.feed_forward_norm;
        if norm_last {
            norm.sums(&saved.feed_forward_norm, gradient, gradients);
        }
        let (mut output, mut expanded) = (self.kept(width), self.kept(inner));
        let (expand, contract) = (weights.feed_forward_input, weights.feed_forward_output);
        let maps = [contract.weight(), expand.weight()];
        with_factors(self.shape.precision, maps, |[contract, expand]| {
            (
                split(gradient, rows, width),
                split(branch, rows, if norm_last { 0 } else { width }),
                output.blocks(),
                expanded.blocks(),
            )
                .into_par_iter()
                .with_max_len(1)
                .enumerate()
                .share(|(index, (gradient, branch, output, expanded))| {
                    let (mut output, mut expanded) =
                        (output.open(&self.pool), expanded.open(&self.pool));
                    let block = range(index, rows);
                    if norm_last {
                        norm.backward_rows(&saved.feed_forward_norm, &block, gradient);
                    }
                    let dropout = self.dropout.feed_forward.as_ref();
                    self.drop_out(gradient, &block, dropout, &mut output);
                    let given = Matrix::new(&output, block.len(), width);
                    contract.multiply(given, &mut expanded, false);
                    output.close();
                    scale(&mut expanded, part(&saved.derivative, &block, inner));
                    let given = Matrix::new(&expanded, block.len(), inner);
                    let input = if norm_last { gradient } else { branch };
                    expand.multiply(given, input, norm_last);
                    expanded.close();
                });
        });
        contract.backward_parameters(output.rows(), saved.activated.rows(), gradients);
        expand.backward_parameters(expanded.rows(), saved.middle.rows(), gradients);
    }

    /// Takes what [`LayerPass::feed_forward_backward`] left to the sum at the end of the attention sub-layer, whose gradient
    /// `gradient` becomes, and returns the gradient of the heads' outputs.
    fn context_backward(
        &self,
        weights: &Weights<'_>,
        saved: &SavedLayer,
        gradient: &mut [f32],
        branch: &mut [f32],
        gradients: &mut [f32],
    ) -> Buffer {
        let (rows, width, _) = self.sizes();
        let norm_last = self.shape.architecture.normalises_last();
        let (norm, saved_norm, given) = if norm_last {
            (weights.attention_norm, &saved.attention_norm, &*gradient)
        } else {
            (
                weights.feed_forward_norm,
                &saved.feed_forward_norm,
                &*branch,
            )
        };
        norm.sums(saved_norm, given, gradients);
        let (mut output, mut context) = (self.kept(width), self.take(width));
        let map = weights.attention_output;
        with_factors(self.shape.precision, [map.weight()], |[factor]| {
            (
                split(gradient, rows, width),
                split(branch, rows, if norm_last { 0 } else { width }),
                output.blocks(),
                split(&mut context, rows, width),
            )
                .into_par_iter()
                .with_max_len(1)
                .enumerate()
                .share(|(index, (gradient, branch, output, context))| {
                    let mut output = output.open(&self.pool);
                    let block = range(index, rows);
                    if norm_last {
                        norm.backward_rows(saved_norm, &block, gradient);
                    } else {
                        norm.backward_rows(saved_norm, &block, branch);
                        add(gradient, branch);
                    }
                    let dropout = self.dropout.attention.as_ref();
                    self.drop_out(gradient, &block, dropout, &mut output);
                    factor.multiply(Matrix::new(&output, block.len(), width), context, false);
                    output.close();
                });
        });
        map.backward_parameters(output.rows(), saved.context.rows(), gradients);
        context
    }

    /// Takes the gradient of the heads' outputs, `context`, to attention's input: with normalisation last it is added to `result`,
    /// otherwise written there. `x` is the layer's input.
    fn attention_backward(
        &self,
        weights: &Weights<'_>,
        x: &[f32],
        saved: &SavedLayer,
        context: &[f32],
        result: &mut [f32],
        gradients: &mut [f32],
    ) {
        let (rows, width, _) = self.sizes();
        let mut qkv = self.take(3 * width);
        let (heads, dropout) = (self.shape.heads, self.dropout.weights.as_ref());
        attention_backward(
            self.shape.precision,
            &saved.qkv,
            &self.sequences,
            heads,
            dropout,
            context,
            &mut qkv,
        );
        let adds = self.shape.architecture.normalises_last();
        let mut rounded = self.copy(3 * width);
        let map = weights.qkv;
        with_factors(self.shape.precision, [map.weight()], |[factor]| {
            (rounded.blocks(), split(result, rows, width))
                .into_par_iter()
                .with_max_len(1)
                .enumerate()
                .share(|(index, (rounded, result))| {
                    let block = range(index, rows);
                    let qkv = part(&qkv, &block, 3 * width);
                    factor.multiply(Matrix::new(qkv, block.len(), 3 * width), result, adds);
                    rounded.copy(qkv);
                });
        });
        let input = saved.attention_input.or(x);
        map.backward_parameters(rounded.or(&qkv), input, gradients);
    }

    /// Writes the gradient of a sub-layer's output before dropout to `result`, for the rows `rows`.
    fn drop_out(
        &self,
        gradient: &[f32],
        rows: &Range<usize>,
        dropout: Option<&Dropout>,
        result: &mut [f32],
    ) {
        result.copy_from_slice(gradient);
        if let Some(dropout) = dropout {
            let width = self.shape.width();
            dropout_rows(result, rows.clone(), width, dropout, &self.sequences);
        }
    }
}
