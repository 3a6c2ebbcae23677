//! `pipe show`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, json};

use super::Exit;
use super::arguments::ShowArguments;
use super::cells::Cells;
use super::failure::CommandFailure;
use super::output::{print, print_json, width};
use super::project::Project;
use super::settings;
use super::status::far;
use crate::execute::{Standing, WatchState, Watched, watch};
use crate::graph::{JobGraph, JobIndex};
use crate::keys::Key;
use crate::registry::Registry;
use crate::report::{Builder, Jobs, all_json};
use crate::store::{Store, StoreError};

/// Prints tables of what is known.
pub(super) fn show(arguments: &ShowArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let (plan, store, standings) = project.look(&arguments.targets)?;
    let targets = project.pipeline.targets(&arguments.targets)?;
    let settings = settings::reaching(&arguments.common, &project, registry, &targets, &plan);
    if plan.outputs.is_empty() {
        return Err(CommandFailure::Usage {
            message: "only tables can be shown".into(),
            remedy: "name one: pipe show table:NAME; `pipe list` shows them".into(),
        });
    }
    let missing = Missing::new(&plan.jobs, &standings, &store)?;
    let mut builder = Builder::new(&store);
    let mut outputs = Vec::new();
    for (output, settings) in plan.outputs.iter().zip(&settings) {
        outputs.push(builder.output(
            output,
            vec![settings::note(&project, settings)],
            Jobs {
                graph: &plan.jobs,
                found: &|job| match &standings[job.index()] {
                    Standing::Cached(found) | Standing::Away(found) => Some(found.as_ref()),
                    _ => None,
                },
                reason: &|job| match &standings[job.index()] {
                    Standing::Broken(failure) => failure.message.clone(),
                    _ => missing.reason(job),
                },
            },
        )?);
    }
    if let Some(selector) = &arguments.cell {
        let cells = Cells {
            project: &project,
            plan: &plan,
            standings: &standings,
            store: &store,
        };
        return cells.show(selector, &outputs, arguments.common.json);
    }
    if arguments.common.json {
        let mut all = Map::new();
        all.insert("schema_version".into(), json!(1));
        all.insert("profile".into(), json!(project.pipeline.profile()));
        all.extend(all_json(&plan.outputs, &outputs));
        print_json(&all.into())?;
    } else {
        let texts = outputs.iter().map(|output| output.terminal(width()));
        let texts: Vec<String> = texts.collect();
        print(&texts.join("\n"))?;
    }
    Ok(Exit::Ok)
}

/// Says why results are not known.
struct Missing<'a> {
    graph: &'a JobGraph,
    standings: &'a [Standing],
    watched: BTreeMap<Key, Watched>,
}

impl<'a> Missing<'a> {
    fn new(
        graph: &'a JobGraph,
        standings: &'a [Standing],
        store: &Store,
    ) -> Result<Self, StoreError> {
        let watched = watch(store)?.into_iter();
        Ok(Self {
            graph,
            standings,
            watched: watched.map(|job| (job.key, job)).collect(),
        })
    }

    /// Says why the result of a job is not known.
    fn reason(&self, job: JobIndex) -> String {
        if let Some(text) = self.own(job, "") {
            return text;
        }
        // Of all jobs that it needs, one that failed is the reason, or else one that runs.
        let mut needed = BTreeSet::new();
        let mut open: Vec<JobIndex> = self.graph.inputs(job).collect();
        while let Some(job) = open.pop() {
            if self.standings[job.index()].found().is_none() && needed.insert(job) {
                open.extend(self.graph.inputs(job));
            }
        }
        let known = |wanted: fn(&WatchState) -> bool| {
            let mut needed = needed.iter();
            needed.find_map(|job| {
                let state = &self.watched(*job)?.state;
                let text = self.own(*job, &self.graph.job(*job).label)?;
                wanted(state).then_some(text)
            })
        };
        if let Some(text) = known(|state| matches!(state, WatchState::Failed(_))) {
            return text;
        }
        match known(|state| *state == WatchState::Running) {
            Some(text) => format!("waits for {text}"),
            None => "not run yet".into(),
        }
    }

    fn watched(&self, job: JobIndex) -> Option<&Watched> {
        match &self.standings[job.index()] {
            Standing::Missing { key, .. } => self.watched.get(key),
            _ => None,
        }
    }

    /// Says how far a job with a work folder is. `label` names the job in that, if it is not empty.
    fn own(&self, job: JobIndex, label: &str) -> Option<String> {
        let job = self.watched(job)?;
        let text = match &job.state {
            WatchState::Running => format!("running: {}", far(job)),
            WatchState::Stopped => format!("stopped: {}", far(job)),
            WatchState::Failed(report) => format!("failed: {}", report.message),
        };
        Some(match label.is_empty() {
            true => text,
            false => format!("{label}, {text}"),
        })
    }
}
