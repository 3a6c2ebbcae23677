//! Text files, line by line, with the place of every line.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use contract::{StageError, io_error};

/// A UTF-8 text file, read whole.
pub(crate) struct TextFile {
    path: PathBuf,
    text: String,
}

/// Where a line is: shown as `file:line`, counted from 1.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    path: &'a Path,
    line: usize,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}

impl TextFile {
    /// Reads a file. A byte order mark at the beginning is dropped, as MRPC's files have one.
    pub(crate) fn open(path: &Path) -> Result<Self, StageError> {
        let bytes = fs::read(path).map_err(io_error(path))?;
        let mut text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..valid]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            StageError::input(
                Place { path, line },
                format!(
                    "the byte 0x{:02X} at offset {valid} of the file is not UTF-8",
                    error.as_bytes()[valid]
                ),
                "convert the file, if it is Latin-1 with: iconv -f LATIN1 -t UTF-8 OLD > NEW",
            )
        })?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Ok(Self {
            path: path.to_path_buf(),
            text,
        })
    }

    /// Returns the file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the lines without their ends (`\n` or `\r\n`), each with its place.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (Place<'_>, &str)> {
        self.text.lines().enumerate().map(|(index, line)| {
            (
                Place {
                    path: &self.path,
                    line: index + 1,
                },
                line,
            )
        })
    }
}
