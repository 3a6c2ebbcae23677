//! `pipe predict`.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::Exit;
use super::arguments::PredictArguments;
use super::aside::Aside;
use super::failure::CommandFailure;
use super::one::One;
use super::output::{path_json, print, print_data, print_json};
use super::take::kept;
use super::tool::Tool;
use crate::graph::InputSource;
use crate::progress::count;
use crate::registry::{Registry, predict as predict_by};

/// What to do where the file cannot be written.
const ELSEWHERE: &str = "name another file with --to";

/// Writes what a fine-tuned model predicts for the texts of a file.
pub(super) fn predict(
    arguments: &PredictArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let one = One::find(&arguments.common, &arguments.stage, registry)?;
    let job = one.job();
    let folder = kept(&one, registry)?.ok_or_else(|| CommandFailure::Usage {
        message: format!(
            "{} predicts nothing: a stage of kind {} makes {}",
            job.label, job.kind, job.output
        ),
        remedy: "name a stage that fine-tunes, with keep_model = true".into(),
    })?;
    let aside = match &arguments.to {
        Some(to) => Some(Aside::file(to, ELSEWHERE)?),
        None => None,
    };
    let task = match job.input("data") {
        Some(InputSource::Job { job, .. }) => {
            let made_by = one.plan.jobs.job(*job);
            Some((made_by.kind, made_by.params.params()))
        }
        _ => None,
    };
    let tool = Tool::new(arguments.common.verbosity())?;
    let context = &tool.context;
    let task = task.as_ref().map(|(kind, params)| (*kind, params));
    let table = predict_by(job.kind, &folder, task, &arguments.texts, context)?;
    context.keep_going()?;
    let rows = table.rows.len();
    let text = table.to_tsv();
    let (Some(aside), Some(to)) = (aside, &arguments.to) else {
        match arguments.common.json {
            true => print_json(&json!({
                "schema_version": 1,
                "columns": table.header,
                "rows": table.rows,
            }))?,
            false => print_data(text.as_bytes())?,
        }
        return Ok(Exit::Ok);
    };
    write(&aside.path(), &text)?;
    aside.finish()?;
    match arguments.common.json {
        true => print_json(&json!({
            "schema_version": 1,
            "path": path_json(to),
            "columns": table.header,
            "predictions": rows,
        }))?,
        false => print(&format!(
            "{}: {}, by {}\n",
            to.display(),
            count(rows, "prediction"),
            job.label
        ))?,
    }
    Ok(Exit::Ok)
}

fn write(path: &Path, text: &str) -> Result<(), CommandFailure> {
    fs::write(path, text).map_err(|source| CommandFailure::Project {
        path: path.to_owned(),
        source,
        remedy: ELSEWHERE,
    })
}
