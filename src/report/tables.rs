//! From the results of jobs to tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use contract::{StageError, io_error};
use metrics::scores::{self, Score};
use tabulate::reference::{self, Key, Reference};
use tabulate::{Cell, Column, Row, Table};

use super::ReportError;
use crate::graph::{CellPlan, JobIndex, RowPlan, TablePlan};
use crate::store::{Digest, Found, Store};

/// What is known of a job: its result, or why there is none.
pub type Known<'a> = Result<&'a Found, String>;

/// Makes tables; what two cells share is read once.
pub struct Builder<'a> {
    store: &'a Store,
    scores: BTreeMap<Digest, Vec<Score>>,
    references: BTreeMap<(PathBuf, String), Reference>,
}

impl<'a> Builder<'a> {
    /// A builder that reads scores from the store.
    pub fn new(store: &'a Store) -> Self {
        Self {
            store,
            scores: BTreeMap::new(),
            references: BTreeMap::new(),
        }
    }

    /// Makes a table of what is `known` of its jobs; `notes` are printed below it.
    ///
    /// # Errors
    /// When scores or published values cannot be read, or a job has no score of the cell's name.
    pub fn table(
        &mut self,
        plan: &TablePlan,
        notes: Vec<String>,
        known: &dyn Fn(JobIndex) -> Known<'a>,
    ) -> Result<Table, ReportError> {
        let mut references = Vec::new();
        for reference in &plan.reference {
            references.push(self.reference(&reference.file, &reference.id)?);
        }
        // By column: name and unit of its scores, as long as all agree.
        let mut headings: Vec<Heading> = vec![Heading::Open; plan.columns.len()];
        let mut cells = Vec::with_capacity(plan.rows.len());
        for (row, planned) in plan.rows.iter().zip(&plan.cells) {
            let mut line = Vec::with_capacity(planned.len());
            for ((column, cell), heading) in plan.columns.iter().zip(planned).zip(&mut headings) {
                let mut built = match cell {
                    Some(cell) => self.cell(cell, heading, known)?,
                    None => Cell::default(),
                };
                if let (Some(key), Some(_)) = (&column.reference, cell) {
                    built.published = reference::first(&references, &keys(row), key)?;
                }
                line.push(built);
            }
            cells.push(line);
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
        for job in &plan.jobs {
            match known(*job) {
                Ok(found) => {
                    let score = self.score(found, plan.metric.as_deref())?;
                    heading.add(score);
                    cell.values.push(score.value);
                }
                Err(reason) if cell.reasons.contains(&reason) => {}
                Err(reason) => cell.reasons.push(reason),
            }
        }
        Ok(cell)
    }

    /// Returns the score of that name, or the main one.
    fn score(&mut self, found: &Found, metric: Option<&str>) -> Result<&Score, ReportError> {
        let artifact = found.record.artifact;
        if !self.scores.contains_key(&artifact) {
            let path = self
                .store
                .file(&found.manifest, scores::FILE)
                .ok_or_else(|| {
                    StageError::input(
                        &found.record.label,
                        "what this stage makes has no scores",
                        "name a stage with scores as the table's cell",
                    )
                })?;
            self.scores.insert(artifact, scores::read(&path)?);
        }
        let all = self
            .scores
            .get(&artifact)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let score = all.iter().find(|score| match metric {
            Some(name) => score.name == name,
            None => score.main,
        });
        let missing = || {
            let names: Vec<&str> = all.iter().map(|score| score.name.as_str()).collect();
            StageError::input(
                &found.record.label,
                format!("no score `{}`", metric.unwrap_or("main")),
                format!("it has {}", names.join(", ")),
            )
        };
        Ok(score.ok_or_else(missing)?)
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

fn keys(row: &RowPlan) -> Vec<(&str, Key)> {
    let pairs = row.reference.iter().flatten();
    pairs
        .filter_map(|(name, value)| Some((name.as_str(), Key::from_json(value)?)))
        .collect()
}

/// Whether no score is lacking.
pub fn is_complete(table: &Table) -> bool {
    table
        .cells
        .iter()
        .flatten()
        .all(|cell| cell.reasons.is_empty())
}
