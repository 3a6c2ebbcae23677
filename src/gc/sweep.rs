//! Removing what nothing needs.
//!
//! Which results are needed is decided elsewhere ([`super::decide()`]); this module finds the files that follow from it, and
//! removes them in order. Records go first, then the manifests that no record names, then the objects that no manifest names,
//! each kind synced before the next. So a kill, or a power cut, leaves only files that nothing names, and the next sweep takes
//! them. `store/users.rs` says why nobody comes to need such a file meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::{is_folder, remove_all};
use walkdir::WalkDir;

use crate::keys::Key;
use crate::store::{
    AGAIN, AWAY, DIGITS, Digest, Exclusive, Held, REMOVED, Store, StoreError, Underway, io_error,
    list, size_below, stem, sync,
};

/// How long files that were set aside as damaged are kept, as evidence.
const EVIDENCE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What a sweep does not remove.
#[derive(Clone, Debug, Default)]
pub struct Keep {
    /// The keys of results.
    pub results: BTreeSet<Key>,
    /// The keys of work folders, besides those in which somebody works.
    pub work: BTreeSet<Key>,
    /// Whether somebody uses the store: then lists of inputs stay, since the records that will name them may not be written
    /// yet.
    pub in_use: bool,
}

/// What a sweep has removed or, where it only looks, would remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How much of each kind, in the order of removal.
    pub kinds: Vec<(Kind, Tally)>,
    /// Folders that could not be removed, though nothing needs them.
    pub left: Vec<Left>,
}

/// A folder that could not be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The folder.
    pub folder: PathBuf,
    /// Why not.
    pub reason: String,
    /// What to do about it, if that is known.
    pub remedy: Option<String>,
}

/// Kinds of files in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What is known of finished jobs.
    Record,
    /// Lists of artifacts' files.
    Manifest,
    /// Artifacts laid out for other programs; they take no room of their own.
    Folder,
    /// Folders of stopped and failed jobs, with their checkpoints.
    Work,
    /// Files of artifacts.
    Object,
    /// Marks of objects that are elsewhere.
    Mark,
    /// Logs of finished jobs.
    Log,
    /// Lists of inputs' files.
    Listing,
    /// What archives say of files that are not at hand.
    Import,
    /// What was set aside as damaged.
    Evidence,
    /// What killed runs have left unfinished.
    Unfinished,
}

impl Kind {
    /// Returns what one of that kind is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Manifest => "manifest",
            Self::Folder => "folder",
            Self::Work => "work folder",
            Self::Object => "object",
            Self::Mark => "mark",
            Self::Log => "log",
            Self::Listing => "listing",
            Self::Import => "import",
            Self::Evidence => "damaged file",
            Self::Unfinished => "unfinished write",
        }
    }
}

/// How many, and how large they are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: usize,
    /// How many bytes.
    pub bytes: u64,
}

/// Removes everything that neither `keep` nor the kept results need. Without a lock it only finds what would go. `held` are all
/// results of the store.
///
/// # Errors
/// When a folder cannot be listed or a file cannot be removed. What was removed until then was not needed.
pub fn sweep(
    store: &Store,
    keep: &Keep,
    held: &[Held],
    lock: Option<&Exclusive>,
) -> Result<Swept, StoreError> {
    let mut sweep = Sweep {
        store,
        removes: lock.is_some(),
        swept: Swept::default(),
    };
    let note = || match lock {
        Some(lock) => lock.note_sweep().map_err(io_error(&store.users_folder())),
        None => Ok(()),
    };
    note()?;
    let swept = sweep.all(keep, held);
    // The time is noted once more, since a process that looked during the sweep has seen files that are gone now.
    note()?;
    swept?;
    if lock.is_some() {
        store.forget_all_but(&keep.results);
    }
    Ok(sweep.swept)
}

struct Sweep<'a> {
    store: &'a Store,
    removes: bool,
    swept: Swept,
}

impl Sweep<'_> {
    fn all(&mut self, keep: &Keep, held: &[Held]) -> Result<(), StoreError> {
        let kept = |held: &&Held| keep.results.contains(&held.known.record.key);
        let kept: Vec<&Held> = held.iter().filter(kept).collect();
        if let Some(held) = kept.iter().find(|held| held.manifest.is_none()) {
            // Which objects that result needs is not known.
            return Err(StoreError::Unreadable {
                path: self.store.artifact(&held.known.record.artifact),
                reason: "the list of files is missing or damaged".into(),
                remedy: "`pipe verify` sets aside what is damaged; then try again".into(),
            });
        }
        let root = self.store.root().to_path_buf();
        let artifacts: BTreeSet<Digest> =
            kept.iter().map(|held| held.known.record.artifact).collect();
        let short: BTreeSet<String> = artifacts
            .iter()
            .map(|digest| digest.to_string()[..DIGITS].to_owned())
            .collect();

        self.files(Kind::Record, &root.join("records"), |name| {
            stem(name).is_some_and(|key: Key| !keep.results.contains(&key))
        })?;
        self.files(Kind::Manifest, &root.join("artifacts"), |name| {
            stem(name).is_some_and(|digest: Digest| !artifacts.contains(&digest))
        })?;
        for (path, name) in list(&root.join("folders"))? {
            if name.len() == DIGITS && !short.contains(&name) {
                self.folder(Kind::Folder, &path, 0);
            }
        }
        self.work(keep)?;

        let manifests = kept.iter().filter_map(|held| held.manifest.as_ref());
        let files = manifests.flat_map(|manifest| &manifest.files);
        let mut objects: BTreeSet<Digest> = files.map(|file| file.digest).collect();
        for job in self.store.underway()? {
            linked(&job.folder.join("inputs"), &mut objects);
        }
        for (folder, _) in list(&root.join("objects"))? {
            self.files(Kind::Object, &folder, |name| {
                name.parse()
                    .is_ok_and(|digest: Digest| !objects.contains(&digest))
            })?;
        }
        self.files(Kind::Mark, &root.join(AWAY), |name| {
            stem(name).is_some_and(|digest: Digest| !objects.contains(&digest))
        })?;

        let underway: BTreeSet<Key> = self.store.underway()?.iter().map(|job| job.key).collect();
        self.files(Kind::Log, &root.join("logs"), |name| {
            let key = name.strip_suffix(".txt").and_then(|name| name.parse().ok());
            key.is_some_and(|key| !keep.results.contains(&key) && !underway.contains(&key))
        })?;
        if !keep.in_use {
            let inputs = kept
                .iter()
                .flat_map(|held| held.known.record.parts.inputs.values());
            let inputs: BTreeSet<&str> = inputs.map(String::as_str).collect();
            self.files(Kind::Listing, &root.join("listings"), |name| {
                stem(name).is_some_and(|digest: Digest| !inputs.contains(&*digest.to_string()))
            })?;
        }
        let origins = kept.iter().flat_map(|held| &held.known.record.origin);
        let origins: BTreeSet<Digest> = origins.map(|origin| origin.digest).collect();
        self.files(Kind::Import, &root.join("imports"), |name| {
            stem(name).is_some_and(|digest: Digest| !origins.contains(&digest))
        })?;
        self.evidence(&root)?;
        let mut left = self.store.abandoned();
        for folder in places(&root)? {
            let names = list(&folder)?.into_iter();
            let names = names.filter(|(path, name)| name.starts_with(REMOVED) && is_old(path));
            left.extend(names.map(|(path, _)| path));
        }
        for path in left {
            let bytes = size_below(&path);
            self.take(Kind::Unfinished, bytes);
            // A file that cannot be removed does no harm.
            let _ = match self.removes {
                true => remove_all(&path),
                false => Ok(()),
            };
        }
        Ok(())
    }

    /// Removes the files of a folder whose names are not needed, and syncs it.
    fn files(
        &mut self,
        kind: Kind,
        folder: &Path,
        goes: impl Fn(&str) -> bool,
    ) -> Result<(), StoreError> {
        let mut touched = false;
        for (path, name) in list(folder)? {
            if !goes(&name) {
                continue;
            }
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error(&path)(error)),
            };
            self.take(kind, metadata.len());
            if self.removes {
                remove_file(&path)?;
                touched = true;
            }
        }
        if touched { sync(folder) } else { Ok(()) }
    }

    /// Removes a folder. Nothing rests on it, so a folder that cannot be removed does not end the sweep.
    fn folder(&mut self, kind: Kind, folder: &Path, bytes: u64) {
        let removed = match self.removes {
            true => self.store.remove_folder(folder),
            false => Ok(()),
        };
        match removed {
            Ok(()) => self.take(kind, bytes),
            Err(error) => self.leave(folder, &error),
        }
    }

    fn leave(&mut self, folder: &Path, error: &StoreError) {
        self.swept.left.push(Left {
            folder: folder.to_path_buf(),
            reason: error.to_string(),
            remedy: error.remedy(),
        });
    }

    /// Removes the work folders of jobs that nothing needs and that nobody works in.
    fn work(&mut self, keep: &Keep) -> Result<(), StoreError> {
        for Underway { key, folder, runs } in self.store.underway()? {
            if runs || keep.work.contains(&key) {
                continue;
            }
            let bytes = size_below(&folder);
            if !self.removes {
                self.take(Kind::Work, bytes);
                continue;
            }
            match self.store.claim(&key) {
                // A run that waits for the folder finds it gone, and makes it anew.
                Ok(Some(_claim)) => self.folder(Kind::Work, &folder, bytes),
                Ok(None) => {}
                Err(error) => self.leave(&folder, &error),
            }
        }
        Ok(())
    }

    /// Removes files that were set aside long ago.
    fn evidence(&mut self, root: &Path) -> Result<(), StoreError> {
        for folder in places(root)? {
            for (path, name) in list(&folder)? {
                let is_evidence = name.contains(".damaged") || name.ends_with(AGAIN);
                if !is_evidence || !is_old(&path) {
                    continue;
                }
                if is_folder(&path).is_ok_and(|is_folder| is_folder) {
                    let bytes = size_below(&path);
                    self.folder(Kind::Evidence, &path, bytes);
                } else {
                    self.take(Kind::Evidence, size_below(&path));
                    if self.removes {
                        remove_file(&path)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, kind: Kind, bytes: u64) {
        let kinds = &mut self.swept.kinds;
        let at = kinds.iter().position(|(known, _)| *known == kind);
        let at = at.unwrap_or_else(|| {
            kinds.push((kind, Tally::default()));
            kinds.len() - 1
        });
        kinds[at].1.count += 1;
        kinds[at].1.bytes += bytes;
    }
}

/// Returns the folders that hold results and parts of them.
fn places(root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let names = [
        "records",
        "artifacts",
        "listings",
        "folders",
        "work",
        "logs",
        "imports",
        AWAY,
    ];
    let mut folders = names.map(|name| root.join(name)).to_vec();
    let objects = list(&root.join("objects"))?;
    folders.extend(objects.into_iter().map(|(path, _)| path));
    Ok(folders)
}

/// Adds the objects that symbolic links below a folder lead to.
fn linked(folder: &Path, objects: &mut BTreeSet<Digest>) {
    for entry in WalkDir::new(folder).into_iter().flatten() {
        if entry.path_is_symlink()
            && let Ok(target) = fs::read_link(entry.path())
        {
            let name = target.file_name().and_then(|name| name.to_str());
            objects.extend(name.and_then(|name| name.parse::<Digest>().ok()));
        }
    }
}

/// Whether a file was set aside so long ago that nobody will look at it any more. Of its times, renaming changes only this one.
fn is_old(path: &Path) -> bool {
    let seconds = fs::symlink_metadata(path).map_or(i64::MAX, |metadata| metadata.ctime());
    let changed = u64::try_from(seconds).map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    changed.is_ok_and(|changed| {
        SystemTime::now()
            .duration_since(changed)
            .is_ok_and(|age| age > EVIDENCE)
    })
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}
