//! The arithmetic of an update: one pass over a block's memory.

use std::sync::Mutex;

use candle_core::{CpuStorage, InplaceOp1, Layout, bail};
use kernels::{AdamWStep, adamw};

use super::{AdamWOptions, Run};

/// Returns the constants of update `steps`, counted from 1, with and without weight decay. `factor` multiplies all gradients.
pub(super) fn rules(
    options: &AdamWOptions,
    steps: u32,
    learning_rate: f64,
    factor: f32,
) -> [AdamWStep; 2] {
    let AdamWOptions {
        beta1,
        beta2,
        epsilon,
        weight_decay,
        ..
    } = *options;
    let correction1 = 1.0 - power(beta1, steps);
    let correction2 = 1.0 - power(beta2, steps);
    let decays = AdamWStep {
        factor,
        keep: (1.0 - learning_rate * weight_decay) as f32,
        beta1: beta1 as f32,
        beta2: beta2 as f32,
        fresh1: (1.0 - beta1) as f32,
        fresh2: (1.0 - beta2) as f32,
        rate: (learning_rate / correction1) as f32,
        root: (1.0 / correction2.sqrt()) as f32,
        epsilon: epsilon as f32,
    };
    [
        decays,
        AdamWStep {
            keep: 1.0,
            ..decays
        },
    ]
}

/// Returns `base^exponent` by repeated multiplication, since the C library's `pow` may differ between processors.
fn power(base: f64, mut exponent: u32) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// The update of one block.
pub(super) struct Update<'a> {
    /// Constants of the update with and without weight decay.
    pub(super) rules: &'a [AdamWStep; 2],
    pub(super) runs: &'a [Run],
    /// The gradient, as long as the block.
    pub(super) gradient: &'a [f32],
    /// First and second moments, each as long as the block.
    pub(super) moments: Mutex<(&'a mut Vec<f32>, &'a mut Vec<f32>)>,
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            bail!("contiguous 32-bit floats on the CPU are needed");
        };
        let mut moments = self
            .moments
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let (first, second) = &mut *moments;
        let values = &mut values[start..end];
        for Run { range, decays } in self.runs {
            adamw(
                &mut values[range.clone()],
                &self.gradient[range.clone()],
                &mut first[range.clone()],
                &mut second[range.clone()],
                &self.rules[usize::from(!decays)],
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_products() {
        assert_eq!(power(0.9, 0), 1.0);
        assert_eq!(power(0.5, 10), 1.0 / 1024.0);
    }
}
