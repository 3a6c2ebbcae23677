//! `pipe plan`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Exit;
use super::arguments::PlanArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json, tell};
use super::project::{Expanded, Project};
use crate::estimate::{Price, Prices, prices};
use crate::execute::{Machine, Resolver, Standing, survey_from};
use crate::explain::{Explainer, Why};
use crate::graph::JobGraph;
use crate::history::History;
use crate::progress::{Verbosity, amount, count, duration};
use crate::registry::Registry;
use crate::store::{Store, StoreError};
use crate::terminal::Paint;

/// Shows what is cached and what would run.
pub(super) fn plan(arguments: &PlanArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let Expanded {
        plan, store, ahead, ..
    } = project.expand(&arguments.targets)?;
    let machine = Machine::here();
    let mut resolver = Resolver::new(&store, &machine);
    let standings = survey_from(&plan.jobs, &mut resolver, Some(ahead))?;
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
        // Why a result holds is said in JSON alone, and costs the reading of its record.
        let is_told = arguments.common.json || standing.found().is_none();
        whys.push(match is_told {
            true => Some(explainer.why(index)?),
            false => None,
        });
    }
    let threads = machine.cores;
    let prices = prices(
        &plan.jobs,
        &standings,
        &mut resolver,
        registry,
        &mut history,
        threads,
    )?;
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "profile": project.pipeline.profile(),
            "jobs": jobs(&plan.jobs, &standings, &whys, &prices, &store)?,
            "price": prices.total,
        }))?;
    } else {
        let verbosity = arguments.common.verbosity();
        let text = text(&plan.jobs, &standings, &whys, &prices, verbosity);
        print(&(text + &price_text(&prices.total, threads)))?;
    }
    let broken = standings.iter().filter_map(|standing| match standing {
        Standing::Broken(failure) => Some(&**failure),
        _ => None,
    });
    tell_damaged(&standings);
    Ok(Exit::after(broken))
}

/// Tells of results that were there and are damaged.
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

fn text(
    graph: &JobGraph,
    standings: &[Standing],
    whys: &[Option<Why>],
    prices: &Prices,
    verbosity: Verbosity,
) -> String {
    let said = |why: &Option<Why>| why.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut text = String::new();
    // By stage, in the graph's order: cached, missing, unknown, broken.
    let mut order: Vec<&str> = Vec::new();
    let mut counts: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    let mut seconds: BTreeMap<&str, f64> = BTreeMap::new();
    let all = graph.jobs().zip(standings).zip(whys).zip(&prices.jobs);
    for ((((_, job), standing), why), price) in all {
        let stage = &*job.stage;
        if !counts.contains_key(stage) {
            order.push(stage);
        }
        counts.entry(stage).or_default()[column(standing)] += 1;
        if let Some(price) = price {
            *seconds.entry(stage).or_default() += price.core_seconds;
        }
        let line = match standing {
            Standing::Cached(found) if verbosity >= Verbosity::Verbose => {
                format!(
                    "{}   {}  {}",
                    "cached".green(),
                    job.label,
                    found.artifact.short()
                )
            }
            Standing::Cached(_) => continue,
            Standing::Missing { .. } => {
                format!("{}      {}: {}", "run".yellow(), job.label, said(why))
            }
            Standing::Unknown => format!("{}  {}: {}", "unknown".dimmed(), job.label, said(why)),
            Standing::Broken(_) => format!("{}   {}: {}", "broken".red(), job.label, said(why)),
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
        let time = seconds.get(stage).map(|seconds| {
            let time = Duration::try_from_secs_f64(*seconds).unwrap_or(Duration::MAX);
            format!("; about {} on one core", duration(time))
        });
        let parts = parts.join(", ");
        text += &format!("{stage:<width$}  {parts}{}\n", time.unwrap_or_default());
    }
    let cached = standings
        .iter()
        .filter(|standing| matches!(standing, Standing::Cached(_)))
        .count();
    text + &format!("{}: {cached} cached\n", count(standings.len(), "job"))
}

/// Says what all that will run costs together; nothing where nothing runs.
fn price_text(price: &Price, threads: usize) -> String {
    if price.jobs == 0 {
        return String::new();
    }
    let time =
        |seconds: f64| duration(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    let mut text = format!(
        "about {} on {}: {} of work on one core ({} to {}), {}B of disk, {}B of memory for one job at most\n",
        duration(price.wall()),
        count(threads, "core"),
        time(price.core_seconds),
        time(price.between.0),
        time(price.between.1),
        amount(price.disk as f64),
        amount(price.memory as f64),
    );
    if price.unknown > 0 {
        let jobs = count(price.unknown, "job");
        text += &format!("{jobs} not in it: nothing like them has run yet\n");
    }
    text
}

fn column(standing: &Standing) -> usize {
    match standing {
        Standing::Cached(_) => 0,
        Standing::Missing { .. } => 1,
        Standing::Unknown => 2,
        Standing::Broken(_) => 3,
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
