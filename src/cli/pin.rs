//! `pipe pin` and `pipe unpin`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Exit;
use super::arguments::{PinArguments, UnpinArguments};
use super::failure::CommandFailure;
use super::output::{print, print_json};
use super::project::Project;
use crate::progress::{amount, count};
use crate::registry::Registry;
use crate::store::{Digest, Held, Pin, Pinned, Store};
use crate::terminal::Paint;

/// Pins the results of targets, or shows the pins.
pub(super) fn pin(arguments: &PinArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    if arguments.targets.is_empty() {
        return show(arguments);
    }
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::reader(&project.store)?;
    let (plan, found) = project.known(&store, &arguments.targets)?;
    let labels: BTreeMap<_, _> = plan
        .jobs
        .jobs()
        .zip(&found)
        .map(|((_, job), found)| (found.key, job.label.to_string()))
        .collect();
    let results = labels.into_iter().map(|(key, label)| Pinned { key, label });
    let set = arguments.common.set.iter();
    let pin = Pin {
        format: Pin::FORMAT,
        name: name(arguments)?,
        targets: arguments.targets.clone(),
        profile: project.pipeline.profile().to_owned(),
        set: set.map(|(name, value)| format!("{name}={value}")).collect(),
        note: arguments.note.clone(),
        results: results.collect(),
    };
    let name = &pin.name;
    let known = store.pins()?.into_iter().find(|known| known.name == *name);
    let results = count(pin.results.len(), "result");
    match known {
        Some(known) if known.results == pin.results && known.note == pin.note => {}
        Some(known) => {
            return Err(CommandFailure::Usage {
                message: format!("there is a pin `{name}` already, of {}", describe(&known)),
                remedy: format!("give another name with --as, or take it out: pipe unpin {name}"),
            });
        }
        None => store.pin(&pin)?,
    }
    if arguments.common.json {
        print_json(&json!({ "schema_version": 1, "pin": pin }))?;
    } else {
        print(&format!("{}: {results} pinned\n", name.bold()))?;
    }
    Ok(Exit::Ok)
}

/// Removes pins.
pub(super) fn unpin(arguments: &UnpinArguments) -> Result<Exit, CommandFailure> {
    let store = Store::view(&Project::store(&arguments.common)?)?;
    let known: BTreeSet<String> = store.pin_names()?;
    if let Some(name) = arguments.names.iter().find(|name| !known.contains(*name)) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let remedy = match known.is_empty() {
            true => "there are no pins".to_owned(),
            false => format!("there are {}", known.join(", ")),
        };
        return Err(CommandFailure::Usage {
            message: format!("there is no pin `{name}`"),
            remedy,
        });
    }
    for name in &arguments.names {
        store.unpin(name)?;
    }
    if arguments.common.json {
        print_json(&json!({ "schema_version": 1, "unpinned": arguments.names }))?;
    } else {
        let names = arguments.names.join(", ");
        print(&format!(
            "{names}: no longer pinned; `pipe gc` removes what nothing else needs\n"
        ))?;
    }
    Ok(Exit::Ok)
}

/// Returns the name of the pin: the one that the user gives, or the targets.
fn name(arguments: &PinArguments) -> Result<String, CommandFailure> {
    let remedy = "name it with --as: letters, digits, `.`, `_` and `-`".to_owned();
    if let Some(name) = &arguments.name {
        return match Pin::may_be_called(name) {
            true => Ok(name.clone()),
            false => Err(CommandFailure::Usage {
                message: format!("a pin cannot be called `{name}`"),
                remedy,
            }),
        };
    }
    let [target] = &arguments.targets[..] else {
        return Err(CommandFailure::Usage {
            message: "several targets have no name together".into(),
            remedy,
        });
    };
    let name: String = target
        .chars()
        .map(|letter| match letter {
            '.' | '_' | '-' => letter,
            letter if letter.is_ascii_alphanumeric() => letter,
            _ => '-',
        })
        .collect();
    let name = name.trim_matches(['-', '.']).to_owned();
    match Pin::may_be_called(&name) {
        true => Ok(name),
        false => Err(CommandFailure::Usage {
            message: format!("no name can be made of `{target}`"),
            remedy,
        }),
    }
}

fn show(arguments: &PinArguments) -> Result<Exit, CommandFailure> {
    let store = Store::view(&Project::store(&arguments.common)?)?;
    let pins = store.pins()?;
    let held = match pins.is_empty() {
        true => Vec::new(),
        false => store.held()?,
    };
    let held: BTreeMap<_, _> = held
        .iter()
        .map(|held| (held.known.record.key, held))
        .collect();
    let sizes: Vec<(u64, usize)> = pins
        .iter()
        .map(|pin| {
            let there = pin
                .results
                .iter()
                .filter_map(|result| held.get(&result.key));
            let there: Vec<&&Held> = there.collect();
            (bytes(&there), pin.results.len() - there.len())
        })
        .collect();
    if arguments.common.json {
        let pins = pins.iter().zip(&sizes).map(|(pin, (bytes, missing))| {
            let mut value = json!(pin);
            value["bytes"] = json!(bytes);
            value["missing"] = json!(missing);
            value
        });
        print_json(&json!({ "schema_version": 1, "pins": pins.collect::<Vec<_>>() }))?;
        return Ok(Exit::Ok);
    }
    if pins.is_empty() {
        print("nothing is pinned\n")?;
    }
    for (pin, (bytes, missing)) in pins.iter().zip(sizes) {
        let results = count(pin.results.len(), "result");
        let mut text = format!("{}  {}: {results}", pin.name.bold(), describe(pin));
        text += &format!(", {}B", amount(bytes as f64));
        if missing > 0 {
            text += &format!(", {missing} of them {}", "missing".red());
        }
        if let Some(note) = &pin.note {
            text += &format!(" ({note})");
        }
        print(&format!("{text}\n"))?;
    }
    Ok(Exit::Ok)
}

/// Says what is pinned.
fn describe(pin: &Pin) -> String {
    let mut text = format!("{} under profile {}", pin.targets.join(" "), pin.profile);
    for value in &pin.set {
        text += &format!(", {value}");
    }
    text
}

/// Returns how many bytes results have together. Objects that they share count once.
fn bytes(held: &[&&Held]) -> u64 {
    let manifests = held.iter().filter_map(|held| held.manifest.as_ref());
    let files = manifests.flat_map(|manifest| &manifest.files);
    let sizes: BTreeMap<Digest, u64> = files.map(|file| (file.digest, file.size)).collect();
    sizes.values().sum()
}
