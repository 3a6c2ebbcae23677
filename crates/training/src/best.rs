//! The weights of the best measurement so far.
//!
//! They lie sealed beside the checkpoints. Every attempt at a run gets the same measurements, so the weights that a killed
//! attempt kept are those that the next attempt would keep.

use std::path::Path;

use contract::{Checkpoints, StageError};
use encoder::Parameters;
use metrics::log::Log;

use crate::objective::Measure;

const WEIGHTS: &str = "weights.safetensors";
const PREFIX: &str = "best-";

fn name(step: i64) -> String {
    format!("{PREFIX}{step}")
}

/// Returns step and numbers of the best row of measurements, the first of equally good ones.
pub(crate) fn row<'l>(measure: &Measure, log: &'l Log) -> Option<(i64, &'l [f64])> {
    let values: Vec<f64> = log.rows().map(|(_, numbers)| numbers[0]).collect();
    log.rows().nth(measure.better.best(&values)?)
}

/// Keeps the weights if the last measurement is the best so far.
///
/// # Errors
/// When the weights cannot be written.
pub(crate) fn offer(
    checkpoints: &Checkpoints,
    measure: &Measure,
    log: &Log,
    parameters: &Parameters,
) -> Result<(), StageError> {
    let (Some((best, _)), Some((last, _))) = (row(measure, log), log.last()) else {
        return Ok(());
    };
    if best != last {
        return Ok(());
    }
    checkpoints.keep(&name(best), |folder| {
        Ok(parameters.save(&folder.join(WEIGHTS))?)
    })?;
    for (step, kept) in all(checkpoints)? {
        if step < best {
            checkpoints.forget(&kept)?;
        }
    }
    Ok(())
}

/// Returns the name of the best weights of a run that goes on after `done` updates with the rows of `log`, if they are missing or
/// damaged. Where an earlier attempt has kept better ones after more updates, the run will come to those, and needs no others.
pub(crate) fn missing(
    checkpoints: &Checkpoints,
    measure: &Measure,
    log: &Log,
    done: u32,
) -> Result<Option<String>, StageError> {
    let Some((best, _)) = row(measure, log) else {
        return Ok(None);
    };
    let later = all(checkpoints)?;
    let is_to_come = later.iter().any(|(step, _)| *step > i64::from(done));
    let is_there = is_to_come || checkpoints.kept(&name(best))?.is_some();
    Ok((!is_there).then(|| name(best)))
}

/// Sets the parameters to the best ones and returns the row of their measurement.
///
/// # Errors
/// When the kept weights are damaged.
pub(crate) fn restore<'l>(
    checkpoints: &Checkpoints,
    measure: &Measure,
    log: &'l Log,
    parameters: &Parameters,
) -> Result<Option<&'l [f64]>, StageError> {
    let Some((best, numbers)) = row(measure, log) else {
        return Ok(None);
    };
    let Some(folder) = checkpoints.kept(&name(best))? else {
        return Err(StageError::failed(format!(
            "the weights kept after update {best} are damaged: run the stage again"
        )));
    };
    restore_from(&folder, parameters)?;
    Ok(Some(numbers))
}

fn restore_from(folder: &Path, parameters: &Parameters) -> Result<(), StageError> {
    Ok(parameters.restore(&folder.join(WEIGHTS))?)
}

/// Returns steps and names of all kept weights.
fn all(checkpoints: &Checkpoints) -> Result<Vec<(i64, String)>, StageError> {
    let names = checkpoints.kept_names()?.into_iter();
    let kept = names.filter_map(|name| Some((name.strip_prefix(PREFIX)?.parse().ok()?, name)));
    Ok(kept.collect())
}
