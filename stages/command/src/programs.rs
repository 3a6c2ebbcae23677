//! Finds programs on the PATH, as a shell does.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Paths of programs by PATH and name, because a sweep looks for the same few programs thousands of times.
static FOUND: Mutex<BTreeMap<(OsString, String), Option<PathBuf>>> = Mutex::new(BTreeMap::new());

/// Returns the path of a program: `name` itself if it is a path, else the first match in `path`, or in PATH without `path`.
pub(crate) fn find(name: &str, path: Option<&str>) -> Option<PathBuf> {
    if name.contains('/') {
        return is_program(Path::new(name)).then(|| name.into());
    }
    let path = path
        .map(OsString::from)
        .or_else(|| env::var_os("PATH"))
        .unwrap_or_default();
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let asked = (path, name.to_owned());
    if let Some(place) = found.get(&asked) {
        return place.clone();
    }
    let place = env::split_paths(&asked.0)
        // A relative folder would be another folder where the program starts.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|place| is_program(place));
    found.insert(asked, place.clone());
    place
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn only_what_may_be_executed_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tool");
        fs::write(&program, "").unwrap();
        let path = format!("relative:{}", folder.path().display());
        // The folder is given under two names, since results are cached by PATH.
        assert_eq!(find("tool", Some(&path)), None);
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let path = format!("{path}/");
        assert_eq!(find("tool", Some(&path)), Some(program.clone()));
        assert_eq!(find("other", Some(&path)), None);
        assert_eq!(find(program.to_str().unwrap(), None), Some(program));
        assert!(find("sh", None).is_some());
    }
}
