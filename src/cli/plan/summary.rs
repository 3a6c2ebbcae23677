//! A plan in a few lines: per stage, what changed, and the price.

use std::collections::HashMap;

use crate::terminal::Paint;
use serde::Serialize;

use super::reasons::Reason;
use super::{cut, time};
use crate::execute::Standing;
use crate::graph::JobGraph;
use crate::progress::{amount, count};
use crate::why::{Price, Prices};

/// How many stages have lines of their own at most.
const STAGES: usize = 16;
/// How many reasons are told at most.
const REASONS: usize = 10;
/// The longest line, in characters.
const WIDTH: usize = 96;

/// How the jobs of a stage stand.
#[derive(Debug, Default, Serialize)]
pub(super) struct StageTally {
    stage: String,
    cached: usize,
    /// Jobs that will run.
    run: usize,
    /// Jobs that need inputs which have to be made first, and may turn out to be cached.
    unknown: usize,
    /// Jobs that cannot run.
    broken: usize,
    /// Core time of the jobs that will run, as far as similar jobs have run.
    core_seconds: Option<f64>,
}

impl StageTally {
    fn has_work(&self) -> bool {
        self.run + self.unknown + self.broken > 0
    }
}

/// Counts how the jobs of each stage stand, in the graph's order.
pub(super) fn tallies(
    graph: &JobGraph,
    standings: &[Standing],
    prices: &Prices,
) -> Vec<StageTally> {
    let mut tallies: Vec<StageTally> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (((_, job), standing), price) in graph.jobs().zip(standings).zip(&prices.jobs) {
        let place = *places.entry(&job.stage).or_insert_with(|| {
            tallies.push(StageTally {
                stage: job.stage.to_string(),
                ..StageTally::default()
            });
            tallies.len() - 1
        });
        let tally = &mut tallies[place];
        *match standing {
            Standing::Cached(_) => &mut tally.cached,
            Standing::Away(_) | Standing::Missing { .. } => &mut tally.run,
            Standing::Unknown => &mut tally.unknown,
            Standing::Broken(_) => &mut tally.broken,
        } += 1;
        if let Some(price) = price {
            *tally.core_seconds.get_or_insert(0.0) += price.core_seconds;
        }
    }
    tallies
}

/// Says in a table how the stages stand.
pub(super) fn stages(tallies: &[StageTally]) -> String {
    type Count = fn(&StageTally) -> usize;
    let columns: [(&str, Count); 4] = [
        ("cached", |tally| tally.cached),
        ("to run", |tally| tally.run),
        ("not known yet", |tally| tally.unknown),
        ("broken", |tally| tally.broken),
    ];
    // Few pipelines have broken jobs, so their column is left out elsewhere.
    let columns: Vec<_> = columns
        .into_iter()
        .filter(|(name, of)| *name != "broken" || tallies.iter().any(|tally| of(tally) > 0))
        .collect();
    // Where there are many stages, those with something to do are told.
    let told: Vec<&StageTally> = match tallies.len() > STAGES {
        true => tallies.iter().filter(|tally| tally.has_work()).collect(),
        false => tallies.iter().collect(),
    };
    let shown = &told[..told.len().min(STAGES)];
    let name = |tally: &StageTally| cut(&tally.stage, 32);
    let width = shown.iter().map(|tally| name(tally).chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = format!("{:width$}", "");
    for (name, _) in &columns {
        text += &format!("  {name}");
    }
    text += &format!("  {:>11}\n", "core time");
    for tally in shown {
        let mut line = format!("{:<width$}", name(tally));
        for (name, of) in &columns {
            let number = match of(tally) {
                0 => "·".to_owned(),
                number => number.to_string(),
            };
            line += &format!("  {number:>0$}", name.len());
        }
        match tally.core_seconds {
            Some(seconds) => line += &format!("  {:>11}", time(seconds)),
            None if tally.run + tally.unknown > 0 => line += &format!("  {:>11}", "not known"),
            None => {}
        }
        text += &format!("{}\n", line.trim_end());
    }
    if shown.len() < tallies.len() {
        let rest = count(tallies.len() - shown.len(), "stage");
        text += &match shown.len() < told.len() {
            true => format!("… and {rest} more\n"),
            false => format!("… and {rest} more with nothing to do\n"),
        };
    }
    text
}

/// Says what has changed.
pub(super) fn changed(reasons: &[Reason]) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", "why".bold());
    for reason in &reasons[..reasons.len().min(REASONS)] {
        let whose = reason.whose();
        let line = format!("  {}: {whose}", reason.text);
        match line.chars().count() <= WIDTH {
            true => text += &format!("{line}\n"),
            false => {
                let reason = cut(&reason.text, WIDTH - 3);
                text += &format!("  {reason}:\n      {whose}\n");
            }
        }
    }
    if reasons.len() > REASONS {
        text += &format!(
            "  … and {} more\n",
            count(reasons.len() - REASONS, "reason")
        );
    }
    text
}

/// Says what all jobs that will run cost together; empty where none will run.
pub(super) fn price(price: &Price, threads: usize) -> String {
    let mut text = String::new();
    if price.jobs > 0 {
        let about = if price.unknown > 0 {
            "at least"
        } else {
            "about"
        };
        text += &format!(
            "\n{about} {} here, on {}: {} of core time ({} to {}),\n{}B of disk, {}B of memory for one job at most\n",
            time(price.wall_seconds),
            count(threads, "core"),
            time(price.core_seconds),
            time(price.between.0),
            time(price.between.1),
            amount(price.disk as f64),
            amount(price.memory as f64),
        );
    } else if price.unknown > 0 {
        text.push('\n');
    }
    if price.unknown > 0 {
        let jobs = count(price.unknown, "job");
        text += &match price.jobs {
            0 => format!("no price: nothing like these {jobs} has run yet\n"),
            _ => format!("{jobs} not in it: nothing like them has run yet\n"),
        };
    }
    text
}

/// Says in a line how it stands with all jobs.
pub(super) fn total(tallies: &[StageTally]) -> String {
    let sum = |of: fn(&StageTally) -> usize| tallies.iter().map(of).sum::<usize>();
    let (cached, run) = (sum(|tally| tally.cached), sum(|tally| tally.run));
    let (unknown, broken) = (sum(|tally| tally.unknown), sum(|tally| tally.broken));
    let mut text = format!(
        "{}: {cached} cached",
        count(cached + run + unknown + broken, "job")
    );
    if run > 0 {
        text += &format!(", {run} to run");
    }
    if unknown > 0 {
        text += &format!(", {unknown} not known before others have run");
    }
    if broken > 0 {
        text += &format!(", {broken} broken");
    }
    text + "\n"
}
