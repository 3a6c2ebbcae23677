//! The program's output, which goes to the stage's standard error and so to the job's log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::process::Stdio;

/// The size of the log's end that is searched for the last lines, in bytes.
const END: u64 = 8 * 1024;
/// How many lines are shown, and how long each may be, in characters.
const LINES: usize = 3;
const LENGTH: usize = 200;

/// The log, from the place where it ended when this was made.
pub(crate) struct Log {
    /// The log's file; `None` where standard error is a terminal or a pipe.
    file: Option<File>,
    from: u64,
}

impl Log {
    /// Returns the log from its present end on.
    pub(crate) fn here() -> Self {
        let (file, from) = match Self::open() {
            Ok((file, from)) => (Some(file), from),
            Err(_) => (None, 0),
        };
        Self { file, from }
    }

    /// Opens the file behind standard error for reading.
    fn open() -> io::Result<(File, u64)> {
        let metadata = File::from(io::stderr().as_fd().try_clone_to_owned()?).metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok((File::open("/proc/self/fd/2")?, metadata.len()))
    }

    /// Returns the end of the text that was written since. Empty if none was.
    pub(crate) fn end(&self) -> Vec<u8> {
        let end = self
            .file
            .as_ref()
            .and_then(|file| read_end(file, self.from).ok());
        end.unwrap_or_default()
    }
}

/// Returns the destination of the program's standard output: the log.
///
/// # Errors
/// When no further file descriptor can be opened.
pub(crate) fn to_log() -> io::Result<Stdio> {
    Ok(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?))
}

/// Writes a line of the stage's own to the log.
pub(crate) fn tell(text: &str) {
    // If standard error is closed, nobody can read the line, so the error is ignored.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn read_end(mut file: &File, from: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(END))))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    Ok(end)
}

/// Returns the last lines of a log's end, joined as `a | b | c`. Empty if there are none.
pub(crate) fn last_lines(end: &[u8]) -> String {
    let text = String::from_utf8_lossy(end);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut last: Vec<String> = lines
        .rev()
        .take(LINES)
        .map(|line| {
            let short: String = line
                .chars()
                .filter(|c| !c.is_control())
                .take(LENGTH)
                .collect();
            let cut = if line.chars().count() > LENGTH {
                "…"
            } else {
                ""
            };
            format!("{short}{cut}")
        })
        .collect();
    last.reverse();
    last.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_told_in_one() {
        assert_eq!(last_lines(b""), "");
        assert_eq!(last_lines(b"a\n\n  b\nc\n\nd\xff\n"), "b | c | d\u{fffd}");
        let long = "x".repeat(LENGTH + 1);
        assert_eq!(
            last_lines(long.as_bytes()),
            format!("{}…", "x".repeat(LENGTH))
        );
    }
}
