//! `pipe log`.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::Exit;
use super::arguments::LogArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json, tell};
use super::project::Project;
use crate::execute::Standing;
use crate::graph::JobIndex;
use crate::registry::Registry;
use crate::store::{Store, io_error};

/// Prints the messages of the jobs asked for.
pub(super) fn log(arguments: &LogArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let (plan, store, standings) = project.look(&arguments.targets)?;
    if plan.stages.is_empty() {
        return Err(CommandFailure::Usage {
            message: "only stages have logs".into(),
            remedy: "name one: pipe log 'stage:NAME[variable=value,…]'; `pipe status` shows jobs under way".into(),
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
                logs.push((label, path, String::from_utf8_lossy(&text).into_owned()));
            }
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                let path = path.unwrap_or_default();
                return Err(io_error(&path)(error).into());
            }
            _ => logs.push((label, None, String::new())),
        }
    }
    if arguments.common.json {
        let logs = logs
            .iter()
            .map(|(label, path, text)| json!({ "label": label, "path": path, "text": text }));
        print_json(&json!({ "schema_version": 1, "logs": logs.collect::<Vec<_>>() }))?;
        return Ok(Exit::Ok);
    }
    for (label, path, text) in logs {
        // Where a log lies is said beside it, so that the messages alone go to standard output.
        match path {
            Some(path) if !text.is_empty() => tell(&format!("{label}: {}", path.display())),
            Some(_) => tell(&format!("{label}: it had nothing to say")),
            None => tell(&format!("{label}: there is no log: it has not run")),
        }
        print(&text)?;
    }
    Ok(Exit::Ok)
}

/// Returns where the log of a job may lie.
fn place(store: &Store, standings: &[Standing], index: JobIndex) -> Option<PathBuf> {
    match &standings[index.index()] {
        Standing::Cached(found) => Some(store.log(&found.record.key)),
        Standing::Missing { key, .. } => Some(store.working_log(key)),
        Standing::Unknown | Standing::Broken(_) => None,
    }
}
