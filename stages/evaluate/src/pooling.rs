//! From the hidden states of a sentence's tokens to the sentence's vector.

use candle_core::Tensor;
use contract::StageError;
use encoder::Batch;
use serde::{Deserialize, Serialize};

/// How the hidden states of a sentence become one vector. Averages are over all tokens, `[CLS]` and `[SEP]` included,
/// as in sentence-transformers and SimCSE (`simcse/evaluation.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The last layer at `[CLS]`, without a pooler.
    Cls,
    /// The last layer, averaged over the tokens.
    Mean,
    /// The mean of the first and the last layer, averaged over the tokens: Su et al. 2021, and SimCSE's code since
    /// January 2022.
    FirstLast,
    /// The mean of the embeddings (layer 0) and the last layer, averaged over the tokens: what the rows called
    /// `first-last avg.` in SimCSE's paper were computed with.
    EmbeddingLast,
}

impl Pooling {
    /// Returns the layers whose hidden states are needed, of `last` layers: 0 are the embeddings.
    pub(crate) fn layers(self, last: usize) -> Vec<usize> {
        match self {
            Self::Cls | Self::Mean => vec![last],
            // An encoder without layers has its embeddings as the first and the last.
            Self::FirstLast => vec![1.min(last), last],
            Self::EmbeddingLast => vec![0, last],
        }
    }

    /// Returns one vector per sequence of the batch, in the caller's order, from the hidden states of
    /// [`Pooling::layers`], each `[tokens, hidden]`. Averages leave out the first `skip` tokens of each.
    ///
    /// # Errors
    /// When a hidden state cannot be read.
    pub(crate) fn pool(
        self,
        states: &[Tensor],
        batch: &Batch,
        skip: usize,
    ) -> Result<Vec<Vec<f32>>, StageError> {
        let layers = states.iter().map(rows).collect::<Result<Vec<_>, _>>()?;
        let vectors = (0..batch.sequences()).map(|sequence| {
            let positions = match self {
                Self::Cls => 0..1,
                _ => skip..batch.length(sequence),
            };
            let tokens: Vec<usize> = positions
                .map(|position| batch.row(sequence, position) as usize)
                .collect();
            average(&layers, &tokens)
        });
        Ok(vectors.collect())
    }
}

/// Hidden states on the host, row by row.
struct Rows {
    values: Vec<f32>,
    width: usize,
}

fn rows(states: &Tensor) -> Result<Rows, StageError> {
    let width = states.dims().last().copied().unwrap_or(0);
    let values = states.flatten_all().and_then(|states| states.to_vec1());
    Ok(Rows {
        values: values.map_err(StageError::failed)?,
        width,
    })
}

/// Averages the given rows of all layers in f64, in one order.
fn average(layers: &[Rows], tokens: &[usize]) -> Vec<f32> {
    let width = layers[0].width;
    let mut sums = vec![0.0f64; width];
    for layer in layers {
        for &token in tokens {
            let row = &layer.values[token * width..(token + 1) * width];
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
    }
    // As in sentence-transformers, the average of no tokens is zero.
    let count = (layers.len() * tokens.len().max(1)) as f64;
    sums.into_iter().map(|sum| (sum / count) as f32).collect()
}

/// Scales a vector to length 1; a vector of zeros stays.
pub(crate) fn normalise(vector: &mut [f32]) {
    let norm = vector
        .iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt();
    if norm > 0.0 {
        for value in vector {
            *value = (f64::from(*value) / norm) as f32;
        }
    }
}
