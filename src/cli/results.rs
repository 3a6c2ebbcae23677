//! Writing the results of a run: outputs, provenance, digests.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tables::Bindings;

use super::arguments::RunArguments;
use super::failure::CommandFailure;
use super::project::Project;
use super::{settings, summary};
use crate::belongs::is_results;
use crate::bytes::Writer;
use crate::declare::Target;
use crate::execute::{JobState, Machine};
use crate::graph::{self, InputSource, JobIndex, Plan};
use crate::report::{Entry, Files, Output, Provenance, update_digests};
use crate::store::{Digest, Store};

/// What the results of a run are made of.
pub(super) struct Writing<'a> {
    pub(super) arguments: &'a RunArguments,
    pub(super) project: &'a Project,
    pub(super) store: &'a Store,
    pub(super) targets: &'a [Target],
    pub(super) plan: &'a Plan,
    pub(super) states: &'a [JobState],
    pub(super) outputs: &'a [Box<dyn Output>],
    /// For each output the values of `--set` that reach it.
    pub(super) settings: &'a [Bindings],
    pub(super) machine: &'a Machine,
}

/// Checks that tables are not written into a folder that is an input, which each run would change, nor among files of an input:
/// a folder of results does not belong to an input, so those files would be lost from view.
///
/// # Errors
/// When tables would be written there.
pub(super) fn check_apart(
    project: &Project,
    arguments: &RunArguments,
    plan: &Plan,
) -> Result<(), CommandFailure> {
    let results = project.results(arguments.results.as_deref());
    let Ok(folder) = results.canonicalize() else {
        return Ok(());
    };
    if plan.outputs.is_empty() {
        return Ok(());
    }
    let is_used = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    let has_others = is_used && !is_results(&folder);
    let mut seen = HashSet::new();
    for (_, job) in plan.jobs.jobs() {
        for (name, source) in &job.inputs {
            let InputSource::Path(path) = source else {
                continue;
            };
            if !seen.insert(path) {
                continue;
            }
            let (results, label) = (results.display(), &job.label);
            let message = match path.canonicalize() {
                Ok(path) if path == folder => format!(
                    "tables would be written to {results}, which is the input `{name}` of `{label}`"
                ),
                Ok(path) if has_others && folder.starts_with(&path) => format!(
                    "tables would be written among the files of {results}, which belong to the input `{name}` of `{label}`"
                ),
                _ => continue,
            };
            return Err(CommandFailure::Usage {
                message,
                remedy: "have them written elsewhere: --results FOLDER".into(),
            });
        }
    }
    Ok(())
}

/// The outputs that go to one folder.
struct Group<'a> {
    files: Files,
    /// The outputs' places in the plan.
    outputs: Vec<usize>,
    settings: &'a Bindings,
}

impl Writing<'_> {
    /// Writes the complete outputs. Nothing is written if the folder's files were made of the same results, `made`, and are
    /// unchanged.
    pub(super) fn write(&self, made: &Digest) -> Result<(), CommandFailure> {
        for group in self.groups() {
            let files = &group.files;
            let name = self.name(files.folder());
            let note =
                |folder: &Path| Digest::of(&[self.state(&group, made), stamps(folder)].concat());
            if self.store.note(&name).as_deref() == Some(note(files.folder()).as_bytes()) {
                continue;
            }
            self.write_all(&group)?;
            self.store.keep_note(&name, note(files.folder()).as_bytes());
        }
        Ok(())
    }

    /// Returns the outputs by folder: those that `--set` reaches go to a folder that is named by its values.
    fn groups(&self) -> Vec<Group<'_>> {
        let folder = self.project.results(self.arguments.results.as_deref());
        let mut groups: BTreeMap<Option<String>, Group<'_>> = BTreeMap::new();
        for (place, settings) in self.settings.iter().enumerate() {
            let name = settings::folder(settings);
            let files = match &name {
                Some(name) => Files::new(folder.join(name)),
                None => Files::new(folder.clone()),
            };
            let group = groups.entry(name).or_insert_with(|| Group {
                files,
                outputs: Vec::new(),
                settings,
            });
            group.outputs.push(place);
        }
        groups.into_values().collect()
    }

    /// Returns the name of the note on these results, which those of other folders and targets do not share.
    fn name(&self, folder: &Path) -> Digest {
        let mut bytes = Writer::default();
        bytes.text("results");
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        // Debug output escapes bytes that are not UTF-8, so no two folders have the same text.
        bytes.text(&format!("{folder:?}"));
        for target in self.targets {
            bytes.text(&target.to_string());
        }
        Digest::of(&bytes.0)
    }

    /// Returns everything that decides what is written.
    fn state(&self, group: &Group<'_>, made: &Digest) -> Vec<u8> {
        let mut bytes = Writer::default();
        bytes.text(env!("CARGO_PKG_VERSION"));
        bytes.text(&self.machine.class);
        // Entries of outputs and jobs that are not declared any more go, so the declaration counts as well.
        bytes.text(&self.project.pipeline.source.text);
        bytes.bytes(made.as_bytes());
        for place in &group.outputs {
            bytes.text(&self.outputs[*place].document());
        }
        bytes.0
    }

    fn write_all(&self, group: &Group<'_>) -> Result<(), CommandFailure> {
        // The list is written first, so that the folder is known to hold results even if the program ends half way.
        if !is_results(group.files.folder()) {
            let (no_jobs, no_tables) = (BTreeMap::new(), BTreeMap::new());
            let class = &self.machine.class;
            update_digests(&group.files, false, class, &|_| true, &no_jobs, &no_tables)?;
        }
        let mut digests = BTreeMap::new();
        let mut complete = true;
        for place in &group.outputs {
            let output = &self.outputs[*place];
            if !output.is_complete() {
                complete = false;
                continue;
            }
            let known = |job: JobIndex| {
                self.store
                    .recorded(&self.states[job.index()].found()?.key)
                    .ok()?
            };
            let provenance = Provenance {
                plan: &self.plan.outputs[*place],
                cells: output.cells(),
                graph: &self.plan.jobs,
                profile: self.project.pipeline.profile(),
                settings: group.settings,
                known: &known,
            };
            for (name, bytes) in group.files.output(output.as_ref(), &provenance)? {
                digests.insert(name, Digest::of(&bytes));
            }
        }
        let all = group.outputs.len() == self.outputs.len();
        let made = match all {
            true => summary::digests(&self.plan.jobs, self.states),
            // Where `--set` reaches other tables as well, this folder gets only the jobs that its own tables rest on.
            false => summary::digests_of(&self.plan.jobs, self.states, &self.behind(group)),
        };
        // Under `--set`, a table that it does not reach cannot say what is declared without it.
        let own = self.arguments.common.set.is_empty() || !group.settings.is_empty();
        let declared = own.then(|| Declared::by(self.project)).flatten();
        update_digests(
            &group.files,
            complete && all && own && self.targets.contains(&Target::All),
            &self.machine.class,
            &|entry| {
                declared
                    .as_ref()
                    .is_none_or(|declared| declared.names(entry))
            },
            &made,
            &digests,
        )?;
        Ok(())
    }

    /// Returns the jobs that the tables of a group rest on.
    fn behind(&self, group: &Group<'_>) -> BTreeSet<JobIndex> {
        let cells = group.outputs.iter();
        let cells = cells.flat_map(|place| self.plan.outputs[*place].cells.iter().flatten());
        let mut open: Vec<JobIndex> = cells.flatten().flat_map(|cell| cell.jobs.clone()).collect();
        let mut behind = BTreeSet::new();
        while let Some(job) = open.pop() {
            if behind.insert(job) {
                open.extend(self.plan.jobs.inputs(job));
            }
        }
        behind
    }
}

/// The jobs and files that a run of everything would name.
struct Declared {
    jobs: BTreeSet<String>,
    outputs: BTreeSet<String>,
}

impl Declared {
    /// Expands all tables; `None` where that fails, perhaps for a table that this run does not need.
    fn by(project: &Project) -> Option<Self> {
        let plan = graph::expand(&project.pipeline, &[Target::All]).ok()?;
        Some(Self {
            jobs: plan
                .jobs
                .jobs()
                .map(|(_, job)| job.label.to_string())
                .collect(),
            outputs: plan.outputs.into_iter().map(|output| output.name).collect(),
        })
    }

    fn names(&self, entry: Entry<'_>) -> bool {
        match entry {
            Entry::Job(label) => self.jobs.contains(label),
            // A name of a table has no dot.
            Entry::File(file) => file
                .split_once('.')
                .is_some_and(|(table, _)| self.outputs.contains(table)),
        }
    }
}

/// Returns names, sizes and times of the files in a folder, sorted.
fn stamps(folder: &Path) -> Vec<u8> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Ok(metadata) = entry.metadata() {
            let stamp = (metadata.size(), metadata.mtime(), metadata.mtime_nsec());
            files.insert(entry.file_name(), stamp);
        }
    }
    format!("{files:?}").into_bytes()
}
