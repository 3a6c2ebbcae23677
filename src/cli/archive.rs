//! `pipe export` and `pipe import`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::path::Path;

use serde_json::json;

use super::Exit;
use super::arguments::{ExportArguments, ImportArguments};
use super::failure::CommandFailure;
use super::output::{path_json, print, print_json, tell};
use super::project::Project;
use crate::graph::{InputSource, Plan};
use crate::progress::{amount, count};
use crate::registry::Registry;
use crate::store::{About, Archive, Found, Outside, Store, StoreError};

/// What standard output is called.
const STDOUT: &str = "standard output";

/// Writes the results of targets, with all that they rest on, to a file.
pub(super) fn export(
    arguments: &ExportArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let to_stdout = arguments.output == Path::new("-");
    if to_stdout {
        check_stdout(arguments)?;
    }
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
    let path = &arguments.output;
    let (index, bytes) = match to_stdout {
        true => store.export_to(about, &found, io::stdout().lock(), Path::new(STDOUT))?,
        false => store.export(about, &found, path)?,
    };
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
        let name = match to_stdout {
            true => Path::new(STDOUT),
            false => path,
        };
        let text = format!("{}: {results}, {size}B\n", name.display());
        let text = text + &outside_text(&index.about);
        match to_stdout {
            true if arguments.common.quiet => {}
            true => tell(text.trim_end()),
            false => print(&text)?,
        }
    }
    Ok(Exit::Ok)
}

/// Refuses an archive on standard output where that is no place for one.
fn check_stdout(arguments: &ExportArguments) -> Result<(), CommandFailure> {
    if io::stdout().is_terminal() {
        return Err(CommandFailure::Usage {
            message: "an archive is nothing for a terminal".into(),
            remedy: "send it to another program or a file: pipe export … -o - | …".into(),
        });
    }
    if arguments.common.json {
        return Err(CommandFailure::Usage {
            message: "the archive and --json cannot both go to standard output".into(),
            remedy: "name a file with -o, or leave --json out".into(),
        });
    }
    Ok(())
}

/// Takes in what was exported.
pub(super) fn import(arguments: &ImportArguments) -> Result<Exit, CommandFailure> {
    if arguments.archive == Path::new("-") {
        return Err(CommandFailure::Usage {
            message: "an archive is read twice, so it cannot come from standard input".into(),
            remedy: "write it to a file first, and name that".into(),
        });
    }
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
