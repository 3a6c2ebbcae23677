//! Going on after a kill: weights, moments and the log. Random numbers need no state, they are functions of the step.

use contract::{Context, Event, StageError};
use encoder::{AdamW, Parameters};

use crate::train::TrainingLog;

const WEIGHTS: &str = "weights.safetensors";
const MOMENTS: &str = "moments.safetensors";
const LOG: &str = "log.parquet";

/// Saves the state after `done` updates.
pub(crate) fn save(
    context: &Context,
    done: u32,
    parameters: &Parameters,
    optimizer: &AdamW,
    log: &TrainingLog,
) -> Result<(), StageError> {
    context.checkpoints().save(u64::from(done), |folder| {
        parameters.save(&folder.join(WEIGHTS))?;
        optimizer.save(&folder.join(MOMENTS))?;
        log.write(&folder.join(LOG))
    })?;
    context.tell(&Event::Checkpointed {
        done: u64::from(done),
    });
    Ok(())
}

/// Sets the state from the newest whole checkpoint, if there is one; returns the updates done.
pub(crate) fn restore(
    context: &Context,
    parameters: &Parameters,
    optimizer: &mut AdamW,
    log: &mut TrainingLog,
) -> Result<u32, StageError> {
    let Some(checkpoint) = context.checkpoints().latest()? else {
        return Ok(0);
    };
    parameters.restore(&checkpoint.path.join(WEIGHTS))?;
    optimizer.restore(&checkpoint.path.join(MOMENTS))?;
    log.extend_from(&checkpoint.path.join(LOG))?;
    context.tell(&Event::Resumed {
        done: checkpoint.done,
    });
    u32::try_from(checkpoint.done).map_err(StageError::failed)
}
