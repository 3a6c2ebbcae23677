//! What jobs are called: `finetune[m=0.15,task=mnli]`.
//!
//! A label names the variables that set a job apart: those it reaches, itself or through its inputs, that something
//! else than the profile bound to something else than the profile says. Where that leaves two jobs with one label
//! (rows may bind a variable to what it would have been elsewhere), more of the reached variables are named until
//! they differ.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;

use super::Job;
use super::environment::{Environment, Reads};
use crate::declare::{Pipeline, VariableId, written_binding, written_bindings};

/// Where a job's label comes from: the first environment that led to it, and the variables that were read there.
pub(super) struct Trace<'p> {
    pub(super) environment: Rc<Environment<'p>>,
    pub(super) reads: Rc<Reads>,
}

/// Makes labels.
pub(super) struct Labels<'p> {
    pipeline: &'p Pipeline,
    /// What each variable is by the profile alone.
    profile: Vec<Option<Value>>,
    /// By definition of a variable that is a plain value: its part of a short label; `None` if it does not belong there.
    named: RefCell<Named>,
}

/// The part of a label that names a variable, by variable and definition.
type Named = HashMap<(VariableId, usize), Option<Rc<str>>>;

impl<'p> Labels<'p> {
    pub(super) fn new(pipeline: &'p Pipeline) -> Self {
        let environment = Environment::profile(pipeline);
        let profile = (0..pipeline.variables.len())
            .map(|place| value(&environment, VariableId(place)))
            .collect();
        Self {
            pipeline,
            profile,
            named: RefCell::default(),
        }
    }

    /// Names the variables that differ from the profile.
    pub(super) fn short(&self, stage: &str, trace: &Trace<'p>) -> String {
        let mut text = stage.to_owned();
        let mut before = '[';
        for variable in trace.reads.iter() {
            if let Some(named) = self.named(&trace.environment, variable) {
                text.push(before);
                text.push_str(&named);
                before = ',';
            }
        }
        if before == ',' {
            text.push(']');
        }
        text
    }

    /// Returns `variable=value`, if the variable differs from the profile.
    fn named(&self, environment: &Environment<'p>, variable: VariableId) -> Option<Rc<str>> {
        if !environment.is_bound(variable) {
            return None;
        }
        if !environment.is_plain(variable) {
            return self.name(environment, variable);
        }
        let definition = (variable, environment.identity(variable));
        if let Some(known) = self.named.borrow().get(&definition) {
            return known.clone();
        }
        let named = self.name(environment, variable);
        self.named.borrow_mut().insert(definition, named.clone());
        named
    }

    fn name(&self, environment: &Environment<'p>, variable: VariableId) -> Option<Rc<str>> {
        // A variable that is bound to its value under the profile is not named.
        let found = value(environment, variable);
        let declared = self.pipeline.variable(variable);
        let here = environment
            .evaluate(&declared.profile, &mut Reads::new())
            .ok()
            .map(|evaluated| evaluated.value.into_owned());
        let profile = self.profile[variable.0].as_ref();
        if same(found.as_ref(), profile) && same(found.as_ref(), here.as_ref()) {
            return None;
        }
        Some(written_binding(&declared.name, &found?).into())
    }

    /// Names the variables reached that `shown` lets pass.
    fn write(&self, stage: &str, trace: &Trace<'p>, shown: impl Fn(VariableId) -> bool) -> String {
        let named: Vec<_> = trace
            .reads
            .iter()
            .filter(|variable| shown(*variable))
            .filter_map(|variable| {
                let name = self.pipeline.variable(variable).name.as_str();
                Some((name, value(&trace.environment, variable)?))
            })
            .collect();
        let bindings = written_bindings(named.iter().map(|(name, value)| (*name, value)));
        format!("{stage}{bindings}")
    }
}

/// Gives every job a label of its own.
pub(super) fn distinguish(graph: &mut DiGraph<Job, ()>, traces: &[Trace<'_>], labels: &Labels<'_>) {
    for step in [Step::Bound, Step::Reached, Step::Counted] {
        let clashing = clashing(graph);
        if clashing.is_empty() {
            return;
        }
        for (number, node) in clashing {
            let trace = &traces[node.index()];
            let stage = Arc::clone(&graph[node].stage);
            let label = match step {
                Step::Bound => labels.write(&stage, trace, |variable| {
                    trace.environment.is_bound(variable)
                }),
                Step::Reached => labels.write(&stage, trace, |_| true),
                Step::Counted => format!("{}#{number}", graph[node].label),
            };
            graph[node].label = label.into();
        }
    }
}

/// How much a label says.
#[derive(Clone, Copy)]
enum Step {
    /// Every variable bound by something else than the profile.
    Bound,
    /// Every variable reached.
    Reached,
    /// A number as well: only for labels whose values look alike (one relative path, written at two places).
    Counted,
}

/// Returns the jobs that share a label, each with its number among those that do.
fn clashing(graph: &DiGraph<Job, ()>) -> Vec<(usize, NodeIndex)> {
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(graph.node_count());
    for job in graph.node_weights() {
        *seen.entry(&job.label).or_default() += 1;
    }
    seen.retain(|_, count| *count > 1);
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    graph
        .node_indices()
        .filter(|node| seen.contains_key(&*graph[*node].label))
        .map(|node| {
            let number = numbers.entry(&graph[node].label).or_default();
            *number += 1;
            (*number, node)
        })
        .collect()
}

fn value(environment: &Environment<'_>, variable: VariableId) -> Option<Value> {
    let evaluated = environment.variable(variable, &mut Reads::new()).ok()?;
    Some(evaluated.value.into_owned())
}

/// Returns whether there are two values and they are equal, numbers by value.
pub(super) fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return false;
    };
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
