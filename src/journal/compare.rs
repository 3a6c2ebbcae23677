//! What differs between two runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Result;
use crate::history::{Change, changes};
use crate::store::{Digest, Store, StoreError};

/// What differs between two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Jobs of both with the same key and the same artifact.
    pub same: usize,
    /// Of the other jobs, by label, how they differ.
    pub jobs: BTreeMap<String, Difference>,
}

/// How a job differs between two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Difference {
    /// Only the second run has it.
    Added {
        /// What it made.
        new: Result,
    },
    /// Only the first run has it.
    Gone {
        /// What it made.
        old: Result,
    },
    /// Its key is another.
    Changed {
        /// What it made.
        old: Result,
        /// What it makes.
        new: Result,
        /// Which parts of the key differ; none where a record is gone.
        changes: Option<Vec<Change>>,
    },
    /// Its key is the same and what it made is not: it is no function of what its key holds.
    Unstable {
        /// What it made.
        old: Result,
        /// What it makes.
        new: Result,
    },
}

/// Compares what two runs have made, by label.
///
/// # Errors
/// When a record cannot be read.
pub fn compare(
    store: &Store,
    old: &BTreeMap<String, Result>,
    new: &BTreeMap<String, Result>,
) -> std::result::Result<Comparison, StoreError> {
    let labels: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut comparison = Comparison {
        same: 0,
        jobs: BTreeMap::new(),
    };
    for label in labels {
        let difference = match (old.get(label), new.get(label)) {
            (Some(old), Some(new)) if old == new => {
                comparison.same += 1;
                continue;
            }
            (Some(&old), Some(&new)) if old.key == new.key => Difference::Unstable { old, new },
            (Some(&old), Some(&new)) => Difference::Changed {
                old,
                new,
                changes: between(store, &old, &new)?,
            },
            (None, Some(&new)) => Difference::Added { new },
            (Some(&old), None) => Difference::Gone { old },
            (None, None) => continue,
        };
        comparison.jobs.insert(label.clone(), difference);
    }
    Ok(comparison)
}

fn between(
    store: &Store,
    old: &Result,
    new: &Result,
) -> std::result::Result<Option<Vec<Change>>, StoreError> {
    let (Some(old), Some(new)) = (store.recorded(&old.key)?, store.recorded(&new.key)?) else {
        return Ok(None);
    };
    let listing = |digest: &Digest| store.listing(digest);
    Ok(Some(changes(
        &old.parts,
        &new.parts,
        &BTreeSet::new(),
        &listing,
    )))
}
