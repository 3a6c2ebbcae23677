//! Custom operations over contiguous f32 slices on the CPU, one file each.
//!
//! Work is split into blocks of rows whose size depends on the shape alone. Sums over rows (gradients of biases and of
//! layer normalisation) are made per block and then added in the blocks' order.

mod attention;
mod cross_entropy;
mod dropout;
mod embed;
mod gelu;
mod layer_norm;
mod linear;

use candle_core::{CpuStorage, Layout, Result, Tensor, bail};

pub(super) use attention::attention;
pub(super) use cross_entropy::cross_entropy;
pub(super) use dropout::{dropout, dropout_add};
pub(super) use embed::embed;
pub(super) use gelu::gelu;
pub(super) use layer_norm::layer_norm;
pub(super) use linear::linear;

use super::math;
use crate::values::with_values;

/// Elements that one task works on, at least: enough to pay for handing it to a thread.
const BLOCK: usize = 16_384;

/// Returns how many rows of that width make a block.
fn block_rows(width: usize) -> usize {
    (BLOCK / width.max(1)).max(1)
}

/// Returns the elements of a contiguous f32 tensor.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a contiguous tensor is needed"),
    }
}

/// Returns a CPU tensor of that shape.
fn tensor(values: Vec<f32>, shape: impl Into<candle_core::Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &candle_core::Device::Cpu)
}

/// Adds up partial sums in their order.
fn total(partials: &[Vec<f32>], width: usize) -> Vec<f32> {
    let mut all = vec![0.0; width];
    for partial in partials {
        math::add(&mut all, partial);
    }
    all
}

/// Returns the sum of the rows of `[rows, width]`.
fn column_sums(values: &[f32], width: usize) -> Vec<f32> {
    use rayon::prelude::*;
    let partials: Vec<Vec<f32>> = values
        .par_chunks(block_rows(width) * width)
        .map(|block| {
            let mut sums = vec![0.0; width];
            for row in block.chunks_exact(width) {
                math::add(&mut sums, row);
            }
            sums
        })
        .collect();
    total(&partials, width)
}
