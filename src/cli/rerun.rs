//! `pipe verify --rerun`: a sample of jobs run once more, and their bytes compared.
//!
//! That a result is whole does not show that its job makes it: an archive may come from anybody, a program may use chance, a
//! processor may err. The jobs run in a store aside, each on the recorded results of the jobs before it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::is_starved;
use serde_json::{Value, json};

use super::Exit;
use super::arguments::VerifyArguments;
use super::failure::CommandFailure;
use super::output::{path_json, tell_error};
use super::project::Project;
use super::run::gpus;
use super::stops::stops;
use crate::execute::{
    self, Executor, JobState, Local, Means, Memory, Options, Resolver, Standing, lacking, survey,
};
use crate::failure::{Failure, FailureKind};
use crate::graph::{InputSource, Job, JobIndex, Plan};
use crate::keys::Key;
use crate::progress::{count, to_stderr};
use crate::registry::Registry;
use crate::store::{Away, Digest, Found, Record, Scratch, Store, StoreError};
use crate::why::PeakMemory;

/// What the second runs of jobs have shown.
pub(super) struct Rerun {
    seed: u64,
    /// How many results the pipeline needs.
    known: usize,
    /// Jobs that made the same bytes.
    same: Vec<String>,
    /// Jobs that made other bytes.
    others: Vec<Difference>,
    /// Jobs that failed.
    failed: Vec<(String, Failure)>,
    /// Jobs that there was no time for.
    open: Vec<String>,
    /// Jobs that were chosen and left out, and why.
    left_out: Vec<(String, &'static str)>,
    /// Results in the store that the pipeline does not take under the options in force.
    beyond: usize,
}

/// A job that made other bytes than its result has.
struct Difference {
    label: String,
    key: Key,
    was: Digest,
    is: Digest,
    /// The files that differ.
    files: Vec<String>,
    /// Where the new bytes lie.
    place: PathBuf,
    /// What may explain the difference.
    word: Option<String>,
}

/// A job that was chosen.
struct Chosen {
    index: JobIndex,
    found: Arc<Found>,
    record: Record,
}

/// Runs a sample of the jobs once more whose results the pipeline takes.
pub(super) fn rerun(
    arguments: &VerifyArguments,
    percent: f64,
    project: &Project,
    store: &Store,
    registry: &Registry,
) -> Result<Rerun, CommandFailure> {
    let noted = store.noted(project.pipeline.root());
    let (_, plan) = project.plan_with(&project.everything(), &noted)?;
    let executor = Local::here();
    let mut resolver = Resolver::new(store).to_look(&noted);
    let standings = survey(&plan.jobs, &mut resolver)?;
    drop(resolver);
    // Each time another sample is taken, so that several cover everything; a user who gives the number gets the same one.
    let seed = arguments.seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |time| u64::from(time.subsec_nanos()))
    });
    let mut told = Rerun {
        seed,
        known: 0,
        same: Vec::new(),
        others: Vec::new(),
        failed: Vec::new(),
        open: Vec::new(),
        left_out: Vec::new(),
        beyond: 0,
    };
    let chosen = choose(
        arguments,
        percent,
        &plan,
        &standings,
        store,
        &noted.used(),
        &mut told,
    )?;
    if chosen.is_empty() {
        return Ok(told);
    }
    let scratch = store.scratch()?;
    let again = Again {
        arguments,
        plan: &plan,
        standings: &standings,
        store,
        scratch: &scratch,
        executor: &executor,
        registry,
    };
    for (index, state) in again.run(&chosen)? {
        let Some(chosen) = chosen.iter().find(|chosen| chosen.index == index) else {
            continue;
        };
        let label = plan.jobs.job(index).label.to_string();
        match state {
            JobState::Made(found) | JobState::Cached(found) if found.key == chosen.found.key => {
                match found.artifact == chosen.found.artifact {
                    true => told.same.push(label),
                    false => told.others.push(Difference {
                        label,
                        key: found.key,
                        was: chosen.found.artifact,
                        is: found.artifact,
                        files: chosen.found.manifest.differences(&found.manifest),
                        place: scratch.leave(store, &found)?,
                        word: word(&chosen.record, registry),
                    }),
                }
            }
            JobState::Failed(failure) if failure.kind != FailureKind::Interrupted => {
                told.failed.push((label, *failure));
            }
            _ => told.open.push(label),
        }
    }
    Ok(told)
}

/// Chooses jobs by a hash of their keys and the seed, so that the order of the pipeline file does not matter.
fn choose(
    arguments: &VerifyArguments,
    percent: f64,
    plan: &Plan,
    standings: &[Standing],
    store: &Store,
    noted: &BTreeSet<Away>,
    told: &mut Rerun,
) -> Result<Vec<Chosen>, StoreError> {
    let mut keys = BTreeSet::new();
    let mut ranked = Vec::new();
    for ((index, _), standing) in plan.jobs.jobs().zip(standings) {
        let Some(found) = standing.found() else {
            continue;
        };
        if keys.insert(found.key) {
            ranked.push((rank(told.seed, &found.key), index, found));
        }
    }
    ranked.sort_unstable_by_key(|(rank, index, _)| (*rank, *index));
    told.known = ranked.len();
    let records = store.known()?;
    let beyond = records
        .iter()
        .filter(|known| !keys.contains(&known.record.key));
    told.beyond = beyond.count();
    let wanted = (ranked.len() as f64 * percent / 100.0).ceil() as usize;
    let mut left = arguments.max_cost;
    let mut chosen = Vec::new();
    for (_, index, found) in ranked.into_iter().take(wanted) {
        let job = plan.jobs.job(index);
        let Some(record) = store.recorded(&found.key)? else {
            continue;
        };
        let cost = record.cost.core_seconds;
        let known = |index: JobIndex| standings[index.index()].found();
        if !lacking(&plan.jobs, index, &known).is_empty() {
            told.left_out.push((
                job.label.to_string(),
                "files that it reads are not here: imported without their weight",
            ));
        } else if !is_at_hand(job, noted) {
            told.left_out.push((
                job.label.to_string(),
                "files of yours that it reads are not at hand",
            ));
        } else if cost > left {
            told.left_out
                .push((job.label.to_string(), "it cost more than --max-cost leaves"));
        } else {
            left -= cost;
            chosen.push(Chosen {
                index,
                found,
                record,
            });
        }
    }
    Ok(chosen)
}

/// Returns a job's place in the random order of a seed.
fn rank(seed: u64, key: &Key) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"verify --rerun");
    hasher.update(&seed.to_le_bytes());
    hasher.update(key.to_string().as_bytes());
    *hasher.finalize().as_bytes()
}

/// Whether the user's files are at hand that a job reads.
fn is_at_hand(job: &Job, away: &BTreeSet<Away>) -> bool {
    job.inputs.iter().all(|(_, source)| match source {
        InputSource::Path(path) => away.iter().all(|away| *away.path != **path),
        InputSource::Job { .. } => true,
    })
}

/// What is needed to run jobs once more.
struct Again<'a> {
    arguments: &'a VerifyArguments,
    plan: &'a Plan,
    standings: &'a [Standing],
    store: &'a Store,
    scratch: &'a Scratch,
    executor: &'a dyn Executor,
    registry: &'a Registry,
}

impl Again<'_> {
    /// Runs the chosen jobs in the store aside, and returns what became of each, in order.
    fn run(&self, chosen: &[Chosen]) -> Result<Vec<(JobIndex, JobState)>, CommandFailure> {
        let Self {
            arguments,
            plan,
            standings,
            store,
            scratch,
            executor,
            registry,
        } = *self;
        let machine = executor.machine();
        let wanted: BTreeSet<JobIndex> = chosen.iter().map(|chosen| chosen.index).collect();
        let (graph, places) = plan.jobs.apart(&wanted);
        let mut known = Vec::with_capacity(places.len());
        for (index, is_wanted) in &places {
            // A job is chosen only if the results that it rests on are known.
            let found = standings[index.index()].found().filter(|_| !is_wanted);
            if let Some(found) = &found {
                scratch.borrow(store, found)?;
            }
            known.push(found);
        }
        // A time that is beyond what the clock can tell sets no limit.
        let budget = Duration::try_from_secs_f64(arguments.max_cost).ok();
        let options = Options {
            jobs: machine.cores,
            threads: machine.cores,
            memory: Memory::here().map(|memory| memory.free),
            gpus: gpus(None, &graph)?,
            keep_going: true,
            // A job that is stopped will not go on, so it need not save a checkpoint.
            grace: Duration::ZERO,
            budget,
            order: None,
            known,
            asked: Vec::new(),
        };
        let stops = stops().map_err(|error| match is_starved(&error) {
            true => CommandFailure::Starved,
            false => error.into(),
        })?;
        let foresight = RefCell::new(PeakMemory::new(store));
        let means = Means {
            store: scratch.store(),
            executor,
            source: &|kind| registry.source(kind),
            peak_memory: &|label, parts| foresight.borrow_mut().of(label, parts),
        };
        let mut shown = to_stderr(arguments.common.verbosity());
        let states = execute::run(&graph, means, options, shown.as_mut(), &stops);
        let states = places.into_iter().zip(states);
        let states = states.filter(|((_, is_wanted), _)| *is_wanted);
        Ok(states.map(|((index, _), state)| (index, state)).collect())
    }
}

/// Says what may explain that a job makes other bytes than before.
fn word(record: &Record, registry: &Registry) -> Option<String> {
    if let Some(origin) = record.origin.last() {
        return Some(origin.to_string());
    }
    let now = registry.source(&record.parts.kind);
    let has_changed = record.source.is_some() && record.source.as_deref() != now;
    has_changed.then(|| "the program's code for it has changed since".to_owned())
}

impl Rerun {
    /// Returns the exit code.
    pub(super) fn exit(&self) -> Exit {
        let failed = Exit::after(self.failed.iter().map(|(_, failure)| failure));
        if !self.others.is_empty() {
            return Exit::Store;
        }
        match failed {
            Exit::Ok if !self.open.is_empty() => Exit::Interrupted,
            exit => exit,
        }
    }

    /// Returns the findings as JSON.
    pub(super) fn to_json(&self) -> Value {
        let others = self.others.iter().map(|one| {
            json!({
                "label": one.label,
                "key": one.key,
                "artifact": one.was,
                "made": one.is,
                "files": one.files,
                "path": path_json(&one.place),
                "word": one.word,
            })
        });
        let failed = self.failed.iter();
        let left_out = self.left_out.iter();
        json!({
            "seed": self.seed,
            "results": self.known,
            "same": self.same,
            "different": others.collect::<Vec<_>>(),
            "failed": failed.map(|(label, failure)| json!({ "label": label, "message": failure.message })).collect::<Vec<_>>(),
            "not_finished": self.open,
            "left_out": left_out.map(|(label, why)| json!({ "label": label, "reason": why })).collect::<Vec<_>>(),
            "not_taken_by_the_pipeline": self.beyond,
        })
    }

    /// Returns the findings as lines.
    pub(super) fn summary(&self) -> String {
        let Self { seed, known, .. } = self;
        if *known == 0 {
            return format!(
                "no result to run once more that the pipeline takes under these options; {} in the store\n",
                count(self.beyond, "other")
            );
        }
        let ran = self.same.len() + self.others.len();
        let mut text = format!(
            "{} of {} run once more (--seed {seed}): ",
            count(ran, "job"),
            known
        );
        text += &match self.others.len() {
            0 if ran == 0 => "nothing to compare".to_owned(),
            0 => "the same bytes".to_owned(),
            number => format!("{number} made others"),
        };
        for (number, what) in [
            (self.failed.len(), "failed"),
            (
                self.open.len(),
                "not finished: stopped, or beyond --max-cost",
            ),
        ] {
            if number > 0 {
                text += &format!(", {number} {what}");
            }
        }
        text += "\n";
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, why) in &self.left_out {
            *reasons.entry(*why).or_default() += 1;
        }
        for (why, number) in reasons {
            text += &format!("{} left out: {why}\n", count(number, "job"));
        }
        if self.beyond > 0 {
            text += &format!(
                "{} of other profiles or settings, or of what the pipeline was before, not looked at\n",
                count(self.beyond, "result")
            );
        }
        text
    }

    /// Tells on standard error which jobs made other bytes or failed.
    pub(super) fn tell(&self) {
        for one in &self.others {
            let Difference {
                label,
                was,
                is,
                files,
                place,
                word,
                ..
            } = one;
            let word = word
                .as_ref()
                .map_or_else(String::new, |word| format!("; {word}"));
            let message = format!(
                "{label}: its result is not what it makes here: {} (artifact {} kept, {} made){word}",
                files.join(", "),
                was.short(),
                is.short(),
            );
            let remedy = format!(
                "what it made lies in {} for two weeks; a program that uses time, chance or the machine makes \
                 other bytes each time; else compare with another machine which of the two is right",
                place.display()
            );
            tell_error(&message, Some(&remedy));
        }
        for (label, failure) in &self.failed {
            let message = format!("{label}: run once more, it failed: {}", failure.message);
            // The log of a job goes with the store aside, so a remedy that rests on it is left out.
            let remedy = failure.remedy.as_deref().filter(|_| failure.log.is_none());
            tell_error(&message, remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_seed_chooses_by_keys_alone() {
        let keys: Vec<Key> = (0..200_u8)
            .map(|number| Digest::of(&[number]).to_string().parse().unwrap())
            .collect();
        let first = |seed: u64| {
            let mut keys = keys.clone();
            keys.sort_by_key(|key| rank(seed, key));
            keys[..20].iter().copied().collect::<BTreeSet<_>>()
        };
        assert_eq!(first(1), first(1));
        // Each sample has twenty of two hundred jobs, so two samples share two on average.
        assert!(first(1).intersection(&first(2)).count() < 10);
        let seen: BTreeSet<Key> = (0..60).flat_map(first).collect();
        assert!(seen.len() > 190, "{}", seen.len());
    }
}
