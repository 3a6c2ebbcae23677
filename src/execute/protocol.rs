//! What coordinator and child write for each other into a work folder.

use std::fs;
use std::io;
use std::path::Path;

use contract::{ArtifactType, Inputs, Params, StageError};
use serde::{Deserialize, Serialize};

use crate::store::{Notes, Worked};

/// `job.json`: what to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobFile {
    /// The stage kind.
    pub kind: String,
    /// What the job is called, for messages.
    pub label: String,
    /// The complete parameters of the job.
    pub params: Params,
    /// The parameters as far as the job's key holds them, if it does not hold all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyed: Option<Params>,
    /// Where the inputs lie.
    #[serde(with = "super::paths")]
    pub inputs: Inputs,
    /// What the output is.
    #[serde(default)]
    pub output: Option<ArtifactType>,
    /// How many threads to use.
    pub threads: usize,
    /// What the threads can do together at most, in floating-point operations a second, if that was measured.
    #[serde(default)]
    pub peak: Option<f64>,
}

/// How the job went. A child prints it, and keeps it in `outcome.json` if there is no result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The output is complete.
    Ok(Usage),
    /// There is no output.
    Error(ErrorReport),
}

impl Outcome {
    /// The file of a work folder that says why there is no result.
    pub const FILE: &str = "outcome.json";

    /// Writes the outcome into a work folder, in the place of an earlier one.
    pub(super) fn keep(&self, folder: &Path) -> io::Result<()> {
        let aside = folder.join("outcome.json.part");
        fs::write(&aside, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&aside, folder.join(Self::FILE))
    }
}

/// What a finished child used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Time on all cores together, in seconds.
    pub core_seconds: f64,
    /// Most memory held at one time, in bytes.
    pub peak_memory: u64,
    /// How much work was done, as the stage counts it.
    pub worked: Vec<Worked>,
    /// The fingerprint of the stage's source code ([`crate::registry::Registry::source`]).
    #[serde(default)]
    pub source: Option<String>,
    /// What the stage noted of the result.
    #[serde(default)]
    pub notes: Notes,
}

/// Why a child gave up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// What sort of trouble.
    pub kind: ErrorKind,
    /// What is wrong: the place first.
    pub message: String,
    /// What to do about it, if that is known.
    pub remedy: Option<String>,
}

impl ErrorReport {
    /// Whether the stage failed, and was not only asked to stop.
    pub fn is_failure(&self) -> bool {
        self.kind != ErrorKind::Interrupted
    }
}

/// Sorts of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The user's data or parameters are wrong.
    Input,
    /// The system refused to read or write.
    Io,
    /// There is no room left to write.
    Full,
    /// The stage refuses to give a result.
    Failed,
    /// The stage was asked to stop.
    Interrupted,
    /// The stage panicked: a mistake in its code.
    Panic,
}

impl From<&StageError> for ErrorReport {
    fn from(error: &StageError) -> Self {
        let kind = match error {
            _ if error.is_full() => ErrorKind::Full,
            StageError::Input { .. } => ErrorKind::Input,
            StageError::Io { .. } => ErrorKind::Io,
            StageError::Interrupted => ErrorKind::Interrupted,
            StageError::Program { .. } | StageError::Failed(_) => ErrorKind::Failed,
        };
        Self {
            kind,
            message: error.to_string(),
            remedy: error.remedy(),
        }
    }
}
