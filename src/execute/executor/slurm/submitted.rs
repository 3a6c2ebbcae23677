//! What was submitted for a job: a file in its work folder, from which another run goes on.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The file of a work folder that tells what was submitted.
const FILE: &str = "slurm.json";

/// The attempts at a job that were submitted, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Submitted {
    pub(super) attempts: Vec<Submission>,
}

/// An attempt that was submitted, or was about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Submission {
    /// Counts the attempts at the job, from 1.
    pub(super) number: u32,
    /// The name by which Slurm finds it.
    pub(super) name: String,
    /// Slurm's number; `None` between the intent to submit and Slurm's answer.
    pub(super) id: Option<u64>,
    /// How it ended, once that is known.
    pub(super) end: Option<String>,
}

impl Submitted {
    /// Reads what was submitted for the job of a work folder. A file that cannot be understood counts as none.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        match fs::read(folder.join(FILE)) {
            Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes the file, for good.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let aside = folder.join("slurm.json.part");
        let mut file = File::create(&aside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&aside, folder.join(FILE))?;
        File::open(folder)?.sync_all()
    }

    /// Returns the last attempt, if nothing is known of its end.
    pub(super) fn open(&self) -> Option<&Submission> {
        self.attempts.last().filter(|last| last.end.is_none())
    }

    /// Notes an attempt that is about to be submitted. Its name is found again, so it is no other store's: it tells the work
    /// folder and the time as well as the key.
    pub(super) fn intend(&mut self, folder: &Path, key: &str) -> &Submission {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut hasher = blake3::Hasher::new();
        hasher.update(folder.as_os_str().as_bytes());
        hasher.update(&now.unwrap_or_default().as_nanos().to_le_bytes());
        let own = hasher.finalize().to_hex();
        let number = self.attempts.last().map_or(1, |last| last.number + 1);
        self.attempts.push(Submission {
            number,
            name: format!("pipe-{}-{}-{number}", &key[..key.len().min(8)], &own[..8]),
            id: None,
            end: None,
        });
        self.attempts.last().expect("just added")
    }

    /// Notes the number of the last attempt.
    pub(super) fn is(&mut self, id: u64) {
        if let Some(last) = self.attempts.last_mut() {
            last.id = Some(id);
        }
    }

    /// Notes how the last attempt has ended.
    pub(super) fn end(&mut self, how: &str) {
        if let Some(last) = self.attempts.last_mut() {
            last.end = Some(how.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn another_run_goes_on_from_what_was_submitted() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Submitted::read(folder.path()).unwrap();
        assert_eq!(first, Submitted::default());
        let key = "ab".repeat(32);
        let name = first.intend(folder.path(), &key).name.clone();
        assert!(name.starts_with("pipe-abababab-") && name.ends_with("-1"));
        let other = Submitted::default()
            .intend(folder.path(), &key)
            .name
            .clone();
        assert_ne!(name, other);
        first.write(folder.path()).unwrap();
        let mut second = Submitted::read(folder.path()).unwrap();
        assert_eq!(second.open().map(|last| last.id), Some(None));
        second.is(17);
        second.end("NODE_FAIL");
        second.write(folder.path()).unwrap();
        let mut third = Submitted::read(folder.path()).unwrap();
        assert_eq!(third.open(), None);
        assert_eq!(third.intend(folder.path(), &key).number, 2);
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(
            Submitted::read(folder.path()).unwrap(),
            Submitted::default()
        );
    }
}
