//! Which layers read masked tokens: all of the encoder's, or the encoder sees the visible tokens alone ([`VisibleBatch`]).
//!
//! A token that is replaced by `[MASK]` is taken out of what the encoder's first layers read; one that is kept, or replaced by a random
//! token, stays. Special tokens are never masked then. Perplexity at the common rate is measured on the masks that all runs share,
//! special tokens among them.

use std::path::Path;

use candle_core::Tensor;
use contract::{Problem, StageError};
use encoder::{Decoder, Encoder, Mode, Sequence, VisibleBatch};
use serde::{Deserialize, Serialize};
use training::StartFrom;

use crate::compute;
use crate::feed::{Examples, Targets};
use crate::loss::{pack, rows};
use crate::parameters::{Initial, Parameters};

/// How masked tokens take part, as a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskedTokens {
    /// All layers read them.
    Embedded,
    /// A decoder reads them (MAE-LM: Meng et al. 2023, arXiv:2302.02060).
    Decoder,
    /// The encoder's last layers read them (Liao et al. 2022, arXiv:2211.04898).
    Appended,
}

impl MaskedTokens {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["embedded", "decoder", "appended"];
}

/// Which layers read masked tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// All of the encoder's.
    Embedded,
    /// Those of a decoder of so many.
    Decoder(usize),
    /// So many of the encoder's last.
    Appended(usize),
}

impl Scheme {
    pub(crate) fn of(masked: MaskedTokens, layers: usize) -> Self {
        match masked {
            MaskedTokens::Embedded => Self::Embedded,
            MaskedTokens::Decoder => Self::Decoder(layers),
            MaskedTokens::Appended => Self::Appended(layers),
        }
    }
}

/// Returns what speaks against the parameters.
pub(crate) fn check(parameters: &Parameters) -> Vec<Problem> {
    let (masking, scheme) = (&parameters.masking, parameters.scheme());
    let mut problems = Vec::new();
    if scheme == Scheme::Embedded {
        return problems;
    }
    if masking.mask_special {
        let message = "special tokens would be taken out of what the encoder reads";
        let help = "set masking.mask_special = false, or masking.masked = \"embedded\"";
        problems.push(Problem::value("masking.mask_special", message).with_help(help));
    }
    let layers = parameters.config(1, 0).num_hidden_layers;
    if let Scheme::Appended(last) = scheme
        && last > layers
    {
        let message = format!("the encoder has {layers} layers, not {last}");
        let help = format!("give at most {layers}");
        problems.push(Problem::value("masking.masked_layers", message).with_help(help));
    }
    problems
}

/// The states from which tokens are predicted, and what is predicted from them.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// Hidden states, `[tokens, width]`.
    pub hidden: Tensor,
    /// The rows to predict.
    pub rows: Vec<u32>,
    /// The ids to predict there.
    pub ids: Vec<u32>,
}

/// What predicts masked tokens by an encoder's head.
pub trait Predicts {
    /// Returns the encoder, whose head predicts.
    fn encoder(&self) -> &Encoder;

    /// Returns the states that the head predicts from.
    ///
    /// # Errors
    /// When a sequence does not fit the encoder, or a tensor operation fails.
    fn predict(
        &self,
        sequences: &[Sequence],
        targets: &[Targets],
        mode: Mode,
    ) -> Result<Prediction, StageError>;
}

impl Predicts for Encoder {
    fn encoder(&self) -> &Encoder {
        self
    }

    fn predict(
        &self,
        sequences: &[Sequence],
        targets: &[Targets],
        mode: Mode,
    ) -> Result<Prediction, StageError> {
        let (rows, ids, batch) = pack(self, sequences, targets)?;
        let hidden = self.forward(&batch, mode)?;
        Ok(Prediction { hidden, rows, ids })
    }
}

/// An encoder, and what serves its training alone.
#[derive(Clone, Debug)]
pub struct Network {
    /// The encoder.
    pub encoder: Encoder,
    decoder: Option<Decoder>,
    scheme: Scheme,
    mask: u32,
    /// Those of encoder and decoder.
    parameters: encoder::Parameters,
}

impl Network {
    /// Makes the network that the parameters describe around `encoder`; `mask` is the mask token. A decoder begins with new weights,
    /// or those of the network whose folder is `start`, if it has one.
    ///
    /// # Errors
    /// When the decoder in `start` has another shape, or a state is to be taken from there and it has none.
    pub fn new(
        encoder: Encoder,
        parameters: &Parameters,
        mask: u32,
        start: Option<&Path>,
    ) -> Result<Self, StageError> {
        let scheme = parameters.scheme();
        let mut all = encoder.parameters().clone();
        let decoder = match scheme {
            Scheme::Decoder(layers) => Some(decoder(&encoder, layers, parameters, start)?),
            Scheme::Embedded | Scheme::Appended(_) => None,
        };
        if let Some(decoder) = &decoder {
            all.extend(decoder.parameters())?;
        }
        Ok(Self {
            encoder,
            decoder,
            scheme,
            mask,
            parameters: all,
        })
    }

    /// Returns all parameters that training changes.
    pub fn parameters(&self) -> &encoder::Parameters {
        &self.parameters
    }

    /// Returns the number of the decoder's parameters, if there is one.
    pub fn decoder_scalars(&self) -> Option<usize> {
        let decoder = self.decoder.as_ref()?;
        Some(decoder.parameters().scalars())
    }

    /// Returns the floating-point operations of a forward pass ([`compute`]).
    pub fn forward_operations(&self, examples: &Examples) -> f64 {
        let lengths = examples.sequences.iter().map(|sequence| {
            let visible = sequence.ids.iter().filter(|&&id| id != self.mask).count();
            (sequence.ids.len() as f64, visible as f64)
        });
        let predicted = examples.predicted() as f64;
        compute::forward(self.encoder.config(), self.scheme, lengths, predicted)
    }

    /// Checks that the encoder sees a token of the update `step`, counted from 0.
    pub(crate) fn check_visible(&self, examples: &Examples, step: u32) -> Result<(), StageError> {
        let mut ids = examples.sequences.iter().flat_map(|one| &one.ids);
        if self.scheme == Scheme::Embedded || ids.any(|&id| id != self.mask) {
            return Ok(());
        }
        Err(StageError::input(
            "masking.corrupt",
            format!("update {} has no token that the encoder sees", step + 1),
            "lower masking.corrupt, raise batch, or set masking.masked = \"embedded\"",
        ))
    }

    /// Writes the encoder as a Hugging Face folder, and a decoder beside it.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), StageError> {
        self.encoder.save(folder)?;
        match &self.decoder {
            Some(decoder) => Ok(decoder.save(folder)?),
            None => Ok(()),
        }
    }
}

impl Predicts for Network {
    fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    fn predict(
        &self,
        sequences: &[Sequence],
        targets: &[Targets],
        mode: Mode,
    ) -> Result<Prediction, StageError> {
        let encoder = &self.encoder;
        if self.scheme == Scheme::Embedded {
            return encoder.predict(sequences, targets, mode);
        }
        let batch = VisibleBatch::pack(sequences, self.mask, encoder.config())?;
        let (rows, ids) = rows(batch.all(), targets);
        let hidden = match (self.scheme, &self.decoder) {
            (Scheme::Appended(layers), _) => encoder.forward_appended(&batch, layers, mode)?,
            (_, Some(decoder)) => decoder.forward(encoder, &batch, mode)?,
            (_, None) => encoder.forward(batch.all(), mode)?,
        };
        Ok(Prediction { hidden, rows, ids })
    }
}

fn decoder(
    encoder: &Encoder,
    layers: usize,
    parameters: &Parameters,
    start: Option<&Path>,
) -> Result<Decoder, StageError> {
    let config = encoder.config();
    let decoder = Decoder::new(config, layers, parameters.training.seed)?;
    let decoder = match parameters.initial {
        Initial::Normal => decoder,
        Initial::Mimetic => decoder.with_mimetic_start(config)?,
    };
    let Some(folder) = start else {
        return Ok(decoder);
    };
    if folder.join(Decoder::FILE).is_file() {
        decoder.restore(folder)?;
    } else if parameters.training.start_from == StartFrom::State {
        return Err(StageError::input(
            "start",
            format!("it holds no decoder ({})", Decoder::FILE),
            "start from a run with masking.masked = \"decoder\", or set start_from = \"weights\"",
        ));
    }
    Ok(decoder)
}
