//! `pipe plan --fit VARIABLE --within TIME`: what a variable may be for the work to fit in a time.
//!
//! A budget in hours is turned into updates here, before a run: the number then stands in the pipeline file, and the result is no
//! function of the clock.

use std::time::Duration;

use serde_json::json;

use super::time;
use crate::cli::Exit;
use crate::cli::arguments::{Common, PlanArguments};
use crate::cli::failure::CommandFailure;
use crate::cli::output::{print, print_json};
use crate::cli::project::Project;
use crate::execute::{Executor, Local, Resolver};
use crate::progress::count;
use crate::registry::Registry;
use crate::why::{History, Price, prices};

/// The largest value that is tried.
const MOST: u64 = 1 << 31;

/// Says the largest value of a variable at which what the targets have left to do fits in a time on this machine.
pub(super) fn within(
    arguments: &PlanArguments,
    variable: &str,
    limit: Duration,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    check(&project, variable)?;
    let price = |value: u64| price(arguments, variable, value, registry);
    let limit = limit.as_secs_f64();
    let least = price(1)?;
    if least.wall_seconds > limit {
        return Err(CommandFailure::Usage {
            message: format!(
                "even with {variable} = 1, {} are needed, not {}",
                time(least.wall_seconds),
                time(limit)
            ),
            remedy: "allow more time, or run first what the stage rests on".into(),
        });
    }
    let mut fits = (1, least);
    let mut above = 2;
    // A value that the stage does not take is too large, like one that takes too long.
    let try_at = |value: u64| {
        price(value)
            .ok()
            .filter(|found| found.wall_seconds <= limit)
    };
    // Doubled until it is too much, then halved towards the last that fits.
    while let Some(found) = try_at(above) {
        if above >= MOST {
            return Err(CommandFailure::Usage {
                message: format!(
                    "what {} have left to do takes no longer with a larger {variable}",
                    arguments.targets.join(", ")
                ),
                remedy: "name a target whose work the variable decides, that has no result yet"
                    .into(),
            });
        }
        fits = (above, found);
        above *= 2;
    }
    while above - fits.0 > 1 {
        let middle = fits.0 + (above - fits.0) / 2;
        match try_at(middle) {
            Some(found) => fits = (middle, found),
            None => above = middle,
        }
    }
    let (value, price) = fits;
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "variable": variable,
            "value": value,
            "price": price,
        }))?;
        return Ok(Exit::Ok);
    }
    let cores = Local::here().machine().cores;
    print(&format!(
        "{variable} = {value} fits in {}: about {} here, on {} ({} to {} of core time)\n\
         write it into pipeline.toml, or give --set {variable}={value}: results depend on the number, and on no clock\n",
        time(limit),
        time(price.wall_seconds),
        count(cores, "core"),
        time(price.between.0),
        time(price.between.1),
    ))?;
    Ok(Exit::Ok)
}

/// Checks that there is such a variable.
fn check(project: &Project, variable: &str) -> Result<(), CommandFailure> {
    if project.pipeline.variables().any(|name| name == variable) {
        return Ok(());
    }
    Err(CommandFailure::Usage {
        message: format!("--fit {variable}: there is no such variable"),
        remedy: "name one that counts, such as the updates of a training; `pipe list` shows all"
            .into(),
    })
}

/// Returns the price of what is left to do with the variable at a value.
fn price(
    arguments: &PlanArguments,
    variable: &str,
    value: u64,
    registry: &Registry,
) -> Result<Price, CommandFailure> {
    let mut common = Common {
        quiet: true,
        verbose: 0,
        ..arguments.common.clone()
    };
    common.set.retain(|(name, _)| name != variable);
    common.set.push((variable.to_owned(), value.to_string()));
    let project = Project::load(&common, registry)?;
    let (plan, store, standings) = project.look(&arguments.targets)?;
    let threads = Local::here().machine().cores;
    let prices = prices(
        &plan.jobs,
        &standings,
        &mut Resolver::new(&store),
        registry,
        &mut History::new(&store),
        threads,
    )?;
    let total = prices.total;
    if total.unknown > 0 {
        let targets = arguments.targets.join(" ");
        return Err(CommandFailure::Usage {
            message: format!(
                "nothing like {} of what is left has run here yet, so that its time is not known",
                count(total.unknown, "job")
            ),
            remedy: format!(
                "run a short one first, such as: pipe run {targets} --set {variable}=200"
            ),
        });
    }
    Ok(total)
}
