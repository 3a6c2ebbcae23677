//! `pipe diff`.

use serde_json::{Value, json};

use super::Exit;
use super::arguments::DiffArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json, tell};
use super::project::Project;
use super::runs;
use crate::progress::{Made, Verbosity, count};
use crate::registry::Registry;
use crate::report::main_score;
use crate::runs::{Difference, Ended, Runs, Setting, compare};
use crate::store::Store;
use crate::terminal::Paint;
use crate::why::Change;

/// Shows what differs between what two runs have made.
pub(super) fn diff(arguments: &DiffArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::view(&project.store)?;
    let all = Runs::list(store.runs())?;
    let names = [
        compared(&all, &arguments.old)?,
        compared(&all, &arguments.new)?,
    ];
    let [old, new] = [all.results(names[0])?, all.results(names[1])?];
    let comparison = compare(&store, &old, &new)?;
    if arguments.common.verbosity() > Verbosity::Quiet {
        for (name, made, word) in [(names[0], &old, "added"), (names[1], &new, "gone")] {
            if let Some(lacks) = lacks(&all, name, made.len())? {
                tell(&format!(
                    "{} run {name} {lacks}; here they count as {word}",
                    "note:".cyan()
                ));
            }
        }
    }
    if arguments.common.json {
        let jobs = comparison.jobs.iter().map(|(label, difference)| {
            json!({
                "label": label,
                "difference": difference,
                "scores": scores(&store, difference).map(|(old, new, _)| [old, new]),
            })
        });
        print_json(&json!({
            "schema_version": 1,
            "runs": names,
            "same": comparison.same,
            "jobs": jobs.collect::<Vec<Value>>(),
        }))?;
        return Ok(Exit::Ok);
    }
    let verbose = arguments.common.verbosity() == Verbosity::Verbose;
    let lines = comparison.jobs.iter().map(|(label, difference)| {
        let colon = match difference {
            Difference::Changed { set: Some(_), .. } => ":",
            _ => ",",
        };
        let score = match scores(&store, difference) {
            Some((old, new, name)) => format!("{colon} {name} {old:.2} → {new:.2}"),
            None => String::new(),
        };
        format!("{}{score}\n", line(label, difference, verbose))
    });
    let lines: String = lines.collect();
    let total = format!(
        "{} the same, {} different\n",
        count(comparison.same, "job"),
        comparison.jobs.len()
    );
    print(&(lines + &total))?;
    Ok(Exit::Ok)
}

/// Says that a run has no result for some of its jobs, if that is so.
fn lacks(all: &Runs, name: &str, made: usize) -> Result<Option<String>, CommandFailure> {
    let Some(run) = all.summary(name)? else {
        return Ok(None);
    };
    let jobs = run.planned.map_or(0, |(jobs, _)| jobs);
    let state = match run.ended {
        Ended::Running => "goes on",
        Ended::Killed => "was killed",
        Ended::Exit { .. } => "has ended",
    };
    let lacking = jobs.saturating_sub(made);
    Ok((lacking > 0).then(|| {
        let jobs = count(jobs, "job");
        format!("{state} without results of {lacking} of its {jobs}")
    }))
}

/// Describes one job in a line. `verbose` names the parts of the key that differ even where settings explain it.
fn line(label: &str, difference: &Difference, verbose: bool) -> String {
    match difference {
        Difference::Added { .. } => format!("{}    {label}", "added".green()),
        Difference::Gone { .. } => format!("{}     {label}", "gone".red()),
        Difference::Changed {
            old,
            new,
            changes,
            set,
        } => {
            let told = |change: &&Change| match (set, change) {
                (Some(_), Change::Parameter { .. } | Change::Input { .. }) => verbose,
                _ => true,
            };
            let settings = set.iter().flat_map(|set| &set.settings).map(setting);
            let why: Vec<String> = match changes {
                Some(changes) => {
                    let changes = changes.iter().filter(told).map(ToString::to_string);
                    settings.chain(changes).collect()
                }
                None => {
                    let gone = "a record is gone from the store".to_owned();
                    settings.chain([gone]).collect()
                }
            };
            let why = why.join("; ");
            let label = set.as_ref().map_or(label, |set| &set.job);
            let bytes = match old.artifact == new.artifact {
                true => " (the same bytes)",
                false => "",
            };
            format!("{}  {label}: {why}{bytes}", "changed".yellow())
        }
        Difference::Unstable { old, new } => format!(
            "{} {label}: artifact {} → {} under the same key: it does not give the same bytes each time",
            "unstable".red(),
            old.artifact.short(),
            new.artifact.short()
        ),
    }
}

/// Says what a variable was and is.
fn setting(setting: &Setting) -> String {
    let [old, new] =
        [&setting.old, &setting.new].map(|value| value.as_deref().unwrap_or("the profile's"));
    format!("{} {old} → {new}", setting.variable)
}

/// Returns the name of the run that `text` means; `last` is the last run of tables.
fn compared<'r>(all: &'r Runs, text: &str) -> Result<&'r str, CommandFailure> {
    all.find_of_tables(text).ok_or_else(|| {
        match text.starts_with("last~") && !all.names().is_empty() {
            true => CommandFailure::Usage {
                message: format!("no run is meant by `{text}`, which counts runs of tables alone"),
                remedy: "name a run as `pipe log` lists it, or the start of its name".into(),
            },
            false => runs::none(all, text),
        }
    })
}

/// Returns the main score before and after, and its name, where both results have one of that name.
fn scores(store: &Store, difference: &Difference) -> Option<(f64, f64, String)> {
    let (Difference::Changed { old, new, .. } | Difference::Unstable { old, new }) = difference
    else {
        return None;
    };
    if old.artifact == new.artifact {
        return None;
    }
    let score = |made: &Made| {
        let manifest = store.listing(&made.artifact)?;
        // A damaged file is reported by `pipe verify`, not here.
        main_score(store, &made.artifact, &manifest).ok()?
    };
    let (old, new) = (score(old)?, score(new)?);
    (old.name == new.name).then_some((old.value, new.value, new.name))
}
