//! What is known of files of the user's that are not at hand.
//!
//! The content of such files is part of keys, so without them no result that rests on them could be looked up. An archive tells
//! what theirs was where its results were made, and the store of whoever imports it keeps that list as `imports/HEX.json`. So
//! results can be shown and built upon where the files never were. A job that has to read the files does not run on that.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::io_error;
use super::{Digest, Origin, Store, StoreError};
use crate::belongs::Selection;

/// A file or folder of the user's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// The last part of its path.
    pub name: String,
    /// The digest of its content.
    pub digest: String,
    /// Where a pipeline file names it; older archives do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What the content of an outside input is a function of, besides the files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The path, from the folder of the pipeline file on if it lies there.
    pub path: String,
    /// The input's name.
    pub input: String,
    /// What of the files counts: [`Selection::identity`].
    pub selection: String,
}

impl Place {
    /// That of an input of a pipeline whose file lies in `root`; `None` if its path is not UTF-8.
    pub fn of(root: &Path, path: &Path, input: &str, selection: &Selection) -> Option<Self> {
        Some(Self {
            path: told(root, path)?,
            input: input.to_owned(),
            selection: selection.identity(),
        })
    }
}

/// Returns a path as it is told to others.
fn told(root: &Path, path: &Path) -> Option<String> {
    let path = path.strip_prefix(root).unwrap_or(path).to_str()?;
    Some(if path.is_empty() { "." } else { path }.to_owned())
}

/// A list that an import has left.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    origin: Origin,
    outside: Vec<Outside>,
}

/// What archives say of outside inputs that are not at hand.
#[derive(Debug, Default)]
pub struct Noted {
    root: PathBuf,
    places: BTreeMap<Place, (Digest, String)>,
    /// What was asked for and is not at hand: path, and the archive that told.
    used: RefCell<BTreeSet<(String, String)>>,
}

impl Noted {
    /// Whether something is known of what a path led to.
    pub fn knows(&self, path: &Path) -> bool {
        let path = told(&self.root, path);
        path.is_some_and(|path| self.places.keys().any(|place| place.path == path))
    }

    /// Returns the digest of an input's content where its files are not at hand.
    pub(crate) fn digest(&self, path: &Path, input: &str, selection: &Selection) -> Option<Digest> {
        // Next to always there is nothing, and the path is there.
        if self.places.is_empty() || path.try_exists().unwrap_or(true) {
            return None;
        }
        let place = Place::of(&self.root, path, input, selection)?;
        let (digest, archive) = self.places.get(&place)?;
        let used = (place.path, archive.clone());
        self.used.borrow_mut().insert(used);
        Some(*digest)
    }

    /// Returns what was taken as archives tell: paths, and the archive of each.
    pub fn used(&self) -> BTreeSet<(String, String)> {
        self.used.borrow().clone()
    }
}

impl Store {
    fn imports(&self) -> PathBuf {
        self.root().join("imports")
    }

    /// Keeps what an archive says of outside inputs.
    pub(super) fn keep_outside(
        &self,
        origin: &Origin,
        outside: &[Outside],
    ) -> Result<(), StoreError> {
        let outside: Vec<Outside> = outside
            .iter()
            .filter(|one| one.place.is_some())
            .cloned()
            .collect();
        if outside.is_empty() {
            return Ok(());
        }
        let origin = origin.clone();
        let path = self.imports().join(format!("{}.json", origin.digest));
        let bytes = serde_json::to_vec(&List { origin, outside }).map_err(|error| {
            StoreError::Unreadable {
                path: path.clone(),
                reason: error.to_string(),
                remedy: "import the archive once more".into(),
            }
        })?;
        fs::create_dir_all(self.imports()).map_err(io_error(&self.imports()))?;
        self.write_aside(&path, &bytes)
    }

    /// Returns what imported archives say of outside inputs, for a pipeline whose file lies in `root`; of what several tell, the
    /// last that was imported is believed. A list that cannot be read is passed over: what rests on it is then not found.
    pub fn noted(&self, root: &Path) -> Noted {
        let Ok(entries) = fs::read_dir(self.imports()) else {
            return Noted::default();
        };
        let mut lists: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let time = entry.metadata().ok()?.modified().ok()?;
                let bytes = fs::read(entry.path()).ok()?;
                let list: List = serde_json::from_slice(&bytes).ok()?;
                Some((time, list.origin.digest, list))
            })
            .collect();
        lists.sort_by_key(|(time, digest, _)| (*time, *digest));
        let mut places = BTreeMap::new();
        for (_, _, list) in lists {
            for one in list.outside {
                if let (Some(place), Ok(digest)) = (one.place, one.digest.parse()) {
                    places.insert(place, (digest, list.origin.archive.clone()));
                }
            }
        }
        Noted {
            root: root.to_path_buf(),
            places,
            used: RefCell::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_an_archive_tells_is_found_by_the_path_that_a_pipeline_names_and_only_while_it_is_away()
    {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let selection = Selection::default();
        let other = Selection {
            hidden: true,
            ..Selection::default()
        };
        let (there, here) = (Path::new("/there"), folder.path());
        let outside = |path: &str, text: &str| Outside {
            name: "text".into(),
            digest: Digest::of(text.as_bytes()).to_string(),
            place: Place::of(there, Path::new(path), "text", &selection),
        };
        let origin = |name: &str| Origin {
            archive: name.into(),
            digest: Digest::of(name.as_bytes()),
            program: "pipe".into(),
        };
        let first = [outside("/there/data/text", "a"), outside("/else/text", "b")];
        store.keep_outside(&origin("first.tar"), &first).unwrap();
        let noted = store.noted(here);
        let at = here.join("data/text");
        assert!(noted.knows(&at) && noted.knows(Path::new("/else/text")));
        assert!(!noted.knows(Path::new("/there/data/text")) && !noted.knows(&here.join("text")));
        assert_eq!(
            noted.digest(&at, "text", &selection),
            Some(Digest::of(b"a"))
        );
        assert_eq!(noted.digest(&at, "text", &other), None);
        assert_eq!(noted.digest(&at, "other", &selection), None);
        let used = [("data/text".to_owned(), "first.tar".to_owned())];
        assert_eq!(noted.used(), used.into());
        // Of two, the later; what is at hand speaks for itself.
        let path = store
            .imports()
            .join(format!("{}.json", Digest::of(b"first.tar")));
        let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        fs::File::open(path).unwrap().set_modified(earlier).unwrap();
        let second = [outside("/there/data/text", "c")];
        store.keep_outside(&origin("second.tar"), &second).unwrap();
        let noted = store.noted(here);
        assert_eq!(
            noted.digest(&at, "text", &selection),
            Some(Digest::of(b"c"))
        );
        fs::create_dir(here.join("data")).unwrap();
        fs::write(&at, "d").unwrap();
        assert_eq!(noted.digest(&at, "text", &selection), None);
    }
}
