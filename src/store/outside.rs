//! What is known of files of the user's that are not at hand.
//!
//! The content of such files is part of keys, so without them no result that rests on them could be looked up. An archive tells
//! what theirs was where its results were made, and the store of whoever imports it keeps that list as `imports/HEX.json`. So
//! results can be shown and built upon where the files never were. A job that has to read the files does not run on that.
//!
//! An archive may carry some files of a folder and not the others. It tells the digest of that part as well: while a folder holds
//! just this part, it is as if it were not there, and nobody takes the part for the whole.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::error::io_error;
use super::{Digest, Origin, Store, StoreError};
use crate::belongs::Selection;
use crate::paths::from_project;

/// A file or folder of the user's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// The last part of its path.
    pub name: String,
    /// The digest of its content.
    pub digest: String,
    /// Where the file or folder lies; archives of the first format do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The digest of the part that the archive carries, if it carries some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<String>,
}

impl Outside {
    /// Whether the archive carries the whole file or folder.
    pub fn is_carried(&self) -> bool {
        self.carried.as_ref() == Some(&self.digest)
    }
}

/// What the content of an outside input is a function of, besides the files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The path from the folder of the pipeline file.
    pub path: String,
    /// The whole path, where the pipeline file or a setting names it in full: every user of the results looks there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<String>,
    /// The input's name.
    pub input: String,
    /// Which of the files count: [`Selection::identity`].
    pub selection: String,
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
    /// What is told of each input, by path, input and selection.
    places: BTreeMap<(String, String, String), Told>,
    used: RefCell<BTreeSet<Away>>,
}

/// What an archive tells of an input.
#[derive(Clone, Debug)]
struct Told {
    digest: Digest,
    carried: Option<Digest>,
    archive: String,
}

/// An input that was asked for and is not at hand, or not whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Away {
    /// The path where the input belongs.
    pub path: PathBuf,
    /// The path as messages tell it.
    pub told: String,
    /// The archive that told the input's digest.
    pub archive: String,
    /// Whether a part of the input is there.
    pub partly: bool,
}

impl Noted {
    /// Whether no archive tells of any input.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether an archive tells of the input at a path.
    pub fn knows(&self, path: &Path) -> bool {
        let is_of = |told: &str| self.places.keys().any(|(path, ..)| path == told);
        !self.places.is_empty()
            && (is_of(&from_project(path, &self.root)) || path.to_str().is_some_and(is_of))
    }

    /// Returns what archives tell of an input.
    fn told(
        &self,
        path: &Path,
        input: &str,
        selection: &Selection,
    ) -> Option<(&(String, String, String), &Told)> {
        if self.places.is_empty() {
            return None;
        }
        let selection = selection.identity();
        let mut names = [
            Some(from_project(path, &self.root)),
            path.to_str().map(str::to_owned),
        ]
        .into_iter()
        .flatten();
        names.find_map(|name| {
            let place = (name, input.to_owned(), selection.clone());
            self.places.get_key_value(&place)
        })
    }

    /// Returns the digest that an input had, if archives tell it and the input is not at hand. `here` returns the digest of
    /// what lies at the path now, which must be that of the part that the archive carried.
    pub(crate) fn away(
        &self,
        path: &Path,
        input: &str,
        selection: &Selection,
        here: impl FnOnce() -> Option<Digest>,
    ) -> Option<Digest> {
        let (place, told) = self.told(path, input, selection)?;
        let partly = path.try_exists().unwrap_or(true);
        if partly {
            let carried = told.carried.filter(|carried| *carried != told.digest)?;
            // A folder without a file that counts is taken for such a part as well.
            if here().is_some_and(|here| here != carried) {
                return None;
            }
        }
        self.used.borrow_mut().insert(Away {
            path: path.to_path_buf(),
            told: place.0.clone(),
            archive: told.archive.clone(),
            partly,
        });
        Some(told.digest)
    }

    /// Returns the inputs that were taken as archives tell.
    pub fn used(&self) -> BTreeSet<Away> {
        self.used.borrow().clone()
    }
}

impl Store {
    fn imports(&self) -> PathBuf {
        self.root().join("imports")
    }

    /// Keeps what an archive says of outside inputs, and that it was imported.
    pub(super) fn keep_outside(
        &self,
        origin: &Origin,
        outside: &[Outside],
    ) -> Result<(), StoreError> {
        let outside = outside.iter().filter(|one| one.place.is_some());
        let outside: Vec<Outside> = outside.cloned().collect();
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

    /// Returns the lists that imports have left, with their times, the latest last. A list that cannot be read is passed over,
    /// so results that rest on it are not found.
    fn lists(&self) -> Vec<(SystemTime, List)> {
        let entries = fs::read_dir(self.imports()).into_iter().flatten().flatten();
        let mut lists: Vec<(SystemTime, List)> = entries
            .filter_map(|entry| {
                let time = entry.metadata().ok()?.modified().ok()?;
                let bytes = fs::read(entry.path()).ok()?;
                Some((time, serde_json::from_slice(&bytes).ok()?))
            })
            .collect();
        lists.sort_by_key(|(time, list)| (*time, list.origin.digest));
        lists
    }

    /// Returns the archives that were imported since then, with the digests of their indices.
    pub fn imported_since(&self, since: SystemTime) -> BTreeMap<Digest, String> {
        let lists = self.lists().into_iter();
        let lists = lists.filter(|(time, _)| *time >= since);
        lists
            .map(|(_, list)| (list.origin.digest, list.origin.archive))
            .collect()
    }

    /// Returns what imported archives say of outside inputs, for a pipeline whose file lies in `root`. Where several tell of
    /// one input, the last that was imported is believed.
    pub fn noted(&self, root: &Path) -> Noted {
        let mut places = BTreeMap::new();
        for (_, list) in self.lists() {
            for one in list.outside {
                let (Some(place), Ok(digest)) = (one.place, one.digest.parse()) else {
                    continue;
                };
                let told = Told {
                    digest,
                    carried: one.carried.and_then(|digest| digest.parse().ok()),
                    archive: list.origin.archive.clone(),
                };
                for path in [Some(place.path), place.named].into_iter().flatten() {
                    let place = (path, place.input.clone(), place.selection.clone());
                    places.insert(place, told.clone());
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
        let here = folder.path().canonicalize().unwrap();
        let store = Store::open(&here.join("store")).unwrap();
        let selection = Selection::default();
        let other = Selection {
            hidden: true,
            ..Selection::default()
        };
        let outside =
            |path: &str, named: Option<&str>, text: &str, carried: Option<&str>| Outside {
                name: "text".into(),
                digest: Digest::of(text.as_bytes()).to_string(),
                place: Some(Place {
                    path: path.into(),
                    named: named.map(str::to_owned),
                    input: "text".into(),
                    selection: selection.identity(),
                }),
                carried: carried.map(|text| Digest::of(text.as_bytes()).to_string()),
            };
        let origin = |name: &str| Origin {
            archive: name.into(),
            digest: Digest::of(name.as_bytes()),
            program: "pipe".into(),
        };
        let first = [
            outside("data/text", None, "a", None),
            outside("../x/text", Some("/else/text"), "b", None),
            outside("code", None, "all", Some("part")),
        ];
        store.keep_outside(&origin("first.tar"), &first).unwrap();
        let noted = store.noted(&here);
        let at = here.join("data/text");
        let of = |noted: &Noted, path: &Path, there: Option<&str>| {
            let there = there.map(|text| Digest::of(text.as_bytes()));
            noted.away(path, "text", &selection, || there)
        };
        let is = |text: &str| Some(Digest::of(text.as_bytes()));
        let named = Path::new("/else/text");
        assert!(noted.knows(&at) && noted.knows(named) && noted.knows(&here.join("code")));
        assert!(noted.knows(&here.join("data/./text")) && !noted.knows(&here.join("text")));
        assert_eq!(of(&noted, &at, None), is("a"));
        assert_eq!(of(&noted, &here.join("store/../data/text"), None), is("a"));
        assert_eq!(of(&noted, named, None), is("b"));
        assert_eq!(noted.away(&at, "text", &other, || None), None);
        assert_eq!(noted.away(&at, "other", &selection, || None), None);
        let told: Vec<String> = noted.used().into_iter().map(|away| away.told).collect();
        assert!(told.contains(&"data/text".to_owned()), "{told:?}");
        // The part that the archive carried is not the whole; files that somebody has put there count as they are.
        let code = here.join("code");
        fs::create_dir(&code).unwrap();
        assert_eq!(of(&noted, &code, Some("part")), is("all"));
        assert_eq!(of(&noted, &code, None), is("all"));
        assert_eq!(of(&noted, &code, Some("all")), None);
        assert_eq!(of(&noted, &code, Some("more")), None);
        // Of two archives the later is believed; an input that is at hand counts as it is.
        let path = store
            .imports()
            .join(format!("{}.json", Digest::of(b"first.tar")));
        let earlier = SystemTime::now() - std::time::Duration::from_secs(60);
        fs::File::open(path).unwrap().set_modified(earlier).unwrap();
        let second = [outside("data/text", None, "c", None)];
        store.keep_outside(&origin("second.tar"), &second).unwrap();
        let noted = store.noted(&here);
        assert_eq!(of(&noted, &at, None), is("c"));
        let lately = store.imported_since(SystemTime::now() - std::time::Duration::from_secs(30));
        let names: Vec<String> = lately.into_values().collect();
        assert_eq!(names, ["second.tar"]);
        fs::create_dir(here.join("data")).unwrap();
        fs::write(&at, "d").unwrap();
        assert_eq!(of(&noted, &at, Some("d")), None);
    }
}
