//! Whether a program has failed for want of room to write.

use std::io;
use std::path::Path;

use contract::StageError;
use rustix::fs::statvfs;
use rustix::process::geteuid;

/// With less than this many bytes left a file system is full to a program that has failed: what it has removed since, and
/// what the system keeps back, is little.
const LEAST: u64 = 1 << 20;
/// What programs say, in small letters, whatever their language.
const SAID: [&str; 4] = [
    "no space left on device",
    "disk quota exceeded",
    "enospc",
    "edquot",
];

/// Returns the error of a program that had no room for its `output`, or has `said` so; `None` of any other.
pub(crate) fn lacking(output: &Path, said: &str, reason: &str) -> Option<StageError> {
    let said = said.to_lowercase();
    let why = if is_full(output) {
        "no space is left here"
    } else if SAID.iter().any(|words| said.contains(words)) {
        "the program was told that no space is left where it wrote, here or on another disk"
    } else {
        return None;
    };
    Some(StageError::Io {
        path: output.to_path_buf(),
        source: io::Error::new(io::ErrorKind::StorageFull, format!("{why}: {reason}")),
    })
}

/// Whether there is no room, or no place for another file, where a folder lies.
fn is_full(folder: &Path) -> bool {
    statvfs(folder).is_ok_and(|found| {
        // Some is kept back for root.
        let blocks = match geteuid().is_root() {
            true => found.f_bfree,
            false => found.f_bavail,
        };
        let has_no_file_left = found.f_files > 0 && found.f_favail == 0;
        blocks.saturating_mul(found.f_frsize) < LEAST || has_no_file_left
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_had_no_room_is_known_by_its_words() {
        let here = std::env::temp_dir();
        for said in [
            "cp: error writing 'x': No space left on device\n",
            "OSError: [Errno 28] No space left on device: 'model.bin'\n",
            "write x: no space left on device",
            "Error: ENOSPC: no space left on device, write",
            "tee: x: Disk quota exceeded",
        ] {
            let error = lacking(&here, said, "`x` ended with code 1");
            let is_full = |error: &StageError| matches!(error, StageError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull);
            assert!(error.as_ref().is_some_and(is_full), "{said}: {error:?}");
        }
        assert!(lacking(&here, "no spaces allowed", "x").is_none());
    }
}
