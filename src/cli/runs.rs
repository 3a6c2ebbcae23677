//! The runs: `pipe log` without a stage.

use std::time::Duration;

use crate::terminal::Paint;
use serde_json::{Value, json};

use super::Exit;
use super::arguments::LogArguments;
use super::failure::CommandFailure;
use super::notes;
use super::output::{print, print_json, tell};
use super::summary::same_as_others;
use crate::progress::{count, duration};
use crate::runs::{Ended, Entry, RunSummary, Runs};

/// How many runs are listed unless told otherwise.
const LISTED: usize = 20;

/// Lists the latest runs, the latest last.
pub(super) fn list(runs: &Runs, arguments: &LogArguments) -> Result<Exit, CommandFailure> {
    let names = runs.names();
    let mut summaries = Vec::new();
    for name in &names[names
        .len()
        .saturating_sub(arguments.number.unwrap_or(LISTED))..]
    {
        summaries.extend(runs.summary(name)?);
    }
    if arguments.common.json {
        let runs = summaries.iter().map(run_json);
        print_json(&json!({ "schema_version": 1, "runs": runs.collect::<Vec<_>>() }))?;
        return Ok(Exit::Ok);
    }
    let mut text = match names.len() > summaries.len() {
        true => format!("… {} before\n", count(names.len() - summaries.len(), "run")),
        false => String::new(),
    };
    let width = summaries.iter().map(|run| run.name.len()).max();
    for run in &summaries {
        let RunSummary { name, begun, .. } = run;
        text += &format!(
            "{:<width$}  {}{}: {}\n",
            name.cyan(),
            begun.targets.join(" "),
            begun.options(),
            outcome(run),
            width = width.unwrap_or(0),
        );
    }
    if summaries.is_empty() {
        text += "no run has been made\n";
    }
    print(&text)?;
    Ok(Exit::Ok)
}

/// Says in a few words how a run ended.
fn outcome(run: &RunSummary) -> String {
    let mut parts = Vec::new();
    if let Some((jobs, cached)) = run.planned {
        let same = same_as_others(run.same);
        parts.push(format!("{}, {cached} cached{same}", count(jobs, "job")));
    }
    for (number, word) in [(run.made, "made"), (run.failed, "failed")] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    parts.push(match run.ended {
        Ended::Running => format!("running as process {} on {}", run.begun.pid, run.begun.host),
        Ended::Killed => "killed".to_owned(),
        Ended::Exit { code, seconds } => {
            let time = duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
            match code {
                0 => time,
                code => format!("{time}, exit code {code}"),
            }
        }
    });
    parts.join(", ")
}

fn run_json(run: &RunSummary) -> Value {
    let (state, code, seconds) = match run.ended {
        Ended::Running => ("running", None, None),
        Ended::Killed => ("killed", None, None),
        Ended::Exit { code, seconds } => ("ended", Some(code), Some(seconds)),
    };
    json!({
        "run": run.name,
        "begun": run.begun,
        "jobs": run.planned.map(|(jobs, _)| jobs),
        "cached": run.planned.map(|(_, cached)| cached),
        "made": run.made,
        "failed": run.failed,
        "state": state,
        "exit": code,
        "seconds": seconds,
    })
}

/// Prints what runs did.
pub(super) fn events(runs: &Runs, arguments: &LogArguments) -> Result<Exit, CommandFailure> {
    let mut all = Vec::new();
    for text in &arguments.targets {
        let name = run_named(runs, text)?;
        all.push((name, runs.entries(name)?));
    }
    if arguments.common.json {
        let runs = all
            .iter()
            .map(|(name, events)| json!({ "run": name, "events": events }));
        print_json(&json!({ "schema_version": 1, "runs": runs.collect::<Vec<_>>() }))?;
        return Ok(Exit::Ok);
    }
    for (name, entries) in all {
        tell(&format!("run {name}: {}", runs.path(name).display()));
        print(&entries.iter().map(event).collect::<String>())?;
    }
    Ok(Exit::Ok)
}

fn event(entry: &Entry) -> String {
    let at = |seconds: &f64| format!("{seconds:>10.3}");
    let none = " ".repeat(10);
    let (time, text) = match entry {
        Entry::Begun(begun) => (
            none,
            format!(
                "begun at {} by process {} on {}: {}{}, {}",
                begun.at,
                begun.pid,
                begun.host,
                begun.targets.join(" "),
                begun.options(),
                begun.program
            ),
        ),
        Entry::Planned { jobs, cached, .. } => {
            let jobs = count(*jobs, "job");
            (none, format!("{jobs}, {cached} cached at the start"))
        }
        Entry::Started {
            seconds,
            job,
            threads,
        } => (
            at(seconds),
            format!("started  {job} on {}", count(*threads, "thread")),
        ),
        Entry::Waits {
            seconds,
            job,
            holder,
        } => {
            let holder = holder.as_deref().unwrap_or("another run");
            (at(seconds), format!("waits    {job}: {holder}"))
        }
        Entry::Finished {
            seconds,
            job,
            made: Some(made),
            core_seconds,
            notes,
        } => {
            let mut text = format!(
                "made     {job}, artifact {}, {core_seconds:.1} core-seconds",
                made.artifact.short()
            );
            for note in notes.iter() {
                text += &format!("\n{} noted    {job}: {}", " ".repeat(10), notes::text(note));
            }
            (at(seconds), text)
        }
        Entry::Found {
            seconds,
            job,
            result,
        } => {
            let artifact = result.artifact.short();
            (at(seconds), format!("found    {job}, artifact {artifact}"))
        }
        Entry::Finished {
            seconds,
            job,
            made: None,
            ..
        } => (at(seconds), format!("ended    {job}: another run made it")),
        Entry::Failed {
            seconds,
            job,
            message,
        } => (at(seconds), format!("failed   {job}: {message}")),
        Entry::Note { seconds, message } => (at(seconds), message.clone()),
        Entry::Ended { seconds, exit, .. } => (at(seconds), format!("ended with code {exit}")),
    };
    format!("{} {text}\n", time.dimmed())
}

/// Returns the name of the run that `text` means.
fn run_named<'r>(runs: &'r Runs, text: &str) -> Result<&'r str, CommandFailure> {
    runs.find(text).ok_or_else(|| none(runs, text))
}

/// The failure where no run fits `text`.
pub(super) fn none(runs: &Runs, text: &str) -> CommandFailure {
    CommandFailure::Usage {
        message: match runs.names().len() {
            0 => "there is no run yet".to_owned(),
            number => format!("no run, or more than one, is meant by `{text}`: there are {number}"),
        },
        remedy: "name a run as `pipe log` lists it, the start of its name, last, or last~1".into(),
    }
}
