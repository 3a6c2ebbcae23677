//! Why a job will run, or need not.
//!
//! A record keeps the named parts of its key. Of a job that will run, the parts are compared with those of the nearest
//! earlier result of the same kind: the one that differs in the fewest parts. What differs is the reason. Of a job whose inputs
//! have to be made first, the chain is followed to the jobs in which it begins.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::Serialize;

use crate::execute::{Resolver, Standing};
use crate::failure::Failure;
use crate::graph::{InputSource, JobGraph, JobIndex};
use crate::registry::Registry;
use crate::store::StoreError;

use super::{Change, History, changes};

/// Why a job stands as it does.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Why {
    /// Its result is known and holds.
    Cached {
        /// What the job was called when it ran.
        made_as: String,
        /// Whether the code of its kind is still the code that ran; `None` where that is not known.
        code_changed: Option<bool>,
        /// The behaviour version, which is what counts.
        version: u32,
    },
    /// No result of this kind is known.
    First,
    /// The nearest known result is another's.
    Changed {
        /// What that one was called.
        nearest: String,
        /// What differs.
        changes: Vec<Change>,
    },
    /// Its result was known, but the store is damaged.
    Damaged {
        /// What, and how.
        reason: String,
    },
    /// Its result is known, but files of it are elsewhere that a job reads which will run, or that are asked for.
    Away {
        /// Where.
        reason: String,
    },
    /// Inputs are not known before other jobs have run.
    Waits {
        /// What differs so far from the nearest result, if there is one.
        nearest: Option<(String, Vec<Change>)>,
        /// The inputs that are not known yet: name, and the job that makes it.
        inputs: Vec<(String, String)>,
        /// Why they are not: the jobs behind them that have a reason of their own to run.
        causes: Vec<Cause>,
    },
    /// It cannot run.
    Broken {
        /// What is wrong.
        failure: Failure,
    },
}

/// A job that others wait for.
#[derive(Clone, Debug, Serialize)]
pub struct Cause {
    /// What it is called.
    pub label: String,
    /// Why it will run, or cannot.
    pub why: Box<Why>,
}

/// Says of the jobs of a graph why they stand as they do.
pub struct Explainer<'a, 'store> {
    graph: &'a JobGraph,
    standings: &'a [Standing],
    resolver: &'a mut Resolver<'store>,
    registry: &'a Registry,
    history: &'a mut History<'store>,
    /// By job that others wait for: why it stands as it does by itself.
    own: BTreeMap<JobIndex, Why>,
    /// By job that others wait for: in which jobs that begins.
    causes: BTreeMap<JobIndex, Rc<BTreeSet<JobIndex>>>,
}

impl<'a, 'store> Explainer<'a, 'store> {
    /// For a graph, how its jobs stand, and what found that out.
    pub fn new(
        graph: &'a JobGraph,
        standings: &'a [Standing],
        resolver: &'a mut Resolver<'store>,
        registry: &'a Registry,
        history: &'a mut History<'store>,
    ) -> Self {
        Self {
            graph,
            standings,
            resolver,
            registry,
            history,
            own: BTreeMap::new(),
            causes: BTreeMap::new(),
        }
    }

    /// Says it of one job.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn why(&mut self, index: JobIndex) -> Result<Why, StoreError> {
        let mut why = match self.own.get(&index) {
            Some(known) => known.clone(),
            None => self.alone(index)?,
        };
        if let Why::Waits { causes, .. } = &mut why {
            let mut all = BTreeSet::new();
            for input in self.graph.inputs(index).collect::<Vec<_>>() {
                all.extend(self.causes(input)?.iter().copied());
            }
            for cause in all {
                causes.push(Cause {
                    label: self.graph.job(cause).label.to_string(),
                    why: Box::new(self.own(cause)?.clone()),
                });
            }
        }
        Ok(why)
    }

    /// Says it of a job that others wait for, by itself.
    fn own(&mut self, index: JobIndex) -> Result<&Why, StoreError> {
        if !self.own.contains_key(&index) {
            let why = self.alone(index)?;
            self.own.insert(index, why);
        }
        Ok(&self.own[&index])
    }

    /// Returns the jobs with a reason of their own for which a job has no result: itself, or some that it rests on.
    fn causes(&mut self, index: JobIndex) -> Result<Rc<BTreeSet<JobIndex>>, StoreError> {
        if let Some(known) = self.causes.get(&index) {
            return Ok(Rc::clone(known));
        }
        let mut causes = BTreeSet::new();
        match &self.standings[index.index()] {
            Standing::Cached(_) => {}
            Standing::Away(_) | Standing::Missing { .. } | Standing::Broken(_) => {
                causes.insert(index);
            }
            Standing::Unknown => {
                for input in self.graph.inputs(index).collect::<Vec<_>>() {
                    causes.extend(self.causes(input)?.iter().copied());
                }
                // Other parameters are a reason as well, whatever the inputs turn out to be.
                if let Why::Waits {
                    nearest: Some((_, changes)),
                    ..
                } = self.own(index)?
                    && !changes.is_empty()
                {
                    causes.insert(index);
                }
            }
        }
        let causes = Rc::new(causes);
        self.causes.insert(index, Rc::clone(&causes));
        Ok(causes)
    }

    /// Says it of one job, without those that it waits for.
    fn alone(&mut self, index: JobIndex) -> Result<Why, StoreError> {
        let (graph, standings) = (self.graph, self.standings);
        let job = graph.job(index);
        match &standings[index.index()] {
            Standing::Cached(found) => {
                let Some(record) = self.history.store().recorded(&found.key)? else {
                    let reason = "its record is gone".to_owned();
                    return Ok(Why::Damaged { reason });
                };
                let now = self.registry.source(job.kind);
                let then = record.source.as_deref();
                return Ok(Why::Cached {
                    made_as: record.label,
                    code_changed: then.zip(now).map(|(then, now)| then != now),
                    version: record.parts.version,
                });
            }
            Standing::Away(found) => {
                let reason = self.history.store().why_away(found)?;
                let reason = reason.unwrap_or_default();
                return Ok(Why::Away { reason });
            }
            Standing::Broken(failure) => {
                let failure = failure.clone();
                return Ok(Why::Broken { failure: *failure });
            }
            Standing::Missing {
                damaged: Some(reason),
                ..
            } => {
                let reason = reason.clone();
                return Ok(Why::Damaged { reason });
            }
            Standing::Missing { .. } | Standing::Unknown => {}
        }
        let known = |index: JobIndex| standings[index.index()].found();
        let parts = match self.resolver.parts(job, &known) {
            Ok(found) => found,
            Err(failure) => return Ok(Why::Broken { failure }),
        };
        let store = self.history.store();
        let nearest = self.history.nearest(&job.label, &parts.key, &parts.open)?;
        let nearest = nearest.first().map(|known| {
            let record = &known.record;
            let listing = |digest: &_| parts.listing(digest).or_else(|| store.listing(digest));
            let changes = changes(&record.parts, &parts.key, &parts.open, &listing);
            (record.label.clone(), changes)
        });
        if parts.open.is_empty() {
            return Ok(match nearest {
                None => Why::First,
                Some((nearest, changes)) => Why::Changed { nearest, changes },
            });
        }
        let inputs = parts
            .open
            .into_iter()
            .filter_map(|name| match job.input(&name)? {
                InputSource::Job { job, .. } => Some((name, graph.job(*job).label.to_string())),
                InputSource::Path(_) => None,
            });
        Ok(Why::Waits {
            nearest,
            inputs: inputs.collect(),
            causes: Vec::new(),
        })
    }
}
