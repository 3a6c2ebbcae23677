//! Cross-entropy of the softmax, summed over rows. The gradient is `softmax(logits) - one-hot(target)`.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{block_rows, floats, math, tensor, with_values};

struct CrossEntropy {
    targets: Vec<u32>,
}

pub(crate) fn cross_entropy(logits: &Tensor, targets: &[u32]) -> Result<Tensor> {
    logits.contiguous()?.apply_op1(CrossEntropy {
        targets: targets.to_vec(),
    })
}

/// Returns the largest logit of a row and the sum of all exponentials relative to it.
#[inline(always)]
fn normaliser(row: &[f32]) -> (f32, f32) {
    const CHUNK: usize = 64;
    let largest = math::max(row);
    let mut exponentials = [0.0; CHUNK];
    let mut sum = 0.0;
    for chunk in row.chunks(CHUNK) {
        let exponentials = &mut exponentials[..chunk.len()];
        for (exponential, &logit) in exponentials.iter_mut().zip(chunk) {
            *exponential = math::exp(logit - largest);
        }
        sum += math::sum(exponentials);
    }
    (largest, sum)
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, classes) = layout.shape().dims2()?;
        let losses: Vec<f64> = floats(logits, layout)?
            .par_chunks_exact(classes)
            .zip(&self.targets)
            .map(|(row, &target)| {
                let (largest, sum) = normaliser(row);
                // At least 1, unless a logit is not a number: then the loss is none either, and training says so.
                let sum = f64::from(sum);
                let log = if sum.is_finite() {
                    kernels::ln(sum)
                } else {
                    sum
                };
                log - f64::from(row[target as usize] - largest)
            })
            .collect();
        Ok((
            CpuStorage::F32(vec![losses.iter().sum::<f64>() as f32]),
            ().into(),
        ))
    }

    fn bwd(&self, logits: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (_, classes) = logits.dims2()?;
        let factor: f32 = gradient.to_scalar()?;
        let rows = block_rows(classes);
        let values = with_values(logits, |logits| {
            let mut result = vec![0.0; logits.len()];
            result
                .par_chunks_mut(rows * classes)
                .zip(
                    logits
                        .par_chunks(rows * classes)
                        .zip(self.targets.par_chunks(rows)),
                )
                .for_each(|(result, (logits, targets))| {
                    for ((result, logits), &target) in result
                        .chunks_exact_mut(classes)
                        .zip(logits.chunks_exact(classes))
                        .zip(targets)
                    {
                        let (largest, sum) = normaliser(logits);
                        let scale = factor / sum;
                        for (result, &logit) in result.iter_mut().zip(logits) {
                            *result = math::exp(logit - largest) * scale;
                        }
                        result[target as usize] -= factor;
                    }
                });
            result
        })?;
        Ok(Some(tensor(values, logits.shape())?))
    }
}
