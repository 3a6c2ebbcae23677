//! Hashing files.

use std::fs::File;
use std::io;
use std::path::Path;

use super::Digest;

/// Returns the digest and the size of a file that nobody else writes: one of the store's, or what a finished stage has left.
/// Large ones are mapped, and hashed on all cores.
pub(super) fn hash_own(path: &Path) -> io::Result<(Digest, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_mmap_rayon(path)?;
    Ok((hasher.finalize().into(), hasher.count()))
}

/// Returns the digest and the size of an open file. It is read, not mapped: to a mapped file that somebody cuts meanwhile the
/// system answers by killing the program.
pub(super) fn hash(file: &File) -> io::Result<(Digest, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((hasher.finalize().into(), hasher.count()))
}
