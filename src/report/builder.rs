//! From the results of jobs to the cells of outputs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use contract::io_error;
use metrics::scores::Score;
use statistics::Bootstrap;
use tables::Cell;
use tables::reference::Reference;

use super::ReportError;
use super::averaged::Averaged;
use super::scores::Scores;
use super::texts::Texts;
use crate::graph::{CellPlan, JobGraph, JobIndex};
use crate::store::{Digest, Found, Store};

/// The reason where a table wants a score of an artifact that has none.
const NO_SCORES: &str = "what this stage makes has no scores";
/// The reason where a table wants a text of an artifact that has none.
const NO_TEXTS: &str = "what this stage makes has no texts";

/// What is known of a job: its result, or why there is none.
pub(super) type Known<'a> = Result<&'a Found, String>;

/// The jobs that outputs are made of.
#[derive(Clone, Copy)]
pub struct Jobs<'j, 'a> {
    /// The graph of all jobs.
    pub graph: &'j JobGraph,
    /// Returns the result of a job, if it has one.
    pub found: &'j dyn Fn(JobIndex) -> Option<&'a Found>,
    /// Says why a job has no result.
    pub reason: &'j dyn Fn(JobIndex) -> String,
}

/// Something that an output asks of a result, and that the result does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What the job is called.
    pub label: String,
    /// What is lacking: a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Makes the cells of outputs; what two outputs share is read once.
pub struct Builder<'a> {
    pub(super) store: &'a Store,
    scores: Scores<'a>,
    texts: Texts<'a>,
    /// What resampling has said, by what decides it.
    pub(super) bootstraps: HashMap<Digest, Bootstrap>,
    references: BTreeMap<(PathBuf, String), Reference>,
    /// By label: the scores or texts that were asked for in vain, and those that there are.
    lacking: BTreeMap<(String, What), Lacking>,
}

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Score,
    Text,
}

/// The scores, or texts, that a job's result lacks, and those that it has.
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
            texts: Texts::new(store),
            bootstraps: HashMap::new(),
            references: BTreeMap::new(),
            lacking: BTreeMap::new(),
        }
    }

    /// Returns what the outputs made so far have asked of results in vain, once for each result.
    pub fn lacks(&self) -> impl Iterator<Item = Lack> {
        self.lacking.iter().map(|((label, what), lacking)| {
            let (none, remedy, word) = match what {
                What::Score => (
                    NO_SCORES,
                    "name a stage with scores as the table's cell",
                    "score",
                ),
                What::Text => (
                    NO_TEXTS,
                    "have its program write {output}/texts.json: {\"NAME\": \"a text\"}",
                    "text",
                ),
            };
            let (message, remedy) = if lacking.names.is_empty() {
                (none.to_owned(), remedy.to_owned())
            } else {
                let wanted: Vec<_> = lacking
                    .wanted
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect();
                (
                    format!("no {word} {}", wanted.join(", ")),
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

    /// Makes a cell. `heading` is what the scores beside it are called, as far as that is known.
    pub(super) fn cell(
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
        if let Some(name) = &plan.text {
            self.texts(plan, name, &mut cell, known)?;
            return Ok(cell);
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
                    if score.undefined.is_some() || averaged.add(&score) {
                        heading.add(&score);
                    }
                    match score.undefined {
                        Some(reason) => undefined.push(reason),
                        None => {
                            cell.values.push(score.value);
                            cell.places.push(place);
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

    /// Fills a cell with the texts of that name.
    fn texts(
        &mut self,
        plan: &CellPlan,
        name: &str,
        cell: &mut Cell,
        known: &dyn Fn(JobIndex) -> Known<'a>,
    ) -> Result<(), ReportError> {
        let shown = plan.shown(cell.chosen.as_ref().map(|chosen| chosen.place));
        for (place, job) in shown.iter().enumerate() {
            let text = match known(*job) {
                Ok(found) => self.text(found, name)?,
                Err(reason) => Err(reason),
            };
            match text {
                Ok(text) => {
                    cell.texts.push(text);
                    cell.places.push(place);
                }
                Err(reason) => {
                    cell.lacking += 1;
                    add(&mut cell.reasons, reason);
                }
            }
        }
        Ok(())
    }

    /// Returns the text of that name or, where there is none, the texts that there are instead.
    fn text(&mut self, found: &Found, name: &str) -> Result<Result<String, String>, ReportError> {
        let mut all = self.texts.of(&found.artifact, &found.manifest)?;
        if let Some(text) = all.remove(name) {
            return Ok(Ok(text));
        }
        let names: Vec<String> = all.into_keys().collect();
        let reason = match names.is_empty() {
            true => NO_TEXTS.to_owned(),
            false => format!("no text `{name}`, only {}", names.join(", ")),
        };
        self.lack(found, What::Text, name.to_owned(), names)?;
        Ok(Err(reason))
    }

    /// Notes that a result lacks a score or a text.
    fn lack(
        &mut self,
        found: &Found,
        what: What,
        wanted: String,
        names: Vec<String>,
    ) -> Result<(), ReportError> {
        let record = self.store.recorded(&found.key)?;
        let label = record.map_or_else(|| found.key.to_string(), |record| record.label);
        let lacking = self.lacking.entry((label, what));
        let lacking = lacking.or_insert_with(|| Lacking {
            wanted: BTreeSet::new(),
            names,
        });
        lacking.wanted.insert(wanted);
        Ok(())
    }

    /// Returns the score of that name, or the main one, on that split if one is given; where there is none, the scores that
    /// there are instead.
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
            // For a score to select by, the split matters as much as the name.
            Some(split) => (
                format!("{}@{split}", metric.unwrap_or_default()),
                all.iter()
                    .map(|score| format!("{}@{}", score.name, score.split))
                    .collect(),
            ),
        };
        // The label is left out, since it differs from row to row and equal reasons are told once below a table.
        let reason = if names.is_empty() {
            NO_SCORES.to_owned()
        } else {
            format!("no score `{wanted}`, only {}", names.join(", "))
        };
        self.lack(found, What::Score, wanted, names)?;
        Ok(Err(reason))
    }

    pub(super) fn reference(&mut self, file: &Path, id: &str) -> Result<Reference, ReportError> {
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
pub(super) enum Heading {
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

/// Adds a reason, unless it is there already.
pub(super) fn add(reasons: &mut Vec<String>, reason: String) {
    if !reasons.contains(&reason) {
        reasons.push(reason);
    }
}
