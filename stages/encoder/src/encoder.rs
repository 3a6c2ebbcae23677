//! The encoder and its masked language modelling head.

use std::path::Path;

use candle_core::{Device, Tensor};

use crate::checkpoint::{self, Loaded};
use crate::dropout::{Dropout, Site};
use crate::mimetic;
use crate::names::{self, Module, Names};
use crate::ops::Ops;
use crate::{Activation, Architecture, Batch, Config, EncoderError, Mode, Parameters, Result};

/// A BERT-family encoder (Devlin et al. 2019) with its masked language modelling head.
///
/// Clones share their parameters.
#[derive(Clone, Debug)]
pub struct Encoder {
    config: Config,
    parameters: Parameters,
    names: Names,
    ops: Ops,
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
        let specifications = names::specifications(&config);
        let parameters = Parameters::start(&specifications, config.initializer_range, seed)?;
        Ok(Self::of(Loaded {
            config,
            parameters,
            missing_head: Vec::new(),
        }))
    }

    /// Moves a new encoder to the mimetic start of Trockman and Kolter 2023: keys agree with queries, value and output
    /// maps are near the identity, positions are sinusoids.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn with_mimetic_start(self) -> Result<Self> {
        mimetic::start(&self.config, &self.names, &self.parameters)?;
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
        let names = Names::of(config.architecture);
        Self {
            config,
            parameters,
            names,
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
        self.parameters
            .filter(|name| name.starts_with(self.names.prefix))
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
        let value = |name: &str| self.parameters.value(name, true);
        let module = |name: &str| -> Result<[Tensor; 2]> {
            Ok([
                value(&format!("{name}.weight"))?,
                value(&format!("{name}.bias"))?,
            ])
        };
        let rows = Tensor::new(rows, hidden.device())?;
        let hidden = hidden.index_select(&rows, 0)?;
        let [weight, bias] = module(self.names.head_dense)?;
        let hidden = self.activate(&self.ops.linear(&hidden, &weight, &bias)?)?;
        let [weight, bias] = module(self.names.head_norm)?;
        let hidden = self
            .ops
            .layer_norm(&hidden, &weight, &bias, self.config.layer_norm_eps)?;
        let words = value(&self.names.body(names::WORDS))?;
        self.ops
            .linear(&hidden, &words, &value(self.names.head_bias)?)
    }

    fn activate(&self, x: &Tensor) -> Result<Tensor> {
        match self.config.hidden_act {
            Activation::Gelu => self.ops.gelu(x),
            Activation::GeluTanh => Ok(x.gelu()?),
        }
    }
}

/// One pass over a batch.
struct Pass<'a> {
    encoder: &'a Encoder,
    config: &'a Config,
    batch: &'a Batch,
    dropout: Option<Dropout>,
    tracked: bool,
}

impl<'a> Pass<'a> {
    fn new(encoder: &'a Encoder, batch: &'a Batch, mode: Mode) -> Self {
        let tracked = mode != Mode::Evaluate;
        Self {
            encoder,
            config: &encoder.config,
            batch,
            dropout: Dropout::of(mode),
            tracked,
        }
    }

    fn value(&self, name: &str) -> Result<Tensor> {
        self.encoder.parameters.value(name, self.tracked)
    }

    /// Returns weight and bias of one of a layer's modules.
    fn module(&self, layer: usize, module: Module) -> Result<[Tensor; 2]> {
        self.weights(&self.encoder.names.layer(layer, module))
    }

    fn weights(&self, name: &str) -> Result<[Tensor; 2]> {
        Ok([
            self.value(&format!("{name}.weight"))?,
            self.value(&format!("{name}.bias"))?,
        ])
    }

    fn normalise(&self, x: &Tensor, [weight, bias]: &[Tensor; 2]) -> Result<Tensor> {
        self.encoder
            .ops
            .layer_norm(x, weight, bias, self.config.layer_norm_eps)
    }

    fn linear(&self, x: &Tensor, [weight, bias]: &[Tensor; 2]) -> Result<Tensor> {
        self.encoder.ops.linear(x, weight, bias)
    }

    fn hidden_mask(&self, site: Site) -> Result<Option<Tensor>> {
        let Some(dropout) = self.dropout else {
            return Ok(None);
        };
        let (width, probability) = (self.config.hidden_size, self.config.hidden_dropout_prob);
        dropout.hidden(site, &self.batch.layout, width, probability)
    }

    fn embeddings(&self) -> Result<Tensor> {
        let names = &self.encoder.names;
        let words = self.value(&names.body(names::WORDS))?;
        let positions = self.value(&names.body(names::POSITIONS))?;
        let types = self.value(&names.body(names::TOKEN_TYPES))?;
        let indices = [
            &self.batch.ids,
            &self.batch.positions,
            &self.batch.token_types,
        ];
        let sum = self
            .encoder
            .ops
            .embed([&words, &positions, &types], indices)?;
        let norm = self.weights(&names.body(names::EMBEDDING_NORM))?;
        let mask = self.hidden_mask(Site::Embeddings)?;
        self.encoder
            .ops
            .dropout(&self.normalise(&sum, &norm)?, mask.as_ref())
    }

    /// Returns the layer's output from its input, both `[tokens, hidden size]`.
    fn layer(&self, layer: usize, hidden: &Tensor) -> Result<Tensor> {
        let norms = [
            self.module(layer, Module::AttentionNorm)?,
            self.module(layer, Module::FeedForwardNorm)?,
        ];
        match self.config.architecture {
            Architecture::Bert => {
                let hidden = self.attention(layer, hidden, hidden)?;
                let hidden = self.normalise(&hidden, &norms[0])?;
                let hidden = self.feed_forward(layer, &hidden, &hidden)?;
                self.normalise(&hidden, &norms[1])
            }
            Architecture::RobertaPreLayerNorm => {
                let input = self.normalise(hidden, &norms[0])?;
                let hidden = self.attention(layer, &input, hidden)?;
                let input = self.normalise(&hidden, &norms[1])?;
                self.feed_forward(layer, &input, &hidden)
            }
        }
    }

    /// Returns the attention sub-layer's output for `input`, added to `residual`.
    fn attention(&self, layer: usize, input: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let ops = self.encoder.ops;
        let [query, key, value] = [
            self.module(layer, Module::Query)?,
            self.module(layer, Module::Key)?,
            self.module(layer, Module::Value)?,
        ];
        // One product for all three.
        let joined = [0, 1].map(|part| Tensor::cat(&[&query[part], &key[part], &value[part]], 0));
        let [weight, bias] = joined;
        let qkv = self.linear(input, &[weight?, bias?])?;
        let heads = self.config.num_attention_heads;
        let masks = match self.dropout {
            Some(dropout) => dropout.attention(
                Site::AttentionWeights(layer),
                &self.batch.layout,
                heads,
                self.config.attention_probs_dropout_prob,
            )?,
            None => None,
        };
        let context = ops.attention(&qkv, &self.batch.layout, heads, masks.as_deref())?;
        let output = self.linear(&context, &self.module(layer, Module::AttentionOutput)?)?;
        let mask = self.hidden_mask(Site::AttentionOutput(layer))?;
        ops.dropout_add(&output, mask.as_ref(), residual)
    }

    /// Returns the feed-forward sub-layer's output for `input`, added to `residual`.
    fn feed_forward(&self, layer: usize, input: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let wide = self.linear(input, &self.module(layer, Module::FeedForwardInput)?)?;
        let wide = self.encoder.activate(&wide)?;
        let output = self.linear(&wide, &self.module(layer, Module::FeedForwardOutput)?)?;
        let mask = self.hidden_mask(Site::FeedForwardOutput(layer))?;
        self.encoder
            .ops
            .dropout_add(&output, mask.as_ref(), residual)
    }

    /// Returns the encoder's output from the last layer's.
    fn end(&self, hidden: Tensor) -> Result<Tensor> {
        match self.config.architecture {
            Architecture::Bert => Ok(hidden),
            Architecture::RobertaPreLayerNorm => {
                let norm = self.weights(&self.encoder.names.body(names::FINAL_NORM))?;
                self.normalise(&hidden, &norm)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Gradients, Sequence, Size, audit};

    /// A loss whose graph is cut below layer 1 must not pass the audit, and the audit must name what is cut off.
    #[test]
    fn a_detached_layer_fails_the_audit() {
        for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
            let encoder =
                Encoder::new(Config::of_size(Size::Nano, architecture, 30, 8, 0), 3).unwrap();
            let sequences = [
                Sequence::new(vec![2, 7, 9, 4], 0),
                Sequence::new(vec![2, 5, 6], 1),
            ];
            let batch = Batch::pack(&sequences, encoder.config()).unwrap();
            let pass = Pass::new(&encoder, &batch, Mode::Train { seed: 1, step: 0 });
            let check = |cut: bool| {
                let hidden = pass.layer(0, &pass.embeddings().unwrap()).unwrap();
                let hidden = if cut { hidden.detach() } else { hidden };
                let hidden = pass.end(pass.layer(1, &hidden).unwrap()).unwrap();
                let loss = encoder.masked_lm_loss(&hidden, &[1, 4], &[8, 11]).unwrap();
                let gradients = Gradients::of(&loss, encoder.parameters()).unwrap();
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
