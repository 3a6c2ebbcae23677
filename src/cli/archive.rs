//! `pipe export` and `pipe import`.

use std::collections::BTreeSet;

use serde_json::json;

use super::Exit;
use super::arguments::{ExportArguments, ImportArguments};
use super::failure::CommandFailure;
use super::output::{path_json, print, print_json};
use super::project::Project;
use crate::graph::{InputSource, Plan};
use crate::progress::{amount, count};
use crate::registry::Registry;
use crate::store::{About, Archive, Found, Outside, Store, StoreError};

/// Writes the results of targets, with all that they rest on, to a file.
pub(super) fn export(
    arguments: &ExportArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::reader(&project.store)?;
    let (plan, found) = project.known(&store, &arguments.targets)?;
    let found: Vec<&Found> = found.iter().map(AsRef::as_ref).collect();
    let set = arguments.common.set.iter();
    let about = About {
        targets: arguments.targets.clone(),
        profile: project.pipeline.profile().to_owned(),
        set: set.map(|(name, value)| format!("{name}={value}")).collect(),
        outside: outside(&plan, &found, &store)?,
    };
    let (index, bytes) = store.export(about, &found, &arguments.output)?;
    let path = &arguments.output;
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "path": path_json(path),
            "bytes": bytes,
            "results": index.results,
            "outside": index.about.outside,
        }))?;
    } else {
        let results = count(index.results.len(), "result");
        let size = amount(bytes as f64);
        let text = format!("{}: {results}, {size}B\n", path.display());
        print(&(text + &outside_text(&index.about)))?;
    }
    Ok(Exit::Ok)
}

/// Takes in what was exported.
pub(super) fn import(arguments: &ImportArguments) -> Result<Exit, CommandFailure> {
    let place = Project::store(&arguments.common)?;
    // Before the store is made, so that nothing is if it is refused.
    let archive = Archive::open(&arguments.archive)?;
    let imported = Store::open(&place)?.import(&archive)?;
    let about = &imported.about;
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "taken": imported.taken,
            "known": imported.known,
            "about": about,
            "program": imported.program,
            "results": archive.index().results,
        }))?;
        return Ok(Exit::Ok);
    }
    let mut text = format!(
        "{} taken in, {} there already: {} under profile {}",
        count(imported.taken, "result"),
        imported.known,
        about.targets.join(" "),
        about.profile
    );
    for value in &about.set {
        text += &format!(", {value}");
    }
    text += &format!(", written by {}", imported.program);
    if imported.taken > 0 {
        text +=
            "\nwhat was taken in is whole; that it is what its jobs would make is taken on trust";
    }
    print(&(text + "\n" + &outside_text(about)))?;
    Ok(Exit::Ok)
}

/// Returns the files of the user's that results rest on.
fn outside(plan: &Plan, found: &[&Found], store: &Store) -> Result<Vec<Outside>, StoreError> {
    let mut outside = BTreeSet::new();
    for ((_, job), found) in plan.jobs.jobs().zip(found) {
        let paths = job.inputs.iter().filter_map(|(name, source)| match source {
            InputSource::Path(path) => Some((name, path)),
            InputSource::Job { .. } => None,
        });
        for (input, path) in paths {
            let Some(record) = store.recorded(&found.key)? else {
                continue;
            };
            // A whole path tells of the machine, and means nothing on another.
            let name = path.file_name().unwrap_or_default();
            if let Some(digest) = record.parts.inputs.get(&**input) {
                outside.insert(Outside {
                    name: name.to_string_lossy().into_owned(),
                    digest: digest.clone(),
                });
            }
        }
    }
    Ok(outside.into_iter().collect())
}

/// Says which files are not in the archive and yet needed.
fn outside_text(about: &About) -> String {
    if about.outside.is_empty() {
        return String::new();
    }
    let files = about.outside.iter();
    let files: Vec<String> = files
        .map(|file| format!("{} ({:.12})", file.name, file.digest))
        .collect();
    let files = files.join(", ");
    format!(
        "not in it, and needed to look its results up, since their content is part of keys: {files}\n"
    )
}
