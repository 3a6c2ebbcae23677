//! The index of a store's records, which is a cache: whatever its file holds, look-ups find what they find without it.
//!
//! Where the input begins with `+`, the rest are entries, each a byte that names a record, two of length, and the value; the
//! checks that entries carry are made here, since hardly any change leaves them right. Where it begins with `*`, they come
//! after a large one, so that the file is too large to be held whole.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pipe::keys::Key;
use pipe::store::{Archive, Lookup, Store};

struct Known {
    folder: PathBuf,
    all: Vec<(Key, Lookup)>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let folder = fuzz::folder("index");
    let packed = include_bytes!("../../tests/fixtures/store-1/archive.tar");
    let path = folder.join("archive.tar");
    fs::write(&path, packed).expect("written");
    let archive = Archive::open(&path).expect("an archive");
    let folder = folder.join("store");
    let store = Store::open(&folder).expect("a store");
    store.import(&archive).expect("imported");
    let keys = archive.index().results.iter().map(|listed| listed.key);
    let all = keys
        .map(|key| (key, store.lookup(&key).expect("read")))
        .collect();
    Known { folder, all }
});

static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut file = Vec::new();
    entry(&mut file, &[7; 32], &vec![0; 5 << 20]);
    file
});

fuzz_target!(|bytes: &[u8]| {
    let Known { folder, all } = &*KNOWN;
    let file = match bytes {
        [b'+', entries @ ..] => encode(Vec::new(), entries, all),
        [b'*', entries @ ..] => encode(LARGE.clone(), entries, all),
        _ => bytes.to_vec(),
    };
    fs::write(folder.join("caches/records"), file).expect("written");
    check(folder, all);
    // That look-up has mended the index, or left it as it was: a second one finds the same.
    check(folder, all);
});

fn check(folder: &Path, all: &[(Key, Lookup)]) {
    let store = Store::view(folder).expect("a store");
    let ahead = store.prefetch();
    let mut snapshot = store.snapshot();
    for (key, known) in all {
        assert_eq!(snapshot.lookup(key).expect("read"), *known);
        assert_eq!(store.lookup(key).expect("read"), *known);
        if let Some(found) = ahead.take(key) {
            assert_eq!(Lookup::Hit(found), *known);
        }
    }
}

fn encode(mut file: Vec<u8>, mut entries: &[u8], all: &[(Key, Lookup)]) -> Vec<u8> {
    while let [which, low, high, rest @ ..] = entries {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (value, more) = rest.split_at(length);
        let name = all[usize::from(*which) % all.len()].0;
        entry(&mut file, name.as_bytes(), value);
        entries = more;
    }
    file
}

fn entry(file: &mut Vec<u8>, name: &[u8; 32], value: &[u8]) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name).update(value);
    file.extend_from_slice(&(value.len() as u32).to_le_bytes());
    file.extend_from_slice(&hasher.finalize().as_bytes()[..8]);
    file.extend_from_slice(name);
    file.extend_from_slice(value);
}
