//! What of a result is here, and what is elsewhere.
//!
//! A result is known by its record and its manifest. Its files need not be here for that: a key holds digests alone, and so does
//! a table that is made of scores. An object that is known and not here has a mark, `away/HEX.json`, which says where it is and
//! what makes it again. Marks are made when a result is taken in without the object ([`super::archive`]), and by nothing else: an
//! object that is missing and has no mark is damage. A mark goes when its object gets here, from wherever it comes, and when the
//! object is set aside as damaged; so what has been here once is never taken for something that is elsewhere.
//!
//! Today all that is elsewhere is where an archive was written that left it out ([`Elsewhere::origin`]), so that it can only be
//! made again. A store that fetches objects has another kind of place in its marks, and asks [`Store::elsewhere`] as well.
//!
//! A look-up that finds all objects asks for no mark.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::aside::{Aside, sync, sync_all};
use super::error::io_error;
use super::held::list;
use super::lookup::read;
use super::{Digest, Entry, Found, Manifest, Origin, Store, StoreError};

/// The folder of the marks.
pub(crate) const AWAY: &str = "away";

/// The mark of an object that is known and not here: what it belongs to, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// The object.
    pub digest: Digest,
    /// What it is called in the artifact that it came with.
    pub path: String,
    /// The job that makes it again, by its label.
    pub label: String,
    /// The archive that left it out.
    pub origin: Origin,
}

/// Which objects of an artifact are elsewhere. Of nearly all artifacts none are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Absent(Box<[Digest]>);

impl Absent {
    /// These objects, in whatever order they come.
    pub(super) fn new(objects: impl IntoIterator<Item = Digest>) -> Self {
        let objects: BTreeSet<Digest> = objects.into_iter().collect();
        Self(objects.into_iter().collect())
    }

    /// Whether that object is elsewhere.
    pub fn has(&self, object: &Digest) -> bool {
        self.0.binary_search(object).is_ok()
    }
}

impl Found {
    /// Whether all files are here.
    pub fn is_whole(&self) -> bool {
        self.absent.0.is_empty()
    }

    /// Returns the files that are elsewhere.
    pub fn away(&self) -> impl Iterator<Item = &Entry> {
        let files = self.manifest.files.iter();
        files.filter(|file| self.absent.has(&file.digest))
    }

    /// Whether files of a part of it are elsewhere.
    pub fn lacks(&self, part: &Manifest) -> bool {
        !self.is_whole() && part.files.iter().any(|file| self.absent.has(&file.digest))
    }
}

impl Store {
    fn marks(&self) -> PathBuf {
        self.root().join(AWAY)
    }

    fn mark(&self, object: &Digest) -> PathBuf {
        self.marks().join(mark_name(object))
    }

    /// Returns where an object is that is not here; `None` where no mark tells.
    ///
    /// # Errors
    /// When the system refuses to read.
    pub fn elsewhere(&self, object: &Digest) -> Result<Option<Elsewhere>, StoreError> {
        let bytes = read(&self.mark(object))?;
        let mark = bytes.and_then(|bytes| serde_json::from_slice::<Elsewhere>(&bytes).ok());
        Ok(mark.filter(|mark| mark.digest == *object))
    }

    /// Says why files of a result are not here; `None` if all files are.
    ///
    /// # Errors
    /// When the system refuses to read.
    pub fn why_away(&self, found: &Found) -> Result<Option<String>, StoreError> {
        let Some(file) = found.away().next() else {
            return Ok(None);
        };
        let mark = self.elsewhere(&file.digest)?;
        let from = mark.map(|mark| mark.origin.archive);
        Ok(Some(match from {
            Some(archive) => {
                format!("its files are not here: imported from {archive} without its weight")
            }
            None => "its files are not here".to_owned(),
        }))
    }

    /// Marks objects as elsewhere that are not here. The manifests that name these objects are written after that.
    pub(super) fn keep_elsewhere(&self, marks: &[Elsewhere]) -> Result<(), StoreError> {
        let mut written = Vec::new();
        for mark in marks {
            let path = self.mark(&mark.digest);
            // The archive that left an object out first is as good as one that comes later.
            if self.object(&mark.digest).exists() || self.elsewhere(&mark.digest)?.is_some() {
                continue;
            }
            let bytes = serde_json::to_vec(mark).map_err(|error| io_error(&path)(error.into()))?;
            written.push(self.aside(&path, &bytes)?);
        }
        if written.is_empty() {
            return Ok(());
        }
        let folder = self.marks();
        if !folder.is_dir() {
            fs::create_dir_all(&folder).map_err(io_error(&folder))?;
            sync(self.root())?;
        }
        let files: Vec<_> = written.iter().map(Aside::path).collect();
        sync_all(&files)?;
        for file in written {
            file.put()?;
        }
        sync(&folder)
    }

    /// Removes the mark of an object that is here, or that was here and is damaged.
    pub(super) fn unmark(&self, object: &Digest) {
        // A mark of an object that is here does no harm until the object is lost.
        let _ = fs::remove_file(self.mark(object));
    }

    /// Removes the mark of the object at that path, if it is the path of one.
    pub(super) fn unmark_at(&self, path: &Path) {
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(object) = name.and_then(|name| name.parse().ok()) {
            self.unmark(&object);
        }
    }

    /// Returns the objects that are marked as elsewhere.
    ///
    /// # Errors
    /// When the system refuses to list them.
    pub(crate) fn marked(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let names = list(&self.marks())?.into_iter();
        let marked = names.filter_map(|(_, name)| name.strip_suffix(".json")?.parse().ok());
        Ok(marked.collect())
    }
}

/// Returns how the shell names a job as a target. Labels come from archives as well, which anybody may have written.
pub(super) fn target(label: &str) -> String {
    format!("'stage:{}'", label.replace('\'', r"'\''"))
}

/// Returns the name of a mark in its folder.
fn mark_name(object: &Digest) -> String {
    format!("{object}.json")
}

/// Returns where a mark lies, from the store's folder.
pub(super) fn mark_place(object: &Digest) -> String {
    format!("{AWAY}/{}", mark_name(object))
}

#[cfg(test)]
impl Store {
    /// Sends all objects of a result away, as if it had been imported without them.
    pub(crate) fn send_away(&self, found: &Found) {
        let marks = found.manifest.files.iter().map(|file| {
            let _ = fs::remove_file(self.object(&file.digest));
            Elsewhere {
                digest: file.digest,
                path: file.path.clone(),
                label: "job".into(),
                origin: Origin {
                    archive: "thin.tar".into(),
                    digest: Digest::of(b"index"),
                    program: "pipe".into(),
                },
            }
        });
        let marks: Vec<Elsewhere> = marks.collect();
        self.keep_elsewhere(&marks).expect("marked");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::gc::{Keep, Kind, sweep};
    use crate::store::Lookup;
    use crate::store::tests::{commit, key};

    use super::*;

    /// A store with a result, and the result.
    fn store() -> (tempfile::TempDir, Store, Found) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        commit(&store, 1, 7);
        let found = found(&store);
        (folder, store, found)
    }

    fn found(store: &Store) -> Found {
        match store.lookup(&key(1)).unwrap() {
            Lookup::Hit(found) => found,
            other => panic!("{other:?}"),
        }
    }

    fn is_damaged(store: &Store) -> bool {
        matches!(store.lookup(&key(1)).unwrap(), Lookup::Damaged { .. })
    }

    #[test]
    fn a_result_is_known_without_its_files_and_whoever_reads_one_is_told() {
        let (folder, store, whole) = store();
        assert!(whole.is_whole());
        store.send_away(&whole);
        // The marks are read from the files, from the index, and by a program that begins anew.
        for store in [&store, &store, &Store::open(folder.path()).unwrap()] {
            let thin = found(store);
            assert_eq!(thin.away().count(), thin.manifest.files.len());
            assert!(thin.lacks(&thin.manifest.part("sub").unwrap()));
            assert_eq!(thin.artifact, whole.artifact);
            let error = store.file(&thin.manifest, "sub/file").unwrap_err();
            assert_eq!(
                error.to_string(),
                "`sub/file` of `job` is not here: imported from thin.tar without its weight"
            );
            let remedy = error.remedy().unwrap();
            assert!(remedy.starts_with("`pipe run 'stage:job'`"), "{remedy}");
        }
        let verified = store.verify(100, 0).unwrap();
        assert_eq!((verified.damages.len(), verified.away), (0, 1));
        // Some files are here.
        fs::remove_file(store.mark(&whole.manifest.files[0].digest)).unwrap();
        assert!(is_damaged(&store), "what nobody says to be elsewhere");
    }

    #[test]
    fn a_label_ends_no_quotes_of_a_command() {
        assert_eq!(target("pretrain[m=0.4]"), "'stage:pretrain[m=0.4]'");
        assert_eq!(target("x'; reboot; '"), r"'stage:x'\''; reboot; '\'''");
    }

    #[test]
    fn what_gets_here_is_here_and_what_is_lost_after_that_is_damage() {
        let (_folder, store, whole) = store();
        store.send_away(&whole);
        found(&store);
        // Another job makes the same files.
        commit(&store, 2, 7);
        assert!(found(&store).is_whole());
        assert_eq!(store.marked().unwrap().len(), 0);
        let object = store.object(&whole.manifest.files[0].digest);
        fs::remove_file(&object).unwrap();
        assert!(is_damaged(&store));
        // As a program that was killed leaves it: an object that is here with a mark; the object is damaged later.
        commit(&store, 2, 7);
        let content = fs::read(&object).unwrap();
        store.send_away(&whole);
        fs::write(&object, &content).unwrap();
        let before = found(&store);
        assert!(!before.absent.has(&whole.manifest.files[0].digest));
        fs::write(&object, "changed").unwrap();
        assert!(is_damaged(&store));
        assert!(is_damaged(&store), "and stays so");
    }

    #[test]
    fn a_mark_that_is_damaged_or_another_objects_says_nothing() {
        let (_folder, store, whole) = store();
        store.send_away(&whole);
        let digests: Vec<Digest> = whole
            .manifest
            .files
            .iter()
            .map(|file| file.digest)
            .collect();
        let other = fs::read(store.mark(&digests[1])).unwrap();
        for bytes in [&b"{"[..], b"", &other] {
            fs::write(store.mark(&digests[0]), bytes).unwrap();
            assert!(is_damaged(&store));
        }
        let told = store.verify(100, 0).unwrap();
        assert!(!told.damages.is_empty());
    }

    #[test]
    fn a_list_that_lies_about_an_object_takes_it_from_nobody() {
        let (_folder, store, whole) = store();
        let mut files = whole.manifest.files.clone();
        files[0].size += 1;
        let lie = Manifest::new(whole.manifest.content, files);
        let mut record = store.recorded(&whole.key).unwrap().unwrap();
        record.artifact = lie.digest();
        for (path, bytes) in [
            (store.artifact(&record.artifact), lie.bytes()),
            (store.record(&whole.key), record.bytes()),
        ] {
            store.write_aside(&path, &bytes).unwrap();
        }
        let Lookup::Damaged { path, reason } = store.lookup(&whole.key).unwrap() else {
            panic!("it was believed");
        };
        assert_eq!(path, store.artifact(&record.artifact));
        assert!(
            reason.starts_with("it tells a wrong size of its file"),
            "{reason}"
        );
        assert!(store.object(&whole.manifest.files[0].digest).exists());
    }

    #[test]
    fn a_sweep_takes_marks_that_nothing_names_and_no_others() {
        let (_folder, store, whole) = store();
        store.send_away(&whole);
        let held = store.held().unwrap();
        assert_eq!(held[0].bytes(), 0, "what is elsewhere takes no room");
        let mut keep = Keep {
            results: [whole.key].into(),
            ..Keep::default()
        };
        let swept = |keep: &Keep| sweep(&store, keep, &held, None).unwrap().kinds;
        assert_eq!(swept(&keep), []);
        keep.results.clear();
        let marks = swept(&keep)
            .into_iter()
            .find(|(kind, _)| *kind == Kind::Mark);
        assert_eq!(marks.unwrap().1.count, whole.manifest.files.len());
    }
}
