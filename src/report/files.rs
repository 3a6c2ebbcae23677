//! Writing results.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use contract::StageError;
use serde_json::Value;
use tabulate::Table;

use crate::store::{StoreError, is_full};

/// Results that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was written.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: io::Error,
    },
    /// A score, or a published value, could not be used.
    #[error(transparent)]
    Content(#[from] StageError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReportError {
    /// Whether there is no room left to write.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::Content(StageError::Io { source, .. }) => {
                is_full(source)
            }
            Self::Content(_) => false,
            Self::Store(error) => error.is_full(),
        }
    }
}

/// The folder of one profile's results.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Results go to `folder`, made when the first is written.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a table and where it comes from. Returns the names of the table's own files, which hold nothing but
    /// results, with their bytes.
    ///
    /// # Errors
    /// When the table is out of shape, or the system refuses.
    pub fn table(
        &self,
        table: &Table,
        provenance: &Value,
    ) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
        let aside = tempfile::tempdir().map_err(|source| self.error("", source))?;
        let path = aside.path().join("table.parquet");
        table.parquet(&path)?;
        let parquet = fs::read(&path).map_err(|source| ReportError::Io { path, source })?;
        let files = vec![
            (format!("{}.md", table.name), table.markdown().into_bytes()),
            (format!("{}.parquet", table.name), parquet),
        ];
        for (name, bytes) in &files {
            self.write(name, bytes)?;
        }
        self.json(&format!("{}.provenance.json", table.name), provenance)?;
        Ok(files)
    }

    /// Writes a JSON file, indented.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn json(&self, name: &str, value: &Value) -> Result<(), ReportError> {
        let mut text =
            serde_json::to_string_pretty(value).map_err(|error| self.error(name, error.into()))?;
        text.push('\n');
        self.write(name, text.as_bytes())
    }

    /// Reads a JSON file; `None` if there is none, or nothing that is JSON.
    pub fn read_json(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.folder.join(name)).ok()?).ok()
    }

    /// Writes a file whole or not at all; one that holds these bytes already is left alone.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
        let path = self.folder.join(name);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        let error = |source| self.error(name, source);
        fs::create_dir_all(&self.folder).map_err(error)?;
        let mut file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(&self.folder)
            .map_err(error)?;
        file.write_all(bytes).map_err(error)?;
        file.as_file().sync_all().map_err(error)?;
        file.persist(&path).map_err(|failed| error(failed.error))?;
        Ok(())
    }

    fn error(&self, name: &str, source: io::Error) -> ReportError {
        ReportError::Io {
            path: self.folder.join(name),
            source,
        }
    }
}
