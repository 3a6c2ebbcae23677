//! Slurm's programs: what they are asked, and what they answer.
//!
//! Slurm's JSON has another form in each release, so the columns of its listings are read.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to answer. Where the controller is away, it gives up after 18 s by itself.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether a program has ended.
const TICK: Duration = Duration::from_millis(5);
/// What Slurm's programs say where the controller cannot be reached.
const AWAY: [&str; 7] = [
    "Unable to contact slurm controller",
    "Socket timed out",
    "Connection refused",
    "Connection timed out",
    "Unable to establish controller machine",
    "Zero Bytes were transmitted",
    "Transport endpoint is not connected",
];
/// The columns of `squeue`, each ended by a bar.
const COLUMNS: &str = "JobID:|,State:|,Reason:|,exit_code:|,NodeList:|";
/// The most jobs that are asked for at once: more would not fit into a command line.
const TOGETHER: usize = 1000;

/// Why a program of Slurm's gave no answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// The program is not there.
    Missing(&'static str),
    /// Slurm does not answer: nothing is known, and nothing has failed.
    Away(String),
    /// Slurm says no.
    Refused(String),
    /// The system refuses to start the program.
    Io(io::Error),
}

/// How Slurm says that a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It waits, for that reason.
    Queued(String),
    /// It runs on that node.
    Running(String),
    /// It has ended.
    Ended(End),
    /// Slurm does not know it any more.
    Gone,
}

/// How a job has ended, by Slurm's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// Slurm's word: `FAILED`, `TIMEOUT`.
    pub(super) state: String,
    /// The code that its program gave.
    pub(super) code: i32,
    /// The signal that ended it, or 0.
    pub(super) signal: i32,
    /// The nodes that it was on.
    pub(super) nodes: String,
}

/// Submits a script and returns the job's number.
pub(super) fn submit(arguments: &[String], script: &str) -> Result<u64, CallError> {
    let answer = call("sbatch", arguments, script)?;
    // With several clusters the number is followed by a semicolon and the cluster's name.
    let number = answer.lines().last().unwrap_or_default();
    let number = number.split(';').next().unwrap_or_default().trim();
    number
        .parse()
        .map_err(|_| CallError::Refused(format!("sbatch printed `{}`", answer.trim())))
}

/// Returns the number of the job of that name that was submitted last, if there is one.
pub(super) fn find(name: &str) -> Result<Option<u64>, CallError> {
    let listed = |text: String| {
        text.lines()
            .filter_map(|line| line.trim().parse().ok())
            .max()
    };
    let own = ["-h", "-t", "all", "--name", name, "-o", "%A"].map(str::to_owned);
    if let Some(number) = listed(call("squeue", &own, "")?) {
        return Ok(Some(number));
    }
    let own = ["-n", "-X", "-P", "--name", name, "-o", "JobIDRaw"].map(str::to_owned);
    // A cluster need not keep accounts.
    Ok(call("sacct", &own, "").ok().and_then(listed))
}

/// Says how jobs stand; those that Slurm does not know are [`Seen::Gone`].
pub(super) fn look(ids: &[u64]) -> Result<Vec<(u64, Seen)>, CallError> {
    let mut all = Vec::with_capacity(ids.len());
    for ids in ids.chunks(TOGETHER) {
        let list: Vec<String> = ids.iter().map(u64::to_string).collect();
        let list = list.join(",");
        let own = ["-h", "-t", "all", "-j", &list, "-O", COLUMNS].map(str::to_owned);
        let mut seen = match call("squeue", &own, "") {
            Ok(text) => text.lines().filter_map(listed).collect(),
            // Of one job alone that it does not know, squeue says so; among others it leaves it out.
            Err(CallError::Refused(why)) if why.contains("Invalid job id") => Vec::new(),
            Err(error) => return Err(error),
        };
        let lacks: Vec<String> = ids
            .iter()
            .filter(|id| seen.iter().all(|(there, _)| there != *id))
            .map(u64::to_string)
            .collect();
        if !lacks.is_empty() {
            let columns = "JobIDRaw,State,ExitCode,NodeList";
            let own = ["-n", "-X", "-P", "-j", &lacks.join(","), "-o", columns].map(str::to_owned);
            let text = call("sacct", &own, "").unwrap_or_default();
            seen.extend(text.lines().filter_map(accounted));
        }
        all.extend(ids.iter().map(|id| {
            let found = seen.iter().find(|(there, _)| there == id);
            (*id, found.map_or(Seen::Gone, |(_, seen)| seen.clone()))
        }));
    }
    Ok(all)
}

/// Ends jobs at once.
pub(super) fn cancel(ids: &[u64]) -> Result<(), CallError> {
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    call("scancel", &ids, "").map(drop)
}

/// Checks that Slurm's programs are there.
pub(super) fn check() -> Result<(), CallError> {
    for program in ["sbatch", "squeue", "scancel"] {
        call(program, &["--version".to_owned()], "")?;
    }
    Ok(())
}

/// Reads a line of `squeue`.
fn listed(line: &str) -> Option<(u64, Seen)> {
    let mut columns = line.split('|').map(str::trim);
    let id = columns.next()?.parse().ok()?;
    let (state, reason) = (columns.next()?, columns.next()?);
    // The code is what the system gives a parent: the signal in the low bits, the exit code above.
    let status: i32 = columns.next()?.parse().unwrap_or(0);
    let nodes = columns.next().unwrap_or_default().to_owned();
    Some((
        id,
        seen(state, reason, (status >> 8 & 0xFF, status & 0x7F), nodes),
    ))
}

/// Reads a line of `sacct`.
fn accounted(line: &str) -> Option<(u64, Seen)> {
    let mut columns = line.split('|').map(str::trim);
    let id = columns.next()?.parse().ok()?;
    // `CANCELLED by 1000`
    let state = columns.next()?.split(' ').next()?;
    let (code, signal) = columns.next()?.split_once(':')?;
    let nodes = columns.next().unwrap_or_default().to_owned();
    let status = (code.parse().unwrap_or(0), signal.parse().unwrap_or(0));
    Some((id, seen(state, "", status, nodes)))
}

fn seen(state: &str, reason: &str, (code, signal): (i32, i32), nodes: String) -> Seen {
    match state {
        "PENDING" | "CONFIGURING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED"
        | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => Seen::Queued(reason.to_owned()),
        "RUNNING" | "COMPLETING" | "SUSPENDED" | "STOPPED" | "SIGNALING" | "STAGE_OUT"
        | "RESIZING" => Seen::Running(nodes),
        _ => Seen::Ended(End {
            state: state.to_owned(),
            code,
            signal,
            nodes,
        }),
    }
}

/// Calls a program and returns what it prints.
fn call(program: &'static str, arguments: &[String], input: &str) -> Result<String, CallError> {
    let child = Command::new(program)
        .args(arguments)
        // The columns' words must not depend on the user's settings.
        .env_remove("SQUEUE_FORMAT")
        .env_remove("SQUEUE_FORMAT2")
        .env_remove("SQUEUE_STATES")
        .env_remove("SACCT_FORMAT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(CallError::Missing(program));
        }
        Err(error) => return Err(CallError::Io(error)),
    };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (code, printed, said) = thread::scope(|scope| {
        let printed = scope.spawn(|| text(stdout));
        let said = scope.spawn(|| text(stderr));
        if let Some(mut stdin) = stdin {
            // A program that does not read what it is given says why on standard error.
            let _ = stdin.write_all(input.as_bytes());
        }
        let code = wait(&mut child);
        let [printed, said] = [printed, said].map(|thread| thread.join().unwrap_or_default());
        (code, printed, said)
    });
    let said = said.trim().replace('\n', "; ");
    match code.map_err(CallError::Io)? {
        Ended::Code(0) => Ok(printed),
        // Nothing is known of what was asked.
        Ended::Signal(signal) => Err(CallError::Away(format!(
            "{program} was ended by signal {signal}"
        ))),
        Ended::Late => Err(CallError::Away(format!(
            "{program} did not answer in {} s",
            LIMIT.as_secs()
        ))),
        Ended::Code(_) if AWAY.iter().any(|words| said.contains(words)) => {
            Err(CallError::Away(said))
        }
        Ended::Code(code) if said.is_empty() => Err(CallError::Refused(format!(
            "{program} ended with code {code} and said nothing"
        ))),
        Ended::Code(_) => Err(CallError::Refused(said)),
    }
}

/// How a program of Slurm's ended.
enum Ended {
    Code(i32),
    Signal(i32),
    /// It had to be ended after [`LIMIT`].
    Late,
}

/// Waits for a program to end, and ends it after [`LIMIT`].
fn wait(child: &mut Child) -> io::Result<Ended> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            let signal = status.signal().unwrap_or_default();
            return Ok(status.code().map_or(Ended::Signal(signal), Ended::Code));
        }
        if start.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::Late);
        }
        thread::sleep(TICK);
    }
}

fn text(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // Output that is cut short is judged as it is.
    let _ = from.map(|mut from| from.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn listings_are_read() {
        let queued = Seen::Queued("ReqNodeNotAvail, UnavailableNodes:n2".into());
        let line = "16|PENDING|ReqNodeNotAvail, UnavailableNodes:n2|0||";
        assert_eq!(listed(line), Some((16, queued)));
        let line = "17|RUNNING|None|0|n1|";
        assert_eq!(listed(line), Some((17, Seen::Running("n1".into()))));
        let end = |state: &str, code, signal| {
            Seen::Ended(End {
                state: state.into(),
                code,
                signal,
                nodes: "n1".into(),
            })
        };
        let line = "18|FAILED|NonZeroExitCode|768|n1|";
        assert_eq!(listed(line), Some((18, end("FAILED", 3, 0))));
        let line = "19|TIMEOUT|TimeLimit|15|n1|";
        assert_eq!(listed(line), Some((19, end("TIMEOUT", 0, 15))));
        assert_eq!(listed("slurm_load_jobs error"), None);
        assert_eq!(
            accounted("20|CANCELLED by 1000|0:9|n1"),
            Some((20, end("CANCELLED", 0, 9)))
        );
        assert_eq!(accounted(""), None);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let missing = call("pipe-has-no-such-program", &[], "");
        assert!(matches!(missing, Err(CallError::Missing(_))));
        let refused = call(
            "sh",
            &["-c".into(), "echo no such partition >&2; exit 1".into()],
            "",
        );
        assert!(matches!(refused, Err(CallError::Refused(why)) if why == "no such partition"));
        let away = "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1";
        let away = call("sh", &["-c".into(), away.into()], "");
        assert!(matches!(away, Err(CallError::Away(_))));
        assert_eq!(call("cat", &[], "script").unwrap(), "script");
    }
}
