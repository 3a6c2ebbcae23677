//! The masked language modelling head and the classification head.

use candle_core::Tensor;

use super::masks;
use super::operations::{activate, dropout, layer_norm, linear};
use crate::block::Block;
use crate::dropout::{Dropout, Site};
use crate::layout::ClassificationLayout;
use crate::specification::Place;
use crate::{Batch, Encoder, EncoderError};

/// Returns the scores of every vocabulary entry at `rows`, `[rows, vocabulary]`.
pub(crate) fn masked_lm_logits(
    encoder: &Encoder,
    hidden: &Tensor,
    rows: &[u32],
) -> Result<Tensor, EncoderError> {
    let (layout, flat) = (encoder.layout.head, encoder.block(Place::Head).flat(true));
    let rows = Tensor::new(rows, hidden.device())?;
    let hidden = hidden.index_select(&rows, 0)?;
    let [weight, bias] = layout.dense.of(&flat)?;
    let hidden = activate(encoder.config.hidden_act, &linear(&hidden, &weight, &bias)?)?;
    let [weight, bias] = layout.norm.of(&flat)?;
    let hidden = layer_norm(&hidden, &weight, &bias, encoder.config.layer_norm_eps)?;
    let embeddings = encoder.block(Place::Embeddings).flat(true);
    let words = encoder.layout.embeddings.words.of(&embeddings)?;
    Ok(linear(&hidden, &words, &layout.decoder_bias.of(&flat)?)?)
}

/// Returns the classification head's scores, `[sequences, labels]`, from the pooled states of the sequences.
pub(crate) fn classification(
    layout: &ClassificationLayout,
    block: &Block,
    pooled: &Tensor,
    batch: &Batch,
    drops: &Dropout,
    probability: f64,
) -> Result<Tensor, EncoderError> {
    let flat = block.flat(true);
    let mask = |site| {
        let dropout = drops.at(site, probability);
        let mask = dropout
            .map(|dropout| masks::pooled(&dropout, batch.samples(), layout.dense.weight.columns));
        mask.transpose()
    };
    let pooled = dropout(pooled, mask(Site::HeadInput)?.as_ref())?;
    let [weight, bias] = layout.dense.of(&flat)?;
    let dense = linear(&pooled, &weight, &bias)?.tanh()?;
    let dense = dropout(&dense, mask(Site::HeadHidden)?.as_ref())?;
    let [weight, bias] = layout.output.of(&flat)?;
    Ok(linear(&dense, &weight, &bias)?)
}
