use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// A file, link or other entry at any depth below a folder. Folders themselves are not among the entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// Path of the entry.
    pub path: PathBuf,
    /// Path relative to the folder that was searched, with `/` between the parts; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Type of the entry itself: of a link, not of what the link leads to.
    pub kind: FileType,
}

/// Returns every entry at any depth below `folder` that is not a folder, sorted by name. Links are not followed.
///
/// # Errors
/// The path of the folder or entry that cannot be read, with the system's error.
pub fn below(folder: &Path) -> Result<Vec<Below>, (PathBuf, io::Error)> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).min_depth(1) {
        let entry = entry.map_err(|error| {
            let place = error.path().unwrap_or(folder).to_path_buf();
            (place, error.into())
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        found.push(Below {
            name: name.to_string_lossy().into_owned(),
            kind: entry.file_type(),
            path: entry.into_path(),
        });
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
