//! What an artifact consists of.

use std::collections::{BTreeMap, BTreeSet};

use contract::ArtifactType;
use serde::{Deserialize, Serialize};

use super::Digest;
use crate::belongs;

/// What the files of a manifest are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// An artifact that a stage made.
    Artifact(ArtifactType),
    /// A folder: part of an artifact, or given by the user. The same files give the same digest, whoever has them.
    Folder,
    /// A single file.
    File,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Where it lies in the artifact: relative, parts separated by `/`.
    pub path: String,
    /// The hash of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
}

/// The files of an artifact, sorted by path. Its digest is the artifact's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// What the files are together.
    pub content: Content,
    /// The files, sorted by path.
    pub files: Vec<Entry>,
}

impl Manifest {
    /// The version of the manifest's bytes. Part of them, so part of every artifact's digest.
    pub const FORMAT: u32 = 1;

    /// The manifest of these files, in whatever order they come.
    pub fn new(content: Content, mut files: Vec<Entry>) -> Self {
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Self {
            format: Self::FORMAT,
            content,
            files,
        }
    }

    /// Reads a manifest that somebody else may have written. It must have the one form of its bytes, and its files must all lie
    /// below the folder in which they are laid out.
    ///
    /// # Errors
    /// What is wrong with it, as a lowercase fragment.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("not a manifest: {error}"))?;
        if manifest.format != Self::FORMAT {
            return Err(format!("manifest format {} is not known", manifest.format));
        }
        if manifest.bytes() != bytes {
            return Err("not in the form in which manifests are written".into());
        }
        let paths = || manifest.files.iter().map(|file| file.path.as_str());
        if let Some(path) = paths().find(|path| !is_inside(path)) {
            return Err(format!("its file `{path}` would lie outside of it"));
        }
        if !paths().is_sorted_by(|a, b| a < b) {
            return Err("its files are not in order".into());
        }
        let folders: BTreeSet<&str> = paths().flat_map(folders_of).collect();
        if let Some(path) = paths().find(|path| folders.contains(path)) {
            return Err(format!("its file `{path}` is a folder as well"));
        }
        Ok(manifest)
    }

    /// Returns the one form in which the manifest is hashed and stored: compact JSON, fields in the order of
    /// declaration, a line feed at the end.
    ///
    /// # Panics
    /// Never: a manifest holds nothing that JSON cannot say.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("texts and whole numbers are always JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Returns the digest of the artifact.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes())
    }

    /// Returns how many bytes all files have together. The manifest of an archive may claim any number.
    pub fn size(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// Returns the manifest of what lies at `path` in this artifact: a folder, or a single file under the name that its stage
    /// gave it. `None` if nothing lies there.
    pub fn part(&self, path: &str) -> Option<Self> {
        let path = path.trim_matches('/');
        if let Some(file) = self.files.iter().find(|file| file.path == path) {
            let name = path.rsplit('/').next().unwrap_or(path).to_owned();
            return Some(Self::new(
                Content::File,
                vec![Entry {
                    path: name,
                    ..file.clone()
                }],
            ));
        }
        let files: Vec<_> = self
            .files
            .iter()
            .filter_map(|file| {
                let inner = file.path.strip_prefix(path)?.strip_prefix('/')?;
                Some(Entry {
                    path: inner.to_owned(),
                    ..file.clone()
                })
            })
            .collect();
        (!files.is_empty()).then(|| Self::new(Content::Folder, files))
    }

    /// Returns what is left of a folder without the files that `ignore` matches; `None` where nothing is left out. From a
    /// single file nothing ever is.
    pub fn without(&self, ignore: &[String]) -> Option<Self> {
        if self.content == Content::File {
            return None;
        }
        let left = belongs::without(&self.files, ignore, |file| &file.path)?;
        Some(Self::new(
            Content::Folder,
            left.into_iter().cloned().collect(),
        ))
    }

    /// Says in which files another artifact differs.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let digests = |manifest: &Self| -> BTreeMap<String, Digest> {
            let files = manifest.files.iter();
            files.map(|file| (file.path.clone(), file.digest)).collect()
        };
        let (was, is) = (digests(self), digests(other));
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        let differ = names
            .into_iter()
            .filter(|name| was.get(*name) != is.get(*name));
        differ
            .map(|name| match (was.get(name), is.get(name)) {
                (None, _) => format!("{name} is new"),
                (_, None) => format!("{name} is missing"),
                _ => name.clone(),
            })
            .collect()
    }

    /// Returns the names at the top of the artifact, folders with a `/` at the end.
    pub fn top(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .files
            .iter()
            .map(|file| match file.path.split_once('/') {
                Some((folder, _)) => format!("{folder}/"),
                None => file.path.clone(),
            })
            .collect();
        names.dedup();
        names
    }
}

/// Whether a path leads to a file below the folder that it starts from.
fn is_inside(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(plain) && !path.contains('\0')
}

/// Returns the folders that a path leads through.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn entry(path: &str, content: &str) -> Entry {
        Entry {
            path: path.into(),
            digest: Digest::of(content.as_bytes()),
            size: content.len() as u64,
        }
    }

    #[test]
    fn the_bytes_of_a_manifest_are_pinned() {
        let manifest = Manifest::new(
            Content::Artifact(ArtifactType::Tokens),
            vec![entry("b", "2"), entry("a", "1")],
        );
        let text = String::from_utf8(manifest.bytes()).unwrap();
        insta::assert_snapshot!(text, @r#"{"format":1,"content":{"artifact":"tokens"},"files":[{"path":"a","digest":"d63bd9a826af91c1fea371965a64e11ee20f13e46b5f52c59901136605b3a487","size":1},{"path":"b","digest":"813e9b729141e7f385afa0a2d0df3e6c3789e427ffe4aeef566a565bc8f2fe3d","size":1}]}"#);
        assert_eq!(
            serde_json::from_slice::<Manifest>(&manifest.bytes()).unwrap(),
            manifest
        );
    }

    #[test]
    fn a_part_is_what_a_user_could_have_given_as_a_folder() {
        let manifest = Manifest::new(
            Content::Artifact(ArtifactType::Folder),
            vec![entry("a/x/1", "1"), entry("a/y", "2"), entry("ab", "3")],
        );
        let part = manifest.part("a").unwrap();
        assert_eq!(
            part,
            Manifest::new(Content::Folder, vec![entry("x/1", "1"), entry("y", "2")])
        );
        assert_eq!(manifest.part("a/"), Some(part));
        assert_eq!(
            manifest.part("a/y"),
            Some(Manifest::new(Content::File, vec![entry("y", "2")]))
        );
        // Where a file lies does not count; the name that its stage gave it does.
        let alike = ["a/x", "b/x", "y"].map(|path| entry(path, "1"));
        let alike = Manifest::new(Content::Artifact(ArtifactType::Folder), alike.into());
        let digest = |path: &str| alike.part(path).unwrap().digest();
        assert_eq!(digest("a/x"), digest("b/x"));
        assert_ne!(digest("a/x"), digest("y"));
        assert_eq!(manifest.part("b"), None);
        assert_eq!(manifest.top(), ["a/", "ab"]);
    }

    #[test]
    fn paths_of_files_lead_nowhere_else() {
        for path in ["a", "a/b", "sub/x..y", "...", "a b"] {
            assert!(is_inside(path), "{path}");
        }
        for path in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../../x",
            "a//b",
            "./a",
            "a/",
            "a\0",
        ] {
            assert!(!is_inside(path), "{path:?}");
        }
    }

    #[test]
    fn what_was_not_written_by_us_is_refused() {
        let of = |paths: &[&str]| {
            let entries = paths.iter().map(|path| entry(path, "1"));
            Manifest {
                format: Manifest::FORMAT,
                content: Content::Folder,
                files: entries.collect(),
            }
        };
        let good = of(&["a", "a-b", "c/d"]);
        assert_eq!(Manifest::read(&good.bytes()), Ok(good.clone()));
        let wrong = |manifest: &Manifest| Manifest::read(&manifest.bytes()).unwrap_err();
        assert_eq!(
            wrong(&of(&["../a"])),
            "its file `../a` would lie outside of it"
        );
        assert_eq!(wrong(&of(&["b", "a"])), "its files are not in order");
        assert_eq!(wrong(&of(&["a", "a"])), "its files are not in order");
        assert_eq!(
            wrong(&of(&["a", "a-b", "a/b"])),
            "its file `a` is a folder as well"
        );
        let later = Manifest {
            format: 2,
            ..good.clone()
        };
        assert_eq!(wrong(&later), "manifest format 2 is not known");
        let pretty = serde_json::to_vec_pretty(&good).unwrap();
        assert_eq!(
            Manifest::read(&pretty).unwrap_err(),
            "not in the form in which manifests are written"
        );
    }

    #[test]
    fn sizes_that_are_only_claimed_can_be_added() {
        let mut manifest = Manifest::new(Content::Folder, vec![entry("a", ""), entry("b", "")]);
        for file in &mut manifest.files {
            file.size = u64::MAX;
        }
        assert_eq!(manifest.size(), u64::MAX);
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_everything_else_does(
            names in proptest::collection::btree_set("[a-c/]{1,6}", 1..6),
            salt in any::<u8>(),
        ) {
            let entries: Vec<_> = names.iter().map(|name| entry(name, "x")).collect();
            let mut backwards = entries.clone();
            backwards.reverse();
            let digest = Manifest::new(Content::Folder, entries.clone()).digest();
            prop_assert_eq!(Manifest::new(Content::Folder, backwards).digest(), digest);
            prop_assert_ne!(Manifest::new(Content::File, entries.clone()).digest(), digest);
            let mut changed = entries.clone();
            let at = usize::from(salt) % changed.len();
            changed[at].digest = Digest::of(&[salt, 0]);
            prop_assert_ne!(Manifest::new(Content::Folder, changed).digest(), digest);
            let mut renamed = entries;
            renamed[at].path.push('!');
            prop_assert_ne!(Manifest::new(Content::Folder, renamed).digest(), digest);
        }
    }
}
