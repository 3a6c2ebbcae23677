//! What a decoder of masked tokens reads: the encoder's states at visible places, the embedding of `[MASK]` at the others, and
//! positions of its own at all of them; normalised.

use std::sync::Arc;

use kernels::{Dropout, ROW_BLOCK, Sequences, Share, add, dropout_rows, scatter_add};
use rayon::prelude::*;

use super::norm::{NormOf, SavedNorm};
use super::pool::Pool;
use crate::layout::{DecoderLayout, Matrix};
use crate::sink::Lookups;

/// One pass of a batch into the decoder.
#[derive(Clone, Debug)]
pub(crate) struct DecoderEmbeddingPass {
    pub(crate) layout: DecoderLayout,
    /// The place of the words in the block of the encoder's embeddings, and the length of that block.
    pub(crate) words: Matrix,
    pub(crate) words_length: usize,
    /// The mask token.
    pub(crate) mask: u32,
    pub(crate) epsilon: f32,
    /// For each token, the row of its state if it is visible.
    pub(crate) sources: Arc<[Option<u32>]>,
    /// The position of each token, as a row of the table.
    pub(crate) positions: Arc<[u32]>,
    pub(crate) sequences: Arc<Sequences>,
    pub(crate) dropout: Option<Dropout>,
    pub(crate) pool: Pool,
}

/// Values that the backward pass needs.
#[derive(Debug)]
pub(crate) struct SavedDecoderEmbeddings(SavedNorm);

impl DecoderEmbeddingPass {
    pub(crate) fn width(&self) -> usize {
        self.words.columns
    }

    /// Computes the hidden states `y`, `[tokens, width]`, from the states of the visible tokens, `[visible tokens, width]`, the block
    /// of the encoder's embeddings and the decoder's block.
    pub(crate) fn forward(
        &self,
        states: &[f32],
        words: &[f32],
        block: &[f32],
        y: &mut [f32],
    ) -> SavedDecoderEmbeddings {
        let width = self.width();
        let masked = row(&words[self.words.range()], self.mask, width);
        let positions = &block[self.layout.positions.range()];
        let norm = NormOf::new(self.layout.norm, block, self.epsilon);
        let mut saved = SavedNorm::new(&self.pool, self.sequences.rows(), width);
        saved
            .normal
            .par_chunks_mut(ROW_BLOCK * width)
            .zip(saved.inverse.par_chunks_mut(ROW_BLOCK))
            .zip(y.par_chunks_mut(ROW_BLOCK * width))
            .enumerate()
            .share(|(index, ((normal, inverse), y))| {
                let first = index * ROW_BLOCK;
                let rows = first..first + inverse.len();
                for (at, own) in rows.clone().zip(normal.chunks_exact_mut(width)) {
                    let source = self.sources[at].map(|source| row(states, source, width));
                    own.copy_from_slice(source.unwrap_or(masked));
                    add(own, row(positions, self.positions[at], width));
                }
                norm.rows(normal, y, inverse);
                if let Some(dropout) = &self.dropout {
                    dropout_rows(y, rows, width, dropout, &self.sequences);
                }
            });
        SavedDecoderEmbeddings(saved)
    }

    /// Returns the gradient of the visible tokens' states. Adds the gradients of the decoder's parameters to `gradients`, and that of
    /// the mask token's embedding to `lookups`. `gradient`, the gradient of the hidden states, is overwritten.
    pub(crate) fn backward(
        &self,
        block: &[f32],
        saved: &SavedDecoderEmbeddings,
        gradient: &mut [f32],
        gradients: &mut [f32],
        lookups: &mut Lookups,
    ) -> Vec<f32> {
        let width = self.width();
        if let Some(dropout) = &self.dropout {
            gradient
                .par_chunks_mut(ROW_BLOCK * width)
                .enumerate()
                .share(|(index, gradient)| {
                    let first = index * ROW_BLOCK;
                    let rows = first..first + gradient.len() / width;
                    dropout_rows(gradient, rows, width, dropout, &self.sequences);
                });
        }
        let norm = NormOf::new(self.layout.norm, block, self.epsilon);
        norm.backward(&saved.0, gradient, gradients);
        let table = &mut gradients[self.layout.positions.range()];
        scatter_add(table, width, &self.positions, gradient);
        let (mut states, mut masked) = (Vec::new(), Vec::new());
        for (source, gradient) in self.sources.iter().zip(gradient.chunks_exact(width)) {
            // Visible tokens and their states are in the same order.
            let kept = match source {
                Some(_) => &mut states,
                None => &mut masked,
            };
            kept.extend_from_slice(gradient);
        }
        let indices = vec![self.mask; masked.len() / width];
        lookups.add(self.words.rows, width, &indices, &masked);
        states
    }
}

fn row(table: &[f32], index: u32, width: usize) -> &[f32] {
    &table[index as usize * width..][..width]
}
