//! The sum of three embeddings per token, normalised.

use std::sync::Arc;

use kernels::{Dropout, ROW_BLOCK, Sequences, Share, dropout_rows, embed, scatter_add};
use rayon::prelude::*;

use super::norm::{NormOf, SavedNorm};
use super::pool::Pool;
use crate::layout::{EmbeddingLayout, Matrix};
use crate::sink::Lookups;

/// One pass of a batch through the embeddings.
#[derive(Clone, Debug)]
pub(crate) struct EmbeddingPass {
    pub(crate) layout: EmbeddingLayout,
    pub(crate) epsilon: f32,
    /// Word, position and token type of each packed token, as rows of the tables.
    pub(crate) indices: [Arc<[u32]>; 3],
    pub(crate) sequences: Arc<Sequences>,
    pub(crate) dropout: Option<Dropout>,
    pub(crate) pool: Pool,
}

/// Values that the backward pass needs.
#[derive(Debug)]
pub(crate) struct SavedEmbeddings(SavedNorm);

impl EmbeddingPass {
    fn tables(&self) -> [Matrix; 3] {
        let layout = &self.layout;
        [layout.words, layout.positions, layout.token_types]
    }

    /// Computes the hidden states `y`, `[tokens, width]`.
    pub(crate) fn forward(&self, block: &[f32], y: &mut [f32]) -> SavedEmbeddings {
        let width = self.layout.words.columns;
        let tables = self.tables().map(|table| &block[table.range()]);
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
                embed(
                    tables,
                    self.indices.each_ref().map(|all| &all[rows.clone()]),
                    width,
                    normal,
                );
                norm.rows(normal, y, inverse);
                if let Some(dropout) = &self.dropout {
                    dropout_rows(y, rows, width, dropout, &self.sequences);
                }
            });
        SavedEmbeddings(saved)
    }

    /// Adds the gradients of the parameters to `gradients`, except those of the words, which go to `lookups`. `gradient`, the
    /// gradient of the hidden states, is overwritten.
    pub(crate) fn backward(
        &self,
        block: &[f32],
        saved: &SavedEmbeddings,
        gradient: &mut [f32],
        gradients: &mut [f32],
        lookups: &mut Lookups,
    ) {
        let width = self.layout.words.columns;
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
        let [(words, word_indices), others @ ..] =
            std::array::from_fn::<_, 3, _>(|place| (self.tables()[place], &self.indices[place]));
        lookups.add(words.rows, width, word_indices, gradient);
        for (table, indices) in others {
            scatter_add(&mut gradients[table.range()], width, indices, gradient);
        }
    }
}
