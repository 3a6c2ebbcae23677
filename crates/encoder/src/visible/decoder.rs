//! The decoder of masked tokens.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::dropout::{Dropout, Site};
use crate::engine::DecoderEmbeddingPass;
use crate::fused::{DecoderEmbeddingOp, Saving};
use crate::layout::DecoderLayout;
use crate::mimetic;
use crate::names::Names;
use crate::specification::{self, Place};
use crate::stack::Stack;
use crate::{Block, Config, Encoder, EncoderError, Mode, Ops, Parameters, VisibleBatch, composed};

/// A light decoder of masked tokens (MAE-LM: Meng et al. 2023, arXiv:2302.02060; He et al. 2022 for images): layers of the
/// encoder's shape over all places of a text. It reads the encoder's states at the visible places and the word embedding of `[MASK]`
/// at the others, with positions of its own added at all of them and the sum normalised, and gives the states that the encoder's head
/// predicts from. It serves training alone.
///
/// Clones share their parameters.
#[derive(Clone, Debug)]
pub struct Decoder {
    parameters: Parameters,
    layout: DecoderLayout,
    layers: usize,
}

impl Decoder {
    /// The file that [`Decoder::save`] writes.
    pub const FILE: &'static str = "decoder.safetensors";

    /// Makes a new decoder of `layers` layers for an encoder of the configuration `config`, with weights as those of a new encoder.
    ///
    /// # Errors
    /// When the configuration describes no encoder, or there is no layer.
    pub fn new(config: &Config, layers: usize, seed: u64) -> Result<Self, EncoderError> {
        config.check()?;
        if layers == 0 {
            return Err(EncoderError::invalid(
                "decoder",
                "it has no layers",
                "give it at least one",
            ));
        }
        let blocks = specification::of_decoder(config, layers);
        let blocks =
            specification::blocks(blocks, |block| block.start(config.initializer_range, seed))?;
        Ok(Self {
            parameters: Parameters::of(blocks)?,
            layout: DecoderLayout::of(config),
            layers,
        })
    }

    /// Changes a new decoder of an encoder of the configuration `config` as [`Encoder::with_mimetic_start`] changes an encoder.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn with_mimetic_start(self, config: &Config) -> Result<Self, EncoderError> {
        let names = Names::of_decoder(config.architecture);
        let config = Config {
            num_hidden_layers: self.layers,
            ..config.clone()
        };
        mimetic::start(&config, &names, &self.parameters)?;
        Ok(self)
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Writes [`Decoder::FILE`] into `folder`. The same values give the same bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), EncoderError> {
        self.parameters.save(&folder.join(Self::FILE))
    }

    /// Sets all values to those that [`Decoder::save`] wrote into `folder`.
    ///
    /// # Errors
    /// When there is no such file, or it is of a decoder of another shape.
    pub fn restore(&self, folder: &Path) -> Result<(), EncoderError> {
        self.parameters.restore(&folder.join(Self::FILE))
    }

    /// Returns the hidden states of all tokens, `[tokens, hidden size]`, rows by [`VisibleBatch::all`], from which the head of
    /// `encoder` predicts: the encoder reads the visible tokens, this decoder all places. Gradients reach the parameters of both in
    /// [`Mode::Train`] only.
    ///
    /// # Errors
    /// When a tensor operation fails, as it does for an encoder of another shape.
    pub fn forward(
        &self,
        encoder: &Encoder,
        batch: &VisibleBatch,
        mode: Mode,
    ) -> Result<Tensor, EncoderError> {
        let states = match &batch.visible {
            Some(visible) => encoder.forward(visible, mode)?,
            None => Tensor::zeros((0, encoder.config.hidden_size), DType::F32, &Device::Cpu)?,
        };
        let mut hidden = match encoder.ops {
            Ops::Composed => composed::decoder_embeddings(encoder, self, &states, batch, mode)?,
            Ops::Fused => self.embed(encoder, &states, batch, mode)?,
        };
        let pass = encoder.pass_through(self.stack(encoder), &batch.all, mode);
        for layer in 0..self.layers {
            hidden = pass.layer(layer, &hidden)?;
        }
        pass.end(hidden)
    }

    /// Returns the input of the first layer.
    fn embed(
        &self,
        encoder: &Encoder,
        states: &Tensor,
        batch: &VisibleBatch,
        mode: Mode,
    ) -> Result<Tensor, EncoderError> {
        let (config, at) = (&encoder.config, encoder.layout.embeddings);
        let pass = DecoderEmbeddingPass {
            layout: self.layout,
            words: at.words,
            words_length: at.length,
            mask: batch.mask,
            epsilon: config.layer_norm_eps as f32,
            sources: Arc::clone(&batch.sources),
            positions: Arc::clone(&batch.all.positions),
            sequences: Arc::clone(&batch.all.sequences),
            dropout: Dropout::of(mode).at(Site::DecoderEmbeddings, config.hidden_dropout_prob),
            pool: encoder.pool.clone(),
        };
        let saving = encoder.saving(mode);
        let tracked = saving != Saving::Nothing;
        let (words, own) = (encoder.block(Place::Embeddings), self.embeddings());
        let operation = DecoderEmbeddingOp::new(pass, [words.sink(), own.sink()], saving);
        let states = states.contiguous()?;
        Ok(states.apply_op3(&words.flat(tracked), &own.flat(tracked), operation)?)
    }

    pub(crate) fn layout(&self) -> &DecoderLayout {
        &self.layout
    }

    /// Returns the block of positions and normalisation.
    pub(crate) fn embeddings(&self) -> &Block {
        &self.parameters.blocks()[0]
    }

    fn stack(&self, encoder: &Encoder) -> Stack<'_> {
        let blocks = self.parameters.blocks();
        Stack {
            layers: &blocks[1..=self.layers],
            final_norm: blocks.get(1 + self.layers),
            first: encoder.config.num_hidden_layers,
        }
    }
}
