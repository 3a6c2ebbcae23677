//! `scores.parquet`: the named numbers that a stage ends with.
//!
//! | column | type | holds |
//! | --- | --- | --- |
//! | `name` | utf8 | `accuracy`, `spearman`, `sts12.wmean`: unique in the file |
//! | `value` | double | the number in the unit that papers print: accuracy 84.5, a correlation times 100 |
//! | `unit` | utf8 | [`PERCENT`], [`HUNDREDFOLD`], [`PERPLEXITY`] or a word of the stage's own |
//! | `split` | utf8 | the split that was scored: `validation`, `test` |
//! | `examples` | int64 | how many examples it was scored on |
//! | `main` | bool | whether it is the one number that stands for the file: exactly one is |
//!
//! Values are finite, but for a metric that is undefined for what it was given: that is NaN, and the column `undefined` (utf8),
//! which is there for that alone, says why: `constant predictions`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use contract::{Column, ColumnType, OutputFile, StageError, io_error};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// The column that says why a value is NaN.
const UNDEFINED: &str = "undefined";
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
/// The unit of perplexity: as it is.
pub const PERPLEXITY: &str = "perplexity";

/// One named number.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// What it is: `accuracy`.
    pub name: String,
    /// The number, in `unit`.
    pub value: f64,
    /// The unit, as papers print it: `%`.
    pub unit: String,
    /// The split that was scored: `validation`.
    pub split: String,
    /// How many examples were scored.
    pub examples: u64,
    /// Whether this is the number that stands for the file.
    pub main: bool,
    /// Why there is no number, where `value` is NaN: `constant predictions`.
    pub undefined: Option<String>,
}

/// Writes `scores.parquet` into the folder.
///
/// # Errors
/// When a value is not finite and not said to be undefined, two scores share a name, not exactly one is the main one, or the file cannot be
/// written.
pub fn write(folder: &Path, scores: &[Score]) -> Result<(), StageError> {
    check(scores).map_err(|reason| StageError::failed(format!("scores: {reason}")))?;
    let path = folder.join(FILE);
    let text = |get: fn(&Score) -> &str| -> ArrayRef {
        Arc::new(
            scores
                .iter()
                .map(|score| Some(get(score)))
                .collect::<StringArray>(),
        )
    };
    let examples = scores
        .iter()
        .map(|score| i64::try_from(score.examples).map_err(StageError::failed))
        .collect::<Result<Vec<_>, _>>()?;
    let mut columns: Vec<ArrayRef> = vec![
        text(|score| &score.name),
        Arc::new(
            scores
                .iter()
                .map(|score| score.value)
                .collect::<Float64Array>(),
        ),
        text(|score| &score.unit),
        text(|score| &score.split),
        Arc::new(Int64Array::from(examples)),
        Arc::new(BooleanArray::from_iter(
            scores.iter().map(|score| Some(score.main)),
        )),
    ];
    let mut fields = fields();
    // Files without it are those of before there was the column, to the byte.
    if scores.iter().any(|score| score.undefined.is_some()) {
        fields.push(Field::new(UNDEFINED, DataType::Utf8, true));
        let reasons = scores.iter().map(|score| score.undefined.as_deref());
        columns.push(Arc::new(reasons.collect::<StringArray>()));
    }
    let schema = Arc::new(Schema::new(fields));
    let failed =
        |error: &dyn std::fmt::Display| StageError::failed(format!("{}: {error}", path.display()));
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|error| failed(&error))?;
    let level = ZstdLevel::try_new(1).map_err(|error| failed(&error))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties))
        .map_err(|error| failed(&error))?;
    writer.write(&batch).map_err(|error| failed(&error))?;
    writer.close().map_err(|error| failed(&error))?;
    fs::write(&path, bytes).map_err(io_error(&path))
}

/// Reads the scores of an artifact: `path` is its folder, or the file itself.
///
/// # Errors
/// When there is no such file, or it is not a scores file by the rules of this module.
pub fn read(path: &Path) -> Result<Vec<Score>, StageError> {
    let path: PathBuf = if path.is_dir() {
        path.join(FILE)
    } else {
        path.to_path_buf()
    };
    let wrong = |reason: String| {
        contract::unreadable(&path, reason, "give a scores file that `pipe` has written")
    };
    let file = File::open(&path).map_err(io_error(&path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(|error| wrong(format!("not a Parquet file: {error}")))?;
    let mut scores = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let names = column::<StringArray>(&batch, "name").map_err(&wrong)?;
        let values = column::<Float64Array>(&batch, "value").map_err(&wrong)?;
        let units = column::<StringArray>(&batch, "unit").map_err(&wrong)?;
        let splits = column::<StringArray>(&batch, "split").map_err(&wrong)?;
        let examples = column::<Int64Array>(&batch, "examples").map_err(&wrong)?;
        let mains = column::<BooleanArray>(&batch, "main").map_err(&wrong)?;
        let undefined = batch
            .column_by_name(UNDEFINED)
            .and_then(|column| column.as_any().downcast_ref::<StringArray>());
        for row in 0..batch.num_rows() {
            scores.push(Score {
                name: names.value(row).to_owned(),
                value: values.value(row),
                unit: units.value(row).to_owned(),
                split: splits.value(row).to_owned(),
                examples: u64::try_from(examples.value(row))
                    .map_err(|_| wrong("a count of examples is negative".to_owned()))?,
                main: mains.value(row),
                undefined: undefined
                    .filter(|reasons| reasons.is_valid(row))
                    .map(|reasons| reasons.value(row).to_owned()),
            });
        }
    }
    check(&scores).map_err(wrong)?;
    Ok(scores)
}

fn fields() -> Vec<Field> {
    vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("value", DataType::Float64, false),
        Field::new("unit", DataType::Utf8, false),
        Field::new("split", DataType::Utf8, false),
        Field::new("examples", DataType::Int64, false),
        Field::new("main", DataType::Boolean, false),
    ]
}

/// Checks the rules that the schema cannot hold.
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

fn column<'a, A: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a A, String> {
    let column = batch
        .column_by_name(name)
        .ok_or_else(|| format!("has no column `{name}`"))?;
    let typed = column.as_any().downcast_ref::<A>();
    let typed = typed.ok_or_else(|| {
        format!(
            "column `{name}` is of type {}, which is not a score's",
            column.data_type()
        )
    })?;
    if typed.null_count() > 0 {
        Err(format!("column `{name}` has nulls"))
    } else {
        Ok(typed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

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
