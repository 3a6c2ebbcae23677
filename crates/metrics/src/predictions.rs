//! `predictions.parquet`: the predictions of a stage that scores, example by example. Statistics rest on this file: runs that
//! were scored on the same data are compared row by row, matched by the columns that name an example.
//!
//! | column | type | holds |
//! | --- | --- | --- |
//! | `set` | utf8 | the data set: `mnli`, `sts12` |
//! | `subset` | utf8 | the part of the set, for sets that consist of several (`MSRpar`); else empty |
//! | `split` | utf8 | `validation`, `validation_mismatched`, `held_out`, `test` |
//! | `example` | utf8 | the data set's name for the example, or its place in the file where it has none |
//! | `label` | double | the true class, counted from 0, or the true number |
//! | `prediction` | double | the predicted class or number (for pairs of sentences, their similarity) |
//! | `probabilities` | list of float | the probability of each class, in the order of the task's labels; empty for numbers |
//!
//! The first four together are unique. Every number is finite: a prediction that is not finite, of a model that has diverged, is
//! an error. A score that is undefined for all rows together (a correlation of constant predictions) does not matter here.
//!
//! Where answers are parts of a text ([`write_answers`]), the last three columns give way to `answer` (utf8, empty for "no
//! answer"), `exact_match` and `f1` (double, from 0 to 1). Where neither classes nor answers are predicted ([`write_measures`]), they
//! give way to numbers that say how well each example was done, such as `loss`; a column `weight` weighs all others.

use std::collections::BTreeSet;
use std::path::Path;

use columnar::{Reader, Schema, Values};
use contract::{Column, ColumnType, OutputFile, StageError};

use crate::SpanMatch;

/// The file's name in its artifact.
pub const FILE: &str = "predictions.parquet";
/// What to do about a file that holds no predictions.
const REMEDY: &str = "give a predictions file that `pipe` has written";
/// How far the sum of an example's probabilities may be from 1, since each is rounded to 32 bits.
const ROUNDING: f32 = 1e-3;

const NAMES: [Column; 4] = [
    Column::new("set", ColumnType::Text, "the data set: mnli, sts12"),
    Column::new(
        "subset",
        ColumnType::Text,
        "the part of the set, where it consists of several; else empty",
    ),
    Column::new(
        "split",
        ColumnType::Text,
        "validation, validation_mismatched, held_out or test",
    ),
    Column::new(
        "example",
        ColumnType::Text,
        "what the data set calls the example, or else its place in the file, from 0",
    ),
];
/// The column of data sets.
pub const SET: Column = NAMES[0];
/// The column of parts of sets.
pub const SUBSET: Column = NAMES[1];
/// The column of splits.
pub const SPLIT: Column = NAMES[2];
/// The column of the examples' own names.
pub const EXAMPLE: Column = NAMES[3];

/// The file, for the signature of a stage that writes it.
pub const DOCUMENTED: OutputFile = OutputFile::table(
    FILE,
    &[
        SET,
        SUBSET,
        SPLIT,
        EXAMPLE,
        Column::new(
            "label",
            ColumnType::Number,
            "what is right: the class, counted from 0, or the number",
        ),
        Column::new(
            "prediction",
            ColumnType::Number,
            "what is predicted: the class, or the number; of pairs, how alike they are",
        ),
        Column::new(
            "probabilities",
            ColumnType::Numbers,
            "the probability of each class, in the order of the task's labels; empty for numbers",
        ),
    ],
    "what was predicted, a row for each example",
)
.light();

/// The file of answers that are spans of a text, for the signature of a stage that writes it.
pub const DOCUMENTED_ANSWERS: OutputFile = OutputFile::table(
    FILE,
    &[
        SET,
        SUBSET,
        SPLIT,
        EXAMPLE,
        Column::new(
            "answer",
            ColumnType::Text,
            "the predicted answer; empty for none",
        ),
        Column::new(
            "exact_match",
            ColumnType::Number,
            "1 where it is a gold answer, else 0",
        ),
        Column::new(
            "f1",
            ColumnType::Number,
            "F1 over words with the nearest gold answer, from 0 to 1",
        ),
    ],
    "what was answered, a row for each question",
)
.light();

/// The name of the example that a row is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The data set: `mnli`.
    pub set: String,
    /// The part of the set; empty where the set has no parts.
    pub subset: String,
    /// The split: `validation`.
    pub split: String,
    /// The data set's name for the example.
    pub example: String,
}

/// A class or a number that was predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The example.
    pub name: Name,
    /// The true class or number.
    pub label: f64,
    /// The predicted class or number.
    pub prediction: f64,
    /// The probability of each class; empty for numbers.
    pub probabilities: Vec<f32>,
}

/// A part of a text that was predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerRow {
    /// The question.
    pub name: Name,
    /// The predicted answer; empty for "no answer".
    pub answer: String,
    /// How well the predicted answer matches the gold answers.
    pub found: SpanMatch,
}

/// Writes `predictions.parquet` into the folder, in the order of `rows`.
///
/// # Errors
/// When two rows have the same name, a number is not finite, probabilities do not sum to 1, or the file cannot be written.
pub fn write(folder: &Path, rows: &[Row]) -> Result<(), StageError> {
    let rows_check = || {
        check_names(rows.iter().map(|row| &row.name))?;
        rows.iter().try_for_each(check)
    };
    rows_check().map_err(|reason| StageError::failed(format!("predictions: {reason}")))?;
    let mut values = names(&rows.iter().map(|row| &row.name).collect::<Vec<_>>());
    values.extend([
        rows.iter().map(|row| row.label).collect(),
        rows.iter().map(|row| row.prediction).collect(),
        rows.iter()
            .map(|row| row.probabilities.as_slice())
            .collect(),
    ]);
    save(folder, &DOCUMENTED, values)
}

/// Writes `predictions.parquet` of answers into the folder, in the order of `rows`.
///
/// # Errors
/// When two rows have the same name, or the file cannot be written.
pub fn write_answers(folder: &Path, rows: &[AnswerRow]) -> Result<(), StageError> {
    check_names(rows.iter().map(|row| &row.name))
        .map_err(|reason| StageError::failed(format!("predictions: {reason}")))?;
    let mut values = names(&rows.iter().map(|row| &row.name).collect::<Vec<_>>());
    values.extend([
        rows.iter().map(|row| row.answer.as_str()).collect(),
        rows.iter().map(|row| row.found.exact).collect(),
        rows.iter().map(|row| row.found.f1).collect(),
    ]);
    save(folder, &DOCUMENTED_ANSWERS, values)
}

/// Writes `predictions.parquet` of measures into the folder: for each example its name, and a number for each column of `file` after
/// those that name it ([`SET`], [`SUBSET`], [`SPLIT`], [`EXAMPLE`]).
///
/// # Errors
/// When two rows have the same name, a number is not finite, or the file cannot be written.
///
/// # Panics
/// When `file` has another number of columns than a row.
pub fn write_measures<const N: usize>(
    folder: &Path,
    file: &OutputFile,
    rows: &[(Name, [f64; N])],
) -> Result<(), StageError> {
    let columns = file.columns();
    assert!(columns.len() == NAMES.len() + N, "a column for each number");
    let check = || {
        check_names(rows.iter().map(|(name, _)| name))?;
        for (name, numbers) in rows {
            if let Some(place) = numbers.iter().position(|number| !number.is_finite()) {
                let (column, example) = (columns[NAMES.len() + place].name, &name.example);
                let number = numbers[place];
                return Err(format!("`{column}` of example `{example}` is {number}"));
            }
        }
        Ok(())
    };
    check().map_err(|reason| StageError::failed(format!("predictions: {reason}")))?;
    let mut values = names(&rows.iter().map(|(name, _)| name).collect::<Vec<_>>());
    values.extend((0..N).map(|place| rows.iter().map(|(_, numbers)| numbers[place]).collect()));
    save(folder, file, values)
}

/// Reads an artifact's predictions of classes or numbers, in the file's order.
///
/// # Errors
/// When there is no such file, or it breaks the rules of this module.
pub fn read(folder: &Path) -> Result<Vec<Row>, StageError> {
    let path = folder.join(FILE);
    let mut rows = Vec::new();
    for batch in Reader::open(&path, REMEDY)?.batches()? {
        let batch = batch?;
        let [sets, subsets, splits, examples] = NAMES.map(|column| batch.texts(column.name));
        let (sets, subsets, splits, examples) = (sets?, subsets?, splits?, examples?);
        let (labels, predictions) = (batch.numbers("label")?, batch.numbers("prediction")?);
        let probabilities = batch.number_lists("probabilities")?;
        for (row, probabilities) in probabilities.iter().enumerate() {
            rows.push(Row {
                name: Name {
                    set: sets.get(row).to_owned(),
                    subset: subsets.get(row).to_owned(),
                    split: splits.get(row).to_owned(),
                    example: examples.get(row).to_owned(),
                },
                label: labels[row],
                prediction: predictions[row],
                probabilities: probabilities.to_vec(),
            });
        }
    }
    let checked = check_names(rows.iter().map(|row| &row.name))
        .and_then(|()| rows.iter().try_for_each(check));
    checked.map_err(|reason| contract::unreadable(&path, reason, REMEDY))?;
    Ok(rows)
}

fn save(folder: &Path, file: &OutputFile, values: Vec<Values>) -> Result<(), StageError> {
    columnar::write(&folder.join(FILE), &Schema::of(file.columns()), values)
}

fn names(names: &[&Name]) -> Vec<Values> {
    let column = |get: fn(&Name) -> &str| names.iter().map(|name| get(name)).collect();
    vec![
        column(|name| &name.set),
        column(|name| &name.subset),
        column(|name| &name.split),
        column(|name| &name.example),
    ]
}

/// Checks that no two rows have the same name.
pub(crate) fn check_names<'a>(names: impl Iterator<Item = &'a Name>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            let example = &name.example;
            let place = [&name.split, &name.set].into_iter();
            let place = place.filter(|part| !part.is_empty());
            let place: String = place.map(|part| format!(" of {part}")).collect();
            return Err(format!("two are of example `{example}`{place}"));
        }
    }
    Ok(())
}

/// Checks the rules for a single row.
fn check(row: &Row) -> Result<(), String> {
    let wrong = |what: &str, value: f64| {
        let example = &row.name.example;
        Err(format!("{what} of example `{example}` is {value}"))
    };
    if !row.label.is_finite() {
        return wrong("the label", row.label);
    }
    if !row.prediction.is_finite() {
        return wrong("the prediction", row.prediction);
    }
    if row.probabilities.is_empty() {
        return Ok(());
    }
    let sum: f32 = row.probabilities.iter().sum();
    // The comparison is written so that NaN fails it.
    if !((sum - 1.0).abs() <= ROUNDING && row.probabilities.iter().all(|one| *one >= 0.0)) {
        return wrong("the sum of the probabilities", f64::from(sum));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn row(example: &str, prediction: f64, probabilities: &[f32]) -> Row {
        Row {
            name: Name {
                set: "mnli".to_owned(),
                subset: String::new(),
                split: "validation".to_owned(),
                example: example.to_owned(),
            },
            label: 1.0,
            prediction,
            probabilities: probabilities.to_vec(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [
            row("7", 2.0, &[0.25, 0.25, 0.5]),
            row("x", 1.0, &[0.0, 1.0, 0.0]),
            row("n", -3.5, &[]),
        ];
        write(folder.path(), &rows).unwrap();
        assert_eq!(read(folder.path()).unwrap(), rows);
        write(folder.path(), &[]).unwrap();
        assert_eq!(read(folder.path()).unwrap(), []);
    }

    #[test]
    fn rows_that_cannot_be_compared_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |rows: &[Row]| write(folder.path(), rows).unwrap_err().to_string();
        assert_eq!(
            refusal(&[row("7", 0.0, &[]), row("7", 1.0, &[])]),
            "predictions: two are of example `7` of validation of mnli"
        );
        assert_eq!(
            refusal(&[row("7", f64::NAN, &[])]),
            "predictions: the prediction of example `7` is NaN"
        );
        assert_eq!(
            refusal(&[row("7", 0.0, &[0.5, f32::NAN])]),
            "predictions: the sum of the probabilities of example `7` is NaN"
        );
        assert_eq!(
            refusal(&[row("7", 0.0, &[1.5, -0.5])]),
            "predictions: the sum of the probabilities of example `7` is 1"
        );
        assert!(!folder.path().join(FILE).exists());
        let mut other = row("7", 1.0, &[]);
        other.name.split = "held_out".to_owned();
        write(folder.path(), &[row("7", 0.0, &[]), other]).unwrap();
    }

    #[test]
    fn answers_have_a_file_of_that_name_too() {
        let folder = tempfile::tempdir().unwrap();
        let answer = |example: &str| AnswerRow {
            name: row(example, 0.0, &[]).name,
            answer: String::new(),
            found: SpanMatch {
                exact: 0.0,
                f1: 0.5,
            },
        };
        write_answers(folder.path(), &[answer("1"), answer("2")]).unwrap();
        assert!(write_answers(folder.path(), &[answer("1"), answer("1")]).is_err());
        write_answers(folder.path(), &[answer("1")]).unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("there is no column `label`"), "{error}");
    }
}
