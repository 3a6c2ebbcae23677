//! A model's card: `README.md` of its folder, as the Hub shows it.
//!
//! It tells where the model comes from by digests and declarations. It names no place of this machine and no time of day: the same result in
//! the same store gives the same card.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::known::{self, KnownScore};
use crate::cli::failure::CommandFailure;
use crate::cli::one::One;
use crate::graph::InputSource;
use crate::paths::from_project;
use crate::progress::{amount, duration};
use crate::registry::take::ModelCard;
use crate::runs::quoted;
use crate::store::Record;
use crate::terminal::line;

/// How many digits of a digest a card shows where the whole one stands in the store.
const DIGITS: usize = 16;

/// Returns the text of the card.
pub(super) fn text(one: &One, card: &ModelCard) -> Result<String, CommandFailure> {
    let job = one.job();
    let record = one.record(one.place())?;
    let mut text = front(card);
    let label = plain(&job.label);
    let _ = write!(
        text,
        "\n# {label}\n\n\
         A model that [pipe](https://github.com/pipe-experiments/pipe) has trained, by its stage kind `{}`.\n",
        job.kind
    );
    for note in &card.notes {
        let _ = write!(text, "\n{note}\n");
    }
    let usage = &card.usage.replace("MODEL", "PATH/TO/THIS/FOLDER");
    let _ = write!(text, "\n## Use\n\n```python\n{usage}```\n");
    text += "\n## Shape\n\n| | |\n| --- | --- |\n";
    for (name, value) in &card.facts {
        let _ = writeln!(text, "| {name} | {} |", plain(value));
    }
    text += &made(one, &record)?;
    text += &data(one)?;
    text += &scored(&known::scores(&one.store, one.result())?);
    text += &cost(one, &record)?;
    let _ = write!(
        text,
        "\n## Make it again\n\nWith pipe {} in the project's folder, whose pipeline file declares it:\n\n```\n{}\n```\n\n\
         The same declaration gives the same bytes, on any processor.\n",
        env!("CARGO_PKG_VERSION"),
        command(one),
    );
    Ok(text)
}

/// Returns what the Hub reads.
fn front(card: &ModelCard) -> String {
    let mut tags = vec![card.task];
    if card.library == "sentence-transformers" {
        tags.extend(["sentence-transformers", "feature-extraction"]);
    }
    tags.push("pipe");
    let tags: String = tags.iter().map(|tag| format!("- {tag}\n")).collect();
    let (library, task) = (card.library, card.task);
    format!("---\nlibrary_name: {library}\npipeline_tag: {task}\ntags:\n{tags}---\n")
}

/// Says what the result is and which parameters decided it.
fn made(one: &One, record: &Record) -> Result<String, CommandFailure> {
    let job = one.job();
    let mut text = String::from("\n## How it was made\n\n| | |\n| --- | --- |\n");
    let profile = plain(one.project.pipeline.profile());
    let numerics = job.numerics.unwrap_or("none");
    for (name, value) in [
        ("stage", format!("`{}`", plain(&job.label))),
        ("profile", format!("`{profile}`")),
        ("key", format!("`{}`", record.key)),
        ("digest of the result", format!("`{}`", record.artifact)),
        (
            "behaviour of the stage kind",
            format!("version {}", job.version),
        ),
        ("numerics class", format!("`{numerics}`")),
    ] {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    for origin in &record.origin {
        let _ = write!(text, "\nThe result was {}.\n", plain(&origin.to_string()));
    }
    text += "\nParameters:\n\n```json\n";
    let params = Value::Object(job.params.params().0);
    let _ = write!(text, "{:#}\n```\n", without_places(params));
    Ok(text)
}

/// Says what the result rests on: other results, and files of the user's.
fn data(one: &One) -> Result<String, CommandFailure> {
    let mut text = String::from(
        "\n## What it rests on\n\n| result or file | kind | key or digest |\n| --- | --- | --- |\n",
    );
    let mut files = BTreeSet::new();
    for (place, (_, job)) in one.plan.jobs.jobs().enumerate() {
        let record = one.record(place)?;
        if place != one.place() {
            let label = plain(&job.label);
            let key = record.key.to_hex();
            let _ = writeln!(text, "| {label} | {} | `{:.DIGITS$}` |", job.kind, key);
        }
        for (name, source) in &job.inputs {
            let InputSource::Path(path) = source else {
                continue;
            };
            let digest = record.parts.inputs.get(&**name);
            let digest = digest.map_or("", String::as_str);
            let told = told(&from_project(path, one.project.pipeline.root()));
            files.insert(format!(
                "| {} | yours | `{digest:.DIGITS$}` |\n",
                plain(&told)
            ));
        }
    }
    text.extend(files);
    Ok(text)
}

fn scored(scores: &[KnownScore]) -> String {
    if scores.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n## Scores\n\nOf the model and of what was trained or measured on it, as the store knows them:\n\n\
         | result | score | value | split | examples |\n| --- | --- | --- | --- | --- |\n",
    );
    for score in scores {
        let label = plain(&score.label);
        let (name, split) = (plain(&score.name), plain(&score.split));
        let unit = match score.unit.as_str() {
            unit if unit == score.name => String::new(),
            "%" => " %".to_owned(),
            unit => format!(" ({})", plain(unit)),
        };
        let _ = writeln!(
            text,
            "| {label} | {name} | {:.2}{unit} | {split} | {} |",
            score.value, score.examples
        );
    }
    text
}

/// Says what the result cost, by itself and with all that it rests on.
fn cost(one: &One, record: &Record) -> Result<String, CommandFailure> {
    let mut all = 0.0;
    for place in 0..one.all.len() {
        all += one.record(place)?.cost.core_seconds;
    }
    let time = |seconds: f64| {
        let seconds = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        duration(seconds)
    };
    let own = &record.cost;
    let mut text = format!(
        "\n## Cost\n\n{} of core time, and {} with all that it rests on",
        time(own.core_seconds),
        time(all)
    );
    if own.peak_memory > 0 {
        let _ = write!(
            text,
            "; {}B of memory at most",
            amount(own.peak_memory as f64)
        );
    }
    if !own.cpu.is_empty() {
        let _ = write!(text, "; on {}", plain(&own.cpu));
    }
    text += ".\n";
    Ok(text)
}

/// Returns the command that makes the result. A path that leads out of the project stands there by its last part alone.
fn command(one: &One) -> String {
    let mut text = format!(
        "pipe run {} --profile {}",
        quoted(&one.target),
        quoted(one.project.pipeline.profile())
    );
    for setting in one.project.settings() {
        let setting = match setting.split_once('=') {
            Some((name, value)) => format!("{name}={}", told(value)),
            None => setting,
        };
        let _ = write!(text, " --set {}", quoted(&setting));
    }
    text
}

/// Replaces absolute paths among the values by their last parts.
fn without_places(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(told(&text)),
        Value::Array(all) => all.into_iter().map(without_places).collect(),
        Value::Object(all) => {
            let all = all.into_iter();
            Value::Object(
                all.map(|(name, value)| (name, without_places(value)))
                    .collect(),
            )
        }
        other => other,
    }
}

/// Returns a path without what tells of this machine: an absolute one is its last part.
fn told(path: &str) -> String {
    let place = Path::new(path);
    match place.file_name() {
        Some(name) if place.is_absolute() => name.to_string_lossy().into_owned(),
        _ => path.to_owned(),
    }
}

/// Returns a text that is to stay within a cell of a table.
fn plain(text: &str) -> String {
    line(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_place_of_this_machine_is_told() {
        assert_eq!(told("/home/me/wiki"), "wiki");
        assert_eq!(told("data/wiki"), "data/wiki");
        assert_eq!(told("/"), "/");
        let params = json!({"a": ["/x/y", 1], "b": {"c": "z"}});
        assert_eq!(
            without_places(params),
            json!({"a": ["y", 1], "b": {"c": "z"}})
        );
    }

    #[test]
    fn what_others_wrote_stays_in_its_cell() {
        assert_eq!(plain("a|b\nc"), "a\\|b c");
    }
}
