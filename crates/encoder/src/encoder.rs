//! The encoder and its masked language modelling head.

use std::path::Path;

use candle_core::{Device, Tensor};
use contract::Context;
use kernels::Precision;

use crate::block::Block;
use crate::checkpoint::{self, Loaded};
use crate::composed::{self, ComposedPass};
use crate::engine::{HeadBlocks, MaskedLmPass, Pool};
use crate::fused::{self, FusedPass, MaskedLmOp, Saving};
use crate::layout::EncoderLayout;
use crate::mimetic;
use crate::names::Names;
use crate::ops::Ops;
use crate::specification::{self, Place};
use crate::stack::Stack;
use crate::values::with_values;
use crate::{Batch, Config, EncoderError, Mode, Parameters};

/// A BERT-family encoder (Devlin et al. 2019) with its masked language modelling head.
///
/// Clones share their parameters.
#[derive(Clone, Debug)]
pub struct Encoder {
    pub(crate) config: Config,
    pub(crate) layout: EncoderLayout,
    parameters: Parameters,
    pub(crate) ops: Ops,
    pub(crate) precision: Precision,
    recomputes: bool,
    pub(crate) pool: Pool,
    missing_head: Vec<String>,
}

impl Encoder {
    /// Makes a new encoder: weights normal with standard deviation `initializer_range`, biases zero, layer normalisations the
    /// identity. `seed` decides all random numbers.
    ///
    /// # Errors
    /// When the configuration describes no encoder.
    pub fn new(config: Config, seed: u64) -> Result<Self, EncoderError> {
        config.check()?;
        let blocks = specification::blocks(specification::of_encoder(&config), |block| {
            block.start(config.initializer_range, seed)
        })?;
        Ok(Self::of(Loaded {
            parameters: Parameters::of(blocks)?,
            config,
            missing_head: Vec::new(),
        }))
    }

    /// Changes a new encoder to the mimetic start of Trockman and Kolter 2023: keys agree with queries, value and output
    /// maps are near the identity, positions are sinusoids.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn with_mimetic_start(self) -> Result<Self, EncoderError> {
        let names = Names::of(self.config.architecture);
        mimetic::start(&self.config, &names, &self.parameters)?;
        Ok(self)
    }

    /// Loads a Hugging Face folder: `config.json` and `model.safetensors` of a `BertForMaskedLM`, a `BertModel`
    /// (sentence-transformers' too), a `RobertaPreLayerNormForMaskedLM`, or a model built on one of them, whose other
    /// tensors are ignored. Without the tensors of a masked language modelling head, only [`Encoder::masked_lm_loss`] and
    /// [`Encoder::masked_lm_logits`] do not work.
    ///
    /// # Errors
    /// When a file is missing, damaged, or of another kind of model; when a tensor is missing or has another shape than
    /// `config.json` says.
    pub fn load(folder: &Path) -> Result<Self, EncoderError> {
        checkpoint::load(folder, || Ok(())).map(Self::of)
    }

    /// Loads an encoder like [`Encoder::load`], but returns early if the stage is asked to stop.
    ///
    /// # Errors
    /// The errors of [`Encoder::load`], and [`StageError::Interrupted`](contract::StageError::Interrupted).
    pub fn load_unless_stopped(folder: &Path, context: &Context) -> Result<Self, EncoderError> {
        checkpoint::load(folder, || Ok(context.keep_going()?)).map(Self::of)
    }

    fn of(
        Loaded {
            config,
            parameters,
            missing_head,
        }: Loaded,
    ) -> Self {
        Self {
            layout: EncoderLayout::of(&config),
            config,
            parameters,
            ops: Ops::default(),
            precision: Precision::default(),
            recomputes: false,
            pool: Pool::default(),
            missing_head,
        }
    }

    /// Returns an encoder with the same weights, which are trained apart from this one's: the names of its parameters begin with
    /// `prefix`, so that one run can train both.
    ///
    /// # Errors
    /// When the weights cannot be copied.
    pub fn apart(&self, prefix: &str) -> Result<Self, EncoderError> {
        Ok(Self {
            parameters: self.parameters.apart(prefix)?,
            ..self.clone()
        })
    }

    /// Sets the dropout probabilities of hidden states, of attention weights, and of a classification head.
    ///
    /// # Errors
    /// When a probability is not in [0, 1).
    pub fn with_dropout(
        mut self,
        hidden: f64,
        attention: f64,
        head: f64,
    ) -> Result<Self, EncoderError> {
        self.config.hidden_dropout_prob = hidden;
        self.config.attention_probs_dropout_prob = attention;
        self.config.classifier_dropout = Some(head);
        self.config.check()?;
        Ok(self)
    }

    /// Chooses the implementation of the operations.
    #[must_use]
    pub fn with_ops(mut self, ops: Ops) -> Self {
        self.ops = ops;
        self
    }

    /// Chooses the precision of the operands of matrix products. The composed implementation always uses 32-bit floats.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Returns the precision of the operands of matrix products.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Chooses whether training keeps only each layer's input for the backward pass and computes the activations again,
    /// which takes less memory and one more forward pass. The gradients are the same.
    #[must_use]
    pub fn with_recomputation(mut self, recomputes: bool) -> Self {
        self.recomputes = recomputes;
        self
    }

    /// Writes `config.json` and `model.safetensors` into `folder`, made if need be, under Hugging Face's names. The
    /// decoder is tied to the word embeddings and not written twice. The same values give the same bytes.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), EncoderError> {
        checkpoint::save(folder, &self.config, &self.parameters)
    }

    /// Writes the encoder like [`Encoder::save`], without the masked language modelling head.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn save_body(&self, folder: &Path) -> Result<(), EncoderError> {
        checkpoint::save(folder, &self.config, &self.body())
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns all parameters, under Hugging Face's names.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the parameters without the masked language modelling head: those that fine-tuning trains. The values are
    /// shared with [`Encoder::parameters`].
    pub fn body(&self) -> Parameters {
        self.parameters.first(Place::Head.index(&self.config))
    }

    /// Returns the block of parameters at `place`, which must exist.
    pub(crate) fn block(&self, place: Place) -> &Block {
        &self.parameters.blocks()[place.index(&self.config)]
    }

    /// Returns whether there is a masked language modelling head.
    pub fn has_head(&self) -> bool {
        self.missing_head.is_empty()
    }

    /// Returns the last hidden states, `[tokens, hidden size]`, rows by [`Batch::row`]. Gradients reach the parameters
    /// in [`Mode::Train`] only.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn forward(&self, batch: &Batch, mode: Mode) -> Result<Tensor, EncoderError> {
        let pass = self.pass(batch, mode);
        let mut hidden = pass.embeddings()?;
        for layer in 0..self.config.num_hidden_layers {
            hidden = pass.layer(layer, &hidden)?;
        }
        pass.end(hidden)
    }

    /// Returns a pass of a batch through the layers.
    pub(crate) fn pass<'a>(&'a self, batch: &'a Batch, mode: Mode) -> Box<dyn Pass + 'a> {
        self.pass_through(self.stack(), batch, mode)
    }

    /// Returns a pass of a batch through layers of this encoder's shape.
    pub(crate) fn pass_through<'a>(
        &'a self,
        stack: Stack<'a>,
        batch: &'a Batch,
        mode: Mode,
    ) -> Box<dyn Pass + 'a> {
        match self.ops {
            Ops::Composed => Box::new(ComposedPass::new(self, stack, batch, mode)),
            Ops::Fused => Box::new(FusedPass::new(self, stack, batch, mode, self.saving(mode))),
        }
    }

    /// Returns what becomes of the values of a forward pass that the backward pass needs.
    pub(crate) fn saving(&self, mode: Mode) -> Saving {
        match (mode, self.recomputes) {
            (Mode::Evaluate, _) => Saving::Nothing,
            (Mode::Train { .. }, true) => Saving::Recompute,
            (Mode::Train { .. }, false) => Saving::Keep,
        }
    }

    /// Returns the encoder's own layers.
    fn stack(&self) -> Stack<'_> {
        let blocks = self.parameters.blocks();
        let layers = self.config.num_hidden_layers;
        Stack {
            layers: &blocks[Place::Layer(0).index(&self.config)..][..layers],
            final_norm: self.layout.final_norm.map(|_| self.block(Place::FinalNorm)),
            first: 0,
        }
    }

    /// Returns the hidden states of some layers, each `[tokens, hidden size]`, rows by [`Batch::row`]. Layers are counted as
    /// in Hugging Face's `output_hidden_states`: layer 0 is the embeddings, and the last layer of a pre-layer-norm encoder is
    /// normalised. Other layers are not kept. Gradients reach the parameters in [`Mode::Train`] only.
    ///
    /// # Errors
    /// When a tensor operation fails, or there is no such layer.
    pub fn hidden_states(
        &self,
        batch: &Batch,
        layers: &[usize],
        mode: Mode,
    ) -> Result<Vec<Tensor>, EncoderError> {
        let pass = self.pass(batch, mode);
        let count = self.config.num_hidden_layers;
        let mut found: Vec<Option<Tensor>> = vec![None; layers.len()];
        let mut keep = |layer: usize, states: &Tensor| {
            for (found, _) in found.iter_mut().zip(layers).filter(|(_, at)| **at == layer) {
                *found = Some(states.clone());
            }
        };
        let mut hidden = pass.embeddings()?;
        for layer in 0..count {
            keep(layer, &hidden);
            hidden = pass.layer(layer, &hidden)?;
        }
        keep(count, &pass.end(hidden)?);
        let all = found.into_iter().collect::<Option<Vec<_>>>();
        all.ok_or_else(|| {
            let reason = format!("not all of {layers:?} are layers from 0 to {count}");
            EncoderError::invalid("layers", reason, "name layers that the encoder has")
        })
    }

    /// Returns the sum over `rows` of the cross-entropies in nats of predicting `targets` there, a 64-bit scalar. Only those rows are
    /// projected to the vocabulary.
    ///
    /// # Errors
    /// [`EncoderError::NoHead`] when the checkpoint had no head; when a row or target is out of range.
    pub fn masked_lm_loss(
        &self,
        hidden: &Tensor,
        rows: &[u32],
        targets: &[u32],
    ) -> Result<Tensor, EncoderError> {
        self.check_rows(hidden, rows)?;
        check_targets(rows.len(), self.config.vocab_size, targets)?;
        if self.ops == Ops::Composed {
            let logits = composed::masked_lm_logits(self, hidden, rows)?;
            return Ok(composed::cross_entropy(&logits, targets)?);
        }
        let (head, embeddings) = (self.block(Place::Head), self.block(Place::Embeddings));
        let sinks = [head.sink(), embeddings.sink()];
        let operation = MaskedLmOp::new(self.masked_lm_pass(rows), targets, sinks);
        let hidden = hidden.contiguous()?;
        Ok(hidden.apply_op3(&head.flat(true), &embeddings.flat(true), operation)?)
    }

    /// Returns the loss of [`Encoder::masked_lm_loss`], with the same bits, where it is only measured: nothing is computed or kept
    /// for a gradient.
    ///
    /// # Errors
    /// The errors of [`Encoder::masked_lm_loss`].
    pub fn measure_masked_lm(
        &self,
        hidden: &Tensor,
        rows: &[u32],
        targets: &[u32],
    ) -> Result<f64, EncoderError> {
        if self.ops == Ops::Composed {
            let loss = self.masked_lm_loss(hidden, rows, targets)?;
            return Ok(loss.to_scalar()?);
        }
        Ok(kernels::sum(&self.masked_lm_losses(hidden, rows, targets)?))
    }

    /// Returns the cross-entropy in nats of predicting each of `targets` at its row. The losses of [`Encoder::masked_lm_loss`] are these,
    /// added in this order; nothing is computed or kept for a gradient.
    ///
    /// # Errors
    /// The errors of [`Encoder::masked_lm_loss`].
    pub fn masked_lm_losses(
        &self,
        hidden: &Tensor,
        rows: &[u32],
        targets: &[u32],
    ) -> Result<Vec<f64>, EncoderError> {
        self.check_rows(hidden, rows)?;
        check_targets(rows.len(), self.config.vocab_size, targets)?;
        if self.ops == Ops::Composed {
            let pairs = rows.chunks(1).zip(targets.chunks(1));
            let losses = pairs.map(|(row, target)| {
                let logits = composed::masked_lm_logits(self, hidden, row)?;
                Ok(composed::cross_entropy(&logits, target)?.to_scalar()?)
            });
            return losses.collect();
        }
        self.with_head(hidden, |blocks, hidden| {
            self.masked_lm_pass(rows).losses(blocks, hidden, targets)
        })
    }

    /// Returns the scores of every vocabulary entry at `rows`, `[rows, vocabulary]`, without gradients.
    ///
    /// # Errors
    /// [`EncoderError::NoHead`] when the checkpoint had no head; when a row is out of range.
    pub fn masked_lm_logits(&self, hidden: &Tensor, rows: &[u32]) -> Result<Tensor, EncoderError> {
        self.check_rows(hidden, rows)?;
        if self.ops == Ops::Composed {
            return Ok(composed::masked_lm_logits(self, hidden, rows)?.detach());
        }
        let logits = self.with_head(hidden, |blocks, hidden| {
            self.masked_lm_pass(rows).logits(blocks, hidden)
        })?;
        let shape = (rows.len(), self.config.vocab_size);
        Ok(Tensor::from_vec(logits, shape, &Device::Cpu)?)
    }

    /// Calls `work` with the blocks of the masked language modelling head and the hidden states.
    fn with_head<R>(
        &self,
        hidden: &Tensor,
        work: impl FnOnce(HeadBlocks<'_>, &[f32]) -> R,
    ) -> Result<R, EncoderError> {
        let block = |place| self.block(place).flat(false);
        let (head, embeddings) = (block(Place::Head), block(Place::Embeddings));
        Ok(with_values(&hidden.contiguous()?, |hidden| {
            with_values(&head, |head| {
                with_values(&embeddings, |embeddings| {
                    work(HeadBlocks { head, embeddings }, hidden)
                })
            })
        })???)
    }

    fn masked_lm_pass(&self, rows: &[u32]) -> MaskedLmPass {
        MaskedLmPass {
            precision: self.precision,
            layout: self.layout.head,
            embeddings: self.layout.embeddings,
            activation: self.config.hidden_act.function(),
            epsilon: self.config.layer_norm_eps as f32,
            rows: rows.to_vec(),
            pool: self.pool.clone(),
        }
    }

    /// Checks that the encoder has a head, and `hidden` all of the rows.
    fn check_rows(&self, hidden: &Tensor, rows: &[u32]) -> Result<(), EncoderError> {
        if !self.has_head() {
            return Err(EncoderError::NoHead {
                missing: self.missing_head.clone(),
            });
        }
        let count = hidden.dim(0)?;
        match rows.iter().find(|&&row| row as usize >= count) {
            None => Ok(()),
            Some(row) => Err(EncoderError::invalid(
                "rows",
                format!("there is no row {row} among {count}"),
                "take rows from the batch that the hidden states are of",
            )),
        }
    }
}

/// A forward pass of a batch through the layers of an encoder.
pub(crate) trait Pass {
    /// Returns the normalised embeddings, `[tokens, hidden size]`.
    fn embeddings(&self) -> Result<Tensor, EncoderError>;
    /// Returns a layer's output from its input, both `[tokens, hidden size]`.
    fn layer(&self, layer: usize, hidden: &Tensor) -> Result<Tensor, EncoderError>;
    /// Returns the encoder's output from the last layer's output.
    fn end(&self, hidden: Tensor) -> Result<Tensor, EncoderError>;
}

/// Returns the sum of the cross-entropies in nats of `targets` under `softmax(logits)`, a 64-bit scalar; `logits` is
/// `[rows, classes]`.
///
/// # Errors
/// When shapes disagree or a target is not below the number of classes.
pub fn cross_entropy(logits: &Tensor, targets: &[u32]) -> Result<Tensor, EncoderError> {
    let (rows, classes) = logits.dims2()?;
    check_targets(rows, classes, targets)?;
    Ok(fused::cross_entropy(logits, targets)?)
}

/// Returns the sum of the squared differences between `outputs`, `[rows, 1]`, and `targets`, a 64-bit scalar.
///
/// # Errors
/// When shapes disagree.
pub fn squared_error(outputs: &Tensor, targets: &[f32]) -> Result<Tensor, EncoderError> {
    Ok(fused::squared_error(outputs, targets)?)
}

fn check_targets(rows: usize, classes: usize, targets: &[u32]) -> Result<(), EncoderError> {
    if rows != targets.len() {
        let reason = format!("{} targets for {rows} rows", targets.len());
        return Err(EncoderError::invalid(
            "targets",
            reason,
            "give one target per row",
        ));
    }
    match targets.iter().find(|&&target| target as usize >= classes) {
        None => Ok(()),
        Some(target) => Err(EncoderError::invalid(
            "targets",
            format!("{target} is none of {classes} classes"),
            "give targets below the number of classes",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Architecture, Gradients, Sequence, Size, audit};

    /// A loss whose graph is cut below layer 1 must fail the audit, which must name the parameters that are cut off.
    #[test]
    fn a_detached_layer_fails_the_audit() {
        for (architecture, ops) in [
            (Architecture::Bert, Ops::Fused),
            (Architecture::Bert, Ops::Composed),
            (Architecture::RobertaPreLayerNorm, Ops::Fused),
            (Architecture::RobertaPreLayerNorm, Ops::Composed),
        ] {
            let config = Config::of_size(Size::Nano, architecture, 30, 8, 0);
            let encoder = Encoder::new(config, 3).unwrap().with_ops(ops);
            let sequences = [
                Sequence::new(vec![2, 7, 9, 4], 0),
                Sequence::new(vec![2, 5, 6], 1),
            ];
            let batch = Batch::pack(&sequences, encoder.config()).unwrap();
            let pass = encoder.pass(&batch, Mode::Train { seed: 1, step: 0 });
            let check = |cut: bool| {
                let hidden = pass.layer(0, &pass.embeddings().unwrap()).unwrap();
                let hidden = if cut { hidden.detach() } else { hidden };
                let hidden = pass.end(pass.layer(1, &hidden).unwrap()).unwrap();
                let loss = encoder.masked_lm_loss(&hidden, &[1, 4], &[8, 11]).unwrap();
                let mut gradients = Gradients::zeros(encoder.parameters());
                gradients.replace(&loss).unwrap();
                audit(encoder.parameters(), &gradients)
            };
            check(false).unwrap();
            let message = check(true).unwrap_err().to_string();
            assert!(message.contains("layer.0.attention.self.query.weight` receives no gradient"));
            assert!(
                message.contains("embeddings.position_embeddings.weight"),
                "{message}"
            );
            assert!(!message.contains("layer.1."), "{message}");
            // The word embeddings are tied to the decoder and so are still reached.
            assert!(!message.contains("word_embeddings"), "{message}");
        }
    }
}
