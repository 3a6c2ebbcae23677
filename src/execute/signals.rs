//! Which signals this program was started to ignore.

use procfs::process::Process;

/// Whether the signal is ignored, as `nohup` arranges: then this program must not catch it.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::Command;

    use super::*;

    #[test]
    fn what_a_process_was_started_to_ignore_is_told() {
        let told = |script: &str| {
            let mut shell = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let status = || {
                let process = Process::new(i32::try_from(shell.id()).unwrap()).unwrap();
                (
                    process.stat().unwrap().comm,
                    process.status().unwrap().sigign,
                )
            };
            // The shell becomes the program `sleep`, which inherits the ignored signal.
            while status().0 != "sleep" {
                std::thread::yield_now();
            }
            let (_, ignored) = status();
            shell.kill().unwrap();
            shell.wait().unwrap();
            // That of SIGUSR1: SIGHUP may be ignored by whoever runs the tests.
            ignored >> 9 & 1 == 1
        };
        assert!(told("trap '' USR1; exec sleep 60"));
        assert!(!told("exec sleep 60"));
    }
}
