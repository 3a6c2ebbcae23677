//! Jobs: each made once, of what its stage says and where its inputs come from.

use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::sync::Arc;

use contract::{Maker, Params};

use super::said::Said;
use super::{Broken, Expander};
use crate::belongs::{Selection, Selections};
use crate::declare::{InputDeclaration, StageDeclaration, StageId};
use crate::errors::Diagnostic;
use crate::graph::environment::{Environment, Reads};
use crate::graph::parameters::diagnosed;
use crate::graph::resources::resources;
use crate::graph::{InputName, InputSource, Job, JobIndex, label, parts};
use crate::keys::CanonicalParams;

/// The most bytes that the parameters, inputs and names of all jobs may take: beyond any use, short of exhausting the memory.
pub(super) const ROOM: usize = 1 << 31;

/// The hash of what a job is: two that agree in this are one.
pub(super) type Identity = blake3::Hash;

/// The patterns of files that the last job of a stage leaves out, and the selections of its inputs.
pub(super) type LastSelections = (Arc<[String]>, Arc<Selections>);

impl<'p> Expander<'p> {
    /// Returns the job of that identity, made if there is none.
    pub(super) fn share(
        &mut self,
        stage: StageId,
        said: Said,
        mut inputs: Vec<(InputName, InputSource)>,
        environment: &Rc<Environment<'p>>,
        reads: &Rc<Reads>,
    ) -> Result<JobIndex, Broken> {
        let Said {
            params,
            keyed,
            numerics,
            ignore,
        } = said;
        inputs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let places = inputs.iter().map(|(_, input)| match input {
            InputSource::Job { subfolder, .. } => subfolder.as_ref().map_or(0, |path| path.len()),
            InputSource::Path(path) => path.as_os_str().len(),
        });
        // The room is taken where the job exists already, too: to find that out took as long.
        self.take_room(stage, params.as_bytes().len() + places.sum::<usize>())?;
        let identity = identity(stage, &params, &ignore, &inputs);
        if let Some(job) = self.identities.get(&identity) {
            return Ok(*job);
        }
        let trace = label::Trace {
            environment: Rc::clone(environment),
            reads: Rc::clone(reads),
        };
        let label = self.labels.short(&self.names[stage.0], &trace);
        self.take_room(stage, label.len())?;
        let declaration = self.pipeline.stage(stage);
        let signature = &declaration.signature;
        let wrong = declaration
            .stage
            .check_inputs(&|| params.params(), &|name| self.maker(&inputs, name));
        if !wrong.is_empty() {
            let wrong = diagnosed(self.pipeline, declaration, environment, &wrong);
            self.problems.extend(wrong);
            return Err(Broken);
        }
        let resources = resources(self.pipeline, declaration, environment, &mut self.problems);
        let resources = shared(&mut self.resources[stage.0], resources);
        let selections = self.selections(stage, &ignore);
        let makers: Vec<JobIndex> = inputs
            .iter()
            .filter_map(|(_, input)| match input {
                InputSource::Job { job, .. } => Some(*job),
                InputSource::Path(_) => None,
            })
            .collect();
        let node = self.graph.add_node(Job {
            stage: Arc::clone(&self.names[stage.0]),
            kind: signature.kind,
            label: label.into(),
            params,
            keyed,
            inputs: inputs.into(),
            output: signature.output,
            version: signature.version,
            numerics,
            by_chance: declaration.stage.is_by_chance(),
            resources,
            selections,
        });
        self.traces.push(trace);
        for maker in makers {
            self.graph.add_edge(maker.0, node, ());
        }
        let job = JobIndex(node);
        self.identities.insert(identity, job);
        Ok(job)
    }

    /// Says that a job's artifact will have no such part.
    pub(super) fn lacking(
        &self,
        job: JobIndex,
        part: &str,
        edge: (&StageDeclaration, &InputDeclaration),
        environment: &Environment<'p>,
    ) -> Option<Diagnostic> {
        let job = self.job_at(job);
        let maker = self
            .pipeline
            .stage_ids
            .get(&*job.stage)
            .copied()
            .flatten()?;
        let maker = self.pipeline.stage(maker);
        parts::lacking(maker, &job.params.params(), part, edge, environment)
    }

    /// Returns where the input of that name comes from.
    pub(super) fn maker(&self, inputs: &[(InputName, InputSource)], name: &str) -> Option<Maker> {
        let (_, source) = inputs.iter().find(|(input, _)| **input == *name)?;
        Some(match source {
            InputSource::Path(_) => Maker {
                kind: None,
                params: Params::default(),
                part: None,
            },
            InputSource::Job { job, subfolder } => Maker {
                kind: Some(self.job_at(*job).kind),
                params: self.params_of(*job),
                part: subfolder.as_deref().map(str::to_owned),
            },
        })
    }

    /// Returns what belongs to each input of a stage. Next to always its jobs leave out the same.
    pub(super) fn selections(&mut self, stage: StageId, ignore: &Arc<[String]>) -> Arc<Selections> {
        if let Some((last, selections)) = &self.selections[stage.0]
            && last == ignore
        {
            return Arc::clone(selections);
        }
        let declaration = self.pipeline.stage(stage);
        let selections = Selections::new(declaration.inputs.iter().map(|input| {
            let selection = Selection {
                // An input under a name of the user's, for a program of the user's, may be any file.
                hidden: input.takes.is_none(),
                reads: declaration.stage.reads(&input.name),
                ignore: Arc::clone(ignore),
                results: Arc::clone(&self.pipeline.results),
            };
            (Arc::clone(&input.name), selection)
        }));
        let selections = Arc::new(selections);
        self.selections[stage.0] = Some((Arc::clone(ignore), Arc::clone(&selections)));
        selections
    }

    /// Takes bytes of the room that all jobs share. That there is not enough is reported once.
    pub(super) fn take_room(&mut self, stage: StageId, bytes: usize) -> Result<(), Broken> {
        let room = self.room.ok_or(Broken)?;
        self.room = room.checked_sub(bytes);
        if self.room.is_none() {
            let message = format!(
                "the values of all jobs come to more than {} MiB here",
                ROOM >> 20
            );
            let word = &self.pipeline.stage(stage).name;
            self.problems.push(
                Diagnostic::new(message)
                    .at(&self.pipeline.source, word.span.clone(), "")
                    .help("make fewer jobs, or give them shorter texts"),
            );
            return Err(Broken);
        }
        Ok(())
    }
}

/// Returns the last value if the next one equals it, so that equal values are kept once.
fn shared<T: PartialEq>(last: &mut Arc<T>, next: T) -> Arc<T> {
    if **last != next {
        *last = next.into();
    }
    Arc::clone(last)
}

/// Hashes what a job is.
fn identity(
    stage: StageId,
    params: &CanonicalParams,
    ignore: &[String],
    inputs: &[(InputName, InputSource)],
) -> Identity {
    let mut bytes = Vec::with_capacity(params.as_bytes().len() + 64 * (1 + inputs.len()));
    let mut part = |part: &[u8]| {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    };
    part(&stage.0.to_le_bytes());
    part(params.as_bytes());
    part(&(ignore.len() as u64).to_le_bytes());
    for pattern in ignore {
        part(pattern.as_bytes());
    }
    for (name, source) in inputs {
        part(name.as_bytes());
        match source {
            InputSource::Job { job, subfolder } => {
                part(&job.index().to_le_bytes());
                part(subfolder.as_deref().unwrap_or_default().as_bytes());
            }
            InputSource::Path(path) => part(path.as_os_str().as_bytes()),
        }
    }
    blake3::hash(&bytes)
}
