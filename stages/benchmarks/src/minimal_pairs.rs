//! Reads minimal pairs from JSON lines in the form of BLiMP (Warstadt et al., *BLiMP: The Benchmark of Linguistic Minimal Pairs*,
//! TACL 2020): an acceptable sentence and one that differs from it just so much that it is not.
//!
//! A line is an object with the texts `sentence_good`, `sentence_bad`, `UID` (the paradigm), `linguistics_term` (the phenomenon) and
//! `field`; `pairID` names the pair within its paradigm, and other keys are passed over. One of BLiMP's files has the field
//! `syntax/semantics`, which the others call `syntax_semantics`: a slash in a name is read as an underscore.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use contract::{StageError, io_error};
use serde_json::{Map, Value};

use crate::catalogue::Reading;
use crate::identity::settle;
use crate::table::shorten;
use crate::text::TextFile;
use crate::{Benchmark, MinimalPair};

/// The name of the task.
pub(crate) const TASK: &str = "minimal-pairs";
const EXTENSION: &str = "jsonl";
/// The folder below BLiMP's in which its files lie.
const FOLDER: &str = "data";
const REMEDY: &str = "give JSON lines as BLiMP has them: {\"sentence_good\": …, \"sentence_bad\": …, \"field\": …, \
                      \"linguistics_term\": …, \"UID\": …}";

/// A paradigm that was met, with what its first line says of it.
struct Paradigm {
    field: String,
    phenomenon: String,
    place: String,
    /// The pairs' places in the list of all.
    pairs: Vec<usize>,
}

/// Reads a file of JSON lines, or all of a folder or its folder `data`, by their names.
pub(crate) fn read(source: &Path) -> Result<Reading, StageError> {
    let files = match source.is_file() {
        true => vec![source.to_path_buf()],
        false => find(source)?,
    };
    if files.is_empty() {
        return Err(StageError::input(
            source.display(),
            format!("no `*.{EXTENSION}` in it, nor in a folder `{FOLDER}` of it"),
            "give a file of minimal pairs, or a folder of such files, unpacked",
        ));
    }
    let mut pairs = Vec::new();
    let mut paradigms = BTreeMap::new();
    for path in &files {
        read_file(path, &mut pairs, &mut paradigms)?;
    }
    for paradigm in paradigms.values() {
        let own = paradigm.pairs.iter().map(|&at| pairs[at].id.clone());
        let names = settle(own.zip(0..).collect::<Vec<_>>().into_iter());
        for (&at, name) in paradigm.pairs.iter().zip(names) {
            pairs[at].id = name;
        }
    }
    Ok(Reading {
        benchmark: Benchmark::MinimalPairs(pairs),
        notes: Vec::new(),
    })
}

/// Returns the number of files of pairs that lie in `folder`, as far as their beginnings tell.
pub(crate) fn files_in(folder: &Path) -> usize {
    let files = find(folder).unwrap_or_default();
    files.iter().filter(|path| begins_with_a_pair(path)).count()
}

fn begins_with_a_pair(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(1 << 12).read_to_end(&mut start));
    read.is_ok() && String::from_utf8_lossy(&start).contains("\"sentence_good\"")
}

/// Returns the files of a folder, or else of its folder `data`, sorted by name.
fn find(source: &Path) -> Result<Vec<PathBuf>, StageError> {
    let own = lines_in(source)?;
    let below = source.join(FOLDER);
    match own.is_empty() && below.is_dir() {
        true => lines_in(&below),
        false => Ok(own),
    }
}

fn lines_in(folder: &Path) -> Result<Vec<PathBuf>, StageError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        if path.extension() == Some(OsStr::new(EXTENSION)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_file(
    path: &Path,
    pairs: &mut Vec<MinimalPair>,
    paradigms: &mut BTreeMap<String, Paradigm>,
) -> Result<(), StageError> {
    let before = pairs.len();
    let file = TextFile::open(path)?;
    for (place, line) in file.lines() {
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |reason: String| StageError::input(place, reason, REMEDY);
        let object: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
            let line = shorten(line);
            wrong(format!("no JSON object: {}: `{line}`", told(&error)))
        })?;
        let text = |key: &str| match object.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.as_str()),
            Some(Value::String(_)) => Err(wrong(format!("`{key}` is empty"))),
            Some(other) => {
                let other = shorten(&other.to_string());
                Err(wrong(format!("`{key}` is no text: {other}")))
            }
            None => Err(wrong(format!("the line has no `{key}`"))),
        };
        let name = |key: &str| Ok::<_, StageError>(text(key)?.trim().replace('/', "_"));
        let pair = MinimalPair {
            good: text("sentence_good")?.to_owned(),
            bad: text("sentence_bad")?.to_owned(),
            field: name("field")?,
            phenomenon: name("linguistics_term")?,
            paradigm: name("UID")?,
            id: match object.get("pairID") {
                Some(Value::String(id)) => id.clone(),
                Some(Value::Number(id)) => id.to_string(),
                _ => String::new(),
            },
        };
        let paradigm = paradigms.entry(pair.paradigm.clone());
        let paradigm = paradigm.or_insert_with(|| Paradigm {
            field: pair.field.clone(),
            phenomenon: pair.phenomenon.clone(),
            place: place.to_string(),
            pairs: Vec::new(),
        });
        if (&paradigm.field, &paradigm.phenomenon) != (&pair.field, &pair.phenomenon) {
            let (name, at) = (&pair.paradigm, &paradigm.place);
            return Err(StageError::input(
                place,
                format!(
                    "the paradigm `{name}` is of {} in {} here, and of {} in {} at {at}",
                    pair.phenomenon, pair.field, paradigm.phenomenon, paradigm.field
                ),
                "give every pair of a paradigm the same `field` and `linguistics_term`",
            ));
        }
        paradigm.pairs.push(pairs.len());
        pairs.push(pair);
    }
    match pairs.len() == before {
        true => Err(StageError::input(path.display(), "no pair in it", REMEDY)),
        false => Ok(()),
    }
}

/// Returns what is wrong with a line, without the line number that `serde_json` counts within it.
fn told(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let column = error.column();
    match told.split_once(" at line ") {
        Some((what, _)) => format!("{what} at column {column}"),
        None => told,
    }
}
