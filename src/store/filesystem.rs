//! The file system under a store, and whether kernel locks can be relied on there.
//!
//! Two runs share a store by kernel locks alone. On a disk of this machine these hold. On a network file system they may
//! hold among all machines, within one, or not at all, by its kind and how it is mounted: what cannot be known to hold is
//! refused, unless the user vouches for it, and what the user vouches for is still tried out between two processes here.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::StoreError;
use crate::environment;

/// The variable by which a user vouches for locks.
const VOUCH: &str = environment::STORE_LOCKS;

/// What the system says of a file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSystem {
    /// Its type, as mounts name it: `ext4`, `nfs4`, `fuse.sshfs`.
    pub name: String,
    /// What is mounted.
    pub source: String,
    /// How it is mounted.
    options: Vec<String>,
    /// The number of its type.
    magic: u64,
}

/// Between which machines locks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Only this machine sees the files.
    Local,
    /// The type is not known.
    Unknown,
    /// Locks reach as far as the files do.
    Shared,
    /// Other machines may see the files and not the locks.
    Doubtful,
}

/// What a user vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vouch {
    /// Only one machine uses the store.
    OneHost,
    /// Locks hold between all machines that use it.
    AllHosts,
}

const NFS: u64 = 0x6969;
const FUSE: u64 = 0x6573_5546;
const LUSTRE: u64 = 0x0BD0_0BD0;
const CEPH: u64 = 0x00C3_6400;

/// File systems of this machine: ext, btrfs, xfs, tmpfs, overlay, zfs, f2fs, bcachefs, ramfs, ecryptfs, hfs+, jfs,
/// reiserfs, nilfs, erofs, squashfs, fat, exfat, ntfs3.
const LOCAL: [u64; 20] = [
    0xEF53,
    0x9123_683E,
    0x5846_5342,
    0x0102_1994,
    0x794C_7630,
    0x2FC1_2FC1,
    0xF2F5_2010,
    0xCA45_1A4E,
    0x8584_58F6,
    0xF15F,
    0x482B,
    0x3153_464A,
    0x5265_4973,
    0x3434,
    0xE0F5_E1E2,
    0x7371_7368,
    0x4D44,
    0x2011_BAB0,
    0x7366_746E,
    0x5346_544E,
];

/// File systems that several machines may see, and what they are called where no mount says it.
const NETWORK: [(u64, &str); 15] = [
    (NFS, "nfs"),
    (FUSE, "fuse"),
    (LUSTRE, "lustre"),
    (CEPH, "ceph"),
    (0x517B, "smb"),
    (0xFF53_4D42, "cifs"),
    (0xFE53_4D42, "smb3"),
    (0x4750_4653, "gpfs"),
    (0x1983_0326, "beegfs"),
    (0x0102_1997, "9p"),
    (0x5346_414F, "afs"),
    (0x6B41_4653, "afs"),
    (0x7461_636F, "ocfs2"),
    (0x0116_1970, "gfs2"),
    (0x786F_4256, "vboxsf"),
];

impl FileSystem {
    /// Returns the file system under a folder that is given by its full path.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let magic = magic(folder)?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut found = mount(&mounts, folder).unwrap_or_default();
        found.magic = magic;
        if found.name.is_empty() {
            let known = NETWORK.iter().find(|(known, _)| *known == magic);
            found.name =
                known.map_or_else(|| format!("type {magic:#x}"), |(_, name)| (*name).into());
        }
        Ok(found)
    }

    /// Whether only this machine sees the files, as far as the file system's type says.
    pub fn is_local(&self) -> bool {
        self.reach() == Reach::Local
    }

    fn reach(&self) -> Reach {
        let has = |option: &str| self.options.iter().any(|present| present == option);
        let begins = |start: &str| self.options.iter().any(|option| option.starts_with(start));
        match self.magic {
            magic if LOCAL.contains(&magic) => Reach::Local,
            // Disks of this machine, by a driver outside of the kernel.
            FUSE if self.name == "fuseblk" => Reach::Unknown,
            // The protocol itself has locks, and the client sends it those of `flock` as well, unless told not to.
            NFS if (self.name == "nfs4" || begins("vers=4"))
                && !has("nolock")
                && (has("local_lock=none") || !begins("local_lock=")) =>
            {
                Reach::Shared
            }
            LUSTRE if has("flock") => Reach::Shared,
            CEPH => Reach::Shared,
            magic if NETWORK.iter().any(|(known, _)| *known == magic) => Reach::Doubtful,
            _ => Reach::Unknown,
        }
    }

    /// Says whether a store may lie here: `None` without a doubt, and otherwise a warning. `test` tries whether locks hold
    /// between two processes.
    fn admit(
        &self,
        root: &Path,
        vouch: Option<Vouch>,
        test: impl FnOnce() -> io::Result<bool>,
    ) -> Result<Option<String>, StoreError> {
        let refuse = |reason: String, remedy: String| {
            Err(StoreError::Locks {
                path: root.into(),
                reason,
                remedy,
            })
        };
        let local = "choose a folder on a disk of this machine with --store PATH";
        let reach = self.reach();
        if reach == Reach::Local {
            return Ok(None);
        }
        let what = self.words();
        if reach == Reach::Doubtful && vouch.is_none() {
            return refuse(
                format!(
                    "it lies on {what}, where locks may not hold between machines: two runs could write one result at once"
                ),
                format!(
                    "{local}; or, if only one machine at a time uses this store, say so with {VOUCH}=one-host; if you know that locks (flock) hold between all machines that use it, with {VOUCH}=all-hosts"
                ),
            );
        }
        match test() {
            Ok(true) => {}
            Ok(false) => {
                return refuse(
                    format!("it lies on {what}, where two processes were given one lock at once"),
                    local.into(),
                );
            }
            Err(error) => {
                return refuse(
                    format!("it lies on {what}, and locks cannot be tried out there: {error}"),
                    local.into(),
                );
            }
        }
        Ok(match (reach, vouch) {
            (Reach::Shared, _) => Some(format!(
                "the store lies on {what}: locks hold between processes here, and the file system passes them on to other machines"
            )),
            (Reach::Doubtful, Some(Vouch::OneHost)) => Some(format!(
                "the store lies on {what}: locks hold between processes here, and {VOUCH} says that no other machine uses it"
            )),
            (Reach::Doubtful, Some(Vouch::AllHosts)) => Some(format!(
                "the store lies on {what}: locks hold between processes here, and {VOUCH} says that they do between machines"
            )),
            _ => None,
        })
    }

    /// Returns the file system's name for messages.
    pub fn words(&self) -> String {
        match self.source.is_empty() || self.is_local() {
            true => self.name.clone(),
            false => format!("{} ({})", self.name, self.source),
        }
    }
}

/// Looks whether a store may lie at `root`, which exists; files for trying locks go to `tmp`. Returns a warning where there
/// is a doubt.
///
/// # Errors
/// When locks do not hold there, or cannot be known to.
pub(super) fn admit(root: &Path, tmp: &Path) -> Result<Option<String>, StoreError> {
    let vouch = vouched();
    // Most stores lie on a local disk, which one system call tells.
    if LOCAL.contains(&magic(root).map_err(super::io_error(root))?) {
        return Ok(None);
    }
    let here = FileSystem::of(root).map_err(super::io_error(root))?;
    here.admit(root, vouch, || locks_hold(tmp))
}

/// Returns the number of the type of the file system under a folder.
fn magic(folder: &Path) -> io::Result<u64> {
    // Some machines have the number signed and in 32 bits.
    Ok(rustix::fs::statfs(folder)?.f_type as u64 & 0xFFFF_FFFF)
}

/// Returns what the user vouches for. Words that are not known were refused before.
fn vouched() -> Option<Vouch> {
    let said = environment::text(VOUCH)?;
    match environment::LOCK_WORDS
        .iter()
        .position(|word| *word == said)?
    {
        0 => Some(Vouch::OneHost),
        _ => Some(Vouch::AllHosts),
    }
}

/// Tries whether a lock of this process keeps another process out. The file to lock is made in `folder`.
///
/// # Errors
/// When the system gives no lock at all, or no process.
pub fn locks_hold(folder: &Path) -> io::Result<bool> {
    let file = tempfile::NamedTempFile::new_in(folder)?;
    file.as_file().lock()?;
    let asked = Command::new("/proc/self/exe")
        .arg("try-lock")
        .arg(file.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    match asked.stdout.trim_ascii() {
        b"locked" => Ok(true),
        b"free" => Ok(false),
        _ => Err(io::Error::other("the other process gave no answer")),
    }
}

/// Whether another process has a lock on a file.
///
/// # Errors
/// When the system gives no lock.
pub fn is_locked_by_another(path: &Path) -> io::Result<bool> {
    match File::open(path)?.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Finds the mount that a path lies below, in the form of `/proc/self/mountinfo`: of those with the longest path the last,
/// which hides the others.
fn mount(mounts: &str, path: &Path) -> Option<FileSystem> {
    let below = mounts.lines().filter_map(|line| {
        let (front, back) = line.split_once(" - ")?;
        let front: Vec<&str> = front.split(' ').collect();
        let back: Vec<&str> = back.split(' ').collect();
        let [name, source, more] = back.get(..3)? else {
            return None;
        };
        let place = PathBuf::from(unescaped(front.get(4)?));
        let options = front.get(5)?.split(',').chain(more.split(','));
        path.starts_with(&place).then(|| {
            let found = FileSystem {
                name: (*name).to_owned(),
                source: unescaped(source),
                options: options.map(str::to_owned).collect(),
                magic: 0,
            };
            (place.components().count(), found)
        })
    });
    below
        .max_by_key(|(depth, _)| *depth)
        .map(|(_, found)| found)
}

/// Returns a field of mountinfo with its octal numbers, which stand for spaces and the like, turned back.
fn unescaped(text: &str) -> String {
    let mut plain = text.to_owned();
    for (code, character) in [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ] {
        plain = plain.replace(code, character);
    }
    plain
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MOUNTS: &str = "\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:50 / /data\\040sets rw shared:9 - nfs4 nas:/export rw,vers=4.2,local_lock=none
31 30 0:51 / /data\\040sets/old rw - nfs nas:/old rw,vers=3,nolock,local_lock=all
32 21 0:52 / /ssh rw - fuse.sshfs ada@node7:/home rw
33 21 0:53 / /scratch rw - lustre mds:/lus rw,flock
";

    fn at(path: &str, magic: u64) -> FileSystem {
        FileSystem {
            magic,
            ..mount(MOUNTS, Path::new(path)).unwrap()
        }
    }

    #[test]
    fn a_path_lies_on_the_innermost_mount() {
        assert_eq!(at("/home/ada", 0xEF53).name, "ext4");
        assert_eq!(at("/data sets/x", NFS).source, "nas:/export");
        assert_eq!(at("/data sets/old/x", NFS).name, "nfs");
        assert_eq!(at("/data setsy", 0xEF53).name, "ext4");
    }

    #[test]
    fn how_far_locks_reach_follows_from_type_and_mount() {
        assert_eq!(at("/home", 0xEF53).reach(), Reach::Local);
        assert_eq!(at("/data sets", NFS).reach(), Reach::Shared);
        assert_eq!(at("/data sets/old", NFS).reach(), Reach::Doubtful);
        assert_eq!(at("/ssh", FUSE).reach(), Reach::Doubtful);
        assert_eq!(at("/scratch", LUSTRE).reach(), Reach::Shared);
        assert_eq!(at("/home", LUSTRE).reach(), Reach::Doubtful);
        assert_eq!(at("/home", 0x517B).reach(), Reach::Doubtful);
        assert_eq!(at("/home", 0x1234_5678).reach(), Reach::Unknown);
    }

    fn admitted(
        file_system: &FileSystem,
        vouch: Option<Vouch>,
        holds: io::Result<bool>,
    ) -> Result<Option<String>, String> {
        let admitted = file_system.admit(Path::new("/s"), vouch, || holds);
        admitted.map_err(|error| format!("{error}\n{}", error.remedy().unwrap()))
    }

    #[test]
    fn a_disk_of_this_machine_is_admitted_without_a_test() {
        let local = at("/home", 0xEF53);
        assert_eq!(
            admitted(&local, None, Err(io::Error::other("tried"))),
            Ok(None)
        );
    }

    #[test]
    fn what_is_not_known_is_tried_out() {
        let unknown = at("/home", 0x1234_5678);
        assert_eq!(admitted(&unknown, None, Ok(true)), Ok(None));
        assert!(admitted(&unknown, None, Ok(false)).is_err());
        assert!(admitted(&unknown, None, Err(io::ErrorKind::Unsupported.into())).is_err());
    }

    #[test]
    fn a_network_is_admitted_with_a_word_or_refused_unless_vouched_for() {
        let shared = at("/data sets", NFS);
        insta::assert_snapshot!(admitted(&shared, None, Ok(true)).unwrap().unwrap(), @"the store lies on nfs4 (nas:/export): locks hold between processes here, and the file system passes them on to other machines");
        insta::assert_snapshot!(admitted(&shared, None, Ok(false)).unwrap_err(), @r"
        /s: it lies on nfs4 (nas:/export), where two processes were given one lock at once
        choose a folder on a disk of this machine with --store PATH
        ");
        let doubtful = at("/ssh", FUSE);
        insta::assert_snapshot!(admitted(&doubtful, None, Ok(true)).unwrap_err(), @r"
        /s: it lies on fuse.sshfs (ada@node7:/home), where locks may not hold between machines: two runs could write one result at once
        choose a folder on a disk of this machine with --store PATH; or, if only one machine at a time uses this store, say so with PIPE_STORE_LOCKS=one-host; if you know that locks (flock) hold between all machines that use it, with PIPE_STORE_LOCKS=all-hosts
        ");
        let one = admitted(&doubtful, Some(Vouch::OneHost), Ok(true))
            .unwrap()
            .unwrap();
        assert!(one.contains("no other machine uses it"), "{one}");
        let all = admitted(&doubtful, Some(Vouch::AllHosts), Ok(true))
            .unwrap()
            .unwrap();
        assert!(all.contains("they do between machines"), "{all}");
        // Nobody can vouch for locks that do not hold even between two processes here.
        assert!(admitted(&doubtful, Some(Vouch::AllHosts), Ok(false)).is_err());
    }

    #[test]
    fn the_file_system_of_a_folder_has_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        assert!(!FileSystem::of(&path).unwrap().name.is_empty());
        let file = folder.path().join("lock");
        let held = File::create(&file).unwrap();
        assert!(!is_locked_by_another(&file).unwrap());
        held.lock().unwrap();
        assert!(is_locked_by_another(&file).unwrap());
    }
}
