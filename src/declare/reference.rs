//! The published values and claims that tables are compared with: checked before hours are spent on cells beside them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::model::{LineReference, OutputDeclaration, ReferenceKey};
use crate::errors::{Diagnostic, Source, did_you_mean};

/// One published table: `FILE#ID`.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) file: PathBuf,
    /// The file as it was written, for messages.
    pub(crate) written: String,
    pub(crate) id: String,
    pub(crate) span: Range<usize>,
}

/// A file of published claims.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    pub(crate) file: PathBuf,
    /// The file as it was written, for messages.
    pub(crate) written: String,
    pub(crate) span: Range<usize>,
}

/// What is read of a file of published values: the names that something may point at. That the file is of its format
/// is for `tables` to say.
#[derive(Deserialize)]
struct Published {
    table: Vec<PublishedTable>,
}

#[derive(Deserialize)]
struct PublishedTable {
    id: String,
    columns: Vec<PublishedColumn>,
    rows: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct PublishedColumn {
    key: String,
    #[serde(default)]
    unit: String,
}

/// Checks that files, tables, columns and rows referred to exist. Whether claims are of their format is for `tables` to say.
pub(super) fn check(
    source: &Arc<Source>,
    tables: &[OutputDeclaration],
    problems: &mut Vec<Diagnostic>,
) {
    let mut files: BTreeMap<&Path, Result<String, io::Error>> = BTreeMap::new();
    for table in tables {
        for claims in &table.claims {
            let text = files
                .entry(&claims.file)
                .or_insert_with(|| read(&claims.file));
            let problem = match text {
                Ok(text) => match tables::claims::parse(text, &claims.written) {
                    Ok(_) => continue,
                    Err(error) => Diagnostic::new(error.to_string()).maybe_help(error.remedy()),
                },
                Err(error) => Diagnostic::new(format!("cannot read {}: {error}", claims.written))
                    .help("a relative path starts at the folder of the pipeline file"),
            };
            problems.push(problem.at(source, claims.span.clone(), ""));
        }
        let before = problems.len();
        let mut published = Vec::new();
        for reference in &table.references {
            let file = reference.file.as_path();
            let text = files.entry(file).or_insert_with(|| read(file));
            match find(text, reference) {
                Ok(found) => published.push(found),
                Err(problem) => {
                    problems.push(problem.at(source, reference.span.clone(), ""));
                }
            }
        }
        // Where no reference could be read, the reason has been told.
        if problems.len() > before || published.is_empty() {
            continue;
        }
        let lines = table.rows.iter().chain(&table.columns);
        for reference in lines.filter_map(|line| line.reference.as_ref()) {
            if let Err((message, help)) = check_line(reference, &published) {
                problems.push(
                    Diagnostic::new(message)
                        .at(source, reference.span.clone(), "")
                        .help(help),
                );
            }
        }
    }
}

/// Reads a plain file; anything else, such as a pipe, might never end.
fn read(file: &Path) -> io::Result<String> {
    let kind = fs::metadata(file)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::other("not a file"));
    }
    fs::read_to_string(file)
}

fn find(
    text: &Result<String, io::Error>,
    reference: &Reference,
) -> Result<PublishedTable, Diagnostic> {
    let name = reference.written.as_str();
    let text = text.as_ref().map_err(|error| {
        Diagnostic::new(format!("cannot read {name}: {error}")).help(
            "a reference is FILE#ID; a relative path starts at the folder of the pipeline file",
        )
    })?;
    tables::reference::Reference::parse(text, name, Some(&reference.id))
        .map_err(|error| Diagnostic::new(error.to_string()).maybe_help(error.remedy()))?;
    let tables = toml::from_str::<Published>(text)
        .map_err(|error| Diagnostic::new(format!("{name}: {}", error.message())))?
        .table;
    let found = tables.into_iter().find(|table| table.id == reference.id);
    found.ok_or_else(|| Diagnostic::new(format!("{name} has no table `{}`", reference.id)))
}

fn check_line(
    reference: &LineReference,
    published: &[PublishedTable],
) -> Result<(), (String, String)> {
    let columns = || {
        published
            .iter()
            .flat_map(|table| table.columns.iter().map(|column| column.key.as_str()))
    };
    let known = |key: &str| match columns().any(|column| column == key) {
        true => Ok(()),
        false => Err((
            format!("no published column `{key}`"),
            did_you_mean(key, columns(), "published columns"),
        )),
    };
    match &reference.value {
        ReferenceKey::Column(key) => known(key),
        ReferenceKey::Row(keys) => {
            for key in keys.keys() {
                known(key)?;
            }
            if published.iter().any(|table| table.has_row(keys)) {
                return Ok(());
            }
            let known: Vec<String> = published
                .iter()
                .flat_map(|table| &table.rows)
                .filter_map(|row| {
                    let pairs = keys
                        .keys()
                        .map(|key| row.get(key).map(|v| format!("{key} = {v}")));
                    pairs
                        .collect::<Option<Vec<_>>>()
                        .map(|pairs| pairs.join(", "))
                })
                .take(12)
                .collect();
            Err((
                "no published row has these values".into(),
                format!("there are: {}", known.join("; ")),
            ))
        }
    }
}

impl PublishedTable {
    fn has_row(&self, keys: &Map<String, Value>) -> bool {
        self.rows.iter().any(|row| {
            keys.iter().all(|(key, wanted)| {
                let percent = self.columns.iter().any(|c| c.key == *key && c.unit == "%");
                row.get(key)
                    .is_some_and(|found| same(found, wanted, percent))
            })
        })
    }
}

/// Returns whether a published key is the wanted one: numbers up to the rounding of a decimal fraction, and a share
/// stands for its percentage.
fn same(found: &Value, wanted: &Value, percent: bool) -> bool {
    let (Some(found), Some(wanted)) = (found.as_f64(), wanted.as_f64()) else {
        return found == wanted;
    };
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    near(found, wanted) || (percent && near(found, wanted * 100.0))
}
