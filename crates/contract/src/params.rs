use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::signature::{Field, FieldDefault, FieldType};
use crate::{Patterns, Problem, StageError};

/// A stage's parameters: checked against its signature, with every default filled in. Inputs are not among them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(pub Map<String, Value>);

impl Params {
    /// Reads the parameters into the stage's own type.
    ///
    /// # Errors
    /// Names the parameter that does not fit; after [`complete`] that means that type and signature disagree.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, StageError> {
        T::deserialize(&self.0).map_err(|error| StageError::failed(format!("parameters: {error}")))
    }

    /// Returns the problems that `check` finds in the parameters, which are first read into the stage's own type.
    pub fn check<T: DeserializeOwned>(
        &self,
        check: impl FnOnce(&T) -> Vec<Problem>,
    ) -> Vec<Problem> {
        match self.parse() {
            Ok(parameters) => check(&parameters),
            Err(error) => vec![Problem {
                path: Vec::new(),
                message: error.to_string(),
                help: None,
                at_key: false,
            }],
        }
    }
}

/// Checks `given` against `fields` and returns it with the defaults filled in and numbers in one form. Input fields
/// are skipped: they are edges, not parameters.
///
/// # Errors
/// All problems at once: unknown and missing keys, wrong types, values out of range.
pub fn complete(
    fields: &[Field],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut problems = Vec::new();
    let result = complete_table(fields, given, &mut Vec::new(), &mut problems);
    if problems.is_empty() {
        Ok(result)
    } else {
        Err(problems)
    }
}

/// Returns a path in the form that a [`Problem`] holds.
fn owned(path: &[Cow<'static, str>]) -> Vec<String> {
    path.iter().map(|key| key.clone().into_owned()).collect()
}

fn complete_table(
    fields: &[Field],
    given: &Map<String, Value>,
    path: &mut Vec<Cow<'static, str>>,
    problems: &mut Vec<Problem>,
) -> Map<String, Value> {
    let mut result = Map::new();
    for key in given.keys() {
        if !fields.iter().any(|field| field.is_called(key)) {
            path.push(key.clone().into());
            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
            problems.push(Problem {
                path: owned(path),
                message: format!("unknown key `{key}`"),
                help: Some(format!("known keys: {}", known.join(", "))),
                at_key: true,
            });
            path.pop();
        }
    }
    for field in fields {
        if matches!(field.takes, FieldType::Input(_)) {
            continue;
        }
        let (called, value) = value_of(field, given);
        if let (Some(_), Some(former)) = (given.get(field.name), field.formerly)
            && given.contains_key(former)
        {
            path.push(former.into());
            problems.push(Problem {
                path: owned(path),
                message: format!(
                    "`{former}` is what `{}` was called before: one of them is too many",
                    field.name
                ),
                help: Some(format!("leave `{former}` out")),
                at_key: true,
            });
            path.pop();
        }
        path.push(called.into());
        let value = match (value, field.takes, field.default) {
            (Some(Value::Null), _, FieldDefault::Absent) => Some(Value::Null),
            // A variable cannot be left out, so an empty text stands for a missing value here, as it does for an input.
            (Some(Value::String(text)), takes, FieldDefault::Absent)
                if text.is_empty() && !matches!(takes, FieldType::Text) =>
            {
                Some(Value::Null)
            }
            (Some(Value::Object(table)), FieldType::Table(inner), _) => {
                Some(Value::Object(complete_table(inner, table, path, problems)))
            }
            (Some(Value::Object(given)), FieldType::OrTable { table, .. }, _) => {
                let inner = complete_table(table, given, path, problems);
                Some(collapsed(table, inner))
            }
            (Some(Value::Array(items)), FieldType::TextList | FieldType::Ignore, _) => {
                let items = items.iter().enumerate();
                let named = items.map(|(place, item)| (place.to_string(), item));
                let texts = texts(named, path, problems);
                if let FieldType::Ignore = field.takes {
                    check_patterns(&texts, path, problems);
                }
                Some(texts.into_iter().map(|(_, text)| text).collect())
            }
            (Some(Value::Array(items)), FieldType::IntegerSet { min, max }, _) => {
                Some(integers(items, min, max, path, problems))
            }
            (Some(Value::Object(table)), FieldType::TextTable, _) => {
                let named = table.iter().map(|(name, value)| (name.clone(), value));
                Some(Value::Object(
                    texts(named, path, problems).into_iter().collect(),
                ))
            }
            (Some(Value::Object(table)), FieldType::Inputs, _) => {
                Some(input_names(table, path, problems))
            }
            (Some(value), takes, _) => match fit(takes, value) {
                Ok(value) => Some(value),
                Err(message) => {
                    let help = meant(takes, value);
                    problems.push(Problem {
                        path: owned(path),
                        message,
                        help,
                        at_key: false,
                    });
                    None
                }
            },
            (None, FieldType::Table(inner), FieldDefault::Table) => Some(Value::Object(
                complete_table(inner, &Map::new(), path, problems),
            )),
            (None, FieldType::TextTable, FieldDefault::Table) => Some(Value::Object(Map::new())),
            (None, FieldType::Inputs, FieldDefault::Table) => Some(Value::Array(Vec::new())),
            (None, takes, default) => {
                let value = default.value();
                if value.is_none() {
                    problems.push(Problem {
                        path: owned(path),
                        message: format!("`{}` is missing", field.name),
                        help: Some(format!("it takes {}: {}", takes.describe(), field.about)),
                        at_key: true,
                    });
                }
                value
            }
        };
        if let Some(value) = value {
            result.insert(field.name.to_owned(), value);
        }
        path.pop();
    }
    result
}

/// Returns the value of the first field where the others have their defaults, else the table.
fn collapsed(fields: &[Field], table: Map<String, Value>) -> Value {
    let Some((first, others)) = fields.split_first() else {
        return Value::Object(table);
    };
    let is_default = |field: &Field| table.get(field.name) == field.default.value().as_ref();
    match table.get(first.name) {
        Some(value) if others.iter().all(is_default) => value.clone(),
        _ => Value::Object(table),
    }
}

/// Returns the value given for a field, and the name under which it is given: the field's name, or its former one.
fn value_of<'v>(field: &Field, given: &'v Map<String, Value>) -> (&'static str, Option<&'v Value>) {
    match (given.get(field.name), field.formerly) {
        (None, Some(former)) if given.contains_key(former) => (former, given.get(former)),
        (value, _) => (field.name, value),
    }
}

/// Returns the one text form of a single value: `1`, `1.0`, `0.001`, `5e-5`, `true`; `None` for lists, tables and null. The
/// form enters keys, so it must not change.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(match number.as_f64() {
            // The standard library's form of a float, since a crate's may change. Adding zero turns -0 into 0: one value, one form.
            Some(float) if number.is_f64() => format!("{:?}", float + 0.0),
            _ => number.to_string(),
        }),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns each value as a text under its name. A value without a text form becomes a problem.
fn texts<'v>(
    named: impl Iterator<Item = (String, &'v Value)>,
    path: &mut Vec<Cow<'static, str>>,
    problems: &mut Vec<Problem>,
) -> Vec<(String, Value)> {
    let mut texts = Vec::new();
    for (name, value) in named {
        let Some(text) = text_of(value) else {
            path.push(name.into());
            problems.push(Problem {
                path: owned(path),
                message: format!("expected a text, found {}", describe(value)),
                help: None,
                at_key: false,
            });
            path.pop();
            continue;
        };
        texts.push((name, Value::from(text)));
    }
    texts
}

/// Returns whole numbers, sorted, each once. An item that is no whole number in the range becomes a problem.
fn integers(
    items: &[Value],
    min: i64,
    max: i64,
    path: &mut Vec<Cow<'static, str>>,
    problems: &mut Vec<Problem>,
) -> Value {
    let mut numbers = BTreeSet::new();
    for (place, item) in items.iter().enumerate() {
        let takes = FieldType::Integer { min, max };
        match fit(takes, item) {
            Ok(number) => numbers.extend(number.as_i64()),
            Err(message) => {
                path.push(place.to_string().into());
                problems.push(Problem {
                    path: owned(path),
                    message,
                    help: meant(takes, item),
                    at_key: false,
                });
                path.pop();
            }
        }
    }
    numbers.into_iter().map(Value::from).collect()
}

/// Reports a problem for each text that is no pattern.
fn check_patterns(
    texts: &[(String, Value)],
    path: &mut Vec<Cow<'static, str>>,
    problems: &mut Vec<Problem>,
) {
    for (place, text) in texts {
        if let Err(wrong) = Patterns::new(&[text.as_str().unwrap_or_default()]) {
            path.push(place.clone().into());
            problems.push(Problem {
                path: owned(path),
                message: wrong.reason,
                help: wrong.remedy.map(str::to_owned),
                at_key: false,
            });
            path.pop();
        }
    }
}

/// Returns the names of inputs, sorted. A key that cannot be a name becomes a problem.
fn input_names(
    table: &Map<String, Value>,
    path: &mut Vec<Cow<'static, str>>,
    problems: &mut Vec<Problem>,
) -> Value {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    for name in table.keys() {
        if name.is_empty() || !name.chars().all(legal) {
            path.push(name.clone().into());
            problems.push(Problem {
                path: owned(path),
                message: format!("`{name}` cannot name an input"),
                help: Some("a name is made of letters, digits, `-` and `_`".into()),
                at_key: true,
            });
            path.pop();
        }
    }
    let mut names: Vec<&String> = table.keys().collect();
    names.sort_unstable();
    names
        .into_iter()
        .map(|name| Value::from(name.as_str()))
        .collect()
}

/// Returns `value` in its canonical form (numbers of a `Number` field as floats), or what is wrong with it.
fn fit(takes: FieldType, value: &Value) -> Result<Value, String> {
    let wrong = || format!("expected {}, found {}", takes.describe(), describe(value));
    match takes {
        FieldType::Bool => value.is_boolean().then(|| value.clone()).ok_or_else(wrong),
        FieldType::Text => value.is_string().then(|| value.clone()).ok_or_else(wrong),
        FieldType::Choice(words) => match value.as_str() {
            Some(word) if words.contains(&word) => Ok(value.clone()),
            _ => Err(wrong()),
        },
        FieldType::Integer { min, max } => match value.as_i64() {
            Some(number) if (min..=max).contains(&number) => Ok(value.clone()),
            _ => Err(wrong()),
        },
        FieldType::Number { min, max } => match value.as_f64() {
            // Adding zero turns -0 into 0: one value, one form.
            Some(number) if (min..=max).contains(&number) => Ok(Value::from(number + 0.0)),
            _ => Err(wrong()),
        },
        FieldType::Output(types) => match value.as_str() {
            Some(word) if types.iter().any(|kind| kind.name() == word) => Ok(value.clone()),
            _ => Err(wrong()),
        },
        FieldType::OrTable { single, .. } => fit(*single, value).map_err(|_| wrong()),
        FieldType::Table(_)
        | FieldType::Input(_)
        | FieldType::TextList
        | FieldType::IntegerSet { .. }
        | FieldType::TextTable
        | FieldType::Ignore
        | FieldType::Inputs => Err(wrong()),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => format!("\"{value}\""),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a table".into(),
    }
}

/// Suggests a legal value that was probably meant by a value that is not legal.
fn meant(takes: FieldType, value: &Value) -> Option<String> {
    let words = match takes {
        FieldType::OrTable { single, .. } => return meant(*single, value),
        FieldType::Choice(words) => words.to_vec(),
        FieldType::Output(types) => types.iter().map(|kind| kind.name()).collect(),
        FieldType::Bool | FieldType::Integer { .. } | FieldType::Number { .. } => {
            return likely(takes, value).map(|text| format!("did you mean {text}?"));
        }
        _ => return None,
    };
    let given = value.as_str()?;
    let lower = given.to_lowercase();
    words
        .iter()
        .find(|word| {
            word.to_lowercase() == lower
                || word.replace(['-', '_'], "") == lower.replace(['-', '_'], "")
        })
        .map(|word| format!("did you mean \"{word}\"?"))
}

/// Returns the legal number or truth value behind a common other spelling: `40%`, `0,4`, `"0.4"`, `10k`, `yes`.
fn likely(takes: FieldType, value: &Value) -> Option<String> {
    let fits = |text: &String| {
        let number = serde_json::from_str(text);
        number.is_ok_and(|number: Value| fit(takes, &number).is_ok())
    };
    let Value::String(text) = value else {
        // A share given as a percentage (40 for 0.40), or a whole number given with a point (10.0).
        let number = value.as_f64()?;
        let whole = format!("{number:.0}");
        let is_whole = number.fract() == 0.0 && number.abs() < 1e15;
        return match takes {
            FieldType::Number { max, .. } if max <= 1.0 && is_whole => {
                hundredth(&whole).filter(fits)
            }
            FieldType::Integer { .. } if is_whole => Some(whole).filter(fits),
            _ => None,
        };
    };
    let text = text.trim();
    if matches!(takes, FieldType::Bool) {
        return match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some("true".to_owned()),
            "false" | "no" | "off" | "0" => Some("false".to_owned()),
            _ => None,
        };
    }
    let decimal = |text: &str| match text.contains('.') {
        true => text.to_owned(),
        false => text.replace(',', "."),
    };
    let candidates = [
        text.strip_suffix('%')
            .and_then(|share| hundredth(&decimal(share.trim_end()))),
        Some(decimal(text)),
        Some(text.replace([',', '_', ' '], "")),
        text.strip_suffix(['k', 'K'])
            .map(|text| format!("{}000", text.trim_end())),
        text.strip_suffix('M')
            .map(|text| format!("{}000000", text.trim_end())),
        text.parse::<f64>()
            .ok()
            .filter(|number| number.fract() == 0.0 && number.abs() < 1e15)
            .map(|number| format!("{number:.0}")),
    ];
    candidates.into_iter().flatten().find(fits)
}

/// Returns a hundredth of a decimal number, digit by digit and so without rounding: `0.40` of `40`.
pub fn hundredth(number: &str) -> Option<String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number =
        !whole.is_empty() && (whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit());
    if !is_number {
        return None;
    }
    let padded = format!("{whole:0>3}");
    let (before, after) = padded.split_at(padded.len() - 2);
    Some(format!("{before}.{after}{fraction}"))
}

#[cfg(test)]
mod tests {
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
}
