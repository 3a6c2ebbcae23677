//! A job on another machine: what `pipe attempt WORKDIR` does on the node of a cluster.
//!
//! A batch system may start a job twice: when a node is cut off, its copy of the job goes on while another begins. So each
//! start works in a folder of its own, and what it has made counts from the moment at which it gives its account of that a name
//! that all share, by a hard link: one start wins on every file system. Whoever comes later compares its bytes with the
//! winner's. The two are the same, or the job does not make the same bytes each time, which is told.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use contract::{ArtifactType, Below, below};
use serde::{Deserialize, Serialize};

use super::protocol::{ErrorKind as Trouble, ErrorReport, JobFile, Outcome};
use super::stage::stage;
use crate::keys::Key;
use crate::registry::Registry;
use crate::store::{Digest, Store, StoreError};

/// The file of a work folder that tells which start has made the result.
const PUBLISHED: &str = "published.json";
/// The folder of a work folder in which starts say what becomes of them.
const STARTS: &str = "starts";

/// A start's account of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Start {
    /// Which attempt it belongs to.
    pub(super) attempt: u32,
    /// The machine.
    pub(super) host: String,
    /// The folder that it works in.
    pub(super) place: PathBuf,
    /// How it went, once that is known.
    pub(super) outcome: Option<Outcome>,
    /// What it makes.
    pub(super) output: Option<ArtifactType>,
    /// The digest of what it has made.
    pub(super) artifact: Option<Digest>,
    /// What else is to be told.
    #[serde(default)]
    pub(super) word: Option<String>,
}

/// Runs the job of a work folder as one start of an attempt, and publishes what it makes unless another start has done so: then
/// a word on how the two compare is returned as well.
pub fn attempt(
    folder: &Path,
    number: u32,
    source: Option<&str>,
    registry: &Registry,
) -> (Outcome, Option<String>) {
    let failed = |error: io::Error| {
        Outcome::Error(ErrorReport {
            kind: match contract::is_full(&error) {
                true => Trouble::Full,
                false => Trouble::Io,
            },
            message: format!("{}: {error}", folder.display()),
            remedy: Some(
                "see that the store's folder is the same on all nodes, and can be written there"
                    .into(),
            ),
        })
    };
    let went = begin(folder, number).and_then(|start| start.run(folder, source, registry));
    match went {
        Ok(start) => (
            start.outcome.unwrap_or(Outcome::Error(unsaid())),
            start.word,
        ),
        Err(error) => (failed(error), None),
    }
}

/// What is to be told of a start that has said nothing, which a start never does.
fn unsaid() -> ErrorReport {
    ErrorReport {
        kind: Trouble::Failed,
        message: "the start has not said how it went".into(),
        remedy: None,
    }
}

/// Makes the folder of a start, and lays out what it needs.
fn begin(folder: &Path, attempt: u32) -> io::Result<Start> {
    let name = folder
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("job");
    let places = folder
        .parent()
        .and_then(Path::parent)
        .unwrap_or(folder)
        .join("tmp");
    let place = tempfile::Builder::new()
        .prefix(&format!(
            "start-{}-{attempt}-",
            name.chars().take(16).collect::<String>()
        ))
        .tempdir_in(places)?
        .keep();
    fs::copy(folder.join("job.json"), place.join("job.json"))?;
    if let Some(checkpoints) = newest_checkpoints(folder)? {
        link_below(&checkpoints, &place.join("checkpoints"))?;
    }
    let start = Start {
        attempt,
        host: host(),
        place,
        outcome: None,
        output: None,
        artifact: None,
        word: None,
    };
    start.tell(folder)?;
    Ok(start)
}

impl Start {
    /// Returns the start that has made the result of a work folder's job, if one has.
    pub(super) fn published(folder: &Path) -> io::Result<Option<Self>> {
        read(&folder.join(PUBLISHED))
    }

    /// Returns all starts of a work folder's job, in no order.
    pub(super) fn all(folder: &Path) -> io::Result<Vec<Self>> {
        let starts = folder.join(STARTS);
        let entries = match fs::read_dir(&starts) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut all = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "json") {
                all.extend(read(&path)?);
            }
        }
        Ok(all)
    }

    fn run(mut self, folder: &Path, source: Option<&str>, registry: &Registry) -> io::Result<Self> {
        let job = fs::read(self.place.join("job.json"))?;
        let job: JobFile = serde_json::from_slice(&job)?;
        let outcome = match registry.source(&job.kind) {
            own if own == source => stage(&self.place, None, registry),
            _ => Outcome::Error(ErrorReport {
                kind: Trouble::Failed,
                message: format!(
                    "the program on {} is another than that which submits jobs",
                    self.host
                ),
                remedy: Some(
                    "have the same program on all nodes, under the path that it has here".into(),
                ),
            }),
        };
        self.output = job.output;
        if let (Outcome::Ok(_), Some(output)) = (&outcome, job.output) {
            match Store::artifact_of(&self.place.join("output"), output) {
                Ok(digest) => {
                    self.artifact = Some(digest);
                    self.outcome = Some(outcome);
                    return self.publish(folder);
                }
                Err(error) => self.outcome = Some(Outcome::Error(refused(&error))),
            }
        } else {
            self.outcome = Some(outcome);
        }
        self.tell(folder)?;
        Ok(self)
    }

    /// Makes this start's result the job's, or compares it with the one that is there.
    fn publish(mut self, folder: &Path) -> io::Result<Self> {
        let own = self.place.join(PUBLISHED);
        write(&own, &self)?;
        let published = folder.join(PUBLISHED);
        let first = match fs::hard_link(&own, &published) {
            Ok(()) => {
                File::open(folder)?.sync_all()?;
                self.tell(folder)?;
                return Ok(self);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Self::published(folder)?.and_then(|first| first.artifact)
            }
            // The result is in the store already, and the work folder gone.
            Err(error) if error.kind() == ErrorKind::NotFound => recorded(folder),
            Err(error) => return Err(error),
        };
        let own = self.artifact.map(|own| own.short());
        self.word = Some(match first {
            Some(_) if first == self.artifact => {
                "another start was first, and has made the same bytes".to_owned()
            }
            Some(first) => format!(
                "another start was first and has made other bytes (artifact {} there, {} here): the job does not make the \
                 same bytes each time",
                first.short(),
                own.unwrap_or_default(),
            ),
            None => "another start was first, and its result is gone".to_owned(),
        });
        // Where the work folder is gone, nobody waits for this.
        let _ = self.tell(folder);
        if first == self.artifact {
            contract::remove_all(&self.place)?;
        }
        Ok(self)
    }

    /// Writes what is known of the start where the run that waits for it looks.
    fn tell(&self, folder: &Path) -> io::Result<()> {
        let starts = folder.join(STARTS);
        match fs::create_dir(&starts) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let name = self.place.file_name().unwrap_or_default();
        let mut name = name.to_os_string();
        name.push(".json");
        write(&starts.join(name), self)
    }
}

fn refused(error: &StoreError) -> ErrorReport {
    ErrorReport {
        kind: Trouble::Failed,
        message: error.to_string(),
        remedy: error.remedy(),
    }
}

/// Returns the digest of the result that the store has of a work folder's job.
fn recorded(folder: &Path) -> Option<Digest> {
    let key: Key = folder.file_name()?.to_str()?.parse().ok()?;
    let store = Store::view(folder.parent()?.parent()?).ok()?;
    let record = store.recorded(&key).ok()??;
    Some(record.artifact)
}

/// Returns the folder of the checkpoints that are farthest, of all starts of a job and of attempts at it on the machine that
/// submits.
fn newest_checkpoints(folder: &Path) -> io::Result<Option<PathBuf>> {
    let starts = Start::all(folder)?.into_iter().map(|start| start.place);
    let mut best: Option<(String, PathBuf)> = None;
    for place in starts.chain([folder.to_path_buf()]) {
        let checkpoints = place.join("checkpoints");
        let names = fs::read_dir(&checkpoints).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        // Names have as many digits each, so the farthest is the last.
        let last = names.filter(|name| name.starts_with("after-")).max();
        if let Some(last) = last
            && best.as_ref().is_none_or(|(name, _)| last > *name)
        {
            best = Some((last, checkpoints));
        }
    }
    Ok(best.map(|(_, checkpoints)| checkpoints))
}

/// Gives all files below a folder a second name. Checkpoints are written once, so that two starts may share one; one that its
/// owner removes meanwhile is left out, and whether the rest is whole is told by its seal.
fn link_below(from: &Path, to: &Path) -> io::Result<()> {
    let files = match below(from) {
        Ok(files) => files,
        Err((_, error)) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err((_, error)) => return Err(error),
    };
    for Below { path, name, kind } in files {
        let place = to.join(name);
        if let Some(parent) = place.parent().filter(|_| kind.is_file()) {
            fs::create_dir_all(parent)?;
            match fs::hard_link(&path, &place) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                linked => linked?,
            }
        }
    }
    Ok(())
}

/// Writes a file aside and gives it its name, so that nobody reads half of it.
fn write(path: &Path, start: &Start) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    let mut file = File::create(&aside)?;
    file.write_all(&serde_json::to_vec_pretty(start)?)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

fn read(path: &Path) -> io::Result<Option<Start>> {
    match fs::read(path) {
        // On a network file system a file may be seen before all its bytes: the next look sees them.
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn host() -> String {
    let host = rustix::system::uname();
    host.nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::execute::Usage;

    fn start(store: &Path, name: &str, text: &str) -> (PathBuf, Start) {
        let folder = store.join("work").join("ab".repeat(32));
        fs::create_dir_all(&folder).unwrap();
        let place = store.join("tmp").join(name);
        fs::create_dir_all(place.join("output")).unwrap();
        fs::write(place.join("output/text"), text).unwrap();
        let artifact = Store::artifact_of(&place.join("output"), ArtifactType::Folder);
        let start = Start {
            attempt: 1,
            host: "n1".into(),
            place,
            outcome: None,
            output: Some(ArtifactType::Folder),
            artifact: Some(artifact.unwrap()),
            word: None,
        };
        (folder, start)
    }

    #[test]
    fn of_two_starts_one_wins_and_the_other_compares() {
        let store = tempfile::tempdir().unwrap();
        let (folder, first) = start(store.path(), "first", "same");
        let (_, second) = start(store.path(), "second", "same");
        let (_, third) = start(store.path(), "third", "other");
        let place = second.place.clone();
        for mut start in [first.clone(), second, third] {
            start.outcome = Some(Outcome::Ok(Usage::default()));
            start.publish(&folder).unwrap();
        }
        let published = Start::published(&folder).unwrap().unwrap();
        assert_eq!(published.place, first.place);
        assert!(!place.exists(), "what is the same need not be kept");
        let words: Vec<String> = Start::all(&folder)
            .unwrap()
            .into_iter()
            .filter_map(|start| start.word)
            .collect();
        let told = |end: &str| words.iter().filter(|word| word.ends_with(end)).count();
        assert_eq!(words.len(), 2);
        assert_eq!(told("has made the same bytes"), 1);
        assert_eq!(told("does not make the same bytes each time"), 1);
    }

    #[test]
    fn a_start_goes_on_from_the_farthest_checkpoint_of_all() {
        let store = tempfile::tempdir().unwrap();
        let (folder, start) = start(store.path(), "first", "x");
        fs::create_dir_all(store.path().join("tmp")).unwrap();
        fs::write(folder.join("job.json"), "{}").unwrap();
        let save = |place: &Path, done: u32| {
            let checkpoint = place.join(format!("checkpoints/after-{done:010}"));
            fs::create_dir_all(&checkpoint).unwrap();
            fs::write(checkpoint.join("weights"), done.to_string()).unwrap();
        };
        save(&folder, 5);
        save(&start.place, 120);
        start.tell(&folder).unwrap();
        let second = begin(&folder, 2).unwrap();
        assert_ne!(second.place, start.place);
        let weights = second.place.join("checkpoints/after-0000000120/weights");
        assert_eq!(fs::read_to_string(weights).unwrap(), "120");
    }
}
