//! What papers and talks claim of the rows of a table, and whether it holds here.
//!
//! A claim compares the mean over its columns, by one draw of seeds for all of them: so a paper's average is judged, and not as many
//! tasks as there are. Claims are stated beforehand, so they are not corrected for each other; a claim that names several rows is
//! corrected for these.

use std::fs;
use std::path::Path;

use contract::io_error;
use metrics::Direction;
use serde_json::Value;
use statistics::{Interval, Options};
use tables::Cell;
use tables::claims::{self, Claim, Relation, RowName};
use tables::reference::Confidence;

use super::compare::{Answer, Compared, Question, Told, told};
use super::{Builder, Jobs, ReportError, options, side};
use crate::graph::OutputPlan;

/// How it stands with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Holds,
    /// The contrary holds.
    DoesNotHold,
    /// The difference may be chance.
    NotSettled,
    /// There are too few seeds for a verdict.
    TooFew,
    /// Cells that it is about have no result.
    NotRun,
    /// The table has no such rows or columns here, or they cannot be compared.
    NotAsked,
}

impl Standing {
    /// Returns the words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::NotSettled => "not settled at this scale",
            Self::TooFew => "no verdict",
            Self::NotRun => "not run",
            Self::NotAsked => "not asked",
        }
    }
}

/// A claim, and what is known of it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The claim.
    pub claim: Claim,
    /// How it stands.
    pub standing: Standing,
    /// Why nothing more is known, if so.
    pub reason: Option<String>,
    /// For each row that it is compared with: the row's label, and the mean over the columns.
    pub against: Vec<(String, Compared)>,
    /// By column: its label, and for each of those rows the comparison.
    pub columns: Vec<(String, Vec<Answer>)>,
    /// Columns of the claim that the table does not have here.
    pub without: Vec<String>,
    /// The confidence of the intervals in `against`.
    pub level: f64,
}

impl<'a> Builder<'a> {
    /// Answers the claims on a table, in the order of its files. `cells` are those of the table.
    ///
    /// # Errors
    /// When a file of claims is wrong, or scores or predictions cannot be read.
    pub fn claims(
        &mut self,
        plan: &OutputPlan,
        cells: &[Vec<Cell>],
        jobs: Jobs<'_, 'a>,
    ) -> Result<Vec<Answered>, ReportError> {
        let mut answered = Vec::new();
        for file in &plan.claims {
            for claim in read(file)? {
                answered.push(self.answer(claim, plan, cells, jobs)?);
            }
        }
        Ok(answered)
    }

    fn answer(
        &mut self,
        claim: Claim,
        plan: &OutputPlan,
        cells: &[Vec<Cell>],
        jobs: Jobs<'_, 'a>,
    ) -> Result<Answered, ReportError> {
        let mut options = plan.compare.as_ref().map_or_else(Options::default, options);
        let mut answered = Answered {
            standing: Standing::NotAsked,
            reason: None,
            against: Vec::new(),
            columns: Vec::new(),
            without: Vec::new(),
            level: options.level,
            claim,
        };
        let columns = answered.find_columns(plan);
        let found = answered.find_rows(plan);
        let (row, than) = match (found, columns.is_empty()) {
            (Ok(found), false) => found,
            (Err(reason), _) => {
                answered.reason = Some(reason);
                return Ok(answered);
            }
            (Ok(_), true) => {
                answered.reason = Some("the table has none of its columns here".to_owned());
                return Ok(answered);
            }
        };
        // A margin is judged by intervals alone, so these take the correction (Bonferroni).
        if answered.claim.relation == Relation::NotWorse {
            options.level = 1.0 - (1.0 - options.level) / than.len() as f64;
            answered.level = options.level;
        }
        let sides = |than: usize, column: usize| {
            Some([
                side(plan, cells, than, column)?,
                side(plan, cells, row, column)?,
            ])
        };
        let questions = than.iter().map(|than| {
            let cells = columns.iter().map(|column| sides(*than, *column));
            cells
                .collect::<Option<Vec<_>>>()
                .map(|cells| Question { cells })
        });
        let Some(questions) = questions.collect::<Option<Vec<Question<'_>>>>() else {
            answered.reason = Some("some of its cells mean nothing, or show texts".to_owned());
            return Ok(answered);
        };
        let answers = self.compare(&questions, jobs, &options)?;
        if let Some(reason) = answers.iter().find_map(|answer| answer.as_ref().err()) {
            let has_all = questions.iter().all(|question| {
                let sides = question.cells.iter().flatten();
                let mut shown = sides.flat_map(|side| side.plan.shown(side.chosen));
                shown.all(|job| (jobs.found)(*job).is_some())
            });
            answered.standing = match has_all {
                true => Standing::NotAsked,
                false => Standing::NotRun,
            };
            answered.reason = Some(reason.clone());
            return Ok(answered);
        }
        let judged = told(&answers.iter().collect::<Vec<_>>(), options.level);
        let standings = answers
            .iter()
            .flatten()
            .zip(judged)
            .map(|(compared, told)| {
                let told = told.map_or(Told::TooFew, |(told, _)| told);
                standing(
                    answered.claim.relation,
                    answered.claim.margin,
                    compared,
                    told,
                )
            });
        answered.standing = together(&standings.collect::<Vec<_>>());
        for column in &columns {
            let questions: Vec<Question<'_>> = than
                .iter()
                .filter_map(|than| {
                    Some(Question {
                        cells: vec![sides(*than, *column)?],
                    })
                })
                .collect();
            let of_column = self.compare(&questions, jobs, &options)?;
            let label = plan.columns[*column].label.clone();
            answered.columns.push((label, of_column));
        }
        let labels = than.iter().map(|than| plan.rows[*than].label.clone());
        answered.against = labels.zip(answers.into_iter().flatten()).collect();
        Ok(answered)
    }
}

impl Answered {
    /// Returns the places of the columns that the claim is about, and notes those that are not there.
    fn find_columns(&mut self, plan: &OutputPlan) -> Vec<usize> {
        let all = plan.columns.iter().enumerate();
        if self.claim.columns.is_empty() {
            let compared = all.filter(|(_, column)| column.compared);
            return compared.map(|(place, _)| place).collect();
        }
        let mut places = Vec::new();
        for label in &self.claim.columns {
            let mut columns = plan.columns.iter();
            match columns.position(|column| column.label == *label) {
                Some(place) if places.contains(&place) => {}
                Some(place) => places.push(place),
                None => self.without.push(label.clone()),
            }
        }
        places
    }

    /// Returns the places of the row that the claim is about and of those that it is compared with.
    fn find_rows(&self, plan: &OutputPlan) -> Result<(usize, Vec<usize>), String> {
        let find = |name: &RowName| {
            let rows = 0..plan.rows.len();
            let fitting: Vec<usize> = rows.filter(|row| fits(name, plan, *row)).collect();
            match fitting.as_slice() {
                [row] => Ok(*row),
                [] => Err(format!("the table has no row {} here", written(name))),
                _ => Err(format!("several rows of the table fit {}", written(name))),
            }
        };
        let mut than: Vec<usize> = Vec::new();
        for name in self.claim.than.all() {
            let row = find(name)?;
            if !than.contains(&row) {
                than.push(row);
            }
        }
        Ok((find(&self.claim.row)?, than))
    }

    /// Says in words whether it holds, and of what: what was trained once says nothing of how it was trained.
    pub fn verdict(&self) -> String {
        let words = self.standing.words();
        let is_verdict = matches!(self.standing, Standing::Holds | Standing::DoesNotHold);
        let mut against = self.against.iter();
        match is_verdict && against.any(|(_, compared)| compared.is_of_artefacts()) {
            true => format!("{words} of these artefacts"),
            false => words.to_owned(),
        }
    }

    /// Says in a line how the claim stands: ``not settled at this scale: +1.50 against `15 %` [-0.20, +3.10], 3 seeds``.
    pub fn words(&self) -> String {
        let mut parts = vec![self.verdict()];
        for (label, compared) in &self.against {
            parts.push(numbers(label, compared));
        }
        parts.extend(self.reason.clone());
        if !self.without.is_empty() {
            parts.push(format!(
                "without {}, which the table has not",
                self.without.join(", ")
            ));
        }
        if let [part, rest @ ..] = parts.as_slice()
            && !rest.is_empty()
        {
            return format!("{part}: {}", rest.join("; "));
        }
        parts.concat()
    }

    /// Returns the claim's source, with a mark where that is from memory.
    pub fn source(&self) -> String {
        let doubt = match self.claim.confidence {
            Confidence::Memory => ", from memory, not verified",
            Confidence::Notes | Confidence::Talk | Confidence::Published => "",
        };
        format!("{}{doubt}", self.claim.source)
    }

    /// Returns a note below the table.
    pub(super) fn note(&self) -> String {
        let says = self.claim.says.trim_end_matches('.');
        format!("Claim: {says} ({}). Here: {}.", self.source(), self.words())
    }
}

/// Returns a difference with its intervals: ``+1.50 against `15 %` [-0.20, +3.10], by seeds [-1.00, +4.00], 3 seeds``.
fn numbers(label: &str, compared: &Compared) -> String {
    let comparison = &compared.comparison;
    let interval = |it: Interval| format!("[{:+.2}, {:+.2}]", it.low, it.high);
    let mut text = format!("{:+.2} against `{label}`", comparison.difference);
    if let Some(bootstrap) = comparison.bootstrap {
        text += &format!(" {}", interval(bootstrap.interval));
    }
    if let Some(student) = comparison.student {
        text += &format!(", by seeds {}", interval(student.interval));
    }
    let seeds = comparison.replicates();
    text += &match seeds {
        1 => ", 1 seed".to_owned(),
        seeds => format!(", {seeds} seeds"),
    };
    text
}

/// Judges a claim by one comparison.
fn standing(relation: Relation, margin: f64, compared: &Compared, told: Told) -> Standing {
    if relation == Relation::Better {
        return match told {
            Told::Better => Standing::Holds,
            Told::Worse => Standing::DoesNotHold,
            Told::NotSettled => Standing::NotSettled,
            Told::TooFew => Standing::TooFew,
        };
    }
    if told == Told::TooFew {
        return Standing::TooFew;
    }
    let comparison = &compared.comparison;
    // How much better the row is, at least and at most.
    let ends = comparison.intervals().map(|it| match compared.direction {
        Direction::Higher => (it.low, it.high),
        Direction::Lower => (-it.high, -it.low),
    });
    let ends: Vec<(f64, f64)> = ends.collect();
    if ends.iter().all(|(low, _)| *low > -margin) {
        Standing::Holds
    } else if ends.iter().all(|(_, high)| *high < -margin) {
        Standing::DoesNotHold
    } else {
        Standing::NotSettled
    }
}

/// Judges a claim by its standings against several rows: it holds if it holds against all, and does not if it does not against one.
fn together(standings: &[Standing]) -> Standing {
    let order = [
        Standing::DoesNotHold,
        Standing::TooFew,
        Standing::NotSettled,
    ];
    let found = order
        .into_iter()
        .find(|standing| standings.contains(standing));
    found.unwrap_or(Standing::Holds)
}

fn read(file: &Path) -> Result<Vec<Claim>, ReportError> {
    let text = fs::read_to_string(file).map_err(io_error(file))?;
    Ok(claims::parse(&text, &file.display().to_string())?)
}

/// Whether a row has that label, or all of its cells have those values.
fn fits(name: &RowName, plan: &OutputPlan, row: usize) -> bool {
    let cells = || plan.cells[row].iter().flatten();
    match name {
        RowName::Label(label) => plan.rows[row].label == *label,
        RowName::Values(values) => {
            cells().next().is_some()
                && values.iter().all(|(name, value)| {
                    cells().all(|cell| {
                        let mut bound = cell.bindings.iter();
                        bound.any(|(bound, found)| **bound == *name && is_same(found, value))
                    })
                })
        }
    }
}

/// Whether two values are equal; numbers are however they are written.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn written(name: &RowName) -> String {
    match name {
        RowName::Label(label) => format!("`{label}`"),
        RowName::Values(values) => {
            let values = values.iter().map(|(name, value)| format!("{name}={value}"));
            format!("`{}`", values.collect::<Vec<_>>().join(","))
        }
    }
}

/// Returns by column how the ranks of rows agree with those of published values: the column's label, Spearman's coefficient, and the
/// number of rows with both. Columns with fewer than three such rows, or with equal values alone, are left out.
pub fn rank_agreement(plan: &OutputPlan, cells: &[Vec<Cell>]) -> Vec<(String, f64, usize)> {
    let columns = plan.columns.iter().enumerate();
    let agreement = columns.filter_map(|(place, column)| {
        let pairs = cells.iter().filter_map(|row| {
            let cell = row.get(place)?;
            Some((cell.summary()?.mean, cell.published.as_ref()?.value))
        });
        let (ours, published): (Vec<f64>, Vec<f64>) = pairs.unzip();
        let coefficient = metrics::spearman(&ours, &published).ok()?;
        (ours.len() >= 3).then(|| (column.label.clone(), coefficient, ours.len()))
    });
    agreement.collect()
}

#[cfg(test)]
mod tests {
    use statistics::{Comparison, Student};

    use super::*;

    #[test]
    fn a_margin_takes_every_interval_that_a_verdict_takes() {
        let student = |reach: f64| Student {
            t: 0.0,
            freedom: 2.0,
            error: 1.0,
            p: 1.0,
            interval: Interval {
                low: -reach,
                high: reach,
            },
        };
        let stands = |reach: f64, margin: f64| {
            let compared = Compared {
                comparison: Comparison {
                    difference: 0.0,
                    seeds: [3, 3],
                    paired: true,
                    bootstrap: None,
                    student: Some(student(1.0)),
                    together: Some(student(reach)),
                    permutation: None,
                    detectable_by_seeds: None,
                    detectable_by_examples: None,
                },
                means: [0.0, 0.0],
                direction: Direction::Higher,
                metric: String::new(),
                trained_once: Vec::new(),
                per_seed: Default::default(),
                remarks: Vec::new(),
            };
            standing(Relation::NotWorse, margin, &compared, Told::NotSettled)
        };
        assert_eq!(stands(1.5, 2.0), Standing::Holds);
        assert_eq!(stands(3.0, 2.0), Standing::NotSettled);
    }
}
