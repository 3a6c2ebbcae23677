//! Why a job has no result.

use std::any::Any;
use std::path::PathBuf;

use contract::{STARVED, STARVED_REMEDY, StageError, panicked_starved};
use serde::{Serialize, Serializer};

use crate::store::StoreError;

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Whose fault it is.
    pub kind: FailureKind,
    /// What is wrong: a lowercase fragment, the place first.
    pub message: String,
    /// What to do about it, if that is known.
    pub remedy: Option<String>,
    /// Where the stage's messages are.
    #[serde(serialize_with = "shown")]
    pub log: Option<PathBuf>,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The run was asked to stop.
    Interrupted,
    /// The user's data or parameters are wrong.
    Input,
    /// The stage could not do its work.
    Failed,
    /// The stage, or what runs it, has panicked: a mistake in the program.
    Bug,
    /// An input of the job was found damaged in the store, or missing, more often than jobs are tried again.
    Damaged,
    /// The job has made other bytes than its known result has.
    Differs,
    /// An input of the job was changed in the store while the job ran. The job is not tried again at once: whoever writes there
    /// should end first.
    Changed,
    /// The store cannot be read or written.
    Store,
    /// There is no room left to write.
    Full,
}

/// Writes a path as JSON, which holds UTF-8 alone: bytes that are not UTF-8 are replaced.
fn shown<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref()
        .map(|path| path.to_string_lossy())
        .serialize(to)
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            remedy: None,
            log: None,
        }
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(
            FailureKind::Interrupted,
            StageError::Interrupted.to_string(),
        )
    }

    /// A mistake in the program itself.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        if panicked_starved(text) {
            return Self::starved();
        }
        let mut failure = Self::new(FailureKind::Bug, format!("internal error: {text}"));
        failure.remedy =
            Some("a mistake in the program: please report it with what stands above".into());
        failure
    }

    /// There is no thread or process for the job.
    pub(crate) fn starved() -> Self {
        let mut failure = Self::new(FailureKind::Failed, STARVED);
        failure.remedy = Some(STARVED_REMEDY.into());
        failure
    }

    pub(crate) fn with_log(mut self, log: PathBuf) -> Self {
        self.log = Some(log);
        self
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            _ if error.is_full() => FailureKind::Full,
            _ if error.is_starved() => FailureKind::Failed,
            StoreError::Output { .. } => FailureKind::Failed,
            StoreError::Damaged { .. } | StoreError::Away(_) => FailureKind::Damaged,
            StoreError::Differs { .. } => FailureKind::Differs,
            StoreError::Changed { .. } => FailureKind::Changed,
            StoreError::Io { .. }
            | StoreError::NotAStore { .. }
            | StoreError::Locks { .. }
            | StoreError::Unreadable { .. } => FailureKind::Store,
        };
        Self {
            kind,
            message: error.to_string(),
            remedy: error.remedy(),
            log: None,
        }
    }
}

impl From<StageError> for Failure {
    fn from(error: StageError) -> Self {
        let kind = match &error {
            _ if error.is_full() => FailureKind::Full,
            StageError::Input { .. } => FailureKind::Input,
            StageError::Interrupted => FailureKind::Interrupted,
            StageError::Io { .. } | StageError::Program { .. } | StageError::Failed(_) => {
                FailureKind::Failed
            }
        };
        Self {
            kind,
            message: error.to_string(),
            remedy: error.remedy(),
            log: None,
        }
    }
}
