//! The comparisons that a table declares: a mark at each cell with a verdict, and the rule in one note.

use std::collections::BTreeSet;

use statistics::{Drawing, FEWEST, Options};
use tables::{Cell, ComparisonLine, Mark};

use super::compare::{Answer, Compared, Question, SAME, Side, Told, told};
use super::{Builder, Jobs, ReportError};
use crate::graph::{ComparePlan, JobGraph, OutputPlan};

/// How many reasons are told at most why nothing was compared.
const REASONS: usize = 3;

/// The comparisons of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparisons {
    pub(super) lines: Vec<ComparisonLine>,
    pub(super) note: Option<String>,
}

impl<'a> Builder<'a> {
    /// Compares the rows of a table with the one that it declares, and marks the cells.
    pub(super) fn comparisons(
        &mut self,
        plan: &OutputPlan,
        cells: &mut [Vec<Cell>],
        jobs: Jobs<'_, 'a>,
    ) -> Result<Comparisons, ReportError> {
        let Some(declared) = plan.compare else {
            return Ok(Comparisons::default());
        };
        let options = options(&declared);
        let rows: Vec<usize> = (0..plan.rows.len())
            .filter(|row| *row != declared.to && plan.rows[*row].compared)
            .collect();
        let (places, questions) = questions(plan, cells, declared.to, &rows);
        let answers = self.compare(&questions, jobs, &options)?;
        let judged = told(&answers.iter().collect::<Vec<_>>(), options.level);
        let base = &plan.rows[declared.to].label;
        let mut lines = Vec::with_capacity(answers.len());
        for (((row, column), answer), judged) in places.iter().zip(&answers).zip(&judged) {
            cells[*row][*column].mark = match judged {
                Some((Told::Better, _)) => Some(Mark::Better),
                Some((Told::Worse, _)) => Some(Mark::Worse),
                _ => None,
            };
            lines.push(ComparisonLine {
                row: plan.rows[*row].label.clone(),
                column: plan.columns[*column].label.clone(),
                base: base.clone(),
                ..line(answer, *judged)
            });
        }
        Ok(Comparisons {
            note: note(base, &answers, &judged, &options, jobs.graph),
            lines,
        })
    }
}

/// Returns how a table's rows are compared.
pub fn options(declared: &ComparePlan) -> Options {
    Options {
        drawing: Drawing {
            draws: declared.draws,
            seed: declared.seed,
        },
        level: declared.level,
    }
}

/// Returns a question for each cell of `rows` that can be compared with that of the base, and its row and column.
pub fn questions<'p>(
    plan: &'p OutputPlan,
    cells: &[Vec<Cell>],
    base: usize,
    rows: &[usize],
) -> (Vec<(usize, usize)>, Vec<Question<'p>>) {
    let columns = plan.columns.iter().enumerate();
    let columns: Vec<usize> = columns
        .filter(|(_, column)| column.compared)
        .map(|(place, _)| place)
        .collect();
    let places = rows
        .iter()
        .flat_map(|row| columns.iter().map(|column| (*row, *column)));
    places
        .filter_map(|(row, column)| {
            let sides = [
                side(plan, cells, base, column)?,
                side(plan, cells, row, column)?,
            ];
            Some(((row, column), Question { cells: vec![sides] }))
        })
        .unzip()
}

/// Returns a cell as comparisons take it; `None` where row and column do not go together, or texts are shown.
pub fn side<'p>(
    plan: &'p OutputPlan,
    cells: &[Vec<Cell>],
    row: usize,
    column: usize,
) -> Option<Side<'p>> {
    let planned = plan.cells[row][column].as_ref()?;
    let chosen = cells[row][column].chosen.as_ref();
    planned.text.is_none().then_some(Side {
        plan: planned,
        chosen: chosen.map(|chosen| chosen.place),
    })
}

fn line(answer: &Answer, judged: Option<(Told, Option<f64>)>) -> ComparisonLine {
    let compared = match answer {
        Ok(compared) => compared,
        Err(reason) => {
            return ComparisonLine {
                remarks: vec![reason.clone()],
                ..ComparisonLine::default()
            };
        }
    };
    let comparison = &compared.comparison;
    let bootstrap = comparison.bootstrap.map(|bootstrap| bootstrap.interval);
    let student = comparison.student.map(|student| student.interval);
    let [base, other] = comparison.seeds;
    ComparisonLine {
        difference: Some(comparison.difference),
        interval: bootstrap.map(|interval| (interval.low, interval.high)),
        by_seeds: student.map(|interval| (interval.low, interval.high)),
        p: judged.and_then(|(_, p)| p),
        verdict: judged.map(|(told, _)| told.words().to_owned()),
        of: Some(compared.of().to_owned()),
        seeds: Some((base, other)),
        remarks: compared.remarks.clone(),
        ..ComparisonLine::default()
    }
}

/// Whether the smallest probability that draws can show is too large to settle the first of so many comparisons.
pub fn too_few_draws(comparisons: usize, options: &Options) -> bool {
    2.0 * comparisons as f64 > (1.0 - options.level) * f64::from(options.drawing.draws)
}

/// Says by which rule cells are marked, and of what the marks hold.
fn note(
    base: &str,
    answers: &[Answer],
    judged: &[Option<(Told, Option<f64>)>],
    options: &Options,
    graph: &JobGraph,
) -> Option<String> {
    let compared: Vec<&Compared> = answers.iter().flatten().collect();
    if compared.is_empty() {
        let mut reasons: Vec<&str> = Vec::new();
        for reason in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            if !reasons.contains(&reason.as_str()) {
                reasons.push(reason);
            }
        }
        reasons.truncate(REASONS);
        return (!reasons.is_empty())
            .then(|| format!("Not compared with `{base}`: {}.", reasons.join("; ")));
    }
    let is_told = |wanted: &[Told]| {
        let mut told = judged.iter().flatten();
        told.any(|(told, _)| wanted.contains(told))
    };
    if !is_told(&[Told::Better, Told::Worse, Told::NotSettled]) {
        return Some(format!(
            "No cell is called better or worse than that of `{base}`: it takes {FEWEST} seeds."
        ));
    }
    let percent = format!("{:.4}", 100.0 * options.level);
    let percent = percent.trim_end_matches('0').trim_end_matches('.');
    let several = compared.iter().any(|it| it.comparison.replicates() > 1);
    let resampled = compared.iter().any(|it| it.comparison.bootstrap.is_some());
    let tests = match (several, resampled) {
        (true, true) => "over seeds and examples (Multi-Bootstrap and Student's t)",
        (true, false) => "over seeds (Student's t)",
        (false, _) => "over examples (bootstrap), of one run each",
    };
    let once: BTreeSet<&str> = compared
        .iter()
        .flat_map(|compared| &compared.trained_once)
        .map(|job| &*graph.job(*job).stage)
        .collect();
    let once = match once.is_empty() {
        true => String::new(),
        false => {
            let stages: Vec<String> = once.iter().map(|stage| format!("`{stage}`")).collect();
            format!(
                "; of these artefacts, not of how they were made, since each is of one run of {}",
                stages.join(" and ")
            )
        }
    };
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    let refused = match refused.filter(|reason| *reason != SAME).count() {
        0 => String::new(),
        1 => "; 1 cell is not compared, and `pipe compare` says why".to_owned(),
        more => format!("; {more} cells are not compared, and `pipe compare` says why"),
    };
    let few = match too_few_draws(compared.len(), options) {
        true => format!(
            "; {} draws are too few for so many comparisons: declare more `draws`",
            options.drawing.draws
        ),
        false => String::new(),
    };
    let settled = match is_told(&[Told::Better, Told::Worse]) {
        true => format!("▲ better, ▼ worse than `{base}`"),
        false => format!("No difference from `{base}` is settled"),
    };
    let made = match compared.len() {
        1 => String::new(),
        made => format!(", corrected for {made} comparisons (Holm)"),
    };
    Some(format!(
        "{settled}: at {percent} %, {tests}{made}{once}{few}{refused}."
    ))
}
