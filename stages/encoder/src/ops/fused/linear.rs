//! `x · Wᵀ + b`: the bias is added in place, its gradient is one sum over rows.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{block_rows, column_sums, floats, math, tensor, with_values};

struct Linear;

pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.contiguous()?
        .apply_op3(&weight.contiguous()?, &bias.contiguous()?, Linear)
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
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
        let (rows, inputs) = x_layout.shape().dims2()?;
        let (outputs, weight_inputs) = weight_layout.shape().dims2()?;
        if inputs != weight_inputs || bias_layout.shape().dims1()? != outputs {
            bail!(
                "linear: shapes {:?}, {:?} and {:?} disagree",
                x_layout.shape(),
                weight_layout.shape(),
                bias_layout.shape()
            );
        }
        let transposed = weight_layout.transpose(0, 1)?;
        let mut product = x.matmul(weight, (1, rows, outputs, inputs), x_layout, &transposed)?;
        let bias = floats(bias, bias_layout)?;
        let CpuStorage::F32(values) = &mut product else {
            bail!("linear: only 32-bit floats are supported");
        };
        values
            .par_chunks_mut(block_rows(outputs) * outputs)
            .for_each(|block| {
                for row in block.chunks_exact_mut(outputs) {
                    math::add(row, bias);
                }
            });
        Ok((product, (rows, outputs).into()))
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
        let outputs = gradient.dim(1)?;
        let bias = with_values(&gradient, |gradient| column_sums(gradient, outputs))?;
        Ok((
            Some(gradient.matmul(&weight.detach())?),
            Some(gradient.t()?.matmul(&x.detach())?),
            Some(tensor(bias, outputs)?),
        ))
    }
}
