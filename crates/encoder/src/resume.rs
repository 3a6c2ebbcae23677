//! Going on after a kill.
//!
//! A checkpoint holds weights, moments and whatever else a training stage keeps, its log for example. Random numbers need
//! no state (they are functions of the step), so a run that goes on from a checkpoint ends with the bytes of one that
//! was never stopped.

use std::path::Path;

use contract::{Context, Event, StageError};

use crate::{AdamW, Parameters};

const WEIGHTS: &str = "weights.safetensors";
const MOMENTS: &str = "moments.safetensors";

/// Saves the state after `done` updates; `others` writes what else there is into the checkpoint's folder.
///
/// # Errors
/// When it cannot be written; earlier checkpoints stay.
pub fn save_checkpoint(
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

/// Sets the state from the newest whole checkpoint, if there is one, and returns the updates done; `others` reads what
/// else [`save_checkpoint`] was told to write.
///
/// # Errors
/// When the checkpoint is of another run.
pub fn restore_checkpoint(
    context: &Context,
    parameters: &Parameters,
    optimizer: &mut AdamW,
    others: impl FnOnce(&Path) -> Result<(), StageError>,
) -> Result<u32, StageError> {
    let Some(checkpoint) = context.latest_checkpoint()? else {
        return Ok(0);
    };
    parameters.restore(&checkpoint.path.join(WEIGHTS))?;
    optimizer.restore(&checkpoint.path.join(MOMENTS))?;
    others(&checkpoint.path)?;
    let done = checkpoint.done;
    context.tell(&Event::Resumed { done });
    u32::try_from(done).map_err(StageError::failed)
}
