//! Files and folders for the user that appear whole: written beside their place under a hidden name, and moved there when all is done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::failure::CommandFailure;

/// The beginning of the hidden names.
const PREFIX: &str = ".pipe-";

/// Something that is being written for the user. What was begun goes when this is dropped; a kill leaves it under its hidden name.
pub(super) struct Aside {
    place: PathBuf,
    folder: TempDir,
    remedy: &'static str,
}

impl Aside {
    /// Begins a folder, where there is none yet, or an empty one.
    ///
    /// # Errors
    /// When something else is there, or nothing can be written beside it.
    pub(super) fn folder(place: &Path, remedy: &'static str) -> Result<Self, CommandFailure> {
        match fs::read_dir(place) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(is_there(place, "is there already, and not empty", remedy));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return Err(is_there(place, "is there already, and no folder", remedy)),
        }
        let aside = Self::new(place, remedy)?;
        let inner = aside.path();
        fs::create_dir(&inner).map_err(|source| aside.failed(source))?;
        Ok(aside)
    }

    /// Begins a file, where there is none yet.
    ///
    /// # Errors
    /// When something is there already, or nothing can be written beside it.
    pub(super) fn file(place: &Path, remedy: &'static str) -> Result<Self, CommandFailure> {
        if fs::symlink_metadata(place).is_ok() {
            return Err(is_there(place, "is there already", remedy));
        }
        Self::new(place, remedy)
    }

    fn new(place: &Path, remedy: &'static str) -> Result<Self, CommandFailure> {
        let place = std::path::absolute(place)?;
        let failed = |source| CommandFailure::Project {
            path: place.clone(),
            source,
            remedy,
        };
        let parent = place.parent().unwrap_or(&place);
        fs::create_dir_all(parent).map_err(failed)?;
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(parent)
            .map_err(failed)?;
        Ok(Self {
            folder,
            place,
            remedy,
        })
    }

    /// Returns where to write.
    pub(super) fn path(&self) -> PathBuf {
        self.folder
            .path()
            .join(self.place.file_name().unwrap_or_default())
    }

    /// Moves what was written into its place.
    ///
    /// # Errors
    /// When the system refuses, or something has come there meanwhile.
    pub(super) fn finish(self) -> Result<PathBuf, CommandFailure> {
        let from = self.path();
        let moved = match from.is_dir() {
            true => fs::rename(&from, &self.place),
            // Unlike a renaming, a link never replaces what another program has put there. Some file systems have none.
            false => match fs::hard_link(&from, &self.place) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    fs::rename(&from, &self.place)
                }
                linked => linked,
            },
        };
        match moved {
            Ok(()) => Ok(self.place),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn failed(&self, source: io::Error) -> CommandFailure {
        CommandFailure::Project {
            path: self.place.clone(),
            source,
            remedy: self.remedy,
        }
    }
}

fn is_there(place: &Path, what: &str, remedy: &str) -> CommandFailure {
    CommandFailure::Usage {
        message: format!("{} {what}", place.display()),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a/b");
        let aside = Aside::folder(&place, "").unwrap();
        fs::write(aside.path().join("x"), "1").unwrap();
        assert!(!place.exists());
        drop(aside);
        assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 0);
        fs::create_dir(&place).unwrap();
        let aside = Aside::folder(&place, "").unwrap();
        fs::write(aside.path().join("x"), "1").unwrap();
        assert_eq!(aside.finish().unwrap(), place);
        assert_eq!(fs::read_to_string(place.join("x")).unwrap(), "1");
        assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 1);
        assert!(Aside::folder(&place, "").is_err());
    }

    #[test]
    fn a_file_replaces_nothing() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a");
        let aside = Aside::file(&place, "").unwrap();
        fs::write(aside.path(), "1").unwrap();
        fs::write(&place, "2").unwrap();
        assert!(aside.finish().is_err());
        assert_eq!(fs::read_to_string(&place).unwrap(), "2");
        assert!(Aside::file(&place, "").is_err());
    }
}
