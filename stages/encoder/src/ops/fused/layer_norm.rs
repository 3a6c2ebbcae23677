//! Layer normalisation. The backward pass computes mean and variance again, which costs less than keeping x̂.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{block_rows, floats, math, tensor, total, with_values};

struct LayerNorm {
    epsilon: f32,
}

pub(crate) fn layer_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
) -> Result<Tensor> {
    let op = LayerNorm {
        epsilon: epsilon as f32,
    };
    x.contiguous()?
        .apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
}

impl LayerNorm {
    /// Returns a row's mean and the inverse of its standard deviation.
    #[inline(always)]
    fn moments(&self, row: &[f32]) -> (f32, f32) {
        let mean = math::sum(row) / row.len() as f32;
        let variance = math::squares_around(row, mean) / row.len() as f32;
        (mean, 1.0 / (variance + self.epsilon).sqrt())
    }

    fn forward(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let width = weight.len();
        let block = block_rows(width) * width;
        let mut result = vec![0.0; x.len()];
        result
            .par_chunks_mut(block)
            .zip(x.par_chunks(block))
            .for_each(|(result, x)| {
                for (result, x) in result.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                    let (mean, inverse) = self.moments(x);
                    for i in 0..width {
                        result[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
                    }
                }
            });
        result
    }

    /// Returns the gradients of x, weight and bias. With y = x̂ w + b and h = g w:
    /// dx = (h - mean(h) - x̂ mean(h x̂)) / σ.
    fn backward(&self, x: &[f32], weight: &[f32], gradient: &[f32]) -> [Vec<f32>; 3] {
        let width = weight.len();
        let block = block_rows(width) * width;
        let mut result = vec![0.0; x.len()];
        let partials: Vec<Vec<f32>> = result
            .par_chunks_mut(block)
            .zip(x.par_chunks(block).zip(gradient.par_chunks(block)))
            .map(|(result, (x, gradient))| {
                let mut sums = vec![0.0; 2 * width];
                let (weight_sums, bias_sums) = sums.split_at_mut(width);
                let mut scaled = vec![0.0; width];
                let mut normal = vec![0.0; width];
                for ((result, x), gradient) in result
                    .chunks_exact_mut(width)
                    .zip(x.chunks_exact(width))
                    .zip(gradient.chunks_exact(width))
                {
                    let (mean, inverse) = self.moments(x);
                    for i in 0..width {
                        normal[i] = (x[i] - mean) * inverse;
                        scaled[i] = gradient[i] * weight[i];
                        weight_sums[i] += gradient[i] * normal[i];
                        bias_sums[i] += gradient[i];
                    }
                    let level = math::sum(&scaled) / width as f32;
                    let slope = math::dot(&scaled, &normal) / width as f32;
                    for i in 0..width {
                        result[i] = (scaled[i] - level - normal[i] * slope) * inverse;
                    }
                }
                sums
            })
            .collect();
        let mut weight_gradient = total(&partials, 2 * width);
        let bias_gradient = weight_gradient.split_off(width);
        [result, weight_gradient, bias_gradient]
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = x_layout.shape().dims2()?;
        let (weight, bias) = (floats(weight, weight_layout)?, floats(bias, bias_layout)?);
        if width == 0 || weight.len() != width || bias.len() != width {
            bail!(
                "layer norm: a width of {width}, {} weights, {} biases",
                weight.len(),
                bias.len()
            );
        }
        let result = self.forward(floats(x, x_layout)?, weight, bias);
        Ok((CpuStorage::F32(result), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let [dx, dweight, dbias] = with_values(x, |x| {
            with_values(weight, |weight| {
                with_values(&gradient, |gradient| self.backward(x, weight, gradient))
            })
        })???;
        Ok((
            Some(tensor(dx, x.shape())?),
            Some(tensor(dweight, weight.shape())?),
            Some(tensor(dbias, weight.shape())?),
        ))
    }
}
