//! Detects whether a program failed because there was no room left to write.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use contract::StageError;
use rustix::fs::statvfs;
use rustix::process::geteuid;
use signal_hook::consts::SIGXFSZ;

/// If fewer bytes than this are free after a program has failed, its file system counts as full. The limit is not zero, since
/// the program may have removed a file since, and the system reserves some space.
const LEAST: u64 = 1 << 20;
/// Messages of programs about missing room, in lower case. They are the same in every language.
const SAID: [&str; 7] = [
    "no space left on device",
    "disk quota exceeded",
    ": file too large",
    "] file too large",
    "enospc",
    "edquot",
    "efbig",
];
/// The signal that a process gets when a file becomes larger than allowed, and a shell's exit code for a program with that signal.
const TOO_LARGE: (i32, i32) = (SIGXFSZ, 128 + SIGXFSZ);

/// Returns the error of a program that had no room for its `output`, by free space, exit status or its messages in `said`;
/// `None` for other failures.
pub(crate) fn lacking(
    output: &Path,
    said: &str,
    status: ExitStatus,
    reason: &str,
) -> Option<StageError> {
    let said = said.to_lowercase();
    let (signal, code) = TOO_LARGE;
    let cut = status.signal() == Some(signal) || status.code() == Some(code);
    let why = if is_full(output) {
        "no space is left here"
    } else if cut {
        "a file that it wrote became larger than a file may be (`ulimit -f`)"
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

/// Whether the file system of a folder has no free space, or no room for another file.
fn is_full(folder: &Path) -> bool {
    statvfs(folder).is_ok_and(|found| {
        // Some blocks are reserved for root.
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
        let failed = ExitStatus::from_raw(1 << 8);
        for said in [
            "cp: error writing 'x': No space left on device\n",
            "OSError: [Errno 28] No space left on device: 'model.bin'\n",
            "write x: no space left on device",
            "Error: ENOSPC: no space left on device, write",
            "tee: x: Disk quota exceeded",
            "cp: error writing 'x': File too large",
            "OSError: [Errno 27] File too large",
        ] {
            let error = lacking(&here, said, failed, "`x` ended with code 1");
            let is_full = error.as_ref().is_some_and(StageError::is_full);
            assert!(is_full, "{said}: {error:?}");
        }
        // Statuses as wait(2) returns them: ended by the signal, and with the exit code.
        for status in [SIGXFSZ, (128 + SIGXFSZ) << 8].map(ExitStatus::from_raw) {
            assert!(lacking(&here, "", status, "x").is_some_and(|error| error.is_full()));
        }
        for said in ["no spaces allowed", "a file too large to upload"] {
            assert!(lacking(&here, said, failed, "x").is_none());
        }
    }
}
