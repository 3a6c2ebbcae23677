//! What a stage is shown of an input, and whether that stayed as it was keyed.
//!
//! A folder all of whose files count is shown as it lies there. Of a folder from which something was left out, and of a single
//! file, a stage gets a view below its work folder, with the files that count and no others: what no key knows, nobody reads. In
//! it, files of up to [`COPIED`] bytes are copies, the smallest first and [`COPIED_IN_ALL`] together at most; others are links. A
//! program that is a link sees the folder that it lies in, with all that does not count, and writes there; to copy large data
//! would take longer than many a job.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::{StageError, io_error};

use super::stamp::Stamp;
use super::{External, read, walk};
use crate::belongs;
use crate::store::hash::hash_at;
use crate::store::{Digest, Entry, Store};

/// Up to this size a file is copied into a view, in bytes.
const COPIED: u64 = 1 << 20;
/// So many bytes are copied into one view at most.
const COPIED_IN_ALL: u64 = 1 << 26;
/// So often a folder is listed before files count as added or removed: an editor that saves makes others for an instant.
const LISTINGS: u32 = 5;
/// How long all these listings may take together.
const INSTANT: Duration = Duration::from_millis(100);

/// An input as a stage is shown it.
#[derive(Debug)]
pub(crate) struct View {
    /// Where the stage finds the input.
    pub(crate) path: PathBuf,
    /// Files of the view that are copies, each with its place in the list of files and its stamp.
    copies: Vec<(usize, PathBuf, Stamp)>,
    /// The places in the list of files of those that are links.
    links: Vec<usize>,
    /// Each path in the view, and the path where the user has it.
    pub(crate) places: Vec<(PathBuf, PathBuf)>,
}

impl External {
    /// Shows the input of that name to a stage. Where a view is needed, it is made in `inputs`, the folder of a job's inputs.
    ///
    /// # Errors
    /// When somebody has changed a file since it was hashed, or the system refuses.
    pub(crate) fn show(&self, input: &str, inputs: &Path) -> Result<View, StageError> {
        let mut view = View {
            path: PathBuf::new(),
            copies: Vec::new(),
            links: Vec::new(),
            places: Vec::new(),
        };
        if !self.left_out {
            view.path = fs::canonicalize(&self.path).map_err(io_error(&self.path))?;
            return Ok(view);
        }
        let folder = match &self.manifest.files[..] {
            [_] if self.is_file() => inputs.to_path_buf(),
            _ => inputs.join(input),
        };
        let largest = self.largest_copy();
        let mut made = BTreeSet::new();
        for (at, (entry, place)) in self.manifest.files.iter().zip(&self.files).enumerate() {
            let path = folder.join(&entry.path);
            if let Some(parent) = path.parent()
                && made.insert(parent.to_path_buf())
            {
                fs::create_dir_all(parent).map_err(io_error(parent))?;
            }
            if entry.size <= largest {
                let stamp = copy(place, entry, &path)?;
                view.copies.push((at, path.clone(), stamp));
            } else {
                let target = fs::canonicalize(place).map_err(io_error(place))?;
                symlink(target, &path).map_err(io_error(&path))?;
                view.links.push(at);
            }
            if self.is_file() {
                if *place == self.path {
                    view.path.clone_from(&path);
                }
                view.places.push((path, place.clone()));
            }
        }
        if !self.is_file() {
            view.path.clone_from(&folder);
            view.places.push((folder, self.path.clone()));
        }
        Ok(view)
    }

    /// Returns the size up to which files are copied, so that the copies are not too large together.
    pub(super) fn largest_copy(&self) -> u64 {
        let mut sizes: Vec<u64> = self.manifest.files.iter().map(|file| file.size).collect();
        sizes.sort_unstable();
        let mut together = 0_u64;
        let first_too_many = sizes.into_iter().find(|size| {
            together = together.saturating_add(*size);
            together > COPIED_IN_ALL
        });
        first_too_many.map_or(COPIED, |size| COPIED.min(size.saturating_sub(1)))
    }

    /// Checks that a stage was shown what was keyed, also once it has read it. Files that look changed are read again.
    ///
    /// # Errors
    /// Names the file that somebody has changed.
    pub(crate) fn check(&self, input: &str, view: &View, store: &Store) -> Result<(), StageError> {
        if !self.left_out {
            return self.check_folder(store);
        }
        for at in &view.links {
            self.check_file(*at, store)?;
        }
        for (at, path, stamp) in &view.copies {
            let found = fs::metadata(path).map(|found| Stamp::of(&found));
            if found.is_ok_and(|found| found == *stamp) {
                continue;
            }
            let entry = &self.manifest.files[*at];
            if hash_at(path).is_ok_and(|(digest, _)| digest == entry.digest) {
                continue;
            }
            // Nobody else has a reason to write in the job's folder.
            let name = self.files[*at].file_name().unwrap_or_default();
            return Err(StageError::Program {
                reason: format!(
                    "the program has changed its input `{input}`: {}",
                    name.display()
                ),
                remedy: "have it write to its output or scratch folder".into(),
            });
        }
        Ok(())
    }

    /// Checks that the folder holds the files that it held, as they were.
    fn check_folder(&self, store: &Store) -> Result<(), StageError> {
        let listed = || {
            let found = walk::find(&self.path, &self.selection, store)?;
            let names: BTreeSet<String> = found.files.into_iter().map(|file| file.name).collect();
            Ok::<_, StageError>(names)
        };
        let before: BTreeSet<&str> = self.manifest.files.iter().map(|file| &*file.path).collect();
        let differs = |now: &Result<BTreeSet<String>, StageError>| match now {
            Ok(now) => now
                .iter()
                .map(String::as_str)
                .collect::<BTreeSet<_>>()
                .symmetric_difference(&before)
                .next()
                .map(|name| self.path.join(name)),
            // A folder that cannot be listed is not as it was.
            Err(_) => Some(self.path.clone()),
        };
        let mut other = differs(&listed());
        for _ in 1..LISTINGS {
            if other.is_none() {
                break;
            }
            std::thread::sleep(INSTANT);
            other = differs(&listed());
        }
        if let Some(place) = other {
            let what = match fs::symlink_metadata(&place) {
                Ok(_) if place != self.path => {
                    "somebody has added it since this run looked at the folder"
                }
                Ok(_) => "somebody has changed it since this run looked at it",
                Err(_) => "somebody has removed it since this run looked at it",
            };
            return Err(changed(&place, what));
        }
        (0..self.files.len()).try_for_each(|at| self.check_file(at, store))
    }

    /// Checks that a file of the user's has the bytes that were keyed.
    fn check_file(&self, at: usize, store: &Store) -> Result<(), StageError> {
        let (place, entry) = (&self.files[at], &self.manifest.files[at]);
        let found = fs::metadata(place).map(|found| Stamp::of(&found));
        if found.is_ok_and(|found| found == self.stamps()[at]) {
            return Ok(());
        }
        match read(place) {
            Ok((stamp, (digest, size))) if digest == entry.digest => {
                stamp.note(store, (digest, size));
                self.stamps()[at] = stamp;
                Ok(())
            }
            _ => Err(changed(
                place,
                "somebody has changed it since this run looked at it",
            )),
        }
    }

    /// Reads all files again that are not in `done`, whatever was noted of them, and adds them to it. Returns those whose bytes
    /// differ from what was noted; their digests are noted anew.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn read_again(
        &self,
        store: &Store,
        done: &mut BTreeSet<PathBuf>,
    ) -> Result<Vec<&Path>, StageError> {
        let mut others = Vec::new();
        for (place, entry) in self.files.iter().zip(&self.manifest.files) {
            if !done.insert(place.clone()) {
                continue;
            }
            let (stamp, read) = read(place)?;
            if read.0 != entry.digest {
                stamp.note(store, read);
                others.push(place.as_path());
            }
        }
        Ok(others)
    }
}

/// Copies a file of the user's that was hashed, and returns the stamp of the copy. Nobody is to write to the copy.
fn copy(place: &Path, entry: &Entry, path: &Path) -> Result<Stamp, StageError> {
    let file = belongs::open(place).map_err(io_error(place))?;
    let mode = file.metadata().map_err(io_error(place))?.mode();
    let mut bytes = Vec::new();
    file.take(COPIED + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error(place))?;
    if Digest::of(&bytes) != entry.digest {
        return Err(changed(
            place,
            "somebody has changed it since this run looked at it",
        ));
    }
    let write = || -> std::io::Result<Stamp> {
        let mut copy: File = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o444 | (mode & 0o111))
            .open(path)?;
        copy.write_all(&bytes)?;
        Ok(Stamp::of(&copy.metadata()?))
    };
    write().map_err(io_error(path))
}

fn changed(place: &Path, what: &str) -> StageError {
    StageError::input(
        place.display(),
        what,
        "run again when nothing writes there any more; what is no part of the input, `ignore` of a command stage leaves out",
    )
}
