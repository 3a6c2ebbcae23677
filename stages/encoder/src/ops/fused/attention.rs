//! Self-attention within each sequence as one operation.
//!
//! Sequences of equal length share one batched matrix product. The attention weights are kept for the backward pass,
//! which follows from `O = D V`, `D = M ∘ P`, `P = softmax(S)`, `S = Q Kᵀ` (queries already divided by √d):
//! dV = Dᵀ dO, dP = M ∘ (dO Vᵀ), dS = P ∘ (dP - rowsum(P ∘ dP)), dQ = dS K, dK = dSᵀ Q.

use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{block_rows, floats, math, tensor, with_values};
use crate::batch::{Group, Layout};

/// What the backward pass needs of one group; the tensors are `[sequences · heads, length, head size or length]`.
struct Kept {
    group: Group,
    /// Divided by √(head size).
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    /// After the softmax, before dropout.
    weights: Tensor,
    mask: Option<Tensor>,
}

struct Attention {
    heads: usize,
    output: Tensor,
    kept: Vec<Kept>,
}

pub(crate) fn attention(
    qkv: &Tensor,
    layout: &Layout,
    heads: usize,
    masks: Option<&[Tensor]>,
) -> Result<Tensor> {
    let (rows, width) = qkv.dims2()?;
    let width = width / 3;
    if heads == 0 || width % heads != 0 || rows != layout.rows() {
        bail!(
            "attention: {heads} heads over [{rows}, {width}], {} packed rows",
            layout.rows()
        );
    }
    let qkv = qkv.contiguous()?;
    let scale = 1.0 / ((width / heads) as f32).sqrt();
    let mut output = vec![0.0; rows * width];
    let mut kept = Vec::with_capacity(layout.groups.len());
    for (index, &group) in layout.groups.iter().enumerate() {
        let shape = (group.sequences * heads, group.length, width / heads);
        let part = |place: usize, factor: f32| {
            let values = with_values(&qkv, |qkv| {
                split(
                    &qkv[place * width..],
                    3 * width,
                    width,
                    heads,
                    group,
                    factor,
                )
            })?;
            tensor(values, shape)
        };
        let (queries, keys, values) = (part(0, scale)?, part(1, 1.0)?, part(2, 1.0)?);
        let weights = queries.matmul(&keys.t()?)?;
        weights.inplace_op1(&Softmax)?;
        let mask = masks.map(|masks| masks[index].detach());
        let dropped = match &mask {
            Some(mask) => (&weights * mask)?,
            None => weights.clone(),
        };
        with_values(&dropped.matmul(&values)?, |heads_output| {
            merge(heads_output, &mut output, width, width, heads, group, 1.0);
        })?;
        kept.push(Kept {
            group,
            queries,
            keys,
            values,
            weights,
            mask,
        });
    }
    let output = tensor(output, (rows, width))?;
    qkv.apply_op1(Attention {
        heads,
        output,
        kept,
    })
}

/// Copies one group's rows, `stride` apart, into `[sequences, heads, length, size]`, multiplied by `factor`.
fn split(
    rows: &[f32],
    stride: usize,
    width: usize,
    heads: usize,
    group: Group,
    factor: f32,
) -> Vec<f32> {
    let (length, size) = (group.length, width / heads);
    let mut result = vec![0.0; group.rows() * width];
    result
        .par_chunks_mut(length * width)
        .enumerate()
        .for_each(|(sequence, result)| {
            let first = group.first_row + sequence * length;
            for (head, result) in result.chunks_exact_mut(length * size).enumerate() {
                for (row, result) in (first..).zip(result.chunks_exact_mut(size)) {
                    let source = &rows[row * stride + head * size..][..size];
                    for (result, source) in result.iter_mut().zip(source) {
                        *result = source * factor;
                    }
                }
            }
        });
    result
}

/// The opposite of [`split`]; `place` begins at the group's column in row 0.
fn merge(
    parts: &[f32],
    place: &mut [f32],
    stride: usize,
    width: usize,
    heads: usize,
    group: Group,
    factor: f32,
) {
    let (length, size) = (group.length, width / heads);
    let first = group.first_row * stride;
    place[first..]
        .par_chunks_mut(length * stride)
        .zip(parts.par_chunks_exact(length * width))
        .for_each(|(place, parts)| {
            for (head, parts) in parts.chunks_exact(length * size).enumerate() {
                for (row, part) in parts.chunks_exact(size).enumerate() {
                    let target = &mut place[row * stride + head * size..][..size];
                    for (target, part) in target.iter_mut().zip(part) {
                        *target = part * factor;
                    }
                }
            }
        });
}

/// Softmax over the last dimension, in place.
struct Softmax;

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &candle_core::Layout) -> Result<()> {
        let (CpuStorage::F32(values), Some((0, end))) = (storage, layout.contiguous_offsets())
        else {
            bail!("softmax: a contiguous tensor of 32-bit floats is needed");
        };
        let width = layout.dims().last().copied().unwrap_or(1);
        values[..end]
            .par_chunks_mut(block_rows(width) * width)
            .for_each(|block| {
                for row in block.chunks_exact_mut(width) {
                    let largest = math::max(row);
                    for value in row.iter_mut() {
                        *value = math::exp(*value - largest);
                    }
                    let inverse = 1.0 / math::sum(row);
                    for value in row.iter_mut() {
                        *value *= inverse;
                    }
                }
            });
        Ok(())
    }
}

impl Kept {
    /// Returns the gradients of queries (before division by √d), keys and values, and writes them to their columns.
    fn backward(&self, gradient: &Tensor, heads: usize, result: &mut [f32]) -> Result<()> {
        let width = gradient.dim(1)?;
        let size = width / heads;
        let scale = 1.0 / (size as f32).sqrt();
        let outputs = with_values(gradient, |gradient| {
            split(gradient, width, width, heads, self.group, 1.0)
        })?;
        let outputs = tensor(outputs, self.queries.shape())?;
        let dropped = match &self.mask {
            Some(mask) => (&self.weights * mask)?,
            None => self.weights.clone(),
        };
        let values = dropped.t()?.matmul(&outputs)?;
        let scores = self.softmax_backward(&outputs.matmul(&self.values.t()?)?)?;
        let queries = scores.matmul(&self.keys)?;
        let keys = scores.t()?.matmul(&self.queries)?;
        for (place, (part, factor)) in [(queries, scale), (keys, 1.0), (values, 1.0)]
            .iter()
            .enumerate()
        {
            with_values(part, |part| {
                let columns = &mut result[place * width..];
                merge(part, columns, 3 * width, width, heads, self.group, *factor);
            })?;
        }
        Ok(())
    }

    /// Returns the gradient of the scores from that of the weights after dropout.
    fn softmax_backward(&self, gradient: &Tensor) -> Result<Tensor> {
        let width = self.group.length;
        let block = block_rows(width) * width;
        let rows = |gradient: &[f32], weights: &[f32]| {
            let mut result = vec![0.0; weights.len()];
            result
                .par_chunks_mut(block)
                .zip(gradient.par_chunks(block).zip(weights.par_chunks(block)))
                .for_each(|(result, (gradient, weights))| {
                    for (result, (gradient, weights)) in result.chunks_exact_mut(width).zip(
                        gradient
                            .chunks_exact(width)
                            .zip(weights.chunks_exact(width)),
                    ) {
                        let level = math::dot(gradient, weights);
                        for i in 0..width {
                            result[i] = weights[i] * (gradient[i] - level);
                        }
                    }
                });
            result
        };
        let masked = match &self.mask {
            Some(mask) => (gradient * mask)?,
            None => gradient.clone(),
        };
        let values = with_values(&masked, |gradient| {
            with_values(&self.weights, |weights| rows(gradient, weights))
        })??;
        tensor(values, self.weights.shape())
    }
}

impl CustomOp1 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &candle_core::Layout) -> Result<(CpuStorage, Shape)> {
        // The result was computed together with what the backward pass needs.
        let (storage, layout) = self.output.storage_and_layout();
        let candle_core::Storage::Cpu(storage) = &*storage else {
            bail!("attention: a tensor on the CPU is needed");
        };
        Ok((
            CpuStorage::F32(floats(storage, layout)?.to_vec()),
            self.output.shape().clone(),
        ))
    }

    fn bwd(&self, qkv: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let mut result = vec![0.0; qkv.elem_count()];
        for kept in &self.kept {
            kept.backward(&gradient, self.heads, &mut result)?;
        }
        Ok(Some(tensor(result, qkv.shape())?))
    }
}
