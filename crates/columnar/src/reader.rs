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

/// A Parquet file whose metadata has been read. Rows are read only when a method asks for them.
#[derive(Clone)]
pub struct Reader {
    source: Source,
    metadata: ArrowReaderMetadata,
    /// The number of rows of each row group.
    groups: Vec<u64>,
}

impl Reader {
    /// Opens the file. `remedy` is what the user should do if the file is wrong: `run the stage again`.
    ///
    /// # Errors
    /// When the file cannot be read, or is no whole Parquet file.
    pub fn open(path: &Path, remedy: &'static str) -> Result<Self, StageError> {
        let source = Source {
            path: path.into(),
            remedy,
        };
        let file = File::open(path).map_err(io_error(path))?;
        // Other writers add an Arrow schema, by which text would be read as another Arrow type than ours.
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

    /// Returns the names of the columns, in the file's order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let fields = self.metadata.schema().fields().iter();
        fields.map(|field| field.name().as_str())
    }

    /// Returns the number of rows of each row group.
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

    /// Reads the rows of one row group, in batches of at most 4096. No batch spans two groups, which bounds a batch's bytes.
    /// # Errors
    /// When the file cannot be read.
    pub fn group(&self, group: usize) -> Result<Batches, StageError> {
        self.read(|builder| builder.with_row_groups(vec![group]).with_batch_size(ROWS))
    }

    /// Reads single rows of one row group: the rows at `places` in the group, in ascending order.
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

/// Batches of rows, in the file's order. After an error there are no more batches.
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

/// The file that is read, and the remedy if it is wrong.
#[derive(Clone)]
pub(crate) struct Source {
    path: Arc<Path>,
    remedy: &'static str,
}

impl Source {
    /// Returns the error for a file with wrong contents.
    pub(crate) fn wrong(&self, reason: impl fmt::Display) -> StageError {
        contract::unreadable(&self.path, reason, self.remedy)
    }

    /// Returns the error for a file that a library could not read.
    fn not_read(
        &self,
        what: &str,
        error: &(dyn std::error::Error + Send + Sync + 'static),
    ) -> StageError {
        // An error without a system's code is the library's own, for a file that ends too early.
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
