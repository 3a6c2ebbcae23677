//! Files and folders that a program of the user's may have left in any state: links in the place of folders, folders without
//! the right to write, pipes in the place of files. Nothing here follows a link, and nothing changes what a link leads to.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::ffi::CStr;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::path::Arg;

/// The permissions that the owner needs to list a folder and to remove files from it.
const OPEN: u32 = 0o700;

/// Returns whether there is a folder at `path`, and neither a link to one nor anything else.
///
/// # Errors
/// When the system cannot tell.
pub fn is_folder(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_dir()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Describes what lies at `path` if it is not a folder: `a link to /data`.
///
/// # Errors
/// When the system cannot tell.
pub fn no_folder(path: &Path) -> io::Result<Option<String>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(None),
        Ok(metadata) if metadata.is_symlink() => {
            let target = fs::read_link(path).unwrap_or_default();
            Ok(Some(format!("a link to {}", target.display())))
        }
        Ok(_) => Ok(Some("a file".into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a folder and its missing parents, unless the folder exists.
///
/// # Errors
/// When something other than a folder lies at `path`, a link to a folder included, or the system refuses.
pub fn make_folder(path: &Path) -> io::Result<()> {
    match no_folder(path)? {
        None => fs::create_dir_all(path),
        Some(found) => Err(io::Error::new(
            ErrorKind::NotADirectory,
            format!("it is {found}, and no folder"),
        )),
    }
}

/// Removes whatever lies at `path`, and succeeds if nothing does. Of a link, the link itself is removed. A folder is removed
/// with its contents, even where folders of ours in it are write-protected.
///
/// # Errors
/// When the system refuses.
pub fn remove_all(path: &Path) -> io::Result<()> {
    let removed = match is_folder(path)? {
        false => fs::remove_file(path),
        true => fs::remove_dir_all(path).or_else(|error| match error.kind() {
            ErrorKind::PermissionDenied => {
                open_up(path)?;
                fs::remove_dir_all(path)
            }
            _ => Err(error),
        }),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Gives the owner of a folder, and of all folders below it, the right to list them and to change their contents. Files keep
/// their permissions: a file may have hard links elsewhere.
///
/// # Errors
/// When no folder lies at `path`, or one of the folders belongs to another user.
pub fn open_up(path: &Path) -> io::Result<()> {
    path.into_with_c_str(|name| Ok(open_up_at(CWD, name)))?
}

fn open_up_at(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let folder = OFlags::DIRECTORY | OFlags::CLOEXEC;
    // The handle needs no right to read the folder, and it makes sure that this very folder is changed even if its name is given
    // to another one meanwhile.
    let held = openat(
        parent,
        name,
        folder | OFlags::PATH | OFlags::NOFOLLOW,
        Mode::empty(),
    )?;
    let mode = fstat(&held)?.st_mode;
    if mode & OPEN != OPEN {
        let handle = format!("/proc/self/fd/{}", held.as_raw_fd());
        fs::set_permissions(handle, Permissions::from_mode((mode | OPEN) & 0o7777))?;
    }
    let opened = openat(&held, c".", folder | OFlags::RDONLY, Mode::empty())?;
    drop(held);
    let mut entries = Dir::read_from(&opened)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name();
        let is_folder = match entry.file_type() {
            FileType::Directory => name != c"." && name != c"..",
            // Some file systems do not give an entry's type in the listing.
            FileType::Unknown => {
                let found = statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(found.st_mode) == FileType::Directory
                    && name != c"."
                    && name != c".."
            }
            _ => false,
        };
        if is_folder {
            open_up_at(opened.as_fd(), name)?;
        }
    }
    Ok(())
}

/// Opens a plain file for reading, without ever waiting for another process.
///
/// # Errors
/// When the file does not exist, is a link, a pipe, a folder or a device, or the system refuses.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let plain = |is_file: bool| match is_file {
        true => Ok(()),
        false => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is a link, a pipe or the like, and no plain file",
        )),
    };
    plain(fs::symlink_metadata(path)?.is_file())?;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    plain(file.metadata()?.is_file())?;
    Ok(file)
}

/// Reads a plain file of at most `most` bytes, opened by [`open_plain`].
///
/// # Errors
/// The errors of [`open_plain`], and when the file is longer.
pub fn read_plain(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_plain(path)?.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        false => Ok(bytes),
        true => Err(io::Error::new(
            ErrorKind::InvalidInput,
            format!("it has more than {} MiB", most >> 20),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        let metadata = fs::symlink_metadata(path).expect("there");
        metadata.permissions().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("changed");
    }

    #[test]
    fn a_link_goes_and_what_it_leads_to_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let mine = folder.path().join("mine");
        fs::create_dir(&mine).expect("made");
        fs::write(mine.join("precious"), "x").expect("written");
        set(&mine, 0o555);
        let link = folder.path().join("link");
        for target in [mine.as_path(), Path::new("nowhere")] {
            symlink(target, &link).expect("linked");
            assert!(!is_folder(&link).expect("looked"));
            let found = no_folder(&link).expect("looked");
            assert_eq!(found, Some(format!("a link to {}", target.display())));
            assert!(make_folder(&link).is_err());
            assert!(open_up(&link).is_err());
            remove_all(&link).expect("removed");
            assert_eq!(no_folder(&link).expect("looked"), None);
        }
        assert!(mine.join("precious").exists());
        assert_eq!(mode(&mine), 0o555);
        set(&mine, 0o755);
        let file = folder.path().join("file");
        fs::write(&file, "x").expect("written");
        remove_all(&file).expect("removed");
        remove_all(&file).expect("nothing there is fine");
        remove_all(&mine).expect("removed");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
    }

    #[test]
    fn folders_are_opened_up_and_neither_files_nor_what_links_lead_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        let deep = root.join("a/b");
        fs::create_dir_all(&deep).expect("made");
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).expect("made");
        symlink(&elsewhere, root.join("link")).expect("linked");
        fs::write(deep.join("file"), "x").expect("written");
        set(&deep.join("file"), 0o400);
        for (path, mode) in [(&deep, 0), (&root.join("a"), 0o555), (&elsewhere, 0o500)] {
            set(path, mode);
        }
        open_up(&root).expect("opened");
        let modes = [&deep, &root.join("a"), &elsewhere, &deep.join("file")].map(|path| mode(path));
        assert_eq!(modes, [0o700, 0o755, 0o500, 0o400]);
    }

    #[test]
    fn only_a_plain_file_of_bounded_size_is_read_and_nobody_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "four").expect("written");
        assert_eq!(read_plain(&file, 4).expect("read"), b"four");
        assert!(read_plain(&file, 3).is_err());
        let link = folder.path().join("link");
        symlink(&file, &link).expect("linked");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).expect("made");
        for other in [&link, &pipe, folder.path()] {
            let error = read_plain(other, 4).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        let missing = read_plain(&folder.path().join("none"), 4);
        assert_eq!(missing.expect_err("refused").kind(), ErrorKind::NotFound);
    }
}
