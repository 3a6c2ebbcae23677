//! The messages of a job, however many: read in pieces.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use crate::store::{hole, left_out};

/// How much is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// The messages of a job, in a file.
#[derive(Clone, Debug)]
pub struct Messages {
    /// Where they lie.
    pub path: PathBuf,
}

impl Messages {
    /// Passes all messages on to `take`, in pieces of UTF-8: a library may print other bytes, which are replaced. Where the
    /// middle of a log was given up while its job goes on, a line tells how much is missing.
    ///
    /// # Errors
    /// When the file cannot be read, or `take` fails.
    pub fn pieces(&self, take: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let Some((from, to)) = hole(&file)? else {
            return texts(&mut file, take);
        };
        texts(&mut (&file).take(from), take)?;
        take(&format!("\n{}", left_out(to - from)))?;
        file.seek(SeekFrom::Start(to))?;
        texts(&mut file, take)
    }
}

fn texts(bytes: &mut impl Read, take: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    // The beginning of a character whose end is in the next piece.
    let mut held = 0;
    loop {
        let count = match bytes.read(&mut piece[held..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        if count == 0 {
            return match held {
                0 => Ok(()),
                _ => take(&String::from_utf8_lossy(&piece[..held])),
            };
        }
        let all = held + count;
        let whole = all - unfinished(&piece[..all]);
        take(&String::from_utf8_lossy(&piece[..whole]))?;
        piece.copy_within(whole..all, 0);
        held = all - whole;
    }
}

/// Returns how many bytes at the end are the beginning of a character.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.len().saturating_sub(3);
    let start = (last..bytes.len())
        .rev()
        .find(|at| bytes[*at] & 0xC0 != 0x80);
    match start.map(|at| std::str::from_utf8(&bytes[at..])) {
        Some(Err(error)) if error.error_len().is_none() => bytes.len() - start.unwrap_or_default(),
        _ => 0,
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut take = |text: &str| f.write_str(text).map_err(io::Error::other);
        self.pieces(&mut take).map_err(|_| fmt::Error)
    }
}

/// Serialises the messages as one text, which is never held whole.
impl Serialize for Messages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn pieces_are_the_text_wherever_they_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        for before in 0..4 {
            let text = "x".repeat(before) + &"€".repeat(PIECE);
            fs::write(&path, &text).unwrap();
            let messages = Messages { path: path.clone() };
            assert_eq!(messages.to_string(), text);
            let json = serde_json::to_string(&messages).unwrap();
            assert_eq!(json, format!("\"{text}\""));
        }
    }

    #[test]
    fn a_long_log_is_read_whole_but_for_its_hole() {
        const AT: u64 = (4 << 20) + (64 << 10);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let lines = |from: u64, bytes: u64| -> String {
            let lines = from..from + bytes / 8;
            lines.map(|line| format!("{line:07}\n")).collect()
        };
        fs::write(&path, lines(0, 4 * AT)).unwrap();
        let messages = Messages { path: path.clone() };
        assert_eq!(messages.to_string(), lines(0, 4 * AT));
        let mut file = File::create(&path).unwrap();
        file.write_all(lines(0, AT).as_bytes()).unwrap();
        file.seek(SeekFrom::Start(5 * AT)).unwrap();
        file.write_all(lines(7, AT).as_bytes()).unwrap();
        if hole(&file).unwrap().is_some() {
            let expected = lines(0, AT) + "\n" + &left_out(4 * AT) + &lines(7, AT);
            assert!(messages.to_string() == expected);
        }
    }

    #[test]
    fn what_is_no_text_is_replaced_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        fs::write(&path, b"a\xff\xe2\x82").unwrap();
        let messages = Messages { path };
        assert_eq!(messages.to_string(), "a\u{fffd}\u{fffd}");
    }
}
