//! The corpus artifact: `documents-00000.parquet` and further shards, with the columns `title` and `text`.

use std::fs;
use std::path::Path;

use columnar::{Batch, Batches, Encoding, Reader, Schema, Writer};
use contract::{Column, ColumnType, OutputFile, StageError, io_error};

use crate::Document;

/// Bytes of text in a row group, which a reader holds in memory.
const GROUP: usize = 8 << 20;
/// Bytes of text in a shard.
const SHARD: usize = 64 << 20;
/// Without a dictionary, since texts do not repeat.
const ENCODING: Encoding = Encoding {
    dictionary: false,
    statistics: true,
};
/// What to do about a file that is not a corpus.
const AGAIN: &str =
    "give what a `corpus` stage has made, or Parquet files with a column `text` of type utf8";

const DOCUMENTS: OutputFile = OutputFile::table(
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
);
/// The files of a corpus.
pub(crate) const FILES: &[OutputFile] = &[DOCUMENTS];

/// Writes documents into shards.
pub(crate) struct ShardWriter<'a> {
    folder: &'a Path,
    schema: Schema,
    group: Vec<Document>,
    group_bytes: usize,
    shard: Option<Writer>,
    shard_bytes: usize,
    shards: usize,
}

impl<'a> ShardWriter<'a> {
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            schema: Schema::of(DOCUMENTS.columns()),
            group: Vec::new(),
            group_bytes: 0,
            shard: None,
            shard_bytes: 0,
            shards: 0,
        }
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

    /// Writes the remaining documents.
    pub(crate) fn finish(mut self) -> Result<(), StageError> {
        self.write_group()?;
        self.close_shard()
    }

    fn write_group(&mut self) -> Result<(), StageError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let shard = match &mut self.shard {
            Some(shard) => shard,
            none => {
                let name = format!("documents-{:05}.parquet", self.shards);
                let shard = Writer::create(self.folder.join(name), &self.schema, ENCODING)?;
                self.shards += 1;
                none.insert(shard)
            }
        };
        let documents = self.group.iter();
        shard.write(vec![
            documents
                .clone()
                .map(|document| document.title.as_deref())
                .collect(),
            documents.map(|document| document.text.as_str()).collect(),
        ])?;
        shard.end_group()?;
        self.shard_bytes += self.group_bytes;
        self.group.clear();
        self.group_bytes = 0;
        Ok(())
    }

    fn close_shard(&mut self) -> Result<(), StageError> {
        self.shard_bytes = 0;
        self.shard.take().map_or(Ok(()), Writer::finish)
    }
}

/// Reads a corpus: the Parquet files of a folder in the order of their names, or one file. Columns other than `text`
/// and `title` are ignored, and `title` may be missing.
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
    let shards = paths.iter().map(|path| Reader::open(path, AGAIN));
    let mut shards = shards.collect::<Result<Vec<_>, _>>()?;
    shards.reverse();
    Ok(Documents {
        documents: shards.iter().map(Reader::rows).fold(0, u64::saturating_add),
        shards,
        group: 0,
        batches: None,
    })
}

/// The documents of a corpus in their order, in batches of at most 4096 documents and about 8 MiB of text.
pub struct Documents {
    /// The remaining shards in reverse order; the last one is being read.
    shards: Vec<Reader>,
    /// The row group to read next.
    group: usize,
    batches: Option<Batches>,
    documents: u64,
}

impl Documents {
    /// Returns how many documents the corpus has in all.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    fn next_batch(&mut self) -> Result<Option<Vec<Document>>, StageError> {
        while let Some(shard) = self.shards.last() {
            if let Some(batch) = self.batches.as_mut().and_then(Iterator::next) {
                return documents(&batch?).map(Some);
            }
            self.batches = None;
            if self.group == shard.groups().len() {
                self.shards.pop();
                self.group = 0;
                continue;
            }
            self.batches = Some(shard.group(self.group)?);
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
            // After an error there are no more documents.
            self.shards.clear();
        }
        batch
    }
}

fn documents(batch: &Batch) -> Result<Vec<Document>, StageError> {
    let texts = batch.optional_texts("text")?;
    let titles = match batch.has("title", ColumnType::Text) {
        true => Some(batch.optional_texts("title")?),
        false => None,
    };
    let rows = (0..batch.rows()).map(|row| Document {
        title: titles
            .and_then(|titles| titles.get_optional(row))
            .map(str::to_owned),
        text: texts.get(row).to_owned(),
    });
    Ok(rows.collect())
}
