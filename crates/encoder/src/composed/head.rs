//! The masked language modelling head, the classification head, and the head that finds spans.

use candle_core::{DType, Device, Tensor};
use kernels::Sequences;

use super::masks;
use super::operations::{activate, cross_entropy, dropout, layer_norm, linear};
use crate::block::Block;
use crate::dropout::{Dropout, Site};
use crate::layout::{ClassificationLayout, ProjectionLayout, SpanLayout};
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

/// Returns pooled sequences after a dense map and tanh, of the same shape.
pub(crate) fn projection(
    layout: &ProjectionLayout,
    block: &Block,
    pooled: &Tensor,
) -> candle_core::Result<Tensor> {
    let [weight, bias] = layout.dense.of(&block.flat(true))?;
    linear(pooled, &weight, &bias)?.tanh()
}

/// Returns the scores of each token as the first and as the last of a span, `[tokens, 2]`.
pub(crate) fn span_scores(
    layout: &SpanLayout,
    block: &Block,
    hidden: &Tensor,
) -> candle_core::Result<Tensor> {
    let [weight, bias] = layout.output.of(&block.flat(true))?;
    linear(hidden, &weight, &bias)
}

/// Returns the sum over sequences of the mean of the cross-entropies in nats of first and last token.
pub(crate) fn span_loss(
    scores: &Tensor,
    sequences: &Sequences,
    targets: &[[u32; 2]],
) -> candle_core::Result<Tensor> {
    let mut sum = Tensor::zeros((), DType::F64, &Device::Cpu)?;
    for (sequence, targets) in targets.iter().enumerate() {
        let rows = sequences.range(sequence);
        let own = scores
            .narrow(0, rows.start, rows.len())?
            .t()?
            .contiguous()?;
        sum = (sum + (cross_entropy(&own, targets)? * 0.5)?)?;
    }
    Ok(sum)
}
