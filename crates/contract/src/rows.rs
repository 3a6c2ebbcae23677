use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

/// The folder of the files of rows, inside the job's folder.
const FOLDER: &str = "log";
/// The longest time until a written row reaches the file.
const SEEN: Duration = Duration::from_secs(1);

/// The rows of a log while the stage runs: a file of JSON lines in the job's folder, for people who watch the stage. The file is
/// no part of the result, so errors in writing it are ignored.
#[derive(Debug)]
pub struct Rows {
    file: Option<BufWriter<File>>,
    shown: Option<Instant>,
}

impl Rows {
    /// Returns the path of the rows of the artifact's log `file` (`log.parquet`) inside the job's folder `folder`:
    /// `log/log.jsonl`.
    pub fn place(folder: &Path, file: &str) -> PathBuf {
        folder.join(FOLDER).join(file).with_extension("jsonl")
    }

    /// Begins the file afresh.
    pub(crate) fn create(path: &Path) -> Self {
        let folder = path.parent().map(std::fs::create_dir_all);
        let made = folder.is_none_or(|made| made.is_ok());
        Self {
            file: made
                .then(|| File::create(path).ok().map(BufWriter::new))
                .flatten(),
            shown: None,
        }
    }

    /// Adds a row: a value that serialises to an object of column names and numbers.
    pub fn push(&mut self, row: &impl Serialize) {
        let Some(file) = &mut self.file else { return };
        let Ok(mut line) = serde_json::to_vec(row) else {
            return;
        };
        line.push(b'\n');
        let mut written = file.write_all(&line);
        if self.shown.is_none_or(|shown| shown.elapsed() >= SEEN) {
            written = written.and_then(|()| file.flush());
            self.shown = Some(Instant::now());
        }
        if written.is_err() {
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_seen_soon_and_a_new_attempt_begins_afresh() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log/log.jsonl");
        let mut rows = Rows::create(&path);
        rows.push(&json!({"step": 1, "loss": 2.5}));
        let first = "{\"loss\":2.5,\"step\":1}\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        rows.push(&json!({"step": 2}));
        drop(rows);
        let both = format!("{first}{{\"step\":2}}\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), both);
        drop(Rows::create(&path));
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn what_cannot_be_written_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("log"), "a file").unwrap();
        Rows::create(&folder.path().join("log/log.jsonl")).push(&json!({}));
    }
}
