//! The second step's result: a pipeline whose names are resolved, under one profile.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::{ArtifactType, Signature, Stage};
use serde_json::{Map, Value};

use super::grammar::OutputKind;
use super::grid::{Grid, Selection};
use super::outline::ProfileOutline;
use super::raw::Word;
use super::reference::{Claims, Reference};
use super::template::Template;
use crate::errors::Source;

/// A variable's place in the order of declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct VariableId(pub(crate) usize);

/// A stage's place in the order of declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StageId(pub(crate) usize);

/// A profile that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub(crate) name: &'a str,
    /// The variable of the environment that asks for it, if it is not the command line.
    pub(crate) variable: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// A profile that a variable of the environment names.
    pub fn by_variable(name: &'a str, variable: &'a str) -> Self {
        Self {
            name,
            variable: Some(variable),
        }
    }
}

impl<'a> From<&'a str> for Asked<'a> {
    fn from(name: &'a str) -> Self {
        Self {
            name,
            variable: None,
        }
    }
}

/// A validated pipeline under one profile.
pub struct Pipeline {
    pub(crate) source: Arc<Source>,
    pub(crate) root: PathBuf,
    /// Where relative paths of the command line start.
    pub(crate) current: PathBuf,
    /// Where runs write tables: never part of an input.
    pub(crate) results: Arc<[PathBuf]>,
    pub(crate) profile: String,
    pub(crate) variables: Vec<Variable>,
    pub(crate) variable_ids: BTreeMap<String, VariableId>,
    pub(crate) stages: Vec<StageDeclaration>,
    /// `None` marks a stage whose kind is not known: such a pipeline is never handed out.
    pub(crate) stage_ids: BTreeMap<String, Option<StageId>>,
    pub(crate) outputs: Vec<OutputDeclaration>,
    pub(crate) groups: Vec<Group>,
    pub(crate) profiles: Vec<ProfileOutline>,
}

impl Pipeline {
    /// Returns the folder of the pipeline file: where its relative paths start.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the text of the pipeline file.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// Returns the files of published values and of claims that tables refer to, each once.
    pub fn reference_files(&self) -> BTreeSet<&Path> {
        let references = self.outputs.iter().flat_map(|output| &output.references);
        let claims = self.outputs.iter().flat_map(|output| &output.claims);
        references
            .map(|reference| reference.file.as_path())
            .chain(claims.map(|claims| claims.file.as_path()))
            .collect()
    }

    /// Says where runs write tables.
    pub fn set_results(&mut self, folders: Vec<PathBuf>) {
        self.results = folders.into();
    }

    /// Returns the name of the profile in force; `default` where the file declares none.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Returns the names of all profiles, in order of declaration.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.profiles.iter().map(|profile| profile.name.as_str())
    }

    /// Returns a profile in short, if there is one of that name.
    pub fn profile_outline(&self, name: &str) -> Option<&ProfileOutline> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    /// Returns name and signature of every stage, in order of declaration.
    pub fn stages(&self) -> impl Iterator<Item = (&str, &Signature)> {
        self.stages
            .iter()
            .map(|stage| (stage.name.text.as_str(), &stage.signature))
    }

    /// Returns every output, in order of declaration.
    pub fn outputs(&self) -> impl Iterator<Item = Output<'_>> {
        self.outputs.iter().map(|output| Output {
            kind: output.kind.word,
            name: &output.name.text,
            title: &output.title,
        })
    }

    /// Returns how many places all outputs have together, which bounds what expanding them takes. The reader of the file limits
    /// it.
    pub fn places(&self) -> usize {
        self.outputs.iter().map(OutputDeclaration::places).sum()
    }

    /// Returns all groups of tables, in order of declaration.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the names of all variables, in order of declaration.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|variable| variable.name.as_str())
    }

    pub(crate) fn stage_list(&self) -> impl Iterator<Item = StageId> + use<> {
        (0..self.stages.len()).map(StageId)
    }

    pub(crate) fn variable(&self, id: VariableId) -> &Variable {
        &self.variables[id.0]
    }

    pub(crate) fn stage(&self, id: StageId) -> &StageDeclaration {
        &self.stages[id.0]
    }
}

/// An output that is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output<'p> {
    /// What it is: `table`.
    pub kind: &'static str,
    /// Its name, which no other output has.
    pub name: &'p str,
    /// What it shows.
    pub title: &'p str,
}

impl Output<'_> {
    /// Returns the target that asks for it: `table:NAME`.
    pub fn target(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }
}

/// Where a value was written.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) source: Arc<Source>,
    pub(crate) span: Range<usize>,
    /// Relative paths start at the current folder, not at the pipeline's.
    pub(crate) command_line: bool,
}

/// A value as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) template: Template,
    pub(crate) origin: Origin,
}

/// A variable of `[vars]`.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// Where its value stands in `[vars]`.
    pub(crate) declared: Range<usize>,
    /// What `[vars]` and the profile say.
    pub(crate) profile: Definition,
    /// What `--set` says.
    pub(crate) set: Option<Definition>,
}

impl Variable {
    /// Returns the definition that holds where no table line says otherwise.
    pub(crate) fn base(&self) -> &Definition {
        self.set.as_ref().unwrap_or(&self.profile)
    }
}

/// `[stage.NAME]`.
pub(crate) struct StageDeclaration {
    pub(crate) name: Word,
    pub(crate) stage: &'static dyn Stage,
    /// The signature of the kind, with the output that the file chooses.
    pub(crate) signature: Signature,
    pub(crate) items: Vec<Item>,
    pub(crate) inputs: Vec<InputDeclaration>,
    /// What the stage needs of the machine: a key of every stage, which no signature declares.
    pub(crate) resources: Option<Item>,
}

impl StageDeclaration {
    /// Returns what is written at a path of keys.
    pub(crate) fn written(&self, path: &[String]) -> Option<&Item> {
        let (last, parents) = path.split_last()?;
        let mut items = &self.items;
        for parent in parents {
            let item = items.iter().find(|item| item.key.text == *parent)?;
            let ItemValue::Table(inner) = &item.value else {
                return None;
            };
            items = inner;
        }
        items.iter().find(|item| item.key.text == *last)
    }
}

/// An input of a stage: one of its kind's, or one that the file names.
#[derive(Debug)]
pub(crate) struct InputDeclaration {
    /// Its name among the inputs of the job.
    pub(crate) name: Arc<str>,
    /// The keys that lead to it.
    pub(crate) path: Vec<String>,
    /// What it takes; `None` takes anything.
    pub(crate) takes: Option<ArtifactType>,
    pub(crate) optional: bool,
    pub(crate) about: &'static str,
    /// What it gathers, where the file says `{ stage = …, over = … }`.
    pub(crate) gathers: Option<Gathers>,
}

/// The results of a stage over values of variables, as one input.
#[derive(Debug)]
pub(crate) struct Gathers {
    /// `"@stage"`, or a variable with such a value.
    pub(crate) stage: Definition,
    pub(crate) over: Grid,
    /// Where the whole input is written, and `over` in it.
    pub(crate) span: Range<usize>,
    pub(crate) over_span: Range<usize>,
}

/// A key of a stage.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) key: Word,
    pub(crate) span: Range<usize>,
    pub(crate) value: ItemValue,
}

/// What a stage says of a key.
#[derive(Debug)]
pub(crate) enum ItemValue {
    Value(Definition),
    List(Vec<Definition>),
    Table(Vec<Item>),
}

/// `[KIND.NAME]`, with what the profile replaces of it.
#[derive(Debug)]
pub(crate) struct OutputDeclaration {
    pub(crate) kind: &'static OutputKind,
    pub(crate) name: Word,
    pub(crate) title: String,
    pub(crate) caption: Option<String>,
    pub(crate) references: Vec<Reference>,
    pub(crate) cell: Option<StageId>,
    pub(crate) rows: Vec<Line>,
    pub(crate) columns: Vec<Line>,
    pub(crate) over: Grid,
    /// The values of the keys that this kind of output has alone.
    pub(crate) options: Map<String, Value>,
    pub(crate) exclude: Vec<Combination>,
    /// The grid that is searched for each cell, and what its best point is chosen by.
    pub(crate) best: Option<Grid>,
    pub(crate) select: Option<Selection>,
    /// Where `select` is written.
    pub(crate) select_at: Option<Range<usize>>,
    pub(crate) compare: Option<Comparison>,
    pub(crate) claims: Vec<Claims>,
}

/// How the rows of a table are compared with one of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Comparison {
    /// The place of that row.
    pub(crate) to: usize,
    pub(crate) draws: u32,
    pub(crate) seed: u64,
    pub(crate) level: f64,
}

/// `[group.NAME]`: tables that are asked for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What the tables have in common, if it is said.
    pub title: Option<String>,
    /// The tables' names, in the order in which they are written.
    pub tables: Vec<String>,
}

/// Values of variables, and where they are written: what a cell is left out for.
#[derive(Debug)]
pub(crate) struct Combination {
    pub(crate) span: Range<usize>,
    pub(crate) bindings: Vec<(VariableId, Definition)>,
}

impl OutputDeclaration {
    /// Returns the stage whose score fills the cell; `None` where row and column name different ones, so that their
    /// pair means nothing.
    pub(crate) fn cell(&self, row: &Line, column: &Line) -> Option<StageId> {
        agreed(row.cell, column.cell, self.cell)
    }

    /// Returns how many places there are, whether row and column go together there or not: rows × columns × points of `over`
    /// × points of `best`.
    pub(crate) fn places(&self) -> usize {
        let searched = |line: &&Line| line.best.as_ref().map(Grid::count);
        let sum = |lines: &[Line]| {
            let points = lines.iter().filter_map(|line| searched(&line));
            points.fold(0, usize::saturating_add)
        };
        let without = |lines: &[Line]| lines.iter().filter(|line| searched(line).is_none()).count();
        let (rows, columns) = (without(&self.rows), without(&self.columns));
        let of_table = self.best.as_ref().map_or(1, Grid::count);
        // A row's grid comes before a column's, and that before the table's.
        let of_rows = sum(&self.rows).saturating_mul(self.columns.len());
        let of_columns = sum(&self.columns).saturating_mul(rows);
        let of_table = of_table.saturating_mul(rows).saturating_mul(columns);
        let points = of_rows.saturating_add(of_columns).saturating_add(of_table);
        points.saturating_mul(self.over.count())
    }

    /// Returns the grid that is searched for a cell: the line's, else the table's.
    pub(crate) fn best<'t>(&'t self, row: &'t Line, column: &'t Line) -> Option<&'t Grid> {
        let line = row.best.as_ref().or(column.best.as_ref());
        line.or(self.best.as_ref())
    }

    /// Returns what the best point of a cell's grid is chosen by: the line's `select`, else the table's.
    pub(crate) fn select(&self, row: &Line, column: &Line) -> Selection {
        let line = row.select.as_ref().or(column.select.as_ref());
        line.or(self.select.as_ref()).cloned().unwrap_or_default()
    }

    /// Returns where that `select` is written.
    pub(crate) fn select_at<'t>(
        &'t self,
        row: &'t Line,
        column: &'t Line,
    ) -> Option<&'t Range<usize>> {
        let line = row.select_at.as_ref().or(column.select_at.as_ref());
        line.or(self.select_at.as_ref())
    }

    /// Returns what a cell shows: what its row or column says, else the main score; `None` where the two differ.
    pub(crate) fn shown<'l>(&self, row: &'l Line, column: &'l Line) -> Option<Shown<'l>> {
        let of = |line: &'l Line| match (&line.shows, &line.metric) {
            (Some(word), _) => Some(Shown::Text(&word.text)),
            (None, Some(word)) => Some(Shown::Score(&word.text)),
            (None, None) => None,
        };
        agreed(of(row), of(column), Some(Shown::Main))
    }
}

/// What a cell shows of its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shown<'l> {
    /// The main score.
    Main,
    /// The score of that name.
    Score(&'l str),
    /// The text of that name.
    Text(&'l str),
}

impl<'l> Shown<'l> {
    /// Returns the name of a score, if one is named.
    pub(crate) fn metric(self) -> Option<&'l str> {
        match self {
            Self::Score(name) => Some(name),
            Self::Main | Self::Text(_) => None,
        }
    }

    /// Returns the name of a text, if that is shown.
    pub(crate) fn text(self) -> Option<&'l str> {
        match self {
            Self::Text(name) => Some(name),
            Self::Main | Self::Score(_) => None,
        }
    }
}

fn agreed<T: PartialEq>(row: Option<T>, column: Option<T>, table: Option<T>) -> Option<T> {
    match (row, column) {
        (Some(row), Some(column)) => (row == column).then_some(row),
        (row, column) => row.or(column).or(table),
    }
}

/// A row or a column of a table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) span: Range<usize>,
    pub(crate) cell: Option<StageId>,
    pub(crate) metric: Option<Word>,
    /// The text that is shown in the place of a score.
    pub(crate) shows: Option<Word>,
    pub(crate) reference: Option<LineReference>,
    pub(crate) best: Option<Grid>,
    pub(crate) select: Option<Selection>,
    /// Where `select` is written.
    pub(crate) select_at: Option<Range<usize>>,
    /// Whether its cells are compared, where the table compares.
    pub(crate) compared: bool,
    pub(crate) bindings: Vec<(VariableId, Definition)>,
}

impl Line {
    /// Returns whether the line gives the variable a value.
    pub(crate) fn binds(&self, variable: VariableId) -> bool {
        self.bindings.iter().any(|(bound, _)| *bound == variable)
    }
}

/// What a line is compared with in the published tables, and where the file says so.
#[derive(Debug)]
pub(crate) struct LineReference {
    pub(crate) span: Range<usize>,
    pub(crate) value: ReferenceKey,
}

/// The name of a published column, or the key columns of a published row.
#[derive(Debug)]
pub(crate) enum ReferenceKey {
    Column(String),
    Row(Map<String, Value>),
}
