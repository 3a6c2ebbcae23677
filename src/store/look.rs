//! Looking up many results at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::away::mark_place;
use super::index::{Indexed, Stamp, object_name};
use super::{Digest, Found, Lookup, Manifest, Store, StoreError};
use crate::keys::Key;

/// One look at many results. Files that several of them have in common are looked at once, so it is for a moment only.
pub struct Look<'a> {
    store: &'a Store,
    /// How the file of each manifest is, and what the manifest says if a result was found to have it.
    artifacts: HashMap<Digest, (Option<Stamp>, Option<Arc<Manifest>>)>,
    /// How each object is.
    objects: HashMap<Digest, Option<Stamp>>,
}

impl Store {
    /// Begins a look at results.
    pub fn look(&self) -> Look<'_> {
        Look {
            store: self,
            artifacts: HashMap::new(),
            objects: HashMap::new(),
        }
    }

    /// Begins to look, beside what goes on, which results are there as the index says, the latest first.
    pub fn look_ahead(&self) -> LookAhead {
        let seen = Arc::new(Seen::default());
        let (store, shared) = (self.clone(), Arc::clone(&seen));
        let work = move || {
            let mut look = store.look();
            store.index().latest(&mut |key, bytes| {
                let entry = Indexed::decode(Key::from_bytes(*key), bytes);
                if let Some(entry) = entry.filter(|entry| look.holds(entry)) {
                    let found = look.share(entry.found);
                    shared.found().insert(found.key, found);
                }
                !shared.enough.load(Ordering::Relaxed)
            });
        };
        // Without a thread everything is looked up when it is asked for.
        let thread = std::thread::Builder::new()
            .name("look-ahead".into())
            .spawn(work)
            .ok();
        LookAhead { seen, thread }
    }
}

impl Look<'_> {
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
                    // It got here, or is no longer said to be elsewhere.
                    true => seen.is_none() && store.stamp(&mark_place(&file.digest)).is_some(),
                }
            })
    }

    /// Lets results that have an artifact in common hold one manifest of it.
    fn share(&mut self, mut found: Found) -> Found {
        if let Some((_, shared)) = self.artifacts.get_mut(&found.artifact) {
            found.manifest = Arc::clone(shared.get_or_insert(found.manifest));
        }
        found
    }
}

/// A look at results before it is known which are wanted, which goes on until it is dropped.
#[derive(Debug)]
pub struct LookAhead {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    found: Mutex<HashMap<Key, Found>>,
    /// Whether nothing more is wanted.
    enough: AtomicBool,
}

impl Seen {
    fn found(&self) -> MutexGuard<'_, HashMap<Key, Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LookAhead {
    /// Takes the result of the job with that key, if it was seen to be there by now.
    pub fn take(&self, key: &Key) -> Option<Found> {
        self.seen.found().remove(key)
    }
}

impl Drop for LookAhead {
    fn drop(&mut self) {
        self.seen.enough.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What a thread that panicked has not seen is looked up again.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;
    use crate::fakes::in_time;
    use crate::store::tests::{commit, key};

    /// A store in which two jobs have made the same.
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
        assert!(store.look().holds(&entry), "the second wrote nothing of it");
        let mut look = store.look();
        let mut found = |key| match look.lookup(key).unwrap() {
            Lookup::Hit(found) => found.manifest,
            other => panic!("{other:?}"),
        };
        assert!(Arc::ptr_eq(&found(&key(1)), &found(&key(2))));
    }

    #[test]
    fn what_is_seen_ahead_is_there_once_and_what_is_damaged_is_not_seen() {
        let (_folder, store) = store();
        fs::write(store.record(&key(1)), "{}").unwrap();
        let ahead = store.look_ahead();
        assert!(in_time(|| ahead.take(&key(2)).is_some()));
        assert_eq!(ahead.take(&key(2)), None);
        assert_eq!(ahead.take(&key(1)), None);
    }
}
