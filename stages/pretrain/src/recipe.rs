//! `recipe.json`: every choice a run was made with, those nobody made included.

use std::fs;
use std::path::Path;

use contract::{StageError, io_error};
use serde::Serialize;

use crate::parameters::Parameters;
use crate::plan::Plan;

/// The file's name.
const FILE: &str = "recipe.json";

/// All choices of a run, and what follows from them.
#[derive(Debug, Serialize)]
pub(crate) struct Recipe<'a> {
    parameters: &'a Parameters,
    derived: Derived,
}

#[derive(Debug, Serialize)]
struct Derived {
    corruption_rate: f64,
    prediction_rate: f64,
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
}

impl<'a> Recipe<'a> {
    /// What follows from `parameters` on that many blocks, for an encoder of that many parameters.
    pub(crate) fn new(
        parameters: &'a Parameters,
        plan: &Plan,
        train_blocks: usize,
        encoder_parameters: usize,
    ) -> Self {
        let rates = parameters.masking.rates();
        let derived = Derived {
            corruption_rate: rates.corrupt,
            prediction_rate: rates.predict,
            copies: plan.copies,
            last_copy_corruption_rate: rates.last_copy(),
            sequences_per_update: plan.sequences,
            originals_per_update: plan.sequences as f64 / plan.copies as f64,
            updates: plan.updates,
            warmup_updates: plan.warmup(parameters.warmup),
            originals_seen: plan.originals(),
            train_blocks,
            epochs: plan.originals() as f64 / train_blocks as f64,
            encoder_parameters,
        };
        Self {
            parameters,
            derived,
        }
    }

    /// Writes the file into `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), StageError> {
        let path = folder.join(FILE);
        let mut text = serde_json::to_vec_pretty(self).map_err(StageError::failed)?;
        text.push(b'\n');
        fs::write(&path, text).map_err(io_error(&path))
    }
}
