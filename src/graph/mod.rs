//! From declarations to jobs: the stages that the targets need, each with every variable it reaches bound.
//!
//! A job is identified by what it *is* (stage, complete parameters, where its inputs come from), never by the
//! variables that led to it: two cells of two tables that come to the same job share it. Expansion is demand-driven
//! and memoised by the variables that were read, so a thousand cells over one corpus evaluate the corpus once.

mod cells;
mod edges;
mod environment;
mod expand;
mod fingerprint;
mod gathered;
mod inputs;
mod label;
mod lacking;
mod members;
mod memo;
mod outputs;
mod parameters;
mod parts;
mod place;
mod placed;
mod resources;
mod scored;
mod settings;
#[cfg(test)]
mod tests;
mod unread;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::ArtifactType;
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use serde_json::{Map, Value};

use self::edges::Files;
use crate::belongs::Selections;
use crate::declare::{self, Asked, Parsed, Pipeline, Selection, Target};
use crate::errors::Report;
use crate::keys::CanonicalParams;
use crate::registry::Registry;
use crate::resources::Resources;

pub use fingerprint::fingerprints;
pub use gathered::Gathered;
pub use inputs::{InputVariable, input_variables};
pub use placed::placed;
pub use settings::{Overridden, Setting, What};
pub use variables::{VariableReport, variable};

/// A job's place in its [`JobGraph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobIndex(NodeIndex);

impl JobIndex {
    /// Returns the place as a number: dense from zero, inputs before the jobs that use them.
    pub fn index(self) -> usize {
        self.0.index()
    }
}

/// One stage with everything bound: a unit of work.
#[derive(Clone, Debug)]
pub struct Job {
    /// The stage's name in `pipeline.toml`.
    pub stage: Arc<str>,
    /// Its kind.
    pub kind: &'static str,
    /// `stage[variable=value,…]`: unique in the graph; names the variables set apart from the profile's values.
    pub label: Box<str>,
    /// The complete parameters, without inputs.
    pub params: CanonicalParams,
    /// The parameters as far as the job's key holds them.
    pub keyed: CanonicalParams,
    /// Input names, sorted, and where each comes from. Inputs that were not given are left out.
    pub inputs: Box<[(InputName, InputSource)]>,
    /// What the job makes.
    pub output: ArtifactType,
    /// The behaviour version of its kind.
    pub version: u32,
    /// The numerics class, if that is part of its key.
    pub numerics: Option<&'static str>,
    /// Whether chance has a part in what it makes.
    pub by_chance: bool,
    /// What the job needs of the machine. It cannot reach the result, and is no part of the key.
    pub resources: Arc<Resources>,
    /// What belongs to the job's inputs. It enters the key by way of their content.
    pub selections: Arc<Selections>,
}

/// The name of an input, shared by the jobs of its stage: `NAME`, or `NAME/MEMBER` of one that gathers several results.
pub type InputName = Arc<str>;

impl Job {
    /// Returns where the input of that name comes from, if it was given.
    pub fn input(&self, name: &str) -> Option<&InputSource> {
        let mut inputs = self.inputs.iter();
        Some(&inputs.find(|(found, _)| **found == *name)?.1)
    }
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputSource {
    /// What another job made, or a folder inside of it.
    Job {
        /// The job.
        job: JobIndex,
        /// Folder inside the artifact: `a/b`, never empty, absolute or with `..`.
        subfolder: Option<Arc<str>>,
    },
    /// Files of the user's, which exist.
    Path(Arc<Path>),
}

/// The jobs that some targets need. Edges lead from a job to those that use its artifact.
#[derive(Clone, Debug, Default)]
pub struct JobGraph {
    /// The graph. Inputs have smaller indices than the jobs that use them, so index order is a topological order.
    pub graph: DiGraph<Job, ()>,
}

impl JobGraph {
    /// Returns the number of jobs.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Returns whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// Returns the job at `index`.
    ///
    /// # Panics
    /// When `index` is of another graph.
    pub fn job(&self, index: JobIndex) -> &Job {
        &self.graph[index.0]
    }

    /// Returns all jobs, inputs before the jobs that use them.
    pub fn jobs(&self) -> impl Iterator<Item = (JobIndex, &Job)> {
        self.graph
            .node_indices()
            .map(|index| (JobIndex(index), &self.graph[index]))
    }

    /// Returns a graph of the `wanted` jobs and of those that they take inputs from, whose results are known and which have no
    /// inputs in it. Returned as well: for each job, in the order of its new place, the place that it had, and whether it is
    /// wanted.
    pub fn apart(&self, wanted: &BTreeSet<JobIndex>) -> (Self, Vec<(JobIndex, bool)>) {
        let mut apart = Self::default();
        let mut places = Vec::new();
        let mut makers: BTreeMap<JobIndex, JobIndex> = BTreeMap::new();
        let all = wanted.iter().flat_map(|index| self.inputs(*index));
        for index in all.collect::<BTreeSet<_>>() {
            let mut job = self.job(index).clone();
            job.inputs = Box::default();
            makers.insert(index, JobIndex(apart.graph.add_node(job)));
            places.push((index, false));
        }
        for index in wanted {
            let mut job = self.job(*index).clone();
            for (_, source) in &mut job.inputs {
                if let InputSource::Job { job, .. } = source {
                    *job = makers[job];
                }
            }
            let place = apart.graph.add_node(job);
            for maker in self.inputs(*index) {
                apart.graph.add_edge(makers[&maker].0, place, ());
            }
            places.push((*index, true));
        }
        (apart, places)
    }

    /// Returns the jobs whose artifacts `index` uses.
    pub fn inputs(&self, index: JobIndex) -> impl Iterator<Item = JobIndex> {
        self.graph
            .edges_directed(index.0, Direction::Incoming)
            .map(|edge| JobIndex(edge.source()))
    }

    /// Returns the jobs that use the artifact of `index`.
    pub fn users(&self, index: JobIndex) -> impl Iterator<Item = JobIndex> {
        self.graph
            .edges_directed(index.0, Direction::Outgoing)
            .map(|edge| JobIndex(edge.target()))
    }
}

/// What a run has to do: the jobs, and what is made of their scores.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// All jobs that the targets need.
    pub jobs: JobGraph,
    /// The outputs asked for, in order of declaration.
    pub outputs: Vec<OutputPlan>,
    /// The stages asked for themselves, in the order asked.
    pub stages: Vec<JobIndex>,
    /// What became of the variables that `--set` gives, in order of declaration.
    pub settings: Vec<Setting>,
}

/// An output: rows × columns of cells, as a table shows them, and what its kind has besides.
#[derive(Clone, Debug)]
pub struct OutputPlan {
    /// The kind of output: `table`.
    pub kind: &'static str,
    /// The name in `pipeline.toml`.
    pub name: String,
    /// The heading.
    pub title: String,
    /// What stands below it.
    pub caption: Option<String>,
    /// Where the published values are: files of them, and the table in each.
    pub reference: Vec<Reference>,
    /// The lines.
    pub rows: Vec<RowPlan>,
    /// The columns.
    pub columns: Vec<ColumnPlan>,
    /// `cells[row][column]`; `None` where the pair means nothing.
    pub cells: Vec<Vec<Option<CellPlan>>>,
    /// How its rows are compared with one of them, if they are.
    pub compare: Option<ComparePlan>,
    /// The files of claims that are answered from its cells, found from the pipeline's folder.
    pub claims: Vec<PathBuf>,
    /// The values of the keys that this kind of output has alone.
    pub options: Map<String, Value>,
}

/// How the rows of a table are compared with one of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComparePlan {
    /// The place of that row among the rows.
    pub to: usize,
    /// How often seeds and examples are drawn anew.
    pub draws: u32,
    /// What the draws begin with.
    pub seed: u64,
    /// The share of draws that an interval holds: more than a half, less than all.
    pub level: f64,
}

/// One published table: `FILE#ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The file, found from the pipeline's folder.
    pub file: PathBuf,
    /// The `id` of a `[[table]]` in it.
    pub id: String,
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct RowPlan {
    /// What is printed at its head.
    pub label: String,
    /// Which line of the published table it is compared with: key columns and their values.
    pub reference: Option<Map<String, Value>>,
    /// Whether its cells are compared, where the table compares.
    pub compared: bool,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPlan {
    /// What is printed at its head.
    pub label: String,
    /// The `key` of the published table's column.
    pub reference: Option<String>,
    /// Whether its cells are compared, where the table compares.
    pub compared: bool,
}

/// A cell: one metric, gathered over jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellPlan {
    /// The score's name; `None` takes the stage's main score.
    pub metric: Option<String>,
    /// The name of the text that it shows in the place of a score.
    pub text: Option<String>,
    /// One job per point of `over`, each once: a job that reaches none of those variables stands alone. Where a grid
    /// is searched, those of all its points.
    pub jobs: Vec<JobIndex>,
    /// The points to choose from, where a grid is searched and its points differ.
    pub choice: Option<Choice>,
    /// What `over` binds for each of the jobs; nothing where a grid is searched, whose points say it.
    pub over: Vec<Gathered>,
    /// What row and column bind, in the order of the variables' names.
    pub bindings: Vec<(Arc<str>, Value)>,
}

impl CellPlan {
    /// Returns the jobs whose scores the cell shows, once the point in that place of the grid is chosen.
    pub fn shown(&self, chosen: Option<usize>) -> &[JobIndex] {
        let point = self.choice.as_ref().zip(chosen);
        let point = point.and_then(|(choice, place)| choice.points.get(place));
        point.map_or(&self.jobs, |point| &point.jobs)
    }
}

impl CellPlan {
    /// Returns what `over` binds for each of the jobs that [`CellPlan::shown`] returns.
    pub fn gathered(&self, chosen: Option<usize>) -> &[Gathered] {
        let point = self.choice.as_ref().zip(chosen);
        let point = point.and_then(|(choice, place)| choice.points.get(place));
        point.map_or(&self.over, |point| &point.over)
    }
}

/// A grid that is searched for a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the best point is chosen by.
    pub select: Selection,
    /// The points, in the order of the grid, without those that come to the same jobs as one before.
    pub points: Vec<GridPoint>,
}

/// A point of a grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridPoint {
    /// What it binds, in the order of the grid.
    pub bindings: Vec<(String, Value)>,
    /// One job per point of `over`, each once.
    pub jobs: Vec<JobIndex>,
    /// What `over` binds for each of the point's jobs.
    pub over: Vec<Gathered>,
}

/// Expands the targets into jobs and tables.
///
/// # Errors
/// All problems at once: unknown names in targets, values out of range in some binding, missing input files.
pub fn expand(pipeline: &Pipeline, targets: &[Target]) -> Result<Plan, Report> {
    outputs::expand(pipeline, targets, Files::There).map_err(Report::of)
}

/// Expands like [`expand()`], but files of the user's for which `is_known` is true need not be there.
///
/// # Errors
/// As [`expand()`], but for those files.
pub fn expand_unless(
    pipeline: &Pipeline,
    targets: &[Target],
    is_known: &dyn Fn(&Path) -> bool,
) -> Result<Plan, Report> {
    outputs::expand(pipeline, targets, Files::ThereUnless(is_known)).map_err(Report::of)
}

/// Expands like [`expand()`], and takes it that the user's files are there.
///
/// # Errors
/// As [`expand()`], but for missing input files.
pub fn expand_without_files(pipeline: &Pipeline, targets: &[Target]) -> Result<Plan, Report> {
    outputs::expand(pipeline, targets, Files::Any).map_err(Report::of)
}

/// Says what this machine lacks to run those jobs that are `wanted`.
///
/// # Errors
/// Names what is lacking, with the place in the pipeline file that asks for it.
pub fn lacking(
    pipeline: &Pipeline,
    jobs: &JobGraph,
    wanted: &dyn Fn(JobIndex) -> bool,
) -> Result<(), Report> {
    Report::unless_empty(lacking::lacking(pipeline, jobs, wanted))
}

/// Reads and checks a pipeline file.
///
/// `profile` is the profile asked for, else the one marked `default`; `set` holds the `VARIABLE=VALUE` pairs of
/// `--set`, whose values parse as TOML scalars and are text otherwise.
///
/// # Errors
/// All problems at once: syntax, unknown keys and names, wrong edges, cycles, values out of range, missing references.
pub fn load(
    file: &Path,
    profile: Option<Asked<'_>>,
    set: &[(String, String)],
    registry: &Registry,
) -> Result<Pipeline, Report> {
    check(declare::parse(file, profile, set, registry)?)
}

/// Reads and checks a pipeline that lies in no file yet, under its default profile. Files that it names are not looked for.
///
/// # Errors
/// As [`load`], but for missing files.
pub fn load_text(text: &str, registry: &Registry) -> Result<Pipeline, Report> {
    check(declare::parse_text(text, registry)?)
}

/// Checks what depends on the values of variables as well: edges, cycles, parameters.
fn check(parsed: Parsed) -> Result<Pipeline, Report> {
    let Parsed {
        pipeline,
        mut problems,
    } = parsed;
    problems.extend(outputs::check(&pipeline));
    Report::unless_empty(problems)?;
    Ok(pipeline)
}
