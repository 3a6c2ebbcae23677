//! What the user wants to keep, whatever `pipeline.toml` says.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::io_error;
use super::held::list;
use super::{Store, StoreError};
use crate::keys::Key;

/// The longest name of a pin, in bytes.
const LONGEST: usize = 100;

/// A name for some results, which `pipe gc` keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The version of the pin's fields.
    pub format: u32,
    /// Its name, which is also the file's.
    pub name: String,
    /// The targets that were pinned, as they were written: `table:sts`.
    pub targets: Vec<String>,
    /// The profile that was in force.
    pub profile: String,
    /// The values of variables that were given, as they were written: `m=0.3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// The user's own words on the pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The results of the targets, and all that they rest on.
    pub results: Vec<Pinned>,
}

/// A pinned result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// Its key.
    pub key: Key,
    /// What its job was called.
    pub label: String,
}

/// A pin's file with the pin, or with the reason why it cannot be read.
pub(super) type ReadPin = (PathBuf, Result<Pin, String>);

impl Pin {
    /// The version of the fields: raised when an older program would misread them.
    pub const FORMAT: u32 = 1;

    /// Whether a text may name a pin: letters, digits, `.`, `_` and `-`, the first no dot.
    pub fn may_be_called(name: &str) -> bool {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=LONGEST).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('.')
    }
}

impl Store {
    /// Returns all pins, in the order of their names.
    ///
    /// # Errors
    /// When one cannot be read, since the results that it pins are then unknown.
    pub fn pins(&self) -> Result<Vec<Pin>, StoreError> {
        let mut pins = Vec::new();
        for (path, pin) in self.pin_files()? {
            let pin = pin.map_err(|reason| StoreError::Unreadable {
                path,
                reason,
                remedy: "mend the file, or remove it and pin anew".into(),
            })?;
            pins.push(pin);
        }
        Ok(pins)
    }

    /// Returns the names of all pins, also of those that cannot be read.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn pin_names(&self) -> Result<BTreeSet<String>, StoreError> {
        let files = self.pin_files()?.into_iter();
        let stem = |(path, _): (PathBuf, _)| Some(path.file_stem()?.to_str()?.to_owned());
        Ok(files.filter_map(stem).collect())
    }

    /// Returns all pins as they are read, sorted by their files.
    pub(super) fn pin_files(&self) -> Result<Vec<ReadPin>, StoreError> {
        let mut pins = Vec::new();
        for (path, name) in list(&self.root().join("pins"))? {
            let Some(named) = name.strip_suffix(".json") else {
                continue;
            };
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                // The pin was removed just now.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error(&path)(error)),
            };
            let pin = match serde_json::from_slice::<Pin>(&bytes) {
                Ok(pin) if pin.format != Pin::FORMAT => {
                    Err(format!("pin format {} is not known", pin.format))
                }
                Ok(pin) if pin.name != named => {
                    Err(format!("the pin's name is another: `{}`", pin.name))
                }
                Ok(pin) => Ok(pin),
                Err(error) => Err(format!("not a pin: {error}")),
            };
            pins.push((path, pin));
        }
        Ok(pins)
    }

    /// Keeps a pin. One of that name must not be there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn pin(&self, pin: &Pin) -> Result<(), StoreError> {
        let text =
            serde_json::to_vec_pretty(pin).map_err(|error| io_error(self.root())(error.into()))?;
        self.write_aside(&self.pin_file(&pin.name), &text)
    }

    /// Removes a pin; `false` if there is none of that name. The results that it pinned stay until a sweep.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn unpin(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.pin_file(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    fn pin_file(&self, name: &str) -> PathBuf {
        self.root().join("pins").join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_pin_is_kept_until_it_is_taken_out_and_a_damaged_one_is_no_pin() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let pin = Pin {
            format: Pin::FORMAT,
            name: "thesis".into(),
            targets: vec!["all".into()],
            profile: "laptop".into(),
            set: vec!["m=0.3".into()],
            note: Some("chapter 2".into()),
            results: vec![Pinned {
                key: "ab".repeat(32).parse().unwrap(),
                label: "pretrain".into(),
            }],
        };
        store.pin(&pin).unwrap();
        assert_eq!(store.pins().unwrap(), [pin]);
        let path = store.pin_file("thesis");
        fs::copy(&path, store.pin_file("other")).unwrap();
        let error = store.pins().unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("other.json: the pin's name is another: `thesis`")
        );
        assert!(store.unpin("other").unwrap());
        assert!(store.unpin("thesis").unwrap());
        assert!(!store.unpin("thesis").unwrap());
        assert_eq!(store.pins().unwrap(), []);
    }

    #[test]
    fn names_are_file_names_and_no_paths() {
        for name in ["a", "table-sts", "v1.2_x"] {
            assert!(Pin::may_be_called(name), "{name}");
        }
        for name in ["", ".", "..", ".x", "a/b", "a b", "ä", &"x".repeat(101)] {
            assert!(!Pin::may_be_called(name), "{name}");
        }
    }
}
