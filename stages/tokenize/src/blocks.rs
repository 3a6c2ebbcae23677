//! Reads the blocks that the stage `tokenize` wrote, without holding more in memory than was asked for.

use std::fs;
use std::path::Path;

use columnar::Reader;
use contract::{Column, ColumnType, StageError, io_error};
use serde::{Deserialize, Serialize};

/// The file with the numbers of blocks and tokens.
pub(crate) const SUMMARY: &str = "tokens.json";
/// The column of token ids.
const IDS: &str = "input_ids";
/// The columns of the blocks.
pub(crate) const COLUMNS: &[Column] = &[Column::new(
    IDS,
    ColumnType::Integers,
    "the ids of a block, [CLS] first",
)];
/// What to do about a file that is damaged.
const AGAIN: &str = "run the `tokenize` stage again";

/// The use of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Training.
    Train,
    /// Measuring the loss on text that was not trained on.
    Validation,
}

impl Split {
    /// Returns the prefix of the names of the split's files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
        }
    }
}

/// Contents of `tokens.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Length of the longest block in ids, `[CLS]` included.
    pub length: usize,
    /// Number of different ids.
    pub vocab_size: usize,
    /// Number of blocks for training.
    pub train_blocks: u64,
    /// Number of blocks for validation.
    pub validation_blocks: u64,
    /// Number of ids in all blocks for training, `[CLS]` included.
    pub train_tokens: u64,
    /// Number of ids in all blocks for validation, `[CLS]` included.
    pub validation_tokens: u64,
    /// Number of documents for training.
    pub train_documents: u64,
    /// Number of documents for validation; 0 if whole blocks were set aside instead.
    pub validation_documents: u64,
}

impl Summary {
    /// Name of the summary's file in a tokens artifact.
    pub const FILE: &str = SUMMARY;

    /// Reads the summary from its file.
    ///
    /// # Errors
    /// When there is no such file, or it is damaged.
    pub fn read(path: &Path) -> Result<Self, StageError> {
        let text = fs::read(path).map_err(io_error(path))?;
        serde_json::from_slice(&text).map_err(|error| damaged(path, &error))
    }
}

/// The blocks of one split of a tokens artifact. Opening them reads only the files' metadata.
pub struct Blocks {
    shards: Vec<Shard>,
    summary: Summary,
    split: Split,
}

struct Shard {
    file: Reader,
    /// The first row of each row group, counted over the whole split, followed by the number of all rows.
    bounds: Vec<u64>,
}

/// Some blocks in memory: two bytes per id if the vocabulary allows it, else four, and eight bytes per block.
pub struct BlockSet {
    ids: Ids,
    ends: Vec<usize>,
}

enum Ids {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

impl Blocks {
    /// Opens the blocks for `split` in a tokens artifact.
    ///
    /// # Errors
    /// When the folder is not a tokens artifact.
    pub fn open(folder: &Path, split: Split) -> Result<Self, StageError> {
        let summary = read_summary(folder)?;
        let prefix = format!("{}-", split.name());
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(io_error(folder))? {
            let path = entry.map_err(io_error(folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&prefix) && name.ends_with(".parquet") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut shards = Vec::new();
        let mut next = 0;
        for path in paths {
            let file = Reader::open(&path, AGAIN)?;
            let mut bounds = vec![next];
            for rows in file.groups() {
                next += rows;
                bounds.push(next);
            }
            shards.push(Shard { file, bounds });
        }
        let expected = match split {
            Split::Train => summary.train_blocks,
            Split::Validation => summary.validation_blocks,
        };
        if next != expected {
            return Err(damaged(
                folder,
                &format!("{next} {} blocks of {expected}", split.name()),
            ));
        }
        Ok(Self {
            shards,
            summary,
            split,
        })
    }

    /// Returns the number of blocks.
    pub fn len(&self) -> usize {
        self.shards
            .last()
            .and_then(|shard| shard.bounds.last())
            .map_or(0, |&end| end as usize)
    }

    /// Whether there are no blocks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of ids in all blocks.
    pub fn tokens(&self) -> u64 {
        match self.split {
            Split::Train => self.summary.train_tokens,
            Split::Validation => self.summary.validation_tokens,
        }
    }

    /// Returns the artifact's summary, from `tokens.json`.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Reads the blocks of `rows`, in the order of `rows`, in which a row may occur more than once. Only the row groups with these
    /// rows are read, one after another, so the memory needed is that of the result and of one row group.
    ///
    /// # Errors
    /// When a row is out of range or a file is damaged.
    pub fn read(&self, rows: &[u32]) -> Result<BlockSet, StageError> {
        let mut wanted: Vec<u64> = rows.iter().map(|&row| u64::from(row)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.last().is_some_and(|&last| last >= self.len() as u64) {
            return Err(StageError::failed(format!(
                "a block beyond the last of {} was asked for",
                self.len()
            )));
        }
        let mut distinct = BlockSet::new(self.summary.vocab_size);
        let mut rest = wanted.as_slice();
        for shard in &self.shards {
            for (group, bounds) in shard.bounds.windows(2).enumerate() {
                let (inside, after) = rest.split_at(rest.partition_point(|&row| row < bounds[1]));
                rest = after;
                if !inside.is_empty() {
                    shard.read(group, inside, bounds[0], &mut distinct)?;
                }
            }
        }
        if rows.windows(2).all(|pair| pair[0] < pair[1]) {
            return Ok(distinct);
        }
        let mut result = BlockSet::new(self.summary.vocab_size);
        for &row in rows {
            let place = wanted.partition_point(|&other| other < u64::from(row));
            result.push(distinct.iter(place));
        }
        Ok(result)
    }

    /// Reads all blocks, in order.
    ///
    /// # Errors
    /// When a file is damaged.
    pub fn read_all(&self) -> Result<BlockSet, StageError> {
        let end = u32::try_from(self.len()).map_err(StageError::failed)?;
        self.read(&(0..end).collect::<Vec<_>>())
    }
}

impl Shard {
    /// Reads the blocks at `rows` of one row group, which starts at row `first`, into `set`.
    fn read(
        &self,
        group: usize,
        rows: &[u64],
        first: u64,
        set: &mut BlockSet,
    ) -> Result<(), StageError> {
        let places = rows.iter().map(|row| (row - first) as usize);
        for batch in self.file.pick(group, places)? {
            for ids in batch?.integer_lists(IDS)?.iter() {
                set.push(ids.iter().map(|&id| id as u32));
            }
        }
        Ok(())
    }
}

impl BlockSet {
    fn new(vocabulary: usize) -> Self {
        let ids = if vocabulary <= 1 << 16 {
            Ids::Narrow(Vec::new())
        } else {
            Ids::Wide(Vec::new())
        };
        Self {
            ids,
            ends: Vec::new(),
        }
    }

    fn push(&mut self, block: impl Iterator<Item = u32>) {
        let end = match &mut self.ids {
            Ids::Narrow(ids) => {
                ids.extend(block.map(|id| id as u16));
                ids.len()
            }
            Ids::Wide(ids) => {
                ids.extend(block);
                ids.len()
            }
        };
        self.ends.push(end);
    }

    /// Returns the number of blocks.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no blocks.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the ids of the block at index `place`, in the order in which rows were asked for.
    ///
    /// # Panics
    /// When `place` is out of range.
    pub fn get(&self, place: usize) -> Vec<u32> {
        self.iter(place).collect()
    }

    fn iter(&self, place: usize) -> impl Iterator<Item = u32> + '_ {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        (start..self.ends[place]).map(move |at| match &self.ids {
            Ids::Narrow(ids) => u32::from(ids[at]),
            Ids::Wide(ids) => ids[at],
        })
    }
}

fn read_summary(folder: &Path) -> Result<Summary, StageError> {
    let path = folder.join(SUMMARY);
    let text = fs::read(&path).map_err(|_| {
        StageError::input(
            folder.display(),
            format!("there is no {SUMMARY}"),
            "give the folder that a `tokenize` stage wrote",
        )
    })?;
    serde_json::from_slice(&text).map_err(|error| damaged(&path, &error))
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> StageError {
    let reason = format!("the blocks are damaged: {error}");
    contract::unreadable(path, reason, AGAIN)
}
