//! Stages to jobs.
//!
//! A stage is resolved under an environment: its parameters evaluated, its inputs followed. The outcome depends on
//! the variables that were read on the way and on nothing else, so it is remembered under their definitions ([`Memo`]): the
//! next environment that agrees on those gets the same job without another look. The walk keeps its own stack; a
//! long chain of stages costs memory, not the thread's stack.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::sync::Arc;

use contract::{Device, Field, Params};
use petgraph::graph::DiGraph;
use petgraph::visit::{Dfs, Reversed};
use serde_json::Value;

use super::edges::{Edge, Edges, Files};
use super::environment::{Environment, Reads, from_smallest};
use super::members::Members;
use super::memo::Memo;
use super::parameters::parameters;
use super::resources::resources;
use super::settings::{Setting, Watch};
use super::{InputName, InputSource, Job, JobGraph, JobIndex, label, parts};
use crate::belongs::{Selection, Selections};
use crate::declare::{Gathers, InputDeclaration, Pipeline, StageDeclaration, StageId, VariableId};
use crate::errors::Diagnostic;
use crate::keys::CanonicalParams;
use crate::resources::Resources;

/// The most bytes that the parameters, inputs and names of all jobs may take: beyond any use, short of exhausting the memory.
const ROOM: usize = 1 << 31;
/// The most results that all inputs may gather together, since results that gather may be gathered in turn.
const MOST_GATHERED: usize = 100_000;
/// How many problems are enough for one report: a mistake may reach every cell of a large table.
const ENOUGH: usize = 1000;

/// A job could not be made; the reason is among the problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The hash of what a job is: two that agree in this are one.
type Identity = blake3::Hash;

/// Makes jobs, each once.
pub(super) struct Expander<'p> {
    pub(super) pipeline: &'p Pipeline,
    edges: Edges<'p>,
    /// The stages' names.
    names: Vec<Arc<str>>,
    graph: DiGraph<Job, ()>,
    identities: HashMap<Identity, JobIndex>,
    /// Per stage: the job that it is.
    known: Vec<Memo<Result<JobIndex, Broken>>>,
    /// Per stage: its evaluated fields, which many jobs share that differ in their inputs alone.
    params: Vec<Memo<Said>>,
    /// Per stage: the needs of its last job, which most of the others share.
    resources: Vec<Arc<Resources>>,
    /// Whether any stage says what it needs.
    any_resources: bool,
    /// Per stage: the patterns and the selections of its last job.
    selections: Vec<Option<LastSelections>>,
    /// Per job: the environment that its label is made from.
    traces: Vec<label::Trace<'p>>,
    labels: label::Labels<'p>,
    /// Which of the variables that `--set` gives are read.
    pub(super) watch: Watch<'p>,
    /// How many results inputs have gathered so far.
    gathered: usize,
    /// How many bytes of room are left; `None` once it was exceeded.
    room: Option<usize>,
    pub(super) problems: Vec<Diagnostic>,
}

/// The patterns of files that the last job of a stage leaves out, and the selections of its inputs.
type LastSelections = (Arc<[String]>, Arc<Selections>);

/// What the fields of a stage say, without its inputs.
#[derive(Clone)]
struct Said {
    params: CanonicalParams,
    /// The parameters as far as they are keyed.
    keyed: CanonicalParams,
    /// The class of arithmetic, if it decides the result.
    numerics: Option<&'static str>,
    /// Patterns of files that do not belong to the inputs.
    ignore: Arc<[String]>,
}

/// A stage on its way to becoming a job.
struct Pending<'p> {
    stage: StageId,
    /// The environment in which the stage is resolved.
    environment: Rc<Environment<'p>>,
    /// The place of the input to resolve next.
    next: usize,
    inputs: Vec<(InputName, InputSource)>,
    reads: Reads,
    broken: bool,
    /// The name of the input that is being resolved, and the folder of the artifact that is wanted.
    wanted: Option<(InputName, Option<Arc<str>>)>,
    /// The members of that input that are left, if it gathers.
    members: Option<Members<'p>>,
}

impl<'p> Pending<'p> {
    fn new(stage: StageId, environment: &Rc<Environment<'p>>) -> Self {
        Self {
            stage,
            environment: Rc::clone(environment),
            next: 0,
            inputs: Vec::new(),
            reads: Reads::new(),
            broken: false,
            wanted: None,
            members: None,
        }
    }
}

impl<'p> Expander<'p> {
    pub(super) fn new(pipeline: &'p Pipeline, files: Files<'p>) -> Self {
        Self {
            pipeline,
            edges: Edges::new(pipeline, files),
            names: pipeline
                .stages
                .iter()
                .map(|stage| stage.name.text.as_str().into())
                .collect(),
            graph: DiGraph::new(),
            identities: HashMap::new(),
            known: pipeline.stages.iter().map(|_| Memo::default()).collect(),
            params: pipeline.stages.iter().map(|_| Memo::default()).collect(),
            resources: vec![Arc::default(); pipeline.stages.len()],
            any_resources: pipeline
                .stages
                .iter()
                .any(|stage| stage.resources.is_some()),
            selections: vec![None; pipeline.stages.len()],
            traces: Vec::new(),
            labels: label::Labels::new(pipeline),
            watch: Watch::new(pipeline),
            gathered: 0,
            room: Some(ROOM),
            problems: Vec::new(),
        }
    }

    /// Returns the jobs made, each under a label of its own, and what became of the variables that `--set` gives.
    pub(super) fn finish(mut self) -> (JobGraph, Vec<Setting>) {
        label::distinguish(&mut self.graph, &self.traces, &self.labels);
        (JobGraph { graph: self.graph }, self.watch.finish())
    }

    /// Returns the job that `stage` is under `environment`, made with all that it needs if it is new.
    pub(super) fn job(
        &mut self,
        stage: StageId,
        environment: &Rc<Environment<'p>>,
    ) -> Result<JobIndex, Broken> {
        let outcome = self.resolve(stage, environment);
        if !self.watch.is_idle()
            && let Some(reads) = self.reads_of_all(stage, environment)
        {
            self.watch.note(environment, &reads);
        }
        outcome
    }

    /// Returns a job.
    pub(super) fn job_at(&self, job: JobIndex) -> &Job {
        &self.graph[job.0]
    }

    /// Returns the parameters of a job.
    pub(super) fn params_of(&self, job: JobIndex) -> Params {
        self.graph[job.0].params.params()
    }

    /// Returns the variables that were read for the job that `stage` is under `environment`, if it was asked for.
    pub(super) fn reads(&self, stage: StageId, environment: &Environment<'p>) -> Option<Rc<Reads>> {
        let (_, reads) = self.known[stage.0].get(environment)?;
        Some(reads)
    }

    /// Returns the variables that were read for the job that `stage` is under `environment`, and for what this job and the jobs
    /// behind it need of the machine; `None` where there is no such job.
    pub(super) fn reads_of_all(
        &self,
        stage: StageId,
        environment: &Environment<'p>,
    ) -> Option<Reads> {
        let (job, reads) = self.known[stage.0].get(environment)?;
        let mut reads = (*reads).clone();
        let job = job.ok()?;
        if !self.any_resources {
            return Some(reads);
        }
        let behind = Reversed(&self.graph);
        let mut walk = Dfs::new(behind, job.0);
        while let Some(node) = walk.next(behind) {
            let declared = self.pipeline.stage_ids.get(&*self.graph[node].stage);
            let declared = declared.copied().flatten();
            let resources = declared.map(|id| self.pipeline.stage(id).resources.as_slice());
            environment.reads_of_items(resources.unwrap_or_default(), &mut reads);
        }
        Some(reads)
    }

    fn resolve(
        &mut self,
        stage: StageId,
        environment: &Rc<Environment<'p>>,
    ) -> Result<JobIndex, Broken> {
        if let Some((outcome, _)) = self.known[stage.0].get(environment) {
            return outcome;
        }
        // Once the room is exceeded no further job is made, which might take long.
        self.room.ok_or(Broken)?;
        let mut open = vec![false; self.pipeline.stages.len()];
        open[stage.0] = true;
        let mut stack = vec![Pending::new(stage, environment)];
        loop {
            let Some(pending) = stack.last_mut() else {
                return Err(Broken);
            };
            if let Some(members) = &mut pending.members {
                let Some((name, member)) = members.left.pop_front() else {
                    pending.members = None;
                    continue;
                };
                let input = members.stage;
                pending.wanted = Some((name, members.subfolder.clone()));
                self.follow(&mut stack, &mut open, input, &member);
                continue;
            }
            let declaration = self.pipeline.stage(pending.stage);
            let Some(wanted) = declaration.inputs.get(pending.next) else {
                let pending = stack.pop();
                let pending = pending.unwrap_or_else(|| Pending::new(stage, environment));
                open[pending.stage.0] = false;
                let outcome = self.make(pending);
                match stack.last_mut() {
                    Some(user) => self.take(user, outcome.0, &outcome.1),
                    None => return outcome.0,
                }
                continue;
            };
            pending.next += 1;
            let edge = self.edges.resolve(
                declaration,
                wanted,
                &pending.environment,
                &mut pending.reads,
                &mut self.problems,
            );
            let (input, subfolder) = match edge {
                None => {
                    pending.broken = true;
                    continue;
                }
                Some(Edge::Absent) => continue,
                Some(Edge::Path(path)) => {
                    let name = Arc::clone(&wanted.name);
                    pending.inputs.push((name, InputSource::Path(path)));
                    continue;
                }
                Some(Edge::Wrong(input)) => {
                    pending.broken = true;
                    (input, None)
                }
                Some(Edge::Stage { stage, subfolder }) => (stage, subfolder),
            };
            if let Some(gathers) = &wanted.gathers {
                if !self.may_gather(pending.stage, gathers) {
                    pending.broken = true;
                    continue;
                }
                let members = Members::of(
                    self.pipeline,
                    &wanted.name,
                    gathers,
                    (input, subfolder),
                    &pending.environment,
                    &mut pending.reads,
                );
                match members {
                    Ok(members) => pending.members = Some(members),
                    Err(problem) => {
                        pending.broken = true;
                        self.problems.push(problem);
                    }
                }
                continue;
            }
            pending.wanted = Some((Arc::clone(&wanted.name), subfolder));
            let environment = Rc::clone(&pending.environment);
            self.follow(&mut stack, &mut open, input, &environment);
        }
    }

    /// Counts the results that an input gathers, and returns whether all inputs together may gather so many. A problem is
    /// reported once.
    fn may_gather(&mut self, stage: StageId, gathers: &Gathers) -> bool {
        let before = self.gathered;
        self.gathered = before.saturating_add(gathers.over.count());
        if self.gathered > MOST_GATHERED && before <= MOST_GATHERED {
            let name = &self.pipeline.stage(stage).name.text;
            let message = format!("with `{name}` inputs gather more than {MOST_GATHERED} results");
            self.problems.push(
                Diagnostic::new(message)
                    .at(&self.pipeline.source, gathers.over_span.clone(), "")
                    .help("gather fewer, or name fewer lines"),
            );
        }
        self.gathered <= MOST_GATHERED
    }

    /// Gives the last stage of the stack the job that `input` is under `environment`, or has that job resolved first.
    fn follow(
        &mut self,
        stack: &mut Vec<Pending<'p>>,
        open: &mut [bool],
        input: StageId,
        environment: &Rc<Environment<'p>>,
    ) {
        if let Some((outcome, reads)) = self.known[input.0].get(environment) {
            if let Some(pending) = stack.last_mut() {
                self.take(pending, outcome, &reads);
            }
        } else if open[input.0] {
            let from = stack.iter().position(|f| f.stage == input).unwrap_or(0);
            let cycle: Vec<_> = stack[from..].iter().map(|f| f.stage).collect();
            self.problems.push(self.cycle(&cycle));
            if let Some(pending) = stack.last_mut() {
                pending.broken = true;
                // The other members would lead to the same problem.
                pending.members = None;
            }
        } else {
            open[input.0] = true;
            stack.push(Pending::new(input, environment));
        }
    }

    /// Gives `user` the outcome of the input that it was waiting for.
    fn take(&mut self, user: &mut Pending<'p>, outcome: Result<JobIndex, Broken>, reads: &Reads) {
        let wanted = user.wanted.take();
        match &user.members {
            // The variables of `over` are bound here, so the job does not depend on what binds them elsewhere.
            Some(members) => user.reads.extend_without(reads, &members.bound),
            None => user.reads.extend(reads),
        }
        let (Ok(job), Some((name, subfolder))) = (outcome, wanted) else {
            user.broken = true;
            // The other members would lead to the same problem.
            user.members = None;
            return;
        };
        if let Some(members) = &mut user.members
            && let Some(problem) = self.alike(members, job, reads)
        {
            self.problems.push(problem);
            user.broken = true;
            user.members = None;
            return;
        }
        let declaration = self.pipeline.stage(user.stage);
        let edge = (declaration, &declaration.inputs[user.next - 1]);
        let part = subfolder.as_deref();
        let lacking = part.and_then(|part| self.lacking(job, part, edge, &user.environment));
        if let Some(problem) = lacking {
            self.problems.push(problem);
            user.broken = true;
            user.members = None;
            return;
        }
        user.inputs
            .push((name, InputSource::Job { job, subfolder }));
    }

    /// Says why a gathered job would be the same as an earlier member of the input.
    fn alike(&self, members: &mut Members<'p>, job: JobIndex, reads: &Reads) -> Option<Diagnostic> {
        let stage = &self.pipeline.stage(members.stage).name.text;
        let name = |variable: VariableId| self.pipeline.variable(variable).name.as_str();
        let mut bound = members.bound.iter();
        let unread = bound.find(|variable| !reads.contains(**variable));
        let (message, help) = match unread {
            Some(variable) => {
                let known: Vec<&str> = reads.iter().map(name).collect();
                let known = match known.is_empty() {
                    true => "no variable".to_owned(),
                    false => known.join(", "),
                };
                (
                    format!(
                        "`over` binds `{}`, which does not reach `{stage}`: its results would be one",
                        name(*variable)
                    ),
                    format!("leave it out, or gather over what reaches `{stage}`: {known}"),
                )
            }
            None if members.seen.insert(job) => return None,
            None => (
                format!("two of these values come to one result of `{stage}`"),
                "leave one of them out".to_owned(),
            ),
        };
        let span = members.gathers.over_span.clone();
        Some(
            Diagnostic::new(message)
                .at(&self.pipeline.source, span, "")
                .help(help),
        )
    }

    /// Says that a job's artifact will have no such part.
    fn lacking(
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

    /// Finishes a stage whose inputs are all resolved.
    fn make(&mut self, mut pending: Pending<'p>) -> (Result<JobIndex, Broken>, Rc<Reads>) {
        let stage = pending.stage;
        let environment = &Rc::clone(&pending.environment);
        let said = self.said(stage, environment, &mut pending.reads);
        let reads = self.known[stage.0].share(pending.reads);
        let outcome = match said {
            Some(said) if !pending.broken => {
                self.share(stage, said, pending.inputs, environment, &reads)
            }
            _ => Err(Broken),
        };
        self.known[stage.0].put(environment, &reads, outcome);
        (outcome, reads)
    }

    /// Returns what a stage's fields say. Problems are reported each time that the fields are met.
    fn said(
        &mut self,
        stage: StageId,
        environment: &Environment<'p>,
        reads: &mut Reads,
    ) -> Option<Said> {
        if let Some((said, read)) = self.params[stage.0].get(environment) {
            reads.extend(&read);
            return Some(said);
        }
        let mut read = Reads::new();
        let params = parameters(
            self.pipeline,
            self.pipeline.stage(stage),
            environment,
            &mut read,
            &mut self.problems,
        );
        reads.extend(&read);
        let mut params = params?;
        let signature = self.pipeline.stage(stage).signature;
        let ignore = take_ignored(signature.fields, &mut params);
        let all = CanonicalParams::of(&params);
        // Nearly always parameters are keyed whole, and then the bytes are kept once.
        let keyed = match contract::is_keyed_whole(signature.fields) {
            true => all.clone(),
            false => CanonicalParams::of(&contract::keyed(signature.fields, &params)),
        };
        let numerics = signature.numerics;
        let said = Said {
            keyed: if keyed == all { all.clone() } else { keyed },
            numerics: numerics.map(|class| class(&params, Device::Cpu)),
            params: all,
            ignore,
        };
        let memo = &mut self.params[stage.0];
        let read = memo.share(read);
        memo.put(environment, &read, said.clone());
        Some(said)
    }

    /// Whether there are enough problems for one report.
    pub(super) fn has_enough(&self) -> bool {
        self.problems.len() > ENOUGH
    }

    /// Takes bytes of the room that all jobs share. That there is not enough is reported once.
    fn take_room(&mut self, stage: StageId, bytes: usize) -> Result<(), Broken> {
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

    /// Returns the job of that identity, made if there is none.
    fn share(
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

    /// Returns what belongs to each input of a stage. Next to always its jobs leave out the same.
    fn selections(&mut self, stage: StageId, ignore: &Arc<[String]>) -> Arc<Selections> {
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

    fn cycle(&self, cycle: &[StageId]) -> Diagnostic {
        let cycle = from_smallest(cycle);
        let word = |id: &StageId| &self.pipeline.stage(*id).name;
        let names: Vec<_> = cycle
            .iter()
            .chain(cycle.first())
            .map(|id| word(id).text.as_str())
            .collect();
        let message = format!("stages need each other in a cycle: {}", names.join(" → "));
        let mut problem = Diagnostic::new(message)
            .help("an arrow leads from a stage to one that it needs: cut one of them");
        for (place, id) in cycle.iter().enumerate() {
            let text = format!("needs `{}`", names[place + 1]);
            problem = problem.at(&self.pipeline.source, word(id).span.clone(), text);
        }
        problem
    }
}

/// Returns the last value if the next one equals it, so that equal values are kept once.
fn shared<T: PartialEq>(last: &mut Arc<T>, next: T) -> Arc<T> {
    if **last != next {
        *last = next.into();
    }
    Arc::clone(last)
}

/// Takes the patterns of files that do not belong to the inputs out of the parameters.
fn take_ignored(fields: &[Field], params: &mut Params) -> Arc<[String]> {
    let mut ignored = Vec::new();
    for field in fields {
        if field.takes.is_parameter() {
            continue;
        }
        if let Some(Value::Array(texts)) = params.0.remove(field.name) {
            let texts = texts.iter().filter_map(Value::as_str);
            ignored.extend(texts.map(str::to_owned));
        }
    }
    ignored.into()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::test_support::{PIPELINE, load};

    #[test]
    fn without_room_no_more_jobs_are_made_and_that_is_told_once() {
        let pipeline = load(PIPELINE, None, &[]).unwrap();
        let base = Rc::new(Environment::base(&pipeline));
        let mut expander = Expander::new(&pipeline, Files::There);
        expander.room = Some(1000);
        let stages: Vec<_> = pipeline.stage_list().collect();
        assert!(expander.job(stages[0], &base).is_ok());
        expander.room = Some(10);
        for stage in &stages[1..] {
            assert_eq!(expander.job(*stage, &base), Err(Broken));
        }
        let told: Vec<_> = expander.problems.iter().map(Diagnostic::message).collect();
        assert_eq!(
            told,
            ["the values of all jobs come to more than 2048 MiB here"]
        );
    }
}
