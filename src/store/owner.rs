//! Whose files are: a store belongs to whoever its folder belongs to, also when root has run on it once (`sudo`, a container).
//!
//! What root makes in the store of another user is given to that user, so that the user's next run can read, lock and remove
//! it. Files that are used while root's process lives are given away as they are made ([`settle`]), all others when the
//! store is opened and when it is dropped ([`Owner::give`]): what a killed process has left goes with the next one. Where a
//! file cannot be used all the same, [`remedy`] says whose it is and how to get it back.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

use rustix::fs::{Dir, FileType, Mode, OFlags, open, openat};

use super::open::MARK;

const ROOT: u32 = 0;
/// How a file that may be given away is opened: no link is followed, and the call does not wait.
const OPENED: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// The user to whom a store belongs on which root works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Returns the owner of a folder if this process is root's and the folder is not.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        if me() != ROOT {
            return None;
        }
        let found = fs::metadata(folder).ok()?;
        (found.uid() != ROOT).then_some(Self {
            user: found.uid(),
            group: found.gid(),
        })
    }

    /// Gives all files and folders of root's below `folder` to the owner. A file that cannot be given stays root's: [`remedy`]
    /// explains that to whoever meets it.
    pub(super) fn give(self, folder: &Path) {
        if let Ok(folder) = File::open(folder) {
            self.give_below(&folder);
        }
    }

    /// No link is followed: the owner may have put one there to be given a file that is not the store's.
    fn give_below(self, folder: &File) {
        let Ok(entries) = Dir::read_from(folder) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_plain = matches!(
                entry.file_type(),
                FileType::RegularFile | FileType::Directory | FileType::Unknown
            );
            if !is_plain || name == c"." || name == c".." {
                continue;
            }
            let Ok(file) = openat(folder, name, OPENED, Mode::empty()).map(File::from) else {
                continue;
            };
            self.take(&file);
            if file.metadata().is_ok_and(|found| found.is_dir()) {
                self.give_below(&file);
            }
        }
    }

    /// Gives a file or folder of root's. A file that has another name may be part of something else, so it is not given.
    /// Neither is a file for which the system refuses.
    fn take(self, file: &File) {
        let is_roots = |found: &Metadata| {
            let is_single = found.is_dir() || (found.is_file() && found.nlink() == 1);
            found.uid() == ROOT && is_single
        };
        if file.metadata().is_ok_and(|found| is_roots(&found)) {
            let _ = fchown(file, Some(self.user), Some(self.group));
        }
    }
}

/// Gives a file that was just made in `folder` to the folder's owner, where root has made it.
pub(crate) fn settle(file: &File, folder: &Path) {
    if let Some(owner) = Owner::of(folder) {
        owner.take(file);
    }
}

/// Makes a folder and those above it, and gives the new ones to the owner of the innermost that existed, as [`settle`] does.
///
/// # Errors
/// When the system refuses to make them.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    fs::create_dir_all(folder)?;
    for folder in missing.into_iter().rev() {
        let home = match folder.parent() {
            Some(home) if !home.as_os_str().is_empty() => home,
            _ => Path::new("."),
        };
        if let Some(owner) = Owner::of(home)
            && let Ok(made) = open(folder, OPENED, Mode::empty())
        {
            owner.take(&made.into());
        }
    }
    Ok(())
}

/// Says whose the file is that the system has kept this process from, and what to do; `None` where ownership is not what is
/// wrong.
pub(crate) fn remedy(path: &Path, error: &io::Error) -> Option<String> {
    if !matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    ) {
        return None;
    }
    if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        return Some("it lies on a file system that is mounted to be read only: choose another folder, or have it mounted to be written".into());
    }
    let me = me();
    // The first existing ancestor that is another user's, or else the first existing one.
    let there = |path: &&Path| fs::symlink_metadata(path).is_ok();
    let is_mine = |found: &Metadata| found.uid() == me;
    let (place, found) = path
        .ancestors()
        .filter(there)
        .take(2)
        .filter_map(|place| Some((place, fs::symlink_metadata(place).ok()?)))
        .find(|(_, found)| !is_mine(found))
        .or_else(|| {
            let place = path.ancestors().find(there)?;
            Some((place, fs::symlink_metadata(place).ok()?))
        })?;
    let shown = place.display();
    if is_mine(&found) {
        return Some(format!(
            "`{shown}` is yours, and its permissions keep you out: chmod -R u+rwX '{shown}'"
        ));
    }
    let (owner, user) = (name_of(found.uid()), name_of(me));
    let is_store = |folder: &&Path| path == folder.join(MARK) || folder.join(MARK).exists();
    let store = path.ancestors().find(is_store);
    let home = store.unwrap_or(place);
    // The remedy must not take a store away from another user.
    let is_theirs = fs::metadata(home).is_ok_and(|home| !is_mine(&home));
    Some(match store {
        Some(home) if is_theirs => format!(
            "the store `{}` belongs to {owner}: choose another with --store PATH; or, if it is to be yours: sudo chown -R {user} '{}'",
            home.display(),
            home.display()
        ),
        _ => format!(
            "`{shown}` belongs to {owner}, who has run here once; to have it back: sudo chown -R {user} '{}'",
            home.display()
        ),
    })
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns a user's name, as the system knows it.
pub(super) fn name_of(id: u32) -> String {
    let all = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let known = all.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    known.unwrap_or_else(|| id.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    #[test]
    fn what_root_makes_below_a_folder_becomes_its_owners_and_nothing_else_does() {
        if me() != ROOT {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (home, other) = (folder.path().join("home"), folder.path().join("other"));
        fs::create_dir_all(home.join("sub")).unwrap();
        fs::create_dir(&other).unwrap();
        for path in [
            home.join("sub/file"),
            other.join("secret"),
            other.join("far"),
        ] {
            fs::write(path, "").unwrap();
        }
        symlink(&other, home.join("link")).unwrap();
        fs::hard_link(other.join("secret"), home.join("sub/second")).unwrap();
        assert_eq!(Owner::of(&home), None, "root's own");
        chown(&home, Some(4711), Some(4712)).unwrap();
        Owner::of(&home).unwrap().give(&home);
        let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        assert_eq!(owner(&home.join("sub")), 4711);
        assert_eq!(owner(&home.join("sub/file")), 4711);
        assert_eq!(owner(&home.join("sub/second")), 0, "it has another name");
        assert_eq!([owner(&other), owner(&other.join("far"))], [0, 0]);
    }

    #[test]
    fn a_remedy_is_for_what_permissions_forbid() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let folder = tempfile::tempdir().unwrap();
        let text = remedy(&folder.path().join("gone"), &denied).unwrap();
        assert!(
            text.contains("is yours") && text.contains("chmod"),
            "{text}"
        );
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(remedy(folder.path(), &missing), None);
    }
}
