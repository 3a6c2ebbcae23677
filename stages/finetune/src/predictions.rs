//! What was predicted, example by example.

use std::path::Path;

use benchmarks::{Example, Prediction, Task};
use contract::StageError;

/// Writes `predictions.parquet` of the splits of a task, by name: their examples and what was predicted of them.
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
