use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Context, FileOf, Params, Problem, Reads, ScoreName, Signature, Sizes, StageError};

/// A kind of stage.
pub trait Stage: Sync {
    /// Returns the declaration: name, version, fields, output type.
    fn signature(&self) -> Signature;

    /// Returns the name of the crate that the stage is written in.
    fn crate_name(&self) -> &'static str {
        let name = std::any::type_name::<Self>();
        name.split("::").next().unwrap_or(name)
    }

    /// Puts a text of the parameter `key` together from what was written and the values of variables in it. Where the kind reads
    /// more out of a text than its letters, this keeps values from being read as well: they arrive as they are.
    ///
    /// # Errors
    /// When a value cannot be put in where it stands. The path of the problem is the caller's to say.
    fn join(&self, key: &str, pieces: &[Piece<'_>]) -> Result<String, Problem> {
        let _ = key;
        Ok(pieces.iter().map(Piece::text).collect())
    }

    /// Checks what no single field can say (one value against another). Called before anything runs, with
    /// parameters that [`complete`](crate::complete) has passed.
    fn check(&self, params: &Params) -> Vec<Problem> {
        let _ = params;
        Vec::new()
    }

    /// Checks the parameters against the stages that make the inputs, as far as those are of a kind of ours. Called before anything
    /// runs, so that what the declaration says already is not found out after the inputs were made.
    fn check_inputs(
        &self,
        params: &dyn Fn() -> Params,
        maker: &dyn Fn(&str) -> Option<Maker>,
    ) -> Vec<Problem> {
        let _ = (params, maker);
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

    /// Returns all scores that a job may end with, with these parameters or with any, so that a name that is none of them is told
    /// before anything runs; `None` where that follows from data of the user's. `maker` says which kind of stage makes an input.
    fn scores(
        &self,
        params: Option<&Params>,
        maker: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let _ = (params, maker);
        None
    }

    /// Returns the subfolders of its artifact that are artifacts of the same type themselves, with these parameters, so that an edge
    /// may name one, `@stage/step-1000`; of any parameters, whether there may be some. `None`: there are never any.
    fn parts(&self, params: Option<&Params>) -> Option<Vec<String>> {
        let _ = params;
        None
    }

    /// Returns how much work a job is, in any unit of the kind's own: the costs of jobs of one kind are scaled by it when a
    /// plan is priced. `None` where parameters and inputs tell nothing.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let _ = (params, inputs);
        None
    }

    /// Returns how large what a job makes will be, as far as that can be told before it has run: the work of the stages that
    /// take it grows with it. For an encoder these are the operations that a token takes, for text their number.
    fn size(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let _ = (params, inputs);
        None
    }

    /// Returns how large an input is that is there already, in the unit in which its maker foretells its
    /// [size](Stage::size), by a look at few of its files.
    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        let _ = (input, file);
        None
    }

    /// Returns how much of what an input takes lies in a file or folder, in any unit: where somebody has a folder of data, the
    /// place with most of it is taken. `None` where it is something else.
    fn suits(&self, input: &str, params: &Params, path: &Path) -> Option<u64> {
        let _ = (input, params, path);
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

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Maker {
    /// The kind of stage that makes it; `None` for files of the user's.
    pub kind: Option<&'static str>,
    /// The parameters of that stage.
    pub params: Params,
    /// The part of its artifact that is the input, if it is not the whole.
    pub part: Option<String>,
}

/// A part of a text with variables in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// As it was written.
    Written(&'a str),
    /// The value of a variable.
    Value {
        /// The variable's name.
        name: &'a str,
        /// Its value, as text.
        text: Cow<'a, str>,
    },
}

impl Piece<'_> {
    /// Returns the text of the piece by itself.
    pub fn text(&self) -> &str {
        match self {
            Self::Written(text) => text,
            Self::Value { text, .. } => text,
        }
    }
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
