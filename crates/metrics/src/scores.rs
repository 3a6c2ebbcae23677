//! `scores.parquet`: the named scores that a stage ends with.
//!
//! | column | type | holds |
//! | --- | --- | --- |
//! | `name` | utf8 | `accuracy`, `spearman`, `sts12.wmean`: unique in the file |
//! | `value` | double | the number in the unit that papers print: accuracy 84.5, a correlation times 100 |
//! | `unit` | utf8 | [`PERCENT`], [`HUNDREDFOLD`], [`PERPLEXITY`] or a unit of the stage's own |
//! | `split` | utf8 | the split that was scored: `validation`, `test` |
//! | `examples` | int64 | how many examples it was scored on |
//! | `main` | bool | whether this score stands for the file: exactly one does |
//!
//! Values are finite, except that a metric that is undefined for its inputs is NaN. Then the column `undefined` (utf8), which
//! the file has only in that case, says why: `constant predictions`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use columnar::{Reader, Schema, Values};
use contract::{Column, ColumnType, OutputFile, StageError};

/// The column that says why a value is NaN.
const UNDEFINED: &str = "undefined";
/// What to do about a file that holds no scores.
const REMEDY: &str = "give a scores file that `pipe` has written";
/// The file's name in its artifact.
pub const FILE: &str = "scores.parquet";
/// The file, for the signature of a stage that writes it.
pub const DOCUMENTED: OutputFile = OutputFile::table(
    FILE,
    &[
        Column::new(
            "name",
            ColumnType::Text,
            "what the number is: accuracy, spearman, sts12.wmean",
        ),
        Column::new(
            "value",
            ColumnType::Number,
            "the number, in the unit that papers print; NaN where it is undefined, and then a column `undefined` says why",
        ),
        Column::new(
            "unit",
            ColumnType::Text,
            "%, x 100, perplexity, or a word of the stage's own",
        ),
        Column::new("split", ColumnType::Text, "the split that was scored"),
        Column::new(
            "examples",
            ColumnType::Integer,
            "how many examples it was scored on",
        ),
        Column::new(
            "main",
            ColumnType::Bool,
            "whether it is the number that stands for the file",
        ),
    ],
    "the scores, a row each",
)
.light();
/// The unit of accuracy and F1: a share times 100.
pub const PERCENT: &str = "%";
/// The unit of correlations: the coefficient times 100.
pub const HUNDREDFOLD: &str = "x 100";
/// The unit of perplexity, which is printed unscaled.
pub const PERPLEXITY: &str = "perplexity";

/// A named score.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Name of the score: `accuracy`.
    pub name: String,
    /// The value, in `unit`.
    pub value: f64,
    /// The unit, as papers print it: `%`.
    pub unit: String,
    /// The split that was scored: `validation`.
    pub split: String,
    /// How many examples were scored.
    pub examples: u64,
    /// Whether this score stands for the file.
    pub main: bool,
    /// Why `value` is NaN, where it is: `constant predictions`.
    pub undefined: Option<String>,
}

/// Writes `scores.parquet` into the folder.
///
/// # Errors
/// When a value is not finite and not marked as undefined, two scores share a name, not exactly one score is the main one,
/// or the file cannot be written.
pub fn write(folder: &Path, scores: &[Score]) -> Result<(), StageError> {
    check(scores).map_err(|reason| StageError::failed(format!("scores: {reason}")))?;
    let text = |get: fn(&Score) -> &str| -> Values { scores.iter().map(get).collect() };
    let examples = scores
        .iter()
        .map(|score| i64::try_from(score.examples).map_err(StageError::failed))
        .collect::<Result<_, _>>()?;
    let mut columns = DOCUMENTED.columns().to_vec();
    let mut values = vec![
        text(|score| &score.name),
        scores.iter().map(|score| score.value).collect(),
        text(|score| &score.unit),
        text(|score| &score.split),
        examples,
        scores.iter().map(|score| score.main).collect(),
    ];
    // Without undefined scores the file has the bytes that it had before the column existed.
    if scores.iter().any(|score| score.undefined.is_some()) {
        let why = "why the value is NaN";
        columns.push(Column::new(UNDEFINED, ColumnType::Text, why).nullable());
        let reasons = scores.iter().map(|score| score.undefined.as_deref());
        values.push(reasons.collect());
    }
    columnar::write(&folder.join(FILE), &Schema::of(&columns), values)
}

/// Reads the scores of an artifact: `path` is its folder, or the file itself.
///
/// # Errors
/// When there is no such file, or it breaks the rules of this module.
pub fn read(path: &Path) -> Result<Vec<Score>, StageError> {
    let path: PathBuf = if path.is_dir() {
        path.join(FILE)
    } else {
        path.to_path_buf()
    };
    let wrong = |reason: String| contract::unreadable(&path, reason, REMEDY);
    let mut scores = Vec::new();
    for batch in Reader::open(&path, REMEDY)?.batches()? {
        let batch = batch?;
        let [names, units, splits] = ["name", "unit", "split"].map(|name| batch.texts(name));
        let (names, units, splits) = (names?, units?, splits?);
        let values = batch.numbers("value")?;
        let examples = batch.integers("examples")?;
        let mains = batch.bools("main")?;
        let undefined = match batch.has(UNDEFINED, ColumnType::Text) {
            true => Some(batch.optional_texts(UNDEFINED)?),
            false => None,
        };
        for row in 0..batch.rows() {
            let reason = undefined.and_then(|reasons| reasons.get_optional(row));
            scores.push(Score {
                name: names.get(row).to_owned(),
                value: values[row],
                unit: units.get(row).to_owned(),
                split: splits.get(row).to_owned(),
                examples: u64::try_from(examples[row])
                    .map_err(|_| wrong("a count of examples is negative".to_owned()))?,
                main: mains[row],
                undefined: reason.map(str::to_owned),
            });
        }
    }
    check(&scores).map_err(wrong)?;
    Ok(scores)
}

/// Checks the rules that the schema cannot express.
fn check(scores: &[Score]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for score in scores {
        let is_right = match score.undefined {
            Some(_) => score.value.is_nan(),
            None => score.value.is_finite(),
        };
        if !is_right {
            return Err(format!("`{}` is {}", score.name, score.value));
        }
        if !names.insert(&score.name) {
            return Err(format!("two scores are named `{}`", score.name));
        }
    }
    match scores.iter().filter(|score| score.main).count() {
        1 => Ok(()),
        mains => Err(format!(
            "{mains} of {} scores are marked as main, not one",
            scores.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn score(name: &str, value: f64, main: bool) -> Score {
        Score {
            name: name.to_owned(),
            value,
            unit: PERCENT.to_owned(),
            split: "validation".to_owned(),
            examples: 872,
            main,
            undefined: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let scores = [
            score("accuracy", 84.25, true),
            score("f1", 1.0 / 3.0, false),
        ];
        write(folder.path(), &scores).unwrap();
        assert_eq!(read(folder.path()).unwrap(), scores);
        assert_eq!(read(&folder.path().join(FILE)).unwrap(), scores);
        let bytes = fs::read(folder.path().join(FILE)).unwrap();
        write(folder.path(), &scores).unwrap();
        assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), bytes);
    }

    #[test]
    fn what_is_undefined_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let undefined = |value| Score {
            undefined: Some("constant predictions".to_owned()),
            ..score("pearson", value, false)
        };
        write(
            folder.path(),
            &[score("accuracy", 84.25, true), undefined(f64::NAN)],
        )
        .unwrap();
        let back = read(folder.path()).unwrap();
        assert_eq!(back[0], score("accuracy", 84.25, true));
        assert!(back[1].value.is_nan());
        assert_eq!(back[1].undefined.as_deref(), Some("constant predictions"));
        assert!(write(folder.path(), &[score("a", 1.0, true), undefined(0.0)]).is_err());
    }

    #[test]
    fn scores_that_cannot_be_trusted_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |scores: &[Score]| write(folder.path(), scores).unwrap_err().to_string();
        assert_eq!(
            refusal(&[score("accuracy", f64::NAN, true)]),
            "scores: `accuracy` is NaN"
        );
        assert_eq!(
            refusal(&[score("f1", 1.0, true), score("f1", 2.0, false)]),
            "scores: two scores are named `f1`"
        );
        assert_eq!(
            refusal(&[score("f1", 1.0, true), score("accuracy", 2.0, true)]),
            "scores: 2 of 2 scores are marked as main, not one"
        );
        assert_eq!(
            refusal(&[]),
            "scores: 0 of 0 scores are marked as main, not one"
        );
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn what_is_no_scores_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert!(matches!(read(folder.path()), Err(StageError::Io { .. })));
        fs::write(&path, "accuracy,84.5\n").unwrap();
        let error = read(folder.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("{}: not a Parquet file", path.display()))
        );
    }
}
