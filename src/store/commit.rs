//! Taking a finished job's output in.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::ArtifactType;

use super::aside::{Aside, move_file, sync_all};
use super::error::io_error;
use super::hash::{hash, hash_at};
use super::lookup::read;
use super::owner::settle;
use super::{Content, Cost, Digest, Entry, Found, Manifest, Record, Store, StoreError};
use crate::keys::KeyParts;

/// From this size on a file is synced while it is hashed, in bytes.
const LARGE: u64 = 8 << 20;

/// A finished job, as its record will tell.
#[derive(Clone, Debug)]
pub struct Made {
    /// What the job is called.
    pub label: String,
    /// What its key is made of.
    pub parts: KeyParts,
    /// What it cost.
    pub cost: Cost,
    /// What its output is.
    pub output: ArtifactType,
    /// The fingerprint of the source code that ran.
    pub source: Option<String>,
}

impl Store {
    /// Moves the files below `folder`, which must lie within the store, into an artifact and records it.
    ///
    /// # Errors
    /// When the folder holds no file or something that is no plain file, and when the system refuses to write. Until
    /// the last step is done, the result counts as not there.
    pub fn commit(&self, folder: &Path, made: Made) -> Result<(Found, Record), StoreError> {
        // From before the first object that is there already is counted on, to the record: see `users`.
        let _lock = self.shared()?;
        let mut files = Vec::new();
        let mut moves = Vec::new();
        for (path, name) in files_below(folder)? {
            let (digest, size) = self.examine(&path, &mut moves)?;
            files.push(Entry {
                path: name,
                digest,
                size,
            });
        }
        if files.is_empty() {
            return Err(StoreError::Output {
                path: folder.into(),
                reason: "the stage wrote no file".into(),
            });
        }
        let manifest = Manifest::new(Content::Artifact(made.output), files);
        let artifact = manifest.digest();
        let key = made.parts.key();
        let record = Record {
            format: Record::FORMAT,
            key,
            artifact,
            label: made.label,
            parts: made.parts,
            cost: made.cost,
            source: made.source,
            origin: Vec::new(),
            check: None,
        };
        self.put_in_place(&moves, &manifest, &record)?;
        let manifest = Arc::new(manifest);
        self.remember(&record, &manifest);
        let found = Found {
            key,
            artifact,
            manifest,
        };
        Ok((found, record))
    }

    /// Writes a result: what is new is synced together, put in its place in order, and then the folders are synced together,
    /// so that the file system writes its journal twice and not for each.
    fn put_in_place(
        &self,
        objects: &[Move],
        manifest: &Manifest,
        record: &Record,
    ) -> Result<(), StoreError> {
        let mut written = Vec::new();
        let (path, bytes) = (self.artifact(&record.artifact), manifest.bytes());
        // Others that made the same know the file as it is.
        if read(&path)?.is_none_or(|there| there != bytes) {
            written.push(self.aside(&path, &bytes)?);
        }
        let path = self.record(&record.key);
        written.push(self.aside(&path, &record.bytes())?);
        let files = objects.iter().map(|file| file.from.as_path());
        let files: Vec<&Path> = files.chain(written.iter().map(Aside::path)).collect();
        sync_all(&files)?;
        let mut folders = self.place(objects)?;
        for file in written {
            folders.extend(file.target.parent().map(Path::to_path_buf));
            file.put()?;
        }
        sync_folders(&folders)
    }

    /// Hashes a file and adds it to `moves` unless the object is there already, and whole.
    fn examine(&self, path: &Path, moves: &mut Vec<Move>) -> Result<(Digest, u64), StoreError> {
        let file = File::open(path).map_err(io_error(path))?;
        let (digest, size) = hash_and_sync(&file).map_err(io_error(path))?;
        // The job may be running again just because this object was damaged.
        if self.has_whole(&digest)? {
            return Ok((digest, size));
        }
        let place = self.object(&digest);
        file.set_permissions(Permissions::from_mode(0o444))
            .map_err(io_error(path))?;
        settle(&file, self.root());
        moves.push(Move {
            from: path.to_path_buf(),
            to: place,
        });
        Ok((digest, size))
    }

    /// Whether an object is there and whole. A damaged one is set aside.
    pub(super) fn has_whole(&self, digest: &Digest) -> Result<bool, StoreError> {
        let place = self.object(digest);
        match hash_at(&place) {
            Ok((there, _)) if there == *digest => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(io_error(&place)(error)),
        }
        self.set_aside(&place)?;
        Ok(false)
    }

    /// Makes files objects: synced, moved into place, their folders synced.
    pub(super) fn keep(&self, moves: &[Move]) -> Result<(), StoreError> {
        let files: Vec<&Path> = moves.iter().map(|file| file.from.as_path()).collect();
        sync_all(&files)?;
        sync_folders(&self.place(moves)?)
    }

    /// Moves synced files into their places as objects, and returns the folders that are to be synced.
    fn place(&self, moves: &[Move]) -> Result<BTreeSet<PathBuf>, StoreError> {
        let mut touched = BTreeSet::new();
        for Move { from, to } in moves {
            let folder = to.parent().unwrap_or(self.root());
            if touched.insert(folder.to_path_buf()) && !folder.exists() {
                fs::create_dir_all(folder).map_err(io_error(folder))?;
                touched.insert(self.root().join("objects"));
            }
            move_file(from, to)?;
        }
        Ok(touched)
    }
}

fn sync_folders(folders: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    sync_all(&folders)
}

/// Returns the digest and the size of a file that was just written. A large one goes to the disk meanwhile: most of the time
/// that its sync will take.
fn hash_and_sync(file: &File) -> io::Result<(Digest, u64)> {
    if file.metadata()?.len() < LARGE {
        return hash(file);
    }
    std::thread::scope(|scope| {
        let synced = scope.spawn(|| file.sync_data());
        let hashed = hash(file);
        // The system tells of a failed write once: the sync of all files need not hear of it.
        synced
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        hashed
    })
}

/// A file to be made an object.
pub(super) struct Move {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
}

/// Returns all files below `folder` with their names relative to it, sorted by name.
fn files_below(folder: &Path) -> Result<Vec<(PathBuf, String)>, StoreError> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(io_error(&folder))? {
            let entry = entry.map_err(io_error(&folder))?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                return Err(StoreError::Output {
                    path,
                    reason: "the file's name is not UTF-8".into(),
                });
            };
            let name = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(io_error(&path))?;
            if kind.is_dir() {
                folders.push((path, format!("{name}/")));
            } else if kind.is_file() {
                files.push((path, name));
            } else {
                let reason = "the stage wrote something else than files and folders".into();
                return Err(StoreError::Output { path, reason });
            }
        }
    }
    files.sort_unstable_by(|a, b| a.1.cmp(&b.1));
    Ok(files)
}
