//! Runs the stage as a runner would.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use benchmarks::BenchmarksStage;
use contract::{Context, Event, Inputs, Observer, Params, Stage, StageError};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Notes(Arc<Mutex<Vec<String>>>);

impl Observer for Notes {
    fn observe(&self, event: &Event) {
        if let Event::Note { message } = event {
            self.0.lock().unwrap().push(message.clone());
        }
    }
}

/// An artifact in a temporary folder, and the notes that the stage made.
pub(crate) struct Artifact {
    folder: TempDir,
    pub(crate) notes: Vec<String>,
}

impl Artifact {
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("output")
    }
}

pub(crate) fn run(source: &Path, task: &str) -> Result<Artifact, StageError> {
    run_given(source, &json!({ "task": task }))
}

pub(crate) fn run_given(source: &Path, given: &Value) -> Result<Artifact, StageError> {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::default();
    let context =
        Context::in_folder(folder.path())?.with_observer(Box::new(Notes(Arc::clone(&notes))));
    let given = given.as_object().unwrap();
    let params = contract::complete(BenchmarksStage.signature().fields, given).unwrap();
    BenchmarksStage.run(
        &Params(params),
        &Inputs::from([("source", source)]),
        &context,
    )?;
    let notes = notes.lock().unwrap().clone();
    Ok(Artifact { folder, notes })
}

/// Writes files below a new temporary folder.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}
