//! Earlier results, to compare with: to say what differs, and what a job will cost.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::keys::KeyParts;
use crate::store::{Glance, Known, Store, StoreError};

use super::changes::distance;

/// How many results of a kind a job is compared with at most, where none has its label: the latest, and as many again whose
/// labels are next to its own in order. That is enough to find a near one, and few enough that the time to explain a large
/// sweep does not grow with its square.
const MOST: usize = 64;

/// All results of a store. Their labels are read when the first is asked for, their records when they are compared.
#[derive(Debug)]
pub struct History<'a> {
    store: &'a Store,
    by_kind: Option<BTreeMap<String, Kind>>,
}

/// Results of one kind.
#[derive(Debug, Default)]
struct Kind {
    /// The latest first.
    glances: Vec<Glance>,
    /// The places in `glances`, in the order of the labels, the latest of one label first.
    by_label: Vec<usize>,
    /// The records that were read of the latest results; `None` for a record that could not be read.
    latest: BTreeMap<usize, Option<Arc<Known>>>,
}

impl Kind {
    fn new(mut glances: Vec<Glance>) -> Self {
        glances.sort_unstable_by_key(|glance| (Reverse(glance.written), glance.key));
        let mut by_label: Vec<usize> = (0..glances.len()).collect();
        by_label.sort_by(|a, b| glances[*a].label.cmp(&glances[*b].label));
        Self {
            glances,
            by_label,
            latest: BTreeMap::new(),
        }
    }

    /// Returns the places of the results that a job of that label is compared with, each once.
    fn candidates(&self, label: &str) -> BTreeSet<usize> {
        let label_of = |at: &usize| self.glances[*at].label.as_str();
        let from = self.by_label.partition_point(|at| label_of(at) < label);
        let own = self.by_label[from..]
            .iter()
            .take_while(|at| label_of(at) == label);
        let own: BTreeSet<usize> = own.take(MOST).copied().collect();
        if !own.is_empty() {
            return own;
        }
        let around = from.saturating_sub(MOST / 2)..(from + MOST / 2).min(self.by_label.len());
        let near = self.by_label[around].iter().copied();
        near.chain(0..self.glances.len().min(MOST)).collect()
    }

    fn read(&mut self, store: &Store, at: usize) -> Result<Option<Arc<Known>>, StoreError> {
        if let Some(known) = self.latest.get(&at) {
            return Ok(known.clone());
        }
        let glance = &self.glances[at];
        let record = store.recorded(&glance.key)?;
        let known = record.map(|record| {
            Arc::new(Known {
                record,
                written: glance.written,
            })
        });
        // Only the latest records are kept: a large sweep has more than memory should hold.
        if at < MOST {
            self.latest.insert(at, known.clone());
        }
        Ok(known)
    }
}

impl<'a> History<'a> {
    /// The history of a store.
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

    /// Returns the results that differ from a job in the fewest parts of the key: of the same kind and label, or else of the
    /// same kind. Those with the most similar labels come first, then the latest. Inputs whose names are `open` are not
    /// compared.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn nearest(
        &mut self,
        label: &str,
        parts: &KeyParts,
        open: &BTreeSet<String>,
    ) -> Result<Vec<Arc<Known>>, StoreError> {
        let store = self.store;
        let Some(kind) = self.of_kind(&parts.kind)? else {
            return Ok(Vec::new());
        };
        let mut far = Vec::new();
        for at in kind.candidates(label) {
            if let Some(known) = kind.read(store, at)? {
                far.push((distance(&known.record.parts, parts, open), known));
            }
        }
        let least = far.iter().map(|(distance, _)| *distance).min();
        let mut nearest: Vec<Arc<Known>> = far
            .into_iter()
            .filter(|(distance, _)| Some(*distance) == least)
            .map(|(_, known)| known)
            .collect();
        nearest.sort_by_cached_key(|known| {
            let record = &known.record;
            let unlike = strsim::levenshtein(&record.label, label);
            (unlike, Reverse(known.written), record.key)
        });
        Ok(nearest)
    }

    fn of_kind(&mut self, kind: &str) -> Result<Option<&mut Kind>, StoreError> {
        if self.by_kind.is_none() {
            let mut glances = BTreeMap::<String, Vec<Glance>>::new();
            for (kind, glance) in self.store.glances()? {
                glances.entry(kind).or_default().push(glance);
            }
            let kinds = glances.into_iter();
            self.by_kind = Some(
                kinds
                    .map(|(name, glances)| (name, Kind::new(glances)))
                    .collect(),
            );
        }
        Ok(self.by_kind.as_mut().and_then(|all| all.get_mut(kind)))
    }
}
