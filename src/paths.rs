//! Paths as records, archives and tables tell them: from the project's folder, so that they mean the same elsewhere and later.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Writes an absolute path as it lies from the project's folder: relative where both lie below a folder that is not `/`.
pub fn from_project(path: &Path, root: &Path) -> String {
    let path = settled(path);
    let root = settled(root);
    // A link within the project goes by its own path; a path elsewhere goes by where it really leads.
    let (path, root) = match path.starts_with(&root) {
        true => (path, root),
        false => (canonical(&path), canonical(&root)),
    };
    let common = path.components().zip(root.components());
    let common = common.take_while(|(a, b)| a == b).count();
    let relative = match common {
        // The two share nothing but `/`.
        0 | 1 => path,
        _ => {
            let up = root.components().skip(common).map(|_| Component::ParentDir);
            up.chain(path.components().skip(common)).collect()
        }
    };
    if relative.as_os_str().is_empty() {
        return ".".into();
    }
    match relative.to_str() {
        Some(text) => text.to_owned(),
        // Two paths that are not UTF-8 must not become the same text, so a hash tells them apart.
        None => {
            let hash = blake3::hash(relative.as_os_str().as_bytes()).to_hex();
            format!("{}#{}", relative.display(), &hash[..8])
        }
    }
}

/// Returns an absolute path without `.` and `..`; links before a `..` are followed, as the system does.
fn settled(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut settled = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                settled = canonical(&settled);
                settled.pop();
            }
            component => settled.push(component),
        }
    }
    settled
}

/// Returns where a path really leads; the path itself where it leads nowhere.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_told_from_the_project() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let root = base.join("project");
        for below in ["project/sub/x", "data/x"] {
            fs::create_dir_all(base.join(below)).unwrap();
        }
        symlink(base.join("data"), root.join("link")).unwrap();
        symlink(&root, base.join("other")).unwrap();
        let told = |path: &str| from_project(&base.join(path), &root);
        assert_eq!(told("project/sub/x"), "sub/x");
        assert_eq!(told("project/./sub//x/"), "sub/x");
        assert_eq!(told("project/sub/../sub/x"), "sub/x");
        assert_eq!(told("project"), ".");
        assert_eq!(told("data/x"), "../data/x");
        assert_eq!(told("project/../data/x"), "../data/x");
        // A link in the project is the project's, and `..` behind it is the other folder's.
        assert_eq!(told("project/link/x"), "link/x");
        assert_eq!(told("project/link/../project/sub"), "sub");
        // A project that is reached by a link.
        assert_eq!(told("other/sub/x"), "sub/x");
        assert_eq!(from_project(&root.join("sub"), &base.join("other")), "sub");
        assert_eq!(from_project(Path::new("/nowhere/x"), &root), "/nowhere/x");
    }
}
