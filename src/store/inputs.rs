//! Serving artifacts to stages: names in a work folder that lead to objects.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::error::io_error;
use super::external::Stamp;
use super::hash::hash_at;
use super::{Content, Digest, Manifest, Store, StoreError};

/// What a job was served from the store: each object's digest, its place in the work folder, and its stamp.
#[derive(Debug, Default)]
pub(crate) struct Served(Vec<(Digest, PathBuf, Stamp)>);

impl Store {
    /// Serves a manifest's files as [`Store::serve`] does, and returns as well what tells later whether they were changed.
    ///
    /// # Errors
    /// Those of [`Store::serve`].
    pub(crate) fn serve_watched(
        &self,
        manifest: &Manifest,
        folder: &Path,
    ) -> Result<(PathBuf, Served), StoreError> {
        let path = self.serve(manifest, folder)?;
        let mut served = Served::default();
        let mut seen = BTreeSet::new();
        for file in &manifest.files {
            if seen.insert(file.digest) {
                let object = self.object(&file.digest);
                let stamp = Stamp::of(&fs::metadata(&object).map_err(io_error(&object))?);
                served.0.push((file.digest, folder.join(&file.path), stamp));
            }
        }
        Ok((path, served))
    }

    /// Checks that the objects that a job was served still have their bytes, now that the job has read them. An object with
    /// another stamp is read again, since each job that is served it changes the stamp.
    ///
    /// # Errors
    /// Names an object that somebody has changed. It is set aside, so that its job runs again.
    pub(crate) fn check_served(&self, served: &Served) -> Result<(), StoreError> {
        for (digest, place, stamp) in &served.0 {
            let object = self.object(digest);
            let found = fs::metadata(&object).map(|found| Stamp::of(&found));
            let found = found.ok();
            let changed = |path: PathBuf| {
                let reason = "somebody has changed it while a job was reading it".to_owned();
                Err(StoreError::Changed { path, reason })
            };
            if found.is_none_or(|found| found != *stamp) && !self.has_whole(digest)? {
                return changed(object);
            }
            // The job may have put another file in the place of what it was served, and another run a whole object in the place
            // of a damaged one.
            let there = fs::metadata(place).map(|there| Stamp::of(&there));
            if !there.is_ok_and(|there| there.is_same_file(stamp))
                && !hash_at(place).is_ok_and(|(there, _)| there == *digest)
            {
                return changed(place.clone());
            }
        }
        Ok(())
    }

    /// Makes the files of `manifest` appear below `folder`, and returns the path to hand to a stage: `folder`, or the
    /// file in it if the manifest is of a single file.
    ///
    /// The files are hard links to the read-only objects: nothing is copied where the file system can link. Each object is read
    /// and compared with its digest, once while the store is open.
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

/// Makes a hard link; where there can be none (unknown to the file system, too many links), a symbolic one or a copy.
fn link(object: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(object, path) {
        // Copying an object over another name of itself would empty it.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        linked => linked
            .or_else(|_| symlink(object, path))
            .or_else(|_| fs::copy(object, path).map(|_| ())),
    }
}
