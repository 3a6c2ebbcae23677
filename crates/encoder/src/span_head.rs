//! The head for answers that are spans of a text.

use std::sync::Arc;

use candle_core::Tensor;
use kernels::Precision;

use crate::block::Block;
use crate::composed;
use crate::engine::SpanPass;
use crate::fused::SpanLossOp;
use crate::layout::SpanLayout;
use crate::ops::Ops;
use crate::specification;
use crate::values::with_values;
use crate::{Batch, Config, EncoderError, Mode, Parameters};

/// BERT's head for questions whose answers are spans (Devlin et al. 2019; `BertForQuestionAnswering` in Hugging Face's code): a
/// linear map gives each token a score as the first of the span and one as the last. Both are softmax distributions over all tokens of
/// the sequence.
#[derive(Clone, Debug)]
pub struct SpanHead {
    layout: SpanLayout,
    block: Block,
    parameters: Parameters,
    ops: Ops,
    precision: Precision,
}

impl SpanHead {
    /// Makes a new head; `seed` decides its weights. The parameters are called `qa_outputs.*`, as in Hugging Face.
    ///
    /// # Errors
    /// When the weights cannot be made.
    pub fn new(config: &Config, seed: u64) -> Result<Self, EncoderError> {
        let layout = SpanLayout::new(config.hidden_size);
        let block = specification::of_span_head(&layout).start(config.initializer_range, seed)?;
        Ok(Self {
            parameters: Parameters::of([block.clone()])?,
            layout,
            block,
            ops: Ops::default(),
            precision: Precision::default(),
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

    /// Returns the loss summed over the sequences of a batch, a 64-bit scalar: the mean of the cross-entropies in nats of the first and
    /// the last token. `hidden` are the last hidden states; `spans` names both tokens of each sequence, counted from 0, in the order in
    /// which the sequences were given to [`Batch::pack`].
    ///
    /// # Errors
    /// When there is not a span for each sequence, or one lies outside of its sequence.
    pub fn loss(
        &self,
        hidden: &Tensor,
        batch: &Batch,
        spans: &[[u32; 2]],
        mode: Mode,
    ) -> Result<Tensor, EncoderError> {
        let targets = targets(batch, spans)?;
        if self.ops == Ops::Composed {
            let scores = composed::span_scores(&self.layout, &self.block, hidden)?;
            return Ok(composed::span_loss(&scores, &batch.sequences, &targets)?);
        }
        let tracked = matches!(mode, Mode::Train { .. });
        let operation = SpanLossOp::new(self.pass(batch, targets), self.block.sink());
        let hidden = hidden.contiguous()?;
        Ok(hidden.apply_op2(&self.block.flat(tracked), operation)?)
    }

    /// Returns the scores of each token as the first and as the last of the span, without gradients, in the order in which the
    /// sequences were given.
    ///
    /// # Errors
    /// When the hidden states do not belong to the batch.
    pub fn scores(
        &self,
        hidden: &Tensor,
        batch: &Batch,
    ) -> Result<Vec<Vec<[f32; 2]>>, EncoderError> {
        let flat = match self.ops {
            Ops::Composed => composed::span_scores(&self.layout, &self.block, hidden)?
                .flatten_all()?
                .to_vec1()?,
            Ops::Fused => {
                let (pass, block) = (self.pass(batch, Vec::new()), self.block.flat(false));
                let hidden = hidden.contiguous()?;
                with_values(&hidden, |hidden| {
                    with_values(&block, |block| pass.scores(block, hidden))
                })??
            }
        };
        let (pairs, _) = flat.as_chunks::<2>();
        let places = batch.packed_places().iter();
        let own = places.map(|&place| pairs[batch.sequences.range(place as usize)].to_vec());
        Ok(own.collect())
    }

    fn pass(&self, batch: &Batch, targets: Vec<[u32; 2]>) -> SpanPass {
        SpanPass {
            precision: self.precision,
            layout: self.layout,
            sequences: Arc::clone(&batch.sequences),
            targets,
        }
    }
}

/// Returns the spans of the packed sequences.
fn targets(batch: &Batch, spans: &[[u32; 2]]) -> Result<Vec<[u32; 2]>, EncoderError> {
    if spans.len() != batch.sequences() {
        let reason = format!("{} spans for {} sequences", spans.len(), batch.sequences());
        let remedy = "give one span per sequence";
        return Err(EncoderError::invalid("spans", reason, remedy));
    }
    let mut targets = vec![[0; 2]; spans.len()];
    for (sequence, (span, &place)) in spans.iter().zip(batch.packed_places()).enumerate() {
        let length = batch.length(sequence);
        if let Some(token) = span.iter().find(|token| **token as usize >= length) {
            return Err(EncoderError::invalid(
                "spans",
                format!("token {token} of a sequence of {length}"),
                "name tokens of the sequence",
            ));
        }
        targets[place as usize] = *span;
    }
    Ok(targets)
}
