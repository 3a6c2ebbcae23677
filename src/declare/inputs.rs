//! What a stage takes in and what it makes, where the file has a say in it.

use std::ops::Range;

use contract::{ArtifactType, Field, FieldDefault, FieldType};
use serde_json::Value;

use super::model::{InputDeclaration, Item, ItemValue};
use super::template::Template;

/// Returns the inputs of a stage: those of its kind in the order of the signature, and in their place those that the file
/// names.
pub(super) fn declared_inputs(fields: &[Field], items: &[Item]) -> Vec<InputDeclaration> {
    let mut inputs = Vec::new();
    for field in fields {
        match field.takes {
            FieldType::Input(takes) => inputs.push(InputDeclaration {
                name: field.name.into(),
                path: vec![field.name.to_owned()],
                takes: Some(takes),
                optional: matches!(field.default, FieldDefault::Absent),
                about: field.about,
                gathers: None,
            }),
            FieldType::Inputs => {
                let item = items.iter().find(|item| item.key.text == field.name);
                // A value that is no table is refused by the signature's check.
                let Some(ItemValue::Table(named)) = item.map(|item| &item.value) else {
                    continue;
                };
                inputs.extend(named.iter().map(|item| InputDeclaration {
                    name: item.key.text.as_str().into(),
                    path: vec![field.name.to_owned(), item.key.text.clone()],
                    takes: None,
                    optional: false,
                    about: field.about,
                    gathers: None,
                }));
            }
            _ => {}
        }
    }
    inputs
}

/// Returns the type that a stage says it makes, if its kind leaves that to the file. A word that the kind does not take is
/// refused by the signature's check.
///
/// # Errors
/// The message and its place, where the word is left to a variable.
pub(super) fn chosen_output(
    fields: &[Field],
    items: &[Item],
) -> Result<Option<ArtifactType>, (String, Range<usize>)> {
    let output = fields.iter().find_map(|field| match field.takes {
        FieldType::Output(types) => Some((field, types)),
        _ => None,
    });
    let Some((field, types)) = output else {
        return Ok(None);
    };
    let item = items.iter().find(|item| item.key.text == field.name);
    let word = match item.map(|item| (&item.value, item.span.clone())) {
        None => match field.default {
            FieldDefault::Text(word) => Some(word),
            _ => None,
        },
        Some((ItemValue::Value(definition), span)) => match &definition.template {
            Template::Value(Value::String(word)) => Some(word.as_str()),
            Template::Variable(_) | Template::Text(_) => {
                let message = format!("`{}` cannot be left to a variable", field.name);
                return Err((message, span));
            }
            _ => None,
        },
        Some(_) => None,
    };
    Ok(word.and_then(|word| types.iter().copied().find(|kind| kind.name() == word)))
}
