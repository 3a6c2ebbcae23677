//! The folder in which one job runs, and the claim to it.
//!
//! A claim is an exclusive kernel lock on `work/KEY/lock`. The coordinator takes it and passes it on to the child that
//! does the work, as an open file: both hold the one lock, so it outlives a coordinator that dies while its child still
//! writes, and a child that ends while the coordinator still commits. It dies with the last of them; there is nothing
//! to clean up after a kill. Whose it is stands in the file, for those who wait.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::aside::move_file;
use super::error::io_error;
use super::logs::shorten;
use super::{Holder, Store, StoreError};
use crate::keys::Key;

/// The exclusive right to run one job.
#[derive(Debug)]
pub struct Claim {
    key: Key,
    folder: PathBuf,
    lock: File,
}

impl Store {
    /// Claims the job with that key, making its work folder. `None` while another run has it.
    ///
    /// Whoever gets the claim must look the key up again: the run that had it may have finished the job.
    ///
    /// # Errors
    /// When the folder cannot be made or the lock not be taken.
    pub fn claim(&self, key: &Key) -> Result<Option<Claim>, StoreError> {
        let folder = self.work_folder(key);
        let path = folder.join("lock");
        loop {
            // `create_dir_all` would fail where another run removes the folder just then.
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(io_error(&folder)(error));
                }
                // A program has put a link in the place of its work folder: only the link goes, since what it leads to is the user's.
                Err(_) if fs::symlink_metadata(&folder).is_ok_and(|there| !there.is_dir()) => {
                    fs::remove_file(&folder).map_err(io_error(&folder))?;
                    continue;
                }
                _ => {}
            }
            let lock = match OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
            {
                Ok(lock) => lock,
                // Another run has just finished the job and removed the folder.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error(&path)(error)),
            };
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(io_error(&path)(error)),
            }
            if is_at(&lock, &path).map_err(io_error(&path))? {
                Holder::here().sign(&lock);
                return Ok(Some(Claim {
                    key: *key,
                    folder,
                    lock,
                }));
            }
        }
    }

    /// Whether another run has claimed the job with that key.
    pub fn is_claimed(&self, key: &Key) -> bool {
        is_locked(&self.work_folder(key))
    }

    /// Returns who has claimed the job with that key, or had it last, as far as that is known.
    pub fn holder(&self, key: &Key) -> Option<Holder> {
        Holder::read(&self.work_folder(key).join("lock"))
    }

    /// Ends a claim after its job was committed: a log that is not empty is kept, and the folder is removed.
    ///
    /// # Errors
    /// When the system refuses to move or remove.
    pub fn release(&self, claim: Claim) -> Result<(), StoreError> {
        let log = claim.log();
        let Claim { key, folder, lock } = claim;
        let kept = self.log(&key);
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            move_file(&log, &kept)?;
        } else {
            // The log is of an earlier result of the job, which was damaged.
            let _ = fs::remove_file(&kept);
        }
        match self.remove_folder(&folder) {
            // The folder is out of the way, and a later sweep removes what is left of it.
            Err(_) if !folder.exists() => {}
            removed => removed?,
        }
        // The claim ends only now that the folder is gone from its place.
        drop(lock);
        Ok(())
    }
}

impl Claim {
    /// Returns the key of the job.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns the work folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Checks that the work folder lies where it was made. A program may have put something else in its place, from which
    /// nothing may be read, moved or removed.
    ///
    /// # Errors
    /// When something else lies there.
    pub fn check_place(&self) -> Result<(), StoreError> {
        let is_folder = contract::is_folder(&self.folder).map_err(io_error(&self.folder))?;
        if is_folder
            && is_at(&self.lock, &self.folder.join("lock")).map_err(io_error(&self.folder))?
        {
            return Ok(());
        }
        Err(StoreError::Output {
            path: self.folder.clone(),
            reason: "something else was put in the place of the job's work folder; nothing was taken or removed there"
                .into(),
        })
    }

    /// Returns where the stage's output goes.
    pub fn output(&self) -> PathBuf {
        self.folder.join("output")
    }

    /// Returns where the child's messages go.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log.txt")
    }

    /// Shortens the log of an attempt that has ended, if it is long. A log that cannot be shortened stays as it is.
    pub fn end_log(&self) {
        let _ = shorten(&self.log());
    }

    /// Removes what a failed attempt wrote and the next one does not use; its checkpoints and its log stay.
    pub fn make_room(&self) {
        for name in ["output", "scratch"] {
            // A failure to remove is ignored: the reason why the attempt failed matters more.
            let _ = contract::remove_all(&self.folder.join(name));
        }
    }

    /// Returns another handle to the same lock, to be inherited by the child.
    ///
    /// # Errors
    /// When the system has no handle left.
    pub fn lock(&self) -> Result<File, StoreError> {
        self.lock.try_clone().map_err(io_error(&self.folder))
    }
}

/// A work folder: of a job that runs, or of one that was stopped or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Underway {
    /// The job's key.
    pub key: Key,
    /// The folder.
    pub folder: PathBuf,
    /// Whether a process works in the folder.
    pub runs: bool,
}

impl Store {
    /// Returns all work folders, in the order of their keys.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn underway(&self) -> Result<Vec<Underway>, StoreError> {
        let work = self.root().join("work");
        let entries = match fs::read_dir(&work) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&work)(error)),
        };
        let mut all = Vec::new();
        for entry in entries {
            let folder = entry.map_err(io_error(&work))?.path();
            let name = folder.file_name().and_then(|name| name.to_str());
            let Some(key) = name.and_then(|name| name.parse().ok()) else {
                continue;
            };
            let runs = is_locked(&folder);
            all.push(Underway { key, folder, runs });
        }
        all.sort_unstable_by_key(|underway| underway.key);
        Ok(all)
    }
}

/// Whether a process works in a work folder.
pub(super) fn is_locked(folder: &Path) -> bool {
    // The lock is shared, and held for an instant: a run that claims the folder just then tries again.
    File::open(folder.join("lock"))
        .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether `path` still leads to `file`.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::test_support::in_time;

    fn key() -> Key {
        "ab".repeat(32).parse().unwrap()
    }

    #[test]
    fn one_claim_at_a_time_and_an_inherited_lock_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let first = store.claim(&key()).unwrap().unwrap();
        assert!(store.claim(&key()).unwrap().is_none());
        let holder = store.holder(&key()).unwrap();
        assert_eq!((holder.pid, holder.is_gone()), (std::process::id(), false));
        let inherited = first.lock().unwrap();
        drop(first);
        assert!(
            store.claim(&key()).unwrap().is_none(),
            "the child still works"
        );
        let runs = || {
            store
                .underway()
                .unwrap()
                .iter()
                .map(|one| one.runs)
                .collect::<Vec<_>>()
        };
        assert_eq!(runs(), [true]);
        drop(inherited);
        assert!(in_time(|| runs() == [false]));
        assert!(in_time(|| store.claim(&key()).unwrap().is_some()));
    }

    #[test]
    fn a_lock_on_a_removed_folder_is_worth_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let first = store.claim(&key()).unwrap().unwrap();
        let path = first.folder().to_path_buf();
        // A second run has opened the lock file and waits while the first finishes.
        let stale = OpenOptions::new()
            .write(true)
            .open(path.join("lock"))
            .unwrap();
        store.release(first).unwrap();
        assert!(!path.exists());
        stale.lock().unwrap();
        assert!(!is_at(&stale, &path.join("lock")).unwrap());
        assert!(store.claim(&key()).unwrap().is_some());
    }

    #[test]
    fn claims_raced_for_are_had_once_at_a_time() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let holders = AtomicUsize::new(0);
        let claimed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Some(claim) = store.claim(&key()).unwrap() {
                            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                            claimed.fetch_add(1, Ordering::SeqCst);
                            holders.fetch_sub(1, Ordering::SeqCst);
                            store.release(claim).unwrap();
                        }
                    }
                });
            }
        });
        assert!(claimed.load(Ordering::SeqCst) > 0);
    }
}
