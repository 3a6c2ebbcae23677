//! `digests.json`: what a run made, so that another can be compared with it byte by byte.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Files, ReportError};
use crate::belongs::DIGESTS as FILE;
use crate::store::Digest;

/// The version of the file's fields.
const SCHEMA_VERSION: u32 = 1;

/// An entry that an earlier run has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A job, by label.
    Job(&'a str),
    /// A file of an output, by name.
    File(&'a str),
}

/// Writes the digests of jobs' artifacts, by label, and of the tables' files, by name.
///
/// A run of everything replaces the file. A run of part of it, on a machine of the same numerics class, keeps those other
/// entries that `declared` accepts: the jobs and files that a run of everything would name.
///
/// # Errors
/// When the system refuses to write.
pub fn update(
    files: &Files,
    everything: bool,
    class: &str,
    declared: &dyn Fn(Entry<'_>) -> bool,
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
    let merged = |name: &str,
                  entry: fn(&str) -> Entry<'_>,
                  now: &BTreeMap<String, Digest>|
     -> Map<String, Value> {
        let mut all: BTreeMap<String, Value> = before[name]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| declared(entry(name)))
            .map(|(name, digest)| (name.clone(), digest.clone()))
            .collect();
        all.extend(
            now.iter()
                .map(|(name, digest)| (name.clone(), json!(digest))),
        );
        all.into_iter().collect()
    };
    let value = json!({
        "schema_version": SCHEMA_VERSION,
        "numerics": class,
        "jobs": merged("jobs", |label| Entry::Job(label), jobs),
        "tables": merged("tables", |file| Entry::File(file), tables),
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
        let run = |everything, class, jobs: &[&str], declared: &dyn Fn(Entry<'_>) -> bool| {
            update(
                &files,
                everything,
                class,
                declared,
                &map(jobs),
                &map(&["t.md"]),
            )
            .unwrap();
            names()
        };
        let all = |_: Entry<'_>| true;
        run(true, "a", &["x", "b"], &all);
        assert_eq!(run(false, "a", &["c"], &all), ["b", "c", "x"]);
        let without_x = |entry: Entry<'_>| entry != Entry::Job("x");
        assert_eq!(
            run(false, "a", &["c"], &without_x),
            ["b", "c"],
            "what is no longer declared goes"
        );
        assert_eq!(
            run(false, "another class", &["d"], &all),
            ["d"],
            "digests of two classes never mix"
        );
        assert_eq!(run(true, "another class", &["e"], &all), ["e"]);
    }
}
