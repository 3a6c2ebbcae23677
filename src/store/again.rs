//! A store aside, in which jobs run once more whose results the store has already.
//!
//! It lies in `tmp/` of the store, and has copies of the objects that its jobs read. So jobs run there as everywhere, and whatever
//! they make or write to, no result of the store is touched.
//!
//! A process that works in such a store holds a lock on it; what a killed process has left is removed when the next store aside
//! is made, or by a sweep.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use contract::remove_all;

use super::error::io_error;
use super::{Found, Store, StoreError};

/// How the folders in `folders/` end that hold what a job has made and should have made otherwise.
pub(crate) const AGAIN: &str = ".again";
/// How names of stores aside begin.
const SCRATCH: &str = "rerun-";
/// How many digits of a job's key name such a folder.
const DIGITS: usize = 16;

/// A store aside, which goes with the value.
#[derive(Debug)]
pub struct Scratch {
    store: Store,
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// Makes an empty store aside.
    ///
    /// # Errors
    /// When nothing can be written in this store.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        self.sweep();
        let tmp = self.tmp();
        let lock = tempfile::NamedTempFile::new_in(&tmp).map_err(io_error(&tmp))?;
        lock.as_file().lock().map_err(io_error(&tmp))?;
        let folder = tempfile::Builder::new()
            .prefix(SCRATCH)
            .tempdir_in(&tmp)
            .map_err(io_error(&tmp))?
            .keep();
        // The lock file is locked before it gets its place, so no sweep ever sees the folder without a lock.
        let made = lock
            .persist(folder.join("lock"))
            .map_err(|error| io_error(&folder)(error.error))
            .and_then(|lock| Ok((Store::open(&folder.join("store"))?, lock)));
        match made {
            Ok((store, lock)) => Ok(Scratch {
                store,
                folder,
                _lock: lock,
            }),
            Err(error) => {
                // A sweep takes what is left of the folder.
                let _ = remove_all(&folder);
                Err(error)
            }
        }
    }
}

/// Whether a folder in `tmp/` is a store aside, made to its end.
pub(super) fn is_scratch(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(SCRATCH)) && folder.join("lock").exists()
}

impl Scratch {
    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Takes in the files of a result of the store around this one, but those that are elsewhere.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn borrow(&self, from: &Store, found: &Found) -> Result<(), StoreError> {
        let files = found.manifest.files.iter();
        for file in files.filter(|file| !found.absent.has(&file.digest)) {
            let place = self.store.object(&file.digest);
            let folder = place.parent().unwrap_or(self.store.root());
            fs::create_dir_all(folder).map_err(io_error(folder))?;
            // A link would let a program that writes to what it was served write to the store.
            if !place.exists() {
                let object = from.object(&file.digest);
                fs::copy(&object, &place).map_err(io_error(&place))?;
            }
        }
        Ok(())
    }

    /// Leaves what a job has made here in a folder of the store around this one, for somebody to look at, and returns its path.
    /// What an earlier check has left of the job is removed.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn leave(&self, to: &Store, found: &Found) -> Result<PathBuf, StoreError> {
        let laid_out = self.store.lay_out(&found.manifest)?;
        let name = format!("{}{AGAIN}", &found.key.to_string()[..DIGITS]);
        let place = to.root().join("folders").join(name);
        if fs::symlink_metadata(&place).is_ok() {
            remove_all(&place).map_err(io_error(&place))?;
        }
        let folder = folder_of(&laid_out, &self.store);
        fs::rename(folder, &place).map_err(io_error(&place))?;
        Ok(place)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A sweep takes what is left of the folder.
        let _ = remove_all(&self.folder);
    }
}

/// Returns the folder in which an artifact was laid out; of an artifact that is a single file, `laid_out` is the path of that
/// file.
fn folder_of<'p>(laid_out: &'p Path, store: &Store) -> &'p Path {
    let folders = store.root().join("folders");
    let mut above = laid_out.ancestors();
    above
        .find(|path| path.parent() == Some(&folders))
        .unwrap_or(laid_out)
}
