//! `pipe list`.

mod costs;
mod names;
mod scores;

use contract::{Column, Field, FieldDefault, FieldType, FileForm, KeyPolicy, OutputFile, Stage};
use serde_json::{Value, json};

use self::costs::Costs;
use super::Exit;
use super::arguments::ListArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json, tell};
use super::project::Project;
use crate::declare::grammar;
use crate::errors::nearest;
use crate::registry::Registry;
use crate::terminal::Paint;

/// Shows what the pipeline declares, or what a stage kind takes.
pub(super) fn list(arguments: &ListArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    if let Some(name) = &arguments.name {
        return named(name, arguments, registry);
    }
    let project = Project::load(&arguments.common, registry)?;
    let pipeline = &project.pipeline;
    let costs = Costs::look(&project, registry);
    if arguments.common.json {
        let outputs = grammar::outputs().map(|kind| {
            let alike = pipeline.outputs().filter(|output| output.kind == kind.word);
            let alike = alike.map(|output| {
                let cost = costs.output(output.name);
                json!({ "name": output.name, "title": output.title, "cost": cost })
            });
            (format!("{}s", kind.word), alike.collect())
        });
        let groups = pipeline.groups().iter().map(|group| {
            let cost = costs.group(group);
            json!({ "name": group.name, "title": group.title, "tables": group.tables, "cost": cost })
        });
        let stages = pipeline.stages().map(|(name, signature)| {
            json!({ "name": name, "kind": signature.kind, "output": signature.output.name() })
        });
        let kinds = registry.stages().map(|stage| kind_json(stage, registry));
        let mut all = json!({
            "schema_version": 1,
            "profile": pipeline.profile(),
            "profiles": pipeline.profiles().collect::<Vec<_>>(),
            "groups": groups.collect::<Vec<_>>(),
            "stages": stages.collect::<Vec<_>>(),
            "variables": pipeline.variables().collect::<Vec<_>>(),
            "kinds": kinds.collect::<Vec<_>>(),
        });
        if let Value::Object(all) = &mut all {
            all.extend(outputs);
        }
        print_json(&all)?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    for kind in grammar::outputs() {
        let word = kind.word;
        let heading = format!(
            "{}{}s (pipe run {word}:NAME)",
            word[..1].to_uppercase(),
            &word[1..]
        );
        let alike = pipeline.outputs().filter(|output| output.kind == word);
        let named = alike.map(|output| {
            let cost = costs.output(output.name);
            (output.name.to_owned(), output.title.to_owned(), cost)
        });
        costs.section(&mut text, &heading, &named.collect::<Vec<_>>());
    }
    let groups = pipeline.groups().iter().map(|group| {
        let tables = group.tables.join(", ");
        let about = match &group.title {
            Some(title) => format!("{title}: {tables}"),
            None => tables,
        };
        (group.name.clone(), about, costs.group(group))
    });
    let heading = "Groups of tables (pipe run group:NAME)";
    costs.section(&mut text, heading, &groups.collect::<Vec<_>>());
    section(
        &mut text,
        "Stages (pipe run stage:NAME)",
        pipeline.stages().map(|(name, signature)| {
            let kind = match signature.kind == name {
                true => String::new(),
                false => format!("{}: ", signature.kind),
            };
            (name.to_owned(), format!("{kind}{}", signature.about))
        }),
    );
    let variables: Vec<&str> = pipeline.variables().collect();
    text += &format!(
        "{}\n  {}\n\n",
        "Variables (--set NAME=VALUE; pipe list NAME tells one's value, meaning and reach)".bold(),
        variables.join(", ")
    );
    let profiles: Vec<String> = pipeline
        .profiles()
        .map(|name| match name == pipeline.profile() {
            true => format!("{name} (in force)"),
            false => name.to_owned(),
        })
        .collect();
    text += &format!(
        "{}\n  {}\n\n",
        "Profiles (--profile NAME)".bold(),
        profiles.join(", ")
    );
    section(
        &mut text,
        "Stage kinds (pipe list KIND shows what one takes)",
        registry.stages().map(|stage| {
            let signature = stage.signature();
            (signature.kind.to_owned(), signature.about.to_owned())
        }),
    );
    print(text.trim_end()).and_then(|()| print("\n"))?;
    if let Some(note) = costs.note().filter(|_| !arguments.common.quiet) {
        tell(&format!("{} {note}", "note:".cyan()));
    }
    Ok(Exit::Ok)
}

/// Shows everything of that name: a stage kind, and what the pipeline gives the name to.
fn named(
    name: &str,
    arguments: &ListArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let kind = registry.get(name);
    // What a kind takes can be told without a pipeline.
    let project = match Project::load(&arguments.common, registry) {
        Ok(project) => Some(project),
        Err(_) if kind.is_some() => None,
        Err(failure) => return Err(failure),
    };
    if arguments.common.json {
        let mut value = kind.map_or_else(|| json!({}), |kind| kind_json(kind, registry));
        if let (Some(object), Some(project)) = (value.as_object_mut(), &project) {
            object.extend(names::json(project, name, registry));
        }
        if value.as_object().is_some_and(|object| !object.is_empty()) {
            print_json(&value)?;
            return Ok(Exit::Ok);
        }
    }
    let mut texts = Vec::new();
    texts.extend(
        project
            .as_ref()
            .map(|project| names::text(project, name, registry)),
    );
    texts.extend(kind.map(|kind| kind_text(kind, registry)));
    texts.retain(|text| !text.is_empty());
    if texts.is_empty() {
        let pipeline = project.as_ref().map(|project| &project.pipeline);
        let mut known: Vec<&str> = registry.kinds().collect();
        known.extend(pipeline.map(names::all).unwrap_or_default());
        return Err(CommandFailure::Usage {
            message: format!(
                "there is no stage kind `{name}`, and no table, group, stage, variable or profile of that name"
            ),
            remedy: match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`pipe list` shows what there is".into(),
            },
        });
    }
    print(&texts.join("\n"))?;
    Ok(Exit::Ok)
}

fn section(text: &mut String, heading: &str, entries: impl Iterator<Item = (String, String)>) {
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() {
        return;
    }
    let width = entries
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0);
    *text += &format!("{}\n", heading.bold());
    for (name, about) in entries {
        *text += &format!("  {}  {about}\n", format!("{name:<width$}").cyan());
    }
    text.push('\n');
}

fn kind_text(stage: &dyn Stage, registry: &Registry) -> String {
    let signature = stage.signature();
    let chosen = signature
        .fields
        .iter()
        .find(|field| matches!(field.takes, FieldType::Output(_)));
    let makes = match chosen {
        Some(field) => format!("what `{}` says", field.name),
        None => signature.output.to_string(),
    };
    let mut text = format!(
        "{}: {}\nmakes: {makes}\n\n",
        signature.kind.bold(),
        signature.about,
    );
    fields_text(&mut text, signature.fields, 0);
    files_text(&mut text, signature.files);
    text + &scores::text(stage, registry)
}

/// Says which files the artifact consists of, and what their columns hold.
fn files_text(text: &mut String, files: &[OutputFile]) {
    if files.is_empty() {
        return;
    }
    *text += &format!("\n{}\n", "writes".bold());
    for file in files {
        let when = file
            .when
            .map(|when| format!(" ({when})"))
            .unwrap_or_default();
        *text += &format!("  {}{when}\n      {}\n", file.path.cyan(), file.about);
        let columns = file.columns().iter();
        let cells: Vec<[String; 2]> = columns
            .map(|column| {
                let null = if column.nullable { ", or null" } else { "" };
                [
                    column.name.to_owned(),
                    format!("{}{null}", column.holds.name()),
                ]
            })
            .collect();
        let width = |at: usize| cells.iter().map(|cell| cell[at].len()).max().unwrap_or(0);
        let [name_width, type_width] = [width(0), width(1)];
        for (column, [name, holds]) in file.columns().iter().zip(&cells) {
            let about = column.about;
            *text += &format!("      {name:<name_width$}  {holds:<type_width$}  {about}\n");
        }
    }
}

fn fields_text(text: &mut String, fields: &[Field], depth: usize) {
    let indent = "  ".repeat(depth);
    for field in fields {
        let default = match field.default {
            FieldDefault::Required => " (required)".to_owned(),
            FieldDefault::Absent | FieldDefault::Table => String::new(),
            default => default
                .value()
                .map(|value| format!(" = {value}"))
                .unwrap_or_default(),
        };
        *text += &format!("{indent}{}{default}\n", field.name.cyan());
        match field.takes {
            FieldType::Table(inner) => {
                *text += &format!("{indent}    {}\n", field.about);
                fields_text(text, inner, depth + 2);
            }
            takes => {
                let about = field.about.trim_end_matches('.');
                let key = match field.key {
                    KeyPolicy::Never | KeyPolicy::As(_) => {
                        "; it can be changed without running anew"
                    }
                    KeyPolicy::Always | KeyPolicy::Unless(_) | KeyPolicy::If(_) => "",
                };
                *text += &format!("{indent}    {about}; {}{key}\n", takes.describe());
                fields_text(text, takes.table().unwrap_or_default(), depth + 2);
            }
        }
    }
}

fn kind_json(stage: &dyn Stage, registry: &Registry) -> Value {
    let signature = stage.signature();
    json!({
        "kind": signature.kind,
        "version": signature.version,
        "about": signature.about,
        "output": signature.output.name(),
        "numeric": signature.numerics.is_some(),
        "fields": fields_json(signature.fields),
        "files": files_json(signature.files),
        "scores": scores::json(stage, registry),
    })
}

fn files_json(files: &[OutputFile]) -> Value {
    let column = |column: &Column| {
        json!({
            "name": column.name,
            "type": column.holds.name(),
            "nullable": column.nullable,
            "about": column.about,
        })
    };
    let files = files.iter().map(|file| {
        json!({
            "path": file.path,
            "when": file.when,
            "about": file.about,
            "light": file.light,
            "log": matches!(file.form, FileForm::Log(_)),
            "columns": file.columns().iter().map(column).collect::<Vec<_>>(),
        })
    });
    files.collect()
}

fn fields_json(fields: &[Field]) -> Value {
    fields
        .iter()
        .map(|field| {
            let inner = field.takes.table().map_or(Value::Null, fields_json);
            json!({
                "name": field.name,
                "takes": field.takes.describe(),
                "required": field.default == FieldDefault::Required,
                "default": field.default.value(),
                "about": field.about,
                "fields": inner,
            })
        })
        .collect()
}
