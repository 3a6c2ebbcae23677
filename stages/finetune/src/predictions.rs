//! Predictions of a run, example by example.

use std::fs;
use std::path::Path;

use benchmarks::{Example, Prediction, Task, TestSplit, submission};
use contract::{StageError, io_error};

/// Writes `predictions.parquet` for the splits of a task: each is given by name, with its examples and their predictions.
pub(crate) fn write(
    folder: &Path,
    task: &Task,
    splits: &[(&str, &[Example], &[Prediction])],
) -> Result<(), StageError> {
    let rows = splits
        .iter()
        .flat_map(|(split, examples, predictions)| task.rows_of(split, examples, predictions));
    metrics::predictions::write(folder, &rows.collect::<Vec<_>>())
}

/// Writes the file that GLUE's server takes for a test split.
pub(crate) fn write_test(
    folder: &Path,
    task: &Task,
    split: &TestSplit,
    predictions: &[Prediction],
) -> Result<(), StageError> {
    let Some((name, text)) = submission(task, split, predictions) else {
        return Ok(());
    };
    let path = folder.join(name);
    fs::write(&path, text).map_err(io_error(&path))
}
