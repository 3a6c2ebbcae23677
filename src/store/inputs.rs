//! Serving artifacts to stages: names in a work folder that lead to objects.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::error::io_error;
use super::{Content, Manifest, Store, StoreError};

impl Store {
    /// Makes the files of `manifest` appear below `folder`, and returns the path to hand to a stage: `folder`, or the
    /// file in it if the manifest is of a single file.
    ///
    /// The files are hard links to the read-only objects: nothing is copied where the file system can link. Their bytes are
    /// read and compared with their names, once while the store is open.
    ///
    /// # Errors
    /// When an object is damaged, or the system refuses.
    pub fn serve(&self, manifest: &Manifest, folder: &Path) -> Result<PathBuf, StoreError> {
        for file in &manifest.files {
            self.sound(&file.digest)?;
        }
        self.link(manifest, folder)
    }

    /// Makes the files of `manifest` appear below `folder` without reading them.
    pub(super) fn link(&self, manifest: &Manifest, folder: &Path) -> Result<PathBuf, StoreError> {
        let mut made = BTreeSet::new();
        for file in &manifest.files {
            let path = folder.join(&file.path);
            if let Some(parent) = path.parent()
                && made.insert(parent.to_path_buf())
            {
                fs::create_dir_all(parent).map_err(io_error(parent))?;
            }
            link(&self.object(&file.digest), &path).map_err(io_error(&path))?;
        }
        Ok(entrance(manifest, folder))
    }
}

/// Returns the path that stands for what is served in `folder`: `folder`, or the file in it if the manifest is of a
/// single file.
pub(super) fn entrance(manifest: &Manifest, folder: &Path) -> PathBuf {
    match (&manifest.content, manifest.files.first()) {
        (Content::File, Some(file)) => folder.join(&file.path),
        _ => folder.to_path_buf(),
    }
}

/// A hard link; where that cannot be had (no such thing on the file system, too many links), a symbolic one, or a copy.
fn link(object: &Path, path: &Path) -> io::Result<()> {
    fs::hard_link(object, path)
        .or_else(|_| symlink(object, path))
        .or_else(|_| fs::copy(object, path).map(|_| ()))
}
