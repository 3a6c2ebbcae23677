//! `pipe list NAME`: what has a name in the pipeline.

use crate::terminal::Paint;
use serde_json::{Map, Value, json};

use super::costs::Costs;
use crate::cli::project::Project;
use crate::declare::{OutputOutline, Pipeline, ProfileOutline};
use crate::graph::{self, VariableReport};
use crate::registry::Registry;

/// The widest line of a list of names.
const WIDTH: usize = 100;

/// Describes everything of that name: a variable, a table, a group, a stage, a profile. Empty where there is none.
pub(super) fn text(project: &Project, name: &str, registry: &Registry) -> String {
    let pipeline = &project.pipeline;
    let mut parts = Vec::new();
    if let Some(report) = graph::variable(pipeline, name) {
        parts.push(variable_text(pipeline, name, &report));
    }
    let bold = name.bold();
    if let Some(output) = pipeline.outputs().find(|output| output.name == name) {
        let command = project.command("run", &[output.target()]);
        let outline = pipeline.output_outline(name);
        let outline = outline.map(|outline| output_text(&outline));
        let outline = outline.unwrap_or_default();
        let costs = Costs::look(project, registry).line(|costs| costs.output(name));
        parts.push(format!(
            "{} {bold}: {}\n{outline}{costs}  make it: {command}\n",
            output.kind, output.title
        ));
    }
    if let Some(group) = pipeline.groups().iter().find(|group| group.name == name) {
        let title = group
            .title
            .as_deref()
            .unwrap_or("tables that are asked for together");
        let command = project.command("run", &[format!("group:{name}")]);
        let tables = group.tables.join(", ");
        let costs = Costs::look(project, registry).line(|costs| costs.group(group));
        parts.push(format!(
            "group {bold}: {title}\n  tables: {tables}\n{costs}  make them: {command}\n"
        ));
    }
    if let Some((_, signature)) = pipeline.stages().find(|(stage, _)| *stage == name) {
        let command = project.command("run", &[format!("stage:{name}")]);
        parts.push(format!(
            "stage {bold}: of kind {}, makes {}\n  run it: {command}\n",
            signature.kind, signature.output
        ));
    }
    if pipeline.profiles().any(|profile| profile == name) {
        let force = match pipeline.profile() == name {
            true => "in force".to_owned(),
            false => format!("choose it with --profile {name} or PIPE_PROFILE={name}"),
        };
        let outline = pipeline.profile_outline(name).map(profile_text);
        let outline = outline.unwrap_or_default();
        parts.push(format!("profile {bold}: {force}\n{outline}"));
    }
    parts.join("\n")
}

/// Describes the parts of an output.
fn output_text(outline: &OutputOutline) -> String {
    let mut text = String::new();
    if let Some(cell) = &outline.cell {
        text += &format!("  cell: stage {cell}\n");
    }
    for (what, labels) in [("rows", &outline.rows), ("columns", &outline.columns)] {
        text += &wrapped(&format!("  {what}: "), labels);
    }
    for (what, axes) in [
        ("over (gathered in each cell)", &outline.over),
        ("best (searched for each cell)", &outline.best),
    ] {
        let axes = axes.iter();
        let axes: Vec<String> = axes
            .map(|(variable, values)| format!("{variable} = [{}]", values.join(", ")))
            .collect();
        if !axes.is_empty() {
            text += &wrapped(&format!("  {what}: "), &axes);
        }
    }
    if let Some(row) = &outline.compared_with {
        text += &format!("  compared with: {row}\n");
    }
    if !outline.claims.is_empty() {
        text += &wrapped("  claims: ", &outline.claims);
    }
    text
}

/// Says what a profile sets.
fn profile_text(outline: &ProfileOutline) -> String {
    let mut text = String::new();
    if outline.default {
        text += "  the default\n";
    }
    if let Some(base) = &outline.extends {
        text += &format!("  extends: {base}\n");
    }
    let vars = outline.vars.iter();
    let vars: Vec<String> = vars
        .map(|(variable, value)| format!("{variable} = {value}"))
        .collect();
    if !vars.is_empty() {
        text += &wrapped("  sets: ", &vars);
    }
    for (table, keys) in &outline.tables {
        text += &format!("  replaces of table {table}: {}\n", keys.join(", "));
    }
    if outline.vars.is_empty() && outline.tables.is_empty() {
        text += "  sets nothing\n";
    }
    text
}

fn variable_text(pipeline: &Pipeline, name: &str, report: &VariableReport) -> String {
    let mut text = format!("variable {}", name.bold());
    if let Some(meaning) = &report.meaning {
        text += &format!(": {meaning}");
    }
    let value = match &report.value {
        Some(Value::String(text)) => format!("\"{text}\""),
        Some(value) => value.to_string(),
        None => "none".to_owned(),
    };
    let written = report.written.as_ref();
    let written = written
        .map(|written| format!(", as {written}"))
        .unwrap_or_default();
    text += &format!(
        "\n  value: {value}{written} ({}, profile {})\n",
        report.place,
        pipeline.profile()
    );
    if !report.made_of.is_empty() {
        text += &format!("  made of: {}\n", report.made_of.join(", "));
    }
    if report.read_by.is_empty() {
        text += "  read by no stage\n";
    } else {
        text += "  read by:\n";
        for (key, about) in &report.read_by {
            let about = about.map(|about| format!("  {}", about.trim_end_matches('.')));
            text += &format!("    {}{}\n", key.cyan(), about.unwrap_or_default());
        }
        text += &wrapped("  another value runs anew: ", &report.stages);
    }
    let tables: Vec<String> = report
        .set_by
        .iter()
        .map(|(table, place)| format!("{table} ({place})"))
        .collect();
    if !tables.is_empty() {
        text += &wrapped("  set otherwise by tables: ", &tables);
    }
    text
}

/// Lists names over as many lines as it takes.
pub(super) fn wrapped(head: &str, names: &[String]) -> String {
    let mut lines = vec![head.to_owned()];
    for (place, name) in names.iter().enumerate() {
        let comma = if place + 1 < names.len() { ", " } else { "" };
        let longer = lines.last().map_or(0, |line| line.chars().count()) + name.chars().count();
        if longer > WIDTH && place > 0 {
            lines.push("    ".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            *line += name;
            *line += comma;
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n") + "\n"
}

/// Returns everything of that name as JSON, by what it is.
pub(super) fn json(project: &Project, name: &str, registry: &Registry) -> Map<String, Value> {
    let pipeline = &project.pipeline;
    let mut found = Map::new();
    if let Some(report) = graph::variable(pipeline, name) {
        let read_by = report.read_by.iter();
        let read_by = read_by.map(|(key, about)| json!({ "key": key, "about": about }));
        let set_by = report.set_by.iter();
        let set_by = set_by.map(|(table, place)| json!({ "table": table, "place": place }));
        found.insert(
            "variable".into(),
            json!({
                "name": name,
                "value": report.value,
                "place": report.place,
                "written": report.written,
                "meaning": report.meaning,
                "made_of": report.made_of,
                "read_by": read_by.collect::<Vec<_>>(),
                "stages": report.stages,
                "set_by": set_by.collect::<Vec<_>>(),
            }),
        );
    }
    if let Some(output) = pipeline.outputs().find(|output| output.name == name) {
        let outline = pipeline.output_outline(name);
        let cost = Costs::look(project, registry).output(name);
        found.insert(
            output.kind.into(),
            json!({ "name": name, "title": output.title, "outline": outline, "cost": cost }),
        );
    }
    if let Some(group) = pipeline.groups().iter().find(|group| group.name == name) {
        let cost = Costs::look(project, registry).group(group);
        found.insert(
            "group".into(),
            json!({ "name": name, "title": group.title, "tables": group.tables, "cost": cost }),
        );
    }
    if let Some((_, signature)) = pipeline.stages().find(|(stage, _)| *stage == name) {
        let output = signature.output.name();
        found.insert(
            "stage".into(),
            json!({ "name": name, "kind": signature.kind, "output": output }),
        );
    }
    if pipeline.profiles().any(|profile| profile == name) {
        let is_in_force = pipeline.profile() == name;
        found.insert(
            "profile".into(),
            json!({ "name": name, "in_force": is_in_force, "outline": pipeline.profile_outline(name) }),
        );
    }
    found
}

/// Returns all names that there are in a pipeline.
pub(super) fn all(pipeline: &Pipeline) -> Vec<&str> {
    let outputs = pipeline.outputs().map(|output| output.name);
    let groups = pipeline.groups().iter().map(|group| group.name.as_str());
    let stages = pipeline.stages().map(|(name, _)| name);
    let names = outputs.chain(groups).chain(stages);
    names
        .chain(pipeline.variables())
        .chain(pipeline.profiles())
        .collect()
}
