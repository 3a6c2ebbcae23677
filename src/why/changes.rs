//! What differs between the parts of two keys.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::keys::KeyParts;
use crate::store::{Digest, Manifest};

/// A part of a key that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Change {
    /// A parameter.
    Parameter {
        /// The parameter's name, `a.b` for one inside of a table.
        name: String,
        /// The old value, if there was one.
        old: Option<Value>,
        /// The new value, if there is one.
        new: Option<Value>,
    },
    /// An input.
    Input {
        /// Its name.
        name: String,
        /// The digest of the old content, if the input was given.
        old: Option<String>,
        /// The digest of the new content, if the input is given.
        new: Option<String>,
        /// Which of the input's files differ, if both contents are known.
        files: Option<Vec<FileChange>>,
    },
    /// The behaviour version: the code gives other bytes than it did.
    Version {
        /// The old version.
        old: u32,
        /// The new version.
        new: u32,
    },
    /// The numerics class: the arithmetic gives other bits.
    Numerics {
        /// The old class.
        old: Option<String>,
        /// The new class.
        new: Option<String>,
    },
}

/// A file that differs between two inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Where the file lies in the input.
    pub path: String,
    /// How the file differs.
    pub how: How,
}

/// How a file differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The file has other bytes.
    Changed,
    /// The file was not there.
    Added,
    /// The file is not there any more.
    Gone,
}

/// Returns how `new` differs from `old`, both of one kind. Inputs whose names are `open` are not compared, since they are not
/// known yet. `listing` gives the files of an input.
pub fn changes(
    old: &KeyParts,
    new: &KeyParts,
    open: &BTreeSet<String>,
    listing: &dyn Fn(&Digest) -> Option<Manifest>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    if old.version != new.version {
        changes.push(Change::Version {
            old: old.version,
            new: new.version,
        });
    }
    if old.numerics != new.numerics {
        changes.push(Change::Numerics {
            old: old.numerics.clone(),
            new: new.numerics.clone(),
        });
    }
    parameters("", &old.params.0, &new.params.0, &mut changes);
    let names: BTreeSet<&String> = old.inputs.keys().chain(new.inputs.keys()).collect();
    for name in names {
        let [was, is] = [old, new].map(|parts| parts.inputs.get(name));
        if was == is || open.contains(name) {
            continue;
        }
        let list = |digest: Option<&String>| listing(&digest?.parse().ok()?);
        let files = list(was).zip(list(is)).map(|(was, is)| files(&was, &is));
        changes.push(Change::Input {
            name: name.clone(),
            old: was.cloned(),
            new: is.cloned(),
            files,
        });
    }
    changes
}

/// Returns in how many parts two keys of one kind differ.
pub(super) fn distance(old: &KeyParts, new: &KeyParts, open: &BTreeSet<String>) -> usize {
    changes(old, new, open, &|_| None).len()
}

fn parameters(
    prefix: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let path = format!("{prefix}{name}");
        match (old.get(name), new.get(name)) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                parameters(&format!("{path}."), old, new, changes);
            }
            (old, new) if old == new => {}
            (old, new) => changes.push(Change::Parameter {
                name: path,
                old: old.cloned(),
                new: new.cloned(),
            }),
        }
    }
}

fn files(old: &Manifest, new: &Manifest) -> Vec<FileChange> {
    let find = |manifest: &Manifest, path: &str| {
        let mut files = manifest.files.iter();
        files.find(|file| file.path == path).map(|file| file.digest)
    };
    let all = old.files.iter().chain(&new.files);
    let paths: BTreeSet<&str> = all.map(|file| file.path.as_str()).collect();
    let changes = paths.into_iter().filter_map(|path| {
        let how = match (find(old, path), find(new, path)) {
            (None, _) => How::Added,
            (_, None) => How::Gone,
            (old, new) if old != new => How::Changed,
            _ => return None,
        };
        Some(FileChange {
            path: path.to_owned(),
            how,
        })
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::store::{Content, Entry};

    fn parts(params: &Value) -> KeyParts {
        KeyParts {
            kind: "pretrain".into(),
            version: 1,
            numerics: None,
            params: contract::Params(params.as_object().unwrap().clone()),
            inputs: BTreeMap::new(),
        }
    }

    #[test]
    fn each_part_that_differs_is_named_with_old_and_new() {
        let old = parts(&json!({"lr": 1e-3, "masking": {"corrupt": 0.4, "exact": true}}));
        let mut new = parts(&json!({"lr": 1e-3, "masking": {"corrupt": 0.3}, "clip": 1.0}));
        new.version = 2;
        new.numerics = Some("cpu-f32/2".into());
        let parameter = |name: &str, old: Value, new: Value| {
            let given = |value: Value| (!value.is_null()).then_some(value);
            Change::Parameter {
                name: name.into(),
                old: given(old),
                new: given(new),
            }
        };
        assert_eq!(
            changes(&old, &new, &BTreeSet::new(), &|_| None),
            [
                Change::Version { old: 1, new: 2 },
                Change::Numerics {
                    old: None,
                    new: Some("cpu-f32/2".into())
                },
                parameter("clip", Value::Null, json!(1.0)),
                parameter("masking.corrupt", json!(0.4), json!(0.3)),
                parameter("masking.exact", json!(true), Value::Null),
            ]
        );
    }

    #[test]
    fn files_of_an_input_are_told_apart() {
        let list = |files: &[(&str, &str)]| {
            let entry = |(path, content): &(&str, &str)| Entry {
                path: (*path).into(),
                digest: Digest::of(content.as_bytes()),
                size: 1,
            };
            Manifest::new(Content::Folder, files.iter().map(entry).collect())
        };
        let was = list(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let is = list(&[("a", "1"), ("b", "4"), ("d", "5")]);
        let [mut old, mut new] = [parts(&json!({})), parts(&json!({}))];
        for (parts, manifest) in [(&mut old, &was), (&mut new, &is)] {
            let digest = manifest.digest().to_string();
            parts.inputs.insert("text".into(), digest);
        }
        let listing = |digest: &Digest| {
            let mut both = [&was, &is].into_iter();
            both.find(|manifest| manifest.digest() == *digest).cloned()
        };
        let found = changes(&old, &new, &BTreeSet::new(), &listing);
        let [
            Change::Input {
                files: Some(files), ..
            },
        ] = &found[..]
        else {
            panic!("{found:?}");
        };
        let told: Vec<_> = files
            .iter()
            .map(|file| (file.path.as_str(), file.how))
            .collect();
        assert_eq!(
            told,
            [("b", How::Changed), ("c", How::Gone), ("d", How::Added)]
        );
        let open = BTreeSet::from(["text".to_owned()]);
        assert_eq!(changes(&old, &new, &open, &listing), []);
    }

    fn params() -> impl Strategy<Value = Value> {
        let inner = prop::collection::btree_map("[ab]", 0..3_i32, 0..3);
        prop::collection::btree_map("[abc]", inner, 0..3).prop_map(|map| json!(map))
    }

    proptest! {
        /// Nothing differs exactly when the keys are equal.
        #[test]
        fn there_is_a_reason_for_every_new_key(old in params(), new in params()) {
            let (old, new) = (parts(&old), parts(&new));
            let found = distance(&old, &new, &BTreeSet::new());
            prop_assert_eq!(found == 0, old.key() == new.key());
        }
    }
}
