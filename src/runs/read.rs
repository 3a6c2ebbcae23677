//! Reading what runs have written down.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::DateTime;
use serde::Deserialize;

use super::name::Name;
use super::{Begun, Entry};
use crate::keys::Key;
use crate::progress::{Made, Results};
use crate::store::{Digest, StoreError, io_error};

/// The folder of results, within the folder of runs.
pub(super) const RESULTS: &str = "results";

/// The runs of a store.
#[derive(Clone, Debug)]
pub struct Runs {
    folder: PathBuf,
    /// The names of the runs, the earliest first.
    names: Vec<String>,
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// Its name: when it began.
    pub name: String,
    /// How it was called.
    pub begun: Begun,
    /// How many jobs there were, and how many of them need not run: those known at the start, and those found later.
    pub planned: Option<(usize, usize)>,
    /// How many of the jobs that need not run have a result that the run made for another job.
    pub same: usize,
    /// Jobs that it made.
    pub made: usize,
    /// Jobs that failed.
    pub failed: usize,
    /// How it ended.
    pub ended: Ended,
}

/// A run that was given values of variables by `--set` or in brackets.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjusted {
    /// Its name: when it began.
    pub name: String,
    /// How it was called.
    pub begun: Begun,
    /// The results that it has made or used.
    pub made: BTreeSet<Key>,
    /// The labels of the jobs that it started.
    pub started: BTreeSet<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ended {
    /// It goes on.
    Running,
    /// The run was killed.
    Killed,
    /// The run ended by itself.
    Exit {
        /// With this exit code.
        code: u8,
        /// After so many seconds.
        seconds: f64,
    },
}

impl Runs {
    /// Lists the runs in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(folder: PathBuf) -> Result<Self, StoreError> {
        let mut names = Vec::new();
        match fs::read_dir(&folder) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(io_error(&folder))?.file_name();
                    let name = name.to_str().and_then(|name| name.strip_suffix(".jsonl"));
                    names.extend(name.map(str::to_owned));
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(&folder)(error)),
        }
        names.sort_by_cached_key(|name| Name::read(name));
        Ok(Self { folder, names })
    }

    /// Returns the names of the runs, the earliest first.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the run that `text` means: a name, the start of one that no other begins with, `last`, or `last~2` for the
    /// second before it.
    pub fn find(&self, text: &str) -> Option<&str> {
        if let Some(back) = back(text) {
            return self.names.iter().rev().nth(back?).map(String::as_str);
        }
        if let Some(exact) = self.names.iter().find(|name| *name == text) {
            return Some(exact);
        }
        let mut starting = self.names.iter().filter(|name| name.starts_with(text));
        let found = starting.next()?;
        starting.next().is_none().then_some(found.as_str())
    }

    /// As [`Runs::find`], but `last` is the last run of tables: runs of single stages have little to compare. Where there is no
    /// run of tables, all count.
    pub fn find_of_tables(&self, text: &str) -> Option<&str> {
        let Some(back) = back(text) else {
            return self.find(text);
        };
        let of_tables = |name: &&String| {
            let begun = self.begun(name);
            begun.is_some_and(|begun| {
                begun
                    .targets
                    .iter()
                    .any(|target| !target.starts_with("stage:"))
            })
        };
        let mut runs = self.names.iter().rev().filter(of_tables).peekable();
        match runs.peek() {
            None => self.find(text),
            Some(_) => runs.nth(back?).map(String::as_str),
        }
    }

    /// Returns how a run was called; `None` if its file does not say it.
    fn begun(&self, name: &str) -> Option<Begun> {
        let mut line = Vec::new();
        let file = File::open(self.path(name)).ok()?;
        BufReader::new(file).read_until(b'\n', &mut line).ok()?;
        match serde_json::from_slice(&line).ok()? {
            Entry::Begun(begun) => Some(begun),
            _ => None,
        }
    }

    /// Returns where a run's file lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.jsonl"))
    }

    /// Returns what a run has written down. Half a line at the end, and what is no entry, is passed over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn entries(&self, name: &str) -> Result<Vec<Entry>, StoreError> {
        let path = self.path(name);
        let text = fs::read(&path).map_err(io_error(&path))?;
        let lines = text.split(|byte| *byte == b'\n');
        Ok(lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect())
    }

    /// Returns a run in short; `None` where its file holds no beginning.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn summary(&self, name: &str) -> Result<Option<RunSummary>, StoreError> {
        // The lock is looked at before the file is read: a run that ends in between must not be taken for a killed one.
        let running = is_locked(&self.path(name));
        let mut summary: Option<RunSummary> = None;
        let mut made = BTreeSet::new();
        let mut found = BTreeMap::new();
        for entry in self.entries(name)? {
            if let Entry::Begun(begun) = entry {
                summary = Some(RunSummary {
                    name: name.to_owned(),
                    begun,
                    planned: None,
                    same: 0,
                    made: 0,
                    failed: 0,
                    ended: match running {
                        true => Ended::Running,
                        false => Ended::Killed,
                    },
                });
                continue;
            }
            let Some(summary) = &mut summary else {
                continue;
            };
            match entry {
                Entry::Planned { jobs, cached, .. } => summary.planned = Some((jobs, cached)),
                Entry::Found { job, result, .. } => drop(found.insert(job, result.key)),
                Entry::Finished {
                    job,
                    made: Some(result),
                    ..
                } => {
                    summary.made += 1;
                    made.insert(result.key);
                    // A job that was found and then lost is made again.
                    found.remove(&job);
                }
                Entry::Failed { .. } => summary.failed += 1,
                Entry::Ended { seconds, exit, .. } => {
                    summary.ended = Ended::Exit {
                        code: exit,
                        seconds,
                    };
                }
                _ => {}
            }
        }
        if let Some(RunSummary {
            planned: Some((_, cached)),
            same,
            ..
        }) = &mut summary
        {
            *cached += found.len();
            *same = found.values().filter(|key| made.contains(*key)).count();
        }
        Ok(summary)
    }

    /// Returns what each job of a run had made when it ended, by label. Of a run that has not ended, what is known so far.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn results(&self, name: &str) -> Result<BTreeMap<String, Made>, StoreError> {
        let mut made = BTreeMap::new();
        for entry in self.entries(name)? {
            match entry {
                Entry::Ended {
                    results: Some(digest),
                    ..
                } => return self.kept(&digest),
                Entry::Planned {
                    results: Some(digest),
                    ..
                } => made.append(&mut self.kept(&digest)?),
                Entry::Found { job, result, .. } => drop(made.insert(job, result)),
                Entry::Finished {
                    job,
                    made: Some(result),
                    ..
                } => drop(made.insert(job, result)),
                _ => {}
            }
        }
        Ok(made)
    }

    /// Returns the results that runs had made which ended after `since`, each with the label that a run gave it. What cannot
    /// be read of a run is passed over.
    pub fn made_since(&self, since: Option<SystemTime>) -> BTreeMap<Key, String> {
        let mut seen = BTreeSet::new();
        let mut made = BTreeMap::new();
        for name in &self.names {
            let entries = self.entries(name).unwrap_or_default();
            let is_later = since.is_none_or(|since| self.ended_after(name, &entries, since));
            let Some(Entry::Ended {
                results: Some(digest),
                ..
            }) = entries.last().filter(|_| is_later)
            else {
                continue;
            };
            // Runs that find all done share the file of results with earlier runs.
            if seen.insert(*digest) {
                let kept = self.kept(digest).unwrap_or_default().into_iter();
                made.extend(kept.map(|(label, result)| (result.key, label)));
            }
        }
        made
    }

    /// Returns the runs that were given values of variables, by `--set` or in the brackets of a stage, and went on after `since`,
    /// the latest first. What cannot be read of a run is passed over.
    pub fn with_settings_since(&self, since: SystemTime) -> Vec<Adjusted> {
        let mut runs = Vec::new();
        for name in self.names.iter().rev() {
            let written = fs::metadata(self.path(name)).and_then(|file| file.modified());
            if !written.is_ok_and(|written| written >= since) {
                continue;
            }
            let entries = self.entries(name).unwrap_or_default();
            let Some(Entry::Begun(begun)) = entries.first() else {
                continue;
            };
            if begun.set.is_empty() && !begun.targets.iter().any(|target| target.contains('[')) {
                continue;
            }
            let started = entries.iter().filter_map(|entry| match entry {
                Entry::Started { job, .. } => Some(job.clone()),
                _ => None,
            });
            let made = self.results(name).unwrap_or_default();
            runs.push(Adjusted {
                name: name.clone(),
                begun: begun.clone(),
                made: made.into_values().map(|result| result.key).collect(),
                started: started.collect(),
            });
        }
        runs
    }

    /// Whether a run ended after some time: by the time of its file and, for stores that were copied, by the times written in
    /// it.
    fn ended_after(&self, name: &str, entries: &[Entry], since: SystemTime) -> bool {
        // The times in the file are in whole seconds, cut off.
        const ROUNDED: Duration = Duration::from_secs(2);
        let (Some(Entry::Begun(begun)), Some(Entry::Ended { seconds, .. })) =
            (entries.first(), entries.last())
        else {
            return false;
        };
        let began = DateTime::parse_from_rfc3339(&begun.at).map(SystemTime::from);
        let lasted = Duration::try_from_secs_f64(*seconds);
        let (Ok(began), Ok(lasted)) = (began, lasted) else {
            return false;
        };
        let written = fs::metadata(self.path(name)).and_then(|file| file.modified());
        // A time that is beyond what the clock can tell is passed over.
        let ended = began.checked_add(lasted.saturating_add(ROUNDED));
        written.is_ok_and(|written| written > since) && ended.is_some_and(|ended| ended > since)
    }

    fn kept(&self, digest: &Digest) -> Result<BTreeMap<String, Made>, StoreError> {
        let path = self.folder.join(RESULTS).join(format!("{digest}.jsonl"));
        let bytes = fs::read(&path).map_err(io_error(&path))?;
        let lines = bytes.split(|byte| *byte == b'\n');
        let made: Vec<(String, Made)> = lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .map(|Line { job, key, artifact }| (job, Made { key, artifact }))
            .collect();
        let results: Results<'_> = made
            .iter()
            .map(|(job, made)| (job.as_str(), *made))
            .collect();
        if results.digest() != *digest {
            return Err(StoreError::Unreadable {
                path,
                reason: "its content does not fit its name, so what the run made is not known"
                    .into(),
                remedy: "compare with another run (`pipe log` lists them)".into(),
            });
        }
        Ok(made.into_iter().collect())
    }
}

/// A line of a file of results.
#[derive(Deserialize)]
struct Line {
    job: String,
    key: Key,
    artifact: Digest,
}

/// Reads `last` and `last~2`: how many runs to go back, or nothing where that is no number. `None` for other texts.
fn back(text: &str) -> Option<Option<usize>> {
    let rest = text.strip_prefix("last")?;
    match rest.strip_prefix('~') {
        Some(number) => Some(number.parse().ok()),
        None => rest.is_empty().then_some(Some(0)),
    }
}

/// Whether a run holds its file.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
}
