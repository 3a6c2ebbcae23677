//! Encoders that are kept along the way: a subfolder of the artifact for each step of `keep_at`.
//!
//! Until the run ends they lie sealed beside its checkpoints, so that none is lost if the run is killed.

use std::fs;
use std::path::Path;

use contract::{Checkpoints, StageError, io_error};

/// Returns the name of the subfolder for the encoder after `step` updates: `step-2000`, as in `@pretrain/step-2000`.
pub fn name(step: u32) -> String {
    format!("step-{step}")
}

/// Returns the steps of `keep_at` that a run of `updates` updates reaches.
pub fn steps(keep_at: &[u32], updates: u32) -> impl Iterator<Item = u32> {
    keep_at.iter().copied().filter(move |step| *step <= updates)
}

/// Refuses steps of `keep_at` before the first update of a run.
///
/// # Errors
/// When there is such a step; the error names the first.
pub(crate) fn check(keep_at: &[u32], first: u32) -> Result<(), StageError> {
    match keep_at.iter().find(|step| **step < first) {
        None => Ok(()),
        Some(step) => Err(StageError::input(
            "keep_at",
            format!("update {step} was made before this run, which goes on after {first}"),
            format!(
                "leave it out, or take it from the stage that `start` names: @stage/{}",
                name(*step)
            ),
        )),
    }
}

/// Keeps the encoder that `save` writes, unless it is kept already.
///
/// # Errors
/// The errors of `save` and of the file system.
pub(crate) fn keep(
    checkpoints: &Checkpoints,
    step: u32,
    save: impl FnOnce(&Path) -> Result<(), StageError>,
) -> Result<(), StageError> {
    // An earlier attempt, killed after this step, may have kept the encoder already.
    match checkpoints.kept(&name(step))? {
        Some(_) => Ok(()),
        None => checkpoints.keep(&name(step), save),
    }
}

/// Returns the name of the first encoder that a run has kept after so many updates and that is missing or damaged.
pub(crate) fn missing(
    checkpoints: &Checkpoints,
    keep_at: &[u32],
    done: u32,
) -> Result<Option<String>, StageError> {
    for step in steps(keep_at, done) {
        if checkpoints.kept(&name(step))?.is_none() {
            return Ok(Some(name(step)));
        }
    }
    Ok(None)
}

/// Copies the kept encoders into the artifact. The originals stay until the artifact is stored, in case the run is killed.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn give(
    checkpoints: &Checkpoints,
    keep_at: &[u32],
    updates: u32,
    output: &Path,
) -> Result<(), StageError> {
    for step in steps(keep_at, updates) {
        let Some(kept) = checkpoints.kept(&name(step))? else {
            return Err(StageError::failed(format!(
                "the encoder kept after update {step} is damaged: run the stage again"
            )));
        };
        let folder = output.join(name(step));
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        for file in Checkpoints::files(&kept)? {
            let to = folder.join(file.file_name().unwrap_or_default());
            fs::copy(&file, &to).map_err(io_error(&to))?;
        }
    }
    Ok(())
}
