//! Finds the text files of a corpus in a folder.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use contract::{Content, StageError, io_error};
use walkdir::{DirEntry, WalkDir};

use crate::open::are_equal;

/// Names of files that describe a corpus, in lower case and up to the first point. They are not part of the corpus.
const ABOUT: [&str; 4] = ["readme", "license", "licence", "copying"];
/// How many names a list of files in a message gives.
const NAMED: usize = 5;
/// The most files that are looked at when a folder of data is searched.
const MOST_LOOKED_AT: usize = 10_000;

/// A file of the corpus.
pub(crate) struct TextFile {
    pub(crate) path: PathBuf,
    /// Length of the file in bytes, before decompression.
    pub(crate) bytes: u64,
    /// Path without the ending that says that the file is compressed. Files are ordered by it.
    plain: PathBuf,
}

/// The contents of a folder.
pub(crate) struct Found {
    /// The files to read, in order.
    pub(crate) files: Vec<TextFile>,
    /// Notes for the user about the other files.
    pub(crate) notes: Vec<String>,
}

/// The kind of a file in a folder, by its name.
enum Named {
    /// A text, plain or compressed.
    Text,
    /// Data in a form that cannot be read.
    Unreadable(Content),
    /// A description of the corpus. No note mentions it.
    About,
    /// Any other file.
    Other,
}

/// Returns `source` itself where it is a file, else the text files below it, ordered by the bytes of their paths.
///
/// In a folder, `*.txt`, `*.tokens`, `*.raw` (WikiText) and `wiki_*` without an extension (WikiExtractor) are text files,
/// also with `.gz` or `.zst` appended, which does not change their order. Hidden files and folders, and files with names like
/// `README.txt` or `LICENSE.txt`, are not text files. Other archives, and pointers to files that were not fetched, are
/// refused. Notes name all other files.
pub(crate) fn find(source: &Path) -> Result<Found, StageError> {
    let metadata = fs::metadata(source).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            StageError::input(
                source.display(),
                "no such file or folder",
                "give the path of the text, absolute or from the folder of `pipeline.toml`",
            )
        } else {
            io_error(source)(error)
        }
    })?;
    if metadata.is_file() {
        let file = TextFile {
            path: source.to_path_buf(),
            bytes: metadata.len(),
            plain: source.to_path_buf(),
        };
        return Ok(Found {
            files: vec![file],
            notes: Vec::new(),
        });
    }
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for entry in walk(source) {
        let entry = entry.map_err(|error| unlisted(source, error))?;
        if entry.file_type().is_dir() {
            continue;
        }
        let path = entry.path().to_path_buf();
        match named(&entry.file_name().to_string_lossy()) {
            Named::Text => files.push(TextFile {
                bytes: fs::metadata(&path).map_err(io_error(&path))?.len(),
                plain: plain(&path),
                path,
            }),
            // DVC leaves a pointer beside the data that it has fetched.
            Named::Unreadable(Content::Dvc) if path.with_extension("").exists() => {}
            Named::Unreadable(content) => return Err(unreadable(&path, content)),
            Named::About => {}
            Named::Other => others.push(below(source, &path)),
        }
    }
    others.sort();
    if files.is_empty() {
        let but = match others.len() {
            0 => String::new(),
            _ => format!(", only {}", list(&others)),
        };
        return Err(StageError::input(
            source.display(),
            format!("no text files in it or below it{but}"),
            "give a folder of `*.txt`, of WikiText's `*.tokens` or `*.raw`, or of WikiExtractor's \
             `wiki_00`, plain or compressed (`.gz`, `.zst`); a file of any other name can be given by itself",
        ));
    }
    let bytes = |path: &Path| path.as_os_str().as_encoded_bytes().to_vec();
    files.sort_by_cached_key(|file| (bytes(&file.plain), bytes(&file.path)));
    let mut notes = Vec::new();
    if !others.is_empty() {
        notes.push(format!(
            "{} left out, not named as text (`*.txt`, `*.tokens`, `*.raw`, `wiki_*`): {}",
            count(others.len()),
            list(&others)
        ));
    }
    let twins = drop_twins(&mut files)?;
    if !twins.is_empty() {
        let twins: Vec<_> = twins.iter().map(|path| below(source, path)).collect();
        notes.push(format!(
            "{} left out, since the same text lies beside it uncompressed: {}",
            count(twins.len()),
            list(&twins)
        ));
    }
    Ok(Found { files, notes })
}

/// Returns the number of bytes of text in a folder and its subfolders; `None` if other files are there too.
pub(crate) fn text_alone(folder: &Path) -> Option<u64> {
    let mut bytes = 0;
    for entry in walk(folder).take(MOST_LOOKED_AT) {
        let entry = entry.ok()?;
        match named(entry.file_name().to_str()?) {
            _ if entry.file_type().is_dir() => {}
            Named::Text => bytes += entry.metadata().ok()?.len(),
            Named::About => {}
            Named::Unreadable(_) | Named::Other => return None,
        }
    }
    (bytes > 0).then_some(bytes)
}

/// Walks through everything below a folder that is not hidden, and follows links.
fn walk(folder: &Path) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    let is_hidden =
        |name: Option<&OsStr>| name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let entries = WalkDir::new(folder).follow_links(true).into_iter();
    let entries = entries
        .filter_entry(move |entry| entry.depth() == 0 || !is_hidden(Some(entry.file_name())));
    // WalkDir resolves a hidden link before its name can be checked, so errors of such links are dropped here.
    entries.filter(move |entry| match entry {
        Ok(_) => true,
        Err(error) => error.depth() == 0 || !is_hidden(error.path().and_then(Path::file_name)),
    })
}

/// Returns the error for something below `source` that cannot be listed.
fn unlisted(source: &Path, error: walkdir::Error) -> StageError {
    let place = error.path().unwrap_or(source).to_path_buf();
    match error.loop_ancestor() {
        Some(_) => StageError::input(
            place.display(),
            "this link leads back to a folder it lies in",
            "remove the link",
        ),
        None => io_error(&place)(error.into()),
    }
}

/// Returns the error for a file in a form that cannot be read.
fn unreadable(path: &Path, content: Content) -> StageError {
    let stays = match content {
        Content::Tar | Content::Zip | Content::SevenZip | Content::Rar => {
            ", and take the archive out of the folder"
        }
        _ => "",
    };
    let remedy = content.remedy(path) + stays;
    StageError::input(path.display(), content.what(), remedy)
}

/// Removes from the sorted `files` compressed copies of the file before them, and returns the paths of these copies.
fn drop_twins(files: &mut Vec<TextFile>) -> Result<Vec<PathBuf>, StageError> {
    let mut twins = Vec::new();
    let mut place = 1;
    while place < files.len() {
        let (before, file) = (&files[place - 1], &files[place]);
        if before.plain == file.plain && are_equal(&before.path, &file.path)? {
            twins.push(files.remove(place).path);
        } else {
            place += 1;
        }
    }
    Ok(twins)
}

fn named(name: &str) -> Named {
    let lower = name.to_lowercase();
    let stem = lower.split('.').next().unwrap_or_default();
    if ABOUT.contains(&stem) {
        return Named::About;
    }
    let inner = lower.rsplit_once('.').map_or("", |(inner, _)| inner);
    match Content::of_name(&lower) {
        Some(Content::Gzip | Content::Zstd) if inner.ends_with(".tar") => {
            Named::Unreadable(Content::Tar)
        }
        Some(Content::Gzip | Content::Zstd) if is_text(inner) => Named::Text,
        Some(Content::Gzip | Content::Zstd | Content::Parquet | Content::Arrow | Content::Pdf) => {
            Named::Other
        }
        Some(content) => Named::Unreadable(content),
        None if is_text(&lower) => Named::Text,
        None => Named::Other,
    }
}

/// Whether a name in lower case is the name of a text file.
fn is_text(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, extension)) => matches!(extension, "txt" | "tokens" | "raw"),
        None => name.starts_with("wiki_"),
    }
}

/// Returns a text's path without the ending that says that it is compressed.
fn plain(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match Content::of_name(&name) {
        Some(_) => path.with_extension(""),
        None => path.to_path_buf(),
    }
}

/// Returns a path relative to the source, for messages.
fn below(source: &Path, path: &Path) -> String {
    path.strip_prefix(source)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn count(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    }
}

/// Returns the first few names, and the number of the others.
fn list(names: &[String]) -> String {
    let first = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
