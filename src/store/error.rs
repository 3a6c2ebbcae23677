//! Why the store could not be used.

use std::io;
use std::path::{Path, PathBuf};

use super::away::target;
use super::{Digest, Elsewhere, Origin, owner};
use contract::{ROOM, STARVED_REMEDY, is_full, is_starved};

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: io::Error,
    },
    /// The folder is something else than a store that this program knows.
    #[error("{}: {reason}", path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
        /// What was found there.
        reason: String,
    },
    /// Something in the store is not as it was written. It was set aside.
    #[error("damaged in the store: {}: {reason}", path.display())]
    Damaged {
        /// What is damaged.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of a known result is not here.
    #[error("`{}` of `{}` is not here: imported from {} without its weight", .0.path, .0.label, .0.origin.archive)]
    Away(Box<Elsewhere>),
    /// What a job has made, run once more, is not what it had made before.
    #[error("its result is not what it makes here: {} (artifact {} known, {} made)", files.join(", "), was.short(), is.short())]
    Differs {
        /// The artifact that is known.
        was: Digest,
        /// The artifact that the job made this time.
        is: Digest,
        /// The files in which the two artifacts differ.
        files: Vec<String>,
        /// Where the files lie that the job made this time.
        place: PathBuf,
        /// Where the known artifact comes from, if it was imported.
        origin: Option<Box<Origin>>,
    },
    /// Something in the store was written to while a job read it. It was set aside.
    #[error("changed in the store: {}: {reason}", path.display())]
    Changed {
        /// What was written to.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// Something in the store cannot be understood, and nothing may be done without it.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// Locks cannot be relied on where the store is.
    #[error("{}: {reason}", path.display())]
    Locks {
        /// The store.
        path: PathBuf,
        /// Why not.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// A stage's output cannot be stored.
    #[error("{}: {reason}", path.display())]
    Output {
        /// The file or folder in the output.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// Whether there is no room left to write.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }

    /// Whether a thread or a process could not be started because there are too many.
    pub fn is_starved(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_starved(source))
    }

    /// Returns what to do about it, if that is known.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } if is_full(source) => Some(ROOM.into()),
            Self::Io { source, .. } if is_starved(source) => Some(STARVED_REMEDY.into()),
            Self::Io { path, source } => Some(owner::remedy(path, source).unwrap_or_else(|| {
                "choose another store with --store PATH, or make this one writable".into()
            })),
            Self::NotAStore { .. } => Some(
                "choose another folder with --store PATH: a new or an empty one will do".into(),
            ),
            Self::Damaged { .. } => {
                Some("run again: what is damaged was set aside and is made anew".into())
            }
            Self::Away(away) => Some(format!(
                "`pipe run {}` makes it again; or import an archive that was written without --scores",
                target(&away.label)
            )),
            Self::Differs { place, origin, .. } => Some(format!(
                "the known result stays{}; what was made lies in {} until the job runs again: compare on another machine                  which of the two is right, or use a store without that import",
                origin.as_ref().map_or_else(String::new, |origin| format!(", {origin}")),
                place.display()
            )),
            Self::Changed { .. } => Some(
                "no program may write to what it reads, nor to its output once it has ended: look for one that goes on, and run again"
                    .into(),
            ),
            Self::Unreadable { remedy, .. } => Some(remedy.clone()),
            Self::Locks { remedy, .. } => Some(remedy.clone()),
            Self::Output { .. } => None,
        }
    }
}

/// Adds the path to an error: `fs::read(&path).map_err(io_error(&path))`.
pub(crate) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |source| StoreError::Io { path, source }
}
