//! How much work a job is beside an earlier one, by what their kind says of parameters and inputs.
//!
//! Inputs decide as much as parameters do: one encoder may be a thousand times as large as another. Kinds say how large their
//! artifacts will be ([`contract::Stage::size`]), and how large an input is that exists already ([`contract::Stage::measure`]).
//! Nothing here knows the units of these numbers.

use std::collections::HashMap;
use std::path::PathBuf;

use contract::{Params, Sizes};

use crate::execute::Standing;
use crate::graph::{InputSource, JobGraph, JobIndex};
use crate::keys::{Key, KeyParts};
use crate::registry::Registry;
use crate::store::{Digest, Manifest, Record, Store};

/// Compares the work of a graph's jobs with that of earlier ones.
pub(super) struct Works<'a> {
    graph: &'a JobGraph,
    standings: &'a [Standing],
    registry: &'a Registry,
    store: &'a Store,
    /// By job: how large its artifact will be.
    foretold: Vec<Option<f64>>,
    /// The measured sizes of inputs, by kind, input and digest.
    measured: HashMap<(String, String, Digest), Option<f64>>,
    /// The complete parameters of earlier jobs, by key.
    params: HashMap<Key, Option<Params>>,
}

/// How much more work one job is than another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) factor: f64,
    /// Whether everything that is known of one job's inputs is known of the other's.
    pub(super) is_sure: bool,
}

impl<'a> Works<'a> {
    pub(super) fn new(
        graph: &'a JobGraph,
        standings: &'a [Standing],
        registry: &'a Registry,
        store: &'a Store,
    ) -> Self {
        let mut works = Self {
            graph,
            standings,
            registry,
            store,
            foretold: Vec::with_capacity(graph.len()),
            measured: HashMap::new(),
            params: HashMap::new(),
        };
        // Where all results are known, no price is asked for.
        if standings.iter().all(Standing::is_cached) {
            return works;
        }
        // Inputs come before the jobs that use them.
        for (index, job) in graph.jobs() {
            let size = registry.get(job.kind).and_then(|stage| {
                let inputs = works.foretold(index);
                stage.size(&job.params.params(), &inputs)
            });
            works.foretold.push(size);
        }
        works
    }

    /// Returns how large the inputs of a job will be, as far as the jobs that make them can tell.
    fn foretold(&self, index: JobIndex) -> Sizes {
        let inputs = self.graph.job(index).inputs.iter();
        let sizes = inputs.filter_map(|(name, source)| match source {
            InputSource::Job { job, .. } => {
                let size = *self.foretold.get(job.index())?;
                Some((name.to_string(), size?))
            }
            InputSource::Path(_) => None,
        });
        Sizes(sizes.collect())
    }

    /// Returns how large the inputs of a job are or will be.
    fn sizes(&mut self, index: JobIndex) -> Sizes {
        let mut sizes = self.foretold(index);
        let job = self.graph.job(index);
        let Some(stage) = self.registry.get(job.kind) else {
            return sizes;
        };
        for (name, source) in &job.inputs {
            let size = match source {
                InputSource::Path(path) => stage.measure(name, &|file| Some(path.join(file))),
                InputSource::Job {
                    job: maker,
                    subfolder: None,
                } => self.standings[maker.index()].found().and_then(|found| {
                    self.measured(job.kind, name, found.artifact, || {
                        Some(found.manifest.as_ref().clone())
                    })
                }),
                InputSource::Job { .. } => None,
            };
            if let Some(size) = size {
                sizes.0.insert(name.to_string(), size);
            }
        }
        sizes
    }

    /// Returns how large the inputs of an earlier job are, as far as they are still there.
    fn sizes_of(&mut self, record: &Record) -> Sizes {
        let (store, kind) = (self.store, &record.parts.kind);
        let mut sizes = Sizes::default();
        for (name, digest) in &record.parts.inputs {
            let Ok(digest) = digest.parse::<Digest>() else {
                continue;
            };
            let size = self.measured(kind, name, digest, || store.listing(&digest));
            if let Some(size) = size {
                sizes.0.insert(name.clone(), size);
            }
        }
        sizes
    }

    /// Measures an input in the store, once.
    fn measured(
        &mut self,
        kind: &str,
        input: &str,
        digest: Digest,
        files: impl FnOnce() -> Option<Manifest>,
    ) -> Option<f64> {
        let key = (kind.to_owned(), input.to_owned(), digest);
        if let Some(size) = self.measured.get(&key) {
            return *size;
        }
        let stage = self.registry.get(kind)?;
        let size = files().and_then(|manifest| {
            let place = |name: &str| -> Option<PathBuf> {
                let mut files = manifest.files.iter();
                let file = files.find(|file| file.path == name)?;
                Some(self.store.object(&file.digest))
            };
            stage.measure(input, &place)
        });
        self.measured.insert(key, size);
        size
    }

    /// Says how much more work a job is than each of some earlier ones.
    pub(super) fn scales<'r>(
        &mut self,
        index: JobIndex,
        parts: &KeyParts,
        records: impl Iterator<Item = &'r Record>,
    ) -> Vec<Scale> {
        let sizes = self.sizes(index);
        let params = self.graph.job(index).params.params();
        records
            .map(|record| self.scale(&params, parts, &sizes, record))
            .collect()
    }

    /// Returns the complete parameters of an earlier job: those of its record, which are keyed, and the others as
    /// [`contract::unkeyed`] fills them in.
    fn params_of(&mut self, record: &Record) -> Option<Params> {
        let stage = self.registry.get(&record.parts.kind)?;
        let params = self
            .params
            .entry(record.key)
            .or_insert_with(|| contract::unkeyed(stage.signature().fields, &record.parts.params));
        params.clone()
    }

    fn scale(
        &mut self,
        params: &Params,
        parts: &KeyParts,
        sizes: &Sizes,
        record: &Record,
    ) -> Scale {
        let earlier = self.sizes_of(record);
        let is_sure = sizes.0.keys().eq(earlier.0.keys());
        let both = |sizes: &Sizes, other: &Sizes| {
            let known = sizes.0.iter();
            let known = known.filter(|(name, _)| other.0.contains_key(*name));
            Sizes(known.map(|(name, size)| (name.clone(), *size)).collect())
        };
        let stage = self.registry.get(&parts.kind);
        let work = |params: &Params, sizes: &Sizes| {
            let work = stage?.work(params, sizes)?;
            (work.is_finite() && work > 0.0).then_some(work)
        };
        let new = work(params, &both(sizes, &earlier));
        let old = self
            .params_of(record)
            .and_then(|params| work(&params, &both(&earlier, sizes)));
        match (new, old) {
            (Some(new), Some(old)) => Scale {
                factor: new / old,
                is_sure,
            },
            _ => Scale {
                factor: 1.0,
                is_sure,
            },
        }
    }
}
