//! Heads for whole sequences.

use std::sync::Arc;

use candle_core::Tensor;
use kernels::Precision;

use crate::block::Block;
use crate::composed;
use crate::dropout::{Dropout, Site};
use crate::engine::{ClassificationPass, Pool};
use crate::fused::{ClassificationOp, Saving};
use crate::layout::ClassificationLayout;
use crate::ops::Ops;
use crate::specification;
use crate::{Batch, Config, EncoderError, Mode, Parameters, Pooling};

/// RoBERTa's classification head: dropout, dense, tanh, dropout, output map (Liu et al. 2019;
/// `RobertaClassificationHead` in Hugging Face's and fairseq's code).
#[derive(Clone, Debug)]
pub struct ClassificationHead {
    layout: ClassificationLayout,
    block: Block,
    parameters: Parameters,
    pooling: Pooling,
    probability: f64,
    ops: Ops,
    precision: Precision,
    pool: Pool,
}

impl ClassificationHead {
    /// Makes a new head on the first token with `labels` outputs (1 for regression). `seed` decides its weights. The parameters
    /// are called `classifier.dense.*` and `classifier.out_proj.*`, as in Hugging Face's `…ForSequenceClassification`.
    ///
    /// # Errors
    /// When `labels` is 0.
    pub fn new(config: &Config, labels: usize, seed: u64) -> Result<Self, EncoderError> {
        if labels == 0 {
            return Err(EncoderError::invalid(
                "labels",
                "0 labels",
                "give at least 1",
            ));
        }
        let width = config.hidden_size;
        let layout = ClassificationLayout::new(width, labels);
        let block =
            specification::of_classification_head(&layout).start(config.initializer_range, seed)?;
        Ok(Self {
            parameters: Parameters::of([block.clone()])?,
            layout,
            block,
            pooling: Pooling::default(),
            probability: config
                .classifier_dropout
                .unwrap_or(config.hidden_dropout_prob),
            ops: Ops::default(),
            precision: Precision::default(),
            pool: Pool::default(),
        })
    }

    /// Chooses the pooling of a sequence's hidden states.
    #[must_use]
    pub fn with_pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = pooling;
        self
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

    /// Returns the pooling of a sequence's hidden states.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns scores, `[sequences, labels]`, in the order in which the sequences were given to [`Batch::pack`]. `states` are
    /// the batch's hidden states in the layers that [`Pooling::layers`] names, each `[tokens, hidden size]`
    /// ([`Encoder::hidden_states`](crate::Encoder::hidden_states)).
    ///
    /// # Errors
    /// When the hidden states do not belong to the batch or to those layers.
    pub fn forward(
        &self,
        states: &[Tensor],
        batch: &Batch,
        mode: Mode,
    ) -> Result<Tensor, EncoderError> {
        let dropout = Dropout::of(mode);
        if self.ops == Ops::Composed {
            let pooled = self.pooling.composed(states, batch, 0)?;
            let probability = self.probability;
            return composed::classification(
                &self.layout,
                &self.block,
                &pooled,
                batch,
                &dropout,
                probability,
            );
        }
        let pass = ClassificationPass {
            precision: self.precision,
            layout: self.layout,
            sequences: Arc::clone(&batch.sequences),
            places: batch.packed_places().to_vec(),
            dropout: [Site::HeadInput, Site::HeadHidden]
                .map(|site| dropout.at(site, self.probability)),
            pool: self.pool.clone(),
        };
        let (tracked, saving) = match mode {
            Mode::Evaluate => (false, Saving::Nothing),
            Mode::Train { .. } => (true, Saving::Keep),
        };
        let operation = ClassificationOp::new(pass, self.block.sink(), saving);
        let pooled = self.pooling.pool_for_head(states, batch)?;
        Ok(pooled.apply_op2(&self.block.flat(tracked), operation)?)
    }
}
