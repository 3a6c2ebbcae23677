//! `pipe gc`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::Exit;
use super::arguments::GcArguments;
use super::failure::CommandFailure;
use super::output::{path_json, print, print_json, tell, tell_error};
use super::project::Project;
use crate::declare::Pipeline;
use crate::execute::Resolver;
use crate::gc::{Decided, Fate, Gone, Half, Keep, Kept, Swept, Wanted, decide, sweep};
use crate::graph;
use crate::progress::{Verbosity, amount, count, duration};
use crate::registry::Registry;
use crate::runs::Runs;
use crate::store::{Held, Store};
use crate::terminal::Paint;

/// Removes what nothing needs from the store.
pub(super) fn gc(arguments: &GcArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let common = &arguments.common;
    let project = Project::load(common, registry)?;
    let store = Store::view(&project.store)?;
    if !store.root().exists() {
        tell("there is no store yet");
        return Ok(Exit::Ok);
    }
    let wanted = wanted(arguments, &project, &store, registry)?;
    let (lock, users) = if arguments.dry_run {
        (None, store.users(false)?)
    } else {
        let mut told = String::new();
        let mut waits = |who: &str| {
            if told != who && common.verbosity() > Verbosity::Quiet {
                tell(&format!("waiting for {who}"));
            }
            who.clone_into(&mut told);
        };
        let (lock, users) = store.exclusive(&mut waits)?;
        (Some(lock), users)
    };
    let held = store.held()?;
    let decided = decide(
        &store,
        &held,
        &wanted,
        &store.pins()?,
        &users,
        registry,
        arguments.max_cost,
    )?;
    let keep = keep(&held, &decided, !users.is_empty());
    // The list is printed before anything goes, so that it is known even if the removal is cut short.
    if !common.json {
        print(&results_text(&held, &decided, common.verbosity()))?;
    }
    let swept = sweep(&store, &keep, &held, lock.as_ref())?;
    drop(lock);
    if common.json {
        print_json(&as_json(arguments, &held, &decided, &swept))?;
    } else {
        print(&summary(arguments, &held, &decided, &swept))?;
    }
    for left in &swept.left {
        let message = format!("left {}: {}", left.folder.display(), left.reason);
        tell_error(&message, left.remedy.as_deref());
    }
    match swept.left.is_empty() {
        true => Ok(Exit::Ok),
        false => Ok(Exit::Store),
    }
}

/// Returns what the pipeline needs under all its profiles, and under the values of `--set` if there are any.
fn wanted(
    arguments: &GcArguments,
    project: &Project,
    store: &Store,
    registry: &Registry,
) -> Result<Wanted, CommandFailure> {
    let noted = store.noted(project.pipeline.root());
    let mut resolver = Resolver::new(store).to_sweep(&noted);
    let mut wanted = Wanted::default();
    let mut add = |pipeline: &Pipeline, with: &str| {
        let by = format!("profile {}{with}", pipeline.profile());
        wanted.add(pipeline, &by, &mut resolver)
    };
    let file = Project::file(&arguments.common)?;
    let profiles: Vec<&str> = project.pipeline.profiles().collect();
    for profile in &profiles {
        let pipeline = graph::load(&file, Some((*profile).into()), &[], registry)?;
        add(&pipeline, "")??;
    }
    if !arguments.common.set.is_empty() {
        add(&project.pipeline, " with --set")??;
    } else if profiles.is_empty() {
        add(&project.pipeline, "")??;
    }
    // A time that is further back than the clock can tell stands for all runs.
    let since = SystemTime::now().checked_sub(arguments.recent);
    let runs = Runs::list(store.runs())?;
    if !arguments.recent.is_zero() {
        wanted.add_imports(store.imported_since(since.unwrap_or(SystemTime::UNIX_EPOCH)));
        wanted.add_runs(&runs.with_settings_since(since.unwrap_or(SystemTime::UNIX_EPOCH)));
    }
    Ok(wanted)
}

fn keep(held: &[Held], decided: &Decided, in_use: bool) -> Keep {
    let results = held.iter().zip(&decided.results);
    let stays = |fate: &Fate| matches!(fate, Fate::Kept(_));
    Keep {
        results: results
            .filter(|(_, fate)| stays(fate))
            .map(|(held, _)| held.known.record.key)
            .collect(),
        work: decided
            .work
            .iter()
            .filter(|(_, fate)| stays(fate))
            .map(|(half, _)| half.key)
            .collect(),
        in_use,
    }
}

/// Says of each result that goes why it goes and, if asked to, of each that stays why it stays.
fn results_text(held: &[Held], decided: &Decided, verbosity: Verbosity) -> String {
    let mut text = String::new();
    let mut line = |fate: &Fate, label: &str, bytes: u64, core_seconds: f64| {
        let (word, reason) = match fate {
            Fate::Goes(reason) => ("goes ".yellow().to_string(), reason.to_string()),
            Fate::Kept(reason) if verbosity >= Verbosity::Verbose => {
                ("stays".green().to_string(), reason.to_string())
            }
            Fate::Kept(_) => return,
        };
        let bytes = amount(bytes as f64);
        let cost = time(core_seconds);
        text += &format!("{word}  {label}: {reason} ({bytes}B, {cost} of core time)\n");
    };
    for (held, fate) in held.iter().zip(&decided.results) {
        let record = &held.known.record;
        line(fate, &record.label, held.bytes(), record.cost.core_seconds);
    }
    for (half, fate) in &decided.work {
        let label = format!("{}, half done", half.label);
        line(fate, &label, half.bytes, half.core_seconds);
    }
    text
}

/// Says in a few lines how much goes and how much stays.
fn summary(arguments: &GcArguments, held: &[Held], decided: &Decided, swept: &Swept) -> String {
    let mut text = String::new();
    let mut reasons = BTreeMap::<&Gone, (usize, f64)>::new();
    let mut kept = 0;
    let mut dear = (0, 0.0, 0);
    for (held, fate) in held.iter().zip(&decided.results) {
        let cost = held.known.record.cost.core_seconds;
        match fate {
            Fate::Goes(reason) => {
                let tally = reasons.entry(reason).or_default();
                *tally = (tally.0 + 1, tally.1 + cost);
            }
            Fate::Kept(Kept::Dear) => dear = (dear.0 + 1, dear.1 + cost, dear.2 + held.bytes()),
            Fate::Kept(_) => kept += 1,
        }
    }
    if !swept.kinds.is_empty() {
        let would = match arguments.dry_run {
            true => "would remove",
            false => "removed",
        };
        let parts = swept.kinds.iter();
        let parts: Vec<String> = parts
            .map(|(kind, tally)| count(tally.count, kind.name()))
            .collect();
        let bytes = swept
            .kinds
            .iter()
            .map(|(_, tally)| tally.bytes)
            .sum::<u64>();
        let bytes = amount(bytes as f64);
        text += &format!("{would} {}: {bytes}B\n", parts.join(", "));
    }
    let lost: f64 = reasons.values().map(|(_, cost)| cost).sum();
    let gone: usize = reasons.values().map(|(number, _)| number).sum();
    if gone > 0 {
        let parts: Vec<String> = reasons
            .iter()
            .map(|(reason, (number, _))| format!("{number} × {reason}"))
            .collect();
        let results = count(gone, "result");
        let lost = core_hours(lost);
        text += &format!("{results} that cost {lost}: {}\n", parts.join(", "));
    }
    if swept.kinds.is_empty() && swept.left.is_empty() {
        text += "nothing to remove\n";
    }
    text += &format!("stay: {} that something needs\n", count(kept, "result"));
    let perhaps = |fate: &&Fate| matches!(fate, Fate::Kept(Kept::Perhaps(_)));
    let perhaps = decided.results.iter().filter(perhaps).count();
    if perhaps > 0 {
        text += &format!(
            "{perhaps} of these stay in case: what they rest on has to be made again before it is known whether they are still \
             needed; after `pipe run` gc can tell\n"
        );
    }
    let recent = |fate: &&Fate| matches!(fate, Fate::Kept(Kept::Recent(_)));
    let recent = decided.results.iter().filter(recent).count();
    if recent > 0 {
        text += &format!(
            "{recent} of these stay since runs of the last {} with --set or values in brackets made or used them (--recent 0s lets them go)\n",
            time(arguments.recent.as_secs_f64()),
        );
    }
    if dear.0 > 0 {
        let most = time(arguments.max_cost);
        text += &format!(
            "stay: {} that no table reaches, {}B, {}: what goes may have cost {most} of core time together\n\
             (--max-cost any lets all go, `pipe pin` keeps what you name)\n",
            count(dear.0, "result"),
            amount(dear.2 as f64),
            core_hours(dear.1),
        );
    }
    text
}

fn time(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn core_hours(seconds: f64) -> String {
    let hours = seconds / 3600.0;
    match hours < 0.1 {
        true => format!("{hours:.3} core-hours"),
        false => format!("{hours:.1} core-hours"),
    }
}

fn as_json(arguments: &GcArguments, held: &[Held], decided: &Decided, swept: &Swept) -> Value {
    let results = held.iter().zip(&decided.results).map(|(held, fate)| {
        let record = &held.known.record;
        let mut value = json!({
            "key": record.key,
            "label": record.label,
            "artifact": record.artifact,
            "bytes": held.bytes(),
            "core_seconds": record.cost.core_seconds,
        });
        fate_json(fate, &mut value);
        value
    });
    let work = decided.work.iter().map(|(half, fate)| {
        let Half {
            key,
            label,
            core_seconds,
            bytes,
            ..
        } = half;
        let mut value = json!({ "key": key, "label": label, "bytes": bytes });
        value["core_seconds"] = json!(core_seconds);
        fate_json(fate, &mut value);
        value
    });
    let removed: BTreeMap<&str, Value> = swept
        .kinds
        .iter()
        .map(|(kind, tally)| {
            (
                kind.name(),
                json!({ "count": tally.count, "bytes": tally.bytes }),
            )
        })
        .collect();
    let left = swept.left.iter();
    let left = left.map(|left| json!({ "path": path_json(&left.folder), "reason": left.reason }));
    json!({
        "schema_version": 1,
        "dry_run": arguments.dry_run,
        "results": results.collect::<Vec<_>>(),
        "work": work.collect::<Vec<_>>(),
        "removed": removed,
        "left": left.collect::<Vec<_>>(),
    })
}

fn fate_json(fate: &Fate, value: &mut Value) {
    let (stays, reason) = match fate {
        Fate::Kept(reason) => (true, reason.to_string()),
        Fate::Goes(reason) => (false, reason.to_string()),
    };
    value["stays"] = json!(stays);
    value["reason"] = json!(reason);
}
