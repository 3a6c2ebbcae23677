use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Something in a folder, or below it, that is no folder itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// Where it is.
    pub path: PathBuf,
    /// Its path from the folder on, parts separated by `/`; what is not UTF-8 is replaced.
    pub name: String,
    /// What it is.
    pub kind: FileType,
}

/// Returns everything below `folder` that is no folder itself, sorted by name. No link is followed.
///
/// # Errors
/// What cannot be listed, and why.
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
