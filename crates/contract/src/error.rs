use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::{ROOM, is_full};

/// Why a stage could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The user's data or parameters are wrong. The error names the place, the reason and the remedy.
    #[error("{place}: {reason}")]
    Input {
        /// File and line, or parameter.
        place: String,
        /// What is wrong there.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// The system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A user's program has failed, or has not done what its stage declares.
    #[error("{reason}")]
    Program {
        /// What the program did wrong.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// The run asked the stage to stop; its checkpoint is saved.
    #[error("stopped before the end, as asked")]
    Interrupted,
    /// The stage refuses to give a result that could not be trusted (a loss that is not finite, a parameter without a
    /// gradient), or failed in a way that is no mistake of the user's.
    #[error("{0}")]
    Failed(String),
}

impl StageError {
    /// The error for a wrong input of the user's at `place`.
    pub fn input(
        place: impl std::fmt::Display,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Input {
            place: place.to_string(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// The error for a failure that is no mistake of the user's.
    pub fn failed(reason: impl std::fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }

    /// The error of a library that could not write `path`. The system's error (a full disk) is kept if it is the root cause,
    /// however deep the library has wrapped it.
    pub fn from_write(path: &Path, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        match system_error(&*error) {
            Some(source) => io_error(path)(source),
            None => Self::failed(format!("{}: {error}", path.display())),
        }
    }

    /// Returns what the user can do about the error, if that is known.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Input { remedy, .. } | Self::Program { remedy, .. } => Some(remedy.clone()),
            Self::Io { source, .. } if is_full(source) => Some(ROOM.into()),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    Some("check the permissions of that path".into())
                }
                io::ErrorKind::NotFound => Some("check that the path exists".into()),
                _ => None,
            },
            Self::Interrupted => Some("run again to go on from the last checkpoint".into()),
            Self::Failed(_) => None,
        }
    }
}

/// Ties an I/O error to its path: `fs::read(path).map_err(io_error(path))`.
pub fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StageError + '_ {
    move |source| StageError::Io {
        path: path.to_path_buf(),
        source,
    }
}

/// Returns the system's error if it is the root cause of a library's error, however deep the library has wrapped it.
pub fn system_error(error: &(dyn Error + 'static)) -> Option<io::Error> {
    let mut cause = Some(error);
    while let Some(here) = cause {
        if let Some(system) = here.downcast_ref::<io::Error>() {
            return Some(copy(system));
        }
        cause = here.source();
    }
    None
}

/// Copies a system's error, since an error that is borrowed from a chain of causes cannot be moved out of it.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// Something wrong with a stage's parameters, found before anything runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The keys that lead to the wrong value: `["masking", "corrupt"]`.
    pub path: Vec<String>,
    /// What is wrong: a lowercase fragment without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether the key itself is at fault (unknown, missing) rather than its value.
    pub at_key: bool,
}

impl Problem {
    /// The value at `path` (dotted) is wrong.
    pub fn value(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.split('.').map(str::to_owned).collect(),
            message: message.into(),
            help: None,
            at_key: false,
        }
    }

    /// Adds the remedy.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library's error whose cause is another error.
    #[derive(Debug, thiserror::Error)]
    #[error("cannot write a page")]
    struct Wrapped(#[source] Box<dyn Error + Send + Sync>);

    #[test]
    fn a_full_disk_is_found_under_what_libraries_wrap_it_in() {
        let path = Path::new("out/a.parquet");
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let wrapped = Wrapped(Box::new(Wrapped(Box::new(full()))));
        for error in [
            StageError::from_write(path, full()),
            StageError::from_write(path, wrapped),
            // ENOSPC
            StageError::from_write(path, Wrapped(Box::new(io::Error::from_raw_os_error(28)))),
        ] {
            assert!(
                matches!(&error, StageError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull),
                "{error:?}"
            );
            assert!(error.to_string().starts_with("out/a.parquet: "));
            assert!(
                error
                    .remedy()
                    .is_some_and(|remedy| remedy.starts_with("free some space"))
            );
        }
        let other = StageError::from_write(path, Wrapped("a column is missing".into()));
        assert_eq!(other.to_string(), "out/a.parquet: cannot write a page");
    }
}
