//! Finds the text files of a corpus.

use std::fs;
use std::path::{Path, PathBuf};

use contract::{StageError, io_error};

/// Files beside a corpus that are about it rather than of it, by their names in lower case up to the first point.
const ABOUT: [&str; 4] = ["readme", "license", "licence", "copying"];

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

fn is_text(name: &str) -> bool {
    let lower = name.to_lowercase();
    let stem = lower.split('.').next().unwrap_or_default();
    if ABOUT.contains(&stem) {
        return false;
    }
    match lower.rsplit_once('.') {
        Some((_, extension)) => matches!(extension, "txt" | "tokens" | "raw"),
        None => lower.starts_with("wiki_"),
    }
}
