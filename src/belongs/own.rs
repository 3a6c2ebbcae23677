//! Recognises what this program itself writes, and what others have marked as a cache, by content and not by name.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{OFlags, fstat};

/// What a file named `CACHEDIR.TAG` begins with where it is meant (<https://bford.info/cachedir/>).
const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
/// The list of what a run has made, in a folder of results, and how it begins.
pub(crate) const DIGESTS: &str = "digests.json";
const DIGESTS_HEAD: &[u8] = b"{\n  \"jobs\": {";
/// The file that marks a folder as a cache.
pub(crate) const CACHE_TAG: &str = "CACHEDIR.TAG";

/// A file or folder, whatever path leads to it.
type Identity = (u64, u64);

/// What this program itself writes.
#[derive(Debug, Default)]
pub(crate) struct Own {
    places: BTreeSet<Identity>,
    results: BTreeSet<Identity>,
}

impl Own {
    /// Takes the places as far as they exist, and the files that this process prints to: somebody may have sent the output of a
    /// run to a file in the folder that it reads. `results` are the folders in which profiles have theirs for results.
    pub(crate) fn new<'p>(
        places: impl IntoIterator<Item = &'p Path>,
        results: impl IntoIterator<Item = &'p Path>,
    ) -> Self {
        let found = |place: &Path| Some(identity(&std::fs::metadata(place).ok()?));
        let printed = [fstat(std::io::stdout()), fstat(std::io::stderr())];
        let printed = printed.into_iter().flatten();
        let printed = printed.map(|found| (found.st_dev, found.st_ino));
        Self {
            places: places
                .into_iter()
                .filter_map(found)
                .chain(printed)
                .collect(),
            results: results.into_iter().filter_map(found).collect(),
        }
    }

    /// Whether a file or folder is one of those places or files.
    pub(crate) fn has(&self, found: &Metadata) -> bool {
        self.places.contains(&identity(found))
    }

    /// Whether profiles have their folders of results in it.
    pub(crate) fn has_results(&self, folder: &Metadata) -> bool {
        self.results.contains(&identity(folder))
    }
}

/// Whether a folder holds results, by the list that each run leaves there. Its name does not tell: users keep files of their
/// own beside results, or call their own folder so.
pub(crate) fn is_results(folder: &Path) -> bool {
    let has_list = |folder: &Path| begins(&folder.join(DIGESTS), DIGESTS_HEAD);
    let below = || std::fs::read_dir(folder).into_iter().flatten().flatten();
    // Results under `--set` lie in folders of their own.
    let is_of_settings = |name: &OsStr| name.as_encoded_bytes().starts_with(b"with-");
    has_list(folder)
        || below().any(|entry| is_of_settings(&entry.file_name()) && has_list(&entry.path()))
}

pub(crate) fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

/// Whether the file of that name marks a folder as a cache.
pub(crate) fn is_cache_tag(path: &Path) -> bool {
    begins(path, SIGNATURE)
}

/// Whether there is a file that begins so.
fn begins(path: &Path, with: &[u8]) -> bool {
    let read = || {
        let mut head = Vec::new();
        open(path).ok()?.take(64).read_to_end(&mut head).ok()?;
        Some(head)
    };
    read().is_some_and(|head| head.starts_with(with))
}

/// Opens a file to read it, without blocking: in its place may lie a pipe by now that nobody writes to.
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
        let (nowhere, above) = (Path::new("/nowhere"), folder.path());
        let own = Own::new([place.as_path(), nowhere], [above, nowhere]);
        let found = |path: &Path| std::fs::metadata(path).unwrap();
        assert!(own.has(&found(&link)) && !own.has(&found(above)));
        assert!(own.has_results(&found(above)) && !own.has_results(&found(&link)));
    }
}
