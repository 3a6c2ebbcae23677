//! The format of files of published values, and the errors of files that are not of it.

use std::fs;
use std::path::Path;

use contract::StageError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Table;

use super::key::number;

/// The only schema that exists.
const SCHEMA: i64 = 1;
/// Keys that a row may have besides the values of columns and its confidence.
const NOTES: [&str; 2] = ["certainty", "note"];
/// The remedy for a file that is not of the format.
const FORMAT: &str = "see data/reference/README.md for the format";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: i64,
    /// Only for people who read the file; the same holds for `fact`.
    #[serde(rename = "topic", default)]
    _topic: IgnoredAny,
    #[serde(default)]
    table: Vec<Definition>,
    #[serde(rename = "fact", default)]
    _facts: IgnoredAny,
}

/// How reliable a published value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Read in the paper, or in what its authors published beside it.
    Published,
    /// Read in what others have written down of the paper, naming its table.
    Notes,
    /// Shown by the authors in a talk.
    Talk,
    /// Remembered: not verified.
    Memory,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Definition {
    pub(super) id: String,
    pub(super) paper: String,
    pub(super) number: String,
    #[serde(default)]
    pub(super) title: String,
    pub(super) source: String,
    pub(super) confidence: Confidence,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Table>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Column {
    pub(super) key: String,
    pub(super) label: String,
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) unit: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Key,
    Metric,
}

/// Reads the table `id` from the text of the file called `file`; without an id, the table with the file's own name, or the
/// only table.
pub(super) fn parse(text: &str, file: &str, id: Option<&str>) -> Result<Definition, StageError> {
    let contents: File = crate::located::parse(text, file, FORMAT)?;
    if contents.schema != SCHEMA {
        let reason = format!(
            "schema = {} is not one that this version reads",
            contents.schema
        );
        return Err(StageError::input(
            file,
            reason,
            format!("use schema = {SCHEMA}"),
        ));
    }
    let ids: Vec<String> = contents
        .table
        .iter()
        .map(|table| table.id.clone())
        .collect();
    let stem = Path::new(file)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let mut tables = contents.table;
    let found = match id {
        Some(id) => tables.iter().position(|table| table.id == id),
        None => tables
            .iter()
            .position(|table| table.id == stem)
            .or_else(|| (tables.len() == 1).then_some(0)),
    };
    let Some(found) = found else {
        return Err(no_table(file, id, &ids));
    };
    let definition = tables.swap_remove(found);
    definition
        .check()
        .map_err(|reason| StageError::input(place(file, &definition), reason, FORMAT))?;
    Ok(definition)
}

/// Returns `FILE#ID`.
pub(super) fn place(file: &str, definition: &Definition) -> String {
    format!("{file}#{}", definition.id)
}

impl Definition {
    pub(super) fn keys(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| column.kind == Kind::Key)
    }

    pub(super) fn column(&self, key: &str, kind: Kind) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.kind == kind && column.key == key)
    }

    /// Returns the decimals that the column is printed with: the most that any of its values has.
    pub(super) fn decimals(&self, key: &str) -> usize {
        let values = self.rows.iter().filter_map(|row| number(row.get(key)?));
        let digits = |value: f64| {
            value
                .to_string()
                .split_once('.')
                .map_or(0, |(_, digits)| digits.len())
        };
        values.map(digits).max().unwrap_or(0)
    }

    /// Returns the row's confidence, or the table's if the row has none.
    pub(super) fn confidence(&self, row: &Table) -> Confidence {
        row.get("confidence")
            .and_then(|value| value.clone().try_into().ok())
            .unwrap_or(self.confidence)
    }

    fn check(&self) -> Result<(), String> {
        for (number_of, row) in self.rows.iter().enumerate() {
            let place = format!("row {}", number_of + 1);
            for (key, value) in row {
                match self.columns.iter().find(|column| column.key == *key) {
                    Some(column) if column.kind == Kind::Metric && number(value).is_none() => {
                        return Err(format!("{place}: `{key}` is no finite number"));
                    }
                    Some(_) => {}
                    None if key == "confidence" => {
                        if value.clone().try_into::<Confidence>().is_err() {
                            return Err(format!("{place}: confidence {value} is not known"));
                        }
                    }
                    None if NOTES.contains(&key.as_str()) => {}
                    None => return Err(format!("{place}: `{key}` is no column")),
                }
            }
        }
        Ok(())
    }
}

pub(super) fn no_file(folder: &Path, name: &str) -> StageError {
    let mut known: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_suffix(".toml")
                .map(str::to_owned)
        })
        .collect();
    known.sort();
    let place = folder.join(name);
    StageError::input(
        place.display(),
        "there is no such file of published values",
        suggest(name, &known),
    )
}

fn no_table(file: &str, id: Option<&str>, ids: &[String]) -> StageError {
    match id {
        Some(id) => StageError::input(file, format!("there is no table `{id}`"), suggest(id, ids)),
        None => StageError::input(
            file,
            format!(
                "there are {} tables, and the reference does not say which",
                ids.len()
            ),
            format!("add #ID, one of {}", ids.join(", ")),
        ),
    }
}

/// Returns `did you mean …?`, or a list of the known names.
fn suggest(wrong: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        .map(|word| (strsim::jaro_winkler(wrong, word), word))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((likeness, word)) if likeness > 0.8 => format!("did you mean `{word}`?"),
        Some(_) => format!("there are {}", known.join(", ")),
        None => "there are none".to_owned(),
    }
}
