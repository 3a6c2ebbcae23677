//! What jobs leave to be read besides their results: the rows that a stage records as it goes, and its messages.
//!
//! Which files of an artifact are logs, and what their columns are, a stage's signature says ([`contract::FileForm::Log`]).
//! While a job goes on, or after it has failed, the rows so far lie as JSON lines in its work folder.

mod table;
mod text;

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use contract::{Column, FileForm, OutputFile};
use metrics::log;
use serde_json::{Map, Value};

use crate::report::ReportError;
use crate::store::{Manifest, Store, StoreError, io_error};

pub use table::Table;
pub use text::Messages;

/// The rows of one log.
#[derive(Clone, Debug)]
pub struct Log {
    /// The file of the artifact.
    pub file: &'static str,
    /// Where the rows lie.
    pub path: PathBuf,
    columns: &'static [Column],
    /// Each row's numbers in the order of the columns; NaN where a row lacks one.
    rows: Vec<Vec<f64>>,
}

impl Log {
    /// Reads the logs of a result. `files` are those that its kind documents.
    ///
    /// # Errors
    /// When a file is damaged or cannot be read.
    pub fn of_result(
        store: &Store,
        manifest: &Manifest,
        files: &[OutputFile],
    ) -> Result<Vec<Self>, ReportError> {
        let mut logs = Vec::new();
        for (file, columns) in declared(files) {
            if let Some(path) = store.file(manifest, file)? {
                let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
                logs.push(Self {
                    file,
                    rows: log::read(&path, &names)?,
                    path,
                    columns,
                });
            }
        }
        Ok(logs)
    }

    /// Reads what there is so far of the logs of the job in the work folder `folder`.
    ///
    /// # Errors
    /// When the system refuses to read.
    pub fn so_far(folder: &Path, files: &[OutputFile]) -> Result<Vec<Self>, StoreError> {
        let mut logs = Vec::new();
        for (file, columns) in declared(files) {
            let path = contract::Rows::place(folder, file);
            let lines = match File::open(&path) {
                Ok(lines) => BufReader::new(lines),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error(&path)(error)),
            };
            let mut rows = Vec::new();
            for line in lines.split(b'\n') {
                let line = line.map_err(io_error(&path))?;
                // A line that is half written is no JSON: it is read whole the next time.
                if let Ok(row) = serde_json::from_slice::<Map<String, Value>>(&line) {
                    let numbers = columns.iter().map(|column| {
                        let number = row.get(column.name).and_then(Value::as_f64);
                        number.unwrap_or(f64::NAN)
                    });
                    rows.push(numbers.collect());
                }
            }
            logs.push(Self {
                file,
                path,
                columns,
                rows,
            });
        }
        Ok(logs)
    }

    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Returns which of the files are logs.
fn declared(files: &[OutputFile]) -> impl Iterator<Item = (&'static str, &'static [Column])> {
    files.iter().filter_map(|file| match file.form {
        FileForm::Log(columns) => Some((file.path, columns)),
        FileForm::Other | FileForm::Table(_) => None,
    })
}
