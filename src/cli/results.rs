//! Writing the results of a run: tables, provenance, digests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::arguments::RunArguments;
use super::failure::CommandFailure;
use super::output::tell;
use super::project::Project;
use super::summary;
use crate::declare::Target;
use crate::execute::{JobState, Machine};
use crate::frames::Writer;
use crate::graph::{self, JobIndex, Plan};
use crate::progress::Verbosity;
use crate::report::{Entry, Files, Provenance, is_complete, update_digests};
use crate::store::{Digest, Store};

/// What the results of a run are made of.
pub(super) struct Writing<'a> {
    pub(super) arguments: &'a RunArguments,
    pub(super) project: &'a Project,
    pub(super) store: &'a Store,
    pub(super) targets: &'a [Target],
    pub(super) plan: &'a Plan,
    pub(super) states: &'a [JobState],
    pub(super) tables: &'a [tabulate::Table],
    pub(super) machine: &'a Machine,
}

impl Writing<'_> {
    /// Writes the complete tables; nothing if they were written of the same results, `made`, and lie there as they were.
    pub(super) fn write(&self, made: &Digest) -> Result<(), CommandFailure> {
        if self.plan.tables.is_empty() {
            return Ok(());
        }
        let common = &self.arguments.common;
        if self.arguments.results.is_none() && !common.set.is_empty() {
            // The profile's results are those of its own values.
            if common.verbosity() > Verbosity::Quiet {
                tell("results are not written with --set; name a folder with --results");
            }
            return Ok(());
        }
        let files = Files::new(self.project.results(self.arguments.results.as_deref()));
        let name = self.name(files.folder());
        let note = |folder: &Path| Digest::of(&[self.state(made), stamps(folder)].concat());
        if self.store.note(&name).as_deref() == Some(note(files.folder()).as_bytes()) {
            return Ok(());
        }
        self.write_all(&files)?;
        self.store.keep_note(&name, note(files.folder()).as_bytes());
        Ok(())
    }

    /// Returns what tells these results from those of other folders and targets.
    fn name(&self, folder: &Path) -> Digest {
        let mut bytes = Writer::default();
        bytes.text("results");
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        // In this form no two of them are one, whatever they are called.
        bytes.text(&format!("{folder:?}"));
        for target in self.targets {
            bytes.text(&target.to_string());
        }
        Digest::of(&bytes.0)
    }

    /// Returns all that decides what is written.
    fn state(&self, made: &Digest) -> Vec<u8> {
        let mut bytes = Writer::default();
        bytes.text(env!("CARGO_PKG_VERSION"));
        bytes.text(&self.machine.class);
        // Entries of what is declared no more go.
        bytes.text(&self.project.pipeline.source.text);
        bytes.bytes(made.as_bytes());
        for table in self.tables {
            bytes.text(&table.markdown());
        }
        bytes.0
    }

    fn write_all(&self, files: &Files) -> Result<(), CommandFailure> {
        let mut digests = BTreeMap::new();
        let mut complete = true;
        for (planned, table) in self.plan.tables.iter().zip(self.tables) {
            if !is_complete(table) {
                complete = false;
                continue;
            }
            let known = |job: JobIndex| {
                self.store
                    .recorded(&self.states[job.index()].found()?.key)
                    .ok()?
            };
            let provenance = Provenance {
                plan: planned,
                table,
                graph: &self.plan.jobs,
                profile: self.project.pipeline.profile(),
                known: &known,
            };
            for (name, bytes) in files.table(table, &provenance)? {
                digests.insert(name, Digest::of(&bytes));
            }
        }
        let everything = complete && self.targets.contains(&Target::All);
        let made = summary::digests(&self.plan.jobs, self.states);
        let declared = Declared::by(self.project);
        update_digests(
            files,
            everything,
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
}

/// What a run of everything would name.
struct Declared {
    jobs: BTreeSet<String>,
    tables: BTreeSet<String>,
}

impl Declared {
    /// Expands all tables; `None` where that fails, over a table that this run has nothing to do with.
    fn by(project: &Project) -> Option<Self> {
        let plan = graph::expand(&project.pipeline, &[Target::All]).ok()?;
        Some(Self {
            jobs: plan
                .jobs
                .jobs()
                .map(|(_, job)| job.label.to_string())
                .collect(),
            tables: plan.tables.into_iter().map(|table| table.name).collect(),
        })
    }

    fn names(&self, entry: Entry<'_>) -> bool {
        match entry {
            Entry::Job(label) => self.jobs.contains(label),
            Entry::Table(file) => file
                .rsplit_once('.')
                .is_some_and(|(table, _)| self.tables.contains(table)),
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
