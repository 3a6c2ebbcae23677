//! `digests.json`: what a run made, so that another can be compared with it byte by byte.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Files, ReportError};
use crate::store::Digest;

/// The file's name.
const FILE: &str = "digests.json";
/// The version of the file's fields.
const SCHEMA_VERSION: u32 = 1;

/// Writes the digests of jobs' artifacts, by label, and of the tables' files, by name.
///
/// A run of everything replaces the file. A run of part of it, on a machine of the same numerics class, leaves the
/// other entries as they are.
///
/// # Errors
/// When the system refuses to write.
pub fn update(
    files: &Files,
    everything: bool,
    class: &str,
    jobs: &BTreeMap<String, Digest>,
    tables: &BTreeMap<String, Digest>,
) -> Result<(), ReportError> {
    let before = match files.read_json(FILE) {
        Some(before)
            if !everything
                && before["schema_version"] == json!(SCHEMA_VERSION)
                && before["numerics"] == json!(class) =>
        {
            before
        }
        _ => Value::Null,
    };
    let merged = |name: &str, now: &BTreeMap<String, Digest>| -> Map<String, Value> {
        let mut all: BTreeMap<String, Value> = before[name]
            .as_object()
            .map(|entries| entries.clone().into_iter().collect())
            .unwrap_or_default();
        all.extend(
            now.iter()
                .map(|(name, digest)| (name.clone(), json!(digest))),
        );
        all.into_iter().collect()
    };
    let value = json!({
        "schema_version": SCHEMA_VERSION,
        "numerics": class,
        "jobs": merged("jobs", jobs),
        "tables": merged("tables", tables),
    });
    files.json(FILE, &value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn part_of_a_run_updates_and_a_whole_one_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().join("tiny"));
        let map = |names: &[&str]| -> BTreeMap<String, Digest> {
            names
                .iter()
                .map(|name| ((*name).to_owned(), Digest::of(name.as_bytes())))
                .collect()
        };
        let names = || -> Vec<String> {
            files.read_json(FILE).unwrap()["jobs"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect()
        };
        update(&files, true, "a", &map(&["x", "b"]), &map(&[])).unwrap();
        update(&files, false, "a", &map(&["c"]), &map(&["t.md"])).unwrap();
        assert_eq!(names(), ["b", "c", "x"]);
        update(&files, false, "another class", &map(&["d"]), &map(&[])).unwrap();
        assert_eq!(names(), ["d"], "digests of two classes never mix");
        update(&files, true, "another class", &map(&["e"]), &map(&[])).unwrap();
        assert_eq!(names(), ["e"]);
    }
}
