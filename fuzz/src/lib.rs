//! What the fuzz targets share.

use std::path::PathBuf;

/// Makes a folder for a target to work in, below `TMPDIR`: `./run` names a place in memory there, and clears it.
pub fn folder(target: &str) -> PathBuf {
    let folder = tempfile::Builder::new()
        .prefix(&format!("{target}-"))
        .tempdir();
    folder.expect("a folder for temporary files").keep()
}
