//! The masked language modelling head at the positions to predict, and its loss.
//!
//! gather → dense → activation → normalisation → decoder, tied to the word embeddings → cross-entropy. The gradient of the
//! logits is computed together with the loss and overwrites the logits.

use kernels::elementary::Activation;
use kernels::{
    Matrix, Precision, ROW_BLOCK, add_bias, add_columns, bias_activation, cross_entropy,
    cross_entropy_only, multiply, multiply_with, scale, scatter_add, sum, with_factors,
};
use rayon::prelude::*;

use super::map::MapOf;
use super::norm::{NormOf, SavedNorm};
use super::pool::{Buffer, Pool};
use crate::layout::{EmbeddingLayout, HeadLayout};

/// A pass of some rows of a batch through the head.
#[derive(Clone, Debug)]
pub(crate) struct MaskedLmPass {
    pub(crate) precision: Precision,
    pub(crate) layout: HeadLayout,
    pub(crate) embeddings: EmbeddingLayout,
    pub(crate) activation: Activation,
    pub(crate) epsilon: f32,
    /// The packed rows at which to predict.
    pub(crate) rows: Vec<u32>,
    pub(crate) pool: Pool,
}

/// Values that the backward pass needs.
#[derive(Debug)]
pub(crate) struct SavedMaskedLm {
    gathered: Buffer,
    derivative: Buffer,
    norm: SavedNorm,
    /// The decoder's input.
    transformed: Buffer,
    /// The gradient of the loss with respect to the logits, `[rows, vocabulary]`.
    logits: Buffer,
}

/// The two blocks of parameters: the head's own, and the embeddings'.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadBlocks<'a> {
    pub(crate) head: &'a [f32],
    pub(crate) embeddings: &'a [f32],
}

impl MaskedLmPass {
    fn width(&self) -> usize {
        self.embeddings.words.columns
    }

    /// Returns the `[vocabulary, width]` matrix of word embeddings.
    fn words<'b>(&self, blocks: HeadBlocks<'b>) -> Matrix<'b> {
        let words = self.embeddings.words;
        Matrix::new(&blocks.embeddings[words.range()], words.rows, words.columns)
    }

    fn transform(
        &self,
        blocks: HeadBlocks<'_>,
        hidden: &[f32],
    ) -> (Buffer, Buffer, SavedNorm, Buffer) {
        let (width, count) = (self.width(), self.rows.len());
        let mut gathered = self.pool.take(count * width);
        for (target, &row) in gathered.chunks_exact_mut(width).zip(&self.rows) {
            target.copy_from_slice(&hidden[row as usize * width..][..width]);
        }
        let dense = MapOf::new(self.precision, self.layout.dense, blocks.head);
        let norm = NormOf::new(self.layout.norm, blocks.head, self.epsilon);
        let mut derivative = self.pool.take(count * width);
        let mut saved = SavedNorm::new(&self.pool, count, width);
        let mut transformed = self.pool.take(count * width);
        let extras = derivative
            .par_chunks_mut(ROW_BLOCK * width)
            .zip(saved.inverse.par_chunks_mut(ROW_BLOCK))
            .zip(transformed.par_chunks_mut(ROW_BLOCK * width));
        multiply_with(
            self.precision,
            Matrix::new(&gathered, count, width),
            dense.matrix(),
            &mut saved.normal,
            false,
            extras,
            |_, rows, ((derivative, inverse), transformed)| {
                bias_activation(self.activation, rows, dense.bias, derivative);
                norm.rows(rows, transformed, inverse);
            },
        );
        (gathered, derivative, saved, transformed)
    }

    /// Returns the scores of every vocabulary entry, `[rows, vocabulary]`.
    pub(crate) fn logits(&self, blocks: HeadBlocks<'_>, hidden: &[f32]) -> Vec<f32> {
        let (.., transformed) = self.transform(blocks, hidden);
        let count = self.rows.len();
        let bias = &blocks.head[self.layout.decoder_bias.range()];
        let mut logits = vec![0.0; count * bias.len()];
        multiply_with(
            self.precision,
            Matrix::new(&transformed, count, self.width()),
            self.words(blocks).transposed(),
            &mut logits,
            false,
            rayon::iter::repeat_n((), count.div_ceil(ROW_BLOCK)),
            |_, rows, ()| add_bias(rows, bias),
        );
        logits
    }

    /// Returns the cross-entropy in nats of predicting each of `targets`, where no backward pass follows: no logits stay in
    /// memory, and the gradient is not computed.
    pub(crate) fn losses(
        &self,
        blocks: HeadBlocks<'_>,
        hidden: &[f32],
        targets: &[u32],
    ) -> Vec<f64> {
        let (.., transformed) = self.transform(blocks, hidden);
        let (width, count) = (self.width(), self.rows.len());
        let bias = &blocks.head[self.layout.decoder_bias.range()];
        let mut losses = vec![0.0; count];
        let words = self.words(blocks).transposed();
        with_factors(self.precision, [words], |[words]| {
            transformed
                .par_chunks(ROW_BLOCK * width)
                .zip(targets.par_chunks(ROW_BLOCK))
                .zip(losses.par_chunks_mut(ROW_BLOCK))
                .with_max_len(1)
                .for_each(|((rows, targets), losses)| {
                    let mut logits = self.pool.take(losses.len() * bias.len());
                    words.multiply(Matrix::new(rows, losses.len(), width), &mut logits, false);
                    cross_entropy_only(&logits, Some(bias), targets, losses);
                });
        });
        losses
    }

    /// Returns the sum of the cross-entropies in nats of predicting `targets`.
    pub(crate) fn forward(
        &self,
        blocks: HeadBlocks<'_>,
        hidden: &[f32],
        targets: &[u32],
    ) -> (f64, SavedMaskedLm) {
        let (gathered, derivative, norm, transformed) = self.transform(blocks, hidden);
        let count = self.rows.len();
        let bias = &blocks.head[self.layout.decoder_bias.range()];
        let vocabulary = bias.len();
        let mut logits = self.pool.take(count * vocabulary);
        let mut losses = vec![0.0; count];
        multiply_with(
            self.precision,
            Matrix::new(&transformed, count, self.width()),
            self.words(blocks).transposed(),
            &mut logits,
            false,
            losses.par_chunks_mut(ROW_BLOCK),
            |range, rows, losses| {
                cross_entropy(rows, Some(bias), &targets[range], losses);
            },
        );
        let saved = SavedMaskedLm {
            gathered,
            derivative,
            norm,
            transformed,
            logits,
        };
        (sum(&losses), saved)
    }

    /// Adds the gradient of the hidden states to `hidden_gradient`, that of the head's parameters to `head_gradients` and that of
    /// the word embeddings to `embedding_gradients`, each multiplied by `factor`.
    pub(crate) fn backward(
        &self,
        blocks: HeadBlocks<'_>,
        saved: &mut SavedMaskedLm,
        factor: f32,
        hidden_gradient: &mut [f32],
        head_gradients: &mut [f32],
        embedding_gradients: &mut [f32],
    ) {
        let (width, count) = (self.width(), self.rows.len());
        let vocabulary = self.embeddings.words.rows;
        if factor != 1.0 {
            saved
                .logits
                .par_iter_mut()
                .for_each(|logit| *logit *= factor);
        }
        let bias = &mut head_gradients[self.layout.decoder_bias.range()];
        add_columns(&saved.logits, bias);
        let logits = Matrix::new(&saved.logits, count, vocabulary);
        let words = &mut embedding_gradients[self.embeddings.words.range()];
        let transformed = Matrix::new(&saved.transformed, count, width);
        multiply(
            self.precision,
            logits.transposed(),
            transformed,
            words,
            true,
        );

        let mut gradient = self.pool.take(count * width);
        multiply(
            self.precision,
            logits,
            self.words(blocks),
            &mut gradient,
            false,
        );
        let norm = NormOf::new(self.layout.norm, blocks.head, self.epsilon);
        norm.backward(&saved.norm, &mut gradient, head_gradients);
        let dense = MapOf::new(self.precision, self.layout.dense, blocks.head);
        gradient
            .par_chunks_mut(ROW_BLOCK * width)
            .zip(saved.derivative.par_chunks(ROW_BLOCK * width))
            .for_each(|(gradient, derivative)| scale(gradient, derivative));
        dense.backward_bias(&gradient, head_gradients);
        dense.backward_weight(&gradient, &saved.gathered, head_gradients);
        let mut gathered = self.pool.take(count * width);
        dense.backward_input(&gradient, &mut gathered, false);
        scatter_add(hidden_gradient, width, &self.rows, &gathered);
    }
}
