//! The corpus artifact: `documents-00000.parquet` and on, with the columns `title` and `text`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use contract::{Column, ColumnType, OutputFile, StageError, io_error};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::Document;

/// Bytes of text in a row group: what a reader holds at a time.
const GROUP: usize = 8 << 20;
/// Bytes of text in a shard.
const SHARD: usize = 64 << 20;
/// The most documents in a batch that is read.
const BATCH: usize = 4096;

/// The files of a corpus.
pub(crate) const FILES: &[OutputFile] = &[OutputFile::table(
    "documents-*.parquet",
    &[
        Column::new(
            "title",
            ColumnType::Text,
            "the heading, where the layout has one",
        )
        .nullable(),
        Column::new(
            "text",
            ColumnType::Text,
            "the document, without its heading",
        ),
    ],
    "the documents, a row each, in the order of their files",
)];

/// Writes documents into shards.
pub(crate) struct ShardWriter<'a> {
    folder: &'a Path,
    schema: SchemaRef,
    properties: WriterProperties,
    group: Vec<Document>,
    group_bytes: usize,
    shard: Option<(PathBuf, ArrowWriter<File>)>,
    shard_bytes: usize,
    shards: usize,
}

impl<'a> ShardWriter<'a> {
    pub(crate) fn new(folder: &'a Path) -> Result<Self, StageError> {
        let level = ZstdLevel::try_new(1).map_err(StageError::failed)?;
        Ok(Self {
            folder,
            schema: Arc::new(Schema::new(vec![
                Field::new("title", DataType::Utf8, true),
                Field::new("text", DataType::Utf8, false),
            ])),
            properties: WriterProperties::builder()
                .set_compression(Compression::ZSTD(level))
                // Texts do not repeat: a dictionary would only be built and thrown away.
                .set_dictionary_enabled(false)
                .build(),
            group: Vec::new(),
            group_bytes: 0,
            shard: None,
            shard_bytes: 0,
            shards: 0,
        })
    }

    pub(crate) fn push(&mut self, document: Document) -> Result<(), StageError> {
        self.group_bytes += document.text.len();
        self.group.push(document);
        if self.group_bytes >= GROUP {
            self.write_group()?;
        }
        if self.shard_bytes >= SHARD {
            self.close_shard()?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> Result<(), StageError> {
        self.write_group()?;
        self.close_shard()
    }

    fn write_group(&mut self) -> Result<(), StageError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let titles = self.group.iter().map(|document| document.title.as_deref());
        let texts = self.group.iter().map(|document| &document.text);
        let batch = RecordBatch::try_new(
            Arc::clone(&self.schema),
            vec![
                Arc::new(StringArray::from_iter(titles)),
                Arc::new(StringArray::from_iter_values(texts)),
            ],
        )
        .map_err(StageError::failed)?;
        let (path, writer) = match &mut self.shard {
            Some(shard) => shard,
            none => {
                let path = self
                    .folder
                    .join(format!("documents-{:05}.parquet", self.shards));
                let file = File::create(&path).map_err(io_error(&path))?;
                let schema = Arc::clone(&self.schema);
                let writer = ArrowWriter::try_new(file, schema, Some(self.properties.clone()))
                    .map_err(|error| StageError::from_write(&path, error))?;
                self.shards += 1;
                none.insert((path, writer))
            }
        };
        writer
            .write(&batch)
            .and_then(|()| writer.flush())
            .map_err(|error| StageError::from_write(path, error))?;
        self.shard_bytes += self.group_bytes;
        self.group.clear();
        self.group_bytes = 0;
        Ok(())
    }

    fn close_shard(&mut self) -> Result<(), StageError> {
        self.shard_bytes = 0;
        match self.shard.take() {
            Some((path, writer)) => writer
                .close()
                .map(|_| ())
                .map_err(|error| StageError::from_write(&path, error)),
            None => Ok(()),
        }
    }
}

/// Reads a corpus: the Parquet files of a folder in the order of their names, or one file. Columns other than `text`
/// and `title` are not looked at, and `title` may be missing.
///
/// # Errors
/// When there are no Parquet files, or one is damaged or has no column `text`.
pub fn read(path: &Path) -> Result<Documents, StageError> {
    let mut paths = Vec::new();
    if path.is_file() {
        paths.push(path.to_path_buf());
    } else {
        for entry in fs::read_dir(path).map_err(io_error(path))? {
            let file = entry.map_err(io_error(path))?.path();
            if file
                .extension()
                .is_some_and(|extension| extension == "parquet")
            {
                paths.push(file);
            }
        }
    }
    if paths.is_empty() {
        return Err(StageError::input(
            path.display(),
            "no Parquet files in it: this is no corpus",
            "give the output of a `corpus` stage, which reads text files",
        ));
    }
    paths.sort();
    let mut documents = 0;
    let mut shards = Vec::new();
    for path in paths {
        let file = File::open(&path).map_err(io_error(&path))?;
        // Other writers leave a hint to read text as another Arrow type.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata =
            ArrowReaderMetadata::load(&file, options).map_err(|error| unreadable(&path, error))?;
        documents += metadata.metadata().file_metadata().num_rows().max(0) as u64;
        let groups = metadata.metadata().num_row_groups();
        shards.push(Shard {
            path,
            metadata,
            groups,
        });
    }
    shards.reverse();
    Ok(Documents {
        shards,
        group: 0,
        reader: None,
        documents,
    })
}

struct Shard {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    groups: usize,
}

/// The documents of a corpus in their order, in batches of at most 4096 documents and about 8 MiB of text.
pub struct Documents {
    /// The shards not yet read, last first; the last is being read.
    shards: Vec<Shard>,
    /// The row group to read next.
    group: usize,
    reader: Option<ParquetRecordBatchReader>,
    documents: u64,
}

impl Documents {
    /// Returns how many documents the corpus has in all.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    fn next_batch(&mut self) -> Result<Option<Vec<Document>>, StageError> {
        while let Some(shard) = self.shards.last() {
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                let batch = batch.map_err(|error| unreadable(&shard.path, error))?;
                return documents(&batch, &shard.path).map(Some);
            }
            self.reader = None;
            if self.group == shard.groups {
                self.shards.pop();
                self.group = 0;
                continue;
            }
            let file = File::open(&shard.path).map_err(io_error(&shard.path))?;
            // One row group at a time, so that no batch spans two: that bounds its bytes.
            let reader =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, shard.metadata.clone())
                    .with_row_groups(vec![self.group])
                    .with_batch_size(BATCH)
                    .build()
                    .map_err(|error| unreadable(&shard.path, error))?;
            self.reader = Some(reader);
            self.group += 1;
        }
        Ok(None)
    }
}

impl Iterator for Documents {
    type Item = Result<Vec<Document>, StageError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch().transpose();
        if matches!(batch, Some(Err(_))) {
            // After an error there is nothing to go on from.
            self.shards.clear();
        }
        batch
    }
}

fn documents(batch: &RecordBatch, path: &Path) -> Result<Vec<Document>, StageError> {
    let column = |name| {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_any().downcast_ref::<StringArray>())
    };
    let texts = column("text").ok_or_else(|| unreadable(path, "no column `text` of type text"))?;
    let titles = column("title");
    Ok((0..batch.num_rows())
        .map(|row| Document {
            title: titles
                .filter(|titles| titles.is_valid(row))
                .map(|titles| titles.value(row).to_owned()),
            text: texts.value(row).to_owned(),
        })
        .collect())
}

fn unreadable(path: &Path, reason: impl std::fmt::Display) -> StageError {
    contract::unreadable(
        path,
        reason,
        "run the `corpus` stage again to make the artifact anew",
    )
}
