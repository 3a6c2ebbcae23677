//! `pipe diff`.

use serde_json::{Value, json};

use super::Exit;
use super::arguments::DiffArguments;
use super::failure::CommandFailure;
use super::log::run_named;
use super::output::{print, print_json};
use super::project::Project;
use crate::journal::{Difference, Result as Made, Runs, compare};
use crate::progress::count;
use crate::registry::Registry;
use crate::report::main_score;
use crate::store::Store;
use crate::terminal::Paint;

/// Shows what differs between what two runs have made.
pub(super) fn diff(arguments: &DiffArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::view(&project.store)?;
    let runs = Runs::list(store.runs())?;
    let names = [
        run_named(&runs, &arguments.old)?,
        run_named(&runs, &arguments.new)?,
    ];
    let [old, new] = [runs.results(names[0])?, runs.results(names[1])?];
    let comparison = compare(&store, &old, &new)?;
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
    let lines = comparison.jobs.iter().map(|(label, difference)| {
        let score = match scores(&store, difference) {
            Some((old, new, name)) => format!(", {name} {old:.2} → {new:.2}"),
            None => String::new(),
        };
        format!("{}{score}\n", line(label, difference))
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

fn line(label: &str, difference: &Difference) -> String {
    match difference {
        Difference::Added { .. } => format!("{}    {label}", "added".green()),
        Difference::Gone { .. } => format!("{}     {label}", "gone".red()),
        Difference::Changed { old, new, changes } => {
            let why = match changes {
                Some(changes) => {
                    let texts: Vec<String> = changes.iter().map(ToString::to_string).collect();
                    texts.join("; ")
                }
                None => "a record is gone from the store".to_owned(),
            };
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
        // A damaged file is the business of `pipe verify`.
        main_score(store, &made.artifact, &manifest).ok()?
    };
    let (old, new) = (score(old)?, score(new)?);
    (old.name == new.name).then_some((old.value, new.value, new.name))
}
