//! `scores.json`: the scores that a program ends with, in a form that is easy to write.
//!
//! The file holds names and numbers. With more than one number, `main` names the one for a table's cell:
//!
//! ```json
//! {"accuracy": 91.3, "f1": 88.0, "main": "accuracy"}
//! ```
//!
//! It may also hold texts, which are written to the file of [`metrics::texts`] and which tables can show:
//!
//! ```json
//! {"accuracy": 91.3, "texts": {"features": "tf-idf"}}
//! ```
//!
//! Or it holds a list with the fields of [`metrics::scores`], of which all but `name` and `value` may be left out:
//!
//! ```json
//! [{"name": "accuracy", "value": 91.3, "unit": "%", "split": "validation", "examples": 872, "main": true}]
//! ```
//!
//! The file stays in the artifact, and `scores.parquet` is made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use contract::{StageError, io_error, read_plain};
use metrics::examples::Examples;
use metrics::scores::{self, Score};
use metrics::{Rescorer, predictions, texts};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::distinct::Distinct;
use crate::outputs::LARGEST;

const FILE: &str = "scores.json";
const MAIN: &str = "main";
/// The key of texts. If its value is a number, that is a score like any other.
const TEXTS: &str = "texts";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    name: String,
    value: f64,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    split: String,
    #[serde(default)]
    examples: u32,
    #[serde(default)]
    main: bool,
}

/// Makes `scores.parquet` from the file that the program has written into `folder`. Returns whether there are scores.
///
/// # Errors
/// When a file is there that does not hold scores.
pub(crate) fn convert(folder: &Path) -> Result<bool, StageError> {
    let path = folder.join(FILE);
    let table = folder.join(scores::FILE);
    let bytes = match read_plain(&path, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // A program that can write Parquet may write `scores.parquet` itself.
            return match read_plain(&table, LARGEST) {
                Ok(_) => scores::read(folder).map(|_| true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(refused(scores::FILE, &table, error)),
            };
        }
        Err(error) => return Err(refused(FILE, &path, error)),
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
    let Written { scores, texts } =
        parse(text.strip_prefix('\u{feff}').unwrap_or(&text)).map_err(|reason| wrong(&reason))?;
    make_way(&table)?;
    scores::write(folder, &scores)?;
    if !texts.is_empty() {
        let path = folder.join(texts::FILE);
        make_way(&path)?;
        texts::write(folder, &texts)?;
    }
    Ok(true)
}

/// Checks the texts beside the scores. In an artifact of another type a file of that name may be anything.
///
/// # Errors
/// When the file is there and holds no texts.
pub(crate) fn check_texts(folder: &Path) -> Result<(), StageError> {
    let path = folder.join(texts::FILE);
    if !path.exists() {
        return Ok(());
    }
    let program = |error: &StageError| StageError::Program {
        reason: error.to_string(),
        remedy: error.remedy().unwrap_or_default(),
    };
    texts::read(&path).map_err(|error| program(&error))?;
    Ok(())
}

/// Says why the predictions beside the scores are of no use to comparisons, if there are any and they are not.
///
/// # Errors
/// When the scores cannot be read.
pub(crate) fn unusable(folder: &Path) -> Result<Option<String>, StageError> {
    if !folder.join(predictions::FILE).is_file() || !folder.join(scores::FILE).is_file() {
        return Ok(None);
    }
    let reason = match Examples::read(folder) {
        Ok(examples) => {
            let scores = scores::read(folder)?;
            let main = scores
                .iter()
                .find(|score| score.main && score.undefined.is_none());
            main.and_then(|score| Rescorer::new(score, &examples).err())
        }
        Err(error) => {
            let place = folder.join(predictions::FILE);
            Some(
                error
                    .to_string()
                    .replace(&*place.to_string_lossy(), predictions::FILE),
            )
        }
    };
    Ok(reason.map(|reason| format!("its predictions cannot be compared with others: {reason}")))
}

/// Removes what the program has put in the place of a file that is made here: it may be a link, or have another name elsewhere,
/// and is not to be written over.
fn make_way(path: &Path) -> Result<(), StageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}

/// Returns the error for a file that must not or cannot be read.
fn refused(name: &str, path: &Path, error: io::Error) -> StageError {
    match error.kind() {
        ErrorKind::InvalidInput => StageError::Program {
            reason: format!("{name}: {error}"),
            remedy: format!("have the program write a plain file {{output}}/{name}"),
        },
        _ => io_error(path)(error),
    }
}

/// Returns the error for a program that should have written scores and has not.
pub(crate) fn missing() -> StageError {
    StageError::Program {
        reason: format!(
            "the program has ended well but not written `{FILE}`, which makes = \"scores\" asks for"
        ),
        remedy: format!("have it write {{output}}/{FILE}: {{\"accuracy\": 91.3}}"),
    }
}

fn wrong(reason: &str) -> StageError {
    StageError::Program {
        reason: format!("{FILE}: {reason}"),
        remedy: "write names and finite numbers: {\"accuracy\": 91.3, \"f1\": 88.0, \"main\": \"accuracy\"}".into(),
    }
}

/// Contents of `scores.json`.
struct Written {
    scores: Vec<Score>,
    texts: BTreeMap<String, String>,
}

fn parse(text: &str) -> Result<Written, String> {
    let Distinct(value) = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            return error.to_string();
        }
        // Words that Python and other languages write for numbers that are not finite.
        let words = ["NaN", "Infinity", "nan", "inf"];
        match words.iter().find(|word| text.contains(**word)) {
            Some(word) => format!("it is not JSON, which has no {word}: {error}"),
            None => format!("it is not JSON: {error}"),
        }
    })?;
    let mut texts = BTreeMap::new();
    let mut scores = match value {
        Value::Object(mut table) => {
            if let Some(Value::Object(_)) = table.get(TEXTS) {
                texts = of_texts(table.remove(TEXTS))?;
            }
            of_table(&table)?
        }
        Value::Array(list) => list.into_iter().map(of_item).collect::<Result<_, _>>()?,
        _ => return Err("it holds neither a table nor a list".into()),
    };
    if let [score] = scores.as_mut_slice() {
        score.main = true;
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = scores.iter().find(|score| !names.insert(&score.name)) {
        return Err(format!("two scores are named `{}`", twice.name));
    }
    match scores.iter().filter(|score| score.main).count() {
        _ if scores.is_empty() => Err("it holds no score".into()),
        1 => Ok(Written { scores, texts }),
        0 => Err(format!(
            "it holds {} scores and does not say which is the main one",
            scores.len()
        )),
        mains => Err(format!("{mains} scores are marked as the main one")),
    }
}

fn of_texts(texts: Option<Value>) -> Result<BTreeMap<String, String>, String> {
    let texts = texts.unwrap_or_default();
    let texts: BTreeMap<String, String> = serde_json::from_value(texts)
        .map_err(|error| format!("`{TEXTS}` holds names and texts: {error}"))?;
    match texts
        .iter()
        .find_map(|(name, text)| texts::problem(name, text))
    {
        Some(reason) => Err(reason),
        None => Ok(texts),
    }
}

fn of_table(table: &Map<String, Value>) -> Result<Vec<Score>, String> {
    let main = match table.get(MAIN) {
        None => None,
        Some(Value::String(name)) => match table.get(name) {
            Some(Value::Number(_)) => Some(name.as_str()),
            _ => {
                return Err(format!(
                    "`{MAIN}` names `{name}`, which is none of the scores"
                ));
            }
        },
        Some(_) => return Err(format!("`{MAIN}` is to name a score")),
    };
    let named = table.iter().filter(|(name, _)| *name != MAIN);
    named
        .map(|(name, value)| {
            let value = value
                .as_f64()
                .ok_or_else(|| format!("`{name}` is {value}, which is no number"))?;
            Ok(Score {
                name: name.clone(),
                value,
                unit: String::new(),
                split: String::new(),
                examples: 0,
                main: main == Some(name),
                undefined: None,
            })
        })
        .collect()
}

fn of_item(item: Value) -> Result<Score, String> {
    let shown = item.to_string();
    let full: Full =
        serde_json::from_value(item).map_err(|error| format!("{error}, in {shown}"))?;
    Ok(Score {
        name: full.name,
        value: full.value,
        unit: full.unit,
        split: full.split,
        examples: full.examples.into(),
        main: full.main,
        undefined: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn told(text: &str) -> String {
        match parse(text) {
            Ok(written) => written
                .scores
                .iter()
                .map(|score| {
                    format!(
                        "{}={}{} ",
                        score.name,
                        score.value,
                        ["", "*"][usize::from(score.main)]
                    )
                })
                .collect(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(told(r#"{"accuracy": 91}"#), "accuracy=91* ");
        assert_eq!(
            told(r#"{"f1": 88.5, "accuracy": 91, "main": "f1"}"#),
            "accuracy=91 f1=88.5* "
        );
        assert_eq!(
            told(
                r#"[{"name": "a", "value": 1}, {"name": "b", "value": 2, "main": true, "unit": "%"}]"#
            ),
            "a=1 b=2* "
        );
    }

    #[test]
    fn what_is_no_score_is_told() {
        let all: Vec<_> = [
            "",
            r#"{"accuracy": NaN}"#,
            r#"{"accuracy": 1e999}"#,
            r#"{"accuracy": "high"}"#,
            r#"{"accuracy": 1, "texts": {"a": 1}}"#,
            r#"{"accuracy": 1, "texts": {"a": ""}}"#,
            r#"{"texts": {"a": "b"}}"#,
            r#"{"a": 1, "b": 2}"#,
            r#"{"a": 1, "main": "b"}"#,
            r#"{"a": 1, "main": 1}"#,
            "{}",
            "3",
            r#"{"a": 1, "b": 3, "a": 2, "main": "a"}"#,
            r#"{"a": 1, "main": "a", "main": "a"}"#,
            r#"[{"name": "a", "value": 1, "value": 2}]"#,
            r#"[{"name": "a", "value": 1, "main": true}, {"name": "a", "value": 2}]"#,
            r#"[{"name": "a"}]"#,
            r#"[{"name": "a", "value": 1, "mian": true}]"#,
            r#"[{"name": "a", "value": 1, "main": true}, {"name": "b", "value": 1, "main": true}]"#,
        ]
        .into_iter()
        .map(told)
        .collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        it is not JSON: EOF while parsing a value at line 1 column 0
        it is not JSON, which has no NaN: expected value at line 1 column 14
        it is not JSON: number out of range at line 1 column 18
        `accuracy` is "high", which is no number
        `texts` holds names and texts: invalid type: integer `1`, expected a string
        the text `a` is empty
        it holds no score
        it holds 2 scores and does not say which is the main one
        `main` names `b`, which is none of the scores
        `main` is to name a score
        it holds no score
        it holds neither a table nor a list
        `a` is there twice at line 1 column 20
        `main` is there twice at line 1 column 28
        `value` is there twice at line 1 column 34
        two scores are named `a`
        missing field `value`, in {"name":"a"}
        unknown field `mian`, expected one of `name`, `value`, `unit`, `split`, `examples`, `main`, in {"mian":true,"name":"a","value":1}
        2 scores are marked as the main one
        "#);
    }

    #[test]
    fn scores_become_a_scores_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!convert(folder.path()).unwrap());
        fs::write(folder.path().join(FILE), r#"{"accuracy": 91.25}"#).unwrap();
        assert!(convert(folder.path()).unwrap());
        let read = scores::read(folder.path()).unwrap();
        assert_eq!(
            (read[0].name.as_str(), read[0].value, read[0].main),
            ("accuracy", 91.25, true)
        );
        assert!(!folder.path().join(texts::FILE).exists());
        let both = r#"{"accuracy": 91.25, "texts": {"features": "tf-idf"}}"#;
        fs::write(folder.path().join(FILE), both).unwrap();
        assert!(convert(folder.path()).unwrap());
        let found = texts::read(&folder.path().join(texts::FILE)).unwrap();
        assert_eq!(found["features"], "tf-idf");
        assert_eq!(scores::read(folder.path()).unwrap(), read);
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert!(convert(folder.path()).unwrap(), "the other form will do");
        fs::write(folder.path().join(scores::FILE), "no such thing").unwrap();
        assert!(convert(folder.path()).is_err());
    }
}
