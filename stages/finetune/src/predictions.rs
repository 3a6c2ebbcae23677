//! Predictions of a run, example by example.

use std::path::Path;

use benchmarks::{Example, Prediction, Task};
use contract::StageError;

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
