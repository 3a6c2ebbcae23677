//! The second step: names to indices, texts to templates, profile and `--set` applied.

mod axes;
mod checks;
mod compared;
mod comparison;
mod gathers;
mod groups;
mod names;
mod outputs;
mod profile;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};
use toml::de::DeValue;

use super::inputs::{chosen_output, declared_inputs};
use super::model::{
    Asked, Definition, Item, ItemValue, Origin, Pipeline, StageDeclaration, StageId, Variable,
    VariableId,
};
use super::outline::ProfileOutline;
use super::parameter::no_variable;
use super::raw::{self, Node, NodeValue, RawFile, RawStage, Word};
use super::template::{Mistake, Template};
use crate::errors::{Diagnostic, Source, did_you_mean};
use crate::registry::Registry;

/// The key of every stage that says what it needs of the machine.
const RESOURCES: &str = "resources";

/// What decides how a file is built, besides its text.
pub(super) struct Settings<'a> {
    pub(super) root: PathBuf,
    pub(super) current: PathBuf,
    pub(super) profile: Option<Asked<'a>>,
    pub(super) set: &'a [(String, String)],
    pub(super) registry: &'a Registry,
}

/// Builds the model. Where there are problems, the model serves to find more of them and is never handed out.
pub(super) fn build(
    source: &Arc<Source>,
    file: RawFile,
    settings: Settings<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Pipeline {
    let mut builder = Builder {
        source,
        variable_ids: BTreeMap::new(),
        stage_ids: BTreeMap::new(),
        stages: Vec::new(),
        has_unknown_kinds: false,
        taken: 0,
        places: 0,
        problems,
    };
    let RawFile {
        variables,
        stages,
        outputs,
        groups,
        profiles,
    } = file;
    builder.declare_variables(&variables);
    builder.declare_stages(stages, settings.registry);

    let mut variables = builder.variables(&variables);
    let outlines = profiles.iter();
    let outlines = outlines.map(|profile| ProfileOutline::of(profile, &source.text));
    let outlines = outlines.collect();
    let chosen = builder.choose(&profiles, settings.profile);
    let mut replaced = BTreeMap::new();
    builder.apply(&profiles, &chosen, &outputs, &mut variables, &mut replaced);
    builder.set(settings.set, &mut variables);

    let groups = builder.groups(groups, &outputs);
    builder.check_names(&outputs);
    let profile = chosen
        .first()
        .map_or(profile::UNNAMED, |&place| &profiles[place].name.text)
        .to_owned();
    let outputs = outputs
        .into_iter()
        .map(|mut output| {
            let name = (output.kind.word, output.name.text.clone());
            let mut has_rows = false;
            if let Some(axes) = replaced.remove(&name) {
                builder.check_axes(&output.axes);
                has_rows = axes.rows.is_some();
                axes.replace(&mut output.axes);
            }
            let replaced_by = has_rows.then_some(profile.as_str());
            builder.output(output, &settings.root, replaced_by)
        })
        .collect();
    Pipeline {
        source: Arc::clone(source),
        root: settings.root,
        current: settings.current,
        results: Arc::default(),
        profile,
        variables,
        stages: builder.stages,
        outputs,
        groups,
        profiles: outlines,
        variable_ids: builder.variable_ids,
        stage_ids: builder.stage_ids,
    }
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    variable_ids: BTreeMap<String, VariableId>,
    stage_ids: BTreeMap<String, Option<StageId>>,
    stages: Vec<StageDeclaration>,
    has_unknown_kinds: bool,
    /// What axes have taken so far, multiplied out, in bytes.
    taken: usize,
    /// How many places the tables have had so far.
    places: usize,
    problems: &'a mut Vec<Diagnostic>,
}

impl Builder<'_> {
    fn problem(&mut self, message: String, span: Range<usize>, help: impl Into<String>) {
        self.problems.push(
            Diagnostic::new(message)
                .at(self.source, span, "")
                .help(help),
        );
    }

    fn declare_variables(&mut self, variables: &[(Word, Node)]) {
        for (name, _) in variables {
            if let Err(why) = names::check_variable(&name.text) {
                let message = format!("`{}` cannot name a variable", name.text);
                self.problem(message, name.span.clone(), why);
            } else {
                let id = VariableId(self.variable_ids.len());
                self.variable_ids.insert(name.text.clone(), id);
            }
        }
    }

    fn variables(&mut self, variables: &[(Word, Node)]) -> Vec<Variable> {
        let mut built = Vec::with_capacity(variables.len());
        for (name, node) in variables {
            if self.variable_ids.contains_key(&name.text) {
                let profile = self.binding(node);
                built.push(Variable {
                    name: name.text.clone(),
                    declared: node.span.clone(),
                    profile,
                    set: None,
                });
            }
        }
        built
    }

    fn declare_stages(&mut self, stages: Vec<RawStage>, registry: &Registry) {
        for RawStage { name, kind, fields } in stages {
            if let Err(why) = names::check(&name.text) {
                let message = format!("`{}` cannot name a stage", name.text);
                self.problem(message, name.span.clone(), why);
            }
            let stage = kind.as_ref().and_then(|kind| registry.get(&kind.text));
            if let (Some(kind), None) = (&kind, stage) {
                let help = did_you_mean(&kind.text, registry.kinds(), "kinds");
                let message = format!("unknown stage kind `{}`", kind.text);
                self.problem(message, kind.span.clone(), help);
            }
            let mut items = self.items(fields);
            let resources = items.iter().position(|item| item.key.text == RESOURCES);
            let resources = resources.map(|at| items.remove(at));
            let id = stage.map(|stage| {
                let mut signature = stage.signature();
                match chosen_output(signature.fields, &items) {
                    Ok(Some(output)) => signature.output = output,
                    Ok(None) => {}
                    Err((message, span)) => {
                        self.problem(message, span, "write the word itself");
                    }
                }
                let mut inputs = declared_inputs(signature.fields, &items);
                self.gather(&mut inputs, &items);
                self.stages.push(StageDeclaration {
                    name: name.clone(),
                    stage,
                    inputs,
                    signature,
                    items,
                    resources,
                });
                StageId(self.stages.len() - 1)
            });
            self.has_unknown_kinds |= id.is_none();
            self.stage_ids.insert(name.text, id);
        }
    }

    fn items(&mut self, fields: Vec<(Word, Node)>) -> Vec<Item> {
        fields
            .into_iter()
            .map(|(key, node)| {
                let span = node.span.clone();
                let value = match node.value {
                    NodeValue::Table(fields) => ItemValue::Table(self.items(fields)),
                    NodeValue::List(nodes) => {
                        ItemValue::List(nodes.iter().map(|node| self.definition(node)).collect())
                    }
                    NodeValue::Scalar(_) => ItemValue::Value(self.definition(&node)),
                };
                Item { key, span, value }
            })
            .collect()
    }

    /// Returns the definition that a single value is. A list or a table where none can stand is kept as an empty value, and
    /// refused elsewhere.
    fn definition(&mut self, node: &Node) -> Definition {
        let origin = Origin {
            source: Arc::clone(self.source),
            span: node.span.clone(),
            command_line: false,
        };
        match &node.value {
            NodeValue::Scalar(value) => self.written(value, origin),
            NodeValue::List(_) => Definition {
                template: Template::Value(Value::Array(Vec::new())),
                origin,
            },
            NodeValue::Table(_) => Definition {
                template: Template::Value(Value::Object(Map::new())),
                origin,
            },
        }
    }

    /// Returns the definition of a variable or of its binding: a single value.
    fn binding(&mut self, node: &Node) -> Definition {
        let mut definition = self.definition(node);
        if !matches!(node.value, NodeValue::Scalar(_)) {
            let problem = Diagnostic::new("a variable holds a single value")
                .at(self.source, node.span.clone(), "")
                .help("a text, a number, true or false");
            self.problems.push(problem.clone());
            definition.template = Template::Broken(problem.into());
        }
        definition
    }

    fn written(&mut self, value: &Value, origin: Origin) -> Definition {
        let Value::String(text) = value else {
            return Definition {
                template: Template::Value(value.clone()),
                origin,
            };
        };
        let ids = &self.variable_ids;
        let template = Template::parse(text, |name| ids.get(name).copied());
        let template = template.unwrap_or_else(|mistakes| {
            let mut first = None;
            for mistake in mistakes {
                let (range, diagnostic) = match mistake {
                    Mistake::Unknown(range, name) => {
                        let known = self.variable_ids.keys().map(String::as_str);
                        let help = did_you_mean(name, known, "variables");
                        (
                            range,
                            Diagnostic::new(format!("unknown variable `{name}`")).help(help),
                        )
                    }
                    Mistake::Open(range) => {
                        let help = "write ${name}, or $${ for the plain characters";
                        (range, Diagnostic::new("`${` without `}`").help(help))
                    }
                };
                let span = names::inside(&origin, text, range);
                let diagnostic = diagnostic.at(&origin.source, span, "");
                self.problems.push(diagnostic.clone());
                first.get_or_insert(diagnostic);
            }
            first.map_or_else(
                || Template::Value(value.clone()),
                |first| Template::Broken(first.into()),
            )
        });
        Definition { template, origin }
    }

    /// Returns the remedy for a name that no variable has.
    fn no_variable(&self, name: &str) -> String {
        let known = self.variable_ids.iter();
        let known = known.map(|(name, id)| (name.as_str(), *id));
        no_variable(name, &self.stages, known)
    }

    /// Applies `--set`.
    fn set(&mut self, set: &[(String, String)], variables: &mut [Variable]) {
        for (name, text) in set {
            let source = Arc::new(Source {
                name: "command line".into(),
                text: format!("--set {name}={text}"),
            });
            let start = "--set ".len();
            let Some(id) = self.variable_ids.get(name).copied() else {
                let help = self.no_variable(name);
                self.problems.push(
                    Diagnostic::new(format!("unknown variable `{name}`"))
                        .at(&source, start..start + name.len(), "")
                        .help(help),
                );
                continue;
            };
            let span = start + name.len() + 1..source.text.len();
            let origin = Origin {
                source,
                span,
                command_line: true,
            };
            variables[id.0].set = Some(self.written(&parse_value(text), origin));
        }
    }
}

/// Reads a value of the command line: a TOML scalar, else text.
pub(crate) fn parse_value(text: &str) -> Value {
    DeValue::parse(text)
        .ok()
        .and_then(|value| raw::scalar(value.get_ref()).ok())
        .unwrap_or_else(|| Value::from(text))
}
