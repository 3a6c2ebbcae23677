//! Writing Parquet files.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use contract::{StageError, io_error};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::{Schema, Values};

/// How the values of a file are encoded. The encoding decides the file's bytes, so each kind of file must keep its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Whether repeated values are stored once. For texts that do not repeat, a dictionary would be built and thrown away.
    pub dictionary: bool,
    /// Whether the smallest and largest value of each part are stored, for readers that search for rows by value.
    pub statistics: bool,
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            dictionary: true,
            statistics: true,
        }
    }
}

impl Encoding {
    fn properties(self) -> Result<WriterProperties, ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_dictionary_enabled(self.dictionary);
        Ok(match self.statistics {
            true => properties.build(),
            false => properties
                .set_statistics_enabled(EnabledStatistics::None)
                .build(),
        })
    }
}

/// A file that is written batch by batch. It is a valid file only after [`Writer::finish`] has returned.
pub struct Writer {
    path: PathBuf,
    schema: Schema,
    writer: ArrowWriter<File>,
}

impl Writer {
    /// Creates the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: PathBuf, schema: &Schema, encoding: Encoding) -> Result<Self, StageError> {
        let file = File::create(&path).map_err(io_error(&path))?;
        let writer =
            begin(file, schema, encoding).map_err(|error| StageError::from_write(&path, error))?;
        Ok(Self {
            path,
            schema: schema.clone(),
            writer,
        })
    }

    /// Writes a batch: the values of each column, in the schema's order.
    ///
    /// # Errors
    /// When the file cannot be written, or the values do not fit the schema.
    pub fn write(&mut self, values: Vec<Values>) -> Result<(), StageError> {
        append(&mut self.writer, &self.schema, values)
            .map_err(|error| StageError::from_write(&self.path, error))
    }

    /// Ends the row group, the smallest part of a file that a reader can read alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end_group(&mut self) -> Result<(), StageError> {
        self.writer
            .flush()
            .map_err(|error| StageError::from_write(&self.path, error))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> Result<(), StageError> {
        match self.writer.close() {
            Ok(_) => Ok(()),
            Err(error) => Err(StageError::from_write(&self.path, error)),
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Writer({})", self.path.display())
    }
}

/// Writes a file of one batch: the values of each column, in the schema's order.
///
/// # Errors
/// When the file cannot be written, which may leave a part of it, or the values do not fit the schema.
pub fn write(path: &Path, schema: &Schema, values: Vec<Values>) -> Result<(), StageError> {
    let mut writer = Writer::create(path.to_path_buf(), schema, Encoding::default())?;
    writer.write(values)?;
    writer.finish()
}

/// Returns the bytes of a file of one batch.
///
/// # Errors
/// When the values do not fit the schema.
pub fn encode(schema: &Schema, values: Vec<Values>) -> Result<Vec<u8>, StageError> {
    begin(Vec::new(), schema, Encoding::default())
        .and_then(|mut writer| {
            append(&mut writer, schema, values)?;
            writer.into_inner()
        })
        .map_err(StageError::failed)
}

fn begin<W: Write + Send>(
    to: W,
    schema: &Schema,
    encoding: Encoding,
) -> Result<ArrowWriter<W>, ParquetError> {
    ArrowWriter::try_new(to, Arc::clone(&schema.0), Some(encoding.properties()?))
}

fn append<W: Write + Send>(
    writer: &mut ArrowWriter<W>,
    schema: &Schema,
    values: Vec<Values>,
) -> Result<(), ParquetError> {
    let columns = values.into_iter().map(|Values(array)| array).collect();
    writer.write(&RecordBatch::try_new(Arc::clone(&schema.0), columns)?)
}
