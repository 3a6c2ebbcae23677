//! Whether a row of a table is better than another: from the results of their runs to a [`Compared`] for each pair of cells.
//!
//! `design` reads off the graph which runs are replicates, `prepare` gathers their scores, `pairing` says which seeds of two rows go
//! together, `examples` makes predictions ready to be scored anew; crate `statistics` does the rest. What the Multi-Bootstrap says of
//! a pair is kept as a note in the store, so a table that was compared is compared again without reading any predictions.

mod design;
mod examples;
mod pairing;
mod prepare;
mod resampling;
mod words;

use metrics::Direction;
use statistics::{Bootstrap, Comparison, Options, Unit};

use self::prepare::Prepared;
use self::resampling::Run;
use super::builder::Builder;
use super::{Jobs, ReportError};
use crate::graph::{CellPlan, JobIndex};

pub(in crate::report) use design::Design;
pub use words::{Told, told};

/// How many questions are worked on together: enough to share what their cells have in common, few enough for memory.
const TOGETHER: usize = 64;

/// The reason why rows are not compared that come to the same results: there is nothing to settle.
pub const SAME: &str = "both rows have the same results";

/// A cell of a row, as far as comparisons ask.
#[derive(Clone, Copy, Debug)]
pub struct Side<'p> {
    /// The cell.
    pub plan: &'p CellPlan,
    /// The place of the point that was chosen, where a grid was searched.
    pub chosen: Option<usize>,
}

/// A question: whether the second row of a table is better than the first, in a column, or in the mean over several.
#[derive(Clone, Debug)]
pub struct Question<'p> {
    /// In each column the cells of the two rows.
    pub cells: Vec<[Side<'p>; 2]>,
}

/// What is known of a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The numbers. Their differences are of the second row less the first.
    pub comparison: Comparison,
    /// The mean scores of the two rows over the seeds that are compared.
    pub means: [f64; 2],
    /// Whether higher or lower is better.
    pub direction: Direction,
    /// The score that is compared; empty where several columns have several.
    pub metric: String,
    /// The trainings that all runs of a row share: the comparison is one of what these made, not of how it was made.
    pub trained_once: Vec<JobIndex>,
    /// Jobs behind one seed of either row, and behind no other: what another seed costs.
    pub per_seed: [Vec<JobIndex>; 2],
    /// Fragments that whoever reads the verdict has to know.
    pub remarks: Vec<String>,
}

impl Compared {
    /// Whether a verdict is of what was made once, and not of how it was made.
    pub fn is_of_artefacts(&self) -> bool {
        !self.trained_once.is_empty() || self.comparison.replicates() == 1
    }

    /// Says of what a verdict is: of `procedures`, or of `artefacts` that were made once.
    pub fn of(&self) -> &'static str {
        match self.is_of_artefacts() {
            true => "artefacts",
            false => "procedures",
        }
    }
}

/// The answer to a question; a reason, as a lowercase fragment, where there is nothing to compare.
pub type Answer = Result<Compared, String>;

impl<'a> Builder<'a> {
    /// Answers questions, in their order.
    ///
    /// # Errors
    /// When scores or predictions are damaged, or the store cannot be read.
    pub fn compare(
        &mut self,
        questions: &[Question<'_>],
        jobs: Jobs<'_, 'a>,
        options: &Options,
    ) -> Result<Vec<Answer>, ReportError> {
        let mut answers = Vec::with_capacity(questions.len());
        for questions in questions.chunks(TOGETHER) {
            let mut prepared = Vec::with_capacity(questions.len());
            for question in questions {
                prepared.push(self.prepare(question, jobs)?);
            }
            let sides = prepared.iter().filter_map(|one| one.as_ref().ok());
            let sides: Vec<_> = sides.map(|one| (&one.sides, one.paired)).collect();
            let mut resampled =
                resampling::bootstrap(self.store, &mut self.bootstraps, &sides, options)?
                    .into_iter();
            for prepared in prepared {
                answers.push(prepared.and_then(|prepared| {
                    let bootstrap = resampled.next().unwrap_or(Ok(None))?;
                    finish(prepared, bootstrap, options)
                }));
            }
        }
        Ok(answers)
    }
}

fn finish(
    prepared: Prepared<'_>,
    bootstrap: Option<Bootstrap>,
    options: &Options,
) -> Result<Compared, String> {
    let mut remarks = prepared.remarks;
    let scores = |run: &Run<'_>| Unit {
        score: run.score.value,
        draws: Vec::new(),
    };
    let [base, other] = [0, 1].map(|side| prepared.sides.units(side, &scores));
    let comparison = Comparison::with(&base, &other, prepared.paired, bootstrap, options);
    if bootstrap.is_none() {
        let has_spread = comparison
            .student
            .is_some_and(|student| student.error > 0.0);
        if comparison.replicates() > 1 && !has_spread {
            return Err("no spread over seeds, and no predictions.parquet to resample".to_owned());
        }
        if comparison.replicates() == 1 {
            return Err(format!(
                "one run each, and no predictions.parquet of `{}` to resample",
                prepared.sides.label()
            ));
        }
        remarks.push("no predictions.parquet: over seeds alone".to_owned());
    }
    if let Some(undefined) = bootstrap.map(|it| it.undefined).filter(|count| *count > 0) {
        remarks.push(format!(
            "{undefined} draws left out, on which a score is undefined"
        ));
    }
    Ok(Compared {
        comparison,
        means: [base, other].map(|units| {
            let scores: Vec<f64> = units.iter().map(|unit| unit.score).collect();
            metrics::mean(&scores)
        }),
        direction: prepared.direction,
        metric: prepared.metric,
        trained_once: prepared.trained_once,
        per_seed: prepared.per_seed,
        remarks,
    })
}
