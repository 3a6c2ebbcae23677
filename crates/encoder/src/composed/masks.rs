//! Dropout masks as tensors. They hold the same factors for the same elements as [`kernels::Dropout`].

use candle_core::{Device, Result, Tensor};
use kernels::{Dropout, Sequences};

use crate::batch::Layout;

/// Returns a mask `[tokens, width]`.
pub(super) fn hidden(dropout: &Dropout, sequences: &Sequences, width: usize) -> Result<Tensor> {
    let mut mask = vec![1.0; sequences.rows() * width];
    for sequence in 0..sequences.len() {
        let rows = sequences.range(sequence);
        let mask = &mut mask[rows.start * width..rows.end * width];
        dropout.scales(sequences.sample(sequence), 0, mask);
    }
    Tensor::from_vec(mask, (sequences.rows(), width), &Device::Cpu)
}

/// Returns one mask `[sequences · heads, length, length]` per group of sequences of one length.
pub(super) fn attention(dropout: &Dropout, layout: &Layout, heads: usize) -> Result<Vec<Tensor>> {
    let mut samples = layout.samples.iter();
    let masks = layout.groups.iter().map(|group| {
        let each = group.length * group.length;
        let mut mask = vec![1.0; group.sequences * heads * each];
        for (mask, &sample) in mask.chunks_exact_mut(heads * each).zip(&mut samples) {
            for (head, mask) in mask.chunks_exact_mut(each).enumerate() {
                dropout.scales(sample, kernels::attention_draws(group.length, head), mask);
            }
        }
        let shape = (group.sequences * heads, group.length, group.length);
        Tensor::from_vec(mask, shape, &Device::Cpu)
    });
    masks.collect()
}

/// Returns a mask `[sequences, width]` for a head that sees one row per sequence, in the order of `samples`.
pub(super) fn pooled(
    dropout: &Dropout,
    samples: impl ExactSizeIterator<Item = u32>,
    width: usize,
) -> Result<Tensor> {
    let count = samples.len();
    let mut mask = vec![1.0; count * width];
    for (mask, sample) in mask.chunks_exact_mut(width).zip(samples) {
        dropout.scales(sample, 0, mask);
    }
    Tensor::from_vec(mask, (count, width), &Device::Cpu)
}
