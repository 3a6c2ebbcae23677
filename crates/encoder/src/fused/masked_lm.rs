use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::{Saved, factor, floats, tensor};
use crate::Sink;
use crate::engine::{HeadBlocks, MaskedLmPass, SavedMaskedLm};
use crate::values::with_values;

/// The summed cross-entropy at some rows, as an operation on (hidden states, head's block, embeddings' block).
pub(crate) struct MaskedLmOp {
    pass: MaskedLmPass,
    targets: Vec<u32>,
    /// Sinks of the head's block and of the embeddings' block.
    sinks: [Arc<Sink>; 2],
    saved: Saved<SavedMaskedLm>,
}

impl MaskedLmOp {
    pub(crate) fn new(pass: MaskedLmPass, targets: &[u32], sinks: [&Arc<Sink>; 2]) -> Self {
        Self {
            pass,
            targets: targets.to_vec(),
            sinks: sinks.map(Arc::clone),
            saved: Saved::nothing(),
        }
    }
}

impl CustomOp3 for MaskedLmOp {
    fn name(&self) -> &'static str {
        "masked language modelling loss"
    }

    fn cpu_fwd(
        &self,
        hidden: &CpuStorage,
        hidden_layout: &Layout,
        head: &CpuStorage,
        head_layout: &Layout,
        embeddings: &CpuStorage,
        embedding_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let blocks = HeadBlocks {
            head: floats(head, head_layout)?,
            embeddings: floats(embeddings, embedding_layout)?,
        };
        if hidden_layout.dims().last() != Some(&self.pass.embeddings.words.columns) {
            bail!(
                "masked language modelling loss: hidden states {:?}",
                hidden_layout.dims()
            );
        }
        let hidden = floats(hidden, hidden_layout)?;
        let (loss, saved) = self.pass.forward(blocks, hidden, &self.targets);
        self.saved.put(saved);
        super::loss(loss)
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        head: &Tensor,
        embeddings: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let factor = factor(gradient)?;
        let mut result = vec![0.0; hidden.elem_count()];
        with_values(hidden, |x| {
            with_values(head, |head| {
                with_values(embeddings, |embeddings| {
                    let blocks = HeadBlocks { head, embeddings };
                    let mut saved = self
                        .saved
                        .take()
                        .unwrap_or_else(|| self.pass.forward(blocks, x, &self.targets).1);
                    let [head_sink, embedding_sink] = &self.sinks;
                    head_sink.with(|head_gradients| {
                        embedding_sink.with(|embedding_gradients| {
                            self.pass.backward(
                                blocks,
                                &mut saved,
                                factor,
                                &mut result,
                                head_gradients,
                                embedding_gradients,
                            );
                        })
                    })
                })
            })
        })?????;
        Ok((Some(tensor(result, hidden.shape())?), None, None))
    }
}
