//! Symbolic links in what a program has written.
//!
//! An artifact consists of files alone. A link whose target lies inside `{output}` (`latest` to `step-100`, the layout of the
//! Hugging Face cache) is replaced by a copy of its target. A link that leads elsewhere or nowhere is refused, since its target is
//! no part of the result.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use contract::{StageError, io_error, open_plain, remove_all};

/// The folder, beside that of the output, in which copies are made.
const ASIDE: &str = "copies";

/// Replaces the links in one folder by copies of their targets.
pub(crate) struct Links<'a> {
    folder: &'a Path,
    /// The canonical path of the folder, without links in it.
    root: PathBuf,
    aside: PathBuf,
}

impl<'a> Links<'a> {
    /// Prepares to replace links in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be resolved.
    pub(crate) fn within(folder: &'a Path) -> Result<Self, StageError> {
        Ok(Self {
            folder,
            root: fs::canonicalize(folder).map_err(io_error(folder))?,
            aside: folder.with_file_name(ASIDE),
        })
    }

    /// Replaces a link by a copy of its target.
    ///
    /// # Errors
    /// When the target lies outside the folder, does not exist, or is a folder that contains the link.
    pub(crate) fn replace(&self, link: &Path) -> Result<(), StageError> {
        let target = self.target(link)?;
        remove_all(&self.aside).map_err(io_error(&self.aside))?;
        self.copy(link, &target, &self.aside, &mut Vec::new())?;
        fs::remove_file(link).map_err(io_error(link))?;
        fs::rename(&self.aside, link).map_err(io_error(link))
    }

    /// Copies `from`, which is not a link, to `to`. `link` is the link that leads to `from`, `above` the folders being copied.
    fn copy(
        &self,
        link: &Path,
        from: &Path,
        to: &Path,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), StageError> {
        let kind = fs::symlink_metadata(from).map_err(io_error(from))?;
        if kind.is_dir() {
            if above.iter().any(|folder| folder == from) {
                return Err(self.wrong(link, "leads to a folder that it lies in"));
            }
            above.push(from.to_path_buf());
            fs::create_dir(to).map_err(io_error(to))?;
            for entry in fs::read_dir(from).map_err(io_error(from))? {
                let entry = entry.map_err(io_error(from))?;
                let (path, to) = (entry.path(), to.join(entry.file_name()));
                match entry.file_type().map_err(io_error(&path))?.is_symlink() {
                    true => self.copy(&path, &self.target(&path)?, &to, above)?,
                    false => self.copy(link, &path, &to, above)?,
                }
            }
            above.pop();
            return Ok(());
        }
        if !kind.is_file() {
            return Err(self.wrong(link, "leads to something else than files and folders"));
        }
        let mut source = open_plain(from).map_err(io_error(from))?;
        let mut copy = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(to)
            .map_err(io_error(to))?;
        io::copy(&mut source, &mut copy).map_err(io_error(to))?;
        Ok(())
    }

    /// Returns the final target of a link.
    fn target(&self, link: &Path) -> Result<PathBuf, StageError> {
        let written = fs::read_link(link).map_err(io_error(link))?;
        match fs::canonicalize(link) {
            Ok(target) if target.starts_with(&self.root) => Ok(target),
            Ok(_) => {
                let reason = format!("leads out of {{output}}, to {}", written.display());
                Err(self.wrong(link, &reason))
            }
            Err(_) => {
                let reason = format!("leads to {}, which is not there", written.display());
                Err(self.wrong(link, &reason))
            }
        }
    }

    fn wrong(&self, link: &Path, reason: &str) -> StageError {
        let name = link.strip_prefix(self.folder).unwrap_or(link);
        StageError::Program {
            reason: format!(
                "the program has written a symbolic link to {{output}} that {reason}: {}",
                name.display()
            ),
            remedy: "have it write the file itself (`cp -L` copies what a link leads to), or name in `outputs` what is \
                     to be kept"
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use super::*;

    /// Replaces the link `link` to `target` in an output folder; returns the files that are then there, or why it is refused.
    fn replaced(target: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("outside"), "mine").unwrap();
        let output = folder.path().join("output");
        fs::create_dir_all(output.join("steps/1")).unwrap();
        fs::create_dir_all(output.join("deep")).unwrap();
        fs::write(output.join("steps/1/weights"), "w").unwrap();
        symlink("1", output.join("steps/last")).unwrap();
        symlink("../deep", output.join("deep/loop")).unwrap();
        let link = output.join("link");
        symlink(target, &link).unwrap();
        let links = Links::within(&output).unwrap();
        if let Err(error) = links.replace(&link) {
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            return Err(error.to_string());
        }
        assert!(
            fs::symlink_metadata(output.join("steps/last"))
                .unwrap()
                .is_symlink()
        );
        let mut names = Vec::new();
        let mut open = vec![link];
        while let Some(path) = open.pop() {
            let kind = fs::symlink_metadata(&path).unwrap();
            assert!(!kind.is_symlink());
            if kind.is_dir() {
                open.extend(
                    fs::read_dir(path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            } else {
                assert_eq!(fs::read_to_string(&path).unwrap(), "w");
                names.push(path.strip_prefix(&output).unwrap().display().to_string());
            }
        }
        names.sort();
        Ok(names)
    }

    #[test]
    fn what_stays_inside_is_copied() {
        assert_eq!(replaced("steps/1/weights"), Ok(vec!["link".into()]));
        let both = ["link/1/weights", "link/last/weights"].map(String::from);
        assert_eq!(replaced("./steps"), Ok(both.to_vec()));
        assert_eq!(replaced("steps/last"), Ok(vec!["link/weights".into()]));
    }

    #[test]
    fn what_leads_elsewhere_or_round_and_round_is_refused() {
        let start = "the program has written a symbolic link to {output} that";
        assert_eq!(
            replaced("../outside").unwrap_err(),
            format!("{start} leads out of {{output}}, to ../outside: link")
        );
        assert_eq!(
            replaced("gone").unwrap_err(),
            format!("{start} leads to gone, which is not there: link")
        );
        assert_eq!(
            replaced("link").unwrap_err(),
            format!("{start} leads to link, which is not there: link")
        );
        assert_eq!(
            replaced("deep").unwrap_err(),
            format!("{start} leads to a folder that it lies in: deep/loop")
        );
        assert_eq!(
            replaced(".").unwrap_err().split(": ").next().unwrap(),
            format!("{start} leads to a folder that it lies in")
        );
    }
}
