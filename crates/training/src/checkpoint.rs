//! Going on after a kill.
//!
//! A checkpoint holds weights, moments and logs. Random numbers need no state, since they are functions of the step, so a run
//! that goes on from a checkpoint ends with the same bytes as an uninterrupted one.

use std::path::Path;

use contract::{Context, Event, StageError};
use encoder::{AdamW, Parameters};

const WEIGHTS: &str = "weights.safetensors";
const MOMENTS: &str = "moments.safetensors";

/// Saves the state after `done` updates; `others` writes further files into the checkpoint's folder.
///
/// # Errors
/// When the state cannot be written; earlier checkpoints stay.
pub(crate) fn save(
    context: &Context,
    done: u32,
    parameters: &Parameters,
    optimizer: &AdamW,
    others: impl FnOnce(&Path) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let done = u64::from(done);
    context.checkpoints().save(done, |folder| {
        parameters.save(&folder.join(WEIGHTS))?;
        optimizer.save(&folder.join(MOMENTS))?;
        others(folder)
    })?;
    context.tell(&Event::Checkpointed { done });
    Ok(())
}

/// Sets parameters and optimiser to the state of a checkpoint.
///
/// # Errors
/// When the checkpoint does not fit the parameters or the optimiser.
pub(crate) fn restore(
    folder: &Path,
    parameters: &Parameters,
    optimizer: &mut AdamW,
) -> Result<(), StageError> {
    parameters.restore(&folder.join(WEIGHTS))?;
    Ok(optimizer.restore(&folder.join(MOMENTS))?)
}
