//! Writing down what a run does.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use chrono::{DateTime, Utc};
use contract::Event;
use serde::Serialize;

use super::name::Name;
use super::read::RESULTS;
use super::{Begun, Entry};
use crate::failure::Failure;
use crate::progress::{Made, Progress, Results, whose};
use crate::store::{Digest, Holder, Record};

/// How many names are tried for a run, where others begin at the same time.
const ATTEMPTS: usize = 1000;

/// Writes down what a run does, and passes it on to what shows it. A failure to write is ignored: no result rests on the
/// journal.
pub struct Journal<'a> {
    shown: &'a mut dyn Progress,
    folder: PathBuf,
    file: Option<File>,
    start: Instant,
    /// What running jobs are called.
    labels: BTreeMap<usize, String>,
    /// The digest of the results known before the run is planned.
    known: Option<Digest>,
    planned: bool,
}

impl<'a> Journal<'a> {
    /// Begins the journal of a run below `folder`.
    pub fn begin(folder: PathBuf, begun: Begun, shown: &'a mut dyn Progress) -> Self {
        let mut journal = Self {
            shown,
            file: create(&folder, &begun).ok(),
            folder,
            start: Instant::now(),
            labels: BTreeMap::new(),
            known: None,
            planned: false,
        };
        journal.write(&Entry::Begun(begun));
        journal
    }

    /// Ends the journal with the exit code and what each job has made, whose digest is `made`.
    pub fn end(mut self, exit: u8, results: &Results<'_>, made: Digest) {
        let results = self.keep(results, made).ok();
        let seconds = self.seconds();
        self.write(&Entry::Ended {
            seconds,
            exit,
            results,
        });
    }

    /// Keeps the results of all jobs, in a file named by their hash.
    fn keep(&self, results: &Results<'_>, digest: Digest) -> io::Result<Digest> {
        let folder = self.folder.join(RESULTS);
        let path = folder.join(format!("{digest}.jsonl"));
        if !path.exists() {
            let mut bytes = Vec::new();
            for (job, result) in results.iter() {
                serde_json::to_writer(&mut bytes, &Line { job, result })?;
                bytes.push(b'\n');
            }
            fs::create_dir_all(&folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            file.write_all(&bytes)?;
            file.persist(&path)?;
        }
        Ok(digest)
    }

    fn seconds(&self) -> f64 {
        (self.start.elapsed().as_secs_f64() * 1e3).round() / 1e3
    }

    fn write(&mut self, entry: &Entry) {
        if let (Some(file), Ok(mut line)) = (&mut self.file, serde_json::to_vec(entry)) {
            line.push(b'\n');
            let _ = file.write_all(&line);
        }
    }
}

/// A line of a file of results.
#[derive(Serialize)]
struct Line<'a> {
    job: &'a str,
    #[serde(flatten)]
    result: &'a Made,
}

/// Makes the file of a run, locked until the returned file is dropped.
fn create(folder: &Path, begun: &Begun) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    for _ in 0..ATTEMPTS {
        let entries = fs::read_dir(folder)?;
        let others = entries.filter_map(|entry| {
            let name = entry.ok()?.file_name();
            Some(Name::read(name.to_str()?.strip_suffix(".jsonl")?))
        });
        let name = Name::after(others, &begun.at).into_text();
        let opened = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(folder.join(format!("{name}.jsonl")));
        match opened {
            // Another run has begun just now, and has that name.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => {
                file.lock()?;
                return Ok(file);
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

impl Begun {
    /// Returns the time as it is written down.
    pub fn now() -> String {
        DateTime::<Utc>::from(SystemTime::now())
            .format("%Y-%m-%dT%H:%M:%SZ")
            .to_string()
    }
}

impl Progress for Journal<'_> {
    fn known(&mut self, results: &Results<'_>) {
        if self.planned {
            for (job, result) in results.iter() {
                self.write(&Entry::Found {
                    seconds: self.seconds(),
                    job: job.to_owned(),
                    result: *result,
                });
            }
        } else if !results.is_empty() {
            self.known = self.keep(results, results.digest()).ok();
        }
        self.shown.known(results);
    }

    fn planned(&mut self, jobs: usize, cached: usize) {
        self.planned = true;
        self.write(&Entry::Planned {
            jobs,
            cached,
            results: self.known,
        });
        self.shown.planned(jobs, cached);
    }

    fn started(&mut self, job: usize, label: &str, threads: usize) {
        self.write(&Entry::Started {
            seconds: self.seconds(),
            job: label.to_owned(),
            threads,
        });
        self.labels.insert(job, label.to_owned());
        self.shown.started(job, label, threads);
    }

    fn waits(&mut self, job: usize, holder: Option<&Holder>) {
        self.write(&Entry::Waits {
            seconds: self.seconds(),
            job: self.labels.get(&job).cloned().unwrap_or_default(),
            holder: holder.map(whose),
        });
        self.shown.waits(job, holder);
    }

    fn event(&mut self, job: usize, event: &Event) {
        self.shown.event(job, event);
    }

    fn finished(&mut self, job: usize, label: &str, made: Option<&Record>) {
        self.write(&Entry::Finished {
            seconds: self.seconds(),
            job: label.to_owned(),
            made: made.map(|record| Made {
                key: record.key,
                artifact: record.artifact,
            }),
            core_seconds: made.map_or(0.0, |record| record.cost.core_seconds),
            notes: made.map(|record| record.notes.clone()).unwrap_or_default(),
        });
        self.labels.remove(&job);
        self.shown.finished(job, label, made);
    }

    fn failed(&mut self, job: usize, label: &str, failure: &Failure) {
        self.write(&Entry::Failed {
            seconds: self.seconds(),
            job: label.to_owned(),
            message: failure.message.clone(),
        });
        self.labels.remove(&job);
        self.shown.failed(job, label, failure);
    }

    fn note(&mut self, message: &str) {
        self.write(&Entry::Note {
            seconds: self.seconds(),
            message: message.to_owned(),
        });
        self.shown.note(message);
    }

    fn tick(&mut self) {
        self.shown.tick();
    }
}
