//! The JSON Schema of pipeline files, for editors: what [`crate::declare`] reads, as far as a schema can say it.
//!
//! Draft 7, which is what the TOML language servers understand. The keys come from the grammar's own tables and the
//! stages' parameters from their signatures, so nothing is said twice. Names are free: that a stage, a table or a variable
//! exists is for the program to say.

mod fields;

use contract::Signature;
use serde_json::{Map, Value, json};

use crate::declare::grammar::{COMPARISON, Key, LINE, REPLACEABLE, SECTIONS, STAGE, Takes};
use crate::registry::Registry;

/// Letters, digits, `-` and `_`: what a name is made of.
const NAME: &str = "^[A-Za-z0-9_-]+$";

/// Returns the schema of files that use the stage kinds of a registry.
pub fn of(registry: &Registry) -> Value {
    let kinds: Vec<Value> = registry
        .stages()
        .map(|stage| stage_of(&stage.signature()))
        .collect();
    let mut schema = object(SECTIONS.iter());
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("pipeline.toml");
    schema["description"] = json!("Experiments for `pipe`. This schema is made by `pipe schema`.");
    schema["definitions"] = json!({
        "scalar": { "type": ["string", "number", "boolean"] },
        "values": {
            "anyOf": [
                reference("scalar"),
                { "type": "array", "minItems": 1, "items": reference("scalar") },
            ],
        },
        "variable": fields::variable(),
        "resources": fields::resources(),
        "stage": { "oneOf": kinds },
        "grid": one_or_several(&named(&reference("values"))),
        "line": line(),
        "lines": one_or_several(&reference("line")),
    });
    schema
}

/// Returns what a key takes.
fn takes(key: &Key) -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "minItems": 1, "items": text() });
    match key.takes {
        Takes::Text | Takes::Kind => text(),
        Takes::Texts => json!({ "anyOf": [text(), texts()] }),
        Takes::Names => texts(),
        Takes::Flag => json!({ "type": "boolean" }),
        Takes::Stage => json!({ "type": "string", "pattern": "^@" }),
        Takes::Selection => json!({ "type": "string", "minLength": 1 }),
        Takes::Lines => reference("lines"),
        Takes::Grid | Takes::Combinations => reference("grid"),
        Takes::Reference => json!({ "anyOf": [text(), named(&reference("scalar"))] }),
        Takes::Comparison => {
            json!({ "anyOf": [{ "enum": [false] }, object(COMPARISON.iter())] })
        }
        Takes::Row => {
            let mut values = named(&reference("scalar"));
            values["minProperties"] = json!(1);
            json!({ "anyOf": [text(), values] })
        }
        Takes::Whole { min, max } => {
            let max = (max < i64::MAX).then(|| json!(max));
            fields::range("integer", Some(json!(min)), max)
        }
        Takes::Between { above, below } => json!({
            "type": "number",
            "exclusiveMinimum": above,
            "exclusiveMaximum": below,
        }),
        Takes::Variables => named(&reference("scalar")),
        Takes::Resources => reference("resources"),
        Takes::Stages => named(&reference("stage")),
        Takes::Named(keys) => named(&object(keys.iter())),
        Takes::Output(kind) => named(&object(kind.keys.iter())),
        Takes::Replaced(kind) => {
            let replaced = kind
                .keys
                .iter()
                .filter(|key| REPLACEABLE.contains(&key.name));
            named(&object(replaced))
        }
    }
}

/// Returns the schema of a table that has these keys and no others.
fn object(keys: impl Iterator<Item = &'static Key> + Clone) -> Value {
    let properties: Map<String, Value> = keys
        .clone()
        .map(|key| (key.name.to_owned(), described(takes(key), key.about)))
        .collect();
    let required: Vec<&str> = keys
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    closed(&properties, &required)
}

/// Returns the schema of a stage of one kind.
fn stage_of(signature: &Signature) -> Value {
    let mut schema = object(STAGE.iter());
    let of_kind = fields::table(signature.fields);
    for (name, field) in of_kind["properties"].as_object().into_iter().flatten() {
        schema["properties"][name] = field.clone();
    }
    schema["properties"]["use"]["enum"] = json!([signature.kind]);
    if let (Some(required), Some(more)) = (
        schema["required"].as_array_mut(),
        of_kind["required"].as_array(),
    ) {
        required.extend(more.iter().cloned());
    }
    schema["title"] = json!(signature.kind);
    described(schema, signature.about)
}

fn closed(properties: &Map<String, Value>, required: &[&str]) -> Value {
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// Returns the schema of a table of names of the user's.
fn named(value: &Value) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "patternProperties": { NAME: value },
    })
}

/// Returns the schema of a row or a column, which binds variables beside its keys.
fn line() -> Value {
    let mut schema = object(LINE.iter());
    schema["additionalProperties"] = reference("values");
    schema
}

fn one_or_several(item: &Value) -> Value {
    json!({ "anyOf": [item, { "type": "array", "items": item }] })
}

/// Adds a description. Editors ignore what stands beside a reference, so a reference is wrapped first.
fn described(mut schema: Value, about: &str) -> Value {
    if schema.get("$ref").is_some() {
        schema = json!({ "allOf": [schema] });
    }
    schema["description"] = json!(about);
    schema
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}
