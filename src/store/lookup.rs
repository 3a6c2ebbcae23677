//! Reading what is known, trusting nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::error::io_error;
use super::{Digest, Manifest, Record, Store, StoreError};
use crate::keys::Key;

/// A known result.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What is known of the job.
    pub record: Record,
    /// What its artifact consists of.
    pub manifest: Manifest,
}

/// What the store knows of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The result is there.
    Hit(Box<Found>),
    /// Nothing is known.
    Miss,
    /// The result was there, but part of it is missing or damaged: the job must run again.
    Damaged {
        /// What is damaged. It was set aside as `NAME.damaged`, if it exists at all.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Store {
    /// Looks up the result of the job with that key. Checks the record, the manifest's digest, and that each file is
    /// there with its size; what fails the check is set aside.
    ///
    /// # Errors
    /// When the system refuses to read. A missing or damaged file is no error.
    pub fn lookup(&self, key: &Key) -> Result<Lookup, StoreError> {
        let path = self.record(key);
        let Some(bytes) = read(&path)? else {
            return Ok(Lookup::Miss);
        };
        let record = match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.format != Record::FORMAT => {
                return Ok(self.damaged(
                    path,
                    format!("record format {} is not known", record.format),
                ));
            }
            Ok(record) if record.key != *key || record.parts.key() != *key => {
                return Ok(self.damaged(path, "the record is another key's".into()));
            }
            Ok(record) => record,
            Err(error) => return Ok(self.damaged(path, format!("not a record: {error}"))),
        };
        let manifest = match self.manifest(&record.artifact)? {
            Ok(manifest) => manifest,
            Err(damaged) => return Ok(damaged),
        };
        for file in &manifest.files {
            let path = self.object(&file.digest);
            match fs::metadata(&path) {
                Ok(found) if found.is_file() && found.len() == file.size => {}
                Ok(found) => {
                    let reason = format!("it has {} bytes, {} were stored", found.len(), file.size);
                    return Ok(self.damaged(path, reason));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok(Lookup::Damaged {
                        path,
                        reason: "it is missing".into(),
                    });
                }
                Err(error) => return Err(io_error(&path)(error)),
            }
        }
        Ok(Lookup::Hit(Box::new(Found { record, manifest })))
    }

    /// Returns where the bytes of one file of an artifact lie, if it has it. They are not to be written.
    pub fn file(&self, manifest: &Manifest, path: &str) -> Option<PathBuf> {
        let file = manifest.files.iter().find(|file| file.path == path)?;
        Some(self.object(&file.digest))
    }

    fn manifest(&self, digest: &Digest) -> Result<Result<Manifest, Lookup>, StoreError> {
        let path = self.artifact(digest);
        let Some(bytes) = read(&path)? else {
            return Ok(Err(Lookup::Damaged {
                path,
                reason: "it is missing".into(),
            }));
        };
        if Digest::of(&bytes) != *digest {
            return Ok(Err(
                self.damaged(path, "its content does not fit its name".into())
            ));
        }
        match serde_json::from_slice(&bytes) {
            Ok(manifest) => Ok(Ok(manifest)),
            Err(error) => Ok(Err(self.damaged(path, format!("not a manifest: {error}")))),
        }
    }

    fn damaged(&self, path: PathBuf, reason: String) -> Lookup {
        // A store that is only looked at may be read-only: then the file stays, and counts as missing all the same.
        let _ = self.set_aside(&path);
        Lookup::Damaged { path, reason }
    }
}

/// Returns a file's bytes, or `None` if it is not there.
pub(super) fn read(path: &std::path::Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path)(error)),
    }
}
