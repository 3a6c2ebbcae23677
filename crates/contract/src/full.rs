//! Errors that say that there is no room left to write: the disk is full, a quota is used up, or a file is as large as it may be.
//! Such errors are no mistake of a stage or its parameters; a command that meets one ends with exit code 13.

use std::io;

use crate::StageError;

/// What to do when there is no room left to write.
pub const ROOM: &str = "free some space and run again: finished work is kept";

/// Whether the error says that there is no room to write: disk full, over quota, or over the size that a file may have.
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl StageError {
    /// Whether the error says that there is no room left to write.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_of_a_full_disk_is_known() {
        // ENOSPC, EDQUOT, EFBIG
        for code in [28, 122, 27] {
            let error = io::Error::from_raw_os_error(code);
            assert!(is_full(&error), "{error}");
            let error = crate::io_error("a".as_ref())(error);
            assert!(error.is_full(), "{error}");
            assert_eq!(error.remedy().as_deref(), Some(ROOM));
        }
        // EACCES, EROFS
        for code in [13, 30] {
            assert!(!is_full(&io::Error::from_raw_os_error(code)));
        }
    }
}
