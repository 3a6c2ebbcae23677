//! Finds the text files of a corpus.

use std::fs;
use std::path::{Path, PathBuf};

use contract::{StageError, io_error};

/// Files beside a corpus that are about it rather than of it, by their names in lower case up to the first point.
const ABOUT: [&str; 4] = ["readme", "license", "licence", "copying"];

/// Files that a look at a folder of data goes through at most.
const MOST_LOOKED_AT: usize = 10_000;

/// A file of the corpus.
pub(crate) struct TextFile {
    pub(crate) path: PathBuf,
    /// Its length in bytes.
    pub(crate) bytes: u64,
}

/// Returns `source` itself where it is a file, else the text files below it, ordered by the bytes of their paths.
///
/// In a folder, `*.txt`, `*.tokens`, `*.raw` (WikiText) and `wiki_*` without an extension (WikiExtractor) are text
/// files; hidden files and folders, and files named like `README.txt` or `LICENSE.txt`, are not.
pub(crate) fn find(source: &Path) -> Result<Vec<TextFile>, StageError> {
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
        return Ok(vec![TextFile {
            path: source.to_path_buf(),
            bytes: metadata.len(),
        }]);
    }
    let mut files = Vec::new();
    let mut within = Vec::new();
    walk(source, &mut within, &mut files)?;
    files.sort_by(|left, right| {
        left.path
            .as_os_str()
            .as_encoded_bytes()
            .cmp(right.path.as_os_str().as_encoded_bytes())
    });
    if files.is_empty() {
        return Err(StageError::input(
            source.display(),
            "no text files in it or below it",
            "give a folder of `*.txt`, of WikiText's `*.tokens` or `*.raw`, or of WikiExtractor's \
             `wiki_00`; a file of any other name can be given by itself",
        ));
    }
    Ok(files)
}

/// Returns how many bytes of text lie in a folder and below it; `None` where other files lie there too.
pub(crate) fn text_alone(folder: &Path) -> Option<u64> {
    let (mut bytes, mut seen) = (0, 0);
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).ok()? {
            let entry = entry.ok()?;
            let name = entry.file_name().to_str()?.to_owned();
            seen += 1;
            if seen > MOST_LOOKED_AT {
                break;
            }
            if name.starts_with('.') {
                continue;
            }
            let metadata = fs::metadata(entry.path()).ok()?;
            if metadata.is_dir() {
                open.push(entry.path());
            } else if is_text(&name) {
                bytes += metadata.len();
            } else if !is_about(&name) {
                return None;
            }
        }
    }
    (bytes > 0).then_some(bytes)
}

fn walk(
    folder: &Path,
    within: &mut Vec<PathBuf>,
    files: &mut Vec<TextFile>,
) -> Result<(), StageError> {
    let real = fs::canonicalize(folder).map_err(io_error(folder))?;
    if within.contains(&real) {
        return Err(StageError::input(
            folder.display(),
            "this link leads back to a folder it lies in",
            "remove the link",
        ));
    }
    within.push(real);
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let entry = entry.map_err(io_error(folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        let metadata = fs::metadata(&path).map_err(io_error(&path))?;
        if metadata.is_dir() {
            walk(&path, within, files)?;
        } else if is_text(&name) {
            files.push(TextFile {
                path,
                bytes: metadata.len(),
            });
        }
    }
    within.pop();
    Ok(())
}

fn is_about(name: &str) -> bool {
    let lower = name.to_lowercase();
    ABOUT.contains(&lower.split('.').next().unwrap_or_default())
}

fn is_text(name: &str) -> bool {
    let lower = name.to_lowercase();
    if is_about(&lower) {
        return false;
    }
    match lower.rsplit_once('.') {
        Some((_, extension)) => matches!(extension, "txt" | "tokens" | "raw"),
        None => lower.starts_with("wiki_"),
    }
}
