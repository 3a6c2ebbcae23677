//! Reading Parquet files.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use contract::{Content, StageError, io_error};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};

use crate::Batch;
use crate::guard::guarded;

/// The most rows of a batch.
const ROWS: usize = 4096;
/// The most rows of a batch where single rows are picked.
const PICKED: usize = 1024;

/// A file whose metadata is read. Its rows are read as they are asked for.
#[derive(Clone)]
pub struct Reader {
    source: Source,
    metadata: ArrowReaderMetadata,
    /// How many rows each row group has.
    groups: Vec<u64>,
}

impl Reader {
    /// Opens the file. `remedy` is what its user does if it is not what it should be: `run the stage again`.
    ///
    /// # Errors
    /// When it cannot be read, or is no whole Parquet file.
    pub fn open(path: &Path, remedy: &'static str) -> Result<Self, StageError> {
        let source = Source {
            path: path.into(),
            remedy,
        };
        let file = File::open(path).map_err(io_error(path))?;
        // Other writers leave a hint to read text as another Arrow type.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(|| ArrowReaderMetadata::load(&file, options))
            .map_err(|error| source.not_read("not a Parquet file", &error))?;
        let groups = metadata.metadata().row_groups().iter();
        let groups = groups.map(|group| u64::try_from(group.num_rows()));
        let groups = groups
            .collect::<Result<_, _>>()
            .map_err(|_| source.wrong("a count of rows is negative"))?;
        Ok(Self {
            source,
            metadata,
            groups,
        })
    }

    /// Returns how many rows the file has.
    pub fn rows(&self) -> u64 {
        self.groups
            .iter()
            .fold(0, |all, rows| all.saturating_add(*rows))
    }

    /// Returns how many rows each of its row groups has.
    pub fn groups(&self) -> &[u64] {
        &self.groups
    }

    /// Reads all rows, in batches of at most 4096.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn batches(&self) -> Result<Batches, StageError> {
        self.read(|builder| builder.with_batch_size(ROWS))
    }

    /// Reads the rows of one row group, in batches of at most 4096: none spans two groups, which bounds its bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn group(&self, group: usize) -> Result<Batches, StageError> {
        self.read(|builder| builder.with_row_groups(vec![group]).with_batch_size(ROWS))
    }

    /// Reads single rows of one row group: those at `places` in it, which ascend.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pick(
        &self,
        group: usize,
        places: impl IntoIterator<Item = usize>,
    ) -> Result<Batches, StageError> {
        let mut selectors = Vec::new();
        let mut next = 0;
        for place in places {
            if place > next {
                selectors.push(RowSelector::skip(place - next));
            }
            selectors.push(RowSelector::select(1));
            next = place + 1;
        }
        self.read(|builder| {
            builder
                .with_row_groups(vec![group])
                .with_row_selection(RowSelection::from(selectors))
                .with_batch_size(PICKED)
        })
    }

    fn read(
        &self,
        select: impl FnOnce(
            ParquetRecordBatchReaderBuilder<File>,
        ) -> ParquetRecordBatchReaderBuilder<File>,
    ) -> Result<Batches, StageError> {
        let path = &self.source.path;
        let file = File::open(path).map_err(io_error(path))?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let reader = guarded(|| select(builder).build())
            .map_err(|error| self.source.not_read("cannot be read", &error))?;
        Ok(Batches {
            source: self.source.clone(),
            reader: Some(reader),
        })
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Reader({})", self.source.path.display())
    }
}

/// Batches of rows, in their order. After an error there is none.
pub struct Batches {
    source: Source,
    reader: Option<ParquetRecordBatchReader>,
}

impl Iterator for Batches {
    type Item = Result<Batch, StageError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        match guarded(|| reader.next().transpose()) {
            Ok(batch) => Some(Ok(Batch::new(batch?, self.source.clone()))),
            Err(error) => {
                self.reader = None;
                Some(Err(self.source.not_read("cannot be read", &error)))
            }
        }
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Batches({})", self.source.path.display())
    }
}

/// Which file is read, and what helps if it is not what it should be.
#[derive(Clone)]
pub(crate) struct Source {
    path: Arc<Path>,
    remedy: &'static str,
}

impl Source {
    /// The file is not what it should be.
    pub(crate) fn wrong(&self, reason: impl fmt::Display) -> StageError {
        contract::unreadable(&self.path, reason, self.remedy)
    }

    /// A library could not read it.
    fn not_read(
        &self,
        what: &str,
        error: &(dyn std::error::Error + Send + Sync + 'static),
    ) -> StageError {
        // What has no code is a library's own word for a file that ends too early.
        if let Some(system) = contract::system_error(error)
            && system.raw_os_error().is_some()
        {
            return io_error(&self.path)(system);
        }
        match Content::of_file(&self.path) {
            Ok(Some(Content::Parquet)) => self.wrong(format!(
                "a Parquet file that is damaged or cut short: {error}"
            )),
            _ => self.wrong(format!("{what}: {error}")),
        }
    }
}
