//! Errors that say that the system gives no more threads or processes: a user's limit (`ulimit -u`) or a container's is reached.
//! Such errors are no mistake of a stage or its parameters.

use std::io;

use crate::StageError;

/// What is wrong.
pub const STARVED: &str = "the system gives no more threads or processes";
/// What to do about it.
pub const STARVED_REMEDY: &str = "raise the limit (`ulimit -u`, or a container's limit of pids), or run less at once with --jobs and --threads; \
                                  then run again: finished work is kept";

/// Whether the error says that a thread or a process could not be started because there are too many.
pub fn is_starved(error: &io::Error) -> bool {
    // fork and clone fail with EAGAIN.
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether a panic's message is that of the standard library, or of rayon, failing to start a thread.
pub fn panicked_starved(message: &str) -> bool {
    let is_thread = ["spawn thread", "thread pool", "ThreadPoolBuildError"]
        .iter()
        .any(|words| message.contains(words));
    is_thread && message.contains("kind: WouldBlock")
}

impl StageError {
    /// A thread or process could not be started: `what` names it.
    pub fn not_started(what: &str, error: &io::Error) -> Self {
        match is_starved(error) {
            true => Self::Program {
                reason: format!("{what} cannot be started: {STARVED}"),
                remedy: STARVED_REMEDY.into(),
            },
            false => Self::failed(format!("{what} cannot be started: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_say_for_want_of_threads_is_known() {
        // EAGAIN
        let error = io::Error::from_raw_os_error(11);
        assert!(is_starved(&error));
        // The messages of the standard library and of rayon.
        assert!(panicked_starved(&format!(
            "failed to spawn thread: {error:?}"
        )));
        assert!(panicked_starved(&format!(
            "The global thread pool has not been initialized.: ThreadPoolBuildError {{ kind: IOError({error:?}) }}"
        )));
        assert!(!panicked_starved("index out of bounds"));
        assert!(!panicked_starved(&format!("{error:?}")));
        let told = StageError::not_started("`sh`", &error);
        assert_eq!(
            told.to_string(),
            format!("`sh` cannot be started: {STARVED}")
        );
    }
}
