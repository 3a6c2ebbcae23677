use kernels::{
    Dropout, Matrix, ROW_BLOCK, add_bias, add_residual, attention, bias_activation,
    bias_activation_only, multiply_with,
};
use rayon::prelude::*;

use super::weights::Weights;
use super::{LayerPass, SavedLayer};
use crate::Architecture;
use crate::engine::map::MapOf;
use crate::engine::norm::{NormOf, SavedNorm};
use crate::engine::pool::Buffer;

impl LayerPass {
    /// Computes the layer's output `y` from its input `x`, `[tokens, width]`, and returns the values that the backward pass needs.
    pub(crate) fn forward(&self, block: &[f32], x: &[f32], y: &mut [f32]) -> SavedLayer {
        let weights = Weights::of(&self.shape, block);
        match self.shape.architecture {
            Architecture::Bert => self.forward_post(&weights, x, y),
            Architecture::RobertaPreLayerNorm => self.forward_pre(&weights, x, y),
        }
    }

    /// Normalisation after each sub-layer: `y = norm(z + feed_forward(z))`, `z = norm(x + attention(x))`.
    fn forward_post(&self, weights: &Weights<'_>, x: &[f32], y: &mut [f32]) -> SavedLayer {
        let (qkv, context) = self.attention(weights, x);
        let mut attention_norm = self.saved_norm();
        let mut middle = self.take(self.shape.width());
        let map = weights.attention_output;
        let dropout = self.dropout.attention.as_ref();
        self.map_norm(
            &context,
            map,
            dropout,
            x,
            weights.attention_norm,
            &mut attention_norm,
            &mut middle,
        );
        let (activated, derivative) = self.expand(weights, &middle);
        let mut feed_forward_norm = self.saved_norm();
        let map = weights.feed_forward_output;
        let dropout = self.dropout.feed_forward.as_ref();
        let norm = weights.feed_forward_norm;
        self.map_norm(
            &activated,
            map,
            dropout,
            &middle,
            norm,
            &mut feed_forward_norm,
            y,
        );
        SavedLayer {
            qkv,
            context,
            attention_norm,
            attention_input: None,
            feed_forward_norm,
            middle,
            activated,
            derivative,
        }
    }

    /// Normalisation before each sub-layer: `y = z + feed_forward(norm(z))`, `z = x + attention(norm(x))`.
    fn forward_pre(&self, weights: &Weights<'_>, x: &[f32], y: &mut [f32]) -> SavedLayer {
        let width = self.shape.width();
        let mut attention_norm = self.saved_norm();
        attention_norm.normal.copy_from_slice(x);
        let mut input = self.take(width);
        weights
            .attention_norm
            .forward(&mut attention_norm, &mut input);
        let (qkv, context) = self.attention(weights, &input);

        // `z` is computed in the buffer for its normalised rows, and a copy stays in `y` for the end.
        let mut feed_forward_norm = self.saved_norm();
        let mut middle = self.take(width);
        let (map, norm) = (weights.attention_output, weights.feed_forward_norm);
        let rows = self.sequences.rows();
        let extras = feed_forward_norm
            .normal
            .par_chunks_mut(ROW_BLOCK * width)
            .zip(feed_forward_norm.inverse.par_chunks_mut(ROW_BLOCK))
            .zip(middle.par_chunks_mut(ROW_BLOCK * width));
        multiply_with(
            self.shape.precision,
            Matrix::new(&context, rows, width),
            map.matrix(),
            y,
            false,
            extras,
            |rows, z, ((normal, inverse), middle)| {
                let residual = &x[rows.start * width..rows.end * width];
                let dropout = self.dropout.attention.as_ref();
                add_residual(z, rows, map.bias, dropout, &self.sequences, residual);
                normal.copy_from_slice(z);
                norm.rows(normal, middle, inverse);
            },
        );
        let (activated, derivative) = self.expand(weights, &middle);
        let map = weights.feed_forward_output;
        let inner = self.shape.inner_width();
        // The product goes to a buffer of its own, since `y` holds `z`.
        let mut output = self.take(width);
        multiply_with(
            self.shape.precision,
            Matrix::new(&activated, rows, inner),
            map.matrix(),
            &mut output,
            false,
            y.par_chunks_mut(ROW_BLOCK * width),
            |rows, output, z| {
                let dropout = self.dropout.feed_forward.as_ref();
                add_residual(output, rows, map.bias, dropout, &self.sequences, z);
                z.copy_from_slice(output);
            },
        );
        SavedLayer {
            qkv,
            context,
            attention_norm,
            attention_input: Some(input),
            feed_forward_norm,
            middle,
            activated,
            derivative,
        }
    }

    pub(super) fn take(&self, width: usize) -> Buffer {
        self.pool.take(self.sequences.rows() * width)
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

    /// Returns the activations of the first feed-forward map, and their derivatives if a backward pass may follow.
    fn expand(&self, weights: &Weights<'_>, input: &[f32]) -> (Buffer, Buffer) {
        let inner = self.shape.inner_width();
        let (width, rows) = (self.shape.width(), self.sequences.rows());
        let (map, activation) = (weights.feed_forward_input, self.shape.activation);
        let mut activated = self.take(inner);
        let mut derivative = self.take(if self.trains { inner } else { 0 });
        let precision = self.shape.precision;
        let (x, weight) = (Matrix::new(input, rows, width), map.matrix());
        if self.trains {
            let extras = derivative.par_chunks_mut(ROW_BLOCK * inner);
            multiply_with(
                precision,
                x,
                weight,
                &mut activated,
                false,
                extras,
                |_, rows, derivative| {
                    bias_activation(activation, rows, map.bias, derivative);
                },
            );
        } else {
            let extras = rayon::iter::repeat_n((), rows.div_ceil(ROW_BLOCK));
            multiply_with(
                precision,
                x,
                weight,
                &mut activated,
                false,
                extras,
                |_, rows, ()| {
                    bias_activation_only(activation, rows, map.bias);
                },
            );
        }
        (activated, derivative)
    }

    /// Computes `norm(dropout(map(input)) + residual)` into `y`.
    #[allow(clippy::too_many_arguments)]
    fn map_norm(
        &self,
        input: &[f32],
        map: MapOf<'_>,
        dropout: Option<&Dropout>,
        residual: &[f32],
        norm: NormOf<'_>,
        saved: &mut SavedNorm,
        y: &mut [f32],
    ) {
        let (width, rows) = (self.shape.width(), self.sequences.rows());
        let extras = saved
            .inverse
            .par_chunks_mut(ROW_BLOCK)
            .zip(y.par_chunks_mut(ROW_BLOCK * width));
        multiply_with(
            self.shape.precision,
            Matrix::new(input, rows, input.len() / rows),
            map.matrix(),
            &mut saved.normal,
            false,
            extras,
            |rows, sum, (inverse, y)| {
                let residual = &residual[rows.start * width..rows.end * width];
                add_residual(sum, rows, map.bias, dropout, &self.sequences, residual);
                norm.rows(sum, y, inverse);
            },
        );
    }
}
