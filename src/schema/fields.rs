//! The parameters of stages.

use contract::{ArtifactType, Field, FieldDefault, FieldType};
use serde_json::{Map, Value, json};

use super::{closed, described, reference};

/// Returns the schema of a table of these fields.
pub(super) fn table(fields: &[Field]) -> Value {
    let properties = fields.iter().flat_map(|field| {
        let former = field.formerly.map(|name| (name.to_owned(), former(field)));
        former
            .into_iter()
            .chain([(field.name.to_owned(), property(field))])
    });
    let properties: Map<String, Value> = properties.collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.default == FieldDefault::Required)
        .map(|field| field.name)
        .collect();
    closed(&properties, &required)
}

/// Returns the schema of `"${name}"`, which takes over a variable's value.
pub(super) fn variable() -> Value {
    json!({ "type": "string", "pattern": r"^\$\{[^{}]+\}$" })
}

/// Returns the schema of a field under the name that it had before.
fn former(field: &Field) -> Value {
    let mut schema = value(field.takes);
    schema["deprecated"] = json!(true);
    described(schema, &format!("What `{}` was called before.", field.name))
}

fn property(field: &Field) -> Value {
    let mut schema = described(value(field.takes), field.about);
    match field.default.value() {
        None | Some(Value::Null) => {}
        Some(default) => schema["default"] = default,
    }
    schema
}

/// Returns the schema of what a field takes.
fn value(takes: FieldType) -> Value {
    match takes {
        FieldType::Bool => or_variable(&json!({ "type": "boolean" })),
        FieldType::Integer { min, max } => or_variable(&range(
            "integer",
            (min > i64::MIN).then(|| json!(min)),
            (max < i64::MAX).then(|| json!(max)),
        )),
        FieldType::Number { min, max } => or_variable(&range(
            "number",
            (min > f64::MIN).then(|| json!(min)),
            (max < f64::MAX).then(|| json!(max)),
        )),
        FieldType::Text => json!({ "type": "string" }),
        // A variable may be a part of the word.
        FieldType::Choice(words) => json!({
            "anyOf": [{ "enum": words }, { "type": "string", "pattern": r"\$\{" }],
        }),
        FieldType::Table(fields) => table(fields),
        FieldType::OrTable {
            single,
            table: fields,
        } => json!({ "anyOf": [value(*single), table(fields)] }),
        FieldType::Input(ArtifactType::Folder) => input(),
        FieldType::Input(_) => json!({ "type": "string" }),
        FieldType::TextList | FieldType::Ignore => {
            json!({ "type": "array", "items": reference("scalar") })
        }
        FieldType::IntegerSet { min, max } => {
            let item = range("integer", Some(json!(min)), Some(json!(max)));
            json!({ "type": "array", "items": or_variable(&item) })
        }
        FieldType::TextTable => {
            json!({ "type": "object", "additionalProperties": reference("scalar") })
        }
        FieldType::Inputs => {
            json!({ "type": "object", "additionalProperties": input() })
        }
        FieldType::Output(types) => {
            let words: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
            json!({ "enum": words })
        }
    }
}

/// Returns the schema of an input that may gather the results of a stage.
fn input() -> Value {
    let over = json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": reference("values"),
    });
    let properties = [
        (
            "stage".to_owned(),
            described(
                json!({ "type": "string" }),
                "The stage whose results are gathered: \"@stage\".",
            ),
        ),
        (
            "over".to_owned(),
            described(
                over,
                "The values that they are gathered over: { seed = [0, 1, 2] }.",
            ),
        ),
    ];
    let gathers = closed(&properties.into_iter().collect(), &["stage", "over"]);
    json!({ "anyOf": [{ "type": "string" }, gathers] })
}

/// Returns the schema of `resources`, a key of every stage.
pub(super) fn resources() -> Value {
    let described = |schema: Value, about| described(or_variable(&schema), about);
    let properties = [
        (
            "threads",
            described(
                range("integer", Some(json!(1)), None),
                "Threads of each job.",
            ),
        ),
        (
            "memory",
            described(
                json!({ "type": "string", "pattern": r"^ *[0-9]" }),
                "Memory that each job holds at most: \"8 GB\".",
            ),
        ),
        (
            "gpus",
            described(range("integer", Some(json!(0)), None), "GPUs of each job."),
        ),
        (
            "time",
            described(
                json!({ "type": "string" }),
                "On a cluster: the time limit of each job, \"4h\".",
            ),
        ),
        (
            "partition",
            described(json!({ "type": "string" }), "On a cluster: the partition."),
        ),
        (
            "account",
            described(
                json!({ "type": "string" }),
                "On a cluster: the account that is charged.",
            ),
        ),
        (
            "qos",
            described(
                json!({ "type": "string" }),
                "On a cluster: the quality of service.",
            ),
        ),
        (
            "constraint",
            described(
                json!({ "type": "string" }),
                "On a cluster: features that a node must have.",
            ),
        ),
        (
            "arguments",
            described(
                json!({ "type": "array", "items": { "type": "string" } }),
                "On a cluster: further arguments of sbatch.",
            ),
        ),
    ];
    let properties: Map<String, Value> = properties
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    closed(&properties, &[])
}

fn or_variable(schema: &Value) -> Value {
    json!({ "anyOf": [schema, reference("variable")] })
}

/// Returns the schema of a number.
pub(super) fn range(kind: &str, min: Option<Value>, max: Option<Value>) -> Value {
    let mut schema = json!({ "type": kind });
    if let Some(min) = min {
        schema["minimum"] = min;
    }
    if let Some(max) = max {
        schema["maximum"] = max;
    }
    schema
}
