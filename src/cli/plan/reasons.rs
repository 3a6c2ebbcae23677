//! What changed, said once for all jobs that will run for the same reason.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use crate::execute::Standing;
use crate::graph::{JobGraph, JobIndex};
use crate::progress::count;
use crate::why::{Change, Why};

/// How many new values of a parameter are told at most.
const VALUES: usize = 4;
/// The most characters of a value that are told.
const VALUE: usize = 32;
/// How many parts of keys a reason tells; jobs that differ in more parts are told together.
const PARTS: usize = 3;
/// For how many reasons the jobs are counted that rest on their jobs: in a large sweep counting takes long.
const COUNTED: usize = 64;
/// What is said of jobs that cannot run.
const BROKEN: &str = "cannot run";
/// The name that stands for the parts where there are many.
const MANY: &str = "many";

/// A reason, and the jobs that have it.
#[derive(Debug, Serialize)]
pub(super) struct Reason {
    /// The reason in words.
    pub(super) text: String,
    /// The stage whose jobs will run, or cannot, for this reason.
    pub(super) stage: String,
    /// How many jobs have this reason.
    pub(super) jobs: usize,
    /// How many more jobs rest on these, if they were counted.
    pub(super) rest: Option<usize>,
}

/// What jobs have in common that are told together: their stage, and which parts of their keys differ, whatever the values are.
type Group = (usize, String, Vec<String>);

/// Returns why jobs will run or cannot run, those of earlier stages first. Jobs that only wait for others have no reason of
/// their own.
pub(super) fn reasons(
    graph: &JobGraph,
    standings: &[Standing],
    whys: &[Option<Why>],
) -> Vec<Reason> {
    let mut stages: Vec<&str> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups = BTreeMap::<Group, Vec<JobIndex>>::new();
    for ((index, job), why) in graph.jobs().zip(whys) {
        let (word, parts) = match why {
            Some(Why::First) => ("no result of its kind is known".to_owned(), Vec::new()),
            Some(Why::Damaged { .. }) => ("damaged in the store".to_owned(), Vec::new()),
            Some(Why::Away { .. }) => ("its files are not here".to_owned(), Vec::new()),
            Some(Why::Broken { .. }) => (BROKEN.to_owned(), Vec::new()),
            Some(why) => match changes(why) {
                [] => continue,
                changes if changes.len() > PARTS => (String::new(), vec![MANY.to_owned()]),
                changes => (String::new(), changes.iter().map(part).collect()),
            },
            None => continue,
        };
        let stage = *places.entry(&job.stage).or_insert_with(|| {
            stages.push(&job.stage);
            stages.len() - 1
        });
        groups.entry((stage, word, parts)).or_default().push(index);
    }
    let groups = groups.into_iter().enumerate();
    groups
        .map(|(place, ((stage, word, parts), jobs))| Reason {
            text: match parts.is_empty() {
                true if word == BROKEN => broken(&jobs, whys),
                true => word,
                false => told(&jobs, whys),
            },
            stage: stages[stage].to_owned(),
            jobs: jobs.len(),
            rest: (place < COUNTED).then(|| resting(graph, standings, &jobs)),
        })
        .collect()
}

/// Says why jobs cannot run: the first reason, and how many others there are.
fn broken(jobs: &[JobIndex], whys: &[Option<Why>]) -> String {
    let messages = jobs.iter().filter_map(|job| match whys.get(job.index()) {
        Some(Some(Why::Broken { failure })) => Some(failure.message.as_str()),
        _ => None,
    });
    let messages: Vec<&str> = messages.collect();
    let distinct: HashSet<&str> = messages.iter().copied().collect();
    let first = messages.first().copied().unwrap_or_default();
    match distinct.len() {
        0 | 1 => format!("{BROKEN}: {first}"),
        many => format!("{BROKEN}: {first}, and {} others", many - 1),
    }
}

/// Returns what differs between a job that will run and the nearest result.
fn changes(why: &Why) -> &[Change] {
    match why {
        Why::Changed { changes, .. } => changes,
        Why::Waits {
            nearest: Some((_, changes)),
            ..
        } => changes,
        _ => &[],
    }
}

/// Names the part of a key that differs.
fn part(change: &Change) -> String {
    match change {
        Change::Parameter { name, .. } => name.clone(),
        Change::Input { name, .. } => format!("input {name}"),
        Change::Version { .. } => "behaviour version".to_owned(),
        Change::Numerics { .. } => "numerics class".to_owned(),
    }
}

/// Says how the parts of keys differ, each once for all jobs.
fn told(jobs: &[JobIndex], whys: &[Option<Why>]) -> String {
    // Each part with how it differs, and for how many jobs, in the order in which parts are met.
    let mut parts: Vec<(String, Vec<&Change>, usize)> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for change in jobs
        .iter()
        .filter_map(|job| whys.get(job.index())?.as_ref())
        .flat_map(changes)
    {
        let name = part(change);
        let at = parts.iter().position(|(known, ..)| *known == name);
        let at = at.unwrap_or_else(|| {
            parts.push((name, Vec::new(), 0));
            parts.len() - 1
        });
        let (_, distinct, jobs) = &mut parts[at];
        if seen.insert(change.to_string()) {
            distinct.push(change);
        }
        *jobs += 1;
    }
    // Parts that differ for all jobs come first.
    parts.sort_by_key(|(.., of)| *of < jobs.len());
    let texts = parts.iter().take(PARTS).map(|(name, distinct, of)| {
        let mut text = match distinct.as_slice() {
            [Change::Parameter { old, new, .. }] => {
                format!("{name} {} → {}", value(old.as_ref()), value(new.as_ref()))
            }
            [one] => one.to_string(),
            several if matches!(several[0], Change::Parameter { .. }) => {
                format!("{name} {}", values(several))
            }
            several => format!("{name}: {} others", several.len()),
        };
        if *of < jobs.len() {
            text += &format!(" (in {of})");
        }
        text
    });
    let mut text = texts.collect::<Vec<_>>().join("; ");
    if parts.len() > PARTS {
        text += &format!("; and {} more that differ", parts.len() - PARTS);
    }
    text
}

/// Tells the values of a parameter that has several.
fn values(changes: &[&Change]) -> String {
    let distinct = |is_new: bool| {
        let mut seen = HashSet::new();
        let values = changes.iter().filter_map(|change| match change {
            Change::Parameter { old, new, .. } => Some(if is_new { new } else { old }),
            _ => None,
        });
        let mut all: Vec<String> = values.map(|one| value(one.as_ref())).collect();
        all.retain(|text| seen.insert(text.clone()));
        all
    };
    let [olds, news] = [false, true].map(|is_new| {
        let all = distinct(is_new);
        let mut text = all[..all.len().min(VALUES)].join(", ");
        if all.len() > VALUES {
            text += &format!(" and {} more", all.len() - VALUES);
        }
        text
    });
    format!("{olds} → {news}")
}

fn value(value: Option<&Value>) -> String {
    let text = match value {
        None => return "not given".into(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    super::cut(&text, VALUE)
}

/// Counts the other jobs that need one of these.
fn resting(graph: &JobGraph, standings: &[Standing], jobs: &[JobIndex]) -> usize {
    let mut seen: BTreeSet<JobIndex> = jobs.iter().copied().collect();
    let mut open: Vec<JobIndex> = jobs.to_vec();
    while let Some(index) = open.pop() {
        let users = graph.users(index);
        open.extend(
            users.filter(|user| standings[user.index()].found().is_none() && seen.insert(*user)),
        );
    }
    seen.len() - jobs.len()
}

impl Reason {
    /// Says whose reason it is: `14 jobs of pretrain, and 120 that rest on them`.
    pub(super) fn whose(&self) -> String {
        let mut text = format!("{} of {}", count(self.jobs, "job"), self.stage);
        if let Some(rest) = self.rest.filter(|rest| *rest > 0) {
            let them = if self.jobs == 1 { "it" } else { "them" };
            text += &match rest {
                1 => format!(", and 1 that rests on {them}"),
                rest => format!(", and {rest} that rest on {them}"),
            };
        }
        text
    }
}
