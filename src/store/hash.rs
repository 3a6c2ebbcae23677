//! Hashing files, on all cores.
//!
//! Files are read, not mapped. To a mapped file that somebody cuts short, or that the disk cannot give, the system answers by
//! killing the program; and what is hashed as soon as it is read is in the processor's cache still.

use std::cell::RefCell;
use std::error::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

use blake3::Hasher;
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};

use super::Digest;

/// How much a thread reads at once, in bytes: a power of two, so that it is a subtree of the hash.
const PART: u64 = 1 << 20;

/// Returns the digest and the size of the file at a path.
pub(super) fn hash_at(path: &Path) -> io::Result<(Digest, u64)> {
    hash(&File::open(path)?)
}

/// Returns the digest and the size of an open file, read from its beginning.
///
/// # Errors
/// Also when the file is cut short meanwhile. Bytes that are appended meanwhile are not looked at.
pub(super) fn hash(mut file: &File) -> io::Result<(Digest, u64)> {
    let size = file.metadata()?.len();
    if size <= PART {
        // Files of the kernel say that they are empty and are not, so small files are read to their end.
        let mut hasher = Hasher::new();
        hasher.update_reader(&mut file)?;
        return Ok((hasher.finalize().into(), hasher.count()));
    }
    let left = left_subtree_len(size);
    let (left, right) = both(
        || subtree(file, 0, left),
        || subtree(file, left, size - left),
    );
    Ok((
        merge_subtrees_root(&left?, &right?, Mode::Hash).into(),
        size,
    ))
}

/// Does two things at once, or one after the other where the system gives no threads: rayon itself would panic.
fn both<T: Send>(first: impl FnOnce() -> T + Send, second: impl FnOnce() -> T + Send) -> (T, T) {
    static THREADS: OnceLock<bool> = OnceLock::new();
    let are_there = || match rayon::ThreadPoolBuilder::new().build_global() {
        Ok(()) => true,
        // An error without a cause says that the threads are there already.
        Err(error) => error.source().is_none(),
    };
    match THREADS.get_or_init(are_there) {
        true => rayon::join(first, second),
        false => (first(), second()),
    }
}

/// Returns the value of the part of the hash's tree that stands for these bytes of the file.
fn subtree(file: &File, from: u64, length: u64) -> io::Result<ChainingValue> {
    thread_local! {
        static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    if length <= PART {
        return BYTES.with_borrow_mut(|bytes| {
            bytes.resize(PART as usize, 0);
            let bytes = &mut bytes[..length as usize];
            file.read_exact_at(bytes, from)?;
            let mut hasher = Hasher::new();
            hasher.set_input_offset(from).update(bytes);
            Ok(hasher.finalize_non_root())
        });
    }
    let left = left_subtree_len(length);
    let (left, right) = both(
        || subtree(file, from, left),
        || subtree(file, from + left, length - left),
    );
    Ok(merge_subtrees_non_root(&left?, &right?, Mode::Hash))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    #[test]
    fn files_of_every_size_have_the_hash_of_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..5 * PART as u32 + 3)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        for parts in 0..=5 {
            for more in [-1025, -1, 0, 1, 2] {
                let Some(size) = (parts * PART).checked_add_signed(more) else {
                    continue;
                };
                let bytes = &bytes[..size as usize];
                fs::write(&path, bytes).unwrap();
                assert_eq!(hash_at(&path).unwrap(), (Digest::of(bytes), size), "{size}");
            }
        }
    }

    #[test]
    fn a_file_that_says_nothing_of_its_size_is_read_to_its_end() {
        let (digest, size) = hash_at(Path::new("/proc/self/cmdline")).unwrap();
        let bytes = fs::read("/proc/self/cmdline").unwrap();
        assert_eq!((digest, size), (Digest::of(&bytes), bytes.len() as u64));
    }

    #[test]
    fn a_file_that_is_cut_short_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, vec![1; 100]).unwrap();
        let error = subtree(&File::open(&path).unwrap(), 0, 200).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
