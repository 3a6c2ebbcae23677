//! `pipe run`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Instant;

use contract::is_starved;
use serde_json::{Map, json};

use super::Exit;
use super::arguments::RunArguments;
use super::failure::CommandFailure;
use super::notes::tell_notes;
use super::output::{print, print_data, print_json, tell, tell_error, width};
use super::place;
use super::plan::tell_damaged;
use super::project::{Expanded, Project};
use super::results::{self, Writing};
use super::stops::stops;
use super::{settings, summary};
use crate::declare::Target;
use crate::execute::{
    self, Gpu, JobState, Means, Memory, Options, Resolver, Standing, survey_from,
};
use crate::failure::FailureKind;
use crate::graph::{self, JobGraph, JobIndex, Plan};
use crate::progress::{Verbosity, count, to_stderr};
use crate::registry::Registry;
use crate::report::{Builder, Jobs, Lack, all_json};
use crate::runs::{Begun, Journal};
use crate::store::{Store, StoreError};
use crate::why::{History, PeakMemory, cells_first, prices};

/// Runs what the targets need, prints their tables and writes the results.
pub(super) fn run(arguments: &RunArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let start = Instant::now();
    let common = &arguments.common;
    let mut project = Project::load(common, registry)?;
    project.write_results_to(arguments.results.as_deref());
    let before = Store::view(&project.store)?.last_sweep();
    let Expanded {
        targets,
        plan,
        store,
        noted,
        ahead,
    } = project.expand(&arguments.targets)?;
    results::check_apart(&project, arguments, &plan)?;
    if store.is_swept() && common.verbosity() > Verbosity::Quiet {
        tell("waiting for `pipe gc`, which removes what nothing needs from the store");
    }
    let store = store.into_open()?;
    // From here on no sweep takes a result that this run counts on.
    let ahead = (store.last_sweep() == before).then_some(ahead);
    if let Some(word) = store
        .word()
        .filter(|_| common.verbosity() > Verbosity::Quiet)
    {
        tell(word);
    }
    let (executor, most) = place::executor(arguments.on)?;
    let executor = &*executor;
    let machine = executor.machine();
    let is_here = executor.is_here();
    let mut resolver = Resolver::new(&store).to_look(&noted);
    let mut standings = survey_from(&plan.jobs, &mut resolver, ahead)?;
    execute::recall(&plan.jobs, &mut standings, &plan.stages);
    drop(resolver);
    project.check_at_hand(&targets, &plan, &standings, &noted)?;
    project.tell_away(&noted);
    let runs = |job: JobIndex| !standings[job.index()].is_cached();
    graph::lacking(&project.pipeline, &plan.jobs, &runs)?;
    let options = Options {
        jobs: arguments.jobs.or(most).unwrap_or(machine.cores),
        threads: match is_here {
            true => arguments.threads.unwrap_or(machine.cores),
            // What nodes have is for Slurm to share.
            false => arguments.threads.unwrap_or(usize::MAX),
        },
        memory: arguments
            .memory
            .or_else(|| Memory::here().filter(|_| is_here).map(|memory| memory.free)),
        gpus: match is_here {
            true => gpus(arguments.gpus, &plan.jobs)?,
            false => Vec::new(),
        },
        keep_going: arguments.keep_going,
        grace: Options::GRACE,
        budget: arguments.budget,
        order: match arguments.budget {
            Some(_) => {
                let mut resolver = Resolver::new(&store).to_look(&noted);
                Some(order(
                    &plan,
                    &standings,
                    &mut resolver,
                    registry,
                    machine.cores,
                )?)
            }
            None => None,
        },
        known: standings.iter().map(Standing::found).collect(),
        asked: plan.stages.clone(),
    };
    tell_damaged(&standings);
    drop(standings);
    let mut shown = to_stderr(common.verbosity());
    let begun = begun(arguments, &project, &targets);
    let mut journal = Journal::begin(store.runs(), begun, shown.as_mut());
    let states = {
        let stops = stops().map_err(|error| match is_starved(&error) {
            true => CommandFailure::Starved,
            false => error.into(),
        })?;
        let foresight = RefCell::new(PeakMemory::new(&store));
        let means = Means {
            store: &store,
            executor,
            source: &|kind| registry.source(kind),
            peak_memory: &|label, parts| foresight.borrow_mut().of(label, parts),
        };
        execute::run(&plan.jobs, means, options, &mut journal, &stops)
    };

    let in_budget = arguments
        .budget
        .is_none_or(|budget| start.elapsed() < budget / 10 * 9);
    let stopped = if in_budget {
        "interrupted"
    } else {
        "out of budget"
    };
    let settings = settings::reaching(common, &project, registry, &targets, &plan);
    let mut builder = Builder::new(&store);
    let mut outputs = Vec::new();
    for (output, settings) in plan.outputs.iter().zip(&settings) {
        let jobs = Jobs {
            graph: &plan.jobs,
            found: &|job| states[job.index()].found().map(AsRef::as_ref),
            reason: &|job| summary::reason(&plan.jobs, &states, job, stopped).unwrap_or_default(),
        };
        outputs.push(builder.output(output, vec![settings::note(&project, settings)], jobs)?);
    }
    let folders = lay_out(&store, &plan, &states);
    let places = folders.as_ref().ok();
    let printed = if common.json {
        let mut all = Map::new();
        all.insert("schema_version".into(), json!(1));
        all.insert("profile".into(), json!(project.pipeline.profile()));
        all.insert("numerics".into(), json!(machine.class));
        let jobs = summary::jobs(&plan.jobs, &states, places, &store)?;
        all.insert("jobs".into(), json!(jobs));
        all.extend(all_json(&plan.outputs, &outputs));
        print_json(&all.into())
    } else {
        let texts = outputs.iter().map(|output| output.terminal(width()));
        let texts: Vec<String> = texts.collect();
        print(&texts.join("\n")).and_then(|()| print_stages(&plan, places))
    };
    // Results are written even if nobody reads standard output any more.
    let made = summary::results(&plan.jobs, &states);
    let digest = made.digest();
    let written = Writing {
        arguments,
        project: &project,
        store: &store,
        targets: &targets,
        plan: &plan,
        states: &states,
        outputs: &outputs,
        settings: &settings,
        machine,
    }
    .write(&digest);

    for (label, failure) in summary::failures(&plan.jobs, &states) {
        if failure.kind != FailureKind::Interrupted {
            tell_error(
                &format!("{label}: {}", failure.message),
                failure.remedy.as_deref(),
            );
            if let Some(log) = &failure.log {
                tell(&format!("log: {}", log.display()));
            }
        }
    }
    let lacks: Vec<Lack> = builder.lacks().collect();
    for lack in &lacks {
        tell_error(
            &format!("{}: {}", lack.label, lack.message),
            Some(&lack.remedy),
        );
    }
    let exit = match exit(&plan, &states) {
        // All jobs have succeeded, and their results lack what the tables ask for.
        Exit::Ok if !lacks.is_empty() => Exit::Input,
        exit => exit,
    };
    journal.end(exit as u8, &made, digest);
    if common.verbosity() > Verbosity::Quiet {
        tell_notes(&plan, &states);
        tell(&summary::line(&plan.outputs, &states, start.elapsed()));
        if exit == Exit::Interrupted {
            tell("interrupted: the same command goes on where it stopped");
            if let Some(word) = executor.farewell() {
                tell(&word);
            }
        }
    }
    folders?;
    written?;
    printed?;
    Ok(exit)
}

/// Describes how this run was called.
fn begun(arguments: &RunArguments, project: &Project, targets: &[Target]) -> Begun {
    let host = rustix::system::uname();
    Begun {
        at: Begun::now(),
        program: format!("pipe {}", env!("CARGO_PKG_VERSION")),
        pid: std::process::id(),
        host: host.nodename().to_string_lossy().into_owned(),
        pipeline: project.pipeline.source.name.clone(),
        profile: project.pipeline.profile().to_owned(),
        set: arguments.common.set.iter().cloned().collect(),
        targets: targets.iter().map(ToString::to_string).collect(),
    }
}

/// Returns the GPUs that a run may use. They are looked for only where a job or the user asks for some.
pub(super) fn gpus(wanted: Option<usize>, jobs: &JobGraph) -> Result<Vec<Gpu>, CommandFailure> {
    if wanted.is_none() && jobs.jobs().all(|(_, job)| job.resources.gpus == 0) {
        return Ok(Vec::new());
    }
    let mut gpus = execute::gpus();
    match wanted {
        Some(wanted) if wanted > gpus.len() => {
            return Err(CommandFailure::Usage {
                message: format!("--gpus {wanted}: {} seen here", count(gpus.len(), "GPU")),
                remedy: "ask for fewer, or look at CUDA_VISIBLE_DEVICES and `pipe doctor`".into(),
            });
        }
        Some(wanted) => gpus.truncate(wanted),
        None => {}
    }
    Ok(gpus)
}

/// Returns the order of jobs that completes most cells in a given time.
fn order(
    plan: &Plan,
    standings: &[Standing],
    resolver: &mut Resolver<'_>,
    registry: &Registry,
    cores: usize,
) -> Result<Vec<usize>, StoreError> {
    let mut history = History::new(resolver.store());
    let prices = prices(
        &plan.jobs,
        standings,
        resolver,
        registry,
        &mut history,
        cores,
    )?;
    Ok(cells_first(plan, standings, &prices))
}

/// Lays out the artifacts of the stages asked for, and returns the folders.
fn lay_out(
    store: &Store,
    plan: &Plan,
    states: &[JobState],
) -> Result<BTreeMap<JobIndex, PathBuf>, StoreError> {
    let made = plan
        .stages
        .iter()
        .filter_map(|job| Some((*job, states[job.index()].found()?)));
    // A result that was to be made again for its files, and was not, cannot be laid out.
    let made = made.filter(|(_, found)| found.is_whole());
    made.map(|(job, found)| Ok((job, store.lay_out(&found.manifest)?)))
        .collect()
}

/// Prints where the stages asked for have their artifacts.
fn print_stages(plan: &Plan, places: Option<&BTreeMap<JobIndex, PathBuf>>) -> std::io::Result<()> {
    let mut text = Vec::new();
    for job in &plan.stages {
        if let Some(place) = places.and_then(|places| places.get(job)) {
            // A program that reads the path from a pipe needs its very bytes.
            text.extend_from_slice(place.as_os_str().as_bytes());
            text.extend_from_slice(format!("  {}\n", plan.jobs.job(*job).label).as_bytes());
        }
    }
    print_data(&text)
}

fn exit(plan: &Plan, states: &[JobState]) -> Exit {
    let exit = Exit::after(summary::failures(&plan.jobs, states).map(|(_, failure)| failure));
    // The run was stopped before some job started: nothing failed, and not everything is there.
    let lacking = states
        .iter()
        .any(|state| matches!(state, JobState::NotStarted));
    if exit == Exit::Ok && lacking {
        Exit::Interrupted
    } else {
        exit
    }
}
