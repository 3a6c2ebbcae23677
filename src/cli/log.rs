//! `pipe log`.

use serde::Serialize;
use serde_json::{Value, json};

use super::Exit;
use super::arguments::LogArguments;
use super::failure::CommandFailure;
use super::notes;
use super::output::{path_json, print, print_data, print_serialized, tell};
use super::project::Project;
use super::runs;
use super::status::{described, word};
use crate::execute::{Standing, Watched, noted, watch};
use crate::graph::{Job, JobIndex};
use crate::logs::{Log, Messages, Table};
use crate::progress::count;
use crate::registry::Registry;
use crate::runs::{Runs, quoted};
use crate::store::{Notes, Store};

/// How many rows of a training are shown unless told otherwise.
const ROWS: usize = 10;

/// Prints the messages and rows of the jobs asked for, or what runs did; without a target, lists the runs.
pub(super) fn log(arguments: &LogArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::view(&project.store)?;
    let all = Runs::list(store.runs())?;
    if arguments.targets.is_empty() {
        return runs::list(&all, arguments);
    }
    let is_target = |text: &String| text == "all" || text.contains(':');
    if !arguments.targets.iter().any(is_target) {
        for text in &arguments.targets {
            let meant = project.pipeline.meant(text);
            let meant = meant.filter(|meant| meant.starts_with("stage:"));
            if let (None, Some(meant)) = (all.find(text), meant) {
                return Err(CommandFailure::Usage {
                    message: format!("no run is meant by `{text}`"),
                    remedy: format!("did you mean `pipe log {}`?", quoted(&meant)),
                });
            }
        }
        return runs::events(&all, arguments);
    }
    let (plan, store, standings) = project.look(&arguments.targets)?;
    if plan.stages.is_empty() {
        return Err(CommandFailure::Usage {
            message: "only stages have logs".into(),
            remedy: "name one: pipe log 'stage:NAME[variable=value,…]'; `pipe status` shows jobs under way, `pipe log` runs".into(),
        });
    }
    let underway = watch(&store)?;
    let look = Look {
        store: &store,
        standings: &standings,
        underway: &underway,
        registry,
        rows: arguments.number.unwrap_or(ROWS),
    };
    let mut told = Vec::new();
    for index in &plan.stages {
        told.push(look.at(*index, plan.jobs.job(*index))?);
    }
    if arguments.common.json {
        print_serialized(&Document {
            schema_version: 1,
            logs: &told,
        })?;
        return Ok(Exit::Ok);
    }
    for told in told {
        told.print()?;
    }
    Ok(Exit::Ok)
}

/// What the command looks at jobs with.
struct Look<'a> {
    store: &'a Store,
    standings: &'a [Standing],
    underway: &'a [Watched],
    registry: &'a Registry,
    /// How many rows are shown at most.
    rows: usize,
}

/// What is known of a job.
#[derive(Serialize)]
struct Told<'a> {
    label: &'a str,
    /// How far the job is, if it runs or was stopped or failed.
    state: Option<String>,
    /// Where the job's messages lie, if there are any.
    path: Option<String>,
    text: Text,
    /// The files of the job's rows.
    files: Vec<Value>,
    rows: Option<Value>,
    notes: Notes,
    #[serde(skip)]
    table: Option<Table>,
}

/// The messages of a job.
#[derive(Serialize)]
#[serde(untagged)]
enum Text {
    There(Messages),
    /// There is no log, since an empty one is not kept.
    Empty(&'static str),
    /// The job has not run.
    None(()),
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    logs: &'a [Told<'a>],
}

impl Look<'_> {
    fn at<'a>(&self, index: JobIndex, job: &'a Job) -> Result<Told<'a>, CommandFailure> {
        let stage = self.registry.get(job.kind);
        let files = stage.map_or(&[][..], |stage| stage.signature().files);
        let (path, logs, watched) = match &self.standings[index.index()] {
            Standing::Cached(found) | Standing::Away(found) => {
                let logs = Log::of_result(self.store, &found.manifest, files)?;
                (Some(self.store.log(&found.key)), logs, None)
            }
            Standing::Missing { key, .. } => {
                let log = self.store.working_log(key);
                let folder = log.parent().unwrap_or(&log);
                let logs = Log::so_far(folder, files)?;
                let watched = self.underway.iter().find(|job| job.key == *key);
                (Some(log), logs, watched)
            }
            Standing::Unknown | Standing::Broken(_) => (None, Vec::new(), None),
        };
        let finished = self.standings[index.index()].found().is_some();
        let path = path.filter(|path| path.metadata().is_ok_and(|file| file.len() > 0));
        let text = match &path {
            Some(path) => Text::There(Messages { path: path.clone() }),
            None if finished || watched.is_some() => Text::Empty(""),
            None => Text::None(()),
        };
        let notes = match &self.standings[index.index()] {
            Standing::Cached(found) | Standing::Away(found) => found.notes.clone(),
            Standing::Missing { key, .. } => noted(&self.store.events(key)),
            Standing::Unknown | Standing::Broken(_) => Notes::default(),
        };
        let table = Table::of(&logs, self.rows);
        let files = logs.iter().filter(|log| !log.is_empty()).map(
            |log| json!({ "file": log.file, "path": path_json(&log.path), "rows": log.len() }),
        );
        Ok(Told {
            label: &job.label,
            state: watched.map(|job| format!("{}: {}", word(job), described(job))),
            path: path.map(|path| path.to_string_lossy().into_owned()),
            text,
            files: files.collect(),
            rows: table.as_ref().map(Table::json),
            notes,
            table,
        })
    }
}

impl Told<'_> {
    /// Where a log lies is printed to standard error, so that messages and rows alone go to standard output.
    fn print(&self) -> Result<(), CommandFailure> {
        let label = self.label;
        if let Some(state) = &self.state {
            tell(&format!("{label}: {state}"));
        }
        match &self.text {
            Text::There(messages) => {
                tell(&format!("{label}: {}", messages.path.display()));
                messages.pieces(&mut |text| print_data(text.as_bytes()))?;
            }
            Text::Empty(_) if self.table.is_none() && !self.notes.is_none() => {
                tell(&format!("{label}:"));
            }
            Text::Empty(_) if self.table.is_none() => {
                tell(&format!("{label}: it had nothing to say"));
            }
            Text::None(()) => tell(&format!("{label}: there is no log: it has not run")),
            Text::Empty(_) => {}
        }
        for file in &self.files {
            let [name, path] = ["file", "path"].map(|key| file[key].as_str().unwrap_or_default());
            let rows = file["rows"].as_u64().unwrap_or_default();
            let rows = count(usize::try_from(rows).unwrap_or_default(), "row");
            tell(&format!("{label}: {name}, {rows}: {path}"));
        }
        if let Some(table) = &self.table {
            print(&table.text())?;
        }
        print(&notes::below(&self.notes, ""))?;
        Ok(())
    }
}
