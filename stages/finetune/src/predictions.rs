//! What was predicted, example by example.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use benchmarks::Example;
use contract::{Column, ColumnType, OutputFile, StageError, io_error};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

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
    let path = folder.join(FILE);
    let failed =
        |error: &dyn std::fmt::Display| StageError::failed(format!("{}: {error}", path.display()));
    let (mut names, mut numbers, mut labels, mut found) = (vec![], vec![], vec![], vec![]);
    for (split, examples, predictions) in splits {
        for (number, (example, prediction)) in (0_i64..).zip(examples.iter().zip(*predictions)) {
            names.push(*split);
            numbers.push(number);
            labels.push(example.label);
            found.push(*prediction);
        }
    }
    let columns: [(&str, ArrayRef, bool); 4] = [
        ("split", Arc::new(StringArray::from(names)), false),
        ("example", Arc::new(Int64Array::from(numbers)), false),
        ("label", Arc::new(Float64Array::from(labels)), false),
        ("prediction", Arc::new(Float64Array::from(found)), false),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| failed(&error))?;
    let level = ZstdLevel::try_new(1).map_err(|error| failed(&error))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))
        .map_err(|error| failed(&error))?;
    writer.write(&batch).map_err(|error| failed(&error))?;
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    fs::write(&path, bytes).map_err(io_error(&path))
}
