use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::{Saved, Saving, copy, floats, output, tensor};
use crate::Sink;
use crate::engine::{ClassificationPass, SavedClassification};
use crate::values::with_values;

/// The classification head as an operation on (pooled states, head's block).
pub(crate) struct ClassificationOp {
    pass: ClassificationPass,
    sink: Arc<Sink>,
    saving: Saving,
    saved: Saved<SavedClassification>,
}

impl ClassificationOp {
    pub(crate) fn new(pass: ClassificationPass, sink: &Arc<Sink>, saving: Saving) -> Self {
        Self {
            pass,
            sink: Arc::clone(sink),
            saving,
            saved: Saved::nothing(),
        }
    }
}

impl CustomOp2 for ClassificationOp {
    fn name(&self) -> &'static str {
        "classification head"
    }

    fn cpu_fwd(
        &self,
        pooled: &CpuStorage,
        pooled_layout: &Layout,
        block: &CpuStorage,
        block_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let layout = &self.pass.layout;
        let expected = [self.pass.places.len(), layout.dense.weight.columns];
        if pooled_layout.dims() != expected || block_layout.dims() != [layout.length] {
            bail!(
                "classification head: sequences {:?}, expected {expected:?}",
                pooled_layout.dims()
            );
        }
        let (pooled, block) = (floats(pooled, pooled_layout)?, floats(block, block_layout)?);
        let (scores, saved) = self.pass.forward(block, pooled);
        if self.saving == Saving::Keep {
            self.saved.put(saved);
        }
        output(scores, (self.pass.places.len(), layout.output.weight.rows))
    }

    fn bwd(
        &self,
        pooled: &Tensor,
        block: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let scores = copy(gradient)?;
        let mut result = vec![0.0; pooled.elem_count()];
        with_values(pooled, |x| {
            with_values(block, |block| {
                let saved = self
                    .saved
                    .take()
                    .unwrap_or_else(|| self.pass.forward(block, x).1);
                self.sink.with(|gradients| {
                    self.pass
                        .backward(block, &saved, &scores, &mut result, gradients);
                })
            })
        })???;
        Ok((Some(tensor(result, pooled.shape())?), None))
    }
}
