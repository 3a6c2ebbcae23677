//! Reading all of a store, trusting nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use contract::Checkpoints;

use super::away::AWAY;
use super::error::io_error;
use super::hash::hash_at;
use super::lookup::read;
use super::{Digest, Elsewhere, Manifest, Record, Store, StoreError};
use crate::keys::Key;

/// What reading a store has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records, manifests, objects and checkpoints that were read.
    pub read: usize,
    /// Bytes of objects that were read.
    pub bytes: u64,
    /// What is damaged, in the order of its places.
    pub damages: Vec<Damage>,
    /// How many results have files that are elsewhere.
    pub away: usize,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl Store {
    /// Reads everything: records, manifests, pins, and `percent` of a hundred objects, spread evenly; another `offset` chooses others. What
    /// is damaged is set aside as `NAME.damaged`, where the store can be written, and then counts as not there: the next run
    /// that needs it makes it again. Checkpoints of jobs that run are left alone.
    ///
    /// # Errors
    /// When a folder cannot be listed, or a file cannot be read although it is there.
    pub fn verify(&self, percent: usize, offset: usize) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        let mut take = |path: &Path, fault: Option<String>| {
            verified.read += 1;
            if let Some(reason) = fault {
                if path.is_file() {
                    // A store that is only looked at may be read-only: then the file stays.
                    let _ = self.set_aside(path);
                }
                let path = path.to_path_buf();
                verified.damages.push(Damage { path, reason });
            }
        };
        // Objects come first, then manifests, then records, so that one pass finds what rests on a damaged object.
        let mut bytes = 0;
        let mut objects = Vec::new();
        for folder in folders(&self.root().join("objects"))? {
            objects.extend(files(&folder)?);
        }
        let is_chosen = |at: usize| (at * percent + offset) % 100 < percent;
        let numbered = objects.into_iter().enumerate();
        let chosen = numbered.filter(|(at, _)| is_chosen(*at));
        let chosen: Vec<PathBuf> = chosen.map(|(_, path)| path).collect();
        for (path, checked) in chosen.iter().zip(check(&chosen)) {
            let (fault, size) = checked?;
            bytes += size;
            take(path, fault);
        }
        for path in files(&self.root().join(AWAY))? {
            take(&path, self.mark_fault(&path)?);
        }
        let mut away = BTreeSet::new();
        for folder in ["artifacts", "listings"] {
            for path in files(&self.root().join(folder))? {
                take(&path, self.manifest_fault(&path, &mut away)?);
            }
        }
        let mut results_away = 0;
        for path in files(&self.records())? {
            take(&path, self.record_fault(&path, &away, &mut results_away)?);
        }
        for job in self.underway()?.into_iter().filter(|job| !job.runs) {
            let folder = job.folder.join("checkpoints");
            for path in Checkpoints::damaged(&folder).unwrap_or_default() {
                take(&path, Some("its files do not fit its seal".into()));
            }
        }
        // The results that a pin names must be there. The pin itself is never set aside: its other results would lose their
        // protection.
        for (path, pin) in self.pin_files()? {
            let fault = match pin {
                Ok(pin) => pin.results.iter().find_map(|result| {
                    let is_there = self.record(&result.key).exists();
                    (!is_there).then(|| format!("its result `{}` is missing", result.label))
                }),
                Err(reason) => Some(reason),
            };
            verified.read += 1;
            verified
                .damages
                .extend(fault.map(|reason| Damage { path, reason }));
        }
        verified.bytes = bytes;
        verified.away = results_away;
        verified.damages.sort();
        Ok(verified)
    }

    /// Says what is wrong with a mark of an object that is elsewhere. The mark of an object that is here, which a killed
    /// program has left, is removed.
    fn mark_fault(&self, path: &Path) -> Result<Option<String>, StoreError> {
        let Some(bytes) = read(path)? else {
            return Ok(None);
        };
        let named: Option<Digest> = stem(path).and_then(|name| name.parse().ok());
        let Some(named) = named else {
            return Ok(Some("its name is no digest".into()));
        };
        match serde_json::from_slice::<Elsewhere>(&bytes) {
            Ok(mark) if mark.digest == named => {}
            Ok(_) => return Ok(Some("it is another object's".into())),
            Err(error) => return Ok(Some(format!("not a mark: {error}"))),
        }
        if self.object(&named).exists() {
            self.unmark(&named);
        }
        Ok(None)
    }

    /// Says what is wrong with a record, and counts it where its artifact is one of those that are `away`.
    fn record_fault(
        &self,
        path: &Path,
        away: &BTreeSet<Digest>,
        results: &mut usize,
    ) -> Result<Option<String>, StoreError> {
        let Some(bytes) = read(path)? else {
            return Ok(None);
        };
        let named: Option<Key> = stem(path).and_then(|name| name.parse().ok());
        let Some(named) = named else {
            return Ok(Some("its name is no key".into()));
        };
        let record = match Record::read(&bytes, &named) {
            Ok(record) => record,
            Err(reason) => return Ok(Some(reason)),
        };
        let manifest = self.artifact(&record.artifact);
        if !manifest.exists() {
            let artifact = record.artifact.short();
            return Ok(Some(format!("its artifact {artifact} is missing")));
        }
        *results += usize::from(away.contains(&record.artifact));
        Ok(None)
    }

    /// Says what is wrong with the list of an artifact's or input's files, or which of an artifact's files are missing. An
    /// artifact that has files elsewhere is added to `away`.
    fn manifest_fault(
        &self,
        path: &Path,
        away: &mut BTreeSet<Digest>,
    ) -> Result<Option<String>, StoreError> {
        let Some(bytes) = read(path)? else {
            return Ok(None);
        };
        let named: Option<Digest> = stem(path).and_then(|name| name.parse().ok());
        if named != Some(Digest::of(&bytes)) {
            return Ok(Some("its content does not fit its name".into()));
        }
        let manifest = match Manifest::read(&bytes) {
            Ok(manifest) => manifest,
            Err(reason) => return Ok(Some(reason)),
        };
        // The files of an input lie where the user keeps them, so only their list is checked.
        if path.parent() != Some(self.root().join("artifacts").as_path()) {
            return Ok(None);
        }
        for file in &manifest.files {
            let object = self.object(&file.digest);
            match fs::metadata(&object) {
                Ok(found) if found.is_file() && found.len() == file.size => {}
                Ok(_) => return Ok(Some(format!("its file `{}` has another size", file.path))),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    if self.elsewhere(&file.digest)?.is_none() {
                        return Ok(Some(format!("its file `{}` is missing", file.path)));
                    }
                    away.extend(named);
                }
                Err(error) => return Err(io_error(&object)(error)),
            }
        }
        Ok(None)
    }
}

type Checked = Result<(Option<String>, u64), StoreError>;

/// Hashes objects, several at once, and says of each what is wrong with it and how many bytes it has.
fn check(objects: &[PathBuf]) -> Vec<Checked> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(objects.len()));
    let work = || {
        while let Some((at, path)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            objects.get(at).map(|path| (at, path))
        } {
            let checked = check_one(path);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.push((at, checked));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(objects.len()) {
            // Where the system gives no thread, the others do the work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, checked)| checked).collect()
}

fn check_one(path: &Path) -> Checked {
    let (digest, size) = match hash_at(path) {
        Ok(hashed) => hashed,
        // Another program has set the object aside meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((None, 0)),
        Err(error) => return Err(io_error(path)(error)),
    };
    let named: Option<Digest> = path
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.parse().ok());
    let fault = (named != Some(digest)).then(|| "its content does not fit its name".to_owned());
    Ok((fault, size))
}

fn stem(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_suffix(".json")
}

/// Returns the files of a folder, sorted, without those that were set aside.
fn files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = entries(folder)?;
    found.retain(|path| path.is_file() && !path.to_string_lossy().contains(".damaged"));
    Ok(found)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = entries(folder)?;
    found.retain(|path| path.is_dir());
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(folder)(error)),
    };
    let paths = entries.map(|entry| Ok(entry.map_err(io_error(folder))?.path()));
    let mut paths = paths.collect::<Result<Vec<_>, StoreError>>()?;
    paths.sort();
    Ok(paths)
}
