//! `recipe.json`: all parameters of a run that can change a byte, defaults included.
//!
//! Parameters that do not enter keys are left out: equal keys promise equal bytes of this file too.

use std::fs;
use std::path::Path;

use contract::{Params, StageError, io_error};
use serde::Serialize;

use crate::network::Network;
use crate::parameters::Parameters;
use crate::plan::Plan;
use crate::rates::Rate;

/// The file's name.
const FILE: &str = "recipe.json";

/// All parameters of a run, and the numbers that follow from them.
#[derive(Debug, Serialize)]
pub(crate) struct Recipe {
    parameters: Params,
    derived: Derived,
}

#[derive(Debug, Serialize)]
struct Derived {
    corruption_rate: f64,
    prediction_rate: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_corruption_rate: Option<f64>,
    copies: usize,
    last_copy_corruption_rate: f64,
    sequences_per_update: usize,
    originals_per_update: f64,
    updates: u32,
    warmup_updates: u32,
    originals_seen: u64,
    train_blocks: usize,
    epochs: f64,
    encoder_parameters: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoder_parameters: Option<usize>,
}

impl Recipe {
    /// Makes the recipe from `parameters`, for a number of blocks and a network.
    pub(crate) fn new(
        parameters: &Parameters,
        plan: &Plan,
        train_blocks: usize,
        network: &Network,
    ) -> Result<Self, StageError> {
        let rates = parameters.masking.rates();
        let derived = Derived {
            corruption_rate: rates.corrupt,
            prediction_rate: rates.predict,
            first_corruption_rate: match parameters.masking.corrupt {
                Rate::Constant(_) => None,
                Rate::Course(course) => Some(course.from),
            },
            copies: plan.copies,
            last_copy_corruption_rate: rates.last_copy(),
            sequences_per_update: plan.sequences,
            originals_per_update: plan.sequences as f64 / plan.copies as f64,
            updates: plan.updates,
            warmup_updates: parameters.training.schedule(plan.updates).warmup_steps,
            originals_seen: plan.originals(),
            train_blocks,
            epochs: plan.originals() as f64 / train_blocks as f64,
            encoder_parameters: network.encoder.parameters().scalars(),
            decoder_parameters: network.decoder_scalars(),
        };
        Ok(Self {
            parameters: parameters.keyed()?,
            derived,
        })
    }

    /// Writes the file into `folder`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), StageError> {
        let path = folder.join(FILE);
        let mut text = serde_json::to_vec_pretty(self).map_err(StageError::failed)?;
        text.push(b'\n');
        fs::write(&path, text).map_err(io_error(&path))
    }
}
