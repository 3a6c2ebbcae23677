//! What tells that a file was changed without reading it, and digests that are known by it.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

use crate::bytes::Writer;
use crate::store::{Digest, Store};

/// How many seconds old the last change of a file must be for its time to tell it from a later one: more than the coarsest
/// clock of a file system.
const SETTLED: i64 = 2;

/// A file's identity, size and times. A file with the same stamp has the same bytes: nobody can set back the time of the last
/// change of its entry. A file with another stamp has to be read, since links, modes and owners change that time too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    pub(in crate::store) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Digests of files that were read since the program has started, by their stamps.
#[derive(Debug, Default)]
pub struct Hashed(HashMap<Stamp, Digest>);

impl Hashed {
    pub(super) fn get(&self, stamp: &Stamp) -> Option<Digest> {
        self.0.get(stamp).copied()
    }

    pub(super) fn put(&mut self, stamp: Stamp, digest: Digest) {
        self.0.insert(stamp, digest);
    }
}

impl Stamp {
    pub(in crate::store) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the other stamp is of the same file, changed or not.
    pub(in crate::store) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Returns the digest that `store` has noted of a file with this stamp.
    pub(super) fn noted(&self, store: &Store) -> Option<Digest> {
        let note = store.note(&self.name())?;
        Some(Digest::from_bytes(note.try_into().ok()?))
    }

    /// Notes the digest of the file with this stamp, unless the file was changed so lately that another change might not show,
    /// or has another size by now.
    pub(super) fn note(&self, store: &Store, (digest, size): (Digest, u64)) {
        let changed = self.modified.0.max(self.changed.0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
        if size == self.size && changed + SETTLED < now {
            store.keep_note(&self.name(), digest.as_bytes());
        }
    }

    fn name(&self) -> Digest {
        let mut bytes = Writer::default();
        bytes.text("external file");
        for number in [self.device, self.inode, self.size] {
            bytes.bytes(&number.to_le_bytes());
        }
        for (seconds, nanoseconds) in [self.modified, self.changed] {
            bytes.bytes(&seconds.to_le_bytes());
            bytes.bytes(&nanoseconds.to_le_bytes());
        }
        Digest::of(&bytes.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn a_file_is_read_once_unless_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let write = |text: &str, seconds: u64| {
            fs::write(&path, text).unwrap();
            let time = SystemTime::now() - std::time::Duration::from_secs(seconds);
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(time)
                .unwrap();
            Stamp::of(&fs::metadata(&path).unwrap())
        };
        let root = tempfile::tempdir().unwrap();
        let digest = |text: &str| (Digest::of(text.as_bytes()), text.len() as u64);
        let store = Store::open(root.path()).unwrap();
        // The time of the last change of the entry is now, which is too late to be believed.
        let fresh = write("one", 60);
        fresh.note(&store, digest("one"));
        let mut settled = fresh;
        settled.changed.0 -= 60;
        settled.note(&store, digest("one"));
        drop(store);
        let store = Store::open(root.path()).unwrap();
        assert_eq!(fresh.noted(&store), None);
        assert_eq!(settled.noted(&store), Some(digest("one").0));
        assert_eq!(write("two", 59).noted(&store), None);
    }
}
