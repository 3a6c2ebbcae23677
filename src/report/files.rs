//! Writing results.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use contract::{StageError, is_full};
use serde::Serialize;
use serde_json::Value;

use super::variables::variables;
use super::{Costs, Output, Provenance};
use crate::store::{StoreError, make_folder, settle};

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
            Self::Io { source, .. } => is_full(source),
            Self::Content(error) => error.is_full(),
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

    /// Writes an output, with its provenance and its costs. Returns the names and the bytes of those files that hold nothing
    /// but results.
    ///
    /// # Errors
    /// When the output is out of shape, or the system refuses.
    pub fn output(
        &self,
        output: &dyn Output,
        provenance: &Provenance<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
        let Provenance {
            plan,
            cells,
            settings,
            ..
        } = provenance;
        let name = &plan.name;
        let files = output.files(&variables(plan, cells, settings))?.into_iter();
        let files: Vec<(String, Vec<u8>)> = files
            .map(|(extension, bytes)| (format!("{name}.{extension}"), bytes))
            .collect();
        for (name, bytes) in &files {
            self.write(name, bytes)?;
        }
        self.json(&format!("{name}.provenance.json"), provenance)?;
        self.json(&format!("{name}.costs.json"), &Costs(provenance))?;
        Ok(files)
    }

    /// Writes a JSON file, indented.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn json(&self, name: &str, value: &impl Serialize) -> Result<(), ReportError> {
        self.write_with(name, |file| {
            serde_json::to_writer_pretty(&mut *file, value)?;
            file.write_all(b"\n")
        })
    }

    /// Reads a JSON file; `None` if there is none, or if it is not JSON.
    pub fn read_json(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.folder.join(name)).ok()?).ok()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
        self.write_with(name, |file| file.write_all(bytes))
    }

    /// Writes a file whole or not at all. A file that holds these bytes already is left alone.
    fn write_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
    ) -> Result<(), ReportError> {
        let path = self.folder.join(name);
        let error = |source| self.error(name, source);
        make_folder(&self.folder).map_err(error)?;
        let mut aside = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(&self.folder)
            .map_err(error)?;
        settle(aside.as_file(), &self.folder);
        let mut file = BufWriter::new(aside.as_file_mut());
        write(&mut file)
            .and_then(|()| file.flush())
            .map_err(error)?;
        drop(file);
        if is_same(aside.path(), &path).unwrap_or(false) {
            return Ok(());
        }
        aside.as_file().sync_all().map_err(error)?;
        aside.persist(&path).map_err(|failed| error(failed.error))?;
        Ok(())
    }

    fn error(&self, name: &str, source: io::Error) -> ReportError {
        ReportError::Io {
            path: self.folder.join(name),
            source,
        }
    }
}

/// Whether two files hold the same bytes.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let length = a.len().min(b.len());
        if length == 0 || a[..length] != b[..length] {
            return Ok(a.is_empty() && b.is_empty());
        }
        one.consume(length);
        other.consume(length);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::MetadataExt;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_written_again_only_where_it_differs() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().join("results"));
        let long = |last: &str| json!(["x".repeat(20_000), last]);
        let inode = || fs::metadata(files.folder().join("a.json")).unwrap().ino();
        files.json("a.json", &long("a")).unwrap();
        let first = inode();
        files.json("a.json", &long("a")).unwrap();
        assert_eq!(inode(), first);
        files.json("a.json", &long("b")).unwrap();
        assert_ne!(inode(), first);
        assert_eq!(files.read_json("a.json"), Some(long("b")));
        files.json("a.json", &long("longer")).unwrap();
        assert_eq!(files.read_json("a.json"), Some(long("longer")));
        let left = fs::read_dir(files.folder()).unwrap().count();
        assert_eq!(left, 1, "nothing is left aside");
    }
}
