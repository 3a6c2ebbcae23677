//! Whether a row of a table is better than another: from the results of their runs to a [`Compared`] for each pair of cells.
//!
//! `design` reads off the graph which runs are replicates; `examples` makes predictions ready to be scored anew; `crate statistics`
//! does the rest. What the Multi-Bootstrap says of a pair is kept as a note in the store, so a table that was compared is compared
//! again without reading any predictions.

mod design;
mod examples;
mod resampling;
mod words;

use std::collections::BTreeSet;

use metrics::Direction;
use metrics::scores::Score;
use statistics::{Bootstrap, Comparison, FEWEST, Options, Unit};

use self::design::{Design, UnitName};
use self::resampling::{Run, Sides};
use super::builder::Builder;
use super::{Jobs, ReportError};
use crate::graph::{CellPlan, JobIndex};

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
    /// Says of what a verdict is: of `procedures`, or of `artefacts` that were made once.
    pub fn of(&self) -> &'static str {
        match self.trained_once.is_empty() {
            true => "procedures",
            false => "artefacts",
        }
    }
}

/// The answer to a question; a reason, as a lowercase fragment, where there is nothing to compare.
pub type Answer = Result<Compared, String>;

/// A question with all that the scores say.
struct Prepared<'p> {
    sides: Sides<'p>,
    direction: Direction,
    metric: String,
    paired: bool,
    trained_once: Vec<JobIndex>,
    per_seed: [Vec<JobIndex>; 2],
    remarks: Vec<String>,
}

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
            let mut resampled = resampling::bootstrap(self.store, &sides, options)?.into_iter();
            for prepared in prepared {
                answers.push(prepared.and_then(|prepared| {
                    let bootstrap = resampled.next().unwrap_or_else(|| Ok(None))?;
                    finish(prepared, bootstrap, options)
                }));
            }
        }
        Ok(answers)
    }

    /// Gathers the scores of a question, by seed.
    fn prepare<'p>(
        &mut self,
        question: &Question<'p>,
        jobs: Jobs<'_, 'a>,
    ) -> Result<Result<Prepared<'a>, String>, ReportError> {
        let mut columns: Vec<[Vec<(UnitName, Vec<Run<'a>>)>; 2]> = Vec::new();
        let mut scores: Vec<Score> = Vec::new();
        let mut trained_once = BTreeSet::new();
        let mut per_seed: [BTreeSet<JobIndex>; 2] = Default::default();
        let mut remarks: Vec<String> = Vec::new();
        for cells in &question.cells {
            let mut column: [Vec<(UnitName, Vec<Run<'a>>)>; 2] = Default::default();
            let mut of_column: Option<Score> = None;
            for ((side, units), per_seed) in cells.iter().zip(&mut column).zip(&mut per_seed) {
                if side.plan.text.is_some() {
                    return Ok(Err("it shows texts".to_owned()));
                }
                if side.plan.choice.is_some() && side.chosen.is_none() {
                    return Ok(Err("no point of its grid is chosen yet".to_owned()));
                }
                if side.plan.choice.is_some() {
                    let remark = "the best points of grids are compared: where they were chosen by the score that is compared, both rows look better than they are";
                    add(&mut remarks, remark.to_owned());
                }
                let design = Design::of(jobs.graph, side.plan, side.chosen);
                if design.is_crossed {
                    return Ok(Err(
                        "all runs of a row rest on each other, so none is a replicate".to_owned(),
                    ));
                }
                per_seed.extend(design.per_seed);
                trained_once.extend(design.trained_once);
                for (name, of_unit) in design.units {
                    let mut runs = Vec::with_capacity(of_unit.len());
                    for job in of_unit {
                        let Some(found) = (jobs.found)(job) else {
                            return Ok(Err((jobs.reason)(job)));
                        };
                        let score = match self.score(found, side.plan.metric.as_deref(), None)? {
                            Ok(score) => score,
                            Err(reason) => return Ok(Err(reason)),
                        };
                        if let Some(why) = &score.undefined {
                            return Ok(Err(format!("`{}` is undefined: {why}", score.name)));
                        }
                        match &of_column {
                            Some(first) if first.name != score.name => {
                                return Ok(Err(format!(
                                    "the rows have different scores, `{}` and `{}`; `metric` names one",
                                    first.name, score.name
                                )));
                            }
                            Some(_) => {}
                            None => of_column = Some(score.clone()),
                        }
                        runs.push(Run {
                            label: jobs.graph.job(job).label.to_string(),
                            found,
                            score,
                        });
                    }
                    units.push((name, runs));
                }
            }
            scores.extend(of_column);
            columns.push(column);
        }
        let Some(first) = scores.first() else {
            return Ok(Err("no column is compared".to_owned()));
        };
        let direction = Direction::of(first);
        if scores.iter().any(|score| Direction::of(score) != direction) {
            return Ok(Err(
                "in some of the columns higher is better, in others lower".to_owned(),
            ));
        }
        let is_one = scores.iter().all(|score| score.name == first.name);
        let metric = if is_one {
            first.name.clone()
        } else {
            String::new()
        };
        let (sides, paired) = match matched(columns, &mut remarks) {
            Ok(matched) => matched,
            Err(reason) => return Ok(Err(reason)),
        };
        if sides.are_the_same() {
            return Ok(Err(SAME.to_owned()));
        }
        Ok(Ok(Prepared {
            sides,
            direction,
            metric,
            paired,
            trained_once: trained_once.into_iter().collect(),
            per_seed: per_seed.map(|jobs| jobs.into_iter().collect()),
            remarks,
        }))
    }
}

/// Pairs the units of two rows by their names, in all columns alike. Returns the units to compare, and whether they are paired.
fn matched<'a>(
    columns: Vec<[Vec<(UnitName, Vec<Run<'a>>)>; 2]>,
    remarks: &mut Vec<String>,
) -> Result<(Sides<'a>, bool), String> {
    let names = |column: &[Vec<(UnitName, Vec<Run<'a>>)>; 2]| {
        let of = |units: &[(UnitName, Vec<Run<'a>>)]| -> Vec<UnitName> {
            units.iter().map(|(name, _)| name.clone()).collect()
        };
        [of(&column[0]), of(&column[1])]
    };
    let Some([base, other]) = columns.first().map(names) else {
        return Err("no column is compared".to_owned());
    };
    if columns
        .iter()
        .any(|column| names(column) != [base.clone(), other.clone()])
    {
        return Err("the columns have different seeds".to_owned());
    }
    let common: BTreeSet<&UnitName> = base.iter().filter(|name| other.contains(name)).collect();
    let fewer = base.len().min(other.len());
    // One run without a seed beside one run: the two are compared as they are.
    let paired = common.len() == fewer || common.len() >= FEWEST;
    if !paired && fewer > 1 {
        remarks.push(match common.len() {
            0 => "no seed in common: compared as independent samples".to_owned(),
            few => format!("{few} seeds in common: compared as independent samples"),
        });
    } else if paired && base.len().max(other.len()) > common.len() {
        let all = base.len().max(other.len());
        remarks.push(format!("by the {} of {all} seeds in common", common.len()));
    }
    let kept = |name: &UnitName| !paired || common.contains(name);
    let columns = columns.into_iter().map(|column| {
        column.map(|units| {
            let units = units.into_iter().filter(|(name, _)| kept(name));
            units.map(|(_, runs)| runs).collect()
        })
    });
    Ok((Sides(columns.collect()), paired))
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

fn add(remarks: &mut Vec<String>, remark: String) {
    if !remarks.contains(&remark) {
        remarks.push(remark);
    }
}
