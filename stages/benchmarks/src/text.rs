//! Text files, line by line, with the place of every line.

use std::fmt;
use std::path::{Path, PathBuf};

use contract::{StageError, not_utf8, read_file};

/// A text file, read whole.
pub(crate) struct TextFile {
    path: PathBuf,
    text: String,
}

/// The place of a line, shown as `file:line`, counted from 1.
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
    /// Reads a UTF-8 file. A byte order mark at the beginning, which MRPC's files have, is dropped.
    pub(crate) fn open(path: &Path) -> Result<Self, StageError> {
        Self::of(path, read_file(path)?)
    }

    /// Reads a file that is UTF-8, or else Latin-1, in which every byte is a character.
    pub(crate) fn open_latin1(path: &Path) -> Result<Self, StageError> {
        let bytes = read_file(path)?;
        if std::str::from_utf8(&bytes).is_ok() {
            return Self::of(path, bytes);
        }
        Ok(Self {
            path: path.to_path_buf(),
            text: bytes.into_iter().map(char::from).collect(),
        })
    }

    fn of(path: &Path, bytes: Vec<u8>) -> Result<Self, StageError> {
        let mut text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let before = bytes[..valid].iter();
            let line = 1 + before.filter(|byte| **byte == b'\n').count();
            let start = bytes[..valid].iter().rposition(|byte| *byte == b'\n');
            let start = start.map_or(0, |end| end + 1);
            let rest = &bytes[valid..];
            let end = rest.iter().position(|byte| *byte == b'\n');
            let end = end.map_or(bytes.len(), |end| valid + end);
            let place = Place { path, line };
            not_utf8(place, valid as u64, &bytes[start..end], valid - start)
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

    /// Returns the text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the place of a line, counted from 1.
    pub(crate) fn place(&self, line: usize) -> Place<'_> {
        Place {
            path: &self.path,
            line,
        }
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
