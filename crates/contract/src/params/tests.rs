use serde_json::json;

use super::*;

const FIELDS: &[Field] = &[
    Field::new(
        "tokens",
        FieldType::Input(crate::ArtifactType::Tokens),
        FieldDefault::Required,
        "what to train on",
    ),
    Field::new(
        "steps",
        FieldType::Integer {
            min: 0,
            max: i64::MAX,
        },
        FieldDefault::Required,
        "updates",
    ),
    Field::new(
        "masking",
        FieldType::Table(&[Field::new(
            "corrupt",
            FieldType::Number { min: 0.0, max: 1.0 },
            FieldDefault::Number(0.4),
            "share of tokens replaced",
        )]),
        FieldDefault::Table,
        "what is masked",
    ),
];

fn given(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(table) => table,
        _ => Map::new(),
    }
}

#[test]
fn numbers_as_people_write_them_elsewhere_are_guessed() {
    let help = |value: Value| {
        let given = given(json!({"steps": 5, "masking": {"corrupt": value}}));
        complete(FIELDS, &given)
            .err()
            .and_then(|problems| problems[0].help.clone())
    };
    for (value, meant) in [
        (json!("40%"), Some("did you mean 0.40?")),
        (json!("12.5 %"), Some("did you mean 0.125?")),
        (json!("12,5%"), Some("did you mean 0.125?")),
        (json!("5%"), Some("did you mean 0.05?")),
        (json!("100%"), Some("did you mean 1.00?")),
        (json!(40), Some("did you mean 0.40?")),
        (json!("0.4"), Some("did you mean 0.4?")),
        (json!("0,4"), Some("did you mean 0.4?")),
        (json!("140%"), None),
        (json!("-5%"), None),
        (json!("a lot"), None),
        (json!(1.5), None),
    ] {
        assert_eq!(help(value.clone()).as_deref(), meant, "{value}");
    }
    let help = |value: Value| {
        let given = given(json!({ "steps": value }));
        complete(FIELDS, &given)
            .err()
            .and_then(|problems| problems[0].help.clone())
    };
    for (value, meant) in [
        (json!("10k"), Some("did you mean 10000?")),
        (json!("7,000"), Some("did you mean 7000?")),
        (json!("1e3"), Some("did you mean 1000?")),
        (json!(20.0), Some("did you mean 20?")),
        (json!(20.5), None),
        (json!(-1), None),
    ] {
        assert_eq!(help(value.clone()).as_deref(), meant, "{value}");
    }
}

#[test]
fn writing_a_default_out_changes_nothing() {
    let short = complete(FIELDS, &given(json!({"steps": 5})));
    let long = complete(
        FIELDS,
        &given(json!({"steps": 5, "masking": {"corrupt": 0.4}})),
    );
    assert_eq!(short, long);
    assert_eq!(
        short,
        Ok(given(json!({"steps": 5, "masking": {"corrupt": 0.4}})))
    );
}

#[test]
fn whole_numbers_and_floats_have_one_form() {
    let whole = complete(
        FIELDS,
        &given(json!({"steps": 5, "masking": {"corrupt": 1}})),
    );
    let float = complete(
        FIELDS,
        &given(json!({"steps": 5, "masking": {"corrupt": 1.0}})),
    );
    assert_eq!(whole, float);
}

const OPEN: &[Field] = &[
    Field::new(
        "argv",
        FieldType::TextList,
        FieldDefault::Absent,
        "what to run",
    ),
    Field::new(
        "env",
        FieldType::TextTable,
        FieldDefault::Table,
        "its environment",
    ),
    Field::new(
        "inputs",
        FieldType::Inputs,
        FieldDefault::Table,
        "what it reads",
    ),
    Field::new(
        "makes",
        FieldType::Output(&[crate::ArtifactType::Folder, crate::ArtifactType::Scores]),
        FieldDefault::Text("folder"),
        "what it makes",
    ),
    Field::new(
        "outputs",
        FieldType::TextList,
        FieldDefault::List,
        "what must be there afterwards",
    ),
];

#[test]
fn lists_and_tables_of_the_users_are_texts_in_one_form() {
    let words = ["a"; 9].map(Value::from);
    let mut argv = vec![json!(1), json!(1.0), json!(1e-5), json!(-0.0), json!(true)];
    argv.extend(words);
    let full = complete(
        OPEN,
        &given(json!({
            "argv": argv,
            "env": {"B": 2, "A": "x"},
            "inputs": {"script": "train.py", "data": "@corpus"},
        })),
    );
    let expected = json!({
        "argv": ["1", "1.0", "1e-5", "0.0", "true", "a", "a", "a", "a", "a", "a", "a", "a", "a"],
        "env": {"A": "x", "B": "2"},
        "inputs": ["data", "script"],
        "makes": "folder",
        "outputs": [],
    });
    assert_eq!(full, Ok(given(expected)));
    let none = json!({"argv": null, "env": {}, "inputs": [], "makes": "folder", "outputs": []});
    assert_eq!(complete(OPEN, &Map::new()), Ok(given(none)));
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let problems = complete(
        OPEN,
        &given(json!({
            "argv": ["a", ["b"]],
            "env": "A=1",
            "inputs": {"a/b": "@x"},
            "makes": "Scores",
        })),
    )
    .unwrap_err();
    let told: Vec<_> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path.join("."), problem.message))
        .collect();
    assert_eq!(
        told,
        [
            "argv.1: expected a text, found a list",
            "env: expected a table of texts: { NAME = \"…\", … }, found \"A=1\"",
            "inputs.a/b: `a/b` cannot name an input",
            "makes: expected one of folder, scores, found \"Scores\"",
        ]
    );
    assert_eq!(
        problems[3].help.as_deref(),
        Some("did you mean \"scores\"?")
    );
}

#[test]
fn an_empty_text_is_as_if_left_out_where_that_may_be() {
    const FIELDS: &[Field] = &[
        Field::new(
            "lower_case",
            FieldType::Bool,
            FieldDefault::Absent,
            "whether",
        ),
        Field::new(
            "steps",
            FieldType::Integer { min: 1, max: 9 },
            FieldDefault::Integer(1),
            "how many",
        ),
    ];
    let left_out = complete(FIELDS, &Map::new());
    assert_eq!(
        complete(FIELDS, &given(json!({"lower_case": ""}))),
        left_out
    );
    assert!(complete(FIELDS, &given(json!({"steps": ""}))).is_err());
}

#[test]
fn patterns_are_checked_where_they_stand() {
    const IGNORE: &[Field] = &[Field::new(
        "ignore",
        FieldType::Ignore,
        FieldDefault::List,
        "what does not belong",
    )];
    let problems = complete(IGNORE, &given(json!({"ignore": ["*.log", "../x", "["]})));
    let problems = problems.unwrap_err();
    let places: Vec<_> = problems.iter().map(|one| one.path.join(".")).collect();
    assert_eq!(places, ["ignore.1", "ignore.2"]);
    let list = complete(IGNORE, &given(json!({"ignore": ["*.log", 1]})));
    assert_eq!(list, Ok(given(json!({"ignore": ["*.log", "1"]}))));
    assert_eq!(
        complete(IGNORE, &Map::new()),
        Ok(given(json!({"ignore": []})))
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let problems = complete(
        FIELDS,
        &given(json!({"stepz": 5, "masking": {"corrupt": 1.5}})),
    )
    .unwrap_err();
    let paths: Vec<_> = problems
        .iter()
        .map(|problem| problem.path.join("."))
        .collect();
    assert_eq!(paths, ["stepz", "steps", "masking.corrupt"]);
    assert_eq!(
        problems[2].message,
        "expected a number from 0 to 1, found 1.5"
    );
}
