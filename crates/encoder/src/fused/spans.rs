use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::{Saved, factor, floats, tensor};
use crate::Sink;
use crate::engine::SpanPass;
use crate::values::with_values;

/// The summed loss of spans, as an operation on (hidden states, head's block).
pub(crate) struct SpanLossOp {
    pass: SpanPass,
    sink: Arc<Sink>,
    /// The gradient of the scores, computed together with the loss.
    saved: Saved<Vec<f32>>,
}

impl SpanLossOp {
    pub(crate) fn new(pass: SpanPass, sink: &Arc<Sink>) -> Self {
        Self {
            pass,
            sink: Arc::clone(sink),
            saved: Saved::nothing(),
        }
    }
}

impl CustomOp2 for SpanLossOp {
    fn name(&self) -> &'static str {
        "span loss"
    }

    fn cpu_fwd(
        &self,
        hidden: &CpuStorage,
        hidden_layout: &Layout,
        block: &CpuStorage,
        block_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let layout = &self.pass.layout;
        let expected = [self.pass.sequences.rows(), layout.output.weight.columns];
        if hidden_layout.dims() != expected || block_layout.dims() != [layout.length] {
            bail!(
                "span loss: hidden states {:?}, expected {expected:?}",
                hidden_layout.dims()
            );
        }
        let (hidden, block) = (floats(hidden, hidden_layout)?, floats(block, block_layout)?);
        let (loss, gradient) = self.pass.forward(block, hidden);
        self.saved.put(gradient);
        super::loss(loss)
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        block: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let factor = factor(gradient)?;
        let mut result = vec![0.0; hidden.elem_count()];
        with_values(hidden, |x| {
            with_values(block, |block| {
                let saved = self.saved.take();
                let mut scores = saved.unwrap_or_else(|| self.pass.forward(block, x).1);
                scores.iter_mut().for_each(|value| *value *= factor);
                self.sink.with(|gradients| {
                    self.pass
                        .backward(block, x, &scores, &mut result, gradients);
                })
            })
        })???;
        Ok((Some(tensor(result, hidden.shape())?), None))
    }
}
