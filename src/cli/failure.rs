//! What ends a command early.

use std::io;
use std::path::PathBuf;

use contract::{ROOM, STARVED, STARVED_REMEDY, StageError, is_full};

use super::Exit;
use super::output::{tell, tell_error};
use crate::errors::Report;
use crate::report::ReportError;
use crate::store::{ArchiveError, StoreError, owner_remedy};

/// What ends a command early.
#[derive(Debug)]
pub(super) enum CommandFailure {
    /// The pipeline or the targets are wrong.
    Report(Report),
    /// The store cannot be used.
    Store(StoreError),
    /// An archive cannot be written, read or believed.
    Archive(ArchiveError),
    /// Results cannot be written, or scores not be read.
    Results(ReportError),
    /// The command line asks for something that does not exist.
    Usage {
        /// What is wrong.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// What a stage's code was asked for cannot be had.
    Stage(StageError),
    /// A file of the user's project cannot be written.
    Project {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
        /// What to do about it, unless the disk is full.
        remedy: &'static str,
    },
    /// The system gives no more threads or processes.
    Starved,
    /// Standard output cannot be written.
    Output(io::Error),
}

impl CommandFailure {
    /// Tells on standard error what happened, and returns the exit code.
    pub(super) fn report(self) -> Exit {
        match self {
            Self::Report(report) => {
                tell(report.styled().trim_end());
                Exit::Input
            }
            // The message and the exit code are those of a job whose result was never made.
            Self::Store(error @ StoreError::Away(_)) => {
                tell_error(&error.to_string(), error.remedy().as_deref());
                Exit::Input
            }
            Self::Store(error) => {
                tell_error(
                    &format!("the store cannot be used: {error}"),
                    error.remedy().as_deref(),
                );
                if error.is_full() {
                    Exit::Full
                } else {
                    Exit::Store
                }
            }
            Self::Results(ReportError::Store(error)) => Self::Store(error).report(),
            Self::Archive(ArchiveError::Store(error)) => Self::Store(error).report(),
            Self::Archive(error) => {
                let (remedy, exit) = match &error {
                    ArchiveError::Io { source, .. } if is_full(source) => (Some(ROOM), Exit::Full),
                    ArchiveError::Refused { remedy, .. } => (Some(remedy.as_str()), Exit::Input),
                    // The reader of the archive has closed the pipe, and wants no more.
                    ArchiveError::Io { source, .. }
                        if source.kind() == io::ErrorKind::BrokenPipe =>
                    {
                        (None, Exit::Input)
                    }
                    ArchiveError::Io { .. } => (Some("name another file"), Exit::Input),
                    ArchiveError::Store(_) => (None, Exit::Store),
                };
                tell_error(&error.to_string(), remedy);
                exit
            }
            Self::Results(error) => {
                let remedy = match &error {
                    _ if error.is_full() => Some(ROOM.into()),
                    ReportError::Content(error) => error.remedy(),
                    ReportError::Io { path, source } => {
                        let remedy = owner_remedy(path, source);
                        remedy.or_else(|| Some("choose another folder with --results".into()))
                    }
                    ReportError::Store(error) => error.remedy(),
                };
                tell_error(
                    &format!("cannot make the results: {error}"),
                    remedy.as_deref(),
                );
                match error {
                    _ if error.is_full() => Exit::Full,
                    ReportError::Content(StageError::Failed(_)) => Exit::Failed,
                    ReportError::Content(_) | ReportError::Io { .. } => Exit::Input,
                    ReportError::Store(_) => Exit::Store,
                }
            }
            Self::Stage(StageError::Interrupted) => {
                tell_error("interrupted: nothing was written", None);
                Exit::Interrupted
            }
            Self::Stage(error) => {
                tell_error(&error.to_string(), error.remedy().as_deref());
                match error {
                    StageError::Io { source, .. } if is_full(&source) => Exit::Full,
                    StageError::Failed(_) => Exit::Failed,
                    _ => Exit::Input,
                }
            }
            Self::Usage { message, remedy } => {
                tell_error(&message, Some(&remedy));
                Exit::Input
            }
            Self::Project {
                path,
                source,
                remedy,
            } => {
                let (remedy, exit) = match is_full(&source) {
                    true => (ROOM, Exit::Full),
                    false => (remedy, Exit::Input),
                };
                tell_error(
                    &format!("cannot write {}: {source}", path.display()),
                    Some(remedy),
                );
                exit
            }
            Self::Starved => {
                tell_error(STARVED, Some(STARVED_REMEDY));
                Exit::Failed
            }
            // The reader of the output has closed the pipe, and has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
            Self::Output(error) => {
                tell_error(&format!("cannot write to standard output: {error}"), None);
                if is_full(&error) {
                    Exit::Full
                } else {
                    Exit::Input
                }
            }
        }
    }
}

impl From<Report> for CommandFailure {
    fn from(report: Report) -> Self {
        Self::Report(report)
    }
}

impl From<StoreError> for CommandFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ArchiveError> for CommandFailure {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

impl From<StageError> for CommandFailure {
    fn from(error: StageError) -> Self {
        Self::Stage(error)
    }
}

impl From<ReportError> for CommandFailure {
    fn from(error: ReportError) -> Self {
        Self::Results(error)
    }
}

impl From<io::Error> for CommandFailure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
