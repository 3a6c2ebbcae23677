//! Files that save reading other files: small values by name, appended as they become known.
//!
//! A cache is never the truth. It may be deleted at any time, written by several runs at once, cut off by a full disk: what
//! cannot be read from it is found out anew. Each entry carries a check of its own bytes. Values stay in the file until they
//! are asked for: of a store of many results only the places of its entries are held.
//!
//! | bytes | hold |
//! | --- | --- |
//! | 4 | length of the value, little-endian |
//! | 8 | the first bytes of the BLAKE3 hash of name and value |
//! | 32 | the name: a key or a digest |
//! | … | the value |

use std::collections::HashMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::owner::{make_folder, settle};

/// The bytes before an entry's value.
const HEAD: usize = 4 + 8 + 32;
/// How many bytes of new entries are kept back at most.
const PENDING: usize = 1 << 20;
/// A file is written anew when more than half of it, and more than this, are entries that later ones replace.
const GARBAGE: u64 = 1 << 20;
/// A file of at most this size is held whole, in bytes.
const SMALL: u64 = 4 << 20;
/// How many bytes of a larger file are read at once, at least: neighbours are often asked for one after the other.
const BLOCK: u64 = 4 << 10;
/// How many bytes are read at once where all entries are read.
const STREAM: u64 = 256 << 10;

/// Values by name, in a file.
#[derive(Debug)]
pub(super) struct Cache {
    path: PathBuf,
    /// Up to which size the file is held whole.
    small: u64,
    loaded: OnceLock<Loaded>,
    /// What was last read.
    window: Mutex<Window>,
    pending: Mutex<Vec<u8>>,
}

/// The file as it was when it was first looked at.
#[derive(Debug, Default)]
struct Loaded {
    /// The open file, where it is too large to be held.
    file: Option<File>,
    /// All bytes of the file, where it is small enough.
    whole: Vec<u8>,
    size: u64,
    /// By the first bytes of a name: the place of its last entry.
    places: HashMap<u64, Place>,
    /// Whether the file should be written anew.
    worn: bool,
}

/// Where an entry lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    /// The length of the entry's value, in bytes.
    length: u32,
}

/// A part of the file, as it was last read.
#[derive(Debug)]
struct Window {
    /// How many bytes are read at once.
    block: u64,
    from: u64,
    bytes: Vec<u8>,
}

impl Cache {
    /// The cache in the file at `path`; nothing is read yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self::holding(SMALL, path)
    }

    fn holding(small: u64, path: PathBuf) -> Self {
        Self {
            path,
            small,
            loaded: OnceLock::new(),
            window: Mutex::new(Window::of_blocks(BLOCK)),
            pending: Mutex::default(),
        }
    }

    /// Returns the value of that name, as far as the file held it when it was first looked at.
    pub(super) fn get(&self, name: &[u8; 32]) -> Option<Vec<u8>> {
        let loaded = self.loaded();
        let place = *loaded.places.get(&first(name))?;
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, value) = loaded.entry(place, &mut window)?;
        (found == name).then(|| value.to_vec())
    }

    /// Shows all names and values, the last of each name, the latest first, until `visit` returns false.
    pub(super) fn latest(&self, visit: &mut dyn FnMut(&[u8; 32], &[u8]) -> bool) {
        let loaded = self.loaded();
        let mut window = Window::of_blocks(STREAM);
        for place in loaded.in_order().into_iter().rev() {
            if let Some((name, value)) = loaded.entry(place, &mut window)
                && !visit(name, value)
            {
                return;
            }
        }
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

    /// Writes the entries that were added.
    pub(super) fn flush(&self) {
        self.write(&mut self.pending());
    }

    fn pending(&self) -> MutexGuard<'_, Vec<u8>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends entries. A failure to write is ignored: what is lost is found out again.
    fn write(&self, pending: &mut Vec<u8>) {
        let pending = std::mem::take(pending);
        if pending.is_empty() {
            return;
        }
        if let Some(loaded) = self.loaded.get().filter(|loaded| loaded.worn) {
            let _ = self.renew(loaded, &pending, &|_| true);
            return;
        }
        // All entries are written in one piece, so that those of several runs do not mix.
        // The folder may have been deleted; the store itself is not made here.
        let is_in_store = |folder: &&Path| folder.parent().is_some_and(Path::is_dir);
        if let Some(folder) = self.path.parent().filter(is_in_store) {
            let _ = make_folder(folder);
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path);
        let _ = match file {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                // The file is another user's: a file of our own takes its place, with what could be read of the other.
                self.renew(self.loaded(), &pending, &|_| true)
            }
            file => file.and_then(|mut file| {
                settle(&file, self.folder());
                file.write_all(&pending)
            }),
        };
    }

    /// Removes the entries of all other names, from the file alone: what this process has read of it stays.
    pub(super) fn retain(&self, stays: &dyn Fn(&[u8; 32]) -> bool) {
        self.flush();
        let loaded = Loaded::of(File::open(&self.path).ok(), self.small);
        let mut window = Window::of_blocks(STREAM);
        let mut goes = |place| {
            let entry = loaded.entry(place, &mut window);
            entry.is_some_and(|(name, _)| !stays(name))
        };
        if loaded.in_order().into_iter().any(&mut goes) {
            let _ = self.renew(&loaded, &[], stays);
        }
    }

    /// Writes the file anew, without entries that later ones replace or that are not to stay. What another run appends
    /// meanwhile is lost, and found out again.
    fn renew(
        &self,
        loaded: &Loaded,
        pending: &[u8],
        stays: &dyn Fn(&[u8; 32]) -> bool,
    ) -> std::io::Result<()> {
        let mut new = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(self.folder())?;
        settle(new.as_file(), self.folder());
        let mut file = std::io::BufWriter::with_capacity(STREAM as usize, new.as_file_mut());
        let mut window = Window::of_blocks(STREAM);
        for place in loaded.in_order() {
            if let Some((name, value)) = loaded.entry(place, &mut window)
                && stays(name)
            {
                file.write_all(&place.length.to_le_bytes())?;
                file.write_all(&check(name, value))?;
                file.write_all(name)?;
                file.write_all(value)?;
            }
        }
        file.write_all(pending)?;
        file.flush()?;
        drop(file);
        new.persist(&self.path)?;
        Ok(())
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    fn loaded(&self) -> &Loaded {
        let load = || Loaded::of(File::open(&self.path).ok(), self.small);
        self.loaded.get_or_init(load)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Loaded {
    /// Reads where the entries lie.
    fn of(file: Option<File>, small: u64) -> Self {
        let size = file.as_ref().and_then(|file| file.metadata().ok());
        let size = size.map_or(0, |metadata| metadata.len());
        let mut loaded = Self {
            size,
            file,
            ..Self::default()
        };
        if size <= small
            && let Some(file) = loaded.file.take()
        {
            // Bytes that cannot be read count as not there.
            let _ = file.take(size).read_to_end(&mut loaded.whole);
        }
        let (mut at, mut replaced) = (0, 0);
        let mut window = Window::of_blocks(STREAM);
        while let Some((name, place)) = loaded.place(at, &mut window) {
            at = place.end();
            if let Some(before) = loaded.places.insert(name, place) {
                replaced += before.end() - before.at;
            }
        }
        loaded.worn = at < loaded.size || (replaced > GARBAGE && replaced > loaded.size / 2);
        loaded
    }

    /// Returns the places of all entries, the first of the file first.
    fn in_order(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.places.values().copied().collect();
        places.sort_unstable_by_key(|place| place.at);
        places
    }

    /// Returns the place of the entry at `at` and the first bytes of its name, if the file reaches that far.
    fn place(&self, at: u64, window: &mut Window) -> Option<(u64, Place)> {
        let head = self.bytes(at, HEAD as u64, window)?;
        let length = u32::from_le_bytes(*head.first_chunk()?);
        let place = Place { at, length };
        (place.end() <= self.size).then_some((first(&head[12..]), place))
    }

    /// Returns the entry of that place, if its bytes are those that were written.
    fn entry<'a>(
        &'a self,
        place: Place,
        window: &'a mut Window,
    ) -> Option<(&'a [u8; 32], &'a [u8])> {
        let bytes = self.bytes(place.at, place.end() - place.at, window)?;
        let (head, value) = bytes.split_at_checked(HEAD)?;
        let name = head[12..].first_chunk()?;
        (head[4..12] == check(name, value)).then_some((name, value))
    }

    fn bytes<'a>(&'a self, at: u64, length: u64, window: &'a mut Window) -> Option<&'a [u8]> {
        match &self.file {
            Some(file) => window.show(file, at, length),
            None => {
                let from = usize::try_from(at).ok()?;
                self.whole.get(from..)?.get(..usize::try_from(length).ok()?)
            }
        }
    }
}

impl Place {
    fn end(self) -> u64 {
        self.at + HEAD as u64 + u64::from(self.length)
    }
}

impl Window {
    fn of_blocks(block: u64) -> Self {
        Self {
            block,
            from: 0,
            bytes: Vec::new(),
        }
    }

    /// Returns a part of the file, and reads the blocks that it lies in if they are not here.
    fn show(&mut self, file: &File, at: u64, length: u64) -> Option<&[u8]> {
        let to = at.checked_add(length)?;
        if at < self.from || to > self.from + self.bytes.len() as u64 {
            self.from = at - at % self.block;
            let length = to.next_multiple_of(self.block) - self.from;
            let blocks = At {
                file,
                at: self.from,
            };
            self.bytes.clear();
            // Bytes that cannot be read count as not there.
            let _ = blocks.take(length).read_to_end(&mut self.bytes);
        }
        let from = usize::try_from(at - self.from).ok()?;
        self.bytes.get(from..)?.get(..usize::try_from(length).ok()?)
    }
}

/// Reads a file from some place on, whoever else reads it.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(bytes, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Returns the first bytes of a name, which is a hash already.
fn first(name: &[u8]) -> u64 {
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

    use std::fs;

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
        assert_eq!(cache.get(&name(1)), Some(b"won".to_vec()));
        assert_eq!(cache.get(&name(2)), Some(Vec::new()));
    }

    #[test]
    fn the_latest_come_first_until_enough_were_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let cache = Cache::new(path.clone());
        // The values are of all sizes, so that some lie in one block and some in several.
        let value = |number: u8| vec![number; 40 * usize::from(number)];
        (0..200).for_each(|number| cache.put(&name(number), &value(number)));
        cache.put(&name(7), b"seven");
        drop(cache);
        for small in [0, SMALL] {
            let cache = Cache::holding(small, path.clone());
            let mut seen = Vec::new();
            cache.latest(&mut |name, value| {
                seen.push((*name, value.to_vec()));
                seen.len() < 100
            });
            let expected = [(name(7), b"seven".to_vec())].into_iter();
            let expected = expected.chain((101..200).rev().map(|n| (name(n), value(n))));
            assert_eq!(seen, expected.collect::<Vec<_>>());
            assert_eq!(cache.get(&name(3)), Some(value(3)));
        }
    }

    #[test]
    fn a_file_that_is_mostly_replaced_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let large = vec![7; GARBAGE as usize];
        for _ in 0..4 {
            Cache::new(path.clone()).put(&name(1), &large);
        }
        let cache = Cache::new(path.clone());
        assert_eq!(cache.get(&name(1)), Some(large.clone()));
        cache.put(&name(2), b"two");
        drop(cache);
        assert!(fs::metadata(&path).unwrap().len() < 2 * GARBAGE);
        let cache = Cache::new(path);
        assert_eq!(cache.get(&name(1)), Some(large));
        assert_eq!(cache.get(&name(2)), Some(b"two".to_vec()));
    }

    #[test]
    fn what_is_not_to_stay_is_gone_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let cache = Cache::holding(0, path.clone());
        (1..4).for_each(|number| cache.put(&name(number), &[number]));
        cache.retain(&|found| *found == name(2));
        drop(cache);
        let cache = Cache::new(path.clone());
        let found = |number| cache.get(&name(number));
        assert_eq!((found(1), found(2), found(3)), (None, Some(vec![2]), None));
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
            small in prop_oneof![Just(0), Just(SMALL)],
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
            let cache = Cache::holding(small, path.clone());
            for number in 0..6 {
                let found = cache.get(&name(number));
                prop_assert!(found.is_none_or(|found| found == value(number)));
            }
            // The cache can be written to again.
            cache.put(&name(9), b"nine");
            drop(cache);
            let cache = Cache::new(path);
            prop_assert_eq!(cache.get(&name(9)), Some(b"nine".to_vec()));
        }
    }
}
