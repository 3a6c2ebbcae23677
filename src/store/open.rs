//! Finding a store, and making one.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::again::is_scratch;
use super::cache::Cache;
use super::error::io_error;
use super::index::Stamp;
use super::owner::{Owner, make_folder};
use super::users::User;
use super::work::is_locked;
use super::{Digest, StoreError, filesystem};
use crate::keys::Key;

/// The version of the layout: raised when an older program would misread it. The formats of records and manifests are part of
/// it, so a record or manifest of another format is damage in a store of this one.
const FORMAT: u32 = 1;
/// Says that a folder is a store, and of which format.
pub(super) const MARK: &str = "store.json";
/// Tells backup programs that the folder can be made again (<https://bford.info/cachedir/>).
const CACHE_TAG: &str = "CACHEDIR.TAG";
const CACHE_TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a store of `pipe`: results that can be computed again.\n\
    # See https://bford.info/cachedir/ for what this file means.\n";
const FOLDERS: [&str; 13] = [
    "objects",
    "artifacts",
    "records",
    "work",
    "logs",
    "folders",
    "listings",
    "machines",
    "runs",
    "pins",
    "users",
    "caches",
    "tmp",
];

/// After this time an unfinished write is taken to be a killed process's.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A store. Cheap to clone and to share: all its state is on disk, but for caches.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    memory: Arc<Memory>,
    /// This process as a user of the store; `None` if it only looks.
    pub(super) user: Option<Arc<User>>,
    /// A warning about where the store lies.
    word: Option<String>,
}

/// What a store holds in memory while it is open.
#[derive(Debug)]
struct Memory {
    /// The store's folder, if it existed when it was first asked for.
    folder: OnceLock<Option<OwnedFd>>,
    index: Cache,
    notes: Cache,
    /// Objects whose bytes were read and found right, and their stamps then.
    sound: Mutex<HashMap<Digest, Stamp>>,
}

#[derive(Serialize, Deserialize)]
struct Mark {
    format: u32,
}

impl Store {
    /// Opens the store at `root`, making it if the folder is missing or empty.
    ///
    /// # Errors
    /// When the folder holds something else, was made by a later program, cannot be written, or lies where locks cannot be
    /// relied on.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        make_folder(root).map_err(io_error(root))?;
        let root = fs::canonicalize(root).map_err(io_error(root))?;
        Self::at(root).opened()
    }

    /// Opens the store that was only looked at so far, as [`Store::open`] does.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn into_open(self) -> Result<Self, StoreError> {
        match self.root.is_dir() {
            true => self.opened(),
            false => Self::open(&self.root),
        }
    }

    fn opened(self) -> Result<Self, StoreError> {
        let mut store = self;
        let known = store.check()?;
        for folder in FOLDERS {
            let path = store.root.join(folder);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(io_error(&path)(error));
                }
                _ => {}
            }
        }
        store.word = store.trust()?;
        if known {
            store.sweep();
            // A store that cannot be written fails now, and not after an hour of work.
            tempfile::tempfile_in(store.tmp()).map_err(io_error(&store.tmp()))?;
        } else {
            let mark = serde_json::json!(Mark { format: FORMAT }).to_string();
            store.write_aside(&store.root.join(CACHE_TAG), CACHE_TAG_TEXT.as_bytes())?;
            store.write_aside(&store.root.join(MARK), mark.as_bytes())?;
        }
        if let Some(owner) = Owner::of(&store.root) {
            owner.give(&store.root);
        }
        store.with_user()
    }

    /// Removes what killed runs have left unfinished.
    pub(super) fn sweep(&self) {
        for path in self.abandoned() {
            // Files that cannot be removed do no harm.
            let _ = contract::remove_all(&path);
        }
    }

    /// Returns what killed runs have left unfinished: files in `tmp` that nobody has touched for a day, and stores aside that
    /// nobody has locked.
    pub(crate) fn abandoned(&self) -> Vec<PathBuf> {
        let old = |entry: &fs::DirEntry| {
            let folder = entry.path();
            if is_scratch(&folder) {
                return !is_locked(&folder);
            }
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED))
        };
        let entries = fs::read_dir(self.tmp()).into_iter().flatten().flatten();
        entries.filter(old).map(|entry| entry.path()).collect()
    }

    /// Looks at the store at `root` without writing. A store that does not exist yet counts as empty.
    ///
    /// # Errors
    /// When the folder holds something else, or was made by a later program.
    pub fn view(root: &Path) -> Result<Self, StoreError> {
        let root = match fs::canonicalize(root) {
            Ok(root) => root,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self::at(root.to_path_buf()));
            }
            Err(error) => return Err(io_error(root)(error)),
        };
        let store = Self::at(root);
        store.check()?;
        Ok(store)
    }

    /// Looks at the store at `root` like [`Store::view`], to read much of it: no sweep takes anything away until the store is
    /// dropped. Where nothing can be written, as on a read-only file system, there is no such promise.
    /// # Errors
    /// As [`Store::view`].
    pub fn reader(root: &Path) -> Result<Self, StoreError> {
        let store = Self::view(root)?;
        Ok(store.clone().with_user().unwrap_or(store))
    }

    fn at(root: PathBuf) -> Self {
        let caches = root.join("caches");
        let memory = Memory {
            folder: OnceLock::new(),
            index: Cache::new(caches.join("records")),
            notes: Cache::new(caches.join("notes")),
            sound: Mutex::default(),
        };
        Self {
            root,
            memory: Arc::new(memory),
            user: None,
            word: None,
        }
    }

    /// Whether the folder is marked as a store of this format. An unmarked one must be empty but for what a killed
    /// first run may have left.
    fn check(&self) -> Result<bool, StoreError> {
        let not_a_store = |reason: String| {
            Err(StoreError::NotAStore {
                path: self.root.clone(),
                reason,
            })
        };
        let mark = self.root.join(MARK);
        match fs::read(&mark) {
            Ok(text) => match serde_json::from_slice::<Mark>(&text) {
                Ok(Mark { format: FORMAT }) => Ok(true),
                Ok(Mark { format }) => not_a_store(format!(
                    "the store has format {format}, this program knows format {FORMAT}"
                )),
                Err(error) => not_a_store(format!("{MARK} cannot be read: {error}")),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                for entry in fs::read_dir(&self.root).map_err(io_error(&self.root))? {
                    let name = entry.map_err(io_error(&self.root))?.file_name();
                    let name = name.to_string_lossy();
                    if name == MARK {
                        // Another run has made it just now.
                        return self.check();
                    }
                    if name != CACHE_TAG && !FOLDERS.contains(&&*name) {
                        return not_a_store(format!(
                            "not a store, and not empty: it holds `{name}`"
                        ));
                    }
                }
                Ok(false)
            }
            Err(error) => Err(io_error(&mark)(error)),
        }
    }

    /// Returns the store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folders in which the store's files lie: its own, and those in it, which may be links.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        let folders = FOLDERS.iter().map(|folder| self.root.join(folder));
        [self.root.clone()].into_iter().chain(folders).collect()
    }

    /// Returns where runs write down what they do.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Looks whether locks can be relied on where the store is, which exists. Returns a warning where there is a doubt.
    ///
    /// # Errors
    /// When locks cannot be relied on.
    pub fn trust(&self) -> Result<Option<String>, StoreError> {
        filesystem::admit(&self.root, &self.tmp())
    }

    /// Returns the warning about where an opened store lies, if there is one.
    pub fn word(&self) -> Option<&str> {
        self.word.as_deref()
    }

    /// Returns where the log of a finished job lies, if the job wrote anything.
    pub fn log(&self, key: &Key) -> PathBuf {
        self.root.join("logs").join(format!("{key}.txt"))
    }

    /// Returns where the log lies of a job that runs, was stopped or failed.
    pub fn working_log(&self, key: &Key) -> PathBuf {
        self.work_folder(key).join("log.txt")
    }

    /// Returns where a running job appends its events.
    pub fn events(&self, key: &Key) -> PathBuf {
        self.work_folder(key).join("events.jsonl")
    }

    /// Returns the store's open folder, from which files are named, if it existed.
    pub(super) fn folder(&self) -> Option<BorrowedFd<'_>> {
        let open = || File::open(&self.root).ok().map(OwnedFd::from);
        let folder = self.memory.folder.get_or_init(open);
        folder.as_ref().map(AsFd::as_fd)
    }

    /// Returns the index, which saves reading records.
    pub(super) fn index(&self) -> &Cache {
        &self.memory.index
    }

    /// Returns what was derived from that artifact and kept by [`Store::keep_note`]. Notes are a cache, so one may be gone.
    pub fn note(&self, artifact: &Digest) -> Option<Vec<u8>> {
        self.memory.notes.get(artifact.as_bytes())
    }

    /// Keeps what was derived from an artifact's files, so that the files need not be read again.
    pub fn keep_note(&self, artifact: &Digest, note: &[u8]) {
        self.memory.notes.put(artifact.as_bytes(), note);
    }

    /// Returns the objects whose bytes were read and found right since the store was opened.
    pub(super) fn sound_objects(&self) -> MutexGuard<'_, HashMap<Digest, Stamp>> {
        let sound = self.memory.sound.lock();
        sound.unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns where files are written aside.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Returns where the object of that digest lies, if it is there.
    pub(crate) fn object(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join("objects").join(&name[..2]).join(&name)
    }

    pub(crate) fn artifact(&self, digest: &Digest) -> PathBuf {
        self.root.join("artifacts").join(format!("{digest}.json"))
    }

    pub(super) fn listing_of(&self, digest: &Digest) -> PathBuf {
        self.root.join("listings").join(format!("{digest}.json"))
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.root.join("records")
    }

    /// Returns where the record of a job's result lies, if it has one.
    pub(crate) fn record(&self, key: &Key) -> PathBuf {
        self.records().join(format!("{key}.json"))
    }

    pub(super) fn work_folder(&self, key: &Key) -> PathBuf {
        self.root.join("work").join(key.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_store_is_made_once_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/b");
        assert!(Store::view(&root).is_ok());
        assert!(!root.exists(), "looking writes nothing");
        Store::open(&root).unwrap();
        assert!(
            fs::read_to_string(root.join(CACHE_TAG))
                .unwrap()
                .starts_with("Signature: 8a477")
        );
        Store::open(&root).unwrap();
        Store::view(&root).unwrap();
    }

    #[test]
    fn a_first_run_killed_half_way_is_made_good() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        fs::write(folder.path().join("tmp/.tmpAB"), "half").unwrap();
        Store::open(folder.path()).unwrap();
        assert!(folder.path().join(MARK).exists());
    }

    #[test]
    fn what_was_left_unfinished_goes_after_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let make = |name: &str, age: Duration| {
            let path = store.tmp().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("weights"), "x").unwrap();
            let time = std::time::SystemTime::now() - age;
            File::open(&path).unwrap().set_modified(time).unwrap();
        };
        make("old", ABANDONED * 2);
        make("new", Duration::from_secs(60));
        Store::open(folder.path()).unwrap();
        let left: Vec<_> = fs::read_dir(store.tmp())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["new"]);
    }

    #[test]
    fn somebody_elses_folder_and_a_later_format_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "precious").unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("not a store, and not empty: it holds `thesis.tex`")
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing was added"
        );

        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MARK), r#"{"format": 99}"#).unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("format 99"), "{error}");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error_with_its_path() {
        let error = Store::open(Path::new("/dev/null/store")).unwrap_err();
        assert!(
            error.to_string().starts_with("/dev/null/store: "),
            "{error}"
        );
        assert!(!error.is_full());
    }
}
