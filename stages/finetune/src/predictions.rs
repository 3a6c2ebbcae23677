//! What was predicted, example by example.

use std::path::Path;

use benchmarks::Example;
use columnar::Schema;
use contract::{Column, ColumnType, OutputFile, StageError};

const FILE: &str = "predictions.parquet";

/// The file, for the signature.
pub(crate) const DOCUMENTED: OutputFile = OutputFile::table(
    FILE,
    &[
        Column::new(
            "split",
            ColumnType::Text,
            "validation, validation_mismatched or held_out",
        ),
        Column::new(
            "example",
            ColumnType::Integer,
            "its place in the split, from 0",
        ),
        Column::new(
            "label",
            ColumnType::Number,
            "what is right: the class, or the score",
        ),
        Column::new("prediction", ColumnType::Number, "what the encoder says"),
    ],
    "what was predicted, a row for each example",
)
.light();

/// Writes the file.
pub(crate) fn write(
    folder: &Path,
    splits: &[(&str, &[Example], &[f64])],
) -> Result<(), StageError> {
    let (mut names, mut numbers, mut labels, mut found) = (vec![], vec![], vec![], vec![]);
    for (split, examples, predictions) in splits {
        for (number, (example, prediction)) in (0_i64..).zip(examples.iter().zip(*predictions)) {
            names.push(*split);
            numbers.push(number);
            labels.push(example.label);
            found.push(*prediction);
        }
    }
    let values = vec![
        names.into_iter().collect(),
        numbers.into_iter().collect(),
        labels.into_iter().collect(),
        found.into_iter().collect(),
    ];
    columnar::write(
        &folder.join(FILE),
        &Schema::of(DOCUMENTED.columns()),
        values,
    )
}
