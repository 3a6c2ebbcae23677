//! Runs a stage as a runner would, and changes the weights of an encoder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use contract::{Context, Event, Inputs, Observer, Params, Stage, StageError, complete};
use encoder::Encoder;
use metrics::Rescorer;
use metrics::examples::Examples;
use metrics::scores::{self, Score};
use serde_json::Value;
use tempfile::TempDir;

/// An observer that collects a stage's notes.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Observer for Notes {
    fn observe(&self, event: &Event) {
        if let Event::Note { message } = event {
            self.0.lock().unwrap().push(message.clone());
        }
    }
}

/// The output and the notes of a stage.
pub(crate) struct Done {
    folder: TempDir,
    pub(crate) notes: Vec<String>,
}

impl Done {
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.path().join("output")
    }

    pub(crate) fn scores(&self) -> Vec<Score> {
        scores::read(&self.output()).unwrap()
    }

    pub(crate) fn value(&self, name: &str) -> f64 {
        let scores = self.scores();
        scores.iter().find(|one| one.name == name).unwrap().value
    }

    /// Checks that every score but those of `except` follows from the predictions, as comparisons need it.
    pub(crate) fn assert_rescored(&self, except: &[&str]) {
        let examples = Examples::read(&self.output()).unwrap();
        for score in self.scores() {
            if !except.contains(&score.name.as_str()) {
                Rescorer::new(&score, &examples).unwrap();
            }
        }
    }
}

pub(crate) fn run(
    stage: &dyn Stage,
    given: &Value,
    inputs: &[(&str, &Path)],
) -> Result<Done, StageError> {
    let params = complete(stage.signature().fields, given.as_object().unwrap()).unwrap();
    let inputs = inputs.iter();
    let inputs = Inputs(
        inputs
            .map(|(name, path)| ((*name).to_owned(), path.to_path_buf()))
            .collect(),
    );
    let folder = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let context = Context::in_folder(folder.path())?.with_observer(Box::new(notes.clone()));
    stage.run(&Params(params), &inputs, &context)?;
    let notes = notes.0.lock().unwrap().clone();
    Ok(Done { folder, notes })
}

/// Returns a copy of an encoder's folder in which every weight is `value`.
pub(crate) fn with_weights(folder: &Path, value: f32) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let encoder = Encoder::load(folder).unwrap();
    let parameters = encoder.parameters();
    for (name, _) in parameters.iter() {
        let weights = parameters.value(name, false).unwrap();
        let all = (weights.zeros_like().unwrap() + f64::from(value)).unwrap();
        parameters.set(name, &all).unwrap();
    }
    encoder.save(copy.path()).unwrap();
    copy
}
