//! The masked language modelling head at the positions to predict, and its loss.
//!
//! gather → dense → activation → normalisation → decoder, tied to the word embeddings → cross-entropy. The gradients of the logits
//! and of the decoder's input are computed together with the loss, a few rows at a time, while their logits are in the cache.

use kernels::{
    Matrix, Precision, ROW_BLOCK, add_bias, bias_activation, cross_entropy, cross_entropy_only,
    multiply_with, scale, scatter_add, sum, with_factors,
};
use kernels::{Share, elementary::Activation};
use rayon::prelude::*;

use super::kept::Kept;
use super::map::{MapOf, add_parameters};
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
    gathered: Kept,
    derivative: Buffer,
    norm: SavedNorm,
    /// The decoder's input.
    transformed: Kept,
    /// The gradients of the loss with respect to the logits, `[rows, vocabulary]`, and to the decoder's input.
    logits: Kept,
    gradient: Buffer,
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
                .share(|((rows, targets), losses)| {
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
        let (width, count) = (self.width(), self.rows.len());
        let bias = &blocks.head[self.layout.decoder_bias.range()];
        let height = height(bias.len());
        let mut losses = vec![0.0; count];
        let mut gradient = self.pool.take(count * width);
        let (mut logits, mut kept) = (
            Kept::new(&self.pool, self.precision, count, bias.len()).with_height(height),
            Kept::copy(&self.pool, self.precision, count, width).with_height(height),
        );
        let words = self.words(blocks);
        with_factors(
            self.precision,
            [words.transposed(), words],
            |[decode, back]| {
                (
                    logits.blocks(),
                    kept.blocks(),
                    transformed.par_chunks(height * width),
                    targets.par_chunks(height),
                    losses.par_chunks_mut(height),
                    gradient.par_chunks_mut(height * width),
                )
                    .into_par_iter()
                    .with_max_len(1)
                    .share(|(logits, kept, rows, targets, losses, gradient)| {
                        let mut logits = logits.open(&self.pool);
                        let input = Matrix::new(rows, targets.len(), width);
                        decode.multiply(input, &mut logits, false);
                        kept.copy(rows);
                        cross_entropy(&mut logits, Some(bias), targets, losses);
                        let given = Matrix::new(&logits, targets.len(), bias.len());
                        back.multiply(given, gradient, false);
                        logits.close();
                    });
            },
        );
        let mut copied = Kept::copy(&self.pool, self.precision, count, width);
        copied.copy_all(&gathered);
        let saved = SavedMaskedLm {
            gathered: copied.or_floats(gathered),
            derivative,
            norm,
            transformed: kept.or_floats(transformed),
            logits,
            gradient,
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
        let bias = &mut head_gradients[self.layout.decoder_bias.range()];
        let words = &mut embedding_gradients[self.embeddings.words.range()];
        let (logits, transformed) = (saved.logits.rows(), saved.transformed.rows());
        let gradient = &mut *saved.gradient;
        if factor == 1.0 {
            add_parameters(self.precision, logits, transformed, words, bias);
        } else {
            let mut own = vec![0.0; words.len() + bias.len()];
            let (own_words, own_bias) = own.split_at_mut(words.len());
            add_parameters(self.precision, logits, transformed, own_words, own_bias);
            for (sums, own) in [(words, own_words), (bias, own_bias)] {
                for (sum, own) in sums.iter_mut().zip(own) {
                    *sum += factor * *own;
                }
            }
            gradient.iter_mut().for_each(|value| *value *= factor);
        }
        let norm = NormOf::new(self.layout.norm, blocks.head, self.epsilon);
        norm.backward(&saved.norm, gradient, head_gradients);
        let dense = MapOf::new(self.precision, self.layout.dense, blocks.head);
        gradient
            .par_chunks_mut(ROW_BLOCK * width)
            .zip(saved.derivative.par_chunks(ROW_BLOCK * width))
            .share(|(gradient, derivative)| scale(gradient, derivative));
        let mut copied = Kept::copy(&self.pool, self.precision, count, width);
        copied.copy_all(gradient);
        dense.backward_parameters(copied.or(gradient), saved.gathered.rows(), head_gradients);
        let mut gathered = self.pool.take(count * width);
        dense.backward_input(gradient, &mut gathered, false);
        scatter_add(hidden_gradient, width, &self.rows, &gathered);
    }
}

/// Returns how many rows of logits are taken from the product to their gradients at a time: as many as fit into the second-level
/// cache, but enough for a row of the decoder to be used several times.
fn height(vocabulary: usize) -> usize {
    const FLOATS: usize = 3 << 16;
    (FLOATS / vocabulary.max(1) / 8 * 8).clamp(24, ROW_BLOCK)
}
