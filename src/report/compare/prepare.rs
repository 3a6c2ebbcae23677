//! The scores behind a question, by seed.

use std::collections::BTreeSet;

use metrics::Direction;
use metrics::scores::Score;

use super::design::Design;
use super::pairing::{Column, Units, matched, own_seed};
use super::resampling::{Run, Sides};
use super::{Question, SAME, Side};
use crate::graph::JobIndex;
use crate::report::builder::{Builder, add};
use crate::report::{Jobs, ReportError};

/// A question with all that the scores say.
pub(super) struct Prepared<'a> {
    pub(super) sides: Sides<'a>,
    pub(super) direction: Direction,
    pub(super) metric: String,
    pub(super) paired: bool,
    pub(super) trained_once: Vec<JobIndex>,
    pub(super) per_seed: [Vec<JobIndex>; 2],
    pub(super) remarks: Vec<String>,
}

/// Why a question goes no further.
enum Stop {
    /// There is nothing to compare: a lowercase fragment.
    Reason(String),
    /// Something cannot be read.
    Error(ReportError),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<ReportError> for Stop {
    fn from(error: ReportError) -> Self {
        Self::Error(error)
    }
}

/// What the cells of a question have in common.
#[derive(Default)]
struct Gathered {
    trained_once: BTreeSet<JobIndex>,
    per_seed: [BTreeSet<JobIndex>; 2],
    remarks: Vec<String>,
}

impl<'a> Builder<'a> {
    /// Gathers the scores of a question, by seed; a reason where there is nothing to compare.
    pub(super) fn prepare(
        &mut self,
        question: &Question<'_>,
        jobs: Jobs<'_, 'a>,
    ) -> Result<Result<Prepared<'a>, String>, ReportError> {
        match self.gather(question, jobs) {
            Ok(prepared) => Ok(Ok(prepared)),
            Err(Stop::Reason(reason)) => Ok(Err(reason)),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    fn gather(
        &mut self,
        question: &Question<'_>,
        jobs: Jobs<'_, 'a>,
    ) -> Result<Prepared<'a>, Stop> {
        let mut gathered = Gathered::default();
        let mut columns: Vec<Column<'a>> = Vec::new();
        let mut scores: Vec<Score> = Vec::new();
        for cells in &question.cells {
            let mut score = None;
            let base = self.units(&cells[0], 0, jobs, &mut gathered, &mut score)?;
            let other = self.units(&cells[1], 1, jobs, &mut gathered, &mut score)?;
            let column = [base, other];
            if let Some(reason) = own_seed(cells, &column) {
                return Err(reason.into());
            }
            scores.extend(score);
            columns.push(column);
        }
        let Some(first) = scores.first() else {
            return Err("no column is compared".to_owned().into());
        };
        let direction = Direction::of(first);
        if scores.iter().any(|score| Direction::of(score) != direction) {
            let reason = "in some of the columns higher is better, in others lower";
            return Err(reason.to_owned().into());
        }
        let is_one = scores.iter().all(|score| score.name == first.name);
        let metric = if is_one { first.name.as_str() } else { "" };
        let (sides, paired) = matched(columns, &mut gathered.remarks)?;
        if sides.are_the_same() {
            return Err(SAME.to_owned().into());
        }
        Ok(Prepared {
            sides,
            direction,
            metric: metric.to_owned(),
            paired,
            trained_once: gathered.trained_once.into_iter().collect(),
            per_seed: gathered.per_seed.map(|jobs| jobs.into_iter().collect()),
            remarks: gathered.remarks,
        })
    }

    /// Returns the units of a cell of row `place` of the question. `score` is the first score of the column.
    fn units(
        &mut self,
        side: &Side<'_>,
        place: usize,
        jobs: Jobs<'_, 'a>,
        gathered: &mut Gathered,
        score: &mut Option<Score>,
    ) -> Result<Units<'a>, Stop> {
        if side.plan.text.is_some() {
            return Err("it shows texts".to_owned().into());
        }
        if side.plan.choice.is_some() {
            if side.chosen.is_none() {
                return Err("no point of its grid is chosen yet".to_owned().into());
            }
            let remark = "the best point of a grid looks better than it is, where it was chosen by the score that is compared";
            add(&mut gathered.remarks, remark.to_owned());
        }
        let design = Design::of(jobs.graph, side.plan, side.chosen).distinct(jobs.found);
        if design.is_crossed {
            let reason = "all runs of a row rest on each other, so none is a replicate: seeds that go together are written as \
                          over = [{ a = 0, b = 0 }, { a = 1, b = 1 }]";
            return Err(reason.to_owned().into());
        }
        gathered.per_seed[place].extend(design.per_seed);
        gathered.trained_once.extend(design.trained_once);
        let mut units = Units::with_capacity(design.units.len());
        for (name, of_unit) in design.units {
            let mut runs = Vec::with_capacity(of_unit.len());
            for job in of_unit {
                runs.push(self.run_of(job, side, jobs, score)?);
            }
            units.push((name, runs));
        }
        Ok(units)
    }

    /// Returns a job's run, with the score of the column.
    fn run_of(
        &mut self,
        job: JobIndex,
        side: &Side<'_>,
        jobs: Jobs<'_, 'a>,
        first: &mut Option<Score>,
    ) -> Result<Run<'a>, Stop> {
        let found = (jobs.found)(job).ok_or_else(|| (jobs.reason)(job))?;
        let score = self.score(found, side.plan.metric.as_deref(), None)??;
        if let Some(why) = &score.undefined {
            return Err(format!("`{}` is undefined: {why}", score.name).into());
        }
        let first = first.get_or_insert_with(|| score.clone());
        let name = &score.name;
        if first.name != *name {
            let other = &first.name;
            return Err(format!(
                "the rows have different scores, `{other}` and `{name}`; `metric` names one"
            )
            .into());
        }
        if first.unit != score.unit {
            let (one, other) = (&first.unit, &score.unit);
            return Err(format!(
                "`{name}` is in units of `{one}` in one row, and of `{other}` in the other"
            )
            .into());
        }
        Ok(Run {
            label: jobs.graph.job(job).label.to_string(),
            found,
            score,
        })
    }
}
