//! The Gaussian error linear unit and its derivative, `Φ(x) + x φ(x)`.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{BLOCK, floats, math, tensor, with_values};

struct Gelu;

pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Gelu)
}

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = floats(x, layout)?;
        let mut result = vec![0.0; x.len()];
        result
            .par_chunks_mut(BLOCK)
            .zip(x.par_chunks(BLOCK))
            .for_each(|(result, x)| {
                for (result, &x) in result.iter_mut().zip(x) {
                    *result = x * math::normal(x).0;
                }
            });
        Ok((CpuStorage::F32(result), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        const DENSITY_AT_ZERO: f32 = 0.398_942_3;
        let gradient = gradient.contiguous()?;
        let values = with_values(x, |x| {
            with_values(&gradient, |gradient| {
                let mut result = vec![0.0; x.len()];
                result
                    .par_chunks_mut(BLOCK)
                    .zip(x.par_chunks(BLOCK).zip(gradient.par_chunks(BLOCK)))
                    .for_each(|(result, (x, gradient))| {
                        for (result, (&x, &gradient)) in
                            result.iter_mut().zip(x.iter().zip(gradient))
                        {
                            let (probability, exponential) = math::normal(x);
                            *result = gradient * (probability + x * DENSITY_AT_ZERO * exponential);
                        }
                    });
                result
            })
        })??;
        Ok(Some(tensor(values, x.shape())?))
    }
}
