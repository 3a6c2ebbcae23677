//! The encoder's forward pass.

use candle_core::Tensor;

use crate::dropout::{Dropout, Site};
use crate::layout::{Linear, Norm};
use crate::specification::Place;
use crate::{Architecture, Batch, Config, Encoder, Mode, Result};

/// One pass over a batch.
pub(crate) struct Pass<'a> {
    encoder: &'a Encoder,
    config: &'a Config,
    batch: &'a Batch,
    dropout: Option<Dropout>,
    tracked: bool,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(encoder: &'a Encoder, batch: &'a Batch, mode: Mode) -> Self {
        let tracked = mode != Mode::Evaluate;
        Self {
            encoder,
            config: &encoder.config,
            batch,
            dropout: Dropout::of(mode),
            tracked,
        }
    }

    /// Returns a block of parameters.
    fn block(&self, place: Place) -> Tensor {
        self.encoder.block(place).flat(self.tracked)
    }

    fn normalise(&self, x: &Tensor, block: &Tensor, norm: Norm) -> Result<Tensor> {
        let [weight, bias] = norm.of(block)?;
        self.encoder
            .ops
            .layer_norm(x, &weight, &bias, self.config.layer_norm_eps)
    }

    fn linear(&self, x: &Tensor, block: &Tensor, linear: Linear) -> Result<Tensor> {
        let [weight, bias] = linear.of(block)?;
        self.encoder.ops.linear(x, &weight, &bias)
    }

    fn hidden_mask(&self, site: Site) -> Result<Option<Tensor>> {
        let Some(dropout) = self.dropout else {
            return Ok(None);
        };
        let (width, probability) = (self.config.hidden_size, self.config.hidden_dropout_prob);
        dropout.hidden(site, &self.batch.layout, width, probability)
    }

    pub(crate) fn embeddings(&self) -> Result<Tensor> {
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
        let sum = self
            .encoder
            .ops
            .embed([&words, &positions, &types], indices)?;
        let mask = self.hidden_mask(Site::Embeddings)?;
        self.encoder
            .ops
            .dropout(&self.normalise(&sum, &block, at.norm)?, mask.as_ref())
    }

    /// Returns the layer's output from its input, both `[tokens, hidden size]`.
    pub(crate) fn layer(&self, layer: usize, hidden: &Tensor) -> Result<Tensor> {
        let (at, block) = (self.encoder.layout.layer, &self.block(Place::Layer(layer)));
        match self.config.architecture {
            Architecture::Bert => {
                let hidden = self.attention(layer, block, hidden, hidden)?;
                let hidden = self.normalise(&hidden, block, at.attention_norm)?;
                let hidden = self.feed_forward(layer, block, &hidden, &hidden)?;
                self.normalise(&hidden, block, at.feed_forward_norm)
            }
            Architecture::RobertaPreLayerNorm => {
                let input = self.normalise(hidden, block, at.attention_norm)?;
                let hidden = self.attention(layer, block, &input, hidden)?;
                let input = self.normalise(&hidden, block, at.feed_forward_norm)?;
                self.feed_forward(layer, block, &input, &hidden)
            }
        }
    }

    /// Returns the attention sub-layer's output for `input`, added to `residual`.
    fn attention(
        &self,
        layer: usize,
        block: &Tensor,
        input: &Tensor,
        residual: &Tensor,
    ) -> Result<Tensor> {
        let (at, ops) = (self.encoder.layout.layer, self.encoder.ops);
        // One product for all three.
        let qkv = self.linear(input, block, at.qkv)?;
        let heads = self.config.num_attention_heads;
        let masks = match self.dropout {
            Some(dropout) => dropout.attention(
                Site::AttentionWeights(layer),
                &self.batch.layout,
                heads,
                self.config.attention_probs_dropout_prob,
            )?,
            None => None,
        };
        let context = ops.attention(&qkv, &self.batch.layout, heads, masks.as_deref())?;
        let output = self.linear(&context, block, at.attention_output)?;
        let mask = self.hidden_mask(Site::AttentionOutput(layer))?;
        ops.dropout_add(&output, mask.as_ref(), residual)
    }

    /// Returns the feed-forward sub-layer's output for `input`, added to `residual`.
    fn feed_forward(
        &self,
        layer: usize,
        block: &Tensor,
        input: &Tensor,
        residual: &Tensor,
    ) -> Result<Tensor> {
        let at = self.encoder.layout.layer;
        let wide = self.linear(input, block, at.feed_forward_input)?;
        let wide = self.encoder.activate(&wide)?;
        let output = self.linear(&wide, block, at.feed_forward_output)?;
        let mask = self.hidden_mask(Site::FeedForwardOutput(layer))?;
        self.encoder
            .ops
            .dropout_add(&output, mask.as_ref(), residual)
    }

    /// Returns the encoder's output from the last layer's.
    pub(crate) fn end(&self, hidden: Tensor) -> Result<Tensor> {
        match self.encoder.layout.final_norm {
            None => Ok(hidden),
            Some(at) => self.normalise(&hidden, &self.block(Place::FinalNorm), at.norm),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Gradients, Sequence, Size, audit};

    /// A loss whose graph is cut below layer 1 must not pass the audit, and the audit must name what is cut off.
    #[test]
    fn a_detached_layer_fails_the_audit() {
        for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
            let encoder =
                Encoder::new(Config::of_size(Size::Nano, architecture, 30, 8, 0), 3).unwrap();
            let sequences = [
                Sequence::new(vec![2, 7, 9, 4], 0),
                Sequence::new(vec![2, 5, 6], 1),
            ];
            let batch = Batch::pack(&sequences, encoder.config()).unwrap();
            let pass = Pass::new(&encoder, &batch, Mode::Train { seed: 1, step: 0 });
            let check = |cut: bool| {
                let hidden = pass.layer(0, &pass.embeddings().unwrap()).unwrap();
                let hidden = if cut { hidden.detach() } else { hidden };
                let hidden = pass.end(pass.layer(1, &hidden).unwrap()).unwrap();
                let loss = encoder.masked_lm_loss(&hidden, &[1, 4], &[8, 11]).unwrap();
                let mut gradients = Gradients::zeros(encoder.parameters());
                gradients.add(&loss).unwrap();
                audit(encoder.parameters(), &gradients)
            };
            check(false).unwrap();
            let message = check(true).unwrap_err().to_string();
            assert!(message.contains("layer.0.attention.self.query.weight` receives no gradient"));
            assert!(
                message.contains("embeddings.position_embeddings.weight"),
                "{message}"
            );
            assert!(!message.contains("layer.1."), "{message}");
            // The word embeddings are tied to the decoder and so are still reached.
            assert!(!message.contains("word_embeddings"), "{message}");
        }
    }
}
