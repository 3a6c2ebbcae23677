//! Why a job will run, or need not.
//!
//! A record keeps the named parts of its key. The parts of a job that will run are compared with those of the nearest earlier
//! result: the one of the same kind that differs in the fewest parts. These parts are the reason. Where a job waits for inputs,
//! the chain is followed to the jobs in which it begins.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::Serialize;

use crate::execute::{Resolver, Standing};
use crate::failure::Failure;
use crate::graph::{InputSource, JobGraph, JobIndex};
use crate::registry::Registry;
use crate::store::StoreError;

use super::{Change, History, changes};

/// Why it stands with a job as it does.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Why {
    /// Its result is known and holds.
    Cached {
        /// What the job was called when it ran.
        made_as: String,
        /// Whether the code of its kind is still the code that ran; `None` where that is not known.
        code_changed: Option<bool>,
        /// The behaviour version, which alone decides.
        version: u32,
    },
    /// No result of this kind is known.
    First,
    /// The nearest known result is another job's.
    Changed {
        /// What that job was called.
        nearest: String,
        /// What differs.
        changes: Vec<Change>,
    },
    /// Its result was known, but the store is damaged.
    Damaged {
        /// What is damaged, and how.
        reason: String,
    },
    /// Its result is known, but has files elsewhere that another job will read, or that are asked for.
    Away {
        /// Where the files are.
        reason: String,
    },
    /// Some inputs are known only once other jobs have run.
    Waits {
        /// What differs so far from the nearest result, if there is one.
        nearest: Option<(String, Vec<Change>)>,
        /// The inputs that are not known yet: their names, and the jobs that make them.
        inputs: Vec<(String, String)>,
        /// Why these inputs are not known: the jobs behind them that have a reason of their own to run.
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

/// Explains for the jobs of a graph why it stands with them as it does.
pub struct Explainer<'a, 'store> {
    graph: &'a JobGraph,
    standings: &'a [Standing],
    resolver: &'a mut Resolver<'store>,
    registry: &'a Registry,
    history: &'a mut History<'store>,
    /// By job that others wait for: its own reason, whatever it waits for itself.
    own: BTreeMap<JobIndex, Why>,
    /// By job that others wait for: the jobs in which its chain begins.
    causes: BTreeMap<JobIndex, Rc<BTreeSet<JobIndex>>>,
}

impl<'a, 'store> Explainer<'a, 'store> {
    /// An explainer for a graph, how its jobs stand, and the resolver that found that out.
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

    /// Explains one job.
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

    /// Returns the own reason of a job that others wait for.
    fn own(&mut self, index: JobIndex) -> Result<&Why, StoreError> {
        if !self.own.contains_key(&index) {
            let why = self.alone(index)?;
            self.own.insert(index, why);
        }
        Ok(&self.own[&index])
    }

    /// Returns the jobs with a reason of their own that keep a job from its result: the job itself, or jobs that it rests on.
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
                // A job whose parameters differ has a reason of its own, whatever its inputs turn out to be.
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

    /// Explains one job, without the jobs that it waits for.
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
            let mut changes = changes(&record.parts, &parts.key, &parts.open, &listing);
            // Keys keep the names that parameters had first.
            let stage = self.registry.get(job.kind);
            for change in &mut changes {
                if let (Change::Parameter { name, .. }, Some(stage)) = (change, stage) {
                    *name = contract::written(stage.signature().fields, name);
                }
            }
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
