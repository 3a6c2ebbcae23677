//! The heads.

use candle_core::Tensor;

use super::masks;
use super::operations::{activate, dropout, layer_norm, linear};
use crate::block::Block;
use crate::dropout::{Dropout, Site};
use crate::layout::ClassificationLayout;
use crate::specification::Place;
use crate::{Batch, Encoder, EncoderError, HeadPooling};

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

/// Returns the classification head's scores, `[sequences, labels]`, from what stands for the sequences.
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

/// Returns what stands for each sequence, `[sequences, width]`, in the caller's order.
pub(crate) fn pooled(
    pooling: HeadPooling,
    hidden: &Tensor,
    batch: &Batch,
) -> Result<Tensor, EncoderError> {
    match pooling {
        HeadPooling::Cls => first(hidden, batch),
        HeadPooling::Mean => mean(hidden, batch),
    }
}

/// Returns each sequence's first row, `[sequences, width]`, in the caller's order.
fn first(hidden: &Tensor, batch: &Batch) -> Result<Tensor, EncoderError> {
    let rows: Vec<u32> = (0..batch.sequences())
        .map(|index| batch.row(index, 0))
        .collect();
    Ok(hidden.index_select(&Tensor::new(rows, hidden.device())?, 0)?)
}

/// Returns the mean of each sequence's rows, `[sequences, width]`, in the caller's order. Each sum runs over its own
/// sequence, so that it does not depend on the others in the batch.
fn mean(hidden: &Tensor, batch: &Batch) -> Result<Tensor, EncoderError> {
    let width = hidden.dim(1)?;
    let groups = batch.layout.groups.iter().map(|group| {
        hidden
            .narrow(0, group.first_row, group.rows())?
            .reshape((group.sequences, group.length, width))?
            .mean(1)
    });
    let packed = Tensor::cat(&groups.collect::<candle_core::Result<Vec<_>>>()?, 0)?;
    let places = Tensor::new(batch.packed_places(), hidden.device())?;
    Ok(packed.index_select(&places, 0)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use candle_core::Device;

    use super::*;
    use crate::{Architecture, Config, Sequence, Size};

    #[test]
    fn means_are_of_each_sequence_alone_and_in_the_callers_order() {
        let config = Config::of_size(Size::Nano, Architecture::Bert, 50, 9, 0);
        let lengths = [3_usize, 1, 3, 2];
        let sequences: Vec<Sequence> = (0..)
            .zip(lengths)
            .map(|(sample, length)| Sequence::new(vec![7; length], sample))
            .collect();
        let batch = Batch::pack(&sequences, &config).unwrap();
        let mut values = vec![0.0_f32; batch.tokens()];
        for (sequence, length) in lengths.into_iter().enumerate() {
            for position in 0..length {
                values[batch.row(sequence, position) as usize] = (10 * sequence + position) as f32;
            }
        }
        let hidden = Tensor::from_vec(values, (batch.tokens(), 1), &Device::Cpu).unwrap();
        let means = mean(&hidden, &batch).unwrap();
        assert_eq!(
            means.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            [1.0, 10.0, 21.0, 30.5]
        );
        let firsts = first(&hidden, &batch).unwrap();
        assert_eq!(
            firsts.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            [0.0, 10.0, 20.0, 30.0]
        );
    }
}
