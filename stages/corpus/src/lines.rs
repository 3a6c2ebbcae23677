//! Reads a file line by line as UTF-8.

use std::io::{BufRead, Read};
use std::path::Path;

use contract::{StageError, not_utf8};

use crate::open::{open, unreadable};

/// The longest line that is read, in bytes. This bounds memory.
const LONGEST: usize = 16 << 20;

/// The lines of a text file, without their ends (`\n` or `\r\n`) and without a byte order mark.
pub(crate) struct Lines<'a> {
    path: &'a Path,
    reader: Box<dyn BufRead>,
    buffer: Vec<u8>,
    /// Number of the line that was read last, from 1.
    number: u64,
    /// Number of bytes before that line.
    offset: u64,
}

impl<'a> Lines<'a> {
    pub(crate) fn open(path: &'a Path) -> Result<Self, StageError> {
        Ok(Self {
            path,
            reader: open(path)?,
            buffer: Vec::new(),
            number: 0,
            offset: 0,
        })
    }

    /// Returns the next line.
    pub(crate) fn next(&mut self) -> Result<Option<&str>, StageError> {
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        let limit = LONGEST as u64 + 1;
        let read = self
            .reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.buffer);
        if read.map_err(|error| unreadable(self.path, error))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.len() > LONGEST {
            return Err(StageError::input(
                self.place(),
                format!("a line of more than {} MiB", LONGEST >> 20),
                "break the text into lines, one for each paragraph",
            ));
        }
        match std::str::from_utf8(&self.buffer) {
            Ok(line) => {
                let line = line.strip_suffix('\n').unwrap_or(line);
                let line = line.strip_suffix('\r').unwrap_or(line);
                let first = self.number == 1;
                Ok(Some(if first {
                    line.strip_prefix('\u{feff}').unwrap_or(line)
                } else {
                    line
                }))
            }
            Err(error) => {
                let within = error.valid_up_to();
                let offset = self.offset + within as u64;
                Err(not_utf8(self.place(), offset, &self.buffer, within))
            }
        }
    }

    /// Returns the number of the line that was read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the place of the line that was read last, for messages.
    pub(crate) fn place(&self) -> String {
        self.place_of(self.number)
    }

    /// Returns the place of any line, for messages.
    pub(crate) fn place_of(&self, number: u64) -> String {
        format!("{}:{number}", self.path.display())
    }
}
