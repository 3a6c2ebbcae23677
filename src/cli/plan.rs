//! `pipe plan`.

mod reasons;
mod summary;
mod within;

use std::time::Duration;

use serde_json::{Value, json};

use super::Exit;
use super::arguments::PlanArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json, tell};
use super::project::{Expanded, Project};
use crate::execute::{Executor, Local, Resolver, Standing, recall, survey_from};
use crate::graph::JobGraph;
use crate::progress::{Verbosity, duration};
use crate::registry::Registry;
use crate::store::{Store, StoreError};
use crate::terminal::Paint;
use crate::why::{Explainer, History, Prices, Why, prices};

/// Shows what is cached and what would run.
pub(super) fn plan(arguments: &PlanArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    if let Some((variable, limit)) = arguments.fit.as_deref().zip(arguments.within) {
        return within::within(arguments, variable, limit, registry);
    }
    let project = Project::load(&arguments.common, registry)?;
    let Expanded {
        plan,
        store,
        noted,
        ahead,
        ..
    } = project.expand(&arguments.targets)?;
    let mut resolver = Resolver::new(&store).to_look(&noted);
    let mut standings = survey_from(&plan.jobs, &mut resolver, Some(ahead))?;
    recall(&plan.jobs, &mut standings, &plan.stages);
    project.tell_away(&noted);
    project.tell_elsewhere(&arguments.targets, &plan, &standings, &store)?;
    let mut history = History::new(&store);
    let mut explainer = Explainer::new(
        &plan.jobs,
        &standings,
        &mut resolver,
        registry,
        &mut history,
    );
    let mut whys = Vec::with_capacity(standings.len());
    for ((index, _), standing) in plan.jobs.jobs().zip(&standings) {
        // Why a result holds is told in JSON alone, since it takes reading its record.
        let is_told = arguments.common.json || !standing.is_cached();
        whys.push(match is_told {
            true => Some(explainer.why(index)?),
            false => None,
        });
    }
    let threads = Local::here().machine().cores;
    let prices = prices(
        &plan.jobs,
        &standings,
        &mut resolver,
        registry,
        &mut history,
        threads,
    )?;
    let tallies = summary::tallies(&plan.jobs, &standings, &prices);
    let reasons = reasons::reasons(&plan.jobs, &standings, &whys);
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "profile": project.pipeline.profile(),
            "stages": tallies,
            "reasons": reasons,
            "jobs": jobs(&plan.jobs, &standings, &whys, &prices, &store)?,
            "price": prices.total,
        }))?;
    } else {
        let lists = arguments.common.verbosity() >= Verbosity::Verbose;
        let mut text = format!("{}\n\n", project.heading(&arguments.targets));
        text += &summary::stages(&tallies);
        text += &summary::changed(&reasons);
        if lists {
            text += &format!("\n{}", list(&plan.jobs, &standings, &whys));
        }
        text += &summary::price(&prices.total, threads);
        text += &format!("\n{}", summary::total(&tallies));
        print(&text)?;
    }
    let broken = standings.iter().filter_map(|standing| match standing {
        Standing::Broken(failure) => Some(&**failure),
        _ => None,
    });
    tell_damaged(&standings);
    Ok(Exit::after(broken))
}

/// Tells which results were there and are damaged.
pub(super) fn tell_damaged(standings: &[Standing]) {
    for standing in standings {
        if let Standing::Missing {
            damaged: Some(damaged),
            ..
        } = standing
        {
            tell(&format!(
                "damaged in the store, will be made again: {damaged}"
            ));
        }
    }
}

/// Lists all jobs: a line each.
fn list(graph: &JobGraph, standings: &[Standing], whys: &[Option<Why>]) -> String {
    let mut text = String::new();
    for (((_, job), standing), why) in graph.jobs().zip(standings).zip(whys) {
        let why = why.as_ref().map(ToString::to_string).unwrap_or_default();
        let label = &job.label;
        text += &match standing {
            Standing::Cached(found) => {
                format!(
                    "{}   {label}  {}\n",
                    "cached".green(),
                    found.artifact.short()
                )
            }
            Standing::Away(_) | Standing::Missing { .. } => {
                format!("{}      {label}: {why}\n", "run".yellow())
            }
            Standing::Unknown => format!("{}  {label}: {why}\n", "unknown".dimmed()),
            Standing::Broken(_) => format!("{}   {label}: {why}\n", "broken".red()),
        };
    }
    text
}

/// Writes so many seconds as people do.
fn time(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// Cuts a text to so many characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

fn jobs(
    graph: &JobGraph,
    standings: &[Standing],
    whys: &[Option<Why>],
    prices: &Prices,
    store: &Store,
) -> Result<Value, StoreError> {
    let all = graph.jobs().zip(standings).zip(whys).zip(&prices.jobs);
    let jobs = all.map(|((((_, job), standing), why), price)| {
        let mut value = json!({ "label": job.label, "stage": &*job.stage, "kind": job.kind });
        value["why"] = json!(why);
        value["price"] = json!(price);
        match standing {
            Standing::Cached(found) => {
                value["state"] = json!("cached");
                value["key"] = json!(found.key);
                value["artifact"] = json!(found.artifact);
                let record = store.recorded(&found.key)?;
                value["cost"] = json!(record.map(|record| record.cost));
            }
            Standing::Away(found) => {
                value["state"] = json!("run");
                value["key"] = json!(found.key);
                value["artifact"] = json!(found.artifact);
            }
            Standing::Missing { key, damaged } => {
                value["state"] = json!("run");
                value["key"] = json!(key);
                value["damaged"] = json!(damaged);
            }
            Standing::Unknown => value["state"] = json!("unknown"),
            Standing::Broken(failure) => {
                value["state"] = json!("broken");
                value["failure"] = json!(failure);
            }
        }
        Ok(value)
    });
    jobs.collect()
}
