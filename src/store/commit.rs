//! Taking a finished job's output in.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Seek};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use contract::{ArtifactType, Below, below, no_folder, open_plain};
use tempfile::TempPath;

use super::aside::{Aside, move_file, sync_all};
use super::error::io_error;
use super::hash::{hash, hash_at};
use super::lookup::read;
use super::owner::settle;
use super::{
    Absent, Content, Cost, Digest, Entry, Found, Manifest, Notes, Record, Store, StoreError,
};
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
    /// What the stage noted of the result.
    pub notes: Notes,
}

impl Store {
    /// Moves the files below `folder`, which must lie within the store, into an artifact and records it.
    ///
    /// # Errors
    /// When there is no folder but a link to one, when the folder holds no file or something that is no plain file, and when
    /// the system refuses to write. Until the last step is done, the result counts as not there.
    pub fn commit(&self, folder: &Path, made: Made) -> Result<(Found, Record), StoreError> {
        self.commit_as(folder, made, None)
    }

    /// Returns the digest that the files below a folder have as an artifact.
    ///
    /// # Errors
    /// When there is no folder but a link to one, when the folder holds something that is no plain file, and when the system
    /// refuses to read.
    pub fn artifact_of(folder: &Path, output: ArtifactType) -> Result<Digest, StoreError> {
        let mut files = Vec::new();
        for (path, name) in files_below(folder)? {
            let hashed = open_plain(&path).and_then(|file| hash(&file));
            let (digest, size) = hashed.map_err(io_error(&path))?;
            files.push(Entry {
                path: name,
                digest,
                size,
            });
        }
        Ok(Manifest::new(Content::Artifact(output), files).digest())
    }

    /// Takes in what a job has made as [`Store::commit`] does. Where its result was `known` before, it must be the same.
    ///
    /// # Errors
    /// Those of [`Store::commit`], and when it is not the same: then nothing was moved, and the known result stays.
    pub fn commit_as(
        &self,
        folder: &Path,
        made: Made,
        known: Option<&Found>,
    ) -> Result<(Found, Record), StoreError> {
        // The lock is held from before the first object that is there already is counted on, until the record is written: see
        // `users`.
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
        if let Some(known) = known.filter(|known| known.artifact != artifact) {
            let origin = self
                .recorded(&key)?
                .and_then(|record| record.origin.last().cloned());
            return Err(StoreError::Differs {
                was: known.artifact,
                is: artifact,
                files: known.manifest.differences(&manifest),
                place: folder.into(),
                origin: origin.map(Box::new),
            });
        }
        let record = Record {
            format: Record::FORMAT,
            key,
            artifact,
            label: made.label,
            parts: made.parts,
            cost: made.cost,
            source: made.source,
            notes: made.notes,
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
            notes: record.notes.clone(),
            absent: Absent::default(),
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
        // A manifest with these bytes may be there: another job that made the same has written it.
        if read(&path)?.is_none_or(|there| there != bytes) {
            written.push(self.aside(&path, &bytes)?);
        }
        let path = self.record(&record.key);
        written.push(self.aside(&path, &record.bytes())?);
        let files = objects.iter().map(|file| file.from.path());
        let files: Vec<&Path> = files.chain(written.iter().map(Aside::path)).collect();
        sync_all(&files)?;
        let mut folders = self.place(objects)?;
        for file in written {
            folders.extend(file.target.parent().map(Path::to_path_buf));
            file.put()?;
        }
        sync_folders(&folders)
    }

    /// Hashes a file and adds it to `moves` unless the object is there already, and whole. Of a file that has another name,
    /// which somebody else may write to, a copy becomes the object.
    fn examine(&self, path: &Path, moves: &mut Vec<Move>) -> Result<(Digest, u64), StoreError> {
        let file = open_plain(path).map_err(io_error(path))?;
        let is_shared = file.metadata().map_err(io_error(path))?.nlink() > 1;
        let (mut digest, mut size) = hash_and_sync(&file).map_err(io_error(path))?;
        // The job may be running again just because this object was damaged.
        if self.has_whole(&digest)? {
            return Ok((digest, size));
        }
        let mut from = Source::Output(path.to_path_buf());
        let mut taken = file;
        if is_shared {
            let (copy, path) = self.copy_aside(taken, path)?;
            // Whoever has the other name may have written to the file meanwhile.
            (digest, size) = hash_and_sync(&copy).map_err(io_error(&path))?;
            (from, taken) = (Source::Copy(path), copy);
        }
        taken
            .set_permissions(Permissions::from_mode(0o444))
            .map_err(io_error(from.path()))?;
        settle(&taken, self.root());
        let to = self.object(&digest);
        moves.push(Move { from, to });
        Ok((digest, size))
    }

    /// Copies an open file, whose place is `path`, aside. The file system shares the bytes of both where it can.
    fn copy_aside(&self, mut file: File, path: &Path) -> Result<(File, TempPath), StoreError> {
        let tmp = self.tmp();
        let aside = tempfile::Builder::new()
            .tempfile_in(&tmp)
            .map_err(io_error(&tmp))?;
        let (mut copy, aside) = aside.into_parts();
        file.rewind()
            .and_then(|()| io::copy(&mut file, &mut copy))
            .and_then(|_| copy.rewind())
            .map_err(io_error(path))?;
        Ok((copy, aside))
    }

    /// Whether an object is there and whole. A damaged one is set aside.
    pub(super) fn has_whole(&self, digest: &Digest) -> Result<bool, StoreError> {
        let place = self.object(digest);
        match hash_at(&place) {
            Ok((there, _)) if there == *digest => {
                // A program that was killed may have left the object's mark as elsewhere.
                self.unmark(digest);
                return Ok(true);
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(io_error(&place)(error)),
        }
        self.set_aside(&place)?;
        Ok(false)
    }

    /// Makes files objects: synced, moved into place, their folders synced.
    pub(super) fn keep(&self, moves: &[Move]) -> Result<(), StoreError> {
        let files: Vec<&Path> = moves.iter().map(|file| file.from.path()).collect();
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
            move_file(from.path(), to)?;
            self.unmark_at(to);
        }
        Ok(touched)
    }
}

fn sync_folders(folders: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    sync_all(&folders)
}

/// Returns the digest and the size of a file that was just written. A large file is synced meanwhile: it goes to the disk in
/// the time that hashing takes.
fn hash_and_sync(file: &File) -> io::Result<(Digest, u64)> {
    if file.metadata()?.len() < LARGE {
        return hash(file);
    }
    thread::scope(|scope| {
        let synced = thread::Builder::new().spawn_scoped(scope, || file.sync_data());
        let hashed = hash(file);
        // The system tells of a failed write once: the later sync of all files may not hear of it.
        match synced {
            Ok(synced) => synced
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
            // The system gives no thread: the file is synced here.
            Err(_) => file.sync_data()?,
        }
        hashed
    })
}

/// A file to be made an object.
pub(super) struct Move {
    pub(super) from: Source,
    pub(super) to: PathBuf,
}

/// Where a file is that is to be made an object.
pub(super) enum Source {
    /// Where it was written.
    Output(PathBuf),
    /// A copy, which is removed if it is not moved.
    Copy(TempPath),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::Output(path) => path,
            Self::Copy(path) => path,
        }
    }
}

/// Returns all files below `folder` with their names relative to it, sorted by name.
fn files_below(folder: &Path) -> Result<Vec<(PathBuf, String)>, StoreError> {
    if let Some(found) = no_folder(folder).map_err(io_error(folder))? {
        // A link leads to files that are not the stage's, and must not be taken from there.
        return Err(StoreError::Output {
            path: folder.into(),
            reason: format!("the folder for the stage's output was replaced by {found}"),
        });
    }
    let mut files = Vec::new();
    for Below { path, name, kind } in
        below(folder).map_err(|(place, error)| io_error(&place)(error))?
    {
        let wrong = |reason: &str| StoreError::Output {
            path: path.clone(),
            reason: reason.into(),
        };
        if path
            .strip_prefix(folder)
            .is_ok_and(|name| name.to_str().is_none())
        {
            return Err(wrong("the file's name is not UTF-8"));
        }
        if !kind.is_file() {
            return Err(wrong(
                "the stage wrote something else than files and folders",
            ));
        }
        files.push((path, name));
    }
    Ok(files)
}
