//! Parquet files and their columns.

use std::fs::File;
use std::path::Path;

use arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use contract::{StageError, io_error};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// Writes a Parquet file.
pub(crate) fn write_batch(path: &Path, batch: &RecordBatch) -> Result<(), StageError> {
    let level = ZstdLevel::try_new(1).map_err(StageError::failed)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build();
    let file = File::create(path).map_err(io_error(path))?;
    let written =
        ArrowWriter::try_new(file, batch.schema(), Some(properties)).and_then(|mut writer| {
            writer.write(batch)?;
            writer.close()
        });
    written
        .map(|_| ())
        .map_err(|error| StageError::from_write(path, error))
}

/// Returns how many rows a Parquet file has, if it is one.
pub(crate) fn rows(path: &Path) -> Option<i64> {
    let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
    Some(reader.metadata().file_metadata().num_rows())
}

/// Returns the batches of a Parquet file.
pub(crate) fn batches(
    path: &Path,
) -> Result<impl Iterator<Item = Result<RecordBatch, StageError>>, StageError> {
    let file = File::open(path).map_err(io_error(path))?;
    // Other writers leave a hint to read text as another Arrow type.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .and_then(|builder| builder.with_batch_size(8192).build())
        .map_err(|error| unreadable(path, error))?;
    Ok(reader.map(move |batch| batch.map_err(|error| unreadable(path, error))))
}

/// Returns a column of texts.
pub(crate) fn strings<'a>(
    batch: &'a RecordBatch,
    name: &str,
    path: &Path,
) -> Result<&'a StringArray, StageError> {
    column(batch, name, path, "text")
}

/// Returns a column of doubles.
pub(crate) fn numbers<'a>(
    batch: &'a RecordBatch,
    name: &str,
    path: &Path,
) -> Result<&'a Float64Array, StageError> {
    column(batch, name, path, "double")
}

fn column<'a, A: 'static>(
    batch: &'a RecordBatch,
    name: &str,
    path: &Path,
    of: &str,
) -> Result<&'a A, StageError> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref())
        .ok_or_else(|| unreadable(path, format!("no column `{name}` of type {of}")))
}

/// A file of the artifact is damaged, or was made by something else.
pub(crate) fn unreadable(path: &Path, reason: impl std::fmt::Display) -> StageError {
    contract::unreadable(
        path,
        reason,
        "run the `benchmarks` stage again to make the artifact anew",
    )
}
