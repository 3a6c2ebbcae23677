//! Who uses the store now, so that nothing is swept away under anybody.
//!
//! `users/` holds a file for each process that has the store open ([`Store::open`], [`Store::reader`]): its first line
//! says who it is, the others name the results that it counts on. The process holds a kernel lock (`flock`) on it while
//! it lives, so a file without a lock is nobody's: there is nothing to clean up after a kill. Two files more are the
//! store's own locks: `lock` is shared by whoever is about to use what it has just looked up or examined, and held alone
//! by a sweep (`pipe gc`); `gate` is passed on the way to it, so that a sweep is not kept waiting for ever by users who
//! relieve one another.
//!
//! **Why a sweep takes nothing that is in use.** A sweep holds `lock` alone while it decides what goes and removes it.
//!
//! * *A commit* holds `lock` shared from before it looks whether an object is there already until the record is
//!   written. So a sweep sees either no part of it, or objects, manifest and record together, and never takes an object
//!   that a commit has decided to use again. What a killed commit leaves is seen as what it is: objects that nothing names.
//! * *A run* names in its file the keys of all its jobs whose inputs are known, whether they have results or not. It looks
//!   them up and names them under one shared lock, so a sweep comes before (the run finds the result gone, and makes it
//!   again) or after (the sweep keeps it). Until it has named its first keys its file names nothing, and a sweep waits.
//!   A result that the run makes has a key that it has named.
//! * *A job that runs* is known by the lock on its work folder ([`super::work`]), also when its coordinator is dead. Its
//!   inputs are links to objects: where they are hard links they outlive any sweep, and objects that symbolic ones lead
//!   to are kept.
//! * *Who reads or writes much besides* (`pipe verify`, `pipe export`, `pipe import`, `pipe pin`) names nothing, and a
//!   sweep waits until it has ended.
//! * *Who only looks* (`pipe plan`, `pipe show`) takes no lock: at worst it is told that something is not there.
//!
//! A process that cannot write its file, for want of room say, empties it, which takes no room: then a sweep waits for it.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::error::io_error;
use super::held::list;
use super::owner::{Owner, settle};
use super::{Store, StoreError};
use crate::keys::Key;

/// How often a sweep looks whether it still has to wait.
const LOOK: Duration = Duration::from_millis(100);
/// The line before the keys in a user's file.
const KEYS: &str = "keys";

/// This process, as a user of the store.
#[derive(Debug)]
pub(super) struct User {
    path: PathBuf,
    /// The store's folder.
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The user's file, locked.
    file: File,
    names: Names,
}

/// What a user's file says of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// No keys yet: the user counts on all results.
    Nothing,
    /// The keys of the results that the user counts on.
    Keys,
    /// No keys ever, since they could not be written: the user counts on all results.
    Failed,
}

/// Who has the store open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// The user's process and command.
    pub who: String,
    /// The results that the user counts on; `None` while these may be any.
    pub keys: Option<Vec<Key>>,
}

/// The first line of a user's file.
#[derive(Serialize, Deserialize)]
struct Who {
    process: u32,
    command: String,
}

/// A time in which no sweep goes on.
#[derive(Debug)]
pub struct Section {
    /// `None` if the lock could not be had: then this process counts on all results.
    lock: Option<File>,
}

/// A time in which nobody looks anything up in the store, or commits.
#[derive(Debug)]
pub struct Exclusive {
    _gate: File,
    lock: File,
}

impl Store {
    /// Makes this process a user. Until the store is dropped, no sweep takes a result that the process counts on: all results,
    /// until [`Store::hold`] names some.
    pub(super) fn with_user(mut self) -> Result<Self, StoreError> {
        // Without the lock a sweep might find the file before it is locked.
        let section = self.shared()?;
        let folder = self.users_folder();
        let process = std::process::id();
        let file = tempfile::Builder::new()
            .prefix(&format!("{process}-"))
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(&folder)
            .map_err(io_error(&folder))?;
        let (mut file, path) = file
            .keep()
            .map_err(|error| io_error(&folder)(error.error))?;
        settle(&file, &folder);
        file.lock().map_err(io_error(&path))?;
        drop(section);
        let command = std::env::args_os()
            .skip(1)
            .map(|text| text.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        let who = serde_json::json!(Who { process, command });
        // On a full disk the file stays empty, and is locked all the same.
        let _ = file.write_all(format!("{who}\n").as_bytes());
        let state = State {
            file,
            names: Names::Nothing,
        };
        self.user = Some(Arc::new(User {
            path,
            root: self.root().to_path_buf(),
            state: Mutex::new(state),
        }));
        Ok(self)
    }

    /// Keeps sweeps out until the section is dropped. A thread must not have two at once: with a sweep waiting in between, each
    /// would wait for the other.
    pub fn enter(&self) -> Section {
        Section {
            lock: self.shared().ok(),
        }
    }

    /// Names results that this process counts on from now on, looked up in this section or not made yet.
    pub fn hold(&self, section: &Section, keys: &[Key]) {
        if let Some(user) = &self.user {
            user.hold(section, keys);
        }
    }

    /// Whether a sweep goes on, so that opening the store takes a while.
    pub fn is_swept(&self) -> bool {
        let lock = File::open(self.users_folder().join("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Returns when a sweep went on last, as its lock tells: nothing has gone since as long as it is the same.
    pub fn last_sweep(&self) -> Option<SystemTime> {
        let lock = fs::metadata(self.users_folder().join("lock"));
        lock.and_then(|lock| lock.modified()).ok()
    }

    /// Waits until nobody counts on all results or is about to use some, and keeps others from it until the lock is dropped.
    /// Returns who else uses the store, and the results that they count on. `waits` is told for whom it waits.
    ///
    /// # Errors
    /// When a lock cannot be had.
    pub fn exclusive(
        &self,
        waits: &mut dyn FnMut(&str),
    ) -> Result<(Exclusive, Vec<InUse>), StoreError> {
        let folder = self.users_folder();
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(io_error(&folder)(error));
            }
            _ => {}
        }
        loop {
            let gate = lock_file(&folder.join("gate"))?;
            wait_for(&folder, || gate.lock())?;
            let lock = lock_file(&folder.join("lock"))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    waits("jobs that store their results");
                    wait_for(&folder, || lock.lock())?;
                }
                Err(TryLockError::Error(error)) => return Err(io_error(&folder)(error)),
            }
            let users = self.users(true)?;
            let Some(user) = users.iter().find(|user| user.keys.is_none()) else {
                let exclusive = Exclusive { _gate: gate, lock };
                return Ok((exclusive, users));
            };
            drop((gate, lock));
            waits(&user.who);
            std::thread::sleep(LOOK);
        }
    }

    /// Returns who uses the store. `clear` removes what dead users have left, which takes the exclusive lock.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn users(&self, clear: bool) -> Result<Vec<InUse>, StoreError> {
        let folder = self.users_folder();
        let mut users = Vec::new();
        for (path, name) in list(&folder)? {
            if ["lock", "gate"].contains(&&*name) {
                continue;
            }
            match File::open(&path).map(|file| file.try_lock_shared()) {
                Ok(Err(TryLockError::WouldBlock)) => {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    users.push(parse(&text));
                }
                Ok(Ok(())) if clear => {
                    // A file that cannot be removed does no harm.
                    let _ = fs::remove_file(&path);
                }
                Ok(Ok(())) => {}
                // The user has just ended.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Ok(Err(TryLockError::Error(error))) | Err(error) => {
                    return Err(io_error(&path)(error));
                }
            }
        }
        users.sort_by(|a, b| a.who.cmp(&b.who));
        Ok(users)
    }

    /// Takes the store's lock, shared with others, which keeps sweeps out until the file is dropped.
    pub(super) fn shared(&self) -> Result<File, StoreError> {
        let folder = self.users_folder();
        let gate = lock_file(&folder.join("gate"))?;
        wait_for(&folder, || gate.lock_shared())?;
        let lock = lock_file(&folder.join("lock"))?;
        wait_for(&folder, || lock.lock_shared())?;
        Ok(lock)
    }

    pub(crate) fn users_folder(&self) -> PathBuf {
        self.root().join("users")
    }
}

impl Exclusive {
    /// Notes the time of a sweep ([`Store::last_sweep`]) in a way that takes no room on the disk.
    pub(crate) fn note_sweep(&self) -> io::Result<()> {
        self.lock.set_modified(SystemTime::now())
    }
}

impl User {
    fn hold(&self, section: &Section, keys: &[Key]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.names == Names::Failed {
            return;
        }
        let mut text = String::new();
        if state.names == Names::Nothing {
            text += &format!("{KEYS}\n");
        }
        for key in keys {
            text += &format!("{key}\n");
        }
        let written = section.lock.is_some() && state.file.write_all(text.as_bytes()).is_ok();
        state.names = match written {
            true => Names::Keys,
            false => {
                // An empty file says that all results count.
                let _ = state.file.set_len(0);
                Names::Failed
            }
        };
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // The file means nothing without its lock, so one that cannot be removed does no harm.
        let _ = fs::remove_file(&self.path);
        if let Some(owner) = Owner::of(&self.root) {
            owner.give(&self.root);
        }
    }
}

/// Reads a user's file. A file that is cut short, or is none of ours, names nothing, so that the user counts on all results.
fn parse(text: &str) -> InUse {
    let mut lines = text.lines();
    let who = lines
        .next()
        .and_then(|line| serde_json::from_str::<Who>(line).ok());
    let who = match who {
        Some(who) => format!("pipe {} (process {})", who.command, who.process),
        None => "another process".to_owned(),
    };
    let keys = match lines.next() {
        Some(KEYS) if text.ends_with('\n') => {
            let keys: Result<Vec<Key>, _> = lines.map(str::parse).collect();
            keys.ok()
        }
        _ => None,
    };
    InUse { who, keys }
}

/// Opens a file to be locked, and makes it if need be. Another user's file that can only be read can be locked all the same.
pub(super) fn lock_file(path: &Path) -> Result<File, StoreError> {
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path);
    match opened {
        Ok(file) => {
            settle(&file, path.parent().unwrap_or(path));
            Ok(file)
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            File::open(path).map_err(|_| io_error(path)(error))
        }
        Err(error) => Err(io_error(path)(error)),
    }
}

/// Waits for a lock; a signal does not end the wait.
fn wait_for(path: &Path, lock: impl Fn() -> io::Result<()>) -> Result<(), StoreError> {
    loop {
        match lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map_err(io_error(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::test_support::in_time;

    fn key(byte: &str) -> Key {
        byte.repeat(32).parse().unwrap()
    }

    #[test]
    fn a_user_is_seen_with_what_it_counts_on_and_gone_with_its_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let view = Store::view(folder.path()).unwrap();
        let keys = || view.users(false).unwrap().pop().map(|user| user.keys);
        assert_eq!(keys(), Some(None));
        store.hold(&store.enter(), &[key("ab")]);
        store.hold(&store.enter(), &[key("cd"), key("ef")]);
        assert_eq!(keys(), Some(Some(vec![key("ab"), key("cd"), key("ef")])));
        let mut waited = Vec::new();
        let (_lock, users) = view
            .exclusive(&mut |who| waited.push(who.to_owned()))
            .unwrap();
        assert_eq!((users.len(), waited.len()), (1, 0));
        assert!(view.is_swept());
        drop(_lock);
        assert!(in_time(|| !view.is_swept()));
        drop(store);
        assert_eq!(keys(), None);
    }

    #[test]
    fn a_sweep_waits_for_whoever_counts_on_everything_and_clears_up_after_the_dead() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        let view = Store::view(folder.path()).unwrap();
        fs::write(view.users_folder().join("77-dead"), "").unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut store = Some(store);
        let (_lock, users) = view
            .exclusive(&mut |who| {
                assert!(who.contains("process"), "{who}");
                store = None;
            })
            .unwrap();
        assert_eq!(users, []);
        assert!(store.is_none(), "it waited");
        assert!(!view.users_folder().join("77-dead").exists());
    }

    #[test]
    fn what_was_not_written_whole_names_nothing() {
        let who = r#"{"process":7,"command":"run all"}"#;
        assert_eq!(parse(""), parse("half"));
        assert_eq!(parse(&format!("{who}\n")).keys, None);
        assert_eq!(parse(&format!("{who}\nkeys\n")).keys, Some(vec![]));
        let cut = format!("{who}\nkeys\n{}", key("ab"));
        assert_eq!(parse(&cut).keys, None);
        assert_eq!(parse(&cut[..cut.len() - 3]).keys, None);
        assert_eq!(parse(&format!("{cut}\n")).keys, Some(vec![key("ab")]));
        assert_eq!(parse(&cut).who, "pipe run all (process 7)");
    }

    #[test]
    fn a_sweep_gets_its_turn_among_users_who_relieve_one_another() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.hold(&store.enter(), &[]);
        let view = Store::view(folder.path()).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let _section = store.enter();
                        std::thread::sleep(Duration::from_millis(2));
                    }
                });
            }
            for _ in 0..20 {
                drop(view.exclusive(&mut |_| {}).unwrap());
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
