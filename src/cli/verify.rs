//! `pipe verify`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::Exit;
use super::arguments::VerifyArguments;
use super::failure::CommandFailure;
use super::output::{path_json, print, print_json, tell_error};
use super::project::Project;
use super::{reread, rerun};
use crate::progress::{amount, count};
use crate::registry::Registry;
use crate::runs::Runs;
use crate::store::{Damage, Store, StoreError};

/// Reads the store, and tells what is damaged.
pub(super) fn verify(
    arguments: &VerifyArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::reader(&project.store)?;
    let percent = arguments.sample.unwrap_or(100) as usize;
    // Each time another sample is read, so that several cover everything.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let offset = now.map_or(0, |time| time.subsec_nanos() as usize % 100);
    // Changed files of the user's are reported before anything is set aside.
    let inputs = match arguments.inputs {
        true => Some(reread::inputs(&project, &store)?),
        false => None,
    };
    // Missing records are looked for before damaged ones are set aside.
    let missing = missing_records(&store)?;
    let mut found = store.verify(percent, offset)?;
    found.damages.extend(missing);
    found.damages.sort();
    let rerun = match arguments.rerun {
        // Where something is damaged, a run has to make it again first.
        Some(percent) if found.damages.is_empty() => Some(rerun::rerun(
            arguments, percent, &project, &store, registry,
        )?),
        _ => None,
    };
    if arguments.common.json {
        let damages = found
            .damages
            .iter()
            .map(|damage| json!({ "path": path_json(&damage.path), "reason": damage.reason }));
        let mut told = json!({
            "schema_version": 1,
            "read": found.read,
            "bytes": found.bytes,
            "damaged": damages.collect::<Vec<_>>(),
            "away": found.away,
        });
        if let Some(inputs) = &inputs {
            told["inputs"] = json!({ "read": inputs.read, "changed": inputs.changed });
        }
        if let Some(rerun) = &rerun {
            told["rerun"] = rerun.to_json();
        }
        print_json(&told)?;
    } else {
        let damaged = match found.damages.len() {
            0 => "all whole".to_owned(),
            number => format!("{number} damaged"),
        };
        let read = count(found.read, "file");
        let bytes = amount(found.bytes as f64);
        print(&format!("{read}, {bytes}B of them results: {damaged}\n"))?;
        if found.away > 0 {
            print(&format!(
                "{} here without their weight, as they were imported\n",
                count(found.away, "result")
            ))?;
        }
        if let Some(inputs) = &inputs {
            let changed = match inputs.changed.len() {
                0 => "all as noted".to_owned(),
                number => format!("{number} not as noted"),
            };
            print(&format!(
                "{} of yours: {changed}\n",
                count(inputs.read, "file")
            ))?;
        }
        if let Some(rerun) = &rerun {
            print(&rerun.summary())?;
        }
    }
    if let Some(rerun) = &rerun {
        rerun.tell();
    }
    for damage in &found.damages {
        let message = format!("{}: {}", damage.path.display(), damage.reason);
        tell_error(&message, None);
    }
    let changed = inputs.map(|inputs| inputs.changed).unwrap_or_default();
    for path in &changed {
        let message = format!(
            "{}: its bytes are not those that were noted of it, although it looks as it did",
            path.display()
        );
        tell_error(
            &message,
            Some(
                "the next run makes anew what rests on it; look for a program that writes there through a map",
            ),
        );
    }
    if found.damages.is_empty() {
        let inputs = match changed.is_empty() {
            true => Exit::Ok,
            false => Exit::Input,
        };
        return Ok(inputs.max(rerun.map_or(Exit::Ok, |rerun| rerun.exit())));
    }
    tell_error(
        "the store is damaged",
        Some(
            "what is damaged was set aside as NAME.damaged; the next run makes again what it needs of it",
        ),
    );
    Ok(Exit::Store)
}

/// Returns the records that are missing although runs have made their results since the last sweep.
fn missing_records(store: &Store) -> Result<Vec<Damage>, StoreError> {
    let made = Runs::list(store.runs())?.made_since(store.last_sweep());
    let records = made
        .into_iter()
        .map(|(key, label)| (store.record(&key), label));
    let missing = records.filter(|(path, _)| !path.exists());
    Ok(missing
        .map(|(path, label)| Damage {
            reason: format!("it is missing: a run had made `{label}`"),
            path,
        })
        .collect())
}
