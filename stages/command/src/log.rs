//! What the program says, which goes where the stage's own messages go: standard error, the job's log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::process::Stdio;

/// How much of the log is looked at for its last lines, in bytes.
const END: u64 = 8 * 1024;
/// How many of them are told, and how long each may be, in characters.
const LINES: usize = 3;
const LENGTH: usize = 200;

/// The log, from here on.
pub(crate) struct Log {
    /// Absent where it goes to a terminal or a pipe.
    file: Option<File>,
    from: u64,
}

impl Log {
    /// The log as it is now.
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

    /// Returns the end of what was written since. Empty if there is nothing.
    pub(crate) fn end(&self) -> Vec<u8> {
        let end = self
            .file
            .as_ref()
            .and_then(|file| read_end(file, self.from).ok());
        end.unwrap_or_default()
    }
}

/// Returns where the program's standard output goes.
///
/// # Errors
/// When the system has no descriptor left.
pub(crate) fn to_log() -> io::Result<Stdio> {
    Ok(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?))
}

/// Writes a line of the stage's own.
pub(crate) fn tell(text: &str) {
    // Nobody is left to hear of it if standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn read_end(mut file: &File, from: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(END))))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    Ok(end)
}

/// Returns the last lines of what was said, in one: `a | b | c`. Empty if there are none.
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
