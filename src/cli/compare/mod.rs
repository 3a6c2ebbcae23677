//! `pipe compare`: whether a row of a table is better than another.

mod json;
mod power;
mod rows;
mod text;

use std::collections::BTreeMap;

use metrics::Direction;
use statistics::Options;

pub(super) use self::json::compared_json;
use self::power::Power;
use super::Exit;
use super::arguments::CompareArguments;
use super::failure::CommandFailure;
use super::missing::Missing;
use super::output::{print, print_json};
use super::project::Project;
use crate::execute::Standing;
use crate::graph::{JobIndex, OutputPlan};
use crate::registry::Registry;
use crate::report::compare::{Answer, Told, told};
use crate::report::{self, Builder, Jobs};
use crate::store::Found;

/// A cell that is compared with that of the base in its column, and what came of it.
struct Line<'p> {
    row: &'p str,
    column: &'p str,
    answer: Answer,
    /// What is said of it, and the probability corrected for all comparisons made.
    told: Option<(Told, Option<f64>)>,
    power: Option<Power>,
}

/// All that was compared.
struct Report<'p> {
    table: &'p OutputPlan,
    base: &'p str,
    options: Options,
    lines: Vec<Line<'p>>,
    /// The labels of trainings that all runs of a row share.
    trained_once: Vec<String>,
}

impl Report<'_> {
    /// Returns how many comparisons were made.
    fn made(&self) -> usize {
        let made = self.lines.iter().filter(|line| line.answer.is_ok());
        made.count()
    }
}

/// Compares rows of a table.
pub(super) fn compare(
    arguments: &CompareArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let targets = std::slice::from_ref(&arguments.table);
    let (plan, store, standings) = project.look(targets)?;
    let [table] = plan.outputs.as_slice() else {
        return Err(CommandFailure::Usage {
            message: format!("`{}` is not one table", arguments.table),
            remedy: "name one: pipe compare table:NAME; `pipe list` shows them".into(),
        });
    };
    let missing = Missing::new(&plan.jobs, &standings, &store)?;
    let jobs = Jobs {
        graph: &plan.jobs,
        found: &|job| found(&standings, job),
        reason: &|job| missing.reason(job),
    };
    let mut builder = Builder::new(&store);
    let output = builder.output(table, Vec::new(), jobs)?;
    let (base, others) = rows::chosen(table, &arguments.rows)?;
    let options = table
        .compare
        .as_ref()
        .map_or_else(Options::default, report::options);
    let (places, questions) = report::questions(table, output.cells(), base, &others);
    let answers = builder.compare(&questions, jobs, &options)?;
    let judged = told(&answers.iter().collect::<Vec<_>>(), options.level);
    let mut trained = BTreeMap::new();
    for answer in answers.iter().flatten() {
        for job in &answer.trained_once {
            trained.insert(*job, plan.jobs.job(*job).label.to_string());
        }
    }
    let mut lines = Vec::with_capacity(answers.len());
    for (((row, column), answer), told) in places.into_iter().zip(answers).zip(judged) {
        let power = match (&arguments.power, &answer) {
            (Some(difference), Ok(compared)) => {
                Some(Power::of(compared, *difference, options.level, &|job| {
                    let found = found(&standings, job)?;
                    let record = store.recorded(&found.key).ok()??;
                    Some(record.cost.core_seconds)
                }))
            }
            _ => None,
        };
        lines.push(Line {
            row: &table.rows[row].label,
            column: &table.columns[column].label,
            answer,
            told,
            power,
        });
    }
    let report = Report {
        table,
        base: &table.rows[base].label,
        options,
        lines,
        trained_once: trained.into_values().collect(),
    };
    match arguments.common.json {
        true => print_json(&json::report(&report, project.pipeline.profile()))?,
        false => print(&text::report(&report))?,
    }
    Ok(Exit::Ok)
}

fn found(standings: &[Standing], job: JobIndex) -> Option<&Found> {
    match &standings[job.index()] {
        Standing::Cached(found) | Standing::Away(found) => Some(found.as_ref()),
        _ => None,
    }
}

/// Returns the word for the better direction.
fn better(direction: Direction) -> &'static str {
    match direction {
        Direction::Higher => "higher",
        Direction::Lower => "lower",
    }
}
