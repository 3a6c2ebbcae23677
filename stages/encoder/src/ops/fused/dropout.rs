//! Multiplication by a constant mask, and the residual addition that follows it.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{BLOCK, floats, tensor, with_values};

struct Dropout {
    mask: Tensor,
}

struct DropoutAdd {
    mask: Tensor,
}

pub(crate) fn dropout(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Dropout {
        mask: constant(mask, x)?,
    })
}

pub(crate) fn dropout_add(x: &Tensor, mask: Option<&Tensor>, residual: &Tensor) -> Result<Tensor> {
    match mask {
        None => x + residual,
        Some(mask) => x.contiguous()?.apply_op2(
            &residual.contiguous()?,
            DropoutAdd {
                mask: constant(mask, x)?,
            },
        ),
    }
}

fn constant(mask: &Tensor, x: &Tensor) -> Result<Tensor> {
    if mask.shape() != x.shape() {
        bail!(
            "dropout: a mask of shape {:?} for {:?}",
            mask.shape(),
            x.shape()
        );
    }
    mask.detach().contiguous()
}

/// Returns `x · mask + offset`, element by element.
fn masked(x: &[f32], mask: &[f32], offset: Option<&[f32]>) -> Vec<f32> {
    let mut result = vec![0.0; x.len()];
    let blocks = result
        .par_chunks_mut(BLOCK)
        .zip(x.par_chunks(BLOCK).zip(mask.par_chunks(BLOCK)));
    match offset {
        None => blocks.for_each(|(result, (x, mask))| {
            for (result, (x, mask)) in result.iter_mut().zip(x.iter().zip(mask)) {
                *result = x * mask;
            }
        }),
        Some(offset) => {
            blocks
                .zip(offset.par_chunks(BLOCK))
                .for_each(|((result, (x, mask)), offset)| {
                    for ((result, offset), (x, mask)) in
                        result.iter_mut().zip(offset).zip(x.iter().zip(mask))
                    {
                        *result = x * mask + offset;
                    }
                });
        }
    }
    result
}

fn backward(mask: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let gradient = gradient.contiguous()?;
    let values = with_values(mask, |mask| {
        with_values(&gradient, |gradient| masked(gradient, mask, None))
    })??;
    tensor(values, gradient.shape())
}

impl CustomOp1 for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = floats(x, layout)?;
        let result = with_values(&self.mask, |mask| masked(x, mask, None))?;
        Ok((CpuStorage::F32(result), layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        backward(&self.mask, gradient).map(Some)
    }
}

impl CustomOp2 for DropoutAdd {
    fn name(&self) -> &'static str {
        "dropout-add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, residual) = (floats(x, x_layout)?, floats(residual, residual_layout)?);
        if x.len() != residual.len() {
            bail!(
                "dropout: a residual of {} elements for {}",
                residual.len(),
                x.len()
            );
        }
        let result = with_values(&self.mask, |mask| masked(x, mask, Some(residual)))?;
        Ok((CpuStorage::F32(result), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        _residual: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((
            Some(backward(&self.mask, gradient)?),
            Some(gradient.clone()),
        ))
    }
}
