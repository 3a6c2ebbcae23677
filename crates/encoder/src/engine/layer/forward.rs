use std::ops::Range;

use kernels::{
    Factor, Matrix, ROW_BLOCK, Share, add_bias, add_residual, attention, bias_activation,
    bias_activation_only, multiply_with, with_factors,
};
use rayon::prelude::*;

use super::weights::Weights;
use super::{LayerPass, SavedLayer};
use crate::engine::blocks::{part, range, split};
use crate::engine::kept::Kept;
use crate::engine::norm::SavedNorm;
use crate::engine::pool::Buffer;

impl LayerPass {
    /// Computes the layer's output `y` from its input `x`, `[tokens, width]`, and returns the values that the backward pass needs.
    pub(crate) fn forward(&self, block: &[f32], x: &[f32], y: &mut [f32]) -> SavedLayer {
        let weights = Weights::of(&self.shape, block);
        match self.shape.architecture.normalises_last() {
            true => self.forward_post(&weights, x, y),
            false => self.forward_pre(&weights, x, y),
        }
    }

    /// Normalisation after each sub-layer: `y = norm(z + feed_forward(z))`, `z = norm(x + attention(x))`.
    fn forward_post(&self, weights: &Weights<'_>, x: &[f32], y: &mut [f32]) -> SavedLayer {
        let (rows, width, inner) = self.sizes();
        let (qkv, context) = self.attention(weights, x);
        let (mut attention_norm, mut feed_forward_norm) = (self.saved_norm(), self.saved_norm());
        let (mut attention_input, mut kept_context) = (self.copy(width), self.copy(width));
        let (mut middle, mut activated) = (self.kept(width), self.kept(inner));
        let slopes = if self.trains { inner } else { 0 };
        let mut derivative = self.take(slopes);
        with_factors(
            self.shape.precision,
            weights.after_attention(),
            |[project, expand, contract]| {
                (
                    attention_input.blocks(),
                    kept_context.blocks(),
                    split(&mut attention_norm.normal, rows, width),
                    split(&mut attention_norm.inverse, rows, 1),
                    middle.blocks(),
                    activated.blocks(),
                    split(&mut derivative, rows, slopes),
                    split(&mut feed_forward_norm.normal, rows, width),
                    split(&mut feed_forward_norm.inverse, rows, 1),
                    split(y, rows, width),
                )
                    .into_par_iter()
                    .with_max_len(1)
                    .enumerate()
                    .share(|(index, parts)| {
                        let (
                            input,
                            kept_context,
                            sum,
                            inverse,
                            middle,
                            activated,
                            derivative,
                            end,
                            end_inverse,
                            y,
                        ) = parts;
                        let (mut middle, mut activated) =
                            (middle.open(&self.pool), activated.open(&self.pool));
                        let block = range(index, rows);
                        let x = part(x, &block, width);
                        input.copy(x);
                        let context = part(&context, &block, width);
                        project.multiply(Matrix::new(context, block.len(), width), sum, false);
                        kept_context.copy(context);
                        self.close_attention(weights, sum, &block, x);
                        weights.attention_norm.rows(sum, &mut middle, inverse);
                        self.expand(weights, &expand, &middle, &mut activated, derivative);
                        contract.multiply(Matrix::new(&activated, block.len(), inner), end, false);
                        activated.close();
                        self.close_feed_forward(weights, end, &block, &middle);
                        middle.close();
                        weights.feed_forward_norm.rows(end, y, end_inverse);
                    });
            },
        );
        SavedLayer {
            qkv,
            context: kept_context.or_floats(context),
            attention_norm,
            attention_input,
            feed_forward_norm,
            middle,
            activated,
            derivative,
        }
    }

    /// Normalisation before each sub-layer: `y = z + feed_forward(norm(z))`, `z = x + attention(norm(x))`.
    fn forward_pre(&self, weights: &Weights<'_>, x: &[f32], y: &mut [f32]) -> SavedLayer {
        let (rows, width, inner) = self.sizes();
        let mut attention_norm = self.saved_norm();
        attention_norm.normal.copy_from_slice(x);
        let mut input = self.take(width);
        weights
            .attention_norm
            .forward(&mut attention_norm, &mut input);
        let (qkv, context) = self.attention(weights, &input);

        let mut feed_forward_norm = self.saved_norm();
        let (mut attention_input, mut kept_context) = (self.copy(width), self.copy(width));
        let (mut middle, mut activated) = (self.kept(width), self.kept(inner));
        let slopes = if self.trains { inner } else { 0 };
        let mut derivative = self.take(slopes);
        // The last product goes to a buffer of its own, since `y` holds `z`.
        let mut output = self.take(width);
        with_factors(
            self.shape.precision,
            weights.after_attention(),
            |[project, expand, contract]| {
                (
                    attention_input.blocks(),
                    kept_context.blocks(),
                    split(&mut feed_forward_norm.normal, rows, width),
                    split(&mut feed_forward_norm.inverse, rows, 1),
                    middle.blocks(),
                    activated.blocks(),
                    split(&mut derivative, rows, slopes),
                    split(&mut output, rows, width),
                    split(y, rows, width),
                )
                    .into_par_iter()
                    .with_max_len(1)
                    .enumerate()
                    .share(|(index, parts)| {
                        let (
                            attention_input,
                            kept_context,
                            z,
                            inverse,
                            middle,
                            activated,
                            derivative,
                            end,
                            y,
                        ) = parts;
                        let (mut middle, mut activated) =
                            (middle.open(&self.pool), activated.open(&self.pool));
                        let block = range(index, rows);
                        let x = part(x, &block, width);
                        attention_input.copy(part(&input, &block, width));
                        let context = part(&context, &block, width);
                        project.multiply(Matrix::new(context, block.len(), width), y, false);
                        kept_context.copy(context);
                        self.close_attention(weights, y, &block, x);
                        z.copy_from_slice(y);
                        weights.feed_forward_norm.rows(z, &mut middle, inverse);
                        self.expand(weights, &expand, &middle, &mut activated, derivative);
                        middle.close();
                        contract.multiply(Matrix::new(&activated, block.len(), inner), end, false);
                        activated.close();
                        self.close_feed_forward(weights, end, &block, y);
                        y.copy_from_slice(end);
                    });
            },
        );
        SavedLayer {
            qkv,
            context: kept_context.or_floats(context),
            attention_norm,
            attention_input: attention_input.or_floats(input),
            feed_forward_norm,
            middle,
            activated,
            derivative,
        }
    }

    /// Ends the attention sub-layer in the rows `rows`: bias, dropout, and the sub-layer's input `residual`.
    fn close_attention(
        &self,
        weights: &Weights<'_>,
        output: &mut [f32],
        rows: &Range<usize>,
        residual: &[f32],
    ) {
        let dropout = self.dropout.attention.as_ref();
        let bias = weights.attention_output.bias;
        add_residual(
            output,
            rows.clone(),
            bias,
            dropout,
            &self.sequences,
            residual,
        );
    }

    /// Ends the feed-forward sub-layer in the rows `rows`: bias, dropout, and the sub-layer's input `residual`.
    fn close_feed_forward(
        &self,
        weights: &Weights<'_>,
        output: &mut [f32],
        rows: &Range<usize>,
        residual: &[f32],
    ) {
        let dropout = self.dropout.feed_forward.as_ref();
        let bias = weights.feed_forward_output.bias;
        add_residual(
            output,
            rows.clone(),
            bias,
            dropout,
            &self.sequences,
            residual,
        );
    }

    /// Computes the activations of the first feed-forward map for a block of rows, and their derivatives if a backward pass may
    /// follow.
    fn expand(
        &self,
        weights: &Weights<'_>,
        factor: &Factor<'_>,
        input: &[f32],
        activated: &mut [f32],
        derivative: &mut [f32],
    ) {
        let width = self.shape.width();
        let input = Matrix::new(input, input.len() / width, width);
        factor.multiply(input, activated, false);
        let (activation, bias) = (self.shape.activation, weights.feed_forward_input.bias);
        if self.trains {
            bias_activation(activation, activated, bias, derivative);
        } else {
            bias_activation_only(activation, activated, bias);
        }
    }

    /// Returns the number of rows, their width, and the width between the feed-forward maps.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        let shape = &self.shape;
        (self.sequences.rows(), shape.width(), shape.inner_width())
    }

    pub(super) fn take(&self, width: usize) -> Buffer {
        self.pool.take(self.sequences.rows() * width)
    }

    /// Makes room for rows that the gradients of maps read, if a backward pass may follow.
    pub(super) fn kept(&self, width: usize) -> Kept {
        let rows = self.sequences.rows();
        if self.trains {
            Kept::new(&self.pool, self.shape.precision, rows, width)
        } else {
            Kept::nothing(&self.pool, rows, width)
        }
    }

    /// Makes room for a rounded copy of rows whose floats others keep, if it is needed.
    pub(super) fn copy(&self, width: usize) -> Kept {
        let rows = self.sequences.rows();
        if self.trains {
            Kept::copy(&self.pool, self.shape.precision, rows, width)
        } else {
            Kept::nothing(&self.pool, rows, width)
        }
    }

    fn saved_norm(&self) -> SavedNorm {
        SavedNorm::new(&self.pool, self.sequences.rows(), self.shape.width())
    }

    /// Returns queries, keys and values, and the outputs of the heads.
    fn attention(&self, weights: &Weights<'_>, input: &[f32]) -> (Buffer, Buffer) {
        let (width, rows) = (self.shape.width(), self.sequences.rows());
        let mut qkv = self.take(3 * width);
        let map = weights.qkv;
        let blocks = rayon::iter::repeat_n((), rows.div_ceil(ROW_BLOCK));
        multiply_with(
            self.shape.precision,
            Matrix::new(input, rows, width),
            map.matrix(),
            &mut qkv,
            false,
            blocks,
            |_, rows, ()| add_bias(rows, map.bias),
        );
        let mut context = self.take(width);
        let dropout = self.dropout.weights.as_ref();
        attention(
            self.shape.precision,
            &qkv,
            &self.sequences,
            self.shape.heads,
            dropout,
            &mut context,
        );
        (qkv, context)
    }
}
