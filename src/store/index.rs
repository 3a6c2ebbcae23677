//! What a look-up needs of each record, so that most need no file but this one: a cache over `records/` and `artifacts/`.
//!
//! An entry is believed as long as the record, the manifest and the objects have the size and the time of change that they had
//! when they were read whole and found right: three calls to the system instead of three files. Whatever else is found there
//! is read again.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, statat};

use super::{Absent, Content, Digest, Entry, Found, Manifest, Notes, Record, Store};
use crate::bytes::{Reader, Writer};
use crate::keys::Key;

/// What tells that a file was changed without reading it: size in bytes, and time of the last change in nanoseconds. Not the
/// inode: a copy of a store is as good as the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    modified: i64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Stands for an object of that size that is elsewhere: no real file was changed at that time.
    pub(super) const fn away(size: u64) -> Self {
        let modified = i64::MIN;
        Self { size, modified }
    }

    /// Whether the stamp stands for an object that is elsewhere.
    pub(super) fn is_away(self) -> bool {
        self.modified == i64::MIN
    }

    /// Returns when the file was changed last.
    pub(super) fn time(self) -> SystemTime {
        let since = Duration::from_nanos(u64::try_from(self.modified).unwrap_or_default());
        SystemTime::UNIX_EPOCH + since
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// A record in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) found: Found,
    /// The stage kind.
    pub(super) kind: String,
    /// What the job was called when it ran.
    pub(super) label: String,
    pub(super) record: Stamp,
    pub(super) manifest: Stamp,
    /// The stamp of each file of the manifest.
    pub(super) objects: Vec<Stamp>,
}

impl Indexed {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Writer::default();
        bytes.bytes(self.found.artifact.as_bytes());
        write(&mut bytes, self.record);
        write(&mut bytes, self.manifest);
        bytes.text(&self.kind);
        bytes.text(&self.label);
        let mut content = serde_json::to_string(&self.found.manifest.content).unwrap_or_default();
        // Notes have a line of their own: an entry of a program that knew no notes is read as having none.
        if !self.found.notes.is_none() {
            content.push('\n');
            content += &serde_json::to_string(&self.found.notes).unwrap_or_default();
        }
        bytes.text(&content);
        for (file, stamp) in self.objects() {
            bytes.text(&file.path);
            bytes.bytes(file.digest.as_bytes());
            write(&mut bytes, stamp);
        }
        bytes.0
    }

    /// Returns the manifest's files with their stamps.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&Entry, Stamp)> {
        let files = self.found.manifest.files.iter();
        files.zip(self.objects.iter().copied())
    }

    /// Reads an entry; `None` where it is of another version or damaged.
    pub(super) fn decode(key: Key, bytes: &[u8]) -> Option<Self> {
        let mut bytes = Reader::new(bytes);
        let artifact = Digest::from_bytes(bytes.chunk()?);
        let record = read(&mut bytes)?;
        let manifest = read(&mut bytes)?;
        let kind = bytes.text()?.to_owned();
        let label = bytes.text()?.to_owned();
        let content = bytes.text()?;
        let (content, notes) = match content.split_once('\n') {
            Some((content, notes)) => (content, serde_json::from_str(notes).ok()?),
            None => (content, Notes::default()),
        };
        let content: Content = serde_json::from_str(content).ok()?;
        let (mut files, mut objects, mut absent) = (Vec::new(), Vec::new(), Vec::new());
        while !bytes.is_at_end() {
            let path = bytes.text()?.to_owned();
            let digest = Digest::from_bytes(bytes.chunk()?);
            let stamp = read(&mut bytes)?;
            let size = stamp.size;
            if stamp.is_away() {
                absent.push(digest);
            }
            files.push(Entry { path, digest, size });
            objects.push(stamp);
        }
        Some(Self {
            found: Found {
                key,
                artifact,
                manifest: Manifest::new(content, files).into(),
                notes,
                absent: Absent::new(absent),
            },
            kind,
            label,
            record,
            manifest,
            objects,
        })
    }
}

impl Store {
    /// Returns the entry of that key.
    pub(super) fn indexed(&self, key: &Key) -> Option<Indexed> {
        Indexed::decode(*key, &self.index().get(key.as_bytes())?)
    }

    /// Adds a result that was just committed, so that all of its objects were just hashed.
    pub(super) fn remember(&self, record: &Record, manifest: &Arc<Manifest>) {
        let entry = || {
            let files = manifest.files.iter();
            Some(Indexed {
                record: self.stamp(&format!("records/{}.json", record.key))?,
                manifest: self.stamp(&format!("artifacts/{}.json", record.artifact))?,
                objects: files
                    .map(|file| self.stamp(&object_name(&file.digest)))
                    .collect::<Option<_>>()?,
                kind: record.parts.kind.clone(),
                label: record.label.clone(),
                found: Found {
                    key: record.key,
                    artifact: record.artifact,
                    manifest: Arc::clone(manifest),
                    notes: record.notes.clone(),
                    absent: Absent::default(),
                },
            })
        };
        if let Some(entry) = entry() {
            let objects = entry.objects();
            let sound = objects.map(|(file, stamp)| (file.digest, stamp));
            self.sound_objects().extend(sound);
            self.index().put(record.key.as_bytes(), &entry.encode());
        }
    }

    /// Drops the entries of results that a sweep has removed.
    pub(crate) fn forget_all_but(&self, kept: &BTreeSet<Key>) {
        self.index()
            .retain(&|key| kept.contains(&Key::from_bytes(*key)));
    }

    /// Returns the stamp of a plain file, whose name starts at the store's folder.
    pub(super) fn stamp(&self, name: &str) -> Option<Stamp> {
        let found = statat(self.folder()?, name, AtFlags::empty()).ok()?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return None;
        }
        Some(Stamp {
            size: u64::try_from(found.st_size).ok()?,
            modified: nanoseconds(found.st_mtime, i64::try_from(found.st_mtime_nsec).ok()?),
        })
    }
}

/// Returns where an object lies, from the store's folder.
pub(super) fn object_name(digest: &Digest) -> String {
    let name = digest.to_string();
    format!("objects/{}/{name}", &name[..2])
}

fn write(bytes: &mut Writer, stamp: Stamp) {
    bytes.bytes(&stamp.size.to_le_bytes());
    bytes.bytes(&stamp.modified.to_le_bytes());
}

fn read(bytes: &mut Reader<'_>) -> Option<Stamp> {
    Some(Stamp {
        size: u64::from_le_bytes(bytes.chunk()?),
        modified: i64::from_le_bytes(bytes.chunk()?),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::{self, File};

    use contract::ArtifactType;

    use super::*;
    use crate::keys::KeyParts;
    use crate::store::{Cost, Lookup, Made, Note, StoreError};

    /// A store with one result of two files, opened anew so that its index is read from the file.
    fn store() -> (tempfile::TempDir, Store, Found) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let parts = KeyParts {
            kind: "writer".into(),
            version: 1,
            numerics: None,
            params: contract::Params::default(),
            inputs: [].into(),
        };
        let claim = store.claim(&parts.key()).unwrap().unwrap();
        fs::create_dir(claim.output()).unwrap();
        fs::write(claim.output().join("a"), "first").unwrap();
        fs::write(claim.output().join("b"), "second").unwrap();
        let made = Made {
            label: "writer[m=1]".into(),
            parts,
            cost: Cost::default(),
            output: ArtifactType::Folder,
            source: None,
            notes: vec![Note {
                message: "2 rows left out".into(),
                times: 1,
            }]
            .into(),
        };
        let (found, _) = store.commit(&claim.output(), made).unwrap();
        store.release(claim).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        (folder, store, found)
    }

    #[test]
    fn an_entry_is_read_back_and_holds_until_a_file_changes() {
        let (_folder, store, found) = store();
        let entry = store.indexed(&found.key).unwrap();
        assert_eq!(entry.found, found);
        assert_eq!(entry.label, "writer[m=1]");
        assert_eq!(entry.found.notes[0].message, "2 rows left out");
        assert_eq!(
            Indexed::decode(found.key, &entry.encode()),
            Some(entry.clone())
        );
        assert!(store.snapshot().holds(&entry));
        for path in [
            store.record(&found.key),
            store.artifact(&found.artifact),
            store.object(&found.manifest.files[1].digest),
        ] {
            let before = fs::metadata(&path).unwrap().modified().unwrap();
            let file = File::open(&path).unwrap();
            file.set_modified(before + Duration::from_nanos(1)).unwrap();
            assert!(!store.snapshot().holds(&entry), "{}", path.display());
            // A result whose files are as they were is found again, with nothing read anew.
            assert_eq!(
                store.lookup(&found.key).unwrap(),
                Lookup::Hit(found.clone())
            );
            file.set_modified(before).unwrap();
            assert!(store.snapshot().holds(&entry));
        }
    }

    #[test]
    fn an_object_that_was_written_to_is_found_by_the_next_look_up() {
        let (_folder, store, found) = store();
        let path = store.object(&found.manifest.files[0].digest);
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
        fs::set_permissions(&path, permissions).unwrap();
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "fjrst").unwrap();
        File::open(&path)
            .unwrap()
            .set_modified(before + Duration::from_secs(1))
            .unwrap();
        let damaged = store.lookup(&found.key).unwrap();
        assert!(matches!(damaged, Lookup::Damaged { .. }), "{damaged:?}");
        assert!(!path.exists(), "it was set aside");
    }

    #[test]
    fn what_the_disk_itself_has_changed_is_found_before_it_is_read() {
        let (_folder, store, found) = store();
        let path = store.object(&found.manifest.files[0].digest);
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "fjrst").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(before)
            .unwrap();
        assert!(
            store.snapshot().holds(&store.indexed(&found.key).unwrap()),
            "it looks as it did"
        );
        let aside = tempfile::tempdir_in(store.tmp()).unwrap();
        let error = store
            .serve(&found.manifest, &aside.path().join("x"))
            .unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(matches!(
            store.file(&found.manifest, "a"),
            Err(StoreError::Damaged { .. })
        ));
        assert!(store.file(&found.manifest, "b").unwrap().is_some());
    }
}
