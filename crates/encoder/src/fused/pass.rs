//! The forward pass in fused operations.

use std::sync::Arc;

use candle_core::Tensor;

use super::hidden::{BlockPass, HiddenOp};
use super::{EmbeddingOp, Saving};
use crate::dropout::{Dropout, Site};
use crate::encoder::Pass;
use crate::engine::{EmbeddingPass, FinalNormPass, LayerDropout, LayerPass, LayerShape};
use crate::specification::Place;
use crate::stack::Stack;
use crate::{Batch, Block, Encoder, EncoderError, Mode};

/// One forward pass over a batch.
pub(crate) struct FusedPass<'a> {
    encoder: &'a Encoder,
    stack: Stack<'a>,
    batch: &'a Batch,
    dropout: Dropout,
    saving: Saving,
}

impl<'a> FusedPass<'a> {
    pub(crate) fn new(
        encoder: &'a Encoder,
        stack: Stack<'a>,
        batch: &'a Batch,
        mode: Mode,
        saving: Saving,
    ) -> Self {
        Self {
            encoder,
            stack,
            batch,
            dropout: Dropout::of(mode),
            saving,
        }
    }

    fn tracked(&self) -> bool {
        self.saving != Saving::Nothing
    }

    fn hidden_dropout(&self, site: Site) -> Option<kernels::Dropout> {
        self.dropout
            .at(site, self.encoder.config.hidden_dropout_prob)
    }

    fn apply(
        &self,
        block: &Block,
        pass: impl BlockPass,
        hidden: &Tensor,
    ) -> Result<Tensor, EncoderError> {
        let operation = HiddenOp::new(pass, block.sink(), self.saving);
        Ok(hidden.apply_op2(&block.flat(self.tracked()), operation)?)
    }
}

impl Pass for FusedPass<'_> {
    fn embeddings(&self) -> Result<Tensor, EncoderError> {
        let Batch {
            ids,
            positions,
            token_types,
            ..
        } = self.batch;
        let pass = EmbeddingPass {
            layout: self.encoder.layout.embeddings,
            epsilon: self.encoder.config.layer_norm_eps as f32,
            indices: [ids, positions, token_types].map(Arc::clone),
            sequences: Arc::clone(&self.batch.sequences),
            dropout: self.hidden_dropout(Site::Embeddings),
            pool: self.encoder.pool.clone(),
        };
        let block = self.encoder.block(Place::Embeddings);
        let operation = EmbeddingOp::new(pass, block.sink(), self.saving);
        Ok(block.flat(self.tracked()).apply_op1(operation)?)
    }

    fn layer(&self, layer: usize, hidden: &Tensor) -> Result<Tensor, EncoderError> {
        let (config, number) = (&self.encoder.config, self.stack.first + layer);
        let weights = config.attention_probs_dropout_prob;
        let pass = LayerPass {
            shape: LayerShape {
                precision: self.encoder.precision,
                architecture: config.architecture,
                layout: self.encoder.layout.layer,
                heads: config.num_attention_heads,
                activation: config.hidden_act.function(),
                epsilon: config.layer_norm_eps as f32,
            },
            sequences: Arc::clone(&self.batch.sequences),
            dropout: LayerDropout {
                weights: self.dropout.at(Site::AttentionWeights(number), weights),
                attention: self.hidden_dropout(Site::AttentionOutput(number)),
                feed_forward: self.hidden_dropout(Site::FeedForwardOutput(number)),
            },
            trains: self.tracked(),
            pool: self.encoder.pool.clone(),
        };
        self.apply(&self.stack.layers[layer], pass, hidden)
    }

    fn end(&self, hidden: Tensor) -> Result<Tensor, EncoderError> {
        let (Some(layout), Some(block)) = (self.encoder.layout.final_norm, self.stack.final_norm)
        else {
            return Ok(hidden);
        };
        let pass = FinalNormPass {
            layout,
            rows: self.batch.sequences.rows(),
            epsilon: self.encoder.config.layer_norm_eps as f32,
            pool: self.encoder.pool.clone(),
        };
        self.apply(block, pass, &hidden)
    }
}
