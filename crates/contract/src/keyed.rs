//! The part of a stage's parameters that enters its keys.

use serde_json::{Map, Value};

use crate::Params;
use crate::params::complete;
use crate::signature::{Field, FieldDefault, FieldType, KeyPolicy};

/// Returns the part of complete parameters that enters keys, each parameter under its keyed name.
pub fn keyed(fields: &[Field], params: &Params) -> Params {
    Params(keyed_table(fields, &params.0))
}

/// Whether every parameter of these fields enters keys with its value and under its own name.
pub fn is_keyed_whole(fields: &[Field]) -> bool {
    fields.iter().all(|field| {
        let inner = field.takes.table().is_none_or(is_keyed_whole);
        inner && matches!(field.key, KeyPolicy::Always) && field.keyed_as == field.name
    })
}

fn keyed_table(fields: &[Field], table: &Map<String, Value>) -> Map<String, Value> {
    let mut keyed = Map::new();
    for field in fields {
        let Some(value) = table.get(field.name) else {
            continue;
        };
        let value = match (field.takes.table(), value) {
            (Some(inner), Value::Object(table)) => Value::Object(keyed_table(inner, table)),
            _ => value.clone(),
        };
        let value = match field.key {
            KeyPolicy::Always => Some(value),
            KeyPolicy::Never => None,
            KeyPolicy::Unless(neutral) => (!is_neutral(&value, neutral)).then_some(value),
            KeyPolicy::If(holds) => holds(table).then_some(value),
            KeyPolicy::As(fixed) => fixed.value(),
        };
        if let Some(value) = value {
            keyed.insert(field.keyed_as.to_owned(), value);
        }
    }
    keyed
}

fn is_neutral(value: &Value, neutral: FieldDefault) -> bool {
    match (neutral, value) {
        (FieldDefault::Table, Value::Object(table)) => table.is_empty(),
        _ => neutral.value().as_ref() == Some(value),
    }
}

/// Returns complete parameters that have the key `keyed`. Parameters that the key does not hold get their neutral value, or else
/// their default. `None` where the key holds a parameter or a value that the fields do not allow any more.
pub fn unkeyed(fields: &[Field], keyed: &Params) -> Option<Params> {
    let given = given_table(fields, &keyed.0)?;
    complete(fields, &given).ok().map(Params)
}

/// Returns the name that people write for a parameter that keys know by `path`: `masking.keep` for `masking.same`. What no field is
/// keyed as stays as it is.
pub fn written(fields: &[Field], path: &str) -> String {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let Some(field) = fields.iter().find(|field| field.keyed_as == first) else {
        return path.to_owned();
    };
    match (rest, field.takes.table()) {
        (None, _) => field.name.to_owned(),
        (Some(rest), Some(inner)) => format!("{}.{}", field.name, written(inner, rest)),
        (Some(rest), _) => format!("{}.{rest}", field.name),
    }
}

fn given_table(fields: &[Field], keyed: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut given = Map::new();
    for (name, value) in keyed {
        let field = fields.iter().find(|field| field.keyed_as == name)?;
        let value = match (field.takes, value) {
            (
                FieldType::Table(inner) | FieldType::OrTable { table: inner, .. },
                Value::Object(table),
            ) => Value::Object(given_table(inner, table)?),
            // In a key, the inputs under names of the user's are a list of those names; a given table has them as its keys.
            (FieldType::Inputs, Value::Array(names)) => {
                let names = names.iter().filter_map(Value::as_str);
                Value::Object(names.map(|name| (name.to_owned(), Value::Null)).collect())
            }
            _ => value.clone(),
        };
        given.insert(field.name.to_owned(), value);
    }
    for field in fields {
        if let KeyPolicy::Unless(neutral) = field.key
            && !given.contains_key(field.name)
            && let Some(value) = neutral.value()
        {
            given.insert(field.name.to_owned(), value);
        }
    }
    Some(given)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_called_as_people_write_them() {
        for (keyed, name) in [
            ("clip", "max_grad_norm"),
            ("every", "checkpoint_every"),
            ("masking.corrupt", "masking.corrupt"),
            ("seed", "seed"),
            ("unknown.part", "unknown.part"),
        ] {
            assert_eq!(written(AFTER, keyed), name);
        }
    }

    const SHARE: FieldType = FieldType::Number { min: 0.0, max: 1.0 };
    const COUNT: FieldType = FieldType::Integer {
        min: 0,
        max: 1 << 20,
    };
    const PRECISION: FieldType = FieldType::Choice(&["f32", "bf16"]);

    const fn field(name: &'static str, takes: FieldType, default: FieldDefault) -> Field {
        Field::new(name, takes, default, "a parameter")
    }

    /// The fields of a kind in its first version.
    const BEFORE: &[Field] = &[
        field("seed", COUNT, FieldDefault::Integer(0)),
        field("steps", COUNT, FieldDefault::Required),
        field("every", COUNT, FieldDefault::Integer(200)),
        field("precision", PRECISION, FieldDefault::Text("f32")),
        field("clip", SHARE, FieldDefault::Number(0.0)),
        field(
            "masking",
            FieldType::Table(&[field("corrupt", SHARE, FieldDefault::Number(0.4))]),
            FieldDefault::Table,
        ),
    ];

    fn is_bf16(beside: &Map<String, Value>) -> bool {
        beside.get("precision") == Some(&json!("bf16"))
    }

    /// The fields of a later version: one is renamed, one is not keyed any more, and there is a new one of each policy.
    const AFTER: &[Field] = &[
        field("seed", COUNT, FieldDefault::Integer(0)),
        field("steps", COUNT, FieldDefault::Required),
        field("checkpoint_every", COUNT, FieldDefault::Integer(500))
            .keyed_as("every")
            .keyed(KeyPolicy::As(FieldDefault::Integer(200))),
        field("precision", PRECISION, FieldDefault::Text("f32")),
        field("max_grad_norm", SHARE, FieldDefault::Number(0.0)).keyed_as("clip"),
        field("progress_every", COUNT, FieldDefault::Integer(10)).keyed(KeyPolicy::Never),
        field("micro_batch", COUNT, FieldDefault::Integer(0)).keyed(KeyPolicy::If(is_bf16)),
        field("parts", COUNT, FieldDefault::Integer(1))
            .keyed(KeyPolicy::Unless(FieldDefault::Integer(1))),
        // The default differs from the neutral value: a later version may change the default, and earlier results keep their keys.
        field("smoothing", SHARE, FieldDefault::Number(0.1))
            .keyed(KeyPolicy::Unless(FieldDefault::Number(0.0))),
        field("note", FieldType::Bool, FieldDefault::Absent)
            .keyed(KeyPolicy::Unless(FieldDefault::Absent)),
        field(
            "masking",
            FieldType::Table(&[
                field("corrupt", SHARE, FieldDefault::Number(0.4)),
                field("replace", SHARE, FieldDefault::Number(1.0))
                    .keyed(KeyPolicy::Unless(FieldDefault::Number(1.0))),
            ]),
            FieldDefault::Table,
        ),
        field(
            "schedule",
            FieldType::Table(&[field("cooldown", SHARE, FieldDefault::Number(0.0))
                .keyed(KeyPolicy::Unless(FieldDefault::Number(0.0)))]),
            FieldDefault::Table,
        )
        .keyed(KeyPolicy::Unless(FieldDefault::Table)),
    ];

    fn of(fields: &[Field], given: &Value) -> Params {
        let given = given.as_object().unwrap();
        Params(complete(fields, given).unwrap())
    }

    fn key(fields: &[Field], given: &Value) -> Params {
        keyed(fields, &of(fields, given))
    }

    proptest! {
        /// Parameters that the first version accepted keep their key in the later version, whatever the new fields that cannot change
        /// a result say.
        #[test]
        fn new_fields_find_old_results(
            seed in 0..9_i64,
            steps in 0..9_i64,
            clip in 0.0..1.0_f64,
            corrupt in 0.0..1.0_f64,
            every in 0..9_i64,
            progress in 0..9_i64,
            micro in 0..9_i64,
        ) {
            let before = json!({
                "seed": seed, "steps": steps, "clip": clip, "masking": { "corrupt": corrupt },
            });
            let after = json!({
                "seed": seed, "steps": steps, "max_grad_norm": clip, "masking": { "corrupt": corrupt },
                "checkpoint_every": every, "progress_every": progress, "micro_batch": micro,
                "smoothing": 0.0,
            });
            prop_assert_eq!(key(BEFORE, &before), key(AFTER, &after));
        }

        /// Parameters that differ in a value that can change the result have different keys.
        #[test]
        fn other_values_have_other_keys(parts in 0..4_i64, replace in 0..4_i64, smoothing in 0..4_i64, cooldown in 0..4_i64) {
            let given = json!({
                "steps": 1, "parts": parts, "smoothing": smoothing as f64 / 4.0,
                "masking": { "replace": replace as f64 / 4.0 }, "schedule": { "cooldown": cooldown as f64 / 4.0 },
            });
            let one = key(AFTER, &given);
            for (path, other) in [("/parts", json!(parts + 1)), ("/smoothing", json!(0.9)),
                ("/masking/replace", json!(0.9)), ("/schedule/cooldown", json!(0.9))]
            {
                let mut changed = given.clone();
                *changed.pointer_mut(path).unwrap() = other;
                prop_assert_ne!(&key(AFTER, &changed), &one);
            }
            // Parameters that were made from a key have that key.
            let back = unkeyed(AFTER, &one).unwrap();
            prop_assert_eq!(keyed(AFTER, &back), one);
        }
    }

    #[test]
    fn a_field_may_be_keyed_by_what_stands_beside_it() {
        let given = |precision: &str, micro: i64| json!({ "steps": 1, "precision": precision, "micro_batch": micro });
        assert_eq!(key(AFTER, &given("f32", 1)), key(AFTER, &given("f32", 2)));
        assert_ne!(key(AFTER, &given("bf16", 1)), key(AFTER, &given("bf16", 2)));
    }

    #[test]
    fn a_key_of_before_gives_parameters_of_now() {
        let before = key(BEFORE, &json!({ "steps": 3, "clip": 0.5 }));
        let now = unkeyed(AFTER, &before).unwrap();
        assert_eq!(now.0["max_grad_norm"], 0.5);
        assert_eq!(now.0["smoothing"], 0.0, "neutral, and not the default");
        assert_eq!(now.0["progress_every"], 10);
        assert_eq!(keyed(AFTER, &now), before);
        let gone = Params(
            json!({ "steps": 3, "what": 1 })
                .as_object()
                .unwrap()
                .clone(),
        );
        assert_eq!(unkeyed(AFTER, &gone), None);
        assert!(is_keyed_whole(BEFORE) && !is_keyed_whole(AFTER));
    }
}
