//! Comparisons as text.

use std::time::Duration;

use statistics::Interval;

use super::{Line, Report, better};
use crate::cli::plan::cut;
use crate::progress::{count, duration};
use crate::report::compare::{Compared, Told};
use crate::report::too_few_draws;
use crate::terminal::{Paint, aligned};

/// The longest label of a row above a column of numbers, in characters.
const LABEL: usize = 24;
/// How many trainings are named at most.
const NAMED: usize = 6;

/// Returns what is printed.
pub(super) fn report(report: &Report<'_>) -> String {
    let mut text = String::new();
    let mut rows: Vec<&str> = report.lines.iter().map(|line| line.row).collect();
    rows.dedup();
    for row in rows {
        let heading = format!("{}: {row} against {}", report.table.name, report.base);
        let lines: Vec<&Line<'_>> = report.lines.iter().filter(|line| line.row == row).collect();
        let labels = [report.base, row].map(|label| cut(label, LABEL));
        text += &format!(
            "{}\n\n{}\n",
            heading.bold(),
            of_row(&lines, &labels, report.options.level)
        );
    }
    text + &notes(report)
}

/// Returns the comparisons of a row: differences and verdicts, then where differences come from, then what it would take.
fn of_row(lines: &[&Line<'_>], [base, other]: &[String; 2], level: f64) -> String {
    let compared: Vec<(&Line<'_>, &Compared)> = lines
        .iter()
        .filter_map(|line| Some((*line, line.answer.as_ref().ok()?)))
        .collect();
    let mut text = String::new();
    if !compared.is_empty() {
        let level = format!("{:.4}", 100.0 * level);
        let level = level.trim_end_matches('0').trim_end_matches('.');
        let mut rows = vec![heading(&[
            "",
            base,
            other,
            "difference",
            &format!("{level} %, seeds and examples"),
            &format!("{level} %, seeds"),
            "p, Holm",
            "verdict",
        ])];
        rows.extend(
            compared
                .iter()
                .map(|(line, compared)| verdict(line, compared)),
        );
        text += &aligned(&rows);
        let mut rows = vec![heading(&[
            "",
            "seeds",
            "deviation by seeds",
            "by examples",
            "permutation p",
            "could have shown, by seeds",
            "by examples",
        ])];
        rows.extend(
            compared
                .iter()
                .map(|(line, compared)| parts(line, compared)),
        );
        text += &format!("\n{}", aligned(&rows));
        if compared.iter().any(|(line, _)| line.power.is_some()) {
            let mut rows = vec![heading(&[
                "",
                "to settle",
                "seeds needed",
                "core time for them",
            ])];
            rows.extend(compared.iter().filter_map(|(line, _)| power(line)));
            text += &format!("\n{}", aligned(&rows));
        }
    }
    for line in lines {
        match &line.answer {
            Ok(compared) => {
                for remark in &compared.remarks {
                    text += &format!("{}: {remark}\n", line.column);
                }
            }
            Err(reason) => text += &format!("{}: not compared: {reason}\n", line.column),
        }
    }
    text
}

fn heading(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn verdict(line: &Line<'_>, compared: &Compared) -> Vec<String> {
    let comparison = &compared.comparison;
    let (told, p) = line.told.unwrap_or((Told::TooFew, None));
    // So many draws can show no smaller probability.
    let is_least = comparison.bootstrap.is_some_and(|bootstrap| {
        comparison.p() == Some(bootstrap.p) && bootstrap.p <= 2.0 / bootstrap.draws as f64
    });
    let floor = if is_least {
        "≤ ".to_owned()
    } else {
        String::new()
    };
    let bootstrap = comparison.bootstrap.map(|bootstrap| bootstrap.interval);
    let student = comparison.student.map(|student| student.interval);
    vec![
        line.column.to_owned(),
        fixed(compared.means[0]),
        fixed(compared.means[1]),
        signed(comparison.difference),
        interval(bootstrap),
        interval(student),
        p.map_or_else(dash, |p| floor + &probability(p)),
        told.words().to_owned(),
    ]
}

fn parts(line: &Line<'_>, compared: &Compared) -> Vec<String> {
    let comparison = &compared.comparison;
    let number = |number: Option<f64>| number.map_or_else(dash, fixed);
    let [base, other] = comparison.seeds;
    let by_seeds = comparison.bootstrap.filter(|_| comparison.replicates() > 1);
    let seeds = match (comparison.paired, base == other) {
        (true, _) => base.to_string(),
        (false, true) => format!("{base} each"),
        (false, false) => format!("{base} and {other}"),
    };
    vec![
        line.column.to_owned(),
        seeds,
        number(by_seeds.map(|bootstrap| bootstrap.seeds)),
        number(comparison.bootstrap.map(|bootstrap| bootstrap.examples)),
        comparison
            .permutation
            .map_or_else(dash, |permutation| probability(permutation.p)),
        number(comparison.detectable_by_seeds),
        number(comparison.detectable_by_examples),
    ]
}

fn power(line: &Line<'_>) -> Option<Vec<String>> {
    let power = line.power.as_ref()?;
    let time = power.core_seconds.map_or_else(dash, |seconds| {
        match Duration::try_from_secs_f64(seconds) {
            Ok(Duration::ZERO) => "none: there are as many".to_owned(),
            Ok(time) => duration(time),
            Err(_) => dash(),
        }
    });
    Some(vec![
        line.column.to_owned(),
        fixed(power.difference),
        power.words(),
        time,
    ])
}

/// Writes a number with two decimals, or with an exponent where it is so large that it has no digits after the point.
fn fixed(value: f64) -> String {
    match value.abs() < 1e15 {
        true => format!("{value:.2}"),
        false => format!("{value:.2e}"),
    }
}

fn signed(value: f64) -> String {
    match value.abs() < 1e15 {
        true => format!("{value:+.2}"),
        false => format!("{value:+.2e}"),
    }
}

fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(dash, |it| {
        format!("{} … {}", signed(it.low), signed(it.high))
    })
}

fn probability(p: f64) -> String {
    match p < 0.001 {
        true => "< 0.001".to_owned(),
        false => format!("{p:.3}"),
    }
}

fn dash() -> String {
    "—".to_owned()
}

/// Says how verdicts come about, and of what they hold.
fn notes(report: &Report<'_>) -> String {
    let mut text = String::new();
    let made = report.made();
    if made == 0 {
        return "nothing was compared\n".to_owned();
    }
    text += &format!(
        "a verdict takes three seeds, or one run each; p is the largest of three tests' (Multi-Bootstrap; Student's t over seeds, and with the\nexamples' part of the error), corrected for {} (Holm)\n",
        count(made, "comparison")
    );
    if too_few_draws(made, &report.options) {
        text += &format!(
            "{} draws are too few for so many comparisons: compare fewer, or declare more: compare = {{ …, draws = 50000 }}\n",
            report.options.drawing.draws
        );
    }
    if report.lines.iter().any(|line| line.power.is_some()) && made > 1 {
        text += "seeds needed are those of one comparison alone: together they take more\n";
    }
    let mut lower = report
        .lines
        .iter()
        .filter_map(|line| line.answer.as_ref().ok());
    if let Some(compared) = lower.find(|it| better(it.direction) == "lower") {
        text += &format!("of `{}` lower is better\n", compared.metric);
    }
    let mut compared = report
        .lines
        .iter()
        .filter_map(|line| line.answer.as_ref().ok());
    if report.trained_once.is_empty() && compared.any(|it| it.comparison.replicates() == 1) {
        text += "where a row has one result, a verdict is of that result, not of how it was made\n";
    }
    let once = &report.trained_once;
    if !once.is_empty() {
        let named = &once[..once.len().min(NAMED)];
        let more = match once.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text += &format!(
            "verdicts are of these artefacts, not of how they were made, since each was trained once: {}{more}\n",
            named.join(", ")
        );
    }
    text
}
