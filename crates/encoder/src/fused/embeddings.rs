use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::{Saved, Saving, copy, floats, output};
use crate::Sink;
use crate::engine::{EmbeddingPass, SavedEmbeddings};
use crate::values::with_values;

/// The normalised embeddings as an operation on their block.
pub(crate) struct EmbeddingOp {
    pass: EmbeddingPass,
    sink: Arc<Sink>,
    saving: Saving,
    saved: Saved<SavedEmbeddings>,
}

impl EmbeddingOp {
    pub(crate) fn new(pass: EmbeddingPass, sink: &Arc<Sink>, saving: Saving) -> Self {
        Self {
            pass,
            sink: Arc::clone(sink),
            saving,
            saved: Saved::nothing(),
        }
    }

    fn shape(&self) -> (usize, usize) {
        (self.pass.sequences.rows(), self.pass.layout.words.columns)
    }
}

impl CustomOp1 for EmbeddingOp {
    fn name(&self) -> &'static str {
        "embeddings"
    }

    fn cpu_fwd(&self, block: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        if layout.dims() != [self.pass.layout.length] {
            bail!(
                "embeddings: a block {:?}, expected [{}]",
                layout.dims(),
                self.pass.layout.length
            );
        }
        let (rows, width) = self.shape();
        let mut y = vec![0.0; rows * width];
        let saved = self.pass.forward(floats(block, layout)?, &mut y);
        if self.saving == Saving::Keep {
            self.saved.put(saved);
        }
        output(y, (rows, width))
    }

    fn bwd(&self, block: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let mut gradient = copy(gradient)?;
        with_values(block, |block| {
            let saved = self.saved.take().unwrap_or_else(|| {
                let (rows, width) = self.shape();
                self.pass.forward(block, &mut vec![0.0; rows * width])
            });
            self.sink.with_lookups(|gradients, lookups| {
                self.pass
                    .backward(block, &saved, &mut gradient, gradients, lookups);
            })
        })??;
        Ok(None)
    }
}
