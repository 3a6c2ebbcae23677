//! Looking up results before it is known which of them are wanted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::index::Indexed;
use super::{Found, Store};
use crate::keys::Key;

impl Store {
    /// Starts a thread that looks which results are there, as the index lists them, the latest first.
    pub fn prefetch(&self) -> Prefetch {
        let seen = Arc::new(Seen::default());
        let (store, shared) = (self.clone(), Arc::clone(&seen));
        let work = move || {
            let mut snapshot = store.snapshot();
            store.index().latest(&mut |key, bytes| {
                let entry = Indexed::decode(Key::from_bytes(*key), bytes);
                if let Some(entry) = entry.filter(|entry| snapshot.holds(entry)) {
                    let found = snapshot.share(entry.found);
                    shared.found().insert(found.key, found);
                }
                !shared.enough.load(Ordering::Relaxed)
            });
        };
        // Without a thread everything is looked up when it is asked for.
        let thread = std::thread::Builder::new()
            .name("prefetch".into())
            .spawn(work)
            .ok();
        Prefetch { seen, thread }
    }
}

/// A look at results before it is known which of them are wanted. It goes on until the value is dropped.
#[derive(Debug)]
pub struct Prefetch {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    found: Mutex<HashMap<Key, Found>>,
    /// Whether the thread is to stop.
    enough: AtomicBool,
}

impl Seen {
    fn found(&self) -> MutexGuard<'_, HashMap<Key, Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Prefetch {
    /// Takes the result of the job with that key, if it was seen to be there by now.
    pub fn take(&self, key: &Key) -> Option<Found> {
        self.seen.found().remove(key)
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.seen.enough.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Results that a thread did not come to, since it panicked, are looked up when they are asked for.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;
    use crate::store::tests::{commit, key};
    use crate::test_support::in_time;

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
    fn what_is_seen_ahead_is_there_once_and_what_is_damaged_is_not_seen() {
        let (_folder, store) = store();
        fs::write(store.record(&key(1)), "{}").unwrap();
        let ahead = store.prefetch();
        assert!(in_time(|| ahead.take(&key(2)).is_some()));
        assert_eq!(ahead.take(&key(2)), None);
        assert_eq!(ahead.take(&key(1)), None);
    }
}
