//! What of a project an archive carries.
//!
//! The pipeline file, the published values and claims that its tables refer to, and those of the user's files that results rest on and that
//! may go: an input goes as a whole or not at all, so that nobody takes a part for it, unless a file of it goes for another
//! reason. What stays behind: inputs of more than 1 MiB, what lies elsewhere (also where a link leads there), hidden files, files
//! that others may not read, and what makes the whole larger than 16 MiB.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use crate::cli::failure::CommandFailure;
use crate::cli::project::Project;
use crate::graph::{InputSource, Plan};
use crate::paths::from_project;
use crate::store::{
    About, Carried, Content, Digest, External, Found, Hashed, Manifest, Outside, Place, Store,
};

/// The most bytes of an input that goes along: programs and small data do, a corpus does not.
const LARGEST_INPUT: u64 = 1 << 20;
/// The most bytes that go along in all.
const LARGEST: u64 = 1 << 24;

/// The files outside the store that belong to an archive's results.
#[derive(Default)]
pub(super) struct Around {
    /// The user's files that results rest on.
    pub(super) outside: BTreeSet<Outside>,
    /// The files that go into the archive, by path.
    pub(super) project: BTreeMap<String, Carried>,
    /// The bytes of these files.
    pub(super) bytes: BTreeMap<Digest, Vec<u8>>,
    /// The name of the pipeline file.
    pub(super) pipeline: String,
}

impl Around {
    /// Gathers the files for results of a plan.
    pub(super) fn of(
        project: &Project,
        plan: &Plan,
        found: &[&Found],
        store: &Store,
    ) -> Result<Self, CommandFailure> {
        let root = project.pipeline.root();
        let mut around = Self {
            pipeline: project.file_name()?,
            ..Self::default()
        };
        let text = project.pipeline.text().as_bytes();
        around.carry(&around.pipeline.clone(), text.to_vec(), false);
        for file in project.pipeline.reference_files() {
            if let Some(path) = below(root, file) {
                let bytes = fs::read(file).map_err(|error| CommandFailure::Usage {
                    message: format!("cannot read {}: {error}", file.display()),
                    remedy: "tables refer to that file: put it back".into(),
                })?;
                around.carry(&path, bytes, false);
            }
        }
        let mut hashed = Hashed::default();
        let mut inputs: Vec<(Outside, Option<External>)> = Vec::new();
        let mut seen = BTreeSet::new();
        for ((_, job), found) in plan.jobs.jobs().zip(found) {
            for (input, source) in &job.inputs {
                let InputSource::Path(path) = source else {
                    continue;
                };
                let Some(record) = store.recorded(&found.key)? else {
                    continue;
                };
                let Some(digest) = record.parts.inputs.get(&**input) else {
                    continue;
                };
                let selection = job.selections.of(input).cloned().unwrap_or_default();
                let name = path.file_name().unwrap_or_default();
                let outside = Outside {
                    name: name.to_string_lossy().into_owned(),
                    digest: digest.clone(),
                    place: Some(Place {
                        path: from_project(path, root),
                        named: project.names(path).then(|| path.display().to_string()),
                        input: input.to_string(),
                        selection: selection.identity(),
                    }),
                    carried: None,
                };
                if !seen.insert(outside.clone()) {
                    continue;
                }
                // An input that is not at hand here was imported itself.
                let external = External::read(path, input, &selection, store, &mut hashed).ok();
                let external = external.filter(|external| external.digest().to_string() == *digest);
                if let Some(external) = &external {
                    around.carry_input(root, external);
                }
                inputs.push((outside, external));
            }
        }
        for (mut outside, external) in inputs {
            if let Some(external) = external {
                outside.carried = around.carried(root, &external);
            }
            around.outside.insert(outside);
        }
        Ok(around)
    }

    /// Takes an input into the archive, if all of its files may go.
    fn carry_input(&mut self, root: &Path, external: &External) {
        let size: u64 = external.files().map(|(entry, _)| entry.size).sum();
        let held: usize = self.bytes.values().map(Vec::len).sum();
        if size > LARGEST_INPUT || held as u64 + size > LARGEST {
            return;
        }
        let mut files = Vec::new();
        for (entry, place) in external.files() {
            let (Some(path), Ok(metadata)) = (below(root, place), fs::metadata(place)) else {
                return;
            };
            let mode = metadata.permissions().mode();
            let Some(bytes) = fs::read(place).ok().filter(|_| mode & 0o044 != 0) else {
                return;
            };
            if Digest::of(&bytes) != entry.digest {
                return;
            }
            files.push((path, bytes, mode & 0o111 != 0));
        }
        for (path, bytes, executable) in files {
            self.carry(&path, bytes, executable);
        }
    }

    /// Returns the digest of those files of an input that go into the archive, if there are any.
    fn carried(&self, root: &Path, external: &External) -> Option<String> {
        let goes = external.files().filter(|(entry, place)| {
            let path = below(root, place);
            let carried = path.and_then(|path| self.project.get(&path));
            carried.is_some_and(|carried| carried.digest == entry.digest)
        });
        let files: Vec<_> = goes.map(|(entry, _)| entry.clone()).collect();
        let content = match external.is_file() && files.len() == 1 {
            true => Content::File,
            false => Content::Folder,
        };
        let is_some = !files.is_empty();
        is_some.then(|| Manifest::new(content, files).digest().to_string())
    }

    fn carry(&mut self, path: &str, bytes: Vec<u8>, executable: bool) {
        // The pipeline file comes first, as it was read, and is not replaced.
        if self.project.contains_key(path) {
            return;
        }
        let digest = Digest::of(&bytes);
        self.bytes.insert(digest, bytes);
        let carried = Carried {
            path: path.to_owned(),
            digest,
            executable,
        };
        self.project.insert(path.to_owned(), carried);
    }
}

/// Returns the path of a file from the project's folder, if it lies there, no link leads out, and no part of the path is
/// hidden.
fn below(root: &Path, path: &Path) -> Option<String> {
    let root = root.canonicalize().ok()?;
    // A link in the project keeps its own name; what it leads to must lie in the project as well.
    let parent = path.parent()?.canonicalize().ok()?;
    path.canonicalize().ok()?.strip_prefix(&root).ok()?;
    let path = parent.join(path.file_name()?);
    let path = path.strip_prefix(&root).ok()?.to_str()?;
    let is_plain = |step: Component<'_>| match step {
        Component::Normal(name) => !name.to_string_lossy().starts_with('.'),
        _ => false,
    };
    let is_text = !path.chars().any(char::is_control);
    (is_text && Path::new(path).components().all(is_plain)).then(|| path.to_owned())
}

/// Returns the inputs of an archive's results that are not in it, or only in part.
pub(super) fn left_behind(about: &About) -> Vec<&Outside> {
    let outside = about.outside.iter();
    outside.filter(|one| !one.is_carried()).collect()
}
