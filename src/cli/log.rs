//! `pipe log`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::Exit;
use super::arguments::LogArguments;
use super::failure::CommandFailure;
use super::output::{path_json, print, print_data, print_json, tell};
use super::project::Project;
use crate::execute::Standing;
use crate::graph::JobIndex;
use crate::journal::{Ended, Entry, RunSummary, Runs};
use crate::progress::{count, duration};
use crate::registry::Registry;
use crate::store::{Store, io_error};
use crate::terminal::Paint;

/// Prints the messages of the jobs asked for, what runs did, or, where nothing is named, which runs there were.
pub(super) fn log(arguments: &LogArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::view(&project.store)?;
    let runs = Runs::list(store.runs())?;
    if arguments.targets.is_empty() {
        return list(&runs, arguments);
    }
    let is_target = |text: &String| text == "all" || text.contains(':');
    if !arguments.targets.iter().any(is_target) {
        return events(&runs, arguments);
    }
    let (plan, store, standings) = project.look(&arguments.targets)?;
    if plan.stages.is_empty() {
        return Err(CommandFailure::Usage {
            message: "only stages have logs".into(),
            remedy: "name one: pipe log 'stage:NAME[variable=value,…]'; `pipe status` shows jobs under way, `pipe log` runs".into(),
        });
    }
    let mut logs = Vec::new();
    for index in &plan.stages {
        let label = &plan.jobs.job(*index).label;
        let path = place(&store, &standings, *index);
        let text = path.as_ref().map(fs::read);
        match text {
            // A library may print what is not UTF-8.
            Some(Ok(text)) => {
                logs.push((
                    label,
                    path,
                    Some(String::from_utf8_lossy(&text).into_owned()),
                ));
            }
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                let path = path.unwrap_or_default();
                return Err(io_error(&path)(error).into());
            }
            // The log of a finished job that had nothing to say is not kept.
            _ => {
                let finished = standings[index.index()].found().is_some();
                logs.push((label, None, finished.then(String::new)));
            }
        }
    }
    if arguments.common.json {
        let logs = logs
            .iter()
            .map(|(label, path, text)| json!({ "label": label, "path": path.as_deref().map(path_json), "text": text }));
        print_json(&json!({ "schema_version": 1, "logs": logs.collect::<Vec<_>>() }))?;
        return Ok(Exit::Ok);
    }
    for (label, path, text) in logs {
        // Where a log lies is said beside it, so that the messages alone go to standard output.
        match (path, &text) {
            (Some(path), Some(text)) if !text.is_empty() => {
                tell(&format!("{label}: {}", path.display()));
            }
            (_, Some(_)) => tell(&format!("{label}: it had nothing to say")),
            (_, None) => tell(&format!("{label}: there is no log: it has not run")),
        }
        print_data(text.unwrap_or_default().as_bytes())?;
    }
    Ok(Exit::Ok)
}

/// Returns where the log of a job may lie.
fn place(store: &Store, standings: &[Standing], index: JobIndex) -> Option<PathBuf> {
    match &standings[index.index()] {
        Standing::Cached(found) => Some(store.log(&found.key)),
        Standing::Missing { key, .. } => Some(store.working_log(key)),
        Standing::Unknown | Standing::Broken(_) => None,
    }
}

/// Lists the latest runs, the latest last.
fn list(runs: &Runs, arguments: &LogArguments) -> Result<Exit, CommandFailure> {
    let names = runs.names();
    let mut summaries = Vec::new();
    for name in &names[names.len().saturating_sub(arguments.number)..] {
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
        let sets = begun.set.iter();
        let sets = sets.map(|(variable, value)| format!(" --set {variable}={value}"));
        text += &format!(
            "{:<width$}  {} --profile {}{}: {}\n",
            name.cyan(),
            begun.targets.join(" "),
            begun.profile,
            sets.collect::<String>(),
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

/// Says in a few words what became of a run.
fn outcome(run: &RunSummary) -> String {
    let mut parts = Vec::new();
    if let Some((jobs, cached)) = run.planned {
        parts.push(format!("{}, {cached} cached", count(jobs, "job")));
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
fn events(runs: &Runs, arguments: &LogArguments) -> Result<Exit, CommandFailure> {
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
                "begun at {} by process {} on {}: {} --profile {}, {}",
                begun.at,
                begun.pid,
                begun.host,
                begun.targets.join(" "),
                begun.profile,
                begun.program
            ),
        ),
        Entry::Planned { jobs, cached } => {
            (none, format!("{}, {cached} cached", count(*jobs, "job")))
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
        } => (
            at(seconds),
            format!(
                "made     {job}, artifact {}, {core_seconds:.1} core-seconds",
                made.artifact.short()
            ),
        ),
        Entry::Finished {
            seconds,
            job,
            made: None,
            ..
        } => (at(seconds), format!("found    {job}: another run made it")),
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
pub(super) fn run_named<'r>(runs: &'r Runs, text: &str) -> Result<&'r str, CommandFailure> {
    runs.find(text).ok_or_else(|| CommandFailure::Usage {
        message: match runs.names().len() {
            0 => "there is no run yet".to_owned(),
            number => format!("no run, or more than one, is meant by `{text}`: there are {number}"),
        },
        remedy: "name a run as `pipe log` lists it, the start of its name, last, or last~1".into(),
    })
}
