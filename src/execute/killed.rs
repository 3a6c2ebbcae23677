//! What to say of a worker that ended without a word: killed, perhaps for want of memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::executor::Exit;
use super::memory::Evidence;
use crate::failure::{Failure, FailureKind};
use crate::progress::amount;

/// The signal that cannot be caught: the system's, when memory runs out.
const KILL: i32 = 9;
/// The signal of a program that gives up.
const ABORT: i32 = 6;
/// What programs say when they get no memory.
const NO_MEMORY: [&str; 4] = [
    "memory allocation of ",
    "std::bad_alloc",
    "MemoryError",
    "Cannot allocate memory",
];
/// The signals that ask to stop: a worker dies of them before it can listen.
const REQUESTS: [i32; 3] = [1, 2, 15];
/// How much of a log is looked at.
const TAIL: u64 = 4096;

/// What is known of the end of a worker.
#[derive(Debug)]
pub(super) struct Circumstances {
    /// Most memory that it was seen to hold, in bytes.
    pub(super) held: Option<u64>,
    /// What its stage declares, in bytes.
    pub(super) declared: Option<u64>,
    /// What all jobs of the run may hold together, in bytes.
    pub(super) available: Option<u64>,
    /// What speaks for the system having killed the worker.
    pub(super) evidence: Evidence,
    /// The end of its log.
    pub(super) last_words: String,
}

/// Whether a worker ended by being asked to.
pub(super) fn is_request(exit: &Exit) -> bool {
    exit.signal.is_some_and(|signal| REQUESTS.contains(&signal))
}

/// Says how a worker ended that left no outcome, and what to do about it.
pub(super) fn failure(exit: &Exit, circumstances: &Circumstances) -> Failure {
    let Circumstances { evidence, .. } = circumstances;
    let starved = NO_MEMORY
        .iter()
        .any(|words| circumstances.last_words.contains(words));
    let (message, memory) = match (exit.signal, exit.code) {
        (Some(KILL), _) => {
            let message = match evidence {
                Evidence::Group => "killed by the system for want of memory (signal 9)",
                Evidence::Machine => {
                    "killed by signal 9, most likely by the system for want of memory, since it has just done so to some process"
                }
                Evidence::Nothing => {
                    "killed by signal 9 (perhaps by the system for want of memory)"
                }
            };
            (message.to_owned(), true)
        }
        (Some(ABORT), _) if starved => {
            ("it got no memory from the system and gave up".into(), true)
        }
        (Some(signal), _) => (format!("the stage was ended by signal {signal}"), false),
        (None, Some(code)) if starved => (
            format!("it got no memory from the system and ended with code {code}"),
            true,
        ),
        (None, Some(code)) => (
            format!("the stage ended with code {code} and said nothing"),
            false,
        ),
        (None, None) => ("the stage ended and said nothing".into(), false),
    };
    if !memory {
        return Failure::new(FailureKind::Failed, message);
    }
    let mut failure = Failure::new(
        FailureKind::Failed,
        format!("{message}{}", used(circumstances)),
    );
    failure.remedy = Some(remedy(circumstances));
    failure
}

/// Adds to a stage's own word that the system has killed something for want of memory meanwhile.
pub(super) fn explain(failure: &mut Failure, circumstances: &Circumstances) {
    let used = used(circumstances);
    failure.message +=
        &format!("; meanwhile the system has killed a process for want of memory{used}");
    failure.remedy = Some(remedy(circumstances));
}

/// Says how much memory the worker used, and of how much.
fn used(circumstances: &Circumstances) -> String {
    let size = |bytes: u64| format!("{}B", amount(bytes as f64));
    let mut parts = Vec::new();
    if let Some(held) = circumstances.held {
        parts.push(format!("it held {}", size(held)));
    }
    if let Some(declared) = circumstances.declared {
        parts.push(format!("its stage declares {}", size(declared)));
    }
    if let Some(available) = circumstances.available {
        parts.push(format!("the run has {}", size(available)));
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!(": {}", parts.join(", ")),
    }
}

fn remedy(circumstances: &Circumstances) -> String {
    let declare = match (circumstances.declared, circumstances.held) {
        (Some(declared), Some(held)) if held <= declared => "run fewer jobs at once with --jobs",
        (Some(_), _) => "raise `resources.memory` of its stage, so that fewer jobs run beside it",
        (None, _) => {
            "declare `resources = { memory = \"…\" }` for its stage or lower --jobs, so that fewer jobs run beside it"
        }
    };
    format!(
        "make it need less (a smaller batch), or {declare}; then run again: it goes on from its last checkpoint"
    )
}

/// Returns the end of a log; the empty text where there is no log.
pub(super) fn last_words(log: &Path) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn told(signal: Option<i32>, evidence: Evidence, declared: Option<u64>, words: &str) -> String {
        let exit = Exit {
            signal,
            code: signal.is_none().then_some(1),
            ..Exit::default()
        };
        let failure = failure(
            &exit,
            &Circumstances {
                held: Some(3_100_000_000),
                declared,
                available: Some(8_000_000_000),
                evidence,
                last_words: words.into(),
            },
        );
        format!(
            "{}\n{}",
            failure.message,
            failure.remedy.unwrap_or_default()
        )
    }

    #[test]
    fn a_kill_for_want_of_memory_is_told_as_sure_as_it_is() {
        insta::assert_snapshot!(told(Some(9), Evidence::Group, Some(2_000_000_000), ""), @r"
        killed by the system for want of memory (signal 9): it held 3.10 GB, its stage declares 2.00 GB, the run has 8.00 GB
        make it need less (a smaller batch), or raise `resources.memory` of its stage, so that fewer jobs run beside it; then run again: it goes on from its last checkpoint
        ");
        insta::assert_snapshot!(told(Some(9), Evidence::Machine, Some(4_000_000_000), ""), @r"
        killed by signal 9, most likely by the system for want of memory, since it has just done so to some process: it held 3.10 GB, its stage declares 4.00 GB, the run has 8.00 GB
        make it need less (a smaller batch), or run fewer jobs at once with --jobs; then run again: it goes on from its last checkpoint
        ");
        insta::assert_snapshot!(told(Some(9), Evidence::Nothing, None, ""), @r#"
        killed by signal 9 (perhaps by the system for want of memory): it held 3.10 GB, the run has 8.00 GB
        make it need less (a smaller batch), or declare `resources = { memory = "…" }` for its stage or lower --jobs, so that fewer jobs run beside it; then run again: it goes on from its last checkpoint
        "#);
        insta::assert_snapshot!(told(Some(6), Evidence::Nothing, None, "memory allocation of 99 bytes failed"), @r#"
        it got no memory from the system and gave up: it held 3.10 GB, the run has 8.00 GB
        make it need less (a smaller batch), or declare `resources = { memory = "…" }` for its stage or lower --jobs, so that fewer jobs run beside it; then run again: it goes on from its last checkpoint
        "#);
    }

    #[test]
    fn other_ends_have_nothing_to_do_with_memory() {
        assert_eq!(
            told(Some(11), Evidence::Group, None, ""),
            "the stage was ended by signal 11\n"
        );
        assert_eq!(
            told(None, Evidence::Nothing, None, ""),
            "the stage ended with code 1 and said nothing\n"
        );
    }

    #[test]
    fn the_end_of_a_long_log_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.txt");
        std::fs::write(&log, format!("{}the end", "x".repeat(9000))).unwrap();
        let words = last_words(&log);
        assert!(words.len() == 4096 && words.ends_with("xthe end"));
        assert_eq!(last_words(&folder.path().join("none")), "");
    }
}
