//! Loss and gradient of masked language modelling, accumulated over micro-batches.
//!
//! The loss of an update is the cross-entropy summed over *all* its predicted tokens, divided by their number (fairseq's
//! `sample_size`). Sums are accumulated and divided once at the end, so micro-batches with more masked tokens have more
//! weight, as in the full batch. A mean of micro-batch means would have another gradient.

use std::ops::Range;

use contract::StageError;
use encoder::{Batch, Collecting, Encoder, Mode, Sequence};

use crate::feed::{Examples, Targets};
use crate::network::Predicts;

/// Adds the gradients of the cross-entropy in nats, summed over the predicted tokens of some samples, and returns the sum. At most
/// `micro_batch` sequences are in memory at once (0: all); this number changes no bit of the gradients or the sum
/// ([`encoder::Collecting`]). Micro-batches without a predicted token contribute nothing and are skipped.
///
/// # Errors
/// When a sequence does not fit the encoder, or a tensor operation fails.
pub fn add_gradients(
    network: &impl Predicts,
    examples: &Examples,
    samples: Range<usize>,
    micro_batch: usize,
    mode: Mode,
    gradients: &mut Collecting<'_>,
) -> Result<f64, StageError> {
    let mut sum = 0.0;
    for (sequences, targets) in examples.pieces(samples, micro_batch) {
        if targets.iter().all(|targets| targets.ids.is_empty()) {
            continue;
        }
        let found = network.predict(sequences, targets, mode)?;
        let encoder = network.encoder();
        let loss = encoder.masked_lm_loss(&found.hidden, &found.rows, &found.ids)?;
        sum += scalar(&loss)?;
        gradients.add(&loss)?;
    }
    Ok(sum)
}

/// Packs sequences and returns the packed rows to predict, the ids to predict there, and the batch.
///
/// # Errors
/// When a sequence does not fit the encoder.
pub fn pack(
    encoder: &Encoder,
    sequences: &[Sequence],
    targets: &[Targets],
) -> Result<(Vec<u32>, Vec<u32>, Batch), StageError> {
    let batch = Batch::pack(sequences, encoder.config())?;
    let (rows, ids) = rows(&batch, targets);
    Ok((rows, ids, batch))
}

/// Returns the packed rows to predict, and the ids to predict there.
pub(crate) fn rows(batch: &Batch, targets: &[Targets]) -> (Vec<u32>, Vec<u32>) {
    let (mut rows, mut ids) = (Vec::new(), Vec::new());
    for (sequence, targets) in targets.iter().enumerate() {
        rows.extend(
            targets
                .positions
                .iter()
                .map(|&at| batch.row(sequence, at as usize)),
        );
        ids.extend_from_slice(&targets.ids);
    }
    (rows, ids)
}

/// Returns the value of a scalar tensor.
pub(crate) fn scalar(tensor: &candle_core::Tensor) -> Result<f64, StageError> {
    tensor.to_scalar::<f64>().map_err(StageError::failed)
}
