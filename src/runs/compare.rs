//! What differs between two runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::pair::{Pair, Setting, pairs};
use crate::keys::Key;
use crate::progress::Made;
use crate::store::{Digest, Store, StoreError};
use crate::why::{Change, changes};

/// What differs between two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Jobs of both with the same key and the same artifact.
    pub same: usize,
    /// The other jobs and how they differ, by label; a job of both runs has the label of the second.
    pub jobs: BTreeMap<String, Difference>,
}

/// How a job differs between two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Difference {
    /// Only the second run has it.
    Added {
        /// What it made.
        new: Made,
    },
    /// Only the first run has it.
    Gone {
        /// What it made.
        old: Made,
    },
    /// The job's key is another.
    Changed {
        /// What it made.
        old: Made,
        /// What it makes.
        new: Made,
        /// Which parts of the key differ; `None` where a record is gone.
        changes: Option<Vec<Change>>,
        /// The settings that differ, where the label tells them.
        set: Option<Set>,
    },
    /// The job's key is the same, and what it made is not: the result is no function of what the key holds.
    Unstable {
        /// What it made.
        old: Made,
        /// What it makes.
        new: Made,
    },
}

/// A job that has another label under other settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Set {
    /// The label in the first run.
    pub was: String,
    /// The label without the variables that were set.
    pub job: String,
    /// The variables that were set otherwise.
    pub settings: Vec<Setting>,
}

/// Compares what two runs have made, by label. Jobs whose labels differ in the variables that were set are compared with each
/// other.
///
/// # Errors
/// When a record cannot be read.
pub fn compare(
    store: &Store,
    old: &BTreeMap<String, Made>,
    new: &BTreeMap<String, Made>,
) -> Result<Comparison, StoreError> {
    let mut comparison = Comparison {
        same: 0,
        jobs: BTreeMap::new(),
    };
    let mut gone: BTreeMap<&str, Made> = BTreeMap::new();
    for (label, &old) in old {
        match new.get(label) {
            Some(&new) => comparison.add(store, label, old, new, None)?,
            None => drop(gone.insert(label, old)),
        }
    }
    let mut added: BTreeMap<&str, Made> = BTreeMap::new();
    for (label, made) in new {
        if !old.contains_key(label) {
            added.insert(label, *made);
        }
    }
    // The very same job may have another label.
    let mut by_key: BTreeMap<Key, &str> = gone
        .iter()
        .map(|(label, made)| (made.key, *label))
        .collect();
    for label in added.keys().copied().collect::<Vec<_>>() {
        if let Some(was) = by_key.remove(&added[label].key)
            && let (Some(old), Some(new)) = (gone.remove(was), added.remove(label))
        {
            comparison.add(store, label, old, new, None)?;
        }
    }
    let only_old: Vec<&str> = gone.keys().copied().collect();
    let only_new: Vec<&str> = added.keys().copied().collect();
    for pair in pairs(&only_old, &only_new) {
        if let (Some(old), Some(new)) = (gone.remove(pair.old), added.remove(pair.new)) {
            comparison.add(store, pair.new, old, new, Some(&pair))?;
        }
    }
    let gone = gone
        .into_iter()
        .map(|(label, old)| (label, Difference::Gone { old }));
    let added = added
        .into_iter()
        .map(|(label, new)| (label, Difference::Added { new }));
    for (label, difference) in gone.chain(added) {
        comparison.jobs.insert(label.to_owned(), difference);
    }
    comparison.fill_in();
    Ok(comparison)
}

impl Comparison {
    /// Adds a job that both runs have.
    fn add(
        &mut self,
        store: &Store,
        label: &str,
        old: Made,
        new: Made,
        pair: Option<&Pair<'_>>,
    ) -> Result<(), StoreError> {
        let difference = if old == new {
            self.same += 1;
            return Ok(());
        } else if old.key == new.key {
            Difference::Unstable { old, new }
        } else {
            Difference::Changed {
                old,
                new,
                changes: between(store, &old, &new)?,
                set: pair.map(|pair| Set {
                    was: pair.old.to_owned(),
                    job: pair.common.clone(),
                    settings: pair.settings.clone(),
                }),
            }
        };
        self.jobs.insert(label.to_owned(), difference);
        Ok(())
    }

    /// Fills in the profile's value of variables that only one run has set, where some job tells it: one that differs in that
    /// variable and in one parameter alone.
    fn fill_in(&mut self) {
        let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
        for difference in self.jobs.values() {
            if let Difference::Changed {
                changes: Some(changes),
                set: Some(set),
                ..
            } = difference
                && let [setting] = &set.settings[..]
                && let [
                    Change::Parameter {
                        old: Some(old),
                        new: Some(new),
                        ..
                    },
                ] = &changes[..]
            {
                // A variable that is only a part of the parameter's value tells nothing of the other run.
                let told = setting.old.as_ref().or(setting.new.as_ref());
                let is = if setting.old.is_some() { old } else { new };
                if told.is_some_and(|told| crate::declare::parse_value(told) == *is) {
                    let values = [old, new].map(|value| match value.as_str() {
                        Some(text) => text.to_owned(),
                        None => value.to_string(),
                    });
                    let [old, new] = values;
                    known.insert(setting.variable.clone(), (old, new));
                }
            }
        }
        for difference in self.jobs.values_mut() {
            let Difference::Changed { set: Some(set), .. } = difference else {
                continue;
            };
            for setting in &mut set.settings {
                if let Some((old, new)) = known.get(&setting.variable) {
                    setting.old.get_or_insert_with(|| old.clone());
                    setting.new.get_or_insert_with(|| new.clone());
                }
            }
        }
    }
}

fn between(store: &Store, old: &Made, new: &Made) -> Result<Option<Vec<Change>>, StoreError> {
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
