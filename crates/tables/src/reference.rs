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
//! confidence = "published"        # or "notes", "talk", or "memory": not verified
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

mod file;
mod key;

use std::fs;
use std::path::Path;

use contract::{StageError, io_error};
use toml::Table;

use crate::{Citation, Published};
use file::{Definition, Kind};
use key::number;

pub use file::Confidence;
pub use key::Key;

/// One published table.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// `FILE#ID`, as messages name the table.
    place: String,
    definition: Definition,
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
            return Err(file::no_file(folder, name));
        }
        let text = fs::read_to_string(&path).map_err(io_error(&path))?;
        Self::parse(&text, &path.display().to_string(), id)
    }

    /// Reads the table `id` from the text of the file called `file`; see [`Reference::load`].
    ///
    /// # Errors
    /// The errors of [`Reference::load`].
    pub fn parse(text: &str, file: &str, id: Option<&str>) -> Result<Self, StageError> {
        let definition = file::parse(text, file, id)?;
        Ok(Self {
            place: file::place(file, &definition),
            definition,
        })
    }

    /// Returns the value that the table prints in the row named by `row` (key column, value) and in the metric column
    /// `column`; `None` where the table has no such row or column, or the value is unknown.
    ///
    /// The row must have all values of `row`. A number is also taken as a share if the key column's unit is `%` and the table
    /// has no such percentage: 0.15 finds the row of 15 %.
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
            citation: self.citation(),
            verified: self.definition.confidence(found) != Confidence::Memory,
        }))
    }

    /// Returns the citation: paper, table number, and where the values were read.
    pub fn citation(&self) -> Citation {
        let Definition {
            paper,
            number,
            source,
            ..
        } = &self.definition;
        Citation {
            paper: paper.clone(),
            number: number.clone(),
            source: source.clone(),
        }
    }

    /// Returns the table's title.
    pub fn title(&self) -> &str {
        &self.definition.title
    }

    /// Returns the heading and the unit of the metric column `key`, if there is one.
    pub fn column(&self, key: &str) -> Option<(&str, &str)> {
        let column = self.definition.column(key, Kind::Metric)?;
        Some((&column.label, &column.unit))
    }

    /// Returns the wanted keys as the rows write them; `None` when a key is no key column or no row has its value.
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

/// Returns the value of the first reference that has one for a cell; see [`Reference::lookup`].
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

fn holds(row: &Table, name: &str, key: &Key) -> bool {
    row.get(name)
        .and_then(Key::from_toml)
        .is_some_and(|found| found.equals(key))
}
