//! Losses of whole sequences: sums over rows.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::{Saved, copy, factor, floats, tensor};

/// The true values of the rows.
enum Targets {
    /// One class per row.
    Classes(Vec<u32>),
    /// One number per row.
    Numbers(Vec<f32>),
}

/// A loss summed over rows, as an operation on `[rows, classes]` or `[rows, 1]`.
struct LossOp {
    targets: Targets,
    /// The gradient, computed together with the loss.
    saved: Saved<Vec<f32>>,
}

/// Returns the sum of the cross-entropies in nats of `targets` under `softmax(logits)`, `[rows, classes]`.
pub(crate) fn cross_entropy(logits: &Tensor, targets: &[u32]) -> Result<Tensor> {
    LossOp::over(logits, Targets::Classes(targets.to_vec()))
}

/// Returns the sum of the squared differences between `outputs`, `[rows, 1]`, and `targets`.
pub(crate) fn squared_error(outputs: &Tensor, targets: &[f32]) -> Result<Tensor> {
    LossOp::over(outputs, Targets::Numbers(targets.to_vec()))
}

impl LossOp {
    fn over(outputs: &Tensor, targets: Targets) -> Result<Tensor> {
        outputs.contiguous()?.apply_op1(Self {
            targets,
            saved: Saved::nothing(),
        })
    }

    /// Returns the loss and its gradient, which reuses the memory of the outputs.
    fn compute(&self, mut outputs: Vec<f32>) -> (f64, Vec<f32>) {
        let loss = match &self.targets {
            Targets::Classes(classes) => {
                let mut losses = vec![0.0; classes.len()];
                kernels::cross_entropy(&mut outputs, None, classes, &mut losses);
                kernels::sum(&losses)
            }
            Targets::Numbers(numbers) => {
                let mut sum = 0.0;
                for (output, &number) in outputs.iter_mut().zip(numbers) {
                    let difference = *output - number;
                    sum += f64::from(difference) * f64::from(difference);
                    *output = 2.0 * difference;
                }
                sum
            }
        };
        (loss, outputs)
    }
}

impl CustomOp1 for LossOp {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn cpu_fwd(&self, outputs: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let rows = match &self.targets {
            Targets::Classes(classes) => classes.len(),
            Targets::Numbers(numbers) => numbers.len(),
        };
        let width = match &self.targets {
            Targets::Classes(_) => layout.dims().last().copied().unwrap_or(1),
            Targets::Numbers(_) => 1,
        };
        if layout.dims() != [rows, width] {
            bail!("loss: outputs {:?} for {rows} targets", layout.dims());
        }
        let (loss, gradient) = self.compute(floats(outputs, layout)?.to_vec());
        self.saved.put(gradient);
        super::loss(loss)
    }

    fn bwd(&self, outputs: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let factor = factor(gradient)?;
        let mut result = match self.saved.take() {
            Some(saved) => saved,
            None => self.compute(copy(outputs)?).1,
        };
        for value in &mut result {
            *value *= factor;
        }
        Ok(Some(tensor(result, outputs.shape())?))
    }
}
