//! What a variable is, and how far it reaches.

use std::rc::Rc;

use contract::{Field, FieldType};
use serde_json::Value;

use super::edges::Files;
use super::environment::{Environment, Reads};
use super::expand::Expander;
use crate::declare::{Definition, Grid, Item, ItemValue, Line, Pipeline, Template, VariableId};

/// A variable, as a profile and `--set` leave it.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableReport {
    /// Its value; `None` where it has none, which another message says.
    pub value: Option<Value>,
    /// Where the value is written: `pipeline.toml:34 [vars]`, or `--set`.
    pub place: String,
    /// How the value is written, where that is not the value itself: `${m}`.
    pub written: Option<String>,
    /// The comment beside its declaration.
    pub meaning: Option<String>,
    /// The variables that its value is made of.
    pub made_of: Vec<String>,
    /// The keys of stages that read the variable, each with the key's description: `pretrain.masking.corrupt`.
    pub read_by: Vec<(String, Option<&'static str>)>,
    /// The stages whose jobs change with the variable.
    pub stages: Vec<String>,
    /// What gives the variable other values in tables: the table, and the row, column or grid.
    pub set_by: Vec<(String, String)>,
}

/// Describes a variable, if there is one of that name.
pub fn variable(pipeline: &Pipeline, name: &str) -> Option<VariableReport> {
    let id = *pipeline.variable_ids.get(name)?;
    let variable = pipeline.variable(id);
    let base = Environment::base(pipeline);
    let definition = variable.base();
    let origin = &definition.origin;
    let place = match origin.command_line {
        true => "--set".to_owned(),
        false => {
            let section = section(&origin.source.text, origin.span.start);
            format!("{} {section}", origin.source.line(origin.span.start))
        }
    };
    let mut reads = Reads::new();
    let value = base.variable(id, &mut reads).ok();
    let name_of = |id: VariableId| pipeline.variable(id).name.clone();
    let made_of = reads.iter().filter(|read| *read != id).map(name_of);
    let is_plain = matches!(definition.template, Template::Value(_));
    let written = origin.source.text.get(origin.span.clone());
    let mut read_by = Vec::new();
    for stage in &pipeline.stages {
        let fields = stage.signature.fields;
        let name = &stage.name.text;
        keys(&base, id, &stage.items, name, fields, &mut read_by);
    }
    Some(VariableReport {
        value: value.map(|value| value.value.into_owned()),
        place,
        written: written.filter(|_| !is_plain).map(str::to_owned),
        meaning: comment(&pipeline.source.text, variable.declared.end),
        made_of: made_of.collect(),
        read_by,
        stages: stages(pipeline, id),
        set_by: set_by(pipeline, id),
    })
}

/// Finds the keys of a stage that read a variable, by itself or through others.
fn keys(
    base: &Environment<'_>,
    variable: VariableId,
    items: &[Item],
    path: &str,
    fields: &'static [Field],
    found: &mut Vec<(String, Option<&'static str>)>,
) {
    let reads = |definition: &Definition| {
        let mut reads = Reads::new();
        base.reads_of(definition, &mut reads);
        reads.contains(variable)
    };
    for item in items {
        let name = &item.key.text;
        let path = format!("{path}.{name}");
        let field = fields.iter().find(|field| field.is_called(name));
        let read = match &item.value {
            ItemValue::Value(definition) => reads(definition),
            ItemValue::List(definitions) => definitions.iter().any(reads),
            ItemValue::Table(items) => {
                let inner = field.and_then(|field| field.takes.table());
                let inner = inner.unwrap_or_default();
                keys(base, variable, items, &path, inner, found);
                false
            }
        };
        if read {
            found.push((path, field.map(|field| field.about)));
        }
    }
}

/// Returns the stages whose jobs read a variable, themselves or through jobs that they rest on, as the stages are declared.
fn stages(pipeline: &Pipeline, variable: VariableId) -> Vec<String> {
    let mut expander = Expander::new(pipeline, Files::Any);
    let base = Rc::new(Environment::base(pipeline));
    let reading = pipeline.stage_list().filter(|stage| {
        // What is wrong with a stage that a table has to complete does not matter here.
        let _ = expander.job(*stage, &base);
        let reads = expander.reads(*stage, &base);
        reads.is_some_and(|reads| reads.contains(variable))
    });
    reading
        .map(|stage| pipeline.stage(stage).name.text.clone())
        .collect()
}

/// Finds what binds a variable in tables.
fn set_by(pipeline: &Pipeline, variable: VariableId) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for table in &pipeline.outputs {
        let binds = |line: &&Line| line.bindings.iter().any(|(bound, _)| *bound == variable);
        let number = |lines: &[Line]| lines.iter().filter(binds).count();
        let lines = table.rows.iter().chain(&table.columns);
        let mut grids = lines
            .filter_map(|line| line.best.as_ref())
            .chain(&table.best);
        let places = [
            ("rows", number(&table.rows) > 0),
            ("columns", number(&table.columns) > 0),
            ("over", table.over.binds(variable)),
            ("best", grids.any(|grid: &Grid| grid.binds(variable))),
        ];
        for (place, _) in places.iter().filter(|(_, binds)| *binds) {
            found.push((table.name.text.clone(), (*place).to_owned()));
        }
    }
    found
}

/// Returns the table of TOML that a byte lies in: `[vars]`.
fn section(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let mut lines = before.lines().rev().map(str::trim_start);
    let header = lines.find(|line| line.starts_with('['));
    let header = header.and_then(|line| line.split('#').next());
    header.map_or("", str::trim_end)
}

/// Returns the comment that stands behind a value on its line.
fn comment(text: &str, end: usize) -> Option<String> {
    let rest = text.get(end..)?.lines().next()?.trim_start();
    let comment = rest.strip_prefix('#')?.trim();
    (!comment.is_empty()).then(|| comment.to_owned())
}
