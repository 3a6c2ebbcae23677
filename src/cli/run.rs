//! `pipe run`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use super::Exit;
use super::arguments::RunArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json, tell, tell_error, width};
use super::project::Project;
use super::stops::stops;
use super::{show, summary};
use crate::declare::Target;
use crate::estimate::{cells_first, prices};
use crate::execute::{
    self, ChildProcess, FailureKind, JobState, Machine, Options, Resolver, survey,
};
use crate::graph::{self, JobIndex, Plan};
use crate::history::History;
use crate::progress::{Verbosity, to_stderr};
use crate::registry::Registry;
use crate::report::{Builder, Entry, Files, Lack, is_complete, provenance, update_digests};
use crate::store::{Digest, Store, StoreError};

/// Runs what the targets need, prints their tables and writes the results.
pub(super) fn run(arguments: &RunArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let start = Instant::now();
    let common = &arguments.common;
    let project = Project::load(common, registry)?;
    let (targets, plan) = project.plan(&arguments.targets)?;
    let store = Store::open(&project.store)?;
    let machine = Machine::here();
    let options = Options {
        jobs: arguments.jobs.unwrap_or(machine.cores),
        threads: arguments.threads.unwrap_or(machine.cores),
        keep_going: arguments.keep_going,
        grace: Options::GRACE,
        budget: arguments.budget,
        order: match arguments.budget {
            Some(_) => Some(order(&plan, &store, &machine, registry)?),
            None => None,
        },
    };
    let states = {
        let mut progress = to_stderr(common.verbosity());
        let worker = ChildProcess::default();
        let stops = stops()?;
        execute::run(
            &plan.jobs,
            &store,
            &worker,
            &machine,
            options,
            progress.as_mut(),
            &stops,
        )
    };

    let in_budget = arguments
        .budget
        .is_none_or(|budget| start.elapsed() < budget / 10 * 9);
    let stopped = if in_budget {
        "interrupted"
    } else {
        "out of budget"
    };
    let mut builder = Builder::new(&store);
    let mut tables = Vec::new();
    for table in &plan.tables {
        tables.push(builder.table(table, vec![show::note(&project)], &|job| {
            let lacking = || summary::reason(&plan.jobs, &states, job, stopped).unwrap_or_default();
            states[job.index()]
                .found()
                .map(AsRef::as_ref)
                .ok_or_else(lacking)
        })?);
    }
    let folders = lay_out(&store, &plan, &states);
    let places = folders.as_ref().ok();
    let printed = if common.json {
        print_json(&json!({
            "schema_version": 1,
            "profile": project.pipeline.profile(),
            "numerics": machine.class,
            "jobs": summary::jobs(&plan.jobs, &states, places),
            "tables": tables.iter().map(show::table_json).collect::<Vec<_>>(),
        }))
    } else {
        let texts: Vec<String> = tables.iter().map(|table| table.terminal(width())).collect();
        print(&texts.join("\n")).and_then(|()| print_stages(&plan, places))
    };
    // Whoever closed the output still wants the results.
    let written = write(
        arguments, &project, &targets, &plan, &states, &tables, &machine,
    );

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
        // All jobs have done their work, and yet it was not what the tables ask for.
        Exit::Ok if !lacks.is_empty() => Exit::Input,
        exit => exit,
    };
    if common.verbosity() > Verbosity::Quiet {
        tell(&summary::line(tables.len(), &states, start.elapsed()));
        if exit == Exit::Interrupted {
            tell("interrupted: the same command goes on where it stopped");
        }
    }
    folders?;
    written?;
    printed?;
    Ok(exit)
}

/// Returns the order of jobs that completes most cells in a given time.
fn order(
    plan: &Plan,
    store: &Store,
    machine: &Machine,
    registry: &Registry,
) -> Result<Vec<usize>, StoreError> {
    let mut resolver = Resolver::new(store, machine);
    let standings = survey(&plan.jobs, &mut resolver)?;
    let cores = machine.cores;
    let mut history = History::new(store);
    let prices = prices(
        &plan.jobs,
        &standings,
        &mut resolver,
        registry,
        &mut history,
        cores,
    )?;
    Ok(cells_first(plan, &standings, &prices))
}

/// Lays out what the stages asked for have made, and returns where.
fn lay_out(
    store: &Store,
    plan: &Plan,
    states: &[JobState],
) -> Result<BTreeMap<JobIndex, PathBuf>, StoreError> {
    let made = plan
        .stages
        .iter()
        .filter_map(|job| Some((*job, states[job.index()].found()?)));
    made.map(|(job, found)| Ok((job, store.lay_out(&found.manifest)?)))
        .collect()
}

/// Prints where the stages asked for have their artifacts.
fn print_stages(plan: &Plan, places: Option<&BTreeMap<JobIndex, PathBuf>>) -> std::io::Result<()> {
    let mut text = String::new();
    for job in &plan.stages {
        if let Some(place) = places.and_then(|places| places.get(job)) {
            text += &format!("{}  {}\n", place.display(), plan.jobs.job(*job).label);
        }
    }
    print(&text)
}

/// Writes the complete tables.
fn write(
    arguments: &RunArguments,
    project: &Project,
    targets: &[Target],
    plan: &Plan,
    states: &[JobState],
    tables: &[tabulate::Table],
    machine: &Machine,
) -> Result<(), CommandFailure> {
    if plan.tables.is_empty() {
        return Ok(());
    }
    if arguments.results.is_none() && !arguments.common.set.is_empty() {
        // The profile's results are those of its own values.
        if arguments.common.verbosity() > Verbosity::Quiet {
            tell("results are not written with --set; name a folder with --results");
        }
        return Ok(());
    }
    let files = Files::new(project.results(arguments.results.as_deref()));
    let mut digests = BTreeMap::new();
    let mut complete = true;
    for (planned, table) in plan.tables.iter().zip(tables) {
        if !is_complete(table) {
            complete = false;
            continue;
        }
        let known = |job: JobIndex| states[job.index()].found().map(|found| (**found).clone());
        let provenance = provenance(
            planned,
            table,
            &plan.jobs,
            project.pipeline.profile(),
            &known,
        );
        for (name, bytes) in files.table(table, &provenance)? {
            digests.insert(name, Digest::of(&bytes));
        }
    }
    let everything = complete && targets.contains(&Target::All);
    let made = summary::digests(&plan.jobs, states);
    let declared = Declared::by(project);
    update_digests(
        &files,
        everything,
        &machine.class,
        &|entry| {
            declared
                .as_ref()
                .is_none_or(|declared| declared.names(entry))
        },
        &made,
        &digests,
    )?;
    Ok(())
}

/// What a run of everything would name.
struct Declared {
    jobs: BTreeSet<String>,
    tables: BTreeSet<String>,
}

impl Declared {
    /// Expands all tables; `None` where that fails, over a table that this run has nothing to do with.
    fn by(project: &Project) -> Option<Self> {
        let plan = graph::expand(&project.pipeline, &[Target::All]).ok()?;
        Some(Self {
            jobs: plan.jobs.jobs().map(|(_, job)| job.label.clone()).collect(),
            tables: plan.tables.into_iter().map(|table| table.name).collect(),
        })
    }

    fn names(&self, entry: Entry<'_>) -> bool {
        match entry {
            Entry::Job(label) => self.jobs.contains(label),
            Entry::Table(file) => file
                .rsplit_once('.')
                .is_some_and(|(table, _)| self.tables.contains(table)),
        }
    }
}

fn exit(plan: &Plan, states: &[JobState]) -> Exit {
    let exit = Exit::after(summary::failures(&plan.jobs, states).map(|(_, failure)| failure));
    // Stopped before a job was started: nothing failed, and yet not all is there.
    let lacking = states
        .iter()
        .any(|state| matches!(state, JobState::NotStarted));
    if exit == Exit::Ok && lacking {
        Exit::Interrupted
    } else {
        exit
    }
}
