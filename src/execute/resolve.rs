//! Finding out which results are known.
//!
//! A key holds the digests of its job's inputs, so it can be told only when those are known: what is cached now, what
//! will run, and what depends on results that do not exist yet, which may turn out to be cached all the same.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::StageError;

use crate::belongs::Selection;
use crate::failure::{Failure, FailureKind};
use crate::graph::{InputName, InputSource, Job, JobGraph, JobIndex};
use crate::keys::{self, Key, KeyParts};
use crate::store::{
    Digest, External, Found, Hashed, Lookup, Manifest, Noted, Prefetch, Store, StoreError,
};

/// How it stands with a job before it runs.
#[derive(Clone, Debug)]
pub enum Standing {
    /// Its result is known.
    Cached(Arc<Found>),
    /// Its result is known, but files of it are elsewhere that are asked for: it will run again.
    Away(Arc<Found>),
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
    Broken(Box<Failure>),
}

impl Standing {
    /// Returns the result, if it is known.
    pub fn found(&self) -> Option<Arc<Found>> {
        match self {
            Self::Cached(found) | Self::Away(found) => Some(Arc::clone(found)),
            Self::Missing { .. } | Self::Unknown | Self::Broken(_) => None,
        }
    }

    /// Whether the job has nothing to do.
    pub fn is_cached(&self) -> bool {
        matches!(self, Self::Cached(_))
    }
}

/// Says of each job of the graph, by index, how it stands.
///
/// # Errors
/// When the store cannot be read.
pub fn survey(graph: &JobGraph, resolver: &mut Resolver<'_>) -> Result<Vec<Standing>, StoreError> {
    survey_from(graph, resolver, None)
}

/// Says of each job how it stands, as [`survey`] does; `ahead` has looked up some results already.
///
/// # Errors
/// When the store cannot be read.
pub fn survey_from(
    graph: &JobGraph,
    resolver: &mut Resolver<'_>,
    ahead: Option<Prefetch>,
) -> Result<Vec<Standing>, StoreError> {
    let mut snapshot = resolver.store().snapshot();
    let seen = |key: &Key| ahead.as_ref()?.take(key);
    let mut standings: Vec<Standing> = Vec::with_capacity(graph.len());
    for (_, job) in graph.jobs() {
        let standing = {
            let known = |index: JobIndex| standings.get(index.index())?.found();
            match resolver.resolve(job, &known) {
                None => Standing::Unknown,
                Some(Err(failure)) => Standing::Broken(failure.into()),
                // Of two jobs with one key, `ahead` serves the first, and the second is looked up.
                Some(Ok(ready)) => match seen(&ready.key).map_or_else(
                    || snapshot.lookup(&ready.key),
                    |found| Ok(Lookup::Hit(found)),
                )? {
                    Lookup::Hit(found) => Standing::Cached(Arc::new(found)),
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
    // The thread that looks ahead is stopped.
    drop(ahead);
    Ok(standings)
}

/// A job whose inputs are all known.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) key: Key,
    pub(super) inputs: Vec<(InputName, ReadyInput)>,
}

impl Ready {
    /// Returns the parts of the key; `job` is the job that this was made for.
    pub(super) fn parts(&self, job: &Job) -> KeyParts {
        key_parts(job, &self.inputs)
    }
}

fn key_parts(job: &Job, inputs: &[(InputName, ReadyInput)]) -> KeyParts {
    let inputs = inputs.iter();
    KeyParts {
        kind: job.kind.to_owned(),
        version: job.version,
        numerics: job.numerics.map(str::to_owned),
        params: job.keyed.params(),
        inputs: inputs
            .map(|(name, input)| (name.to_string(), input.digest().to_string()))
            .collect(),
    }
}

/// An input at hand.
#[derive(Clone, Debug)]
pub(super) enum ReadyInput {
    /// Files in the store, and the digest of their list.
    Stored(Digest, Arc<Manifest>),
    /// Files of the user's.
    External(Arc<External>),
    /// Files of the user's that are not at hand, and the digest of their list where they were.
    Away(Digest),
}

impl ReadyInput {
    /// Returns the input without the files that a stage ignores of another stage's artifact.
    fn without(self, ignore: &[String], name: &str) -> Result<Self, Failure> {
        let Self::Stored(_, manifest) = &self else {
            return Ok(self);
        };
        let Some(left) = manifest.without(ignore) else {
            return Ok(self);
        };
        if left.files.is_empty() {
            let message = format!("input `{name}`: `ignore` matches all of its files");
            let mut failure = Failure::new(FailureKind::Input, message);
            failure.remedy = Some(format!("it holds {}", manifest.top().join(", ")));
            return Err(failure);
        }
        Ok(Self::Stored(left.digest(), left.into()))
    }

    fn digest(&self) -> Digest {
        match self {
            Self::Stored(digest, _) => *digest,
            Self::External(external) => external.digest(),
            Self::Away(digest) => *digest,
        }
    }
}

/// What is known of the parts of a job's key.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The parts; of the inputs, those that are known.
    pub key: KeyParts,
    /// The names of the other inputs.
    pub open: BTreeSet<String>,
    inputs: Vec<(InputName, ReadyInput)>,
}

impl Parts {
    /// Returns the files of the known input with that digest.
    pub fn listing(&self, digest: &Digest) -> Option<Manifest> {
        let mut inputs = self.inputs.iter();
        let (_, input) = inputs.find(|(_, input)| input.digest() == *digest)?;
        Some(match input {
            ReadyInput::Stored(_, manifest) => manifest.as_ref().clone(),
            ReadyInput::External(external) => external.manifest().clone(),
            ReadyInput::Away(_) => return None,
        })
    }
}

/// Inputs by name, and the names of those that are not known yet.
type Inputs = (Vec<(InputName, ReadyInput)>, BTreeSet<String>);

/// Reads all files of the user's that jobs take, whatever was noted of them. Returns how many there are, and those whose
/// digests differ from what was noted; their right digests are noted now.
///
/// # Errors
/// When one cannot be read.
pub fn reread(graph: &JobGraph, store: &Store) -> Result<(usize, BTreeSet<PathBuf>), StageError> {
    let (mut read, mut changed) = (BTreeSet::new(), BTreeSet::new());
    let (mut seen, mut hashed) = (HashSet::new(), Hashed::default());
    for (_, job) in graph.jobs() {
        for (name, source) in &job.inputs {
            let InputSource::Path(path) = source else {
                continue;
            };
            let selection = job.selections.of(name).cloned().unwrap_or_default();
            if !seen.insert((Arc::clone(path), selection.clone())) {
                continue;
            }
            let external = External::read(path, name, &selection, store, &mut hashed)?;
            let others = external.read_again(store, &mut read)?;
            changed.extend(others.into_iter().map(Path::to_path_buf));
        }
    }
    Ok((read.len(), changed))
}

/// Makes keys; each external input is hashed once.
pub struct Resolver<'a> {
    store: &'a Store,
    externals: HashMap<Place, Arc<External>>,
    /// The external input that was read last: nearly always the next job has the same one.
    last: Option<(Place, Arc<External>)>,
    hashed: Hashed,
    noted: Option<&'a Noted>,
    /// Whether an input that is away has the digest that archives tell.
    believes: bool,
    /// How many bytes of an input's files may be read to tell its digest; the rest has to be noted already.
    most_read: u64,
    /// Inputs of which more would have to be read, as far as they were asked for.
    unread: HashMap<(Arc<Path>, Selection), bool>,
    /// The digests of inputs that archives tell of, as far as they were asked for; `None` where nothing is told.
    away: HashMap<(Arc<Path>, Selection, InputName), Option<Digest>>,
}

/// What tells external inputs apart: the path, what belongs to the input, and its name if it is a single file.
type Place = (Arc<Path>, Selection, Option<InputName>);

impl<'a> Resolver<'a> {
    /// A resolver that looks results up in a store.
    pub fn new(store: &'a Store) -> Self {
        Self {
            store,
            externals: HashMap::new(),
            last: None,
            hashed: Hashed::default(),
            noted: None,
            believes: false,
            most_read: u64::MAX,
            unread: HashMap::new(),
            away: HashMap::new(),
        }
    }

    /// Takes inputs to be unknown of whose files more than so many bytes would have to be read first.
    #[must_use]
    pub fn reading_at_most(self, bytes: u64) -> Self {
        Self {
            most_read: bytes,
            ..self
        }
    }

    /// Takes inputs that are not at hand to have the digests that archives tell. Jobs that have to read such inputs cannot run.
    #[must_use]
    pub fn to_look(self, noted: &'a Noted) -> Self {
        Self {
            noted: Some(noted),
            believes: true,
            ..self
        }
    }

    /// Takes inputs that are not at hand, and that archives tell of, to be unknown, so that a sweep keeps all results that may rest on
    /// them.
    #[must_use]
    pub fn to_sweep(self, noted: &'a Noted) -> Self {
        Self {
            noted: Some(noted),
            believes: false,
            ..self
        }
    }

    /// Returns the store.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// Returns the job with its key, or `None` while an input is not `known`.
    pub(super) fn resolve(
        &mut self,
        job: &Job,
        known: &dyn Fn(JobIndex) -> Option<Arc<Found>>,
    ) -> Option<Result<Ready, Failure>> {
        match self.inputs(job, known) {
            Ok((inputs, open)) if open.is_empty() => {
                let digests = inputs.iter();
                let key = keys::key(
                    job.kind,
                    job.version,
                    job.numerics,
                    &job.keyed,
                    digests.map(|(name, input)| (name, input.digest().to_hex())),
                );
                Some(Ok(Ready { key, inputs }))
            }
            Ok(_) => None,
            Err(failure) => Some(Err(failure)),
        }
    }

    /// Returns what is known of the parts of a job's key.
    ///
    /// # Errors
    /// When an input cannot be had.
    pub fn parts(
        &mut self,
        job: &Job,
        known: &dyn Fn(JobIndex) -> Option<Arc<Found>>,
    ) -> Result<Parts, Failure> {
        let (inputs, open) = self.inputs(job, known)?;
        Ok(Parts {
            key: key_parts(job, &inputs),
            inputs,
            open,
        })
    }

    /// Returns a job's inputs as far as they are `known`, and the names of the others.
    fn inputs(
        &mut self,
        job: &Job,
        known: &dyn Fn(JobIndex) -> Option<Arc<Found>>,
    ) -> Result<Inputs, Failure> {
        let mut inputs = Vec::with_capacity(job.inputs.len());
        let mut open = BTreeSet::new();
        let everything = Selection::default();
        for (name, source) in &job.inputs {
            let selection = job.selections.of(name).unwrap_or(&everything);
            let input = match source {
                InputSource::Job {
                    job: source,
                    subfolder,
                } => match (known(*source), subfolder) {
                    (None, _) => {
                        open.insert(name.to_string());
                        continue;
                    }
                    (Some(found), None) => {
                        ReadyInput::Stored(found.artifact, Arc::clone(&found.manifest))
                    }
                    (Some(found), Some(path)) => match found.manifest.part(path) {
                        Some(part) => ReadyInput::Stored(part.digest(), part.into()),
                        None => return Err(self.no_such_part(name, path, &found)?),
                    },
                },
                InputSource::Path(path) if self.takes_long(path, selection) => {
                    open.insert(name.to_string());
                    continue;
                }
                InputSource::Path(path) => self.outside(path, name, selection)?,
            };
            let input = input.without(&selection.ignore, name)?;
            inputs.push((name.clone(), input));
        }
        Ok((inputs, open))
    }

    /// Whether more of an input's files would have to be read than is allowed.
    fn takes_long(&mut self, path: &Arc<Path>, selection: &Selection) -> bool {
        if self.most_read == u64::MAX {
            return false;
        }
        let (store, most) = (self.store, self.most_read);
        let place = (Arc::clone(path), selection.clone());
        *self
            .unread
            .entry(place)
            .or_insert_with(|| External::unread(path, selection, store) > most)
    }

    /// Returns an input that the user gives by path.
    fn outside(
        &mut self,
        path: &Arc<Path>,
        name: &InputName,
        selection: &Selection,
    ) -> Result<ReadyInput, Failure> {
        if let Some(noted) = self.noted.filter(|noted| !noted.is_empty()) {
            let place = (Arc::clone(path), selection.clone(), Arc::clone(name));
            let away = match self.away.get(&place) {
                Some(away) => *away,
                None => {
                    let here = || Some(self.external(path, name, selection).ok()?.digest());
                    let away = noted.away(path, name, selection, here);
                    self.away.insert(place, away);
                    away
                }
            };
            match away {
                Some(digest) if self.believes => return Ok(ReadyInput::Away(digest)),
                Some(_) => {
                    let message = format!("input `{name}`: its files are not at hand");
                    return Err(Failure::new(FailureKind::Input, message));
                }
                None => {}
            }
        }
        Ok(ReadyInput::External(self.external(path, name, selection)?))
    }

    fn external(
        &mut self,
        path: &Arc<Path>,
        name: &InputName,
        selection: &Selection,
    ) -> Result<Arc<External>, StageError> {
        if let Some(((last, of, single), external)) = &self.last
            && Arc::ptr_eq(last, path)
            && of == selection
            && single.as_ref().is_none_or(|single| single == name)
        {
            return Ok(Arc::clone(external));
        }
        let mut place: Place = (Arc::clone(path), selection.clone(), None);
        if let Some(folder) = self.externals.get(&place) {
            return Ok(Arc::clone(folder));
        }
        place.2 = Some(Arc::clone(name));
        if let Some(file) = self.externals.get(&place) {
            return Ok(Arc::clone(file));
        }
        let external = External::read(path, name, selection, self.store, &mut self.hashed)?;
        if !external.is_file() {
            place.2 = None;
        }
        let external = Arc::new(external);
        self.last = Some((place.clone(), Arc::clone(&external)));
        self.externals.insert(place, Arc::clone(&external));
        Ok(external)
    }

    fn no_such_part(&self, name: &str, path: &str, found: &Found) -> Result<Failure, StoreError> {
        let record = self.store.recorded(&found.key)?;
        let label = record.map_or_else(|| found.key.to_string(), |record| record.label);
        let mut failure = Failure::new(
            FailureKind::Input,
            format!("input `{name}`: nothing lies at `{path}` in what `{label}` made"),
        );
        failure.remedy = Some(format!("it holds {}", found.manifest.top().join(", ")));
        Ok(failure)
    }
}
