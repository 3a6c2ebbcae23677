//! From the results of jobs to tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use contract::io_error;
use metrics::scores::Score;
use tables::reference::{self, Key, Reference};
use tables::{Cell, Column, Row, Table};

use super::ReportError;
use super::alike;
use super::averaged::Averaged;
use super::footnotes::Footnotes;
use super::scores::Scores;
use crate::graph::{CellPlan, JobGraph, JobIndex, RowPlan, TablePlan};
use crate::store::{Found, Store};

/// Said of an artifact of which a table wants a score.
const NO_SCORES: &str = "what this stage makes has no scores";

/// What is known of a job: its result, or why there is none.
pub(super) type Known<'a> = Result<&'a Found, String>;

/// The jobs that tables are made of.
#[derive(Clone, Copy)]
pub struct Jobs<'j, 'a> {
    /// All of them.
    pub graph: &'j JobGraph,
    /// Returns the result of one, if it has one.
    pub found: &'j dyn Fn(JobIndex) -> Option<&'a Found>,
    /// Says why one has none.
    pub reason: &'j dyn Fn(JobIndex) -> String,
}

/// What tables ask of a result and it does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What the job is called.
    pub label: String,
    /// What is lacking: a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Makes tables; what two cells share is read once.
pub struct Builder<'a> {
    store: &'a Store,
    scores: Scores<'a>,
    references: BTreeMap<(PathBuf, String), Reference>,
    /// By label: the scores asked for in vain, and those there are.
    lacking: BTreeMap<String, Lacking>,
}

/// The scores that a job's result lacks.
struct Lacking {
    wanted: BTreeSet<String>,
    names: Vec<String>,
}

impl<'a> Builder<'a> {
    /// A builder that reads scores from the store.
    pub fn new(store: &'a Store) -> Self {
        Self {
            store,
            scores: Scores::new(store),
            references: BTreeMap::new(),
            lacking: BTreeMap::new(),
        }
    }

    /// Returns what the tables made so far have asked of results in vain, each result once.
    pub fn lacks(&self) -> impl Iterator<Item = Lack> {
        self.lacking.iter().map(|(label, lacking)| {
            let (message, remedy) = if lacking.names.is_empty() {
                (
                    NO_SCORES.to_owned(),
                    "name a stage with scores as the table's cell".to_owned(),
                )
            } else {
                let wanted: Vec<_> = lacking
                    .wanted
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect();
                (
                    format!("no score {}", wanted.join(", ")),
                    format!("it has {}", lacking.names.join(", ")),
                )
            };
            Lack {
                label: label.clone(),
                message,
                remedy,
            }
        })
    }

    /// Makes a table of what is known of its jobs; `notes` are printed below it, beside those that the stages made of what
    /// its cells rest on. A score that a result lacks is a reason in its cell like any other, and one of
    /// [`Builder::lacks`].
    ///
    /// # Errors
    /// When scores or published values cannot be read.
    pub fn table(
        &mut self,
        plan: &TablePlan,
        notes: Vec<String>,
        jobs: Jobs<'_, 'a>,
    ) -> Result<Table, ReportError> {
        let known = |job: JobIndex| (jobs.found)(job).ok_or_else(|| (jobs.reason)(job));
        let mut references = Vec::new();
        for reference in &plan.reference {
            references.push(self.reference(&reference.file, &reference.id)?);
        }
        // By column: name and unit of its scores, as long as all agree.
        let mut headings: Vec<Heading> = vec![Heading::Open; plan.columns.len()];
        let mut cells: Vec<Vec<Cell>> = Vec::with_capacity(plan.rows.len());
        let mut footnotes = Footnotes::new(jobs);
        for (row, planned) in plan.rows.iter().zip(&plan.cells) {
            let mut line: Vec<Cell> = Vec::with_capacity(planned.len());
            for ((column, cell), heading) in plan.columns.iter().zip(planned).zip(&mut headings) {
                let mut built = match cell {
                    Some(plan) => {
                        let mut cell = self.cell(plan, heading, &known)?;
                        let place = cell.chosen.as_ref().map(|chosen| chosen.place);
                        let mut notes = BTreeSet::new();
                        for job in plan.shown(place) {
                            notes.extend(footnotes.of(*job).iter().flat_map(|of| of.iter()));
                        }
                        cell.footnotes = notes.into_iter().collect();
                        cell
                    }
                    None => Cell::default(),
                };
                if let (Some(key), Some(_)) = (&column.reference, cell) {
                    built.published = reference::first(&references, &keys(row), key)?;
                }
                line.push(built);
            }
            cells.push(line);
        }
        let notes: Vec<String> = alike::notes(plan).into_iter().chain(notes).collect();
        let (footnotes, places) = footnotes.finish();
        for cell in cells.iter_mut().flatten() {
            for note in &mut cell.footnotes {
                *note = places[*note];
            }
            cell.footnotes.sort_unstable();
        }
        let columns = plan.columns.iter().zip(headings).map(|(column, heading)| {
            let (metric, unit) = match heading {
                Heading::Agreed { metric, unit } => (metric, unit),
                Heading::Open | Heading::Mixed => Default::default(),
            };
            Column::new(&column.label, metric, unit)
        });
        let table = Table {
            name: plan.name.clone(),
            title: plan.title.clone(),
            keys: vec![String::new()],
            rows: plan
                .rows
                .iter()
                .map(|row| Row::new([row.label.as_str()]))
                .collect(),
            columns: columns.collect(),
            cells,
            notes: plan.caption.iter().cloned().chain(notes).collect(),
            footnotes,
        };
        table.check()?;
        Ok(table)
    }

    fn cell(
        &mut self,
        plan: &CellPlan,
        heading: &mut Heading,
        known: &dyn Fn(JobIndex) -> Known<'a>,
    ) -> Result<Cell, ReportError> {
        let mut cell = Cell::default();
        if let Some(choice) = &plan.choice {
            match self.choose(choice, plan.metric.as_deref(), known)? {
                Ok(chosen) => cell.chosen = Some(chosen),
                Err(reasons) => {
                    cell.lacking = 1;
                    cell.reasons = reasons;
                    return Ok(cell);
                }
            }
        }
        let mut undefined: Vec<String> = Vec::new();
        let mut averaged = Averaged::default();
        let shown = plan.shown(cell.chosen.as_ref().map(|chosen| chosen.place));
        for (place, job) in shown.iter().enumerate() {
            let score = match known(*job) {
                Ok(found) => self.score(found, plan.metric.as_deref(), None)?,
                Err(reason) => Err(reason),
            };
            match score {
                Ok(score) => {
                    heading.add(&score);
                    match score.undefined {
                        Some(reason) => undefined.push(reason),
                        None => {
                            cell.values.push(score.value);
                            cell.places.push(place);
                            averaged.add(score);
                        }
                    }
                }
                Err(reason) => {
                    cell.lacking += 1;
                    add(&mut cell.reasons, reason);
                }
            }
        }
        cell.add_undefined(&undefined);
        cell.remarks.extend(averaged.remark());
        Ok(cell)
    }

    /// Returns the score of that name, or the main one, on that split if one is given; where there is none, what there
    /// is instead.
    pub(super) fn score(
        &mut self,
        found: &Found,
        metric: Option<&str>,
        split: Option<&str>,
    ) -> Result<Result<Score, String>, ReportError> {
        let all = self.scores.of(&found.artifact, &found.manifest)?;
        if let Some(score) = metrics::find(&all, metric, split) {
            return Ok(Ok(score.clone()));
        }
        let (wanted, names): (String, Vec<String>) = match split {
            None => (
                metric.unwrap_or("main").to_owned(),
                all.iter().map(|score| score.name.clone()).collect(),
            ),
            // Of a score that is chosen by, the split matters as much as the name.
            Some(split) => (
                format!("{}@{split}", metric.unwrap_or_default()),
                all.iter()
                    .map(|score| format!("{}@{}", score.name, score.split))
                    .collect(),
            ),
        };
        // Without the label, which differs from row to row: equal reasons are told once below a table.
        let reason = if names.is_empty() {
            NO_SCORES.to_owned()
        } else {
            format!("no score `{wanted}`, only {}", names.join(", "))
        };
        let record = self.store.recorded(&found.key)?;
        let label = record.map_or_else(|| found.key.to_string(), |record| record.label);
        self.lacking
            .entry(label)
            .or_insert_with(|| Lacking {
                wanted: BTreeSet::new(),
                names,
            })
            .wanted
            .insert(wanted);
        Ok(Err(reason))
    }

    fn reference(&mut self, file: &Path, id: &str) -> Result<Reference, ReportError> {
        let name = (file.to_path_buf(), id.to_owned());
        if let Some(reference) = self.references.get(&name) {
            return Ok(reference.clone());
        }
        let text = fs::read_to_string(file).map_err(io_error(file))?;
        let reference = Reference::parse(&text, &file.display().to_string(), Some(id))?;
        self.references.insert(name, reference.clone());
        Ok(reference)
    }
}

/// What a column's scores are called, if they agree on it.
#[derive(Clone, Debug, Default, PartialEq)]
enum Heading {
    #[default]
    Open,
    Agreed {
        metric: String,
        unit: String,
    },
    Mixed,
}

impl Heading {
    fn add(&mut self, score: &Score) {
        match self {
            Self::Open => {
                *self = Self::Agreed {
                    metric: score.name.clone(),
                    unit: score.unit.clone(),
                };
            }
            Self::Agreed { metric, unit } if *metric != score.name || *unit != score.unit => {
                *self = Self::Mixed;
            }
            Self::Agreed { .. } | Self::Mixed => {}
        }
    }
}

/// Adds a reason that is not told yet.
pub(super) fn add(reasons: &mut Vec<String>, reason: String) {
    if !reasons.contains(&reason) {
        reasons.push(reason);
    }
}

fn keys(row: &RowPlan) -> Vec<(&str, Key)> {
    let pairs = row.reference.iter().flatten();
    pairs
        .filter_map(|(name, value)| Some((name.as_str(), Key::from_json(value)?)))
        .collect()
}

/// Whether no score is lacking.
pub fn is_complete(table: &Table) -> bool {
    table.cells.iter().flatten().all(|cell| cell.lacking == 0)
}
