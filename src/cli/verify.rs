//! `pipe verify`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::Exit;
use super::arguments::VerifyArguments;
use super::failure::CommandFailure;
use super::output::{path_json, print, print_json, tell_error};
use super::project::Project;
use crate::journal::Runs;
use crate::progress::{amount, count};
use crate::registry::Registry;
use crate::store::{Damage, Store, StoreError};

/// Reads the store, and tells what is damaged.
pub(super) fn verify(
    arguments: &VerifyArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::reader(&project.store)?;
    let percent = arguments.sample.unwrap_or(100) as usize;
    // Another sample each time, so that several see all.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let offset = now.map_or(0, |time| time.subsec_nanos() as usize % 100);
    // Before records that are damaged are set aside.
    let missing = missing_records(&store)?;
    let mut found = store.verify(percent, offset)?;
    found.damages.extend(missing);
    found.damages.sort();
    if arguments.common.json {
        let damages = found
            .damages
            .iter()
            .map(|damage| json!({ "path": path_json(&damage.path), "reason": damage.reason }));
        print_json(&json!({
            "schema_version": 1,
            "read": found.read,
            "bytes": found.bytes,
            "damaged": damages.collect::<Vec<_>>(),
        }))?;
    } else {
        let damaged = match found.damages.len() {
            0 => "all whole".to_owned(),
            number => format!("{number} damaged"),
        };
        let read = count(found.read, "file");
        let bytes = amount(found.bytes as f64);
        print(&format!("{read}, {bytes}B of them results: {damaged}\n"))?;
    }
    for damage in &found.damages {
        let message = format!("{}: {}", damage.path.display(), damage.reason);
        tell_error(&message, None);
    }
    if found.damages.is_empty() {
        return Ok(Exit::Ok);
    }
    tell_error(
        "the store is damaged",
        Some(
            "what is damaged was set aside as NAME.damaged; the next run makes again what it needs of it",
        ),
    );
    Ok(Exit::Store)
}

/// Returns the records of results that runs had made since the last sweep, and that are not there.
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
