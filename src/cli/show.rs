//! `pipe show`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tables::{Chosen, Table};

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
use crate::report::{Builder, Jobs};
use crate::store::{Store, StoreError};

/// Prints tables of what is known.
pub(super) fn show(arguments: &ShowArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let (plan, store, standings) = project.look(&arguments.targets)?;
    let targets = project.pipeline.targets(&arguments.targets)?;
    let settings = settings::reaching(&arguments.common, &project, registry, &targets, &plan);
    if plan.tables.is_empty() {
        return Err(CommandFailure::Usage {
            message: "only tables can be shown".into(),
            remedy: "name one: pipe show table:NAME; `pipe list` shows them".into(),
        });
    }
    let missing = Missing::new(&plan.jobs, &standings, &store)?;
    let mut builder = Builder::new(&store);
    let mut tables = Vec::new();
    for (table, settings) in plan.tables.iter().zip(&settings) {
        tables.push(builder.table(
            table,
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
        return cells.show(selector, &tables, arguments.common.json);
    }
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "profile": project.pipeline.profile(),
            "tables": tables.iter().map(table_json).collect::<Vec<_>>(),
        }))?;
    } else {
        let texts: Vec<String> = tables.iter().map(|table| table.terminal(width())).collect();
        print(&texts.join("\n"))?;
    }
    Ok(Exit::Ok)
}

/// Says of results that are not known why they are not.
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

    /// Says it of one job.
    fn reason(&self, job: JobIndex) -> String {
        if let Some(text) = self.own(job, "") {
            return text;
        }
        // Of all that it needs, what fails, else what runs, else nothing yet.
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

    /// Says how far a job with a work folder is, in the name of `label`.
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

/// Returns a table as JSON.
pub(super) fn table_json(table: &Table) -> Value {
    let rows: Vec<Value> = table
        .rows
        .iter()
        .zip(&table.cells)
        .map(|(row, cells)| {
            let cells: Vec<Value> = table
                .columns
                .iter()
                .zip(cells)
                .map(|(column, cell)| {
                    let summary = cell.summary();
                    json!({
                        "column": column.label,
                        "metric": column.metric,
                        "unit": column.unit,
                        "values": cell.values,
                        "mean": summary.map(|summary| summary.mean),
                        "standard_deviation": summary.and_then(|summary| summary.standard_deviation),
                        "missing": cell.reasons,
                        "remarks": cell.remarks,
                        "noted_by_stages": cell.footnotes,
                        "chosen": cell.chosen.as_ref().map(Chosen::to_json),
                        "published": cell.published.as_ref().map(|published| json!({
                            "value": published.value,
                            "verified": published.verified,
                            "source": published.citation.to_string(),
                        })),
                    })
                })
                .collect();
            json!({ "row": row.labels, "cells": cells })
        })
        .collect();
    let noted: Vec<Value> = table
        .footnotes
        .iter()
        .map(|note| json!({ "stage": note.stage, "jobs": note.jobs, "message": note.message }))
        .collect();
    json!({
        "name": table.name,
        "title": table.title,
        "notes": table.notes,
        "noted_by_stages": noted,
        "rows": rows,
    })
}
