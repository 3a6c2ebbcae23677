//! Cuts a stream of token ids into blocks, and writes the blocks as Parquet shards.

use std::path::{Path, PathBuf};

use columnar::{Encoding, IntegerLists, Schema, Writer};
use contract::StageError;

use crate::Split;
use crate::blocks::COLUMNS;

/// Number of blocks in a row group, which is the least that a reader reads to get one block.
const GROUP_ROWS: usize = 8192;
/// Number of blocks in a file.
const SHARD_ROWS: u64 = 1 << 20;
/// Without statistics, since no reader searches for blocks by their ids.
const ENCODING: Encoding = Encoding {
    dictionary: true,
    statistics: false,
};
/// The fewest ids, besides `[CLS]`, of a last block that is not full. A single id would have no context to be predicted
/// from.
pub(crate) const LEAST_IDS: usize = 2;

/// Cuts the stream of one split into blocks and writes them.
pub(crate) struct Packer {
    cls: u32,
    length: usize,
    /// Ids that do not yet fill a block.
    pending: Vec<u32>,
    /// Number of ids taken from the stream.
    pub(crate) ids: u64,
    /// Number of blocks written.
    pub(crate) blocks: u64,
    /// Number of ids written, `[CLS]` included.
    pub(crate) tokens: u64,
    writer: ShardWriter,
}

impl Packer {
    /// Makes a packer of blocks of at most `length` ids that start with `cls`, in files of `split` in `folder`.
    ///
    /// # Errors
    /// When the first file cannot be made.
    pub(crate) fn new(
        folder: &Path,
        split: Split,
        cls: u32,
        length: usize,
    ) -> Result<Self, StageError> {
        let writer = ShardWriter::new(folder, split)?;
        Ok(Self {
            cls,
            length,
            pending: Vec::new(),
            ids: 0,
            blocks: 0,
            tokens: 0,
            writer,
        })
    }

    /// Takes the next ids of the stream.
    ///
    /// # Errors
    /// When a block cannot be written.
    pub(crate) fn push(&mut self, mut ids: &[u32]) -> Result<(), StageError> {
        self.ids += ids.len() as u64;
        while !ids.is_empty() {
            let (now, later) = ids.split_at(ids.len().min(self.length - 1 - self.pending.len()));
            self.pending.extend_from_slice(now);
            ids = later;
            if self.pending.len() == self.length - 1 {
                self.write_pending()?;
            }
        }
        Ok(())
    }

    /// Returns the number of blocks written, and the number of ids in the block that is being filled.
    pub(crate) fn position(&self) -> (u64, usize) {
        (self.blocks, self.pending.len())
    }

    /// Ends the stream: writes the remaining ids, if they are enough for a block, and closes the files.
    ///
    /// # Errors
    /// When a block or a file cannot be written.
    pub(crate) fn finish(mut self) -> Result<(u64, u64), StageError> {
        if self.pending.len() >= LEAST_IDS {
            self.write_pending()?;
        }
        self.writer.close()?;
        Ok((self.blocks, self.tokens))
    }

    fn write_pending(&mut self) -> Result<(), StageError> {
        self.writer.push(self.cls, &self.pending)?;
        self.blocks += 1;
        self.tokens += 1 + self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

/// Writes blocks as rows of Parquet files of bounded size.
struct ShardWriter {
    folder: PathBuf,
    split: Split,
    blocks: IntegerLists,
    waiting: usize,
    shard: Writer,
    /// Number of blocks in the current shard.
    written: u64,
    shards: usize,
}

impl ShardWriter {
    fn new(folder: &Path, split: Split) -> Result<Self, StageError> {
        Ok(Self {
            folder: folder.to_path_buf(),
            split,
            blocks: IntegerLists::new(),
            waiting: 0,
            shard: shard(folder, split, 0)?,
            written: 0,
            shards: 1,
        })
    }

    fn push(&mut self, cls: u32, ids: &[u32]) -> Result<(), StageError> {
        for &id in std::iter::once(&cls).chain(ids) {
            let id = i32::try_from(id).map_err(StageError::failed)?;
            self.blocks.push(id);
        }
        self.blocks.end_row();
        self.waiting += 1;
        if self.waiting == GROUP_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the waiting rows as one row group.
    fn flush(&mut self) -> Result<(), StageError> {
        if self.waiting == 0 {
            return Ok(());
        }
        if self.written >= SHARD_ROWS {
            let next = shard(&self.folder, self.split, self.shards)?;
            std::mem::replace(&mut self.shard, next).finish()?;
            self.written = 0;
            self.shards += 1;
        }
        self.shard.write(vec![self.blocks.take()])?;
        self.shard.end_group()?;
        self.written += self.waiting as u64;
        self.waiting = 0;
        Ok(())
    }

    fn close(mut self) -> Result<(), StageError> {
        self.flush()?;
        self.shard.finish()
    }
}

/// Makes the file number `index` of a split.
fn shard(folder: &Path, split: Split, index: usize) -> Result<Writer, StageError> {
    let path = folder.join(format!("{}-{index:05}.parquet", split.name()));
    Writer::create(path, &Schema::of(COLUMNS), ENCODING)
}
