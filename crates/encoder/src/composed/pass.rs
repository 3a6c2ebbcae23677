//! The forward pass in composed operations.

use candle_core::Tensor;

use super::masks;
use super::operations::{activate, attention, dropout as dropout_of, embed, layer_norm, linear};
use crate::dropout::{Dropout, Site};
use crate::encoder::Pass;
use crate::layout::{Linear, Norm};
use crate::specification::Place;
use crate::stack::Stack;
use crate::{Batch, Config, Encoder, EncoderError, Mode};

/// One forward pass over a batch.
pub(crate) struct ComposedPass<'a> {
    encoder: &'a Encoder,
    config: &'a Config,
    stack: Stack<'a>,
    batch: &'a Batch,
    dropout: Dropout,
    tracked: bool,
}

impl<'a> ComposedPass<'a> {
    pub(crate) fn new(
        encoder: &'a Encoder,
        stack: Stack<'a>,
        batch: &'a Batch,
        mode: Mode,
    ) -> Self {
        let tracked = mode != Mode::Evaluate;
        Self {
            encoder,
            config: &encoder.config,
            stack,
            batch,
            dropout: Dropout::of(mode),
            tracked,
        }
    }

    /// Returns the block of parameters at a place.
    fn block(&self, place: Place) -> Tensor {
        self.encoder.block(place).flat(self.tracked)
    }

    fn normalise(&self, x: &Tensor, block: &Tensor, norm: Norm) -> Result<Tensor, EncoderError> {
        let [weight, bias] = norm.of(block)?;
        Ok(layer_norm(x, &weight, &bias, self.config.layer_norm_eps)?)
    }

    fn linear(&self, x: &Tensor, block: &Tensor, linear: Linear) -> Result<Tensor, EncoderError> {
        let [weight, bias] = linear.of(block)?;
        Ok(self::linear(x, &weight, &bias)?)
    }

    fn hidden_mask(&self, site: Site) -> Result<Option<Tensor>, EncoderError> {
        let width = self.config.hidden_size;
        let dropout = self.dropout.at(site, self.config.hidden_dropout_prob);
        let mask = dropout.map(|dropout| masks::hidden(&dropout, &self.batch.sequences, width));
        Ok(mask.transpose()?)
    }

    /// Returns the attention sub-layer's output for `input`, added to `residual`.
    fn attention(
        &self,
        layer: usize,
        block: &Tensor,
        input: &Tensor,
        residual: &Tensor,
    ) -> Result<Tensor, EncoderError> {
        let at = self.encoder.layout.layer;
        // One product computes queries, keys and values.
        let qkv = self.linear(input, block, at.qkv)?;
        let heads = self.config.num_attention_heads;
        let probability = self.config.attention_probs_dropout_prob;
        let dropout = self.dropout.at(
            Site::AttentionWeights(self.stack.first + layer),
            probability,
        );
        let layout = &self.batch.layout;
        let masks = dropout.map(|dropout| masks::attention(&dropout, layout, heads));
        let masks = masks.transpose()?;
        let context = attention(&qkv, layout, heads, masks.as_deref())?;
        let output = self.linear(&context, block, at.attention_output)?;
        let mask = self.hidden_mask(Site::AttentionOutput(self.stack.first + layer))?;
        Ok((dropout_of(&output, mask.as_ref())? + residual)?)
    }

    /// Returns the feed-forward sub-layer's output for `input`, added to `residual`.
    fn feed_forward(
        &self,
        layer: usize,
        block: &Tensor,
        input: &Tensor,
        residual: &Tensor,
    ) -> Result<Tensor, EncoderError> {
        let at = self.encoder.layout.layer;
        let wide = self.linear(input, block, at.feed_forward_input)?;
        let wide = activate(self.config.hidden_act, &wide)?;
        let output = self.linear(&wide, block, at.feed_forward_output)?;
        let mask = self.hidden_mask(Site::FeedForwardOutput(self.stack.first + layer))?;
        Ok((dropout_of(&output, mask.as_ref())? + residual)?)
    }
}

impl Pass for ComposedPass<'_> {
    fn embeddings(&self) -> Result<Tensor, EncoderError> {
        let (at, block) = (
            self.encoder.layout.embeddings,
            self.block(Place::Embeddings),
        );
        let words = at.words.of(&block)?;
        let positions = at.positions.of(&block)?;
        let types = at.token_types.of(&block)?;
        let indices = [
            &self.batch.ids,
            &self.batch.positions,
            &self.batch.token_types,
        ];
        let sum = embed([&words, &positions, &types], indices)?;
        let mask = self.hidden_mask(Site::Embeddings)?;
        Ok(dropout_of(
            &self.normalise(&sum, &block, at.norm)?,
            mask.as_ref(),
        )?)
    }

    fn layer(&self, layer: usize, hidden: &Tensor) -> Result<Tensor, EncoderError> {
        let at = self.encoder.layout.layer;
        let block = &self.stack.layers[layer].flat(self.tracked);
        match self.config.architecture.normalises_last() {
            true => {
                let hidden = self.attention(layer, block, hidden, hidden)?;
                let hidden = self.normalise(&hidden, block, at.attention_norm)?;
                let hidden = self.feed_forward(layer, block, &hidden, &hidden)?;
                self.normalise(&hidden, block, at.feed_forward_norm)
            }
            false => {
                let input = self.normalise(hidden, block, at.attention_norm)?;
                let hidden = self.attention(layer, block, &input, hidden)?;
                let input = self.normalise(&hidden, block, at.feed_forward_norm)?;
                self.feed_forward(layer, block, &input, &hidden)
            }
        }
    }

    fn end(&self, hidden: Tensor) -> Result<Tensor, EncoderError> {
        match (self.encoder.layout.final_norm, self.stack.final_norm) {
            (Some(at), Some(block)) => self.normalise(&hidden, &block.flat(self.tracked), at.norm),
            _ => Ok(hidden),
        }
    }
}
