//! The schema for editors: that the committed one is what the program prints, and that it says what the program reads.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use support::Project;

fn printed() -> String {
    Project::new().pipe(&["schema"]).code(0).stdout
}

fn shipped(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn the_committed_schema_is_what_the_program_prints() {
    assert!(
        shipped("pipeline.schema.json") == printed(),
        "make it again: cargo run -- schema > pipeline.schema.json"
    );
}

#[test]
fn the_shipped_pipeline_is_valid() {
    let text = shipped("pipeline.toml");
    assert!(text.starts_with("#:schema ./pipeline.schema.json\n"));
    assert_eq!(problems(&text), Vec::<String>::new());
}

/// Replaces a passage of a valid file and returns what the schema objects to.
fn replaced(passage: &str, other: &str) -> Vec<String> {
    let text = shipped("pipeline.toml");
    assert!(text.contains(passage), "{passage}");
    problems(&text.replacen(passage, other, 1))
}

/// Says more of a table in a profile and returns what the schema objects to.
fn in_profile(said: &str) -> Vec<String> {
    let heading = "[profile.tiny.table.masking-rate]\n";
    let text = shipped("pipeline.toml");
    assert!(text.contains(heading), "{heading}");
    problems(&text.replacen(heading, &format!("{heading}{said}\n"), 1))
}

#[test]
fn what_the_program_refuses_is_marked() {
    for (passage, other) in [
        // A key that does not exist, in each kind of table.
        ("[vars]", "[variables]"),
        ("title = \"Masking rate\"", "titel = \"Masking rate\""),
        ("default = true", "defualt = true"),
        ("vocab_size = ", "vocab_sice = "),
        (
            "[profile.tiny.table.masking-rate]\nover",
            "[profile.tiny.table.masking-rate]\nover2",
        ),
        // A kind that does not exist, and no kind at all.
        ("use = \"majority\"", "use = \"majorty\""),
        ("use = \"majority\"\n", ""),
        // A value that is missing, of another type, or out of range.
        ("tokens = \"@tokens\"\n", ""),
        ("steps = \"${steps}\"", "steps = \"many\""),
        ("steps = \"${steps}\"", "steps = -1"),
        ("dropout = \"${dropout}\"", "dropout = 1.5"),
        ("size = \"${size}\"", "size = \"huge\""),
        ("corrupt = { from", "corupt = { from"),
        ("cell = \"@sts\"", "cell = \"sts\""),
        ("world_seed = 0", "world_seed = [0, 1]"),
        ("over = { seed = [0, 1, 2] }", "over = { seed = [] }"),
        ("over = { seed = [0, 1, 2] }", "over = { seed = [[0], 1] }"),
        (
            "title = \"Masking rate\"",
            "title = \"Masking rate\"\nexclude = \"m\"",
        ),
        ("[profile.laptop]", "[group.none]\n\n[profile.laptop]"),
        (
            "[profile.laptop]",
            "[group.a]\ntables = []\n\n[profile.laptop]",
        ),
    ] {
        assert_ne!(replaced(passage, other), Vec::<String>::new(), "{other}");
    }
    for said in [
        "compare = true",
        "compare = {}",
        "compare = { to = {} }",
        "compare = { to = 0.15 }",
        "compare = { to = { m = [0.15] } }",
        "compare = { to = \"15 %\", drawz = 100 }",
        "compare = { to = \"15 %\", draws = 99 }",
        "compare = { to = \"15 %\", draws = 1000001 }",
        "compare = { to = \"15 %\", seed = -1 }",
        "compare = { to = \"15 %\", level = 0.5 }",
        "compare = { to = \"15 %\", level = 1.0 }",
        "claims = 1",
        "best = {}\nrows = { m = 0.15, compare = \"no\" }",
    ] {
        assert_ne!(in_profile(said), Vec::<String>::new(), "{said}");
    }
}

#[test]
fn what_the_program_takes_is_not_marked() {
    for (passage, other) in [
        ("steps = \"${steps}\"", "steps = 10"),
        ("dropout = \"${dropout}\"", "dropout = 1"),
        ("size = \"${size}\"", "size = \"na${m}\""),
        (
            "title = \"Masking rate\"",
            "title = \"Masking rate\"\nbest = [{ lr = [1e-3], batch = 8 }, { lr = 1e-2 }]\nselect = \"@held_out\"\n\
             exclude = { lr = 1e-3, m = [0.15, 0.4] }",
        ),
        (
            "[profile.laptop]",
            "[group.a]\ntitle = \"A\"\ntables = [\"sts\"]\n\n[profile.laptop]",
        ),
        (
            "[profile.tiny.table.masking-rate]\nover",
            "[profile.tiny.table.masking-rate]\nrows = { m = [0.1], steps = 3 }\nover",
        ),
    ] {
        assert_eq!(replaced(passage, other), Vec::<String>::new(), "{other}");
    }
    for said in [
        "compare = false",
        "compare = { to = \"15 %\" }",
        "compare = { to = { m = 0.15, size = \"nano\" }, draws = 100, seed = 0, level = 0.99 }",
        "rows = [{ m = 0.15, compare = false }]",
    ] {
        assert_eq!(in_profile(said), Vec::<String>::new(), "{said}");
    }
    for claims in ["\"data/claims/a.toml\"", "[\"a.toml\", \"b.toml\"]"] {
        let other = format!("claims = {claims}");
        let objections = replaced("claims = \"data/claims/masking-rate.toml\"", &other);
        assert_eq!(objections, Vec::<String>::new(), "{claims}");
    }
}

/// Returns what the printed schema objects to in a pipeline file.
fn problems(text: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&printed()).unwrap();
    let file: Value = toml::from_str(text).unwrap();
    let mut problems = Vec::new();
    Validator { root: &schema }.check(&schema, &file, "", &mut problems);
    problems
}

/// The keywords of JSON Schema that the schema uses, and no others: an unknown one fails the test.
struct Validator<'a> {
    root: &'a Value,
}

impl Validator<'_> {
    fn is_valid(&self, schema: &Value, value: &Value) -> bool {
        let mut problems = Vec::new();
        self.check(schema, value, "", &mut problems);
        problems.is_empty()
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let schema = schema.as_object().unwrap();
        let mut fail = |what: &str| problems.push(format!("{at}: {what}"));
        for (keyword, said) in schema {
            let several = || said.as_array().unwrap().iter();
            let valid = || {
                several()
                    .filter(|schema| self.is_valid(schema, value))
                    .count()
            };
            let number = || value.as_f64().zip(said.as_f64());
            let fits = match keyword.as_str() {
                "$schema" | "title" | "description" | "definitions" | "default" => true,
                "$ref" => {
                    let place = said.as_str().unwrap().strip_prefix('#').unwrap();
                    self.is_valid(self.root.pointer(place).unwrap(), value)
                }
                "type" => match said {
                    Value::String(name) => is_of(name, value),
                    _ => several().any(|name| is_of(name.as_str().unwrap(), value)),
                },
                "enum" => several().any(|other| other == value),
                "anyOf" => valid() > 0,
                "oneOf" => valid() == 1,
                "allOf" => several().all(|schema| self.is_valid(schema, value)),
                "minimum" => number().is_none_or(|(value, least)| value >= least),
                "maximum" => number().is_none_or(|(value, most)| value <= most),
                "exclusiveMinimum" => number().is_none_or(|(value, least)| value > least),
                "exclusiveMaximum" => number().is_none_or(|(value, most)| value < most),
                "minProperties" => value
                    .as_object()
                    .is_none_or(|table| table.len() as u64 >= said.as_u64().unwrap()),
                "minLength" => value
                    .as_str()
                    .is_none_or(|text| text.len() as u64 >= said.as_u64().unwrap()),
                "minItems" => value
                    .as_array()
                    .is_none_or(|items| items.len() as u64 >= said.as_u64().unwrap()),
                "pattern" => value
                    .as_str()
                    .is_none_or(|text| matches(said.as_str().unwrap(), text)),
                "required" => value.as_object().is_none_or(|table| {
                    several().all(|name| table.contains_key(name.as_str().unwrap()))
                }),
                "items" => value
                    .as_array()
                    .is_none_or(|items| items.iter().all(|item| self.is_valid(said, item))),
                "properties" | "patternProperties" | "additionalProperties" => true,
                other => panic!("no such keyword here: {other}"),
            };
            if !fits {
                fail(keyword);
            }
        }
        if let Some(table) = value.as_object() {
            self.check_properties(schema, table, at, problems);
        }
    }

    fn check_properties(
        &self,
        schema: &Map<String, Value>,
        table: &Map<String, Value>,
        at: &str,
        problems: &mut Vec<String>,
    ) {
        let named = schema.get("properties").and_then(Value::as_object);
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        for (name, value) in table {
            let at = format!("{at}/{name}");
            let mut known = false;
            if let Some(schema) = named.and_then(|named| named.get(name)) {
                known = true;
                self.check(schema, value, &at, problems);
            }
            for (pattern, schema) in patterns.into_iter().flatten() {
                if matches(pattern, name) {
                    known = true;
                    self.check(schema, value, &at, problems);
                }
            }
            if !known && schema.get("additionalProperties") == Some(&Value::Bool(false)) {
                problems.push(format!("{at}: unknown key"));
            }
        }
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("no such type: {other}"),
    }
}

/// The patterns that the schema uses.
fn matches(pattern: &str, text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match pattern {
        "^[A-Za-z0-9_-]+$" => !text.is_empty() && text.chars().all(letter),
        "^@" => text.starts_with('@'),
        r"\$\{" => text.contains("${"),
        r"^\$\{[^{}]+\}$" => {
            let name = text
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'));
            name.is_some_and(|name| !name.is_empty() && !name.contains(['{', '}']))
        }
        other => panic!("no such pattern: {other}"),
    }
}
