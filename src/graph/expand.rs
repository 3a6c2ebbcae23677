//! Stages to jobs.
//!
//! A stage is resolved under an environment: its parameters evaluated, its inputs followed. The outcome depends on
//! the variables that were read on the way and on nothing else, so it is remembered under their definitions: the
//! next environment that agrees on those gets the same job without another look. The walk keeps its own stack; a
//! long chain of stages costs memory, not the thread's stack.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use contract::{FieldType, Params};
use petgraph::graph::DiGraph;

use super::edges::{Edge, Edges};
use super::environment::{Environment, Reads, from_smallest};
use super::parameters::parameters;
use super::resources::resources;
use super::{InputSource, Job, JobGraph, JobIndex, label};
use crate::declare::{Pipeline, StageId, VariableId};
use crate::errors::Diagnostic;

/// A job could not be made; the reason is among the problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// What a job is: two that agree in this are one.
type Identity = (StageId, String, BTreeMap<String, InputSource>);

/// Makes jobs, each once.
pub(super) struct Expander<'p> {
    pub(super) pipeline: &'p Pipeline,
    edges: Edges<'p>,
    graph: DiGraph<Job, String>,
    identities: HashMap<Identity, JobIndex>,
    /// Per stage: what is known of it.
    known: Vec<Vec<Known>>,
    /// Per job: where its label comes from.
    traces: Vec<label::Trace<'p>>,
    labels: label::Labels<'p>,
    pub(super) problems: Vec<Diagnostic>,
}

/// Outcomes of a stage that came about by reading one set of variables.
struct Known {
    reads: Rc<Reads>,
    /// By the definitions of those variables.
    outcomes: HashMap<Vec<usize>, Result<JobIndex, Broken>>,
}

/// A stage on its way to becoming a job.
struct Frame {
    stage: StageId,
    /// The field to look at next.
    next: usize,
    inputs: BTreeMap<String, InputSource>,
    reads: Reads,
    broken: bool,
    /// The folder wanted of the input that is being resolved.
    subfolder: Option<String>,
}

impl Frame {
    fn new(stage: StageId) -> Self {
        Self {
            stage,
            next: 0,
            inputs: BTreeMap::new(),
            reads: Reads::new(),
            broken: false,
            subfolder: None,
        }
    }
}

impl<'p> Expander<'p> {
    pub(super) fn new(pipeline: &'p Pipeline, check_paths: bool) -> Self {
        Self {
            pipeline,
            edges: Edges::new(pipeline, check_paths),
            graph: DiGraph::new(),
            identities: HashMap::new(),
            known: pipeline.stages.iter().map(|_| Vec::new()).collect(),
            traces: Vec::new(),
            labels: label::Labels::new(pipeline),
            problems: Vec::new(),
        }
    }

    /// Returns the jobs made, each under a label of its own.
    pub(super) fn finish(mut self) -> JobGraph {
        label::distinguish(&mut self.graph, &self.traces, &self.labels);
        JobGraph { graph: self.graph }
    }

    /// Returns the job that `stage` is under `environment`, made with all that it needs if it is new.
    pub(super) fn job(
        &mut self,
        stage: StageId,
        environment: &Rc<Environment<'p>>,
    ) -> Result<JobIndex, Broken> {
        if let Some((outcome, _)) = self.recall(stage, environment) {
            return outcome;
        }
        let mut open = vec![false; self.pipeline.stages.len()];
        open[stage.0] = true;
        let mut stack = vec![Frame::new(stage)];
        loop {
            let Some(frame) = stack.last_mut() else {
                return Err(Broken);
            };
            let declaration = self.pipeline.stage(frame.stage);
            let Some(field) = declaration.signature.fields.get(frame.next) else {
                let frame = stack.pop().unwrap_or_else(|| Frame::new(stage));
                open[frame.stage.0] = false;
                let outcome = self.make(frame, environment);
                match stack.last_mut() {
                    Some(user) => self.take(user, outcome.0, &outcome.1),
                    None => return outcome.0,
                }
                continue;
            };
            frame.next += 1;
            let FieldType::Input(expected) = field.takes else {
                continue;
            };
            let edge = self.edges.resolve(
                declaration,
                field,
                expected,
                environment,
                &mut frame.reads,
                &mut self.problems,
            );
            let (input, subfolder) = match edge {
                None => {
                    frame.broken = true;
                    continue;
                }
                Some(Edge::Absent) => continue,
                Some(Edge::Path(path)) => {
                    frame
                        .inputs
                        .insert(field.name.to_owned(), InputSource::Path(path));
                    continue;
                }
                Some(Edge::Wrong(input)) => {
                    frame.broken = true;
                    (input, None)
                }
                Some(Edge::Stage { stage, subfolder }) => (stage, subfolder),
            };
            frame.subfolder = subfolder;
            if let Some((outcome, reads)) = self.recall(input, environment) {
                self.take(frame, outcome, &reads);
            } else if open[input.0] {
                frame.broken = true;
                let from = stack.iter().position(|f| f.stage == input).unwrap_or(0);
                let cycle: Vec<_> = stack[from..].iter().map(|f| f.stage).collect();
                self.problems.push(self.cycle(&cycle));
            } else {
                open[input.0] = true;
                stack.push(Frame::new(input));
            }
        }
    }

    /// Gives `user` the outcome of the input it was waiting for.
    fn take(&self, user: &mut Frame, outcome: Result<JobIndex, Broken>, reads: &Reads) {
        user.reads.extend(reads);
        let subfolder = user.subfolder.take();
        let declaration = self.pipeline.stage(user.stage);
        match outcome {
            Ok(job) => {
                let name = declaration.signature.fields[user.next - 1].name.to_owned();
                user.inputs
                    .insert(name, InputSource::Job { job, subfolder });
            }
            Err(Broken) => user.broken = true,
        }
    }

    /// Finishes a stage whose inputs are all resolved.
    fn make(
        &mut self,
        mut frame: Frame,
        environment: &Rc<Environment<'p>>,
    ) -> (Result<JobIndex, Broken>, Rc<Reads>) {
        let declaration = self.pipeline.stage(frame.stage);
        let params = parameters(
            self.pipeline,
            declaration,
            environment,
            &mut frame.reads,
            &mut self.problems,
        );
        let reads = Rc::new(frame.reads);
        let outcome = match params {
            Some(params) if !frame.broken => {
                Ok(self.share(frame.stage, params, frame.inputs, environment, &reads))
            }
            _ => Err(Broken),
        };
        self.remember(frame.stage, environment, &reads, outcome);
        (outcome, reads)
    }

    /// Returns the job of that identity, made if there is none.
    fn share(
        &mut self,
        stage: StageId,
        params: Params,
        inputs: BTreeMap<String, InputSource>,
        environment: &Rc<Environment<'p>>,
        reads: &Rc<Reads>,
    ) -> JobIndex {
        // Complete parameters stand in the order of the signature: equal ones give equal text.
        let text = serde_json::to_string(&params).unwrap_or_default();
        let identity = (stage, text, inputs);
        if let Some(job) = self.identities.get(&identity) {
            return *job;
        }
        let inputs = identity.2.clone();
        let declaration = self.pipeline.stage(stage);
        let signature = &declaration.signature;
        let resources = resources(self.pipeline, declaration, environment, &mut self.problems);
        let trace = label::Trace {
            environment: Rc::clone(environment),
            reads: Rc::clone(reads),
        };
        let node = self.graph.add_node(Job {
            stage: declaration.name.text.clone(),
            kind: signature.kind,
            label: self.labels.short(&declaration.name.text, &trace),
            params,
            inputs: inputs.clone(),
            output: signature.output,
            version: signature.version,
            numeric: signature.numeric,
            resources,
        });
        self.traces.push(trace);
        for (name, input) in inputs {
            if let InputSource::Job { job, .. } = input {
                self.graph.add_edge(job.0, node, name);
            }
        }
        let job = JobIndex(node);
        self.identities.insert(identity, job);
        job
    }

    fn recall(
        &self,
        stage: StageId,
        environment: &Environment<'p>,
    ) -> Option<(Result<JobIndex, Broken>, Rc<Reads>)> {
        self.known[stage.0].iter().find_map(|known| {
            let outcome = known
                .outcomes
                .get(&definitions(environment, &known.reads))?;
            Some((*outcome, Rc::clone(&known.reads)))
        })
    }

    fn remember(
        &mut self,
        stage: StageId,
        environment: &Environment<'p>,
        reads: &Rc<Reads>,
        outcome: Result<JobIndex, Broken>,
    ) {
        let all = &mut self.known[stage.0];
        let place = all
            .iter()
            .position(|known| known.reads == *reads)
            .unwrap_or_else(|| {
                all.push(Known {
                    reads: Rc::clone(reads),
                    outcomes: HashMap::new(),
                });
                all.len() - 1
            });
        all[place]
            .outcomes
            .insert(definitions(environment, reads), outcome);
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

/// Returns what tells an environment from others, as far as `reads` looks.
fn definitions(environment: &Environment<'_>, reads: &Reads) -> Vec<usize> {
    reads
        .iter()
        .map(|variable: &VariableId| environment.identity(*variable))
        .collect()
}
