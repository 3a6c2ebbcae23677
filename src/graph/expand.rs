//! Stages to jobs.
//!
//! A stage is resolved under an environment: its parameters evaluated, its inputs followed. The outcome depends on
//! the variables that were read on the way and on nothing else, so it is remembered under their definitions ([`Memo`]): the
//! next environment that agrees on those gets the same job without another look. The walk keeps its own stack; a
//! long chain of stages costs memory, not the thread's stack.

mod gathering;
mod making;
mod said;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use contract::Params;
use petgraph::graph::DiGraph;
use petgraph::visit::{Dfs, Reversed};

use self::making::{Identity, LastSelections, ROOM};
use self::said::Said;
use super::edges::{Edge, Edges, Files};
use super::environment::{Environment, Reads, from_smallest};
use super::members::Members;
use super::memo::Memo;
use super::settings::{Setting, Watch};
use super::{InputName, InputSource, Job, JobGraph, JobIndex, label};
use crate::declare::{Pipeline, StageId};
use crate::errors::Diagnostic;
use crate::resources::Resources;

/// How many problems are enough for one report: a mistake may reach every cell of a large table.
const ENOUGH: usize = 1000;

/// A job could not be made; the reason is among the problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

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

    /// Whether there are enough problems for one report.
    pub(super) fn has_enough(&self) -> bool {
        self.problems.len() > ENOUGH
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
