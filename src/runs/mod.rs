//! What runs did: one file of JSON lines each, below `runs/` of the store.
//!
//! `runs/DAY-TIME_NUMBER.jsonl` holds [`Entry`] lines: how the run was called, which jobs it started and how they ended, and
//! how the run ended. The file is locked while its run goes on, so a file without an end that nobody holds is a killed run's.
//! `runs/results/HEX.jsonl` holds what every job of a run had made when the run began, or when it ended, and is named by the
//! hash of that: runs with the same results share one file, so that a run that finds all done writes little. No result rests on
//! these files, so they may be deleted.

mod compare;
mod name;
mod pair;
mod read;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::progress::Made;
use crate::store::{Digest, Notes};

pub use compare::{Comparison, Difference, Set, compare};
pub use pair::Setting;
pub use read::{Adjusted, Ended, RunSummary, Runs};
pub use write::Journal;

/// A line of a run's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// The run begins.
    Begun(Begun),
    /// What is known at the start.
    Planned {
        /// How many jobs there are.
        jobs: usize,
        /// How many of them need not run.
        cached: usize,
        /// The digest that names the file of those jobs' results, so that they are known even if the run is killed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        results: Option<Digest>,
    },
    /// A job need not run, as is known only now: its result was there, or another run made it.
    Found {
        /// Seconds since the run began.
        seconds: f64,
        /// What the job is called.
        job: String,
        /// What it has made.
        result: Made,
    },
    /// A job starts.
    Started {
        /// Seconds since the run began.
        seconds: f64,
        /// What the job is called.
        job: String,
        /// Threads that it was given.
        threads: usize,
    },
    /// A started job waits for another run that works on it.
    Waits {
        /// Seconds since the run began.
        seconds: f64,
        /// What the job is called.
        job: String,
        /// Who works on the job, if that is known.
        holder: Option<String>,
    },
    /// A started job has a result.
    Finished {
        /// Seconds since the run began.
        seconds: f64,
        /// What the job is called.
        job: String,
        /// Its key and artifact, if this run made it; none where another run did.
        made: Option<Made>,
        /// Time that cores spent on it, in seconds.
        core_seconds: f64,
        /// What the stage noted of the result.
        #[serde(default, skip_serializing_if = "Notes::is_none")]
        notes: Notes,
    },
    /// A job has no result.
    Failed {
        /// Seconds since the run began.
        seconds: f64,
        /// What the job is called.
        job: String,
        /// What is wrong.
        message: String,
    },
    /// Something the user was told.
    Note {
        /// Seconds since the run began.
        seconds: f64,
        /// The message.
        message: String,
    },
    /// The run ends.
    Ended {
        /// Seconds since the run began.
        seconds: f64,
        /// The exit code.
        exit: u8,
        /// The digest that names the file of results.
        results: Option<Digest>,
    },
}

/// How a run was called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// When, in UTC: `2026-11-24T09:30:00Z`.
    pub at: String,
    /// The program.
    pub program: String,
    /// Its process.
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// The pipeline file.
    pub pipeline: String,
    /// The profile.
    pub profile: String,
    /// Variables that were given another value.
    pub set: BTreeMap<String, String>,
    /// What was asked for.
    pub targets: Vec<String>,
}

impl Begun {
    /// Returns the options that give the run's jobs again: ` --profile tiny --set m=0.3`.
    pub fn options(&self) -> String {
        let mut text = format!(" --profile {}", quoted(&self.profile));
        for (variable, value) in &self.set {
            text += &format!(" --set {}", quoted(&format!("{variable}={value}")));
        }
        text
    }
}

/// Writes a word so that a shell reads it back.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+%@".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_written_so_that_a_shell_reads_them_back() {
        assert_eq!(quoted("stage:tokens"), "stage:tokens");
        assert_eq!(quoted("lr=1e-3"), "lr=1e-3");
        assert_eq!(quoted("stage:a[m=0.4]"), "'stage:a[m=0.4]'");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
