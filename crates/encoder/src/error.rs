//! Errors of this crate, in words that a user can act on.

use std::io;
use std::path::{Path, PathBuf};

use contract::StageError;

/// Why an encoder could not be built, read, written or trained.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// The system refused to read or write a file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file of a checkpoint lacks something, or contains something impossible.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// A configuration, batch or option is out of range.
    #[error("{place}: {reason}")]
    Invalid {
        /// Name of the value.
        place: String,
        /// What is wrong with the value.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// A masked language modelling loss was asked of a checkpoint without the head for it.
    #[error("the encoder has no masked language modelling head: {} not in its checkpoint", missing.join(", "))]
    NoHead {
        /// Names of the tensors that the checkpoint lacks.
        missing: Vec<String>,
    },
    /// Some trainable parameters would not be trained.
    #[error("{}", problems.join("; "))]
    Audit {
        /// One fragment per parameter: its name and what is wrong with its gradient.
        problems: Vec<String>,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// An error that any stage may meet: a text that cannot be read, or a request to stop.
    #[error(transparent)]
    Stage(#[from] StageError),
}

impl EncoderError {
    pub(crate) fn checkpoint(
        path: &Path,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Checkpoint {
            path: path.to_path_buf(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn invalid(
        place: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            place: place.into(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }
}

impl From<EncoderError> for StageError {
    fn from(error: EncoderError) -> Self {
        match error {
            EncoderError::Io { path, source } => Self::Io { path, source },
            EncoderError::Checkpoint {
                path,
                reason,
                remedy,
            } => Self::input(path.display(), reason, remedy),
            EncoderError::Invalid {
                place,
                reason,
                remedy,
            } => Self::input(place, reason, remedy),
            EncoderError::NoHead { .. } => Self::input(
                "encoder",
                error.to_string(),
                "give a checkpoint of a masked language model, such as `BertForMaskedLM`",
            ),
            EncoderError::Stage(error) => error,
            EncoderError::Audit { .. } | EncoderError::Tensor(_) => Self::failed(error),
        }
    }
}
