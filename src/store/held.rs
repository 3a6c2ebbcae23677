//! What a store holds: its results, and the files of its folders.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::{Known, Manifest, Store, StoreError, io_error};
use crate::keys::Key;

/// A result in the store.
#[derive(Clone, Debug)]
pub struct Held {
    /// The result's record, and when it was written.
    pub known: Known,
    /// What the artifact consists of; `None` if its manifest is damaged.
    pub manifest: Option<Manifest>,
    /// How many bytes those files have that are here.
    bytes: u64,
}

impl Held {
    /// Returns how many bytes those files have that are here.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Store {
    /// Returns all results, in the order of their keys.
    ///
    /// # Errors
    /// When a record cannot be read: what it says is needed cannot be told.
    pub fn held(&self) -> Result<Vec<Held>, StoreError> {
        let known = self.known()?;
        let read: BTreeSet<Key> = known.iter().map(|known| known.record.key).collect();
        for (path, name) in list(&self.records())? {
            let is_read = stem(&name).is_some_and(|key| read.contains(&key));
            if name.ends_with(".json") && !is_read {
                return Err(StoreError::Unreadable {
                    path,
                    reason: "the record cannot be read".into(),
                    remedy: "`pipe verify` sets aside what is damaged; then try again".into(),
                });
            }
        }
        let marked = self.marked()?;
        let held = known.into_iter().map(|known| {
            let manifest = self.listing(&known.record.artifact);
            let files = manifest.iter().flat_map(|manifest| &manifest.files);
            let here = files.filter(|file| !marked.contains(&file.digest));
            let bytes = here.fold(0, |sum: u64, file| sum.saturating_add(file.size));
            Held {
                known,
                manifest,
                bytes,
            }
        });
        Ok(held.collect())
    }
}

/// Returns how many bytes the file, or the files below the folder, take by themselves: a file with other links is not counted,
/// since it stays.
pub(crate) fn size_below(path: &Path) -> u64 {
    let all = WalkDir::new(path).follow_root_links(false).into_iter();
    let metadata = all.flatten().flat_map(|entry| entry.metadata());
    let own = metadata.filter(|metadata| metadata.is_file() && metadata.nlink() == 1);
    own.map(|metadata| metadata.len()).sum()
}

/// Returns what a file `NAME.json` is named after, a key or a digest.
pub(crate) fn stem<T: std::str::FromStr>(name: &str) -> Option<T> {
    name.strip_suffix(".json")?.parse().ok()
}

/// Returns what lies in a folder, with the names, sorted. Names that are not UTF-8 are left out: the store writes none.
pub(crate) fn list(folder: &Path) -> Result<Vec<(PathBuf, String)>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(Vec::new()),
        Err(error) => return Err(io_error(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io_error(folder))?;
        if let Ok(name) = entry.file_name().into_string() {
            found.push((entry.path(), name));
        }
    }
    found.sort();
    Ok(found)
}
