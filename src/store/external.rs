//! Inputs that the user gives by path: files and folders outside the store.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use contract::StageError;

use super::hash::hash;
use super::{Content, Digest, Entry, Manifest, Store};
use crate::frames::Writer;

/// A file or folder outside the store, as it was when it was hashed.
#[derive(Clone, Debug)]
pub struct External {
    path: PathBuf,
    manifest: Manifest,
    stamps: Vec<Stamp>,
}

/// How many seconds old the last change of a file must be for its time to tell it from a later one: more than the coarsest
/// clock of a file system.
const SETTLED: i64 = 2;

/// What tells that a file was changed without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl External {
    /// Hashes the file, or all files below the folder, at `path`. Symbolic links are followed; every file counts,
    /// hidden ones too. A file that `store` has a note of, and that was not changed since, is not read again.
    ///
    /// # Errors
    /// When the path does not exist, holds no file, cannot be read, or has a name that is not UTF-8.
    pub fn read(path: &Path, store: &Store) -> Result<Self, StageError> {
        let (content, found) = list(path)?;
        let mut files = Vec::with_capacity(found.len());
        let mut stamps = Vec::with_capacity(found.len());
        for (place, name) in found {
            let unreadable = |error: &dyn std::fmt::Display| {
                StageError::input(
                    place.display(),
                    error.to_string(),
                    "check that the file can be read",
                )
            };
            let file = File::open(&place).map_err(|error| unreadable(&error))?;
            let stamp = Stamp::of(&file.metadata().map_err(|error| unreadable(&error))?);
            let (digest, size) = match stamp.noted(store) {
                Some(digest) => (digest, stamp.size),
                None => {
                    let hashed = hash(&file).map_err(|error| unreadable(&error))?;
                    stamp.note(store, hashed);
                    hashed
                }
            };
            files.push(Entry {
                path: name,
                digest,
                size,
            });
            stamps.push(stamp);
        }
        Ok(Self {
            path: path.to_path_buf(),
            manifest: Manifest::new(content, files),
            stamps,
        })
    }

    /// Returns the digest of the content: the same as of an artifact's part with the same files.
    pub fn digest(&self) -> Digest {
        self.manifest.digest()
    }

    /// Returns the list of its files.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that nothing there was written since it was hashed, so that what a stage has read is what was keyed.
    ///
    /// # Errors
    /// Names the path if it was.
    pub fn check_unchanged(&self) -> Result<(), StageError> {
        let stamps = list(&self.path).ok().and_then(|(_, found)| {
            found
                .iter()
                .map(|(place, _)| {
                    fs::metadata(place)
                        .ok()
                        .map(|metadata| Stamp::of(&metadata))
                })
                .collect::<Option<Vec<_>>>()
        });
        if stamps.as_ref() == Some(&self.stamps) {
            return Ok(());
        }
        Err(StageError::input(
            self.path.display(),
            "was changed while a stage was reading it",
            "run again when nothing writes there any more",
        ))
    }
}

impl Stamp {
    /// Returns the digest that `store` has noted of a file with this stamp.
    fn noted(&self, store: &Store) -> Option<Digest> {
        let note = store.note(&self.name())?;
        Some(Digest::from_bytes(note.try_into().ok()?))
    }

    /// Notes the digest of the file with this stamp, unless it was changed so lately that a change more might not show, or
    /// has another size by now.
    fn note(&self, store: &Store, (digest, size): (Digest, u64)) {
        let changed = self.modified.0.max(self.changed.0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
        if size == self.size && changed + SETTLED < now {
            store.keep_note(&self.name(), digest.as_bytes());
        }
    }

    fn name(&self) -> Digest {
        let mut bytes = Writer::default();
        bytes.text("external file");
        for number in [self.device, self.inode, self.size] {
            bytes.bytes(&number.to_le_bytes());
        }
        for (seconds, nanoseconds) in [self.modified, self.changed] {
            bytes.bytes(&seconds.to_le_bytes());
            bytes.bytes(&nanoseconds.to_le_bytes());
        }
        Digest::of(&bytes.0)
    }

    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Returns the files at `path` with their names, sorted by name.
pub(super) fn list(path: &Path) -> Result<(Content, Vec<(PathBuf, String)>), StageError> {
    let metadata = fs::metadata(path).map_err(|error| {
        StageError::input(
            path.display(),
            error.to_string(),
            "check that the path exists and can be read",
        )
    })?;
    if metadata.is_file() {
        let name = path.file_name().unwrap_or_default();
        let name = name.to_str().ok_or_else(|| not_utf8(path))?.to_owned();
        return Ok((Content::File, vec![(path.to_path_buf(), name)]));
    }
    let mut files = Vec::new();
    let mut above = BTreeSet::new();
    walk(path, "", &mut above, &mut files)?;
    if files.is_empty() {
        return Err(StageError::input(
            path.display(),
            "the folder holds no file",
            "put the data there, or name the folder that holds it",
        ));
    }
    files.sort_unstable_by(|a, b| a.1.cmp(&b.1));
    Ok((Content::Folder, files))
}

/// Gathers the files below `folder`; `above` holds the folders that lead here, against links that lead in a circle.
fn walk(
    folder: &Path,
    prefix: &str,
    above: &mut BTreeSet<(u64, u64)>,
    files: &mut Vec<(PathBuf, String)>,
) -> Result<(), StageError> {
    let unreadable = |path: &Path, error: &std::io::Error| {
        StageError::input(
            path.display(),
            error.to_string(),
            "check that it can be read",
        )
    };
    let metadata = fs::metadata(folder).map_err(|error| unreadable(folder, &error))?;
    let identity = (metadata.dev(), metadata.ino());
    if !above.insert(identity) {
        return Err(StageError::input(
            folder.display(),
            "a symbolic link leads back to a folder that holds it",
            "remove the link",
        ));
    }
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_str()
            .ok_or_else(|| not_utf8(&path))?;
        let name = format!("{prefix}{name}");
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        if metadata.is_dir() {
            walk(&path, &format!("{name}/"), above, files)?;
        } else if metadata.is_file() {
            files.push((path, name));
        } else {
            return Err(StageError::input(
                path.display(),
                "neither a file nor a folder",
                "remove it from the input folder",
            ));
        }
    }
    above.remove(&identity);
    Ok(())
}

fn not_utf8(path: &Path) -> StageError {
    StageError::input(path.display(), "the name is not UTF-8", "rename it")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use super::*;

    fn read(path: &Path) -> Result<External, StageError> {
        let store = tempfile::tempdir().unwrap();
        External::read(path, &Store::open(store.path()).unwrap())
    }

    #[test]
    fn place_and_time_do_not_matter_content_and_names_do() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, inner: &str, content: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.join("sub")).unwrap();
            fs::write(path.join("sub").join(inner), content).unwrap();
            read(&path).unwrap().digest()
        };
        let first = make("one", "a.txt", "hello");
        assert_eq!(make("two", "a.txt", "hello"), first);
        assert_ne!(make("three", "a.txt", "hullo"), first);
        assert_ne!(make("four", "b.txt", "hello"), first);
        let file = read(&folder.path().join("one/sub/a.txt")).unwrap();
        assert_ne!(
            file.digest(),
            read(&folder.path().join("one/sub")).unwrap().digest()
        );
    }

    #[test]
    fn links_are_followed_but_not_in_circles() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, linked) = (folder.path().join("plain"), folder.path().join("linked"));
        fs::create_dir(&plain).unwrap();
        fs::create_dir(&linked).unwrap();
        fs::write(plain.join("a"), "x").unwrap();
        symlink(plain.join("a"), linked.join("a")).unwrap();
        let digest = |path: &Path| read(path).unwrap().digest();
        assert_eq!(digest(&plain), digest(&linked));
        symlink(&linked, linked.join("again")).unwrap();
        let error = read(&linked).unwrap_err();
        assert!(error.to_string().contains("leads back"), "{error}");
    }

    #[test]
    fn what_is_missing_or_empty_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(&folder.path().join("nothing")).unwrap_err();
        assert!(
            error.to_string().contains("nothing: No such file"),
            "{error}"
        );
        let error = read(folder.path()).unwrap_err();
        assert!(error.to_string().contains("holds no file"), "{error}");
    }

    #[test]
    fn a_write_between_hashing_and_reading_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let external = read(folder.path()).unwrap();
        external.check_unchanged().unwrap();
        fs::write(&path, "two").unwrap();
        assert!(external.check_unchanged().is_err());
        let external = read(folder.path()).unwrap();
        fs::write(folder.path().join("b"), "new").unwrap();
        assert!(external.check_unchanged().is_err());
    }

    #[test]
    fn a_file_is_read_once_unless_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let write = |text: &str, seconds: u64| {
            fs::write(&path, text).unwrap();
            let time = SystemTime::now() - std::time::Duration::from_secs(seconds);
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(time)
                .unwrap();
            Stamp::of(&fs::metadata(&path).unwrap())
        };
        let root = tempfile::tempdir().unwrap();
        let digest = |text: &str| (Digest::of(text.as_bytes()), text.len() as u64);
        let store = Store::open(root.path()).unwrap();
        // The time of the last change of its entry is now: too late to be believed.
        let fresh = write("one", 60);
        fresh.note(&store, digest("one"));
        let mut settled = fresh;
        settled.changed.0 -= 60;
        settled.note(&store, digest("one"));
        drop(store);
        let store = Store::open(root.path()).unwrap();
        assert_eq!(fresh.noted(&store), None);
        assert_eq!(settled.noted(&store), Some(digest("one").0));
        assert_eq!(write("two", 59).noted(&store), None);
    }
}
