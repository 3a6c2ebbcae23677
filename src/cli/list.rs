//! `pipe list`.

use contract::{Default as FieldDefault, Field, FieldType, Signature};
use serde_json::{Value, json};

use super::Exit;
use super::arguments::ListArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json};
use super::project::Project;
use crate::registry::Registry;
use crate::terminal::Paint;

/// Shows what the pipeline declares, or what a stage kind takes.
pub(super) fn list(arguments: &ListArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    if let Some(kind) = &arguments.kind {
        let stage = registry.get(kind).ok_or_else(|| CommandFailure::Usage {
            message: format!("there is no stage kind `{kind}`"),
            remedy: format!(
                "there are {}",
                registry.kinds().collect::<Vec<_>>().join(", ")
            ),
        })?;
        let signature = stage.signature();
        if arguments.common.json {
            print_json(&signature_json(&signature))?;
        } else {
            print(&signature_text(&signature))?;
        }
        return Ok(Exit::Ok);
    }
    let project = Project::load(&arguments.common, registry)?;
    let pipeline = &project.pipeline;
    if arguments.common.json {
        let tables = pipeline
            .tables()
            .map(|(name, title)| json!({ "name": name, "title": title }));
        let groups = pipeline.groups().iter().map(
            |group| json!({ "name": group.name, "title": group.title, "tables": group.tables }),
        );
        let stages = pipeline.stages().map(|(name, signature)| {
            json!({ "name": name, "kind": signature.kind, "output": signature.output.name() })
        });
        let kinds = registry
            .stages()
            .map(|stage| signature_json(&stage.signature()));
        print_json(&json!({
            "schema_version": 1,
            "profile": pipeline.profile(),
            "profiles": pipeline.profiles().collect::<Vec<_>>(),
            "tables": tables.collect::<Vec<_>>(),
            "groups": groups.collect::<Vec<_>>(),
            "stages": stages.collect::<Vec<_>>(),
            "variables": pipeline.variables().collect::<Vec<_>>(),
            "kinds": kinds.collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    section(
        &mut text,
        "Tables (pipe run table:NAME)",
        pipeline
            .tables()
            .map(|(name, title)| (name.to_owned(), title.to_owned())),
    );
    section(
        &mut text,
        "Groups of tables (pipe run group:NAME)",
        pipeline.groups().iter().map(|group| {
            let tables = group.tables.join(", ");
            let about = match &group.title {
                Some(title) => format!("{title}: {tables}"),
                None => tables,
            };
            (group.name.clone(), about)
        }),
    );
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
        "Variables (--set NAME=VALUE)".bold(),
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

fn signature_text(signature: &Signature) -> String {
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
    text
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
                *text += &format!("{indent}    {about}; {}\n", takes.describe());
            }
        }
    }
}

fn signature_json(signature: &Signature) -> Value {
    json!({
        "kind": signature.kind,
        "version": signature.version,
        "about": signature.about,
        "output": signature.output.name(),
        "numeric": signature.numeric,
        "fields": fields_json(signature.fields),
    })
}

fn fields_json(fields: &[Field]) -> Value {
    fields
        .iter()
        .map(|field| {
            let inner = match field.takes {
                FieldType::Table(inner) => fields_json(inner),
                _ => Value::Null,
            };
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
