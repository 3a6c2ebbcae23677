//! The values that papers print, read from TOML files.
//!
//! A file (`schema = 1`) holds `[[table]]`s, each with an `id`, where it comes from, `columns` and `rows`:
//!
//! ```toml
//! schema = 1
//!
//! [[table]]
//! id = "rate-sweep"
//! paper = "Wettig, Gao, Zhong, Chen: Should You Mask 15% in Masked Language Modeling? (EACL 2023)"
//! number = "figure 1"
//! source = "model list of princeton-nlp/DinkyTrain"
//! confidence = "published"        # or "talk", or "memory": not verified
//! columns = [
//!   { key = "m", label = "masking rate", kind = "key", unit = "%" },
//!   { key = "mnli", label = "MNLI", kind = "metric", unit = "accuracy, %" },
//! ]
//! rows = [
//!   { m = 15, mnli = 84.2 },
//! ]
//! ```
//!
//! A row may hold its own `confidence`. A value that a row leaves out is unknown.

use std::fmt;
use std::fs;
use std::path::Path;

use contract::{StageError, io_error};
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::{Table, Value};

use crate::Published;

/// The one schema that there is.
const SCHEMA: i64 = 1;
/// What a row may hold besides the values of columns and its confidence.
const NOTES: [&str; 2] = ["certainty", "note"];
/// The remedy for a file that is not of the format.
const FORMAT: &str = "see data/reference/README.md for the format";

/// One published table.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// `FILE#ID`, for messages.
    place: String,
    definition: Definition,
}

/// How sure a published value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Read in the paper, or in what its authors published beside it.
    Published,
    /// Shown by the authors in a talk.
    Talk,
    /// Remembered: not verified.
    Memory,
}

/// A value that names a row: what a reference file's key column and a declared row's variable are compared by.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A truth value.
    Bool(bool),
}

impl Key {
    /// Returns the key that a JSON value stands for; `None` for null, lists and objects.
    pub fn from_json(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::Bool(value) => Some(Self::Bool(*value)),
            serde_json::Value::Number(value) => value.as_f64().map(Self::Number),
            serde_json::Value::String(value) => Some(Self::Text(value.clone())),
            _ => None,
        }
    }

    fn from_toml(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(value) => Some(Self::Bool(*value)),
            Value::String(value) => Some(Self::Text(value.clone())),
            _ => number(value).map(Self::Number),
        }
    }

    /// Whether the two are the same: numbers up to the rounding of a decimal fraction.
    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            _ => self == other,
        }
    }

    /// The share as a percentage.
    fn in_percent(&self) -> Self {
        match self {
            Self::Number(share) => Self::Number(share * 100.0),
            other => other.clone(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

impl Reference {
    /// Reads the table that `specification` names: `FILE#ID`, where `FILE` is relative to `folder` and may leave out
    /// `.toml`; `#ID` may be left out where the file holds a table of the file's own name, or just one.
    ///
    /// # Errors
    /// When there is no such file or table (with the nearest id), or the file is not of the format.
    pub fn load(folder: &Path, specification: &str) -> Result<Self, StageError> {
        let (name, id) = match specification.split_once('#') {
            Some((name, id)) => (name, Some(id)),
            None => (specification, None),
        };
        let mut path = folder.join(name);
        if !path.is_file() {
            path.as_mut_os_string().push(".toml");
        }
        if !path.is_file() {
            return Err(no_file(folder, name));
        }
        let text = fs::read_to_string(&path).map_err(io_error(&path))?;
        Self::parse(&text, &path.display().to_string(), id)
    }

    /// Reads the table `id` from the text of the file called `file`; see [`Reference::load`].
    ///
    /// # Errors
    /// As [`Reference::load`].
    pub fn parse(text: &str, file: &str, id: Option<&str>) -> Result<Self, StageError> {
        let contents: File = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            StageError::input(format!("{file}:{line}"), error.message(), FORMAT)
        })?;
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
        let place = format!("{file}#{}", definition.id);
        definition
            .check()
            .map_err(|reason| StageError::input(&place, reason, FORMAT))?;
        Ok(Self { place, definition })
    }

    /// Returns what the table prints in the row that is named by `row` (key column, value) and in the metric column
    /// `column`; `None` where it has no such row or column, or the value is unknown.
    ///
    /// All of `row` must hold. A number stands for a share too where the key column's unit is `%` and the table has
    /// no such percentage: 0.15 finds the row of 15 %.
    ///
    /// # Errors
    /// When several rows fit.
    pub fn lookup(
        &self,
        row: &[(&str, Key)],
        column: &str,
    ) -> Result<Option<Published>, StageError> {
        let Some(metric) = self.definition.column(column, Kind::Metric) else {
            return Ok(None);
        };
        let Some(wanted) = self.resolve(row) else {
            return Ok(None);
        };
        let mut fitting = self
            .definition
            .rows
            .iter()
            .filter(|candidate| wanted.iter().all(|(name, key)| holds(candidate, name, key)));
        let Some(found) = fitting.next() else {
            return Ok(None);
        };
        if fitting.next().is_some() {
            let named: Vec<_> = row
                .iter()
                .map(|(name, key)| format!("{name} = {key}"))
                .collect();
            let reason = format!("several rows fit {{ {} }}", named.join(", "));
            let keys: Vec<_> = self
                .definition
                .keys()
                .map(|column| column.key.as_str())
                .collect();
            let remedy = format!("name the row by more of its keys: {}", keys.join(", "));
            return Err(StageError::input(&self.place, reason, remedy));
        }
        let Some(value) = found.get(&metric.key).and_then(number) else {
            return Ok(None);
        };
        Ok(Some(Published {
            value,
            decimals: self.definition.decimals(&metric.key),
            source: self.source(),
            verified: self.definition.confidence(found) != Confidence::Memory,
        }))
    }

    /// Returns the citation: paper, table number, and where the values were read.
    pub fn source(&self) -> String {
        let Definition {
            paper,
            number,
            source,
            ..
        } = &self.definition;
        format!("{paper}, {number}; {source}")
    }

    /// Returns the table's title.
    pub fn title(&self) -> &str {
        &self.definition.title
    }

    /// Returns the heading and the unit of a metric column, if there is one of that key.
    pub fn column(&self, key: &str) -> Option<(&str, &str)> {
        let column = self.definition.column(key, Kind::Metric)?;
        Some((&column.label, &column.unit))
    }

    /// Returns the wanted keys as the rows hold them; `None` when one is no key column or no row has its value.
    fn resolve<'a>(&self, row: &[(&'a str, Key)]) -> Option<Vec<(&'a str, Key)>> {
        if row.is_empty() {
            return None;
        }
        row.iter()
            .map(|(name, key)| {
                let column = self.definition.column(name, Kind::Key)?;
                let occurs =
                    |key: &Key| self.definition.rows.iter().any(|row| holds(row, name, key));
                let shares = (column.unit == "%").then(|| key.in_percent());
                let key = [Some(key.clone()), shares]
                    .into_iter()
                    .flatten()
                    .find(occurs)?;
                Some((*name, key))
            })
            .collect()
    }
}

/// Returns the first reference's value for a cell; see [`Reference::lookup`].
///
/// # Errors
/// When several rows of one table fit.
pub fn first(
    references: &[Reference],
    row: &[(&str, Key)],
    column: &str,
) -> Result<Option<Published>, StageError> {
    for reference in references {
        if let Some(published) = reference.lookup(row, column)? {
            return Ok(Some(published));
        }
    }
    Ok(None)
}

impl Definition {
    fn keys(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| column.kind == Kind::Key)
    }

    fn column(&self, key: &str, kind: Kind) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.kind == kind && column.key == key)
    }

    /// Decimals that the column is printed with: the most that any of its values needs.
    fn decimals(&self, key: &str) -> usize {
        let values = self.rows.iter().filter_map(|row| number(row.get(key)?));
        let digits = |value: f64| {
            value
                .to_string()
                .split_once('.')
                .map_or(0, |(_, digits)| digits.len())
        };
        values.map(digits).max().unwrap_or(0)
    }

    /// The row's confidence, or else the table's.
    fn confidence(&self, row: &Table) -> Confidence {
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

fn holds(row: &Table, name: &str, key: &Key) -> bool {
    row.get(name)
        .and_then(Key::from_toml)
        .is_some_and(|found| found.equals(key))
}

/// Returns a finite number, written with or without a fraction.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(value) => Some(*value as f64),
        Value::Float(value) if value.is_finite() => Some(*value),
        _ => None,
    }
}

fn no_file(folder: &Path, name: &str) -> StageError {
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

/// Returns `did you mean …?`, or what there is.
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: i64,
    /// For whoever reads the file, as are the facts.
    #[serde(rename = "topic", default)]
    _topic: IgnoredAny,
    #[serde(default)]
    table: Vec<Definition>,
    #[serde(rename = "fact", default)]
    _facts: IgnoredAny,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Definition {
    id: String,
    paper: String,
    number: String,
    #[serde(default)]
    title: String,
    source: String,
    confidence: Confidence,
    columns: Vec<Column>,
    rows: Vec<Table>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Column {
    key: String,
    label: String,
    kind: Kind,
    #[serde(default)]
    unit: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Key,
    Metric,
}
