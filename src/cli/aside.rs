//! Files and folders for the user that appear whole: written under a hidden name, beside their place or within a folder that is there, and
//! moved there when all is done.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use contract::StageError;
use tempfile::TempDir;

use super::failure::CommandFailure;

/// The beginning of the hidden names.
const PREFIX: &str = ".pipe-";
/// What is being written is called within its hidden folder.
const INNER: &str = "it";

/// Something that is being written for the user. What was begun goes when this is dropped; a kill leaves it under its hidden name.
pub(super) struct Aside {
    place: PathBuf,
    /// The place as the user has named it.
    named: PathBuf,
    folder: TempDir,
    /// The folders above the place that were made for it. They go after what is in them.
    above: Above,
    /// Whether the place is a folder that was there, which stays and is filled.
    fills: bool,
    remedy: &'static str,
}

impl Aside {
    /// Begins a folder, where there is none yet, or an empty one. `store` is the store's folder.
    ///
    /// # Errors
    /// When something else is there, the place lies in the store, or nothing can be written there.
    pub(super) fn folder(
        place: &Path,
        store: &Path,
        remedy: &'static str,
    ) -> Result<Self, CommandFailure> {
        check_apart(place, store, remedy)?;
        let fills = match fs::read_dir(place) {
            Ok(mut entries) => match entries.next() {
                None => true,
                Some(first) => return Err(not_empty(place, first.ok(), remedy)),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if fs::symlink_metadata(place).is_ok() {
                    let what = "is there already, a link that leads nowhere";
                    return Err(refusal(place, what, remedy));
                }
                false
            }
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return Err(refusal(place, "is there already, and no folder", remedy));
            }
            Err(source) => {
                return Err(CommandFailure::Project {
                    path: place.to_owned(),
                    source,
                    remedy,
                });
            }
        };
        let aside = Self::new(place, fills, remedy)?;
        fs::create_dir(aside.path()).map_err(|source| aside.failed(source))?;
        Ok(aside)
    }

    /// Begins a file, where there is none yet.
    ///
    /// # Errors
    /// As [`Aside::check_file`], or when nothing can be written beside it.
    pub(super) fn file(
        place: &Path,
        store: Option<&Path>,
        remedy: &'static str,
    ) -> Result<Self, CommandFailure> {
        Self::check_file(place, store, remedy)?;
        Self::new(place, false, remedy)
    }

    /// Checks that a file may be written, before what it is to hold is made.
    ///
    /// # Errors
    /// When something is there already, or the place lies in the store, whose folder is `store`.
    pub(super) fn check_file(
        place: &Path,
        store: Option<&Path>,
        remedy: &'static str,
    ) -> Result<(), CommandFailure> {
        if let Some(store) = store {
            check_apart(place, store, remedy)?;
        }
        match fs::symlink_metadata(place) {
            Ok(_) => Err(refusal(place, "is there already", remedy)),
            Err(_) => Ok(()),
        }
    }

    fn new(named: &Path, fills: bool, remedy: &'static str) -> Result<Self, CommandFailure> {
        let failed = |source| CommandFailure::Project {
            path: named.to_owned(),
            source,
            remedy,
        };
        let place = std::path::absolute(named).map_err(failed)?;
        if !fills && place.file_name().is_none() {
            return Err(refusal(named, "names nothing that can be made", remedy));
        }
        let within = match fills {
            true => &*place,
            false => place.parent().unwrap_or(&place),
        };
        let above = Above::make(within).map_err(failed)?;
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(within)
            .map_err(failed)?;
        Ok(Self {
            place,
            named: named.to_owned(),
            folder,
            above,
            fills,
            remedy,
        })
    }

    /// Returns where to write.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join(INNER)
    }

    /// Names the place in an error in which the hidden name stands.
    pub(super) fn told<T, E: Into<CommandFailure>>(
        &self,
        result: Result<T, E>,
    ) -> Result<T, CommandFailure> {
        let inner = self.path();
        let path = |path: PathBuf| match path.strip_prefix(&inner) {
            Ok(rest) if rest.as_os_str().is_empty() => self.named.clone(),
            Ok(rest) => self.named.join(rest),
            Err(_) => path,
        };
        let (hidden, named) = (
            inner.display().to_string(),
            self.named.display().to_string(),
        );
        let text = |text: String| text.replace(&hidden, &named);
        result.map_err(|failure| match failure.into() {
            CommandFailure::Stage(error) => CommandFailure::Stage(match error {
                StageError::Io { path: at, source } => StageError::Io {
                    path: path(at),
                    source,
                },
                StageError::Input {
                    place,
                    reason,
                    remedy,
                } => StageError::Input {
                    place: text(place),
                    reason: text(reason),
                    remedy,
                },
                StageError::Failed(reason) => StageError::Failed(text(reason)),
                other => other,
            }),
            CommandFailure::Project {
                path: at,
                source,
                remedy,
            } => CommandFailure::Project {
                path: path(at),
                source,
                remedy,
            },
            other => other,
        })
    }

    /// Moves what was written into its place.
    ///
    /// # Errors
    /// When the system refuses, or something has come there meanwhile.
    pub(super) fn finish(self) -> Result<(), CommandFailure> {
        let from = self.path();
        let moved = match (self.fills, from.is_dir()) {
            (true, _) => self.fill(),
            (false, true) => fs::rename(&from, &self.place),
            (false, false) => place_file(&from, &self.place),
        };
        if let Err(source) = moved {
            return Err(match source.kind() {
                ErrorKind::AlreadyExists
                | ErrorKind::DirectoryNotEmpty
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory => {
                    refusal(&self.named, "has come there meanwhile", self.remedy)
                }
                _ => self.failed(source),
            });
        }
        self.above.keep();
        Ok(())
    }

    /// Moves what was written into the folder that is there. All of it or nothing goes, unless the program is killed; what tells of the rest
    /// (`README.md`, `config.json`) goes last.
    fn fill(&self) -> io::Result<()> {
        let own = self.folder.path().file_name();
        for entry in fs::read_dir(&self.place)? {
            if Some(&*entry?.file_name()) != own {
                return Err(ErrorKind::AlreadyExists.into());
            }
        }
        let from = self.path();
        let names = fs::read_dir(&from)?.map(|entry| Ok(entry?.file_name()));
        let mut names = names.collect::<io::Result<Vec<OsString>>>()?;
        names.sort_unstable_by(|a, b| b.cmp(a));
        for (done, name) in names.iter().enumerate() {
            let to = self.place.join(name);
            let moved = match fs::symlink_metadata(&to) {
                Ok(_) => Err(ErrorKind::AlreadyExists.into()),
                Err(_) => fs::rename(from.join(name), to),
            };
            if let Err(error) = moved {
                for name in &names[..done] {
                    // The first error is the one to tell.
                    let _ = fs::rename(self.place.join(name), from.join(name));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> CommandFailure {
        CommandFailure::Project {
            path: self.named.clone(),
            source,
            remedy: self.remedy,
        }
    }
}

/// Folders that were made on the way to a place. Unless they are kept, those that are empty go when this is dropped.
struct Above(Vec<PathBuf>);

impl Above {
    /// Makes a folder, with all above it.
    fn make(folder: &Path) -> io::Result<Self> {
        let lacking = folder.ancestors();
        let lacking = lacking.take_while(|folder| fs::symlink_metadata(folder).is_err());
        // The innermost is first, as they go.
        let above = Self(lacking.map(Path::to_path_buf).collect());
        fs::create_dir_all(folder)?;
        Ok(above)
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Above {
    fn drop(&mut self) {
        for folder in &self.0 {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

/// Puts a file where there is none. Unlike a renaming, a link never replaces what another program has put there; some file systems have none.
fn place_file(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => match fs::symlink_metadata(to) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        },
        linked => linked,
    }
}

/// Checks that a place does not lie in the store, nor in what its folders lead to: a sweep takes away there what it does not know.
fn check_apart(place: &Path, store: &Path, remedy: &str) -> Result<(), CommandFailure> {
    let Ok(store) = store.canonicalize() else {
        return Ok(());
    };
    let entries = fs::read_dir(&store).into_iter().flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    let places = links.filter_map(|entry| entry.path().canonicalize().ok());
    let place_really = settled(place);
    match place_really.starts_with(&store) || { places }
        .any(|folder| folder.is_dir() && place_really.starts_with(folder))
    {
        true => Err(refusal(place, "lies in the store", remedy)),
        false => Ok(()),
    }
}

/// Returns where a path leads that may lead to nothing yet.
fn settled(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|folder| {
        let rest = path.strip_prefix(folder).ok()?;
        Some((folder.canonicalize().ok()?, rest))
    });
    let Some((mut settled, rest)) = there else {
        return path;
    };
    for part in rest.components() {
        match part {
            Component::ParentDir => drop(settled.pop()),
            part => settled.push(part),
        }
    }
    settled
}

fn not_empty(place: &Path, first: Option<fs::DirEntry>, remedy: &str) -> CommandFailure {
    let name = first.map(|entry| entry.file_name().to_string_lossy().into_owned());
    match name.filter(|name| name.starts_with(PREFIX)) {
        Some(name) => CommandFailure::Usage {
            message: format!(
                "{} is there already, and not empty: {name} in it is what a command is writing, or one that was killed has left",
                place.display()
            ),
            remedy: format!("remove that if no command is at work there, or {remedy}"),
        },
        None => refusal(place, "is there already, and not empty", remedy),
    }
}

fn refusal(place: &Path, what: &str, remedy: &str) -> CommandFailure {
    CommandFailure::Usage {
        message: format!("{} {what}", place.display()),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn message(failure: CommandFailure) -> String {
        match failure {
            CommandFailure::Usage { message, .. } => message,
            other => format!("{other:?}"),
        }
    }

    fn folder(place: &Path) -> Result<Aside, CommandFailure> {
        Aside::folder(place, Path::new("/nowhere"), "")
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a/b");
        let aside = folder(&place).unwrap();
        fs::write(aside.path().join("x"), "1").unwrap();
        assert!(!place.exists());
        drop(aside);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        let aside = folder(&place).unwrap();
        fs::write(aside.path().join("x"), "1").unwrap();
        aside.finish().unwrap();
        assert_eq!(fs::read_to_string(place.join("x")).unwrap(), "1");
        assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 1);
        assert!(folder(&place).is_err());
    }

    #[test]
    fn a_folder_that_is_there_stays_and_is_filled() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a");
        fs::create_dir(&place).unwrap();
        let link = root.path().join("link");
        symlink(&place, &link).unwrap();
        let inode = fs::metadata(&place).unwrap().ino();
        let aside = folder(&link).unwrap();
        fs::create_dir(aside.path().join("y")).unwrap();
        fs::write(aside.path().join("x"), "1").unwrap();
        // Another may not begin there meanwhile.
        assert!(message(folder(&place).err().unwrap()).contains("what a command is writing"));
        aside.finish().unwrap();
        assert_eq!(fs::metadata(&place).unwrap().ino(), inode);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(&place).unwrap().count(), 2);
    }

    #[test]
    fn what_has_come_meanwhile_stays() {
        let root = tempfile::tempdir().unwrap();
        for was_there in [true, false] {
            let place = root.path().join(format!("{was_there}"));
            if was_there {
                fs::create_dir(&place).unwrap();
            }
            let aside = folder(&place).unwrap();
            fs::write(aside.path().join("x"), "1").unwrap();
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("x"), "2").unwrap();
            let failure = aside.finish().unwrap_err();
            assert!(message(failure).ends_with("has come there meanwhile"));
            assert_eq!(fs::read_to_string(place.join("x")).unwrap(), "2");
            assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
        }
    }

    #[test]
    fn nothing_is_written_into_the_store() {
        let root = tempfile::tempdir().unwrap();
        let store = root.path().join("store");
        fs::create_dir_all(root.path().join("objects")).unwrap();
        fs::create_dir_all(store.join("folders")).unwrap();
        symlink(root.path().join("objects"), store.join("objects")).unwrap();
        symlink(&store, root.path().join("link")).unwrap();
        for place in [
            "store",
            "store/x/y",
            "link/folders",
            "objects/x",
            "new/../store/x",
        ] {
            let place = root.path().join(place);
            let failure = Aside::folder(&place, &store, "").err().unwrap();
            assert!(message(failure).ends_with("lies in the store"));
        }
        assert_eq!(fs::read_dir(&store).unwrap().count(), 2);
        assert!(Aside::file(&root.path().join("stored"), Some(&store), "").is_ok());
    }

    #[test]
    fn errors_name_the_place() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a");
        let aside = folder(&place).unwrap();
        let hidden = aside.path().join("x");
        let error = contract::io_error(&hidden)(ErrorKind::Other.into());
        match aside.told(Err::<(), _>(error)).unwrap_err() {
            CommandFailure::Stage(StageError::Io { path, .. }) => {
                assert_eq!(path, place.join("x"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_replaces_nothing() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a");
        let aside = Aside::file(&place, None, "").unwrap();
        fs::write(aside.path(), "1").unwrap();
        fs::write(&place, "2").unwrap();
        assert!(message(aside.finish().unwrap_err()).ends_with("has come there meanwhile"));
        assert_eq!(fs::read_to_string(&place).unwrap(), "2");
        assert!(Aside::file(&place, None, "").is_err());
        let above = root.path().join("b/c/d");
        drop(Aside::file(&above, None, "").unwrap());
        assert!(!root.path().join("b").exists());
    }
}
