//! The messages of jobs, which may be many: a program that tells each of its steps fills a disk in a night.
//!
//! What a job writes to its standard error goes straight to `log.txt` of its work folder: nobody reads it on the way, so it costs
//! the job nothing. The run that watches the job looks at the file's length, and where that is beyond [`MOST`] it has the file
//! system give the room of the middle back: the file keeps its length and gets a hole, while the job goes on appending. When the
//! attempt has ended, the file is written anew without the hole: its first part, a line that says how much was left out, and its
//! last part.
//!
//! Where a file system knows no holes, the middle is cut out under the job's hands; what it writes in that very instant is
//! lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use super::error::io_error;
use super::{Store, StoreError};
use crate::keys::Key;

const MIB: u64 = 1 << 20;
/// A log of more bytes loses its middle.
const MOST: u64 = 16 * MIB;
/// How many bytes of the log's beginning are kept, and of its end.
const FIRST: u64 = 4 * MIB;
const LAST: u64 = 8 * MIB;
/// Holes begin and end at multiples of this, lest part of a block be filled with zeros instead.
const BLOCK: u64 = 64 << 10;
/// Where the hole of a log begins while its job goes on. Before it lie all bytes that [`FIRST`] keeps, and the line that an
/// earlier attempt has left there.
const HOLE: u64 = FIRST + BLOCK;
/// The two parts end and begin with a line, unless lines are longer.
const LINE: u64 = BLOCK;

/// How the line begins and ends that stands in the place of the bytes left out.
const MARK: (&str, &str) = ("[pipe: ", " bytes left out here");

/// Returns the line that stands in the place of so many bytes.
pub fn left_out(bytes: u64) -> String {
    format!(
        "{}{bytes}{}: of a log of more than {} MiB the first {} and the last {} are kept]\n",
        MARK.0,
        MARK.1,
        MOST / MIB,
        FIRST / MIB,
        LAST / MIB
    )
}

/// Returns where a log that is being written has its hole: the place, and where it goes on. The file is read from its beginning
/// after that.
///
/// # Errors
/// When the system refuses to read.
pub fn hole(mut file: &File) -> io::Result<Option<(u64, u64)>> {
    let length = file.metadata()?.len();
    if length <= MOST {
        return Ok(None);
    }
    let data = rustix::fs::seek(file, rustix::fs::SeekFrom::Data(HOLE));
    file.seek(SeekFrom::Start(0))?;
    match data {
        Ok(data) if data > HOLE => Ok(Some((HOLE, data))),
        // The file system knows no holes, or there is none.
        Ok(_) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::OPNOTSUPP) => Ok(None),
        Err(rustix::io::Errno::NXIO) => Ok(Some((HOLE, length))),
        Err(error) => Err(error.into()),
    }
}

impl Store {
    /// Bounds the log of a job that goes on. A log that cannot be bounded grows: that is no reason to fail a job.
    pub fn bound_log(&self, key: &Key) {
        let _ = bound(&self.working_log(key));
    }
}

/// Gives the room of a log's middle back, if it takes more than it may.
fn bound(log: &Path) -> io::Result<()> {
    let metadata = match fs::metadata(log) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let length = metadata.len();
    // Blocks that a hole has freed are not counted.
    if length <= MOST || metadata.blocks() * 512 <= MOST {
        return Ok(());
    }
    let file = OpenOptions::new().read(true).append(true).open(log)?;
    let end = (length - LAST) / BLOCK * BLOCK;
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match fallocate(&file, flags, HOLE, end - HOLE) {
        Ok(()) => Ok(()),
        Err(_) => {
            let Parts { first, rest } = Parts::of(&file)?;
            file.set_len(first)?;
            (&file).write_all(&rest)
        }
    }
}

/// Writes the log of a job that has ended anew, if it is longer than it may be.
///
/// # Errors
/// When the system refuses to read or write.
pub(super) fn shorten(log: &Path) -> Result<(), StoreError> {
    let shorten = || -> io::Result<()> {
        let file = match File::open(log) {
            Ok(file) if file.metadata()?.len() > MOST => file,
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let Parts { first, rest } = Parts::of(&file)?;
        let aside = log.with_extension("part");
        let mut short = File::create(&aside)?;
        io::copy(&mut (&file).take(first), &mut short)?;
        short.write_all(&rest)?;
        fs::rename(&aside, log)
    };
    shorten().map_err(io_error(log))
}

/// What is kept of a long log.
struct Parts {
    /// The length of the first part.
    first: u64,
    /// The line that says what was left out, and the last part.
    rest: Vec<u8>,
}

impl Parts {
    /// Divides a log of more than [`MOST`]. The file is read from its beginning after that.
    fn of(mut file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut around = vec![0; (LINE + BLOCK) as usize];
        file.read_exact_at(&mut around, FIRST - LINE)?;
        let (before, earlier) = match earlier(&around) {
            Some((at, line, bytes)) => (at, Some((line, bytes))),
            None => {
                let within = &around[..LINE as usize];
                let newline = within.iter().rposition(|byte| *byte == b'\n');
                (newline.map_or(within.len(), |at| at + 1), None)
            }
        };
        let first = FIRST - LINE + before as u64;
        let mut last = Vec::new();
        file.seek(SeekFrom::Start(length - LAST))?;
        // Bytes that were written meanwhile belong to the last part.
        file.read_to_end(&mut last)?;
        let newline = last
            .iter()
            .take(LINE as usize)
            .position(|byte| *byte == b'\n');
        let cut = newline.map_or(0, |at| at + 1);
        let gone = length - LAST + cut as u64 - first;
        let gone = match earlier {
            // The line of the earlier shortening is ours: its bytes are not among those left out, and those that it tells of
            // are.
            Some((line, bytes)) => gone - line as u64 + bytes,
            None => gone,
        };
        let mut rest = left_out(gone).into_bytes();
        rest.extend_from_slice(&last[cut..]);
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { first, rest })
    }
}

/// Finds the line that an earlier shortening has left: where it begins, its length, and how many bytes it tells of.
fn earlier(bytes: &[u8]) -> Option<(usize, usize, u64)> {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_prefix(MARK.0.as_bytes());
        if let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok())
            && let Some((number, _)) = text.split_once(MARK.1)
            && let Ok(number) = number.parse()
        {
            return Some((at, line.len(), number));
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Lines of ten bytes, from `from` on.
    fn lines(from: u64, bytes: u64) -> Vec<u8> {
        let numbers = from..from + bytes / 10;
        numbers
            .flat_map(|line| format!("{line:09}\n").into_bytes())
            .collect()
    }

    fn append(log: &Path, bytes: &[u8]) {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(log).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// Checks that a log begins and ends as it should and counts what is missing. Returns its length.
    fn check(log: &Path, lines: u64) -> u64 {
        let text = fs::read_to_string(log).unwrap();
        let (first, rest) = text.split_once(MARK.0).unwrap();
        assert!(first.starts_with("000000000\n000000001\n"));
        let (number, last) = rest.split_once(MARK.1).unwrap();
        let (_, last) = last.split_once('\n').unwrap();
        assert!(last.ends_with(&format!("{:09}\n", lines - 1)));
        assert!(
            last.lines()
                .chain(first.lines())
                .all(|line| line.len() == 9)
        );
        let kept = first.len() + last.len();
        let gone: u64 = number.parse().unwrap();
        assert_eq!(kept as u64 + gone, lines * 10);
        text.len() as u64
    }

    #[test]
    fn a_short_log_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.txt");
        shorten(&log).unwrap();
        bound(&log).unwrap();
        append(&log, b"one\n");
        bound(&log).unwrap();
        shorten(&log).unwrap();
        assert_eq!(fs::read(&log).unwrap(), b"one\n");
    }

    #[test]
    fn a_long_log_takes_little_room_while_it_grows_and_is_short_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.txt");
        let part = 10 * MIB;
        for number in 0..5 {
            append(&log, &lines(number * part / 10, part));
            bound(&log).unwrap();
        }
        if let Some((from, to)) = hole(&File::open(&log).unwrap()).unwrap() {
            assert_eq!((from, to), (HOLE, (5 * part - LAST) / BLOCK * BLOCK));
        }
        shorten(&log).unwrap();
        assert!(check(&log, 5 * part / 10) < MOST);
        // A second attempt goes on in the same file.
        append(&log, &lines(5 * part / 10, part));
        bound(&log).unwrap();
        shorten(&log).unwrap();
        assert!(check(&log, 6 * part / 10) < MOST);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn lines_without_an_end_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.txt");
        append(&log, &vec![b'x'; (MOST + 5) as usize]);
        shorten(&log).unwrap();
        let text = fs::read_to_string(&log).unwrap();
        let gone = MOST + 5 - FIRST - LAST;
        assert_eq!(
            text.len() as u64,
            FIRST + LAST + left_out(gone).len() as u64
        );
        assert!(text.contains(&left_out(gone)));
    }
}
