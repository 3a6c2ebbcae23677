//! Finding the files of an input that count.

use std::collections::BTreeSet;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use contract::StageError;

use super::Content;
use super::stamp::Stamp;
use crate::belongs::{
    CACHE_TAG, Dangling, Own, Rule, Selection, Verdict, dangling, identity, is_cache_tag,
    is_results,
};
use crate::store::Store;

/// The file that marks a folder as a store.
const STORE_MARK: &str = "store.json";

/// The files at a path that count.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) content: Content,
    /// Sorted by name.
    pub(super) files: Vec<File>,
    /// Whether the path leads to files as well that do not count.
    pub(super) left_out: bool,
}

/// A file that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) place: PathBuf,
    /// The file's path from the input's folder on, parts separated by `/`; empty for an input that is a single file.
    pub(super) name: String,
    pub(super) stamp: Stamp,
}

/// Finds the files at `path` that belong to an input with that selection.
///
/// # Errors
/// When the path does not exist, leads to something that is neither file nor folder, holds no file that counts, cannot be
/// read, or has a name that is not UTF-8.
pub(super) fn find(path: &Path, selection: &Selection, store: &Store) -> Result<Found, StageError> {
    let metadata = fs::metadata(path).map_err(|error| {
        if let Some(Dangling { what, remedy }) = dangling(path) {
            return StageError::input(path.display(), what, remedy);
        }
        let remedy = "check that the path exists and can be read";
        StageError::input(path.display(), error.to_string(), remedy)
    })?;
    if metadata.is_file() {
        return single(path, &metadata, selection);
    }
    if !metadata.is_dir() {
        let what = words(metadata.file_type());
        return Err(StageError::input(
            path.display(),
            format!("{what}, and neither a file nor a folder"),
            "write what is to be read to a file, and name that",
        ));
    }
    if is_store(path, &metadata, store) {
        return Err(StageError::input(
            path.display(),
            "this is a store of pipe, which changes with every run",
            "name the folder of a result in it, which `pipe run stage:…` prints, or write \"@stage\"",
        ));
    }
    let places = store.places();
    let own = Own::new(
        places.iter().map(PathBuf::as_path),
        selection.results.iter().map(PathBuf::as_path),
    );
    let mut walk = Walk {
        rule: Rule::of(selection),
        own,
        above: BTreeSet::new(),
        found: Found {
            content: Content::Folder,
            files: Vec::new(),
            left_out: false,
        },
    };
    walk.folder(path, &metadata, "")?;
    let mut found = walk.found;
    if found.files.is_empty() && walk.own.has_results(&metadata) {
        return Err(StageError::input(
            path.display(),
            "the folder holds nothing that counts but results of pipe, which change with runs",
            "name the folder of one profile in it, or have results written elsewhere with --results",
        ));
    }
    if found.files.is_empty() {
        return Err(empty(path, selection, found.left_out));
    }
    found.files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Finds a file that is an input by itself, and those beside it that are read with it.
fn single(path: &Path, metadata: &Metadata, selection: &Selection) -> Result<Found, StageError> {
    let file = |place: PathBuf, name: String, metadata: &Metadata| File {
        place,
        name,
        stamp: Stamp::of(metadata),
    };
    let mut files = vec![file(path.to_path_buf(), String::new(), metadata)];
    for name in selection.reads.beside {
        let place = path.with_file_name(name);
        // The input itself may have the name of a file that is read beside it.
        if path.file_name() == place.file_name() {
            continue;
        }
        match fs::metadata(&place) {
            Ok(found) if found.is_file() => files.push(file(place, (*name).to_owned(), &found)),
            _ => {}
        }
    }
    Ok(Found {
        content: Content::File,
        files,
        left_out: true,
    })
}

struct Walk {
    rule: Rule,
    own: Own,
    /// The folders around the one that is walked, so that links in a circle are noticed.
    above: BTreeSet<(u64, u64)>,
    found: Found,
}

impl Walk {
    /// Gathers the files below a folder.
    fn folder(
        &mut self,
        folder: &Path,
        metadata: &Metadata,
        prefix: &str,
    ) -> Result<(), StageError> {
        if !self.above.insert(identity(metadata)) {
            return Err(StageError::input(
                folder.display(),
                "a symbolic link leads back to a folder that holds it",
                "remove the link",
            ));
        }
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
        let names = entries.map(|entry| Ok(entry?.file_name()));
        let names: Vec<_> = names
            .collect::<io::Result<_>>()
            .map_err(|error| unreadable(folder, &error))?;
        let has = |name: &str| names.iter().any(|found| found == name);
        let is_cache = has(CACHE_TAG) && is_cache_tag(&folder.join(CACHE_TAG));
        // A folder of CVS is known by what it holds: other folders are called `CVS` as well.
        let is_cvs = has("Entries") && has("Repository") && folder.ends_with("CVS");
        if !prefix.is_empty() && (is_cache || is_cvs) {
            self.found.left_out = true;
            self.above.remove(&identity(metadata));
            return Ok(());
        }
        let has_results = self.own.has_results(metadata);
        for name in &names {
            let path = folder.join(name);
            if has_results && is_results(&path) {
                self.found.left_out = true;
                continue;
            }
            let text = name.to_string_lossy();
            if self.rule.name(&text) == Verdict::Out {
                self.found.left_out = true;
                continue;
            }
            let place = format!("{prefix}{text}");
            let verdict = self.rule.path(&place);
            if verdict == Verdict::Out {
                self.found.left_out = true;
                continue;
            }
            self.entry(path, place, verdict, name.to_str().is_none())?;
        }
        self.above.remove(&identity(metadata));
        Ok(())
    }

    /// Looks at a file or folder whose name may count.
    fn entry(
        &mut self,
        path: PathBuf,
        place: String,
        verdict: Verdict,
        strange: bool,
    ) -> Result<(), StageError> {
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(_) if verdict == Verdict::NoFile => {
                self.found.left_out = true;
                return Ok(());
            }
            Err(error) => {
                return Err(match dangling(&path) {
                    Some(Dangling { what, remedy }) => {
                        let remedy = format!("{remedy}; or remove it from the input folder");
                        StageError::input(path.display(), what, remedy)
                    }
                    None => unreadable(&path, &error),
                });
            }
        };
        if self.own.has(&metadata) || (metadata.is_dir() && self.rule.leaves_out_folder(&place)) {
            self.found.left_out = true;
            return Ok(());
        }
        if strange {
            return Err(StageError::input(
                path.display(),
                "the name is not UTF-8",
                "rename it",
            ));
        }
        if metadata.is_dir() {
            let before = self.found.files.len();
            self.folder(&path, &metadata, &format!("{place}/"))?;
            // A folder without a file that counts is in no key.
            self.found.left_out |= self.found.files.len() == before;
            return Ok(());
        }
        if verdict == Verdict::NoFile {
            self.found.left_out = true;
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(StageError::input(
                path.display(),
                format!(
                    "{}, and neither a file nor a folder",
                    words(metadata.file_type())
                ),
                "remove it from the input folder",
            ));
        }
        self.found.files.push(File {
            stamp: Stamp::of(&metadata),
            place: path,
            name: place,
        });
        Ok(())
    }
}

/// Whether a folder is a store: the one in use, or another.
fn is_store(path: &Path, metadata: &Metadata, store: &Store) -> bool {
    let is_in_use =
        fs::metadata(store.root()).is_ok_and(|root| identity(&root) == identity(metadata));
    is_in_use || (path.join(STORE_MARK).is_file() && is_cache_tag(&path.join(CACHE_TAG)))
}

fn words(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}

fn empty(path: &Path, selection: &Selection, left_out: bool) -> StageError {
    let reason = match (selection.reads.files, left_out) {
        (Some(patterns), true) => format!(
            "the folder holds none of the files that are read of it: {}",
            patterns.join(", ")
        ),
        (None, true) => {
            "the folder holds no file that counts: hidden files, caches and what `ignore` matches do not".into()
        }
        (_, false) => "the folder holds no file".into(),
    };
    StageError::input(
        path.display(),
        reason,
        "put the data there, or name the folder that holds it",
    )
}

fn unreadable(path: &Path, error: &io::Error) -> StageError {
    StageError::input(
        path.display(),
        error.to_string(),
        "check that it can be read",
    )
}
