//! What this program itself writes, and what others have marked as a cache, by what it is and not by its name.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{OFlags, fstat};

/// What a file named `CACHEDIR.TAG` begins with where it is meant (<https://bford.info/cachedir/>).
const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
/// The file that marks a folder as a cache.
pub(crate) const CACHE_TAG: &str = "CACHEDIR.TAG";

/// A file or folder, whatever path leads to it.
type Identity = (u64, u64);

/// What this program itself writes.
#[derive(Debug, Default)]
pub(crate) struct Own(BTreeSet<Identity>);

impl Own {
    /// These places as far as they are there, and the files that this process prints to: somebody may have sent the output of
    /// a run to a file in the folder that it reads.
    pub(crate) fn new<'p>(places: impl IntoIterator<Item = &'p Path>) -> Self {
        let found = places
            .into_iter()
            .filter_map(|place| std::fs::metadata(place).ok());
        let printed = [fstat(std::io::stdout()), fstat(std::io::stderr())];
        let printed = printed.into_iter().flatten();
        let printed = printed.map(|found| (found.st_dev, found.st_ino));
        Self(found.map(|found| identity(&found)).chain(printed).collect())
    }

    /// Whether it is one of them.
    pub(crate) fn has(&self, found: &Metadata) -> bool {
        self.0.contains(&identity(found))
    }
}

pub(crate) fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

/// Whether the file of that name marks a folder as a cache.
pub(crate) fn is_cache_tag(path: &Path) -> bool {
    let read = || {
        let mut head = Vec::new();
        open(path).ok()?.take(64).read_to_end(&mut head).ok()?;
        Some(head)
    };
    read().is_some_and(|head| head.starts_with(SIGNATURE))
}

/// Opens a file to read it. Whatever lies there meanwhile, nobody is waited for: a pipe that nobody writes to is no file.
pub(crate) fn open(path: &Path) -> std::io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::Error::other("it is no file any more")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_tag_counts_by_its_signature() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CACHE_TAG);
        assert!(!is_cache_tag(&path));
        std::fs::write(&path, "# a file that is called so\n").unwrap();
        assert!(!is_cache_tag(&path));
        std::fs::write(&path, [SIGNATURE, b"\n# made by cargo\n"].concat()).unwrap();
        assert!(is_cache_tag(&path));
    }

    #[test]
    fn a_place_is_known_by_any_path_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (place, link) = (folder.path().join("place"), folder.path().join("link"));
        std::fs::create_dir(&place).unwrap();
        std::os::unix::fs::symlink(&place, &link).unwrap();
        let own = Own::new([place.as_path(), Path::new("/nowhere")]);
        assert!(own.has(&std::fs::metadata(&link).unwrap()));
        assert!(!own.has(&std::fs::metadata(folder.path()).unwrap()));
    }
}
