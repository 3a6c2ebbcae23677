//! `pipe plan`.

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::Exit;
use super::arguments::PlanArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json, tell};
use super::project::Project;
use crate::execute::{Machine, Standing, survey};
use crate::graph::JobGraph;
use crate::progress::{Verbosity, count};
use crate::registry::Registry;
use crate::store::Store;

/// Shows what is cached and what would run.
pub(super) fn plan(arguments: &PlanArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let (_, plan) = project.plan(&arguments.targets)?;
    let store = Store::view(&project.store)?;
    let standings = survey(&plan.jobs, &store, &Machine::here())?;
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "profile": project.pipeline.profile(),
            "jobs": jobs(&plan.jobs, &standings),
        }))?;
    } else {
        print(&text(&plan.jobs, &standings, arguments.common.verbosity()))?;
    }
    let broken = standings.iter().filter_map(|standing| match standing {
        Standing::Broken(failure) => Some(failure),
        _ => None,
    });
    for standing in &standings {
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
    Ok(Exit::after(broken))
}

fn text(graph: &JobGraph, standings: &[Standing], verbosity: Verbosity) -> String {
    let mut text = String::new();
    // By stage, in the graph's order: cached, missing, unknown, broken.
    let mut order: Vec<&str> = Vec::new();
    let mut counts: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for ((_, job), standing) in graph.jobs().zip(standings) {
        let stage = job.stage.as_str();
        if !counts.contains_key(stage) {
            order.push(stage);
        }
        counts.entry(stage).or_default()[column(standing)] += 1;
        let line = match standing {
            Standing::Cached(found) if verbosity >= Verbosity::Verbose => {
                format!(
                    "{}   {}  {}",
                    "cached".green(),
                    job.label,
                    found.record.artifact.short()
                )
            }
            Standing::Cached(_) => continue,
            Standing::Missing { .. } => format!("{}      {}", "run".yellow(), job.label),
            Standing::Unknown => format!("{}  {}", "unknown".dimmed(), job.label),
            Standing::Broken(failure) => {
                format!("{}   {}: {}", "broken".red(), job.label, failure.message)
            }
        };
        text += &format!("{line}\n");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let width = order.iter().map(|stage| stage.len()).max().unwrap_or(0);
    for stage in order {
        let [cached, missing, unknown, broken] = counts[stage];
        let parts: Vec<String> = [
            (cached, "cached"),
            (missing, "to run"),
            (unknown, "unknown until their inputs are made"),
            (broken, "broken"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
        text += &format!("{stage:<width$}  {}\n", parts.join(", "));
    }
    let cached = standings
        .iter()
        .filter(|standing| matches!(standing, Standing::Cached(_)))
        .count();
    text + &format!("{}: {cached} cached\n", count(standings.len(), "job"))
}

fn column(standing: &Standing) -> usize {
    match standing {
        Standing::Cached(_) => 0,
        Standing::Missing { .. } => 1,
        Standing::Unknown => 2,
        Standing::Broken(_) => 3,
    }
}

fn jobs(graph: &JobGraph, standings: &[Standing]) -> Value {
    let jobs = graph.jobs().zip(standings).map(|((_, job), standing)| {
        let mut value = json!({ "label": job.label, "stage": job.stage, "kind": job.kind });
        match standing {
            Standing::Cached(found) => {
                value["state"] = json!("cached");
                value["key"] = json!(found.record.key);
                value["artifact"] = json!(found.record.artifact);
                value["cost"] = json!(found.record.cost);
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
        value
    });
    jobs.collect()
}
