//! What a pipeline needs: the keys of its jobs, as far as they are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::declare::{Pipeline, Target};
use crate::errors::Report;
use crate::execute::{Resolver, Standing, survey};
use crate::graph::{self, JobIndex, Plan};
use crate::keys::{self, CanonicalParams, Key};
use crate::runs::Adjusted;
use crate::store::{Digest, Record, StoreError};

/// What some pipelines need.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The keys of results that are wanted, and who wants each.
    keys: BTreeMap<Key, String>,
    /// The jobs whose keys are open, by their shapes.
    open: BTreeMap<Shape, Vec<Open>>,
    /// The results that recent runs with values of variables made or used, and the run.
    recent: BTreeMap<Key, String>,
    /// The labels of the jobs that those runs started, and the run.
    begun: BTreeMap<String, String>,
    /// Archives that were imported recently, by the digests of their indices.
    imports: BTreeMap<Digest, String>,
    /// The shapes of all jobs, with their labels.
    shapes: BTreeSet<(Shape, String)>,
}

/// The hash of a job's kind and parameters: what is known of the job without its inputs.
pub(super) type Shape = Key;

/// A job whose key is open.
#[derive(Debug)]
struct Open {
    version: u32,
    numerics: Option<String>,
    /// The inputs that are known.
    inputs: BTreeMap<String, String>,
    by: String,
}

/// Returns the shape of a job.
pub(super) fn shape(kind: &str, params: &CanonicalParams) -> Shape {
    let inputs: [(&str, &str); 0] = [];
    keys::key(kind, 0, None, params, inputs.into_iter())
}

impl Wanted {
    /// Adds what a pipeline needs: all tables, and all stages as they are declared. `by` says whose pipeline it is.
    ///
    /// # Errors
    /// Of the outer result when the store cannot be read, of the inner one when a table cannot be expanded.
    pub fn add(
        &mut self,
        pipeline: &Pipeline,
        by: &str,
        resolver: &mut Resolver<'_>,
    ) -> Result<Result<(), Report>, StoreError> {
        let stages = pipeline.stages().map(|(name, _)| Target::Stage {
            name: name.to_owned(),
            bindings: Vec::new(),
        });
        let stages: Vec<Target> = stages.collect();
        let together = [&[Target::All], &stages[..]].concat();
        if let Ok(plan) = graph::expand_without_files(pipeline, &together) {
            self.plan(&plan, by, resolver)?;
            return Ok(Ok(()));
        }
        match graph::expand_without_files(pipeline, &[Target::All]) {
            Ok(plan) => self.plan(&plan, by, resolver)?,
            Err(report) => return Ok(Err(report)),
        }
        // A stage may make sense only with what a table binds, so a failure is ignored.
        for stage in stages {
            if let Ok(plan) = graph::expand_without_files(pipeline, &[stage]) {
                self.plan(&plan, by, resolver)?;
            }
        }
        Ok(Ok(()))
    }

    /// Adds archives that were imported recently, by the digests of their indices: nobody may have looked at their results yet.
    pub fn add_imports(&mut self, imports: BTreeMap<Digest, String>) {
        self.imports.extend(imports);
    }

    /// Returns the archive that a result was recently imported from.
    pub(super) fn imported_lately(&self, record: &Record) -> Option<&str> {
        let mut origins = record.origin.iter();
        origins.find_map(|origin| self.imports.get(&origin.digest).map(String::as_str))
    }

    /// Adds runs that were given values of variables: no pipeline file declares what they made, which may be wanted all the
    /// same.
    pub fn add_runs(&mut self, runs: &[Adjusted]) {
        for run in runs {
            let Adjusted {
                name,
                begun,
                made,
                started,
            } = run;
            let targets = begun.targets.join(" ");
            let who = format!("run {name} ({targets}{})", begun.options());
            for key in made {
                self.recent.entry(*key).or_insert_with(|| who.clone());
            }
            for label in started {
                self.begun
                    .entry(label.clone())
                    .or_insert_with(|| who.clone());
            }
        }
    }

    fn plan(
        &mut self,
        plan: &Plan,
        by: &str,
        resolver: &mut Resolver<'_>,
    ) -> Result<(), StoreError> {
        let standings = survey(&plan.jobs, resolver)?;
        for ((_, job), standing) in plan.jobs.jobs().zip(&standings) {
            let shape = shape(job.kind, &job.keyed);
            self.shapes.insert((shape, job.label.to_string()));
            let key = match standing {
                Standing::Cached(found) | Standing::Away(found) => Some(found.key),
                Standing::Missing { key, .. } => Some(*key),
                Standing::Unknown | Standing::Broken(_) => None,
            };
            if let Some(key) = key {
                self.keys.entry(key).or_insert_with(|| by.to_owned());
                continue;
            }
            let known = |index: JobIndex| {
                let found = standings.get(index.index())?.found()?;
                Some(Arc::clone(&found))
            };
            // An input that the user has taken away may have had any content.
            let parts = resolver.parts(job, &known).ok().map(|parts| parts.key);
            let open = Open {
                version: job.version,
                numerics: parts.as_ref().and_then(|parts| parts.numerics.clone()),
                inputs: parts.map(|parts| parts.inputs).unwrap_or_default(),
                by: by.to_owned(),
            };
            self.open.entry(shape).or_default().push(open);
        }
        Ok(())
    }

    /// Returns who wants the result with that key.
    pub(super) fn key(&self, key: &Key) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }

    /// Returns the recent run that made or used the result with that key.
    pub(super) fn recent(&self, key: &Key) -> Option<&str> {
        self.recent.get(key).map(String::as_str)
    }

    /// Returns the recent run that started a job of that name.
    pub(super) fn begun_lately(&self, label: &str) -> Option<&str> {
        self.begun.get(label).map(String::as_str)
    }

    /// Returns who may want a result, which is a job whose key is open.
    pub(super) fn perhaps(&self, record: &Record) -> Option<&str> {
        let parts = &record.parts;
        let open = self
            .open
            .get(&shape(&parts.kind, &CanonicalParams::of(&parts.params)))?;
        let fits = |open: &&Open| {
            open.version == parts.version
                && (open.numerics.is_none() || open.numerics == parts.numerics)
                && open
                    .inputs
                    .iter()
                    .all(|(name, digest)| parts.inputs.get(name) == Some(digest))
        };
        open.iter().find(fits).map(|open| open.by.as_str())
    }

    /// Returns who may want the work folder of a job of that shape.
    pub(super) fn begun(&self, shape: &Shape) -> Option<&str> {
        Some(self.open.get(shape)?.first()?.by.as_str())
    }

    /// Whether the record's job is wanted with other inputs.
    pub(super) fn has(&self, record: &Record) -> bool {
        let shape = shape(
            &record.parts.kind,
            &CanonicalParams::of(&record.parts.params),
        );
        self.shapes.contains(&(shape, record.label.clone()))
    }
}
