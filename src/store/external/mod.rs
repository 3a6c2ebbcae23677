//! Inputs that the user gives by path: files and folders outside the store.
//!
//! What of them counts, [`crate::belongs`] says; `walk` finds it, `stamp` tells what need not be read again, and `view` shows it
//! to a stage.

mod stamp;
#[cfg(test)]
mod tests;
mod view;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::StageError;

use super::hash::hash;
use super::{Content, Digest, Entry, Manifest, Store};
use crate::belongs::{self, Selection};
pub use stamp::Hashed;
pub(crate) use stamp::Stamp;
pub(crate) use view::View;

/// A file or folder outside the store, as it was when it was hashed.
#[derive(Debug)]
pub struct External {
    path: PathBuf,
    selection: Selection,
    manifest: Manifest,
    digest: Digest,
    /// Where each file of the manifest lies, in the manifest's order.
    files: Vec<PathBuf>,
    /// What each file was like when its bytes were last found to be those of the manifest, in that order.
    stamps: Mutex<Vec<Stamp>>,
    /// Whether the path leads to files as well that do not count.
    left_out: bool,
}

impl External {
    /// Hashes what belongs to the input of that name: the file, or files below the folder, at `path`. Symbolic links are
    /// followed. A file that was hashed already, or that `store` has a note of, and that was not changed since, is not
    /// read again.
    ///
    /// # Errors
    /// When the path does not exist, is neither file nor folder, holds no file that counts, cannot be read, or has a name that
    /// is not UTF-8.
    pub fn read(
        path: &Path,
        input: &str,
        selection: &Selection,
        store: &Store,
        hashed: &mut Hashed,
    ) -> Result<Self, StageError> {
        let found = walk::find(path, selection, store)?;
        let mut entries = Vec::with_capacity(found.files.len());
        for mut file in found.files {
            let known = hashed.get(&file.stamp);
            let (digest, size) = match known.or_else(|| file.stamp.noted(store)) {
                Some(digest) => (digest, file.stamp.size),
                None => {
                    let (stamp, read) = read(&file.place)?;
                    stamp.note(store, read);
                    file.stamp = stamp;
                    read
                }
            };
            hashed.put(file.stamp, digest);
            // A single file goes by the input's name; files beside it that are read with it go by their own.
            let path = match file.name.is_empty() {
                true => belongs::name_of_file(input, &file.place),
                false => file.name,
            };
            let entry = Entry { path, digest, size };
            entries.push((entry, file.place, file.stamp));
        }
        entries.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        let files = entries.iter().map(|(_, place, _)| place.clone()).collect();
        let stamps = entries.iter().map(|(_, _, stamp)| *stamp).collect();
        let entries: Vec<Entry> = entries.into_iter().map(|(entry, ..)| entry).collect();
        let content = match entries.len() {
            1 => found.content,
            // Several files are a folder, as if these alone lay in it.
            _ => Content::Folder,
        };
        let manifest = Manifest::new(content, entries);
        Ok(Self {
            path: path.to_path_buf(),
            selection: selection.clone(),
            digest: manifest.digest(),
            manifest,
            files,
            stamps: Mutex::new(stamps),
            left_out: found.left_out,
        })
    }

    /// Returns how many bytes [`External::read`] would have to read, since `store` has no note of them. What cannot be found
    /// takes no time.
    pub fn unread(path: &Path, selection: &Selection, store: &Store) -> u64 {
        let found = walk::find(path, selection, store);
        let files = found.into_iter().flat_map(|found| found.files);
        let files = files.filter(|file| file.stamp.noted(store).is_none());
        files.map(|file| file.stamp.size).sum()
    }

    /// Returns the digest of the content: of a folder the same as of an artifact's part with the same files.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the list of its files.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns its files: under which name each counts, and where it lies.
    pub fn files(&self) -> impl Iterator<Item = (&Entry, &Path)> {
        let places = self.files.iter().map(PathBuf::as_path);
        self.manifest.files.iter().zip(places)
    }

    /// Returns the path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a single file, whatever is read beside it.
    pub(crate) fn is_file(&self) -> bool {
        self.files.contains(&self.path)
    }

    fn stamps(&self) -> MutexGuard<'_, Vec<Stamp>> {
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hashes a file, and returns the stamp that it had before.
fn read(path: &Path) -> Result<(Stamp, (Digest, u64)), StageError> {
    let read = || {
        let file = belongs::open(path)?;
        Ok((Stamp::of(&file.metadata()?), hash(&file)?))
    };
    read().map_err(|error: std::io::Error| {
        StageError::input(
            path.display(),
            error.to_string(),
            "check that the file can be read",
        )
    })
}
