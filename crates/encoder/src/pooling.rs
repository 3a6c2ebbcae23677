//! Pooling: from the hidden states of a sequence's tokens to one vector.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::engine::{MaximumPass, PoolingPass, Sums};
use crate::{Batch, EncoderError, composed, fused};

/// How the hidden states of a sequence become one vector. Averages are over all tokens, including the special tokens that begin
/// and end the sequence, as in sentence-transformers and SimCSE (`simcse/evaluation.py`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The last layer's state of the first token, without a pooler.
    #[default]
    Cls,
    /// The last layer, averaged over the tokens. After masked language modelling alone, the first token of a small encoder mostly
    /// attends to itself, and fine-tuning would spend most of a small budget on making it attend to the others.
    Mean,
    /// The mean of the first and the last layer, averaged over the tokens: Su et al. 2021, and SimCSE's code since
    /// January 2022.
    FirstLast,
    /// The mean of the embeddings (layer 0) and the last layer, averaged over the tokens: the method behind the rows called
    /// `first-last avg.` in SimCSE's paper.
    EmbeddingLast,
    /// The mean of the last two layers, averaged over the tokens: `avg_top2` of SimCSE's code.
    LastTwo,
    /// The greatest value of each component among the tokens of the last layer, as sentence-transformers has it.
    Max,
}

impl Pooling {
    /// The names of all poolings, as parameters take them.
    pub const NAMES: &'static [&'static str] = &[
        "cls",
        "mean",
        "first-last",
        "embedding-last",
        "last-two",
        "max",
    ];

    /// All poolings, in the order of [`Pooling::NAMES`].
    pub const ALL: [Self; 6] = [
        Self::Cls,
        Self::Mean,
        Self::FirstLast,
        Self::EmbeddingLast,
        Self::LastTwo,
        Self::Max,
    ];

    /// Returns the name of the pooling, as parameters take it.
    pub fn name(self) -> &'static str {
        let place = Self::ALL.iter().position(|pooling| *pooling == self);
        Self::NAMES[place.expect("all poolings are listed")]
    }

    /// Returns the layers whose hidden states this pooling needs; 0 is the embeddings, `last` the last layer.
    pub fn layers(self, last: usize) -> Vec<usize> {
        match self {
            Self::Cls | Self::Mean | Self::Max => vec![last],
            // An encoder without layers has its embeddings as the first and the last.
            Self::FirstLast => vec![1.min(last), last],
            Self::EmbeddingLast => vec![0, last],
            Self::LastTwo => vec![last.saturating_sub(1), last],
        }
    }

    /// Returns one vector per sequence, `[sequences, hidden size]`, in the order in which the sequences were given to
    /// [`Batch::pack`]. `states` are the hidden states of the layers [`Pooling::layers`], each `[tokens, hidden size]`. Averages and
    /// maxima leave out the first `skip` tokens of each sequence; those of no tokens are zero. Sums are made in 64 bits. Gradients reach the hidden states if those are tracked.
    ///
    /// # Errors
    /// When the hidden states do not belong to those layers or to the batch.
    pub fn pool(
        self,
        states: &[Tensor],
        batch: &Batch,
        skip: usize,
    ) -> Result<Tensor, EncoderError> {
        self.fused(states, batch, skip, Sums::Double)
    }

    /// Pools for a classification head, with sums in 32 bits: sums in 64 bits would change the bits of earlier results.
    pub(crate) fn pool_for_head(
        self,
        states: &[Tensor],
        batch: &Batch,
    ) -> Result<Tensor, EncoderError> {
        self.fused(states, batch, 0, Sums::Single)
    }

    fn fused(
        self,
        states: &[Tensor],
        batch: &Batch,
        skip: usize,
        sums: Sums,
    ) -> Result<Tensor, EncoderError> {
        self.check(states)?;
        if let (Self::Max, [state]) = (self, states) {
            let tokens = self.tokens(batch, skip);
            let rows = batch.tokens();
            return Ok(fused::maximum(MaximumPass { tokens, rows }, state)?);
        }
        let pass = PoolingPass {
            tokens: self.tokens(batch, skip),
            rows: batch.tokens(),
            sums,
        };
        Ok(fused::pool(pass, states)?)
    }

    /// Pools by plain candle operations, as a reference.
    pub(crate) fn composed(
        self,
        states: &[Tensor],
        batch: &Batch,
        skip: usize,
    ) -> Result<Tensor, EncoderError> {
        self.check(states)?;
        match self {
            Self::Max => composed::maximum(&self.tokens(batch, skip), &states[0]),
            _ => composed::pooled(&self.tokens(batch, skip), states),
        }
    }

    fn check(self, states: &[Tensor]) -> Result<(), EncoderError> {
        let wanted = self.layers(1).len();
        if states.len() == wanted {
            return Ok(());
        }
        Err(EncoderError::invalid(
            "pooling",
            format!("hidden states of {} layers, not {wanted}", states.len()),
            "give those of the layers that the pooling names",
        ))
    }

    /// Returns the rows that become the vector of each sequence.
    fn tokens(self, batch: &Batch, skip: usize) -> Vec<std::ops::Range<usize>> {
        let rows = (0..batch.sequences()).map(|sequence| {
            let first = batch.row(sequence, 0) as usize;
            let length = batch.length(sequence);
            match self {
                Self::Cls => first..first + 1,
                _ => first + skip.min(length)..first + length,
            }
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests;
