//! What runs, coordinators and children write for each other as JSON: the file of a run, `job.json`, `outcome.json`, events
//! and holders of locks.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use contract::Event;
use libfuzzer_sys::fuzz_target;
use pipe::execute::{JobFile, Outcome};
use pipe::runs::{self, Runs};
use pipe::store::Holder;
use serde::Serialize;
use serde::de::DeserializeOwned;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| fuzz::folder("lines"));

fuzz_target!(|bytes: &[u8]| {
    fs::write(FOLDER.join("20261125-202140.jsonl"), bytes).expect("written");
    let runs = Runs::list(FOLDER.clone()).expect("a folder");
    let name = runs.find("last").expect("a run");
    let entries = runs.entries(name).expect("read");
    for entry in &entries {
        let line = serde_json::to_vec(entry).expect("an entry is JSON");
        let read: runs::Entry = serde_json::from_slice(&line).expect("read back");
        assert_eq!(read, *entry);
    }
    let begun = |entry: &&runs::Entry| matches!(entry, runs::Entry::Begun(_));
    let summary = runs.summary(name).expect("read");
    assert_eq!(summary.is_some(), entries.iter().any(|entry| begun(&entry)));
    if let Ok(results) = runs.results(name) {
        assert!(results.len() <= entries.len());
    }
    let whole = [bytes];
    for line in bytes.split(|byte| *byte == b'\n').chain(whole) {
        same::<JobFile>(line);
        same::<Outcome>(line);
        same::<Event>(line);
        if let Ok(holder) = serde_json::from_slice::<Holder>(line) {
            let _ = (holder.age(), holder.is_gone());
        }
    }
});

/// Checks that what was read of a line is written and read again the same.
fn same<T: Serialize + DeserializeOwned>(line: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(line) else {
        return;
    };
    let text = serde_json::to_string(&value).expect("it is JSON");
    let again: T = serde_json::from_str(&text).expect("read back");
    assert_eq!(serde_json::to_string(&again).expect("it is JSON"), text);
}
