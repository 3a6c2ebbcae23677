//! The map between a sequence's vector and the vector that a contrastive loss compares.

use candle_core::Tensor;
use kernels::Precision;

use crate::block::Block;
use crate::composed;
use crate::engine::ProjectionPass;
use crate::fused::ProjectionOp;
use crate::layout::ProjectionLayout;
use crate::ops::Ops;
use crate::specification;
use crate::{Config, EncoderError, Mode, Parameters};

/// A dense map and tanh over pooled sequences (`MLPLayer` in SimCSE's `models.py`, which is BERT's pooler with new weights).
#[derive(Clone, Debug)]
pub struct Projection {
    layout: ProjectionLayout,
    block: Block,
    parameters: Parameters,
    ops: Ops,
    precision: Precision,
}

impl Projection {
    /// Makes a new map; `seed` decides its weights. The parameters are called `mlp.dense.*`, as in SimCSE's checkpoints.
    ///
    /// # Errors
    /// When the weights cannot be made.
    pub fn new(config: &Config, seed: u64) -> Result<Self, EncoderError> {
        let layout = ProjectionLayout::new(config.hidden_size);
        let block = specification::of_projection(&layout).start(config.initializer_range, seed)?;
        Ok(Self {
            parameters: Parameters::of([block.clone()])?,
            layout,
            block,
            ops: Ops::default(),
            precision: Precision::default(),
        })
    }

    /// Returns a map with the same weights, which are trained apart from this one's: the names of its parameters begin with `prefix`.
    ///
    /// # Errors
    /// When the weights cannot be copied.
    pub fn apart(&self, prefix: &str) -> Result<Self, EncoderError> {
        let block = self.block.apart(prefix)?;
        Ok(Self {
            parameters: Parameters::of([block.clone()])?,
            block,
            ..self.clone()
        })
    }

    /// Chooses the implementation of the operations.
    #[must_use]
    pub fn with_ops(mut self, ops: Ops) -> Self {
        self.ops = ops;
        self
    }

    /// Chooses the precision of the operands of matrix products.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the mapped vectors, of the shape of `pooled`, `[sequences, hidden size]`. Gradients reach the parameters in
    /// [`Mode::Train`] only.
    ///
    /// # Errors
    /// When the vectors have another width.
    pub fn forward(&self, pooled: &Tensor, mode: Mode) -> Result<Tensor, EncoderError> {
        if self.ops == Ops::Composed {
            return Ok(composed::projection(&self.layout, &self.block, pooled)?);
        }
        let pass = ProjectionPass {
            precision: self.precision,
            layout: self.layout,
        };
        let tracked = matches!(mode, Mode::Train { .. });
        let operation = ProjectionOp::new(pass, self.block.sink());
        let pooled = pooled.contiguous()?;
        Ok(pooled.apply_op2(&self.block.flat(tracked), operation)?)
    }
}
