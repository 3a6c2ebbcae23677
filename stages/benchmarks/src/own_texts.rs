//! Texts of a user's own in the columns of a task, without answers, and tables of predictions for them.

use std::path::Path;

use contract::{Params, Stage, StageError};

use crate::layout::{Columns, LAYOUTS};
use crate::own::{Answer, Form, HIGHEST, Parameters, Table};
use crate::table::shorten;
use crate::{BenchmarksStage, Example, TaskStage};

/// How a task's texts stand in a file: the names of their columns, as the task's own files have them.
#[derive(Clone, Debug)]
pub struct OwnTexts {
    columns: Vec<String>,
    form: Form,
    /// The range of a task's scores in its own files.
    range: Option<(f64, f64)>,
}

impl OwnTexts {
    /// Returns the columns of the task that a stage with these complete parameters makes. Of a task that a program of the user's makes they
    /// are called `sentence1` and `sentence2`.
    pub fn of(kind: &str, params: &Params) -> Self {
        let own = (kind == TaskStage.signature().kind)
            .then(|| params.parse::<Parameters>().ok()?.declaration().ok());
        if let Some(declared) = own.flatten() {
            return Self {
                columns: declared.texts,
                form: declared.form,
                range: match declared.answer {
                    Answer::Score {
                        lowest, highest, ..
                    } => Some((lowest, highest)),
                    Answer::Classes { .. } => None,
                },
            };
        }
        let task = params.0.get("task").and_then(|task| task.as_str());
        let task = task.filter(|_| kind == BenchmarksStage.signature().kind);
        let layout = LAYOUTS.iter().find(|layout| Some(layout.task) == task);
        let columns = match layout.map(|layout| &layout.columns) {
            Some(Columns::Named {
                sentence1,
                sentence2,
                ..
            }) => [Some(*sentence1), *sentence2]
                .into_iter()
                .flatten()
                .collect(),
            // CoLA's files have no header.
            Some(Columns::Positions { .. }) => vec!["sentence"],
            None => vec!["sentence1", "sentence2"],
        };
        Self {
            columns: columns.into_iter().map(str::to_owned).collect(),
            form: Form::default(),
            range: None,
        }
    }

    /// Reads the examples of a `.tsv`, `.csv` or `.parquet` file. Their labels are 0.
    ///
    /// # Errors
    /// When the file cannot be read, has no example, or lacks a column.
    pub fn read(&self, path: &Path, pairs: bool) -> Result<Vec<Example>, StageError> {
        let count = if pairs { 2 } else { 1 };
        let columns: Vec<&str> = self
            .columns
            .iter()
            .take(count)
            .map(String::as_str)
            .collect();
        let rows = read_columns(path, &columns, self.form)?;
        let examples = rows.into_iter().enumerate().map(|(place, row)| {
            let mut cells = row.cells.into_iter();
            Example {
                id: place.to_string(),
                sentence1: cells.next().unwrap_or_default(),
                sentence2: cells.next(),
                label: 0.0,
            }
        });
        Ok(examples.collect())
    }

    /// Returns a score on the scale of the task's own files.
    pub fn rescaled(&self, score: f64) -> f64 {
        match self.range {
            Some((lowest, highest)) => lowest + score * ((highest - lowest) / HIGHEST),
            None => score,
        }
    }
}

/// A row of a user's file.
#[derive(Clone, Debug, PartialEq)]
pub struct TextRow {
    /// Where it stands: `q.csv: line 3`.
    pub place: String,
    /// The cells, in the order in which columns were asked for.
    pub cells: Vec<String>,
}

/// Reads columns of texts from a file with a header, row by row.
///
/// # Errors
/// When the file cannot be read, has no row, or lacks a column.
pub fn read_texts(path: &Path, columns: &[&str]) -> Result<Vec<TextRow>, StageError> {
    read_columns(path, columns, Form::default())
}

fn read_columns(path: &Path, columns: &[&str], form: Form) -> Result<Vec<TextRow>, StageError> {
    let table = Table::open(path, form).map_err(without_options)?;
    let names = columns.join(", ");
    let has = |name: &str| table.header.iter().any(|column| column == name);
    if let Some(lacking) = columns.iter().find(|name| !has(name)) {
        let found = shorten(&table.header.join(", "));
        return Err(StageError::input(
            path.display(),
            format!("no column `{lacking}`; the columns are {found}"),
            format!("the model reads the columns {names}: give them these names in the first line"),
        ));
    }
    let rows = table.rows(columns).map_err(without_options)?;
    if rows.is_empty() {
        return Err(StageError::input(
            path.display(),
            "no text in it",
            format!("give a row of {names} for each text below the names of the columns"),
        ));
    }
    let rows = rows.into_iter().map(|row| TextRow {
        place: format!("{}: {}", path.display(), row.place),
        cells: row.cells,
    });
    Ok(rows.collect())
}

/// Names in a remedy what a tool can do: a file that is predicted has no declaration.
fn without_options(error: StageError) -> StageError {
    match error {
        StageError::Input {
            place,
            reason,
            remedy,
        } => StageError::Input {
            remedy: match remedy.strip_suffix(Form::OR_PLAINLY) {
                Some(remedy) => format!(
                    "{remedy}, or give a .tsv file, in which quotation marks are signs like others"
                ),
                None => remedy,
            },
            place,
            reason,
        },
        other => other,
    }
}

/// Predictions for a user's own texts, a row each.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionTable {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The cells of each row.
    pub rows: Vec<Vec<String>>,
}

impl PredictionTable {
    /// Returns the table as tab-separated text with a header. Tabs and line ends within a cell become spaces.
    pub fn to_tsv(&self) -> String {
        let line = |cells: &Vec<String>| {
            let cells = cells
                .iter()
                .map(|cell| cell.replace(['\t', '\n', '\r'], " "));
            cells.collect::<Vec<_>>().join("\t") + "\n"
        };
        std::iter::once(&self.header)
            .chain(&self.rows)
            .map(line)
            .collect()
    }

    /// Returns the table as comma-separated text with a header, as in RFC 4180: a cell that holds a comma, a quotation mark or a line end
    /// stands in quotation marks.
    pub fn to_csv(&self) -> String {
        let quoted = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        };
        let line = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(quoted).collect();
            cells.join(",") + "\n"
        };
        std::iter::once(&self.header)
            .chain(&self.rows)
            .map(line)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use contract::complete;
    use serde_json::json;

    use super::*;

    fn of(stage: &dyn Stage, given: &serde_json::Value) -> OwnTexts {
        let signature = stage.signature();
        let params = complete(signature.fields, given.as_object().unwrap()).unwrap();
        OwnTexts::of(signature.kind, &Params(params))
    }

    #[test]
    fn columns_are_called_as_in_the_tasks_files() {
        let columns = |task: &str| of(&BenchmarksStage, &json!({"task": task})).columns;
        assert_eq!(columns("qnli"), ["question", "sentence"]);
        assert_eq!(columns("sst2"), ["sentence"]);
        assert_eq!(columns("cola"), ["sentence"]);
        let own = json!({"texts": ["review"], "score": "stars", "lowest": 1, "highest": 11});
        let own = of(&TaskStage, &own);
        assert_eq!(own.columns, ["review"]);
        assert_eq!((own.rescaled(0.0), own.rescaled(2.5)), (1.0, 6.0));
        let theirs = OwnTexts::of("command", &Params::default());
        assert_eq!(theirs.columns, ["sentence1", "sentence2"]);
    }

    #[test]
    fn a_file_without_the_column_is_refused_with_the_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tsv");
        fs::write(&path, "text\tx\na b\t1\n").unwrap();
        let texts = of(&BenchmarksStage, &json!({"task": "sst2"}));
        let error = texts.read(&path, false).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("no column `sentence`; the columns are text, x")
        );
        assert!(error.remedy().unwrap().contains("the columns sentence"));
        fs::write(&path, "x\tsentence\n1\ta b\n").unwrap();
        let read = texts.read(&path, false).unwrap();
        assert_eq!(read[0].sentence1, "a b");
        assert_eq!(read[0].sentence2, None);
        fs::write(&path, "x\tsentence\n").unwrap();
        assert!(texts.read(&path, false).is_err());
    }

    #[test]
    fn a_table_stays_in_its_columns() {
        let table = PredictionTable {
            header: vec!["row".into(), "a\tb".into()],
            rows: vec![vec!["0".into(), "c\nd".into()]],
        };
        assert_eq!(table.to_tsv(), "row\ta b\n0\tc d\n");
        let table = PredictionTable {
            header: vec!["row".into(), "a,b".into()],
            rows: vec![vec!["0".into(), "\"c\"\nd".into()]],
        };
        let text = table.to_csv();
        assert_eq!(text, "row,\"a,b\"\n0,\"\"\"c\"\"\nd\"\n");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, text).unwrap();
        let read = read_texts(&path, &["a,b", "row"]).unwrap();
        assert_eq!(read[0].cells, ["\"c\"\nd", "0"]);
        assert!(read[0].place.ends_with("a.csv: line 2"));
    }

    #[test]
    fn a_remedy_names_no_option_that_there_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        for text in [
            "sentence\n\"open\n",
            "sentence\n5\" wide\n",
            "sentence\n\"a\" b\n",
        ] {
            fs::write(&path, text).unwrap();
            let error = read_texts(&path, &["sentence"]).unwrap_err();
            let remedy = error.remedy().unwrap();
            assert!(!remedy.contains("quotes = false"), "{remedy}");
            assert!(remedy.contains("or give a .tsv file"), "{remedy}");
        }
    }
}
