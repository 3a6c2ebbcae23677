//! A model's card: `README.md` of its folder, as the Hub shows it.
//!
//! It tells where the model comes from by digests and declarations. It names no place of this machine and no time of day: the same result in
//! the same store gives the same card.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use contract::FieldType;
use serde_json::Value;

use super::known::{self, KnownScore};
use super::places;
use crate::cli::failure::CommandFailure;
use crate::cli::one::One;
use crate::graph::InputSource;
use crate::paths::from_project;
use crate::progress::{amount, duration};
use crate::registry::Registry;
use crate::registry::take::ModelCard;
use crate::runs::quoted;
use crate::store::Record;
use crate::terminal::line;

/// How many digits of a digest a card shows where the whole one stands in the store.
const DIGITS: usize = 16;

/// Returns the text of the card.
pub(super) fn text(
    one: &One,
    card: &ModelCard,
    registry: &Registry,
) -> Result<String, CommandFailure> {
    let job = one.job();
    let record = one.record(one.place())?;
    let mut text = front(card);
    let label = plain(&one.label());
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
    let _ = write!(text, "\n## Use\n\n{}", fenced("python", usage));
    text += "\n## Shape\n\n| | |\n| --- | --- |\n";
    for (name, value) in &card.facts {
        let _ = writeln!(text, "| {name} | {} |", plain(value));
    }
    text += &made(one, &record)?;
    text += &data(one)?;
    text += &scored(&known::scores(one)?);
    text += &cost(one, &record)?;
    let command = command(one);
    let _ = write!(
        text,
        "\n## Make it again\n\nWith pipe {} in the project's folder, whose pipeline file declares it:\n\n{}",
        env!("CARGO_PKG_VERSION"),
        fenced("", &command),
    );
    if command.contains(places::YOURS) {
        let _ = write!(
            text,
            "\nIn the place of `{}` name the folder of your copy of the file: it must have the digest that it has above.\n",
            places::YOURS
        );
    }
    let mut jobs = one.plan.jobs.jobs();
    if !jobs.any(|(_, job)| runs_a_program(job.kind, registry)) {
        text += "\nThe same declaration gives the same bytes, on any processor.\n";
    }
    Ok(text)
}

/// Whether jobs of a kind run a program of the user's, of which nobody knows what it makes: such a stage says itself what type that is.
fn runs_a_program(kind: &str, registry: &Registry) -> bool {
    registry.get(kind).is_none_or(|stage| {
        let mut fields = stage.signature().fields.iter();
        fields.any(|field| matches!(field.takes, FieldType::Output(_)))
    })
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
    let profile = code(one.project.pipeline.profile());
    let numerics = job.numerics.unwrap_or("none");
    for (name, value) in [
        ("stage", code(&one.label())),
        ("profile", profile),
        ("key", format!("`{}`", record.key)),
        ("digest of the result", format!("`{}`", one.artifact())),
        (
            "behaviour of the stage kind",
            format!("version {}", job.version),
        ),
        ("numerics class", format!("`{numerics}`")),
    ] {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    for origin in &record.origin {
        let _ = write!(
            text,
            "\nThe result was {}.\n",
            plain(&places::within(&origin.to_string()))
        );
    }
    let params = Value::Object(job.params.params().0);
    let params = format!("{:#}", places::texts(params, &places::within));
    let _ = write!(text, "\nParameters:\n\n{}", fenced("json", &params));
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
            let label = plain(&places::label(&job.label));
            let key = record.key.to_hex();
            let _ = writeln!(text, "| {label} | {} | `{:.DIGITS$}` |", job.kind, key);
        }
        for (name, source) in &job.inputs {
            let InputSource::Path(path) = source else {
                continue;
            };
            let digest = record.parts.inputs.get(&**name);
            let digest = digest.map_or("", String::as_str);
            let told = places::within(&from_project(path, one.project.pipeline.root()));
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
        let label = plain(&places::label(&score.label));
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

/// Returns the command that makes the result. What lies in a folder of this machine stands there by its last part, below a folder that
/// whoever repeats the command has to name.
fn command(one: &One) -> String {
    let mut text = format!(
        "pipe run {} --profile {}",
        word(&places::label_by(&one.target, &places::asked)),
        word(one.project.pipeline.profile())
    );
    for setting in one.project.settings() {
        let setting = places::binding(&setting, &places::asked);
        let _ = write!(text, " --set {}", word(&setting));
    }
    text
}

/// Returns a text as a block that no text in it ends.
fn fenced(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// Returns a text as code within a line.
fn code(text: &str) -> String {
    let text = line(text).replace('|', "\\|");
    let fence = "`".repeat(match longest_run(&text) {
        0 => 1,
        longest => longest + 1,
    });
    match text.starts_with('`') || text.ends_with('`') {
        true => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

/// Returns the length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// Writes a word so that a shell reads it back, on one line and without a sign that is obeyed where it is shown.
fn word(text: &str) -> String {
    if line(text) == text {
        return quoted(text);
    }
    let mut word = String::from("$'");
    for c in text.chars() {
        let _ = match c {
            '\n' => write!(word, "\\n"),
            '\t' => write!(word, "\\t"),
            '\\' | '\'' => write!(word, "\\{c}"),
            c if line(c.encode_utf8(&mut [0; 4])) == *c.encode_utf8(&mut [0; 4]) => {
                write!(word, "{c}")
            }
            c => write!(word, "\\U{:08x}", u32::from(c)),
        };
    }
    word + "'"
}

/// Returns a text that is to stay as it is, in a line or within a cell of a table: no sign of it is markup.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in line(text).chars() {
        if "\\`*_[]<>|#&~$".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_place_of_this_machine_is_told() {
        let params = json!({"a": ["/x/y", 1], "b": {"c": "data/z"}});
        assert_eq!(
            places::texts(params, &places::within),
            json!({"a": ["y", 1], "b": {"c": "data/z"}})
        );
    }

    #[test]
    fn what_others_wrote_stays_in_its_cell() {
        assert_eq!(plain("a|b\nc"), "a\\|b c");
        assert_eq!(plain("<b>_x_ [y](z) `"), "\\<b\\>\\_x\\_ \\[y\\](z) \\`");
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("a``b`"), "``` a``b` ```");
    }

    #[test]
    fn no_text_ends_its_block() {
        assert_eq!(fenced("", "a\n````\n"), "`````\na\n````\n`````\n");
        assert_eq!(word("m=0.4"), "m=0.4");
        assert_eq!(word("it's\n```\u{202e}"), "$'it\\'s\\n```\\U0000202e'");
    }
}
