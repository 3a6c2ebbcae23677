//! Operations from hidden states to hidden states: layers and the final normalisation.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::{Saved, Saving, copy, floats, output, tensor};
use crate::Sink;
use crate::engine::{FinalNormPass, LayerPass, SavedFinalNorm, SavedLayer};
use crate::values::with_values;

/// A function of hidden states, `[tokens, width]`, with one block of parameters.
pub(crate) trait BlockPass: Send + Sync + 'static {
    /// Values that the backward pass needs.
    type Saved: Send;
    /// Name of the operation.
    const NAME: &'static str;

    /// Returns the shape of the hidden states.
    fn shape(&self) -> (usize, usize);
    /// Returns the length of the block.
    fn block_length(&self) -> usize;
    /// Computes `y` from `x`.
    fn forward(&self, block: &[f32], x: &[f32], y: &mut [f32]) -> Self::Saved;
    /// Replaces the gradient of `y` by the gradient of `x`, and adds the parameters' gradients to `gradients`.
    fn backward(
        &self,
        block: &[f32],
        x: &[f32],
        saved: &Self::Saved,
        gradient: &mut [f32],
        gradients: &mut [f32],
    );
}

/// A [`BlockPass`] as a candle operation on (hidden states, block).
pub(crate) struct HiddenOp<P: BlockPass> {
    pass: P,
    sink: Arc<Sink>,
    saving: Saving,
    saved: Saved<P::Saved>,
}

impl<P: BlockPass> HiddenOp<P> {
    pub(crate) fn new(pass: P, sink: &Arc<Sink>, saving: Saving) -> Self {
        Self {
            pass,
            sink: Arc::clone(sink),
            saving,
            saved: Saved::nothing(),
        }
    }
}

impl<P: BlockPass> CustomOp2 for HiddenOp<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn cpu_fwd(
        &self,
        hidden: &CpuStorage,
        hidden_layout: &Layout,
        block: &CpuStorage,
        block_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = self.pass.shape();
        if hidden_layout.dims() != [rows, width]
            || block_layout.dims() != [self.pass.block_length()]
        {
            bail!(
                "{}: hidden states {:?} and a block {:?}, expected [{rows}, {width}] and [{}]",
                P::NAME,
                hidden_layout.dims(),
                block_layout.dims(),
                self.pass.block_length()
            );
        }
        let (x, block) = (floats(hidden, hidden_layout)?, floats(block, block_layout)?);
        let mut y = vec![0.0; x.len()];
        let saved = self.pass.forward(block, x, &mut y);
        if self.saving == Saving::Keep {
            self.saved.put(saved);
        }
        output(y, (rows, width))
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        block: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut result = copy(gradient)?;
        with_values(hidden, |x| {
            with_values(block, |block| {
                let saved = self.saved.take().unwrap_or_else(|| {
                    let mut again = vec![0.0; x.len()];
                    self.pass.forward(block, x, &mut again)
                });
                self.sink.with(|gradients| {
                    self.pass.backward(block, x, &saved, &mut result, gradients);
                })
            })
        })???;
        Ok((Some(tensor(result, self.pass.shape())?), None))
    }
}

impl BlockPass for LayerPass {
    type Saved = SavedLayer;
    const NAME: &'static str = "encoder layer";

    fn shape(&self) -> (usize, usize) {
        (self.sequences.rows(), self.shape.width())
    }

    fn block_length(&self) -> usize {
        self.shape.layout.length
    }

    fn forward(&self, block: &[f32], x: &[f32], y: &mut [f32]) -> SavedLayer {
        Self::forward(self, block, x, y)
    }

    fn backward(
        &self,
        block: &[f32],
        x: &[f32],
        saved: &SavedLayer,
        gradient: &mut [f32],
        gradients: &mut [f32],
    ) {
        Self::backward(self, block, x, saved, gradient, gradients);
    }
}

impl BlockPass for FinalNormPass {
    type Saved = SavedFinalNorm;
    const NAME: &'static str = "final normalisation";

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.layout.norm.weight.length)
    }

    fn block_length(&self) -> usize {
        self.layout.length
    }

    fn forward(&self, block: &[f32], x: &[f32], y: &mut [f32]) -> SavedFinalNorm {
        Self::forward(self, block, x, y)
    }

    fn backward(
        &self,
        block: &[f32],
        _x: &[f32],
        saved: &SavedFinalNorm,
        gradient: &mut [f32],
        gradients: &mut [f32],
    ) {
        Self::backward(self, block, saved, gradient, gradients);
    }
}
