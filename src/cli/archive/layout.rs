//! Laying out the project that an archive carries.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::cli::failure::CommandFailure;
use crate::store::{Archive, Carried};

/// Files of an archive's project that a folder does not have yet.
pub(super) struct Layout<'a> {
    folder: &'a Path,
    open: Vec<(PathBuf, &'a Carried, &'a [u8])>,
    names: Vec<String>,
}

impl<'a> Layout<'a> {
    /// Looks where the files of an archive's project belong, and writes nothing. A file that exists already must be the same.
    ///
    /// # Errors
    /// When the archive has no project, or another file lies where one of its files belongs.
    pub(super) fn of(archive: &'a Archive, folder: &'a Path) -> Result<Self, CommandFailure> {
        let mut open = Vec::new();
        for (file, bytes) in archive.project() {
            let path = folder.join(&file.path);
            check_folders(folder, &path)?;
            match is_there(&path, bytes) {
                Some(true) => {}
                Some(false) => return Err(is_another(&path)),
                None => open.push((path, file, bytes)),
            }
        }
        if archive.index().about.project.is_empty() {
            return Err(CommandFailure::Usage {
                message: "the archive carries no project: an older program wrote it".into(),
                remedy: "import it without --project, beside its pipeline file".into(),
            });
        }
        let names = archive.project().map(|(file, _)| file.path.clone());
        Ok(Self {
            folder,
            open,
            names: names.collect(),
        })
    }

    /// Writes the files, each aside and then in its place, and returns the paths of all.
    ///
    /// # Errors
    /// When a file cannot be written, or another program has put something else there meanwhile. Files that were written until
    /// then stay, and the same command goes on.
    pub(super) fn write(self) -> Result<Vec<String>, CommandFailure> {
        for (path, file, bytes) in &self.open {
            let parent = path.parent().unwrap_or(self.folder);
            match put(parent, path, file.executable, bytes) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if is_there(path, bytes) != Some(true) {
                        return Err(is_another(path));
                    }
                }
                Err(source) => {
                    return Err(CommandFailure::Project {
                        path: path.clone(),
                        source,
                        remedy: "name another folder with --project",
                    });
                }
            }
        }
        Ok(self.names)
    }
}

fn put(parent: &Path, path: &Path, executable: bool, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(parent)?;
    let mode = if executable { 0o755 } else { 0o644 };
    let mut aside = tempfile::Builder::new()
        .prefix(".import-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(parent)?;
    aside.write_all(bytes)?;
    aside.persist_noclobber(path)?;
    Ok(())
}

/// Whether a plain file with these bytes is there; `None` where there is nothing.
fn is_there(path: &Path, bytes: &[u8]) -> Option<bool> {
    let metadata = fs::symlink_metadata(path).ok()?;
    // Only a plain file of that size is read: anything else may never end.
    let may_be = metadata.is_file() && metadata.len() == bytes.len() as u64;
    Some(may_be && fs::read(path).is_ok_and(|there| there == bytes))
}

/// Checks that no folder on the path is a link, which would lead elsewhere.
fn check_folders(folder: &Path, path: &Path) -> Result<(), CommandFailure> {
    let between = path.ancestors().skip(1);
    for step in between.take_while(|step| *step != folder) {
        if fs::symlink_metadata(step).is_ok_and(|found| !found.is_dir()) {
            return Err(is_another(step));
        }
    }
    Ok(())
}

fn is_another(path: &Path) -> CommandFailure {
    CommandFailure::Usage {
        message: format!("{} is there already, and another", path.display()),
        remedy: "name another folder with --project".into(),
    }
}
