//! Artifacts as folders for other programs: `folders/HEX/`, with the names that the stage gave its files.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use contract::below;

use super::aside::REMOVED;
use super::error::io_error;
use super::hash::hash_at;
use super::inputs::entrance;
use super::users::lock_file;
use super::{Entry, Manifest, Store, StoreError};

/// How many digits of an artifact's digest name its folder: enough for a store, short enough for a command line.
pub(crate) const DIGITS: usize = 16;

impl Store {
    /// Lays the files of `manifest` out as a folder for other programs to read, and returns its path, or that of the
    /// file in it if the manifest is of a single file. A folder that is there already and whole is used again; one that
    /// was changed is set aside as `NAME.damaged`.
    ///
    /// The files are hard links to the read-only objects: nothing is copied where the file system can link.
    ///
    /// # Errors
    /// When the system refuses to read or write.
    pub fn lay_out(&self, manifest: &Manifest) -> Result<PathBuf, StoreError> {
        let folders = self.root().join("folders");
        let path = folders.join("lock");
        let lock = lock_file(&path)?;
        // One run at a time: a folder that another has just put in place must not be taken for damaged and set aside.
        lock.lock().map_err(io_error(&path))?;

        // A program that is handed the folder reads it as the result, and no time of a file shows that somebody has changed it
        // and put the time back. So objects are read.
        for file in &manifest.files {
            self.sound(&file.digest)?;
        }
        let mut name = manifest.digest().to_string();
        name.truncate(DIGITS);
        let place = folders.join(name);
        if !self.is_laid_out(manifest, &place)? {
            if fs::symlink_metadata(&place).is_ok() {
                self.set_aside(&place)?;
            }
            match self.lay_out_by_way_of(&self.tmp(), manifest, &place)? {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::CrossesDevices => self
                    .lay_out_by_way_of(&folders, manifest, &place)?
                    .map_err(io_error(&place))?,
                Err(error) => return Err(io_error(&place)(error)),
            }
        }
        Ok(entrance(manifest, &place))
    }

    /// Serves a manifest's files aside, below a folder, and moves them into place; the inner result is the move's.
    fn lay_out_by_way_of(
        &self,
        aside: &Path,
        manifest: &Manifest,
        place: &Path,
    ) -> Result<io::Result<()>, StoreError> {
        let aside = tempfile::Builder::new()
            .prefix(REMOVED)
            .tempdir_in(aside)
            .map_err(io_error(aside))?;
        let folder = aside.path().join("folder");
        self.serve(manifest, &folder)?;
        Ok(fs::rename(&folder, place))
    }

    /// Whether the files of `manifest`, and no others, lie in the folder.
    fn is_laid_out(&self, manifest: &Manifest, folder: &Path) -> Result<bool, StoreError> {
        // A folder that cannot be listed cannot be handed to another program.
        let Ok(there) = below(folder) else {
            return Ok(false);
        };
        let names = there.iter().map(|file| &file.name);
        if !names.eq(manifest.files.iter().map(|file| &file.path)) {
            return Ok(false);
        }
        for file in &manifest.files {
            if !self.is_entry(&folder.join(&file.path), file)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the file at `path` is the object of that entry or, where the file system cannot link, a copy of the object.
    fn is_entry(&self, path: &Path, entry: &Entry) -> Result<bool, StoreError> {
        let object = self.object(&entry.digest);
        let identity = |path: &Path| match fs::metadata(path) {
            Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino(), metadata.size()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(path)(error)),
        };
        let Some(there) = identity(path)? else {
            return Ok(false);
        };
        if there.2 != entry.size {
            return Ok(false);
        }
        if Some(there) == identity(&object)? {
            return Ok(true);
        }
        Ok(hash_at(path).map_err(io_error(path))?.0 == entry.digest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use contract::ArtifactType;

    use super::*;
    use crate::keys::KeyParts;
    use crate::store::{Cost, Made};

    /// A store with an artifact of two files.
    fn store() -> (tempfile::TempDir, Store, Manifest) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let parts = KeyParts {
            kind: "test".into(),
            version: 1,
            numerics: None,
            params: contract::Params::default(),
            inputs: std::collections::BTreeMap::new(),
        };
        let claim = store.claim(&parts.key()).unwrap().unwrap();
        fs::create_dir_all(claim.output().join("sub")).unwrap();
        fs::write(claim.output().join("a.json"), "one").unwrap();
        fs::write(claim.output().join("sub/b"), "two").unwrap();
        let made = Made {
            label: "job".into(),
            parts,
            cost: Cost::default(),
            output: ArtifactType::Encoder,
            source: None,
            notes: crate::store::Notes::default(),
        };
        let found = store.commit(&claim.output(), made).unwrap();
        store.release(claim).unwrap();
        (folder, store, found.0.manifest.as_ref().clone())
    }

    fn read(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap()
    }

    #[test]
    fn an_artifact_is_laid_out_once_under_its_own_names() {
        let (_folder, store, manifest) = store();
        let path = store.lay_out(&manifest).unwrap();
        assert_eq!(path.parent().unwrap(), store.root().join("folders"));
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, &manifest.digest().to_string()[..DIGITS]);
        assert_eq!(
            (read(&path, "a.json"), read(&path, "sub/b")),
            ("one".into(), "two".into())
        );
        let linked = fs::metadata(path.join("a.json")).unwrap();
        assert_eq!((linked.nlink(), linked.mode() & 0o777), (2, 0o444));
        let before = fs::metadata(&path).unwrap().ino();
        assert_eq!(store.lay_out(&manifest).unwrap(), path);
        assert_eq!(fs::metadata(&path).unwrap().ino(), before, "used again");
        assert_eq!(fs::read_dir(store.tmp()).unwrap().count(), 0);
    }

    #[test]
    fn a_single_file_is_laid_out_as_a_path_to_it() {
        let (_folder, store, manifest) = store();
        let path = store.lay_out(&manifest.part("sub/b").unwrap()).unwrap();
        assert!(path.ends_with("b"), "{}", path.display());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    }

    #[test]
    fn a_folder_that_was_changed_is_set_aside_and_made_again() {
        let (_folder, store, manifest) = store();
        let path = store.lay_out(&manifest).unwrap();
        let changes: [&dyn Fn(); 4] = [
            &|| fs::write(path.join("mine.txt"), "mine").unwrap(),
            &|| fs::remove_file(path.join("sub/b")).unwrap(),
            &|| {
                fs::remove_file(path.join("a.json")).unwrap();
                fs::write(path.join("a.json"), "ONE").unwrap();
            },
            &|| fs::remove_dir_all(&path).unwrap(),
        ];
        for change in changes {
            change();
            assert_eq!(store.lay_out(&manifest).unwrap(), path);
            assert_eq!(
                (read(&path, "a.json"), read(&path, "sub/b")),
                ("one".into(), "two".into())
            );
            assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
        }
        assert_eq!(
            read(&path.with_extension("damaged"), "mine.txt"),
            "mine",
            "nothing of the user's is removed"
        );
        // A copy is as good as a link.
        fs::remove_file(path.join("a.json")).unwrap();
        fs::write(path.join("a.json"), "one").unwrap();
        store.lay_out(&manifest).unwrap();
        assert_eq!(fs::metadata(path.join("a.json")).unwrap().nlink(), 1);
    }

    #[test]
    fn many_at_once_agree_and_leave_nothing_behind() {
        let (_folder, store, manifest) = store();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let path = store.lay_out(&manifest).unwrap();
                        assert_eq!(read(&path, "a.json"), "one");
                    }
                });
            }
        });
        let mut names: Vec<_> = fs::read_dir(store.root().join("folders"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(fs::read_dir(store.tmp()).unwrap().count(), 0);
    }
}
