//! The store against a model of it: a map from key to content.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use contract::{ArtifactType, Params};
use proptest::prelude::*;
use serde_json::json;

use super::{Cost, Digest, Lookup, Made, Notes, Record, Store};
use crate::keys::{Key, KeyParts};

/// What may happen to a store.
#[derive(Clone, Debug)]
enum Step {
    /// A job with this key makes a file with this content.
    Commit { job: u8, content: u8 },
    /// A file of the store is cut, emptied, or removed.
    Damage {
        file: prop::sample::Index,
        how: Damage,
    },
    /// Another program opens it.
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    Cut,
    Empty,
    Remove,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let damage = prop_oneof![Just(Damage::Cut), Just(Damage::Empty), Just(Damage::Remove)];
    let step = prop_oneof![
        4 => (0_u8..4, 0_u8..3).prop_map(|(job, content)| Step::Commit { job, content }),
        3 => (any::<prop::sample::Index>(), damage).prop_map(|(file, how)| Step::Damage { file, how }),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..24)
}

fn parts(job: u8) -> KeyParts {
    KeyParts {
        kind: "test".into(),
        version: 1,
        numerics: None,
        params: Params(json!({ "job": job }).as_object().unwrap().clone()),
        inputs: BTreeMap::new(),
    }
}

pub(super) fn key(job: u8) -> Key {
    parts(job).key()
}

/// Contents differ from their first letter on, so that none is the start of another.
fn content(number: u8) -> String {
    format!("{number}: some text")
}

pub(super) fn commit(store: &Store, job: u8, number: u8) {
    let claim = store.claim(&key(job)).unwrap().unwrap();
    let output = claim.output();
    fs::create_dir_all(output.join("sub")).unwrap();
    fs::write(output.join("sub/file"), content(number)).unwrap();
    fs::write(output.join("same"), "in every artifact").unwrap();
    let made = Made {
        label: format!("job{job}"),
        parts: parts(job),
        cost: Cost::default(),
        output: ArtifactType::Folder,
        source: None,
        notes: Notes::default(),
    };
    store.commit(&output, made).unwrap();
    store.release(claim).unwrap();
}

/// What the store says of a job: its content, read through the manifest.
fn read(store: &Store, job: u8) -> Option<String> {
    match store.lookup(&key(job)).unwrap() {
        Lookup::Hit(found) => {
            let same = store.file(&found.manifest, "same").unwrap().unwrap();
            assert_eq!(fs::read_to_string(same).unwrap(), "in every artifact");
            let path = store.file(&found.manifest, "sub/file").unwrap().unwrap();
            Some(fs::read_to_string(path).unwrap())
        }
        Lookup::Miss | Lookup::Damaged { .. } => None,
    }
}

/// The files that hold results, sorted, without those that were set aside.
fn files(store: &Store) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = ["objects", "artifacts", "records"]
        .iter()
        .map(|name| store.root().join(name))
        .collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.to_string_lossy().contains(".damaged") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens, a job reads as what was last committed for it or as not there; and one that was committed
    /// after the last damage is there.
    #[test]
    fn a_result_is_right_or_missing(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let mut model: BTreeMap<u8, u8> = BTreeMap::new();
        // Jobs whose results no damage has reached since they were committed.
        let mut sure: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Step::Commit { job, content } => {
                    commit(&store, job, content);
                    model.insert(job, content);
                    sure.push(job);
                }
                Step::Damage { file, how } => {
                    let files = files(&store);
                    if files.is_empty() {
                        continue;
                    }
                    let path = file.get(&files);
                    let bytes = fs::read(path).unwrap();
                    fs::remove_file(path).unwrap();
                    match how {
                        Damage::Cut => fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
                        Damage::Empty => fs::write(path, "").unwrap(),
                        Damage::Remove => {}
                    }
                    sure.clear();
                }
                Step::Reopen => store = Store::open(folder.path()).unwrap(),
            }
            for job in 0..4 {
                let found = read(&store, job);
                let expected = model.get(&job).map(|number| content(*number));
                prop_assert!(found.is_none() || found == expected, "{found:?} for {expected:?}");
                prop_assert!(found.is_some() || !sure.contains(&job), "job {job} is lost");
            }
        }
        prop_assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }
}

#[test]
fn a_kill_at_any_step_of_a_commit_leaves_the_store_right() {
    // The files are as a commit leaves them that is killed after each of its steps: the next attempt must succeed.
    for done in ["objects", "artifacts"] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        commit(&store, 1, 1);
        fs::remove_file(store.record(&key(1))).unwrap();
        if done == "objects" {
            for entry in fs::read_dir(folder.path().join("artifacts")).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        assert_eq!(read(&store, 1), None);
        commit(&store, 1, 1);
        assert_eq!(read(&store, 1), Some(content(1)));
        assert!(!files(&store).is_empty());
    }
}

#[test]
fn a_damaged_object_of_the_right_size_is_replaced_by_the_next_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    commit(&store, 1, 1);
    let Lookup::Hit(found) = store.lookup(&key(1)).unwrap() else {
        panic!("a hit")
    };
    let path = store.file(&found.manifest, "sub/file").unwrap().unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, content(2)).unwrap();
    commit(&store, 2, 1);
    assert_eq!(read(&store, 2), Some(content(1)));
    assert_eq!(
        fs::read_to_string(path.with_extension("damaged")).unwrap(),
        content(2)
    );
}

#[test]
fn what_is_no_plain_file_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let claim = store.claim(&key(1)).unwrap().unwrap();
    fs::create_dir(claim.output()).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", claim.output().join("link")).unwrap();
    let made = Made {
        label: "job".into(),
        parts: parts(1),
        cost: Cost::default(),
        output: ArtifactType::Folder,
        source: None,
        notes: Notes::default(),
    };
    let error = store.commit(&claim.output(), made).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("link: the stage wrote something else than files and folders")
    );
}

#[test]
fn a_manifest_that_would_lead_elsewhere_is_damaged_whatever_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    commit(&store, 1, 1);
    let record = store.recorded(&key(1)).unwrap().unwrap();
    let text = fs::read_to_string(store.artifact(&record.artifact)).unwrap();
    let forged = text.replace("\"sub/file\"", "\"../../file\"");
    assert_ne!(forged, text);
    let artifact = Digest::of(forged.as_bytes());
    fs::write(store.artifact(&artifact), &forged).unwrap();
    fs::write(store.listing_of(&artifact), &forged).unwrap();
    let forged = Record { artifact, ..record };
    let path = store.record(&key(1));
    fs::remove_file(&path).unwrap();
    fs::write(&path, serde_json::to_vec(&forged).unwrap()).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let Lookup::Damaged { path, reason } = store.lookup(&key(1)).unwrap() else {
        panic!("it was believed");
    };
    assert_eq!(path, store.artifact(&artifact));
    assert_eq!(reason, "its file `../../file` would lie outside of it");
    assert_eq!(store.listing(&artifact), None);
}

#[test]
fn whatever_bit_of_a_record_flips_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    commit(&store, 1, 1);
    let bytes = fs::read(store.record(&key(1))).unwrap();
    let record = Record::read(&bytes, &key(1)).unwrap();
    assert_eq!(record.bytes(), bytes);
    for bit in 0..8 * bytes.len() {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let read = Record::read(&flipped, &key(1));
        assert!(read.is_err(), "{}", String::from_utf8_lossy(&flipped));
    }
    // The record of an earlier build has no check, and is believed.
    let mut unchecked: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    unchecked.as_object_mut().unwrap().remove("check");
    let unchecked = serde_json::to_vec(&unchecked).unwrap();
    assert_eq!(Record::read(&unchecked, &key(1)), Ok(record));
}
