//! What of a project an archive carries, and laying it out elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::cli::failure::CommandFailure;
use crate::cli::project::Project;
use crate::graph::{InputSource, Plan};
use crate::store::{
    About, Archive, Carried, Digest, External, Found, Hashed, Outside, Place, Store,
};

/// What the pipeline file is called where it is laid out.
pub(super) const PIPELINE: &str = "pipeline.toml";
/// The most bytes of an input that goes along: programs and small data do, a corpus does not.
const LARGEST_INPUT: u64 = 1 << 20;
/// The most bytes that go along in all.
const LARGEST: u64 = 1 << 24;

/// What lies outside the store that results rest on.
#[derive(Default)]
pub(super) struct Around {
    /// The user's files that results rest on.
    pub(super) outside: BTreeSet<Outside>,
    /// Those of them that go along, with the pipeline file and what its tables refer to, by path.
    pub(super) project: BTreeMap<String, Carried>,
    /// Their bytes.
    pub(super) bytes: BTreeMap<Digest, Vec<u8>>,
}

impl Around {
    /// Gathers it for results of a plan.
    pub(super) fn of(
        project: &Project,
        plan: &Plan,
        found: &[&Found],
        store: &Store,
    ) -> Result<Self, CommandFailure> {
        let mut around = Self::default();
        let root = project.pipeline.root();
        let text = project.pipeline.text().as_bytes();
        around.carry(PIPELINE, text.to_vec(), false);
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
                // A whole path outside the project tells of the machine alone.
                let name = path.file_name().unwrap_or_default();
                let is_new = around.outside.insert(Outside {
                    name: name.to_string_lossy().into_owned(),
                    digest: digest.clone(),
                    place: Place::of(root, path, input, &selection),
                });
                if is_new && path.exists() {
                    let external = External::read(path, input, &selection, store, &mut hashed)
                        .map_err(|error| CommandFailure::Usage {
                            message: error.to_string(),
                            remedy: error.remedy().unwrap_or_default(),
                        })?;
                    around.carry_input(root, &external);
                }
            }
        }
        Ok(around)
    }

    /// Takes along what lies in the project, is small, and is what was hashed.
    fn carry_input(&mut self, root: &Path, external: &External) {
        let size: u64 = external.files().map(|(entry, _)| entry.size).sum();
        let held: usize = self.bytes.values().map(Vec::len).sum();
        if size > LARGEST_INPUT || held as u64 + size > LARGEST {
            return;
        }
        let mut files = Vec::new();
        for (entry, place) in external.files() {
            let (Some(path), Ok(bytes)) = (below(root, place), fs::read(place)) else {
                return;
            };
            if Digest::of(&bytes) != entry.digest {
                return;
            }
            let mode = fs::metadata(place).map_or(0, |metadata| metadata.permissions().mode());
            files.push((path, bytes, mode & 0o111 != 0));
        }
        for (path, bytes, executable) in files {
            self.carry(&path, bytes, executable);
        }
    }

    fn carry(&mut self, path: &str, bytes: Vec<u8>, executable: bool) {
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

/// Returns the path from the folder on, if it leads below it without a detour.
fn below(root: &Path, path: &Path) -> Option<String> {
    let path = path.strip_prefix(root).ok()?;
    // As many archives are refused as have other steps.
    let is_plain = |step| matches!(step, std::path::Component::Normal(name) if name != ".pipe" && name != ".git");
    path.components()
        .all(is_plain)
        .then(|| Some(path.to_str()?.to_owned()))?
}

/// Says which inputs of an archive's results do not go along with it.
pub(super) fn left_behind(about: &About) -> Vec<&Outside> {
    let goes_along = |one: &&Outside| {
        one.place.as_ref().is_some_and(|place| {
            let mut files = about.project.iter();
            files.any(|file| Path::new(&file.path).starts_with(&place.path))
        })
    };
    about
        .outside
        .iter()
        .filter(|one| !goes_along(one))
        .collect()
}

/// Writes the project of an archive to a folder. What is there already stays, and must be the same.
///
/// # Errors
/// When the archive has no project, or something else lies where a file of it belongs: then nothing is written.
pub(super) fn lay_out(archive: &Archive, folder: &Path) -> Result<Vec<String>, CommandFailure> {
    let mut open = Vec::new();
    for (file, bytes) in archive.project() {
        let path = folder.join(&file.path);
        match fs::read(&path) {
            Ok(there) if there == bytes => {}
            Err(_) if fs::symlink_metadata(&path).is_err() => open.push((path, file, bytes)),
            _ => {
                return Err(CommandFailure::Usage {
                    message: format!("{} is there already, and another", path.display()),
                    remedy: "name another folder with --project; nothing was written".into(),
                });
            }
        }
    }
    if archive.index().about.project.is_empty() {
        return Err(CommandFailure::Usage {
            message: "the archive carries no project: an older program wrote it".into(),
            remedy: "import it without --project, beside its pipeline file".into(),
        });
    }
    let mut made: Vec<PathBuf> = Vec::new();
    for (path, file, bytes) in &open {
        let parent = path.parent().unwrap_or(folder);
        let written = fs::create_dir_all(parent).and_then(|()| {
            let mode = if file.executable { 0o755 } else { 0o644 };
            let mut to = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(path)?;
            made.push(path.clone());
            to.write_all(bytes)
        });
        if let Err(error) = written {
            for path in &made {
                let _ = fs::remove_file(path);
            }
            return Err(CommandFailure::Project {
                path: path.clone(),
                source: error,
                remedy: "name another folder with --project",
            });
        }
    }
    Ok(archive
        .project()
        .map(|(file, _)| file.path.clone())
        .collect())
}
