//! A parameter of stages that was taken for a variable.

use contract::{Field, FieldType};

use serde_json::Value;

use super::model::{Item, ItemValue, StageDeclaration, VariableId};
use super::template::Template;
use crate::errors::did_you_mean;

/// A parameter of a stage.
struct Parameter<'s> {
    stage: &'s str,
    /// The table of the stage that it stands in, if it stands in one.
    table: Option<&'static str>,
    /// The variable that gives the parameter its value, if `"${variable}"` is all that is written.
    variable: Option<VariableId>,
    /// Its value, if it is written or has a default.
    value: Option<Value>,
}

/// Returns the remedy for a name that no variable has: the parameter of that name and how to set it, else the nearest variable.
pub(super) fn no_variable<'v>(
    name: &str,
    stages: &[StageDeclaration],
    variables: impl Iterator<Item = (&'v str, VariableId)> + Clone,
) -> String {
    let found: Vec<Parameter<'_>> = stages
        .iter()
        .flat_map(|stage| parameters(name, stage))
        .collect();
    let Some(first) = found.first() else {
        return did_you_mean(name, variables.map(|(name, _)| name), "variables");
    };
    let name_of = |id: VariableId| {
        let mut all = variables.clone();
        all.find(|(_, other)| *other == id).map(|(name, _)| name)
    };
    let mut bound: Vec<String> = Vec::new();
    let mut free: Vec<&str> = Vec::new();
    for parameter in &found {
        match parameter.variable.and_then(name_of) {
            Some(variable) => {
                bound.push(format!("`{variable}` (for {})", parameter.stage));
            }
            None => free.push(parameter.stage),
        }
    }
    if !bound.is_empty() {
        return format!(
            "`{name}` is a parameter; set its variable: {}",
            bound.join(", ")
        );
    }
    let value = first.value.as_ref().map(Value::to_string);
    let value = value.unwrap_or_else(|| "…".to_owned());
    let place = match first.table {
        Some(table) => format!("`{table}` of the stage"),
        None => "the stage".to_owned(),
    };
    format!(
        "`{name}` is a parameter of {}: bind it to a variable: `{name} = {value}` in [vars], `{name} = \"${{{name}}}\"` in {place}",
        free.join(", ")
    )
}

/// Whether a field takes what a variable may hold, and no input.
fn is_scalar(takes: FieldType) -> bool {
    matches!(
        takes,
        FieldType::Bool
            | FieldType::Integer { .. }
            | FieldType::Number { .. }
            | FieldType::Text
            | FieldType::Choice(_)
            | FieldType::OrTable { .. }
    )
}

/// Finds the parameters of a stage that have a name.
fn parameters<'s>(name: &str, stage: &'s StageDeclaration) -> Vec<Parameter<'s>> {
    let mut found = Vec::new();
    let mut add = |table: Option<&'static str>, fields: &'static [Field], items: &[Item]| {
        let Some(field) = fields
            .iter()
            .find(|field| field.name == name && is_scalar(field.takes))
        else {
            return;
        };
        let written = items.iter().find(|item| item.key.text == name);
        let written = written.and_then(|item| match &item.value {
            ItemValue::Value(definition) => Some(&definition.template),
            ItemValue::List(_) | ItemValue::Table(_) => None,
        });
        let (variable, value) = match written {
            Some(Template::Variable(id)) => (Some(*id), None),
            Some(Template::Value(value)) => (None, Some(value.clone())),
            Some(_) => (None, None),
            None => (None, field.default.value().filter(|value| !value.is_null())),
        };
        found.push(Parameter {
            stage: &stage.name.text,
            table,
            variable,
            value,
        });
    };
    add(None, stage.signature.fields, &stage.items);
    for field in stage.signature.fields {
        if let FieldType::Table(inner) = field.takes {
            let written = stage.items.iter().find(|item| item.key.text == field.name);
            let items = match written.map(|item| &item.value) {
                Some(ItemValue::Table(items)) => &items[..],
                _ => &[],
            };
            add(Some(field.name), inner, items);
        }
    }
    found
}
