//! Going on after a kill.
//!
//! A checkpoint holds weights, moments and the log. Random numbers need no state (they are functions of the step), so
//! a run that goes on from a checkpoint ends with the bytes of one that was never stopped.

use contract::{Context, Event, StageError};
use encoder::{AdamW, Encoder};

use crate::log::Log;

const WEIGHTS: &str = "weights.safetensors";
const MOMENTS: &str = "moments.safetensors";

/// Saves the state after `done` updates.
///
/// # Errors
/// When it cannot be written; earlier checkpoints stay.
pub(crate) fn save(
    context: &Context,
    done: u32,
    encoder: &Encoder,
    optimizer: &AdamW,
    log: &Log,
) -> Result<(), StageError> {
    context.checkpoints().save(u64::from(done), |folder| {
        encoder.parameters().save(&folder.join(WEIGHTS))?;
        optimizer.save(&folder.join(MOMENTS))?;
        log.write(folder)
    })?;
    context.tell(&Event::Checkpointed {
        done: u64::from(done),
    });
    Ok(())
}

/// Sets the state from the newest whole checkpoint, if there is one; returns the updates done.
///
/// # Errors
/// When the checkpoint is of another run.
pub(crate) fn restore(
    context: &Context,
    encoder: &Encoder,
    optimizer: &mut AdamW,
    log: &mut Log,
) -> Result<u32, StageError> {
    let Some(checkpoint) = context.checkpoints().latest()? else {
        return Ok(0);
    };
    encoder
        .parameters()
        .restore(&checkpoint.path.join(WEIGHTS))?;
    optimizer.restore(&checkpoint.path.join(MOMENTS))?;
    *log = Log::read(&checkpoint.path)?;
    context.tell(&Event::Resumed {
        done: checkpoint.done,
    });
    u32::try_from(checkpoint.done).map_err(StageError::failed)
}
