//! That a program has left its inputs as they were.
//!
//! Files that come from the store are read-only, but that stops nobody who runs as root, and they are the store's own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use contract::{Inputs, StageError, io_error};

/// The inputs' files, and what tells that one was written to.
pub(crate) struct Untouched(Vec<(String, PathBuf, Stamp)>);

#[derive(PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Untouched {
    /// Looks at all files of the inputs.
    pub(crate) fn look(inputs: &Inputs) -> Result<Self, StageError> {
        let mut files = Vec::new();
        for (name, path) in &inputs.0 {
            let mut open = vec![path.clone()];
            while let Some(path) = open.pop() {
                let metadata = fs::metadata(&path).map_err(io_error(&path))?;
                if metadata.is_dir() {
                    for entry in fs::read_dir(&path).map_err(io_error(&path))? {
                        open.push(entry.map_err(io_error(&path))?.path());
                    }
                } else {
                    let stamp = Stamp::of(&metadata);
                    files.push((name.clone(), path, stamp));
                }
            }
        }
        Ok(Self(files))
    }

    /// Checks that all are as they were.
    pub(crate) fn check(&self) -> Result<(), StageError> {
        for (name, path, stamp) in &self.0 {
            if fs::metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == *stamp) {
                continue;
            }
            return Err(StageError::Program {
                reason: format!(
                    "the program has changed its input `{name}`: {}",
                    shown(path)
                ),
                remedy: "have it write to {output} or {scratch}; if the input came from another stage, `pipe verify` \
                         finds what was damaged"
                    .into(),
            });
        }
        Ok(())
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_input_that_was_written_to_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        let file = folder.path().join("deep/a.txt");
        fs::write(&file, "one").unwrap();
        let inputs = Inputs::from([("data", folder.path())]);
        let before = Untouched::look(&inputs).unwrap();
        before.check().unwrap();
        fs::write(folder.path().join("new"), "beside it").unwrap();
        before.check().unwrap();
        fs::write(&file, "three").unwrap();
        let error = before.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the program has changed its input `data`: a.txt"
        );
        fs::remove_file(&file).unwrap();
        assert!(before.check().is_err());
    }
}
