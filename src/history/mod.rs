//! Earlier results, to compare with: to say what differs, and what a job will cost.

mod changes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::keys::KeyParts;
use crate::store::{Known, Store, StoreError};

use changes::distance;
pub use changes::{Change, FileChange, How, changes};

/// Results of a kind that a job is compared with at most, the latest, besides those of its own label: enough to find a near
/// one, and few enough that explaining a large sweep takes no time that grows with its square.
const MOST: usize = 500;

/// All results of a store, read when the first is asked for.
#[derive(Debug)]
pub struct History<'a> {
    store: &'a Store,
    by_kind: Option<BTreeMap<String, Kind>>,
}

/// Results of one kind, the latest first.
#[derive(Debug, Default)]
struct Kind {
    known: Vec<Known>,
    by_label: BTreeMap<String, Vec<usize>>,
}

impl Kind {
    /// Returns what a job of that label is compared with, each once.
    fn candidates(&self, label: &str) -> impl Iterator<Item = &Known> {
        let own = self.by_label.get(label).into_iter().flatten();
        let older = own.filter(|at| **at >= MOST).map(|at| &self.known[*at]);
        self.known.iter().take(MOST).chain(older)
    }
}

impl<'a> History<'a> {
    /// That of a store.
    pub fn new(store: &'a Store) -> Self {
        Self {
            store,
            by_kind: None,
        }
    }

    /// Returns the store.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// Returns the results of the same kind that differ in the fewest parts of the key, those with the most similar labels
    /// first, then the latest. Inputs of `open` names are not compared.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn nearest(
        &mut self,
        label: &str,
        parts: &KeyParts,
        open: &BTreeSet<String>,
    ) -> Result<Vec<&Known>, StoreError> {
        let Some(kind) = self.of_kind(&parts.kind)? else {
            return Ok(Vec::new());
        };
        let far = kind.candidates(label).map(|known| {
            let distance = distance(&known.record.parts, parts, open);
            (distance, known)
        });
        let far: Vec<(usize, &Known)> = far.collect();
        let least = far.iter().map(|(distance, _)| *distance).min();
        let mut nearest: Vec<&Known> = far
            .into_iter()
            .filter(|(distance, _)| Some(*distance) == least)
            .map(|(_, known)| known)
            .collect();
        nearest.sort_by_key(|known| {
            let record = &known.record;
            let unlike = strsim::levenshtein(&record.label, label);
            (unlike, Reverse(known.written), record.key)
        });
        Ok(nearest)
    }

    fn of_kind(&mut self, kind: &str) -> Result<Option<&Kind>, StoreError> {
        if self.by_kind.is_none() {
            let mut known = self.store.known()?;
            known.sort_by_key(|known| (Reverse(known.written), known.record.key));
            let mut by_kind = BTreeMap::<String, Kind>::new();
            for known in known {
                let kind = by_kind.entry(known.record.parts.kind.clone()).or_default();
                let label = known.record.label.clone();
                kind.by_label
                    .entry(label)
                    .or_default()
                    .push(kind.known.len());
                kind.known.push(known);
            }
            self.by_kind = Some(by_kind);
        }
        Ok(self.by_kind.as_ref().and_then(|all| all.get(kind)))
    }
}
