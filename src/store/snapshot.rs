//! Looking up many results as they are at one moment.

use std::collections::HashMap;
use std::sync::Arc;

use super::away::mark_place;
use super::index::{Indexed, Stamp, object_name};
use super::{Digest, Found, Lookup, Manifest, Store, StoreError};
use crate::keys::Key;

/// The files of the store as they were when they were first asked for, so that a file of several results is looked at once. To
/// be used for one pass over many results, since it does not see later changes.
pub struct Snapshot<'a> {
    store: &'a Store,
    /// The stamp of each manifest's file, and the manifest, once a result was found to have it.
    artifacts: HashMap<Digest, (Option<Stamp>, Option<Arc<Manifest>>)>,
    /// The stamp of each object.
    objects: HashMap<Digest, Option<Stamp>>,
}

impl Store {
    /// Begins a look at many results.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            store: self,
            artifacts: HashMap::new(),
            objects: HashMap::new(),
        }
    }
}

impl Snapshot<'_> {
    /// Looks up the result of the job with that key, as [`Store::lookup`] does.
    ///
    /// # Errors
    /// When the system refuses to read. A missing or damaged file is no error.
    pub fn lookup(&mut self, key: &Key) -> Result<Lookup, StoreError> {
        let indexed = self.store.indexed(key);
        Ok(match indexed {
            Some(indexed) if self.holds(&indexed) => Lookup::Hit(self.share(indexed.found)),
            indexed => self.store.read_whole(key, indexed.as_ref())?,
        })
    }

    /// Whether the files that an entry tells of are as they were.
    pub(super) fn holds(&mut self, entry: &Indexed) -> bool {
        let Found { key, artifact, .. } = &entry.found;
        let store = self.store;
        if store.stamp(&format!("records/{key}.json")) != Some(entry.record) {
            return false;
        }
        let manifest = self.artifacts.entry(*artifact).or_insert_with(|| {
            let stamp = store.stamp(&format!("artifacts/{artifact}.json"));
            (stamp, None)
        });
        manifest.0 == Some(entry.manifest)
            && entry.objects().all(|(file, stamp)| {
                let object = self.objects.entry(file.digest);
                let seen = object.or_insert_with(|| store.stamp(&object_name(&file.digest)));
                match stamp.is_away() {
                    false => *seen == Some(stamp),
                    // The object got here, or its mark is gone.
                    true => seen.is_none() && store.stamp(&mark_place(&file.digest)).is_some(),
                }
            })
    }

    /// Lets results with the same artifact share one manifest.
    pub(super) fn share(&mut self, mut found: Found) -> Found {
        if let Some((_, shared)) = self.artifacts.get_mut(&found.artifact) {
            found.manifest = Arc::clone(shared.get_or_insert(found.manifest));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::store::tests::{commit, key};

    /// A store in which two jobs have made the same artifact.
    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        commit(&store, 1, 7);
        commit(&store, 2, 7);
        drop(store);
        let store = Store::view(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn results_with_one_artifact_leave_each_other_alone_and_share_a_manifest() {
        let (_folder, store) = store();
        let entry = store.indexed(&key(1)).unwrap();
        assert!(
            store.snapshot().holds(&entry),
            "the second wrote nothing of it"
        );
        let mut snapshot = store.snapshot();
        let mut found = |key| match snapshot.lookup(key).unwrap() {
            Lookup::Hit(found) => found.manifest,
            other => panic!("{other:?}"),
        };
        assert!(Arc::ptr_eq(&found(&key(1)), &found(&key(2))));
    }
}
