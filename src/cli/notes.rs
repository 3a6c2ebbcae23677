//! What stages noted of results, told at the end of a run.

use std::collections::{BTreeSet, HashMap};

use crate::terminal::Paint;

use super::output::tell;
use crate::execute::JobState;
use crate::graph::{JobIndex, Plan};
use crate::progress::count;
use crate::report::Names;
use crate::store::{Note, Notes};

/// How many notes are told at most.
const MOST: usize = 20;

/// Tells the notes of results that this run has made, and of those that the stages asked for rest on. A note that several jobs
/// of a stage made is told once.
pub(super) fn tell_notes(plan: &Plan, states: &[JobState]) {
    let lines = lines(plan, states);
    if lines.is_empty() {
        return;
    }
    tell(&format!("{}", "noted:".yellow()));
    for (who, message) in lines.iter().take(MOST) {
        tell(&format!("  {}: {message}", who.cyan()));
    }
    if lines.len() > MOST {
        let more = count(lines.len() - MOST, "more note");
        tell(&format!(
            "  and {more}: pipe log stage:NAME tells those of one"
        ));
    }
}

/// Returns the notes with the jobs that made them, in the graph's order.
fn lines(plan: &Plan, states: &[JobState]) -> Vec<(String, String)> {
    let mut asked = BTreeSet::new();
    let mut open = plan.stages.clone();
    while let Some(job) = open.pop() {
        if asked.insert(job) {
            open.extend(plan.jobs.inputs(job));
        }
    }
    let mut told: Vec<(&str, Vec<JobIndex>)> = Vec::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for (index, job) in plan.jobs.jobs() {
        let found = match &states[index.index()] {
            JobState::Made(found) => found,
            JobState::Cached(found) if asked.contains(&index) => found,
            _ => continue,
        };
        for message in found.notes.messages() {
            let place = *places.entry((&job.stage, message)).or_insert_with(|| {
                told.push((message, Vec::new()));
                told.len() - 1
            });
            told[place].1.push(index);
        }
    }
    let mut names = Names::new(&plan.jobs);
    let lines = told.into_iter();
    lines
        .map(|(message, jobs)| (names.of(jobs.into_iter()), message.to_owned()))
        .collect()
}

/// Returns the notes of one result as lines, to stand below a line on the result.
pub(super) fn below(notes: &Notes, indent: &str) -> String {
    let lines = notes
        .iter()
        .map(|note| format!("{indent}noted: {}\n", text(note)));
    lines.collect()
}

/// Returns a note with the number of times that it was made.
pub(super) fn text(note: &Note) -> String {
    match note.times {
        1 => note.message.clone(),
        times => format!("{} ({times} times)", note.message),
    }
}
