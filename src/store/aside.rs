//! Writing so that a reader never sees half of anything.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use contract::{open_up, remove_all};
use tempfile::TempPath;

use super::error::io_error;
use super::owner::settle;
use super::{Store, StoreError};

/// How names of files and folders begin that are not finished yet, or are being removed.
pub(crate) const REMOVED: &str = "removed-";
/// How often the removal of a folder is tried that was renamed already. A process that was about to make a file in the folder
/// makes it all the same; and on a network file system files that are still open stay under other names.
const REMOVALS: u32 = 8;
/// How many files are synced at once.
const SYNCS_AT_ONCE: usize = 16;

impl Store {
    /// Writes `bytes` to `target` within the store: aside, synced, renamed, folder synced. What was there is replaced.
    pub(super) fn write_aside(&self, target: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let file = self.aside(target, bytes)?;
        sync(file.path())?;
        file.put()?;
        sync(target.parent().unwrap_or(target))
    }

    /// Writes a file aside that is to be at `target`, without syncing it or putting it there.
    pub(super) fn aside(&self, target: &Path, bytes: &[u8]) -> Result<Aside, StoreError> {
        let mut file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(self.tmp())
            .map_err(io_error(&self.tmp()))?;
        settle(file.as_file(), self.root());
        file.write_all(bytes).map_err(io_error(target))?;
        Ok(Aside {
            file: file.into_temp_path(),
            target: target.to_path_buf(),
        })
    }

    /// Takes `path` out of the way without destroying the evidence, and returns where it went.
    pub(super) fn set_aside(&self, path: &Path) -> Result<PathBuf, StoreError> {
        let mut number = 0_u32;
        loop {
            let mut name = path.as_os_str().to_owned();
            name.push(".damaged");
            if number > 0 {
                name.push(format!("-{number}"));
            }
            let place = PathBuf::from(name);
            if !place.exists() {
                fs::rename(path, &place).map_err(io_error(path))?;
                // A damaged object was here, so its mark as elsewhere, if a killed program has left one, is wrong.
                if path.starts_with(self.root().join("objects")) {
                    self.unmark_at(path);
                }
                return Ok(place);
            }
            number += 1;
        }
    }

    /// Removes a folder, renamed away first, so that nobody sees half of it.
    pub(crate) fn remove_folder(&self, folder: &Path) -> Result<(), StoreError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let mut home = self.tmp();
        let mut is_open = false;
        let place = loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("{REMOVED}{}-{number}", std::process::id());
            let place = home.join(name);
            match fs::rename(folder, &place) {
                Ok(()) => break place,
                // A process that was killed and had the same number has left a folder of that name.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
                    ) => {}
                Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                    home = folder.parent().unwrap_or(folder).to_path_buf();
                }
                // A folder that moves to another parent must be writable itself.
                Err(error) if error.kind() == ErrorKind::PermissionDenied && !is_open => {
                    is_open = true;
                    open_up(folder).map_err(|_| io_error(folder)(error))?;
                }
                Err(error) => return Err(io_error(folder)(error)),
            }
        };
        for _ in 0..REMOVALS {
            match remove_all(&place) {
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::DirectoryNotEmpty | ErrorKind::ResourceBusy
                    ) => {}
                result => return result.map_err(io_error(&place)),
            }
        }
        // The folder is out of the way, and a later run or sweep removes what is left of it.
        Ok(())
    }
}

/// A file that is written and not in its place yet. The file is removed if it is never put there.
pub(super) struct Aside {
    file: TempPath,
    pub(super) target: PathBuf,
}

impl Aside {
    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    /// Puts the file, synced by now, in its place. What was there is replaced.
    pub(super) fn put(self) -> Result<(), StoreError> {
        let Self { file, target } = self;
        match file.persist(&target) {
            Ok(()) => Ok(()),
            Err(error) if error.error.kind() == ErrorKind::CrossesDevices => {
                move_file(&error.path, &target)
            }
            Err(error) => Err(io_error(&target)(error.error)),
        }
    }
}

/// Moves a synced file. On another file system a synced copy is made, and put in place when it is whole.
pub(super) fn move_file(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {}
        result => return result.map_err(io_error(to)),
    }
    let folder = to.parent().unwrap_or(to);
    let aside = tempfile::Builder::new()
        .prefix(REMOVED)
        .tempfile_in(folder)
        .map_err(io_error(folder))?;
    // Copies the permissions as well.
    fs::copy(from, aside.path()).map_err(io_error(to))?;
    aside.as_file().sync_all().map_err(io_error(to))?;
    aside
        .persist(to)
        .map_err(|error| io_error(to)(error.error))?;
    fs::remove_file(from).map_err(io_error(from))
}

/// Syncs a file or a folder.
pub(crate) fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(io_error(path))
}

/// Syncs many files and folders, several at once, since the file system then writes its journal once for all of them.
pub(super) fn sync_all(paths: &[&Path]) -> Result<(), StoreError> {
    if let [path] = paths {
        return sync(path);
    }
    thread::scope(|scope| {
        let share = paths.len().div_ceil(SYNCS_AT_ONCE).max(1);
        let threads: Vec<_> = paths
            .chunks(share)
            .map(|paths| {
                let work = move || paths.iter().try_for_each(|path| sync(path));
                // Where the system gives no thread, this one does the work.
                let thread = thread::Builder::new().spawn_scoped(scope, work);
                thread.map_err(|_| work())
            })
            .collect();
        // The first error in order, so that a failure reads the same each time.
        threads.into_iter().try_for_each(|thread| match thread {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(done) => done,
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_set_aside_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let path = folder.path().join("records/x.json");
        for content in ["first", "second", "third"] {
            store.write_aside(&path, content.as_bytes()).unwrap();
            store.set_aside(&path).unwrap();
        }
        let read =
            |name: &str| fs::read_to_string(folder.path().join("records").join(name)).unwrap();
        assert_eq!(read("x.json.damaged"), "first");
        assert_eq!(read("x.json.damaged-1"), "second");
        assert_eq!(read("x.json.damaged-2"), "third");
        assert_eq!(fs::read_dir(store.tmp()).unwrap().count(), 0);
    }

    #[test]
    fn whoever_still_makes_files_in_a_folder_does_not_keep_it_from_going() {
        use std::sync::atomic::AtomicBool;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let path = folder.path().join("work/x");
        let ended = AtomicBool::new(false);
        for _ in 0..20 {
            fs::create_dir(&path).unwrap();
            // The file is made as by a process that looked up the folder's path before the folder was renamed.
            let inside = File::open(&path).unwrap();
            let make = || {
                use rustix::fs::{Mode, OFlags, openat};
                for number in 0.. {
                    let name = number.to_string();
                    let made = openat(&inside, name, OFlags::CREATE, Mode::RWXU);
                    if made.is_err() || ended.load(Ordering::Relaxed) {
                        break;
                    }
                }
            };
            thread::scope(|scope| {
                scope.spawn(make);
                let removed = store.remove_folder(&path);
                ended.store(true, Ordering::Relaxed);
                removed.unwrap();
                assert!(!path.exists());
            });
            ended.store(false, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_failed_write_names_the_target_and_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let target = folder.path().join("records/missing/x.json");
        let error = store.write_aside(&target, b"x").unwrap_err();
        assert!(
            error.to_string().contains("records/missing/x.json"),
            "{error}"
        );
        assert_eq!(fs::read_dir(store.tmp()).unwrap().count(), 0);
    }
}
