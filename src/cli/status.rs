//! `pipe status`.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::Exit;
use super::arguments::StatusArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json};
use super::project::Project;
use crate::execute::{WatchState, Watched, watch};
use crate::progress::{count, duration, percent_of, whose};
use crate::registry::Registry;
use crate::store::Store;
use crate::terminal::Paint;

/// Shows the jobs that run now, in whatever run, and those that were stopped or failed.
pub(super) fn status(
    arguments: &StatusArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::view(&project.store)?;
    let mut jobs = watch(&store)?;
    jobs.sort_by(|a, b| a.label.cmp(&b.label));
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "jobs": jobs.iter().map(job_json).collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Ok);
    }
    let number = |word: &str| jobs.iter().filter(|job| self::word(job) == word).count();
    let mut text: String = jobs.iter().map(line).collect();
    text += &match jobs.len() {
        0 => "no job runs, and none was left half done\n".to_owned(),
        _ => {
            let words = ["running", "stopped", "failed"];
            let parts = words.map(|word| (number(word), word));
            let parts: Vec<String> = parts
                .iter()
                .filter(|(number, _)| *number > 0)
                .map(|(number, word)| format!("{number} {word}"))
                .collect();
            format!("{}: {}\n", count(jobs.len(), "job"), parts.join(", "))
        }
    };
    print(&text)?;
    Ok(Exit::Ok)
}

/// Says in a word how it stands with a job.
pub(super) fn word(job: &Watched) -> &'static str {
    match job.state {
        WatchState::Running => "running",
        WatchState::Stopped => "stopped",
        WatchState::Failed(_) => "failed",
    }
}

fn line(job: &Watched) -> String {
    let word = match &job.state {
        WatchState::Running => "running".green().to_string(),
        WatchState::Stopped => "stopped".yellow().to_string(),
        WatchState::Failed(_) => "failed".red().to_string() + " ",
    };
    let mut text = format!("{word}  {}: {}", job.label, described(job));
    if let (WatchState::Running, Some(holder)) = (&job.state, &job.holder) {
        text += &format!(" ({})", whose(holder));
    }
    text + "\n"
}

/// Says how it goes with a job: how far it is, or why it failed.
pub(super) fn described(job: &Watched) -> String {
    match (&job.state, &job.progress) {
        (WatchState::Failed(report), Some(_)) => format!("{} ({})", report.message, far(job)),
        (WatchState::Failed(report), None) => report.message.clone(),
        (WatchState::Running | WatchState::Stopped, _) => far(job),
    }
}

/// Says how far a job is, with its own note.
pub(super) fn far(job: &Watched) -> String {
    let mut text = match &job.progress {
        Some(advance) => {
            let percent = percent_of(advance.done, advance.total);
            let unit = &advance.unit;
            format!("{percent}%, {unit} {} of {}", advance.done, advance.total)
        }
        None => "begun".to_owned(),
    };
    if let Some(advance) = &job.progress
        && !advance.note.is_empty()
    {
        text += &format!(", {}", advance.note);
    }
    if let Some(remaining) = job.remaining() {
        text += &format!(", about {} left", duration(remaining));
    }
    text
}

fn job_json(job: &Watched) -> Value {
    let since = job.since.duration_since(SystemTime::UNIX_EPOCH);
    let progress = job.progress.as_ref().map(|advance| {
        json!({
            "done": advance.done,
            "total": advance.total,
            "unit": advance.unit,
            "note": advance.note,
        })
    });
    let failure = match &job.state {
        WatchState::Failed(report) => json!(report),
        WatchState::Running | WatchState::Stopped => Value::Null,
    };
    json!({
        "key": job.key,
        "label": job.label,
        "kind": job.kind,
        "state": word(job),
        "since_unix_seconds": since.map(|time| time.as_secs()).ok(),
        "progress": progress,
        "remaining_seconds": job.remaining().map(|time| time.as_secs()),
        "failure": failure,
        "holder": job.holder,
    })
}
