//! Files that save reading other files: small values by name, appended as they become known.
//!
//! A cache is never the truth. It may be deleted at any time, written by several runs at once, cut off by a full disk: what
//! cannot be read from it is found out anew. Each entry carries a check of its own bytes.
//!
//! | bytes | hold |
//! | --- | --- |
//! | 4 | length of the value, little-endian |
//! | 8 | the first bytes of the BLAKE3 hash of name and value |
//! | 32 | the name: a key or a digest |
//! | … | the value |

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The bytes before an entry's value.
const HEAD: usize = 4 + 8 + 32;
/// How many bytes of new entries are kept back at most.
const PENDING: usize = 1 << 20;
/// A file is written anew when more than half of it, and more than this, are entries that later ones replace.
const GARBAGE: usize = 1 << 20;

/// Values by name, in a file.
#[derive(Debug)]
pub(super) struct Cache {
    path: PathBuf,
    loaded: OnceLock<Loaded>,
    pending: Mutex<Vec<u8>>,
}

/// What the file held when it was first looked at.
#[derive(Debug, Default)]
struct Loaded {
    bytes: Vec<u8>,
    /// By the first bytes of a name: where its last entry begins.
    places: HashMap<u64, usize>,
    /// Whether the file should be written anew.
    worn: bool,
}

impl Cache {
    /// The one at `path`; nothing is read yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            loaded: OnceLock::new(),
            pending: Mutex::default(),
        }
    }

    /// Returns the value of that name, as far as the file told when it was first looked at.
    pub(super) fn get(&self, name: &[u8; 32]) -> Option<&[u8]> {
        let loaded = self.loaded();
        let at = *loaded.places.get(&first(name))?;
        let (found, value) = loaded.entry(at)?;
        (found == name).then_some(value)
    }

    /// Returns all names and values, the last of each name, the latest first.
    pub(super) fn latest(&self) -> impl Iterator<Item = (&[u8; 32], &[u8])> {
        let loaded = self.loaded();
        let mut places: Vec<usize> = loaded.places.values().copied().collect();
        places.sort_unstable();
        let places = places.into_iter().rev();
        places.filter_map(|at| loaded.entry(at))
    }

    /// Adds an entry; it replaces an earlier one of that name for whoever looks from now on.
    pub(super) fn put(&self, name: &[u8; 32], value: &[u8]) {
        let Ok(length) = u32::try_from(value.len()) else {
            return;
        };
        let mut pending = self.pending();
        pending.extend_from_slice(&length.to_le_bytes());
        pending.extend_from_slice(&check(name, value));
        pending.extend_from_slice(name);
        pending.extend_from_slice(value);
        if pending.len() > PENDING {
            self.write(&mut pending);
        }
    }

    /// Writes what was added.
    pub(super) fn flush(&self) {
        self.write(&mut self.pending());
    }

    fn pending(&self) -> MutexGuard<'_, Vec<u8>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What cannot be written is not worth a failure: it is a cache.
    fn write(&self, pending: &mut Vec<u8>) {
        let pending = std::mem::take(pending);
        if pending.is_empty() {
            return;
        }
        if let Some(loaded) = self.loaded.get().filter(|loaded| loaded.worn) {
            let _ = self.renew(loaded, &pending, &|_| true);
            return;
        }
        // In one piece, so that entries of several runs do not mix.
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path);
        let _ = file.and_then(|mut file| file.write_all(&pending));
    }

    /// Removes the entries of all names but those, from the file alone: what was read of it stays.
    pub(super) fn retain(&self, stays: &dyn Fn(&[u8; 32]) -> bool) {
        self.flush();
        let loaded = Loaded::of(fs::read(&self.path).unwrap_or_default());
        let mut places = loaded.places.values();
        let goes = |at: &usize| loaded.head(*at).is_some_and(|(name, _)| !stays(name));
        if places.any(goes) {
            let _ = self.renew(&loaded, &[], stays);
        }
    }

    /// Writes the file anew, without what later entries have replaced and what does not stay. What another run appends
    /// meanwhile is lost to it, and found out again.
    fn renew(
        &self,
        loaded: &Loaded,
        pending: &[u8],
        stays: &dyn Fn(&[u8; 32]) -> bool,
    ) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(&self.path);
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let mut places: Vec<usize> = loaded.places.values().copied().collect();
        places.sort_unstable();
        for at in places {
            if let Some((_, value)) = loaded.entry(at).filter(|(name, _)| stays(name)) {
                file.write_all(&loaded.bytes[at..at + HEAD + value.len()])?;
            }
        }
        file.write_all(pending)?;
        file.persist(&self.path)?;
        Ok(())
    }

    fn loaded(&self) -> &Loaded {
        self.loaded
            .get_or_init(|| Loaded::of(fs::read(&self.path).unwrap_or_default()))
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Loaded {
    fn of(bytes: Vec<u8>) -> Self {
        let mut loaded = Self {
            bytes,
            ..Self::default()
        };
        let (mut at, mut replaced) = (0, 0);
        while let Some((name, length)) = loaded.head(at) {
            let name = first(name);
            if let Some(before) = loaded.places.insert(name, at) {
                replaced += loaded.head(before).map_or(0, |(_, length)| HEAD + length);
            }
            at += HEAD + length;
        }
        let cut_off = at < loaded.bytes.len();
        loaded.worn = cut_off || (replaced > GARBAGE && replaced > loaded.bytes.len() / 2);
        loaded
    }

    /// Returns the name of the entry at `at` and the length of its value, if the file reaches that far.
    fn head(&self, at: usize) -> Option<(&[u8; 32], usize)> {
        let (length, rest) = self.bytes.get(at..)?.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (name, rest) = rest.get(8..)?.split_first_chunk()?;
        (rest.len() >= length).then_some((name, length))
    }

    /// Returns the entry at `at`, if its bytes are those that were written.
    fn entry(&self, at: usize) -> Option<(&[u8; 32], &[u8])> {
        let (name, length) = self.head(at)?;
        let value = &self.bytes[at + HEAD..at + HEAD + length];
        (self.bytes[at + 4..at + 12] == check(name, value)).then_some((name, value))
    }
}

/// Returns the first bytes of a name, which is a hash already.
fn first(name: &[u8; 32]) -> u64 {
    name.first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn check(name: &[u8; 32], value: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name).update(value);
    hasher
        .finalize()
        .as_bytes()
        .first_chunk()
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn name(number: u8) -> [u8; 32] {
        *blake3::hash(&[number]).as_bytes()
    }

    #[test]
    fn the_last_value_counts_and_is_there_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let cache = Cache::new(path.clone());
        assert_eq!(cache.get(&name(1)), None);
        cache.put(&name(1), b"one");
        cache.put(&name(2), b"");
        cache.put(&name(1), b"won");
        drop(cache);
        let cache = Cache::new(path);
        assert_eq!(cache.get(&name(1)), Some(&b"won"[..]));
        assert_eq!(cache.get(&name(2)), Some(&b""[..]));
    }

    #[test]
    fn a_file_that_is_mostly_replaced_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let large = vec![7; GARBAGE];
        for _ in 0..4 {
            Cache::new(path.clone()).put(&name(1), &large);
        }
        let cache = Cache::new(path.clone());
        assert_eq!(cache.get(&name(1)), Some(&large[..]));
        cache.put(&name(2), b"two");
        drop(cache);
        assert!(fs::metadata(&path).unwrap().len() < 2 * GARBAGE as u64);
        let cache = Cache::new(path);
        assert_eq!(cache.get(&name(1)), Some(&large[..]));
        assert_eq!(cache.get(&name(2)), Some(&b"two"[..]));
    }

    #[test]
    fn what_is_not_to_stay_is_gone_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let cache = Cache::new(path.clone());
        (1..4).for_each(|number| cache.put(&name(number), &[number]));
        cache.retain(&|found| *found == name(2));
        drop(cache);
        let cache = Cache::new(path.clone());
        let found = |number| cache.get(&name(number));
        assert_eq!((found(1), found(2), found(3)), (None, Some(&[2][..]), None));
        assert_eq!(fs::metadata(path).unwrap().len(), HEAD as u64 + 1);
    }

    #[test]
    fn where_nothing_can_be_written_nothing_happens() {
        let cache = Cache::new("/nowhere/at/all".into());
        cache.put(&name(1), b"one");
        cache.flush();
        assert_eq!(cache.get(&name(1)), None);
    }

    proptest! {
        /// Whatever happens to the bytes, a value is the one that was put there, or none.
        #[test]
        fn what_is_damaged_is_not_there(
            cut in 0_usize..400,
            flips in prop::collection::vec((0_usize..400, 1_u8..), 0..4),
            junk in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("cache");
            let value = |number: u8| vec![number; usize::from(number) * 7];
            let cache = Cache::new(path.clone());
            (0..6).for_each(|number| cache.put(&name(number), &value(number)));
            drop(cache);
            let mut bytes = fs::read(&path).unwrap();
            for (at, flip) in flips {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= flip;
                }
            }
            bytes.truncate(cut);
            bytes.extend(junk);
            fs::write(&path, bytes).unwrap();
            let cache = Cache::new(path.clone());
            for number in 0..6 {
                let found = cache.get(&name(number));
                prop_assert!(found.is_none_or(|found| found == value(number)));
            }
            // And it can be written to again.
            cache.put(&name(9), b"nine");
            drop(cache);
            let cache = Cache::new(path);
            prop_assert_eq!(cache.get(&name(9)), Some(&b"nine"[..]));
        }
    }
}
