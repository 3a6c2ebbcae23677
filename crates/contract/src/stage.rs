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

    /// Joins a text of the parameter `key` out of written parts and values of variables. A kind that parses such a text, as a shell
    /// command for example, overrides this so that values are not parsed: they reach the stage unchanged.
    ///
    /// # Errors
    /// When a value cannot be put at its place in the text. The caller fills in the problem's path.
    fn join(&self, key: &str, pieces: &[Piece<'_>]) -> Result<String, Problem> {
        let _ = key;
        Ok(pieces.iter().map(Piece::text).collect())
    }

    /// Checks rules that involve more than one field. Called before anything runs, with parameters that
    /// [`complete`](crate::complete) has accepted.
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

    /// Whether chance has a part in what the stage makes, so that another seed would give another result, as in a training. By default
    /// a stage does that has a field `seed` and computes with rounded numbers: what makes data from a seed does not count.
    fn is_by_chance(&self) -> bool {
        let signature = self.signature();
        signature.numerics.is_some() && signature.fields.iter().any(|field| field.name == "seed")
    }

    /// Returns which files the stage reads of the input of that name where the user gives files for it. Inputs under names of the
    /// user's ([`FieldType::Inputs`](crate::FieldType::Inputs)) are read whole.
    fn reads(&self, input: &str) -> Reads {
        let _ = input;
        Reads::default()
    }

    /// Returns all scores that a job may end with, with these parameters or, without them, with any, so that a wrong score
    /// name is reported before anything runs; `None` where the scores depend on the user's data. `maker` returns the kind of
    /// the stage that makes an input.
    fn scores(
        &self,
        params: Option<&Params>,
        maker: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let _ = (params, maker);
        None
    }

    /// Returns the subfolders of the artifact that are artifacts of the same type themselves, so that an edge may name one:
    /// `@stage/step-1000`. Without parameters, says whether there can be any. `None` where there never are.
    fn parts(&self, params: Option<&Params>) -> Option<Vec<String>> {
        let _ = params;
        None
    }

    /// Returns the amount of a job's work, in any unit of the kind's own: a plan's prices are the costs of earlier jobs of
    /// the kind, scaled by it. `None` where parameters and inputs do not tell.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let _ = (params, inputs);
        None
    }

    /// Returns the size of a job's artifact, as far as it can be foretold: the work of stages that take the artifact grows
    /// with it. For an encoder it is the number of operations per token, for tokens the length of a sequence.
    fn size(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let _ = (params, inputs);
        None
    }

    /// Returns the size of an input that already exists, in the unit in which its maker foretells its [size](Stage::size),
    /// from a few of its files.
    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        let _ = (input, file);
        None
    }

    /// Returns how much data for an input lies in a file or folder, in any unit: of the places in a folder of data, the one
    /// with most is suggested. `None` where the place holds nothing of the kind.
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
    /// Text as it was written.
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
    /// Returns the text of the piece alone.
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
