//! Heads for whole sequences.

use candle_core::Tensor;

use crate::block::Block;
use crate::dropout::{Dropout, Site};
use crate::layout::ClassificationLayout;
use crate::ops::Ops;
use crate::specification;
use crate::{Batch, Config, EncoderError, Mode, Parameters, Result};

/// What stands for a whole sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeadPooling {
    /// The first token's hidden state.
    #[default]
    Cls,
    /// The mean of all tokens' hidden states. Masked language modelling alone leaves the first token of a small encoder
    /// attending to itself, and fine-tuning then spends most of a small budget on making it look at the others.
    Mean,
}

/// RoBERTa's classification head: dropout, dense, tanh, dropout, output map (Liu et al. 2019;
/// `RobertaClassificationHead` in Hugging Face's and fairseq's code).
#[derive(Clone, Debug)]
pub struct ClassificationHead {
    layout: ClassificationLayout,
    block: Block,
    parameters: Parameters,
    pooling: HeadPooling,
    width: usize,
    probability: f64,
}

impl ClassificationHead {
    /// A new head on the first token with `labels` outputs (1 for regression), its weights decided by `seed`. They are called
    /// `classifier.dense.*` and `classifier.out_proj.*`, as in Hugging Face's `…ForSequenceClassification`.
    ///
    /// # Errors
    /// When `labels` is 0.
    pub fn new(config: &Config, labels: usize, seed: u64) -> Result<Self> {
        if labels == 0 {
            return Err(EncoderError::invalid(
                "labels",
                "0 labels",
                "give at least 1",
            ));
        }
        let width = config.hidden_size;
        let layout = ClassificationLayout::new(width, labels);
        let block =
            specification::of_classification_head(&layout).start(config.initializer_range, seed)?;
        Ok(Self {
            parameters: Parameters::of([block.clone()])?,
            layout,
            block,
            pooling: HeadPooling::default(),
            width,
            probability: config
                .classifier_dropout
                .unwrap_or(config.hidden_dropout_prob),
        })
    }

    /// Chooses what stands for a sequence.
    #[must_use]
    pub fn with_pooling(mut self, pooling: HeadPooling) -> Self {
        self.pooling = pooling;
        self
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns scores, `[sequences, labels]`, in the order in which the sequences were given to [`Batch::pack`], from
    /// the batch's last hidden states, `[tokens, hidden size]`.
    ///
    /// # Errors
    /// When the hidden states are not those of the batch.
    pub fn forward(&self, hidden: &Tensor, batch: &Batch, mode: Mode) -> Result<Tensor> {
        let ops = Ops::on(hidden.device());
        let flat = self.block.flat(mode != Mode::Evaluate);
        let mask = |site| match Dropout::of(mode) {
            Some(dropout) => dropout.pooled(site, batch, self.width, self.probability),
            None => Ok(None),
        };
        let pooled = match self.pooling {
            HeadPooling::Cls => first(hidden, batch)?,
            HeadPooling::Mean => mean(hidden, batch)?,
        };
        let pooled = ops.dropout(&pooled, mask(Site::HeadInput)?.as_ref())?;
        let [weight, bias] = self.layout.dense.of(&flat)?;
        let dense = ops.linear(&pooled, &weight, &bias)?;
        let dense = ops.dropout(&dense.tanh()?, mask(Site::HeadHidden)?.as_ref())?;
        let [weight, bias] = self.layout.output.of(&flat)?;
        ops.linear(&dense, &weight, &bias)
    }
}

/// Returns each sequence's first row, `[sequences, width]`, in the caller's order.
fn first(hidden: &Tensor, batch: &Batch) -> Result<Tensor> {
    let rows: Vec<u32> = (0..batch.sequences())
        .map(|index| batch.row(index, 0))
        .collect();
    Ok(hidden.index_select(&Tensor::new(rows, hidden.device())?, 0)?)
}

/// Returns the mean of each sequence's rows, `[sequences, width]`, in the caller's order. Each sum runs over its own
/// sequence, so that it does not depend on the others in the batch.
fn mean(hidden: &Tensor, batch: &Batch) -> Result<Tensor> {
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
    use crate::{Architecture, Sequence, Size};

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
