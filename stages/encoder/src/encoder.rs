//! The encoder and its masked language modelling head.

use std::path::Path;

use candle_core::{Device, Tensor};

use crate::block::Block;
use crate::checkpoint::{self, Loaded};
use crate::layout::EncoderLayout;
use crate::mimetic;
use crate::names::Names;
use crate::ops::Ops;
use crate::pass::Pass;
use crate::specification::{self, Place};
use crate::{Activation, Batch, Config, EncoderError, Mode, Parameters, Result};

/// A BERT-family encoder (Devlin et al. 2019) with its masked language modelling head.
///
/// Clones share their parameters.
#[derive(Clone, Debug)]
pub struct Encoder {
    pub(crate) config: Config,
    pub(crate) layout: EncoderLayout,
    parameters: Parameters,
    pub(crate) ops: Ops,
    missing_head: Vec<String>,
}

impl Encoder {
    /// A new encoder on the CPU: weights normal with standard deviation `initializer_range`, biases zero, layer
    /// normalisations the identity, all decided by `seed`.
    ///
    /// # Errors
    /// When the configuration makes no encoder.
    pub fn new(config: Config, seed: u64) -> Result<Self> {
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

    /// Moves a new encoder to the mimetic start of Trockman and Kolter 2023: keys agree with queries, value and output
    /// maps are near the identity, positions are sinusoids.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn with_mimetic_start(self) -> Result<Self> {
        let names = Names::of(self.config.architecture);
        mimetic::start(&self.config, &names, &self.parameters)?;
        Ok(self)
    }

    /// Loads a Hugging Face folder: `config.json` and `model.safetensors` of a `BertForMaskedLM`, a `BertModel`
    /// (sentence-transformers' too), a `RobertaPreLayerNormForMaskedLM`, or a model built on one of them, of which the
    /// other tensors are left aside. Without the tensors of a masked language modelling head, just
    /// [`Encoder::masked_lm_loss`] and [`Encoder::masked_lm_logits`] do not work.
    ///
    /// # Errors
    /// When a file is missing, damaged, or of another kind of model; when a tensor is missing or has another shape than
    /// `config.json` says.
    pub fn load(folder: &Path) -> Result<Self> {
        checkpoint::load(folder).map(Self::of)
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
            ops: Ops::on(&Device::Cpu),
            missing_head,
        }
    }

    /// Sets the dropout probabilities of hidden states, of attention weights, and of a classification head.
    ///
    /// # Errors
    /// When one is not from 0 up to but not 1.
    pub fn with_dropout(mut self, hidden: f64, attention: f64, head: f64) -> Result<Self> {
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

    /// Writes `config.json` and `model.safetensors` into `folder`, made if need be, under Hugging Face's names. The
    /// decoder is tied to the word embeddings and not written twice. The same values give the same bytes.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        checkpoint::save(folder, &self.config, &self.parameters)
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

    /// Returns one of the blocks of parameters, which must be there.
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
    pub fn forward(&self, batch: &Batch, mode: Mode) -> Result<Tensor> {
        let pass = Pass::new(self, batch, mode);
        let mut hidden = pass.embeddings()?;
        for layer in 0..self.config.num_hidden_layers {
            hidden = pass.layer(layer, &hidden)?;
        }
        pass.end(hidden)
    }

    /// Returns the embeddings and each layer's hidden states, as Hugging Face's `output_hidden_states` does: each
    /// `[tokens, hidden size]`, rows by [`Batch::row`], without dropout or gradients. The last one of a
    /// pre-layer-norm encoder is normalised.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn hidden_states(&self, batch: &Batch) -> Result<Vec<Tensor>> {
        let pass = Pass::new(self, batch, Mode::Evaluate);
        let mut hidden = pass.embeddings()?;
        let mut states = Vec::with_capacity(self.config.num_hidden_layers + 1);
        for layer in 0..self.config.num_hidden_layers {
            let next = pass.layer(layer, &hidden)?;
            states.push(std::mem::replace(&mut hidden, next));
        }
        states.push(pass.end(hidden)?);
        Ok(states)
    }

    /// Returns the sum over `rows` of the cross-entropy in nats of predicting `targets` there, a scalar. The projection
    /// to the vocabulary runs at those rows only.
    ///
    /// # Errors
    /// [`EncoderError::NoHead`] when the checkpoint had no head; when a row or target is out of range.
    pub fn masked_lm_loss(&self, hidden: &Tensor, rows: &[u32], targets: &[u32]) -> Result<Tensor> {
        self.ops
            .cross_entropy(&self.masked_lm_logits(hidden, rows)?, targets)
    }

    /// Returns the scores of every vocabulary entry at `rows`, `[rows, vocabulary]`.
    ///
    /// # Errors
    /// [`EncoderError::NoHead`] when the checkpoint had no head; when a row is out of range.
    pub fn masked_lm_logits(&self, hidden: &Tensor, rows: &[u32]) -> Result<Tensor> {
        if !self.has_head() {
            return Err(EncoderError::NoHead {
                missing: self.missing_head.clone(),
            });
        }
        let (layout, flat) = (self.layout.head, self.block(Place::Head).flat(true));
        let rows = Tensor::new(rows, hidden.device())?;
        let hidden = hidden.index_select(&rows, 0)?;
        let [weight, bias] = layout.dense.of(&flat)?;
        let hidden = self.activate(&self.ops.linear(&hidden, &weight, &bias)?)?;
        let [weight, bias] = layout.norm.of(&flat)?;
        let hidden = self
            .ops
            .layer_norm(&hidden, &weight, &bias, self.config.layer_norm_eps)?;
        let embeddings = self.block(Place::Embeddings).flat(true);
        let words = self.layout.embeddings.words.of(&embeddings)?;
        let bias = layout.decoder_bias.of(&flat)?;
        self.ops.linear(&hidden, &words, &bias)
    }

    pub(crate) fn activate(&self, x: &Tensor) -> Result<Tensor> {
        match self.config.hidden_act {
            Activation::Gelu => self.ops.gelu(x),
            Activation::GeluTanh => Ok(x.gelu()?),
        }
    }
}
