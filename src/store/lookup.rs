//! Reading what is known, trusting nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::io_error;
use super::hash::hash_at;
use super::index::{Indexed, Stamp};
use super::{Absent, Digest, Manifest, Notes, Record, Store, StoreError};
use crate::keys::Key;

/// A known result. Its cost and the parts of its key stand in its record, [`Store::recorded`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The job's key.
    pub key: Key,
    /// The artifact that the job made.
    pub artifact: Digest,
    /// The files that the artifact consists of.
    pub manifest: Arc<Manifest>,
    /// What the stage noted of the result.
    pub notes: Notes,
    /// Which of the artifact's objects are elsewhere.
    pub absent: Absent,
}

/// What the store knows of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The result is known. Its files are here, or said to be elsewhere.
    Hit(Found),
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
    /// there with its size, and has not been written since it was hashed, or is marked as elsewhere; what fails the check is set
    /// aside.
    ///
    /// # Errors
    /// When the system refuses to read. A missing or damaged file is no error.
    pub fn lookup(&self, key: &Key) -> Result<Lookup, StoreError> {
        self.snapshot().lookup(key)
    }

    /// Looks up a result in the files themselves. Objects are read where they were changed since `before`.
    pub(super) fn read_whole(
        &self,
        key: &Key,
        before: Option<&Indexed>,
    ) -> Result<Lookup, StoreError> {
        let path = self.record(key);
        let Some((record, record_stamp)) = self.read_record(key)? else {
            return Ok(Lookup::Miss);
        };
        let record = match record {
            Ok(record) => record,
            Err(reason) => return Ok(self.damaged(path, reason)),
        };
        let (manifest, manifest_stamp) = match self.manifest(&record.artifact)? {
            Ok(manifest) => manifest,
            Err(damaged) => return Ok(damaged),
        };
        let mut objects = Vec::with_capacity(manifest.files.len());
        let mut absent = Vec::new();
        for file in &manifest.files {
            let path = self.object(&file.digest);
            let stamp = match fs::metadata(&path) {
                Ok(found) if found.is_file() && found.len() == file.size => Stamp::of(&found),
                // The manifest's size may be wrong while the object is right: anybody may have written an archive's list of
                // files.
                Ok(_) if hash_of(&path)? == file.digest => {
                    let reason = format!("it tells a wrong size of its file `{}`", file.path);
                    return Ok(self.damaged(self.artifact(&record.artifact), reason));
                }
                Ok(found) => {
                    let reason = format!("it has {} bytes, {} were stored", found.len(), file.size);
                    return Ok(self.damaged(path, reason));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    if self.elsewhere(&file.digest)?.is_none() {
                        return Ok(Lookup::Damaged {
                            path,
                            reason: "it is missing".into(),
                        });
                    }
                    absent.push(file.digest);
                    objects.push(Stamp::away(file.size));
                    continue;
                }
                Err(error) => return Err(io_error(&path)(error)),
            };
            let known = before.into_iter().flat_map(Indexed::objects);
            let changed = known
                .filter(|(known, _)| known.digest == file.digest)
                .any(|(_, known)| known != stamp);
            if changed && hash_of(&path)? != file.digest {
                return Ok(self.damaged(path, CONTENT.into()));
            }
            objects.push(stamp);
        }
        let indexed = Indexed {
            found: Found {
                key: *key,
                artifact: record.artifact,
                manifest: manifest.into(),
                notes: record.notes,
                absent: Absent::new(absent),
            },
            kind: record.parts.kind,
            label: record.label,
            record: record_stamp,
            manifest: manifest_stamp,
            objects,
        };
        self.index().put(key.as_bytes(), &indexed.encode());
        Ok(Lookup::Hit(indexed.found))
    }

    /// Returns the record of a result, if it is there and whole.
    ///
    /// # Errors
    /// When the system refuses to read.
    pub fn recorded(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let read = self.read_record(key)?;
        Ok(read.and_then(|(record, _)| record.ok()))
    }

    /// Reads a record, or says what is wrong with it.
    fn read_record(&self, key: &Key) -> Result<Option<ReadRecord>, StoreError> {
        let Some((bytes, stamp)) = read_stamped(&self.record(key))? else {
            return Ok(None);
        };
        Ok(Some((Record::read(&bytes, key), stamp)))
    }

    /// Returns where the bytes of one file of an artifact lie, if the artifact has that file. Nobody may write there.
    ///
    /// # Errors
    /// When the bytes are not those that were stored, or cannot be read.
    pub fn file(&self, manifest: &Manifest, path: &str) -> Result<Option<PathBuf>, StoreError> {
        let Some(file) = manifest.files.iter().find(|file| file.path == path) else {
            return Ok(None);
        };
        self.sound(&file.digest).map(Some)
    }

    /// Returns where an object lies whose bytes were read and found right, now or since the store was opened.
    ///
    /// # Errors
    /// When the bytes are not those that were stored, or cannot be read.
    pub(super) fn sound(&self, digest: &Digest) -> Result<PathBuf, StoreError> {
        let path = self.object(digest);
        let damaged = |path, reason: &str| {
            let reason = reason.to_owned();
            Err(StoreError::Damaged { path, reason })
        };
        let stamp = match fs::metadata(&path) {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return match self.elsewhere(digest)? {
                    Some(mark) => Err(StoreError::Away(Box::new(mark))),
                    None => damaged(path, "it is missing"),
                };
            }
            Err(error) => return Err(io_error(&path)(error)),
        };
        if self.sound_objects().get(digest) == Some(&stamp) {
            return Ok(path);
        }
        if hash_of(&path)? != *digest {
            let _ = self.set_aside(&path);
            return damaged(path, CONTENT);
        }
        self.sound_objects().insert(*digest, stamp);
        Ok(path)
    }

    fn manifest(&self, digest: &Digest) -> Result<Result<(Manifest, Stamp), Lookup>, StoreError> {
        let path = self.artifact(digest);
        let Some((bytes, stamp)) = read_stamped(&path)? else {
            return Ok(Err(Lookup::Damaged {
                path,
                reason: "it is missing".into(),
            }));
        };
        if Digest::of(&bytes) != *digest {
            return Ok(Err(self.damaged(path, CONTENT.into())));
        }
        match Manifest::read(&bytes) {
            Ok(manifest) => Ok(Ok((manifest, stamp))),
            Err(reason) => Ok(Err(self.damaged(path, reason))),
        }
    }

    fn damaged(&self, path: PathBuf, reason: String) -> Lookup {
        // A store that is only looked at may be read-only: then the damaged file stays, and counts as missing all the same.
        let _ = self.set_aside(&path);
        Lookup::Damaged { path, reason }
    }
}

/// A record, or what is wrong with it, and its stamp.
type ReadRecord = (Result<Record, String>, Stamp);

/// The reason where a file's content has another hash than its name.
const CONTENT: &str = "its content does not fit its name";

/// Returns the digest of a file.
fn hash_of(path: &Path) -> Result<Digest, StoreError> {
    Ok(hash_at(path).map_err(io_error(path))?.0)
}

/// Returns a file's bytes and its stamp as it was before they were read, or `None` if it is not there.
fn read_stamped(path: &Path) -> Result<Option<(Vec<u8>, Stamp)>, StoreError> {
    let read = || -> io::Result<_> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        file.read_to_end(&mut bytes)?;
        Ok((bytes, Stamp::of(&metadata)))
    };
    match read() {
        Ok(read) => Ok(Some(read)),
        Err(error) if ErrorKind::NotFound == error.kind() => Ok(None),
        Err(error) => Err(io_error(path)(error)),
    }
}

/// Returns a file's bytes, or `None` if it is not there.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path)(error)),
    }
}
