use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Context, Params, Problem, Reads, Signature, StageError};

/// A kind of stage.
pub trait Stage: Sync {
    /// Returns the declaration: name, version, fields, output type.
    fn signature(&self) -> Signature;

    /// Returns the name of the crate that the stage is written in.
    fn crate_name(&self) -> &'static str {
        let name = std::any::type_name::<Self>();
        name.split("::").next().unwrap_or(name)
    }

    /// Checks what no single field can say (one value against another). Called before anything runs, with
    /// parameters that [`complete`](crate::complete) has passed.
    fn check(&self, params: &Params) -> Vec<Problem> {
        let _ = params;
        Vec::new()
    }

    /// Returns what this machine lacks for the stage to run: a program that is not installed. Asked before a run, of jobs
    /// whose results are not known.
    fn lacking(&self, params: &Params) -> Vec<Problem> {
        let _ = params;
        Vec::new()
    }

    /// Returns what the stage reads of the input of that name where the user gives files for it. Inputs under names of the
    /// user's, [`FieldType::Inputs`](crate::FieldType::Inputs), are read whole.
    fn reads(&self, input: &str) -> Reads {
        let _ = input;
        Reads::default()
    }

    /// Returns how much work these parameters ask for, in any unit, as far as they alone tell: the costs of jobs of one kind
    /// are scaled by it when a plan is priced. `None` where they tell nothing.
    fn work(&self, params: &Params) -> Option<f64> {
        let _ = params;
        None
    }

    /// Does the work: reads the inputs, writes the artifact's files below [`Context::output`].
    ///
    /// The bytes written are a function of `params`, `inputs`, the behaviour version and the numerics class alone: no
    /// clock, path, thread count or hash-map order reaches them. A stage that was killed is called again with the
    /// checkpoints it saved and ends with the same bytes.
    ///
    /// # Errors
    /// [`StageError::Input`] for whatever the user can mend, with place, reason and remedy.
    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError>;
}

/// The input artifacts of a job: field name → path (a folder, or a single file where the user gave one).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs(pub BTreeMap<String, PathBuf>);

impl Inputs {
    /// Returns where the required input `name` lies.
    ///
    /// # Errors
    /// When the job has no such input: the runner and the signature disagree.
    pub fn path(&self, name: &str) -> Result<&Path, StageError> {
        self.optional(name)
            .ok_or_else(|| StageError::failed(format!("the job has no input `{name}`")))
    }

    /// Returns where the input `name` lies, if it was given.
    pub fn optional(&self, name: &str) -> Option<&Path> {
        self.0.get(name).map(PathBuf::as_path)
    }
}

impl<const N: usize> From<[(&str, &Path); N]> for Inputs {
    fn from(inputs: [(&str, &Path); N]) -> Self {
        Self(
            inputs
                .into_iter()
                .map(|(name, path)| (name.to_owned(), path.to_owned()))
                .collect(),
        )
    }
}
