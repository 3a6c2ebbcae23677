//! Looking back: all records, and what inputs consisted of.

use std::fs;
use std::io::ErrorKind;
use std::time::SystemTime;

use super::error::io_error;
use super::{Content, Digest, Manifest, Record, Store, StoreError};
use crate::keys::Key;

/// A record, and when it was written.
#[derive(Clone, Debug)]
pub struct Known {
    /// What is known of the job.
    pub record: Record,
    /// When it was written, as the file system says.
    pub written: SystemTime,
}

/// What the index tells of a record, without reading the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// The job's key.
    pub key: Key,
    /// What the job was called when it ran.
    pub label: String,
    /// When the record was written, as the file system says.
    pub written: SystemTime,
}

impl Store {
    /// Returns all records with their stage kinds, in no order. Damaged ones are passed over: a look-up by the key sets them
    /// aside.
    ///
    /// # Errors
    /// When the folder of records cannot be read.
    pub fn glances(&self) -> Result<Vec<(String, Glance)>, StoreError> {
        let folder = self.records();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&folder)(error)),
        };
        let mut glances = Vec::new();
        for entry in entries {
            let name = entry.map_err(io_error(&folder))?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
            if let Some(key) = stem.and_then(|stem| stem.parse().ok()) {
                glances.extend(self.glance(key)?);
            }
        }
        Ok(glances)
    }

    /// Returns all records that can be read, in the order of their keys.
    ///
    /// # Errors
    /// When the folder of records cannot be read.
    pub fn known(&self) -> Result<Vec<Known>, StoreError> {
        let mut known = Vec::new();
        for (_, Glance { key, written, .. }) in self.glances()? {
            let record = self.recorded(&key)?;
            known.extend(record.map(|record| Known { record, written }));
        }
        known.sort_by_key(|known| known.record.key);
        Ok(known)
    }

    fn glance(&self, key: Key) -> Result<Option<(String, Glance)>, StoreError> {
        if let Some(indexed) = self.indexed(&key) {
            let (label, written) = (indexed.label, indexed.record.time());
            return Ok(Some((
                indexed.kind,
                Glance {
                    key,
                    label,
                    written,
                },
            )));
        }
        let path = self.record(&key);
        let Some(record) = self.recorded(&key)? else {
            return Ok(None);
        };
        let metadata = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let written = metadata.map_err(io_error(&path))?;
        let label = record.label;
        Ok(Some((
            record.parts.kind,
            Glance {
                key,
                label,
                written,
            },
        )))
    }

    /// Keeps the list of an input's files, unless the input is a whole artifact, whose list is kept in any case.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_listing(&self, manifest: &Manifest) -> Result<(), StoreError> {
        if let Content::Artifact(_) = manifest.content {
            return Ok(());
        }
        let path = self.listing_of(&manifest.digest());
        if path.exists() {
            return Ok(());
        }
        self.write_aside(&path, &manifest.bytes())
    }

    /// Returns the files of an artifact or input, if that is known.
    pub fn listing(&self, digest: &Digest) -> Option<Manifest> {
        let places = [self.artifact(digest), self.listing_of(digest)];
        let bytes = places.iter().find_map(|path| fs::read(path).ok())?;
        if Digest::of(&bytes) != *digest {
            return None;
        }
        Manifest::read(&bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::Entry;

    #[test]
    fn lists_of_inputs_are_kept_once_and_found_by_their_digest() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let manifest = Manifest::new(
            Content::Folder,
            vec![Entry {
                path: "a/b".into(),
                digest: Digest::of(b"x"),
                size: 1,
            }],
        );
        let digest = manifest.digest();
        assert_eq!(store.listing(&digest), None);
        store.keep_listing(&manifest).unwrap();
        store.keep_listing(&manifest).unwrap();
        assert_eq!(store.listing(&digest), Some(manifest));
        fs::write(store.listing_of(&digest), "{}").unwrap();
        assert_eq!(
            store.listing(&digest),
            None,
            "what is damaged is not believed"
        );
    }
}
