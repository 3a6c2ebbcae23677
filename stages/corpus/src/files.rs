//! Finds the text files of a corpus.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use contract::{Content, StageError, io_error};
use walkdir::{DirEntry, WalkDir};

use crate::open::are_equal;

/// Files beside a corpus that are about it rather than of it, by their names in lower case up to the first point.
const ABOUT: [&str; 4] = ["readme", "license", "licence", "copying"];
/// How many names a list of files gives.
const NAMED: usize = 5;
/// Files that a look at a folder of data goes through at most.
const MOST_LOOKED_AT: usize = 10_000;

/// A file of the corpus.
pub(crate) struct TextFile {
    pub(crate) path: PathBuf,
    /// Its length in bytes, as it lies there.
    pub(crate) bytes: u64,
    /// Its path without what tells that it is compressed, by which files are ordered.
    plain: PathBuf,
}

/// The files of a folder.
pub(crate) struct Found {
    /// Those that are read, in their order.
    pub(crate) files: Vec<TextFile>,
    /// What the user should know about the others.
    pub(crate) notes: Vec<String>,
}

/// What a file of a folder is, by its name.
enum Named {
    /// A text, plain or compressed.
    Text,
    /// Data that cannot be read as it is.
    Unreadable(Content),
    /// A word about the corpus rather than a part of it: nobody misses it.
    About,
    /// Something else.
    Other,
}

/// Returns `source` itself where it is a file, else the text files below it, ordered by the bytes of their paths.
///
/// In a folder, `*.txt`, `*.tokens`, `*.raw` (WikiText) and `wiki_*` without an extension (WikiExtractor) are text
/// files, and so are these with `.gz` or `.zst` behind, in the place that they would have without it; hidden files and
/// folders, and files named like `README.txt` or `LICENSE.txt`, are not. Other archives and pointers to files that are not
/// there are refused; of anything else the notes tell.
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
            // A pointer stays beside the data that it has fetched.
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

/// Returns how many bytes of text lie in a folder and below it; `None` where other files lie there too.
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

/// Goes through what lies below a folder and is not hidden, where links lead as well.
fn walk(folder: &Path) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    let is_hidden =
        |name: Option<&OsStr>| name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let entries = WalkDir::new(folder).follow_links(true).into_iter();
    let entries = entries
        .filter_entry(move |entry| entry.depth() == 0 || !is_hidden(Some(entry.file_name())));
    // What a hidden link leads to is asked for before its name is looked at.
    entries.filter(move |entry| match entry {
        Ok(_) => true,
        Err(error) => error.depth() == 0 || !is_hidden(error.path().and_then(Path::file_name)),
    })
}

/// Says why something below `source` cannot be looked at.
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

/// Says what is wrong with a file that cannot be read as it is.
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

/// Takes out of `files`, which are sorted, those that hold, compressed, what the file before them holds; returns their paths.
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

/// Whether a name in lower case is that of a text.
fn is_text(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, extension)) => matches!(extension, "txt" | "tokens" | "raw"),
        None => name.starts_with("wiki_"),
    }
}

/// Returns the path of a text without what tells that it is compressed.
fn plain(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match Content::of_name(&name) {
        Some(_) => path.with_extension(""),
        None => path.to_path_buf(),
    }
}

/// Returns a path from the source on, for people.
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

/// Returns the first few names, and how many more there are.
fn list(names: &[String]) -> String {
    let first = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
