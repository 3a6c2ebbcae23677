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

/// The form of a table, by the ending of its file.
#[derive(Clone, Copy)]
enum Form {
    Tabs,
    Commas,
}

impl Form {
    fn of(path: &Path) -> Result<Self, CommandFailure> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("tsv") => Ok(Self::Tabs),
            Some("csv") => Ok(Self::Commas),
            _ => Err(CommandFailure::Usage {
                message: format!("what {} is to be, its ending does not say", path.display()),
                remedy: "end it with .tsv or .csv".into(),
            }),
        }
    }
}

/// Writes what a fine-tuned model predicts for the texts of a file.
pub(super) fn predict(
    arguments: &PredictArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let form = arguments.to.as_deref().map(Form::of).transpose()?;
    let one = One::find(&arguments.common, &arguments.stage, registry)?;
    let store = Some(one.store.root());
    if let Some(to) = &arguments.to {
        Aside::check_file(to, store, ELSEWHERE)?;
    }
    let job = one.job();
    let folder = kept(&one, registry)?.ok_or_else(|| CommandFailure::Usage {
        message: format!(
            "{} predicts nothing: a stage of kind {} makes {}",
            job.label, job.kind, job.output
        ),
        remedy: "name a stage that fine-tunes, with keep_model = true".into(),
    })?;
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
    let (Some(to), Some(form)) = (&arguments.to, form) else {
        match arguments.common.json {
            true => print_json(&json!({
                "schema_version": 1,
                "columns": table.header,
                "rows": table.rows,
            }))?,
            false => print_data(table.to_tsv().as_bytes())?,
        }
        return Ok(Exit::Ok);
    };
    let text = match form {
        Form::Tabs => table.to_tsv(),
        Form::Commas => table.to_csv(),
    };
    let aside = Aside::file(to, store, ELSEWHERE)?;
    aside.told(write(&aside.path(), &text))?;
    context.keep_going()?;
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
