//! Finding out which results are known.
//!
//! A key holds the digests of its job's inputs, so it can be told only when those are known: what is cached now, what
//! will run, and what depends on results that do not exist yet, which may turn out to be cached all the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::StageError;

use super::{Failure, FailureKind, Machine};
use crate::graph::{InputSource, Job, JobGraph, JobIndex};
use crate::keys::{Key, KeyParts};
use crate::store::{External, Found, Lookup, Manifest, Store, StoreError};

/// How it stands with a job before it runs.
#[derive(Clone, Debug)]
pub enum Standing {
    /// Its result is known.
    Cached(Arc<Found>),
    /// Its result is not known: it will run.
    Missing {
        /// Its key.
        key: Key,
        /// What became of the result that was there, if there was one.
        damaged: Option<String>,
    },
    /// An input is not known yet, so neither is the key.
    Unknown,
    /// It cannot run.
    Broken(Failure),
}

/// Says of each job of the graph, by index, how it stands.
///
/// # Errors
/// When the store cannot be read.
pub fn survey(
    graph: &JobGraph,
    store: &Store,
    machine: &Machine,
) -> Result<Vec<Standing>, StoreError> {
    let mut resolver = Resolver::new(store, machine);
    let mut standings: Vec<Standing> = Vec::with_capacity(graph.len());
    for (_, job) in graph.jobs() {
        let standing = {
            let known = |index: JobIndex| match standings.get(index.index()) {
                Some(Standing::Cached(found)) => Some(Arc::clone(found)),
                _ => None,
            };
            match resolver.resolve(job, &known) {
                None => Standing::Unknown,
                Some(Err(failure)) => Standing::Broken(failure),
                Some(Ok(ready)) => match store.lookup(&ready.key)? {
                    Lookup::Hit(found) => Standing::Cached(Arc::new(*found)),
                    Lookup::Miss => Standing::Missing {
                        key: ready.key,
                        damaged: None,
                    },
                    Lookup::Damaged { path, reason } => {
                        let damaged = Some(format!("{}: {reason}", path.display()));
                        Standing::Missing {
                            key: ready.key,
                            damaged,
                        }
                    }
                },
            }
        };
        standings.push(standing);
    }
    Ok(standings)
}

/// A job whose inputs are all known.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) key: Key,
    pub(super) parts: KeyParts,
    pub(super) inputs: Vec<(String, ReadyInput)>,
}

/// An input at hand.
#[derive(Clone, Debug)]
pub(super) enum ReadyInput {
    /// Files in the store.
    Stored(Manifest),
    /// Files of the user's.
    External(Arc<External>),
}

/// Makes keys; each external input is hashed once.
pub(super) struct Resolver<'a> {
    store: &'a Store,
    machine: &'a Machine,
    externals: BTreeMap<PathBuf, Arc<External>>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(store: &'a Store, machine: &'a Machine) -> Self {
        Self {
            store,
            machine,
            externals: BTreeMap::new(),
        }
    }

    /// Returns the store.
    pub(super) fn store(&self) -> &'a Store {
        self.store
    }

    /// Returns the job with its key, or `None` while an input is not `known`.
    pub(super) fn resolve(
        &mut self,
        job: &Job,
        known: &dyn Fn(JobIndex) -> Option<Arc<Found>>,
    ) -> Option<Result<Ready, Failure>> {
        let mut inputs = Vec::with_capacity(job.inputs.len());
        let mut digests = BTreeMap::new();
        for (name, source) in &job.inputs {
            let (digest, input) = match source {
                InputSource::Job {
                    job: source,
                    subfolder,
                } => {
                    let found = known(*source)?;
                    match subfolder {
                        None => (
                            found.record.artifact,
                            ReadyInput::Stored(found.manifest.clone()),
                        ),
                        Some(path) => match found.manifest.part(path) {
                            Some(part) => (part.digest(), ReadyInput::Stored(part)),
                            None => return Some(Err(no_such_part(name, path, &found))),
                        },
                    }
                }
                InputSource::Path(path) => match self.external(path) {
                    Ok(external) => (external.digest(), ReadyInput::External(external)),
                    Err(error) => return Some(Err(error.into())),
                },
            };
            digests.insert(name.clone(), digest.to_string());
            inputs.push((name.clone(), input));
        }
        let parts = KeyParts {
            kind: job.kind.to_owned(),
            version: job.version,
            numerics: job.numeric.then(|| self.machine.class_of(&job.params)),
            params: job.params.clone(),
            inputs: digests,
        };
        Some(Ok(Ready {
            key: parts.key(),
            parts,
            inputs,
        }))
    }

    fn external(&mut self, path: &Path) -> Result<Arc<External>, StageError> {
        if let Some(external) = self.externals.get(path) {
            return Ok(Arc::clone(external));
        }
        let external = Arc::new(External::read(path)?);
        self.externals
            .insert(path.to_owned(), Arc::clone(&external));
        Ok(external)
    }
}

fn no_such_part(name: &str, path: &str, found: &Found) -> Failure {
    let mut failure = Failure::new(
        FailureKind::Input,
        format!(
            "input `{name}`: nothing lies at `{path}` in what `{}` made",
            found.record.label
        ),
    );
    failure.remedy = Some(format!("it holds {}", found.manifest.top().join(", ")));
    failure
}
