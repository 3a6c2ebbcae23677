//! Reads what contrastive training learns from: a text file with a sentence a line, or a table of sentences that belong together, as
//! SimCSE has both (Gao et al. 2021): `wiki1m_for_simcse.txt`, and `nli_for_simcse.csv` with the columns `sent0` (the premise),
//! `sent1` (a sentence that it entails) and `hard_neg` (one that contradicts it).

use std::path::{Path, PathBuf};

use contract::StageError;

use crate::Benchmark;
use crate::catalogue::Reading;
use crate::own::{Form, Table};
use crate::task::Triplet;
use crate::text::TextFile;

/// The name of the task whose sentences stand alone.
pub(crate) const SENTENCES: &str = "sentences";
/// The name of the task whose sentences belong together.
pub(crate) const TRIPLETS: &str = "triplets";
/// The columns of a table, the last of which may be missing.
const COLUMNS: [&str; 3] = ["sent0", "sent1", "hard_neg"];
/// The ends of the names of both kinds of file.
const TEXTS: &[&str] = &["txt"];
const TABLES: &[&str] = &["csv", "tsv", "parquet"];
/// What the names of SimCSE's own files hold.
const OWN_NAME: &str = "for_simcse";

/// Reads a text file, or the only one of a folder, with a sentence a line. Lines without a word are passed over and counted.
pub(crate) fn read_sentences(source: &Path) -> Result<Reading, StageError> {
    let file = TextFile::open(&only(source, TEXTS, "a text file with a sentence a line")?)?;
    let (mut triplets, mut empty) = (Vec::new(), 0_usize);
    for (_, line) in file.lines() {
        match line.trim() {
            "" => empty += 1,
            sentence => triplets.push(Triplet {
                anchor: sentence.to_owned(),
                positive: None,
                negative: None,
            }),
        }
    }
    finish(file.path(), triplets, empty, "line")
}

/// Reads a table, or the only one of a folder. Rows that lack a sentence are passed over and counted.
pub(crate) fn read_triplets(source: &Path) -> Result<Reading, StageError> {
    let what = "a table with the columns sent0, sent1 and hard_neg";
    let table = Table::open(&only(source, TABLES, what)?, Form::default())?;
    let has_negatives = table.header.iter().any(|name| name == COLUMNS[2]);
    let wanted = &COLUMNS[..2 + usize::from(has_negatives)];
    table.expect(wanted, None)?;
    let (mut triplets, mut empty) = (Vec::new(), 0_usize);
    for row in table.rows(wanted)? {
        if row.cells.iter().any(|cell| cell.trim().is_empty()) {
            empty += 1;
            continue;
        }
        let mut cells = row.cells.into_iter().map(|cell| cell.trim().to_owned());
        triplets.push(Triplet {
            anchor: cells.next().unwrap_or_default(),
            positive: cells.next(),
            negative: cells.next(),
        });
    }
    finish(table.path(), triplets, empty, "row")
}

fn finish(
    path: &Path,
    triplets: Vec<Triplet>,
    empty: usize,
    unit: &str,
) -> Result<Reading, StageError> {
    if triplets.is_empty() {
        return Err(StageError::input(
            path.display(),
            "no sentence in it",
            "give a file with at least two sentences",
        ));
    }
    let notes = match empty {
        0 => Vec::new(),
        1 => vec![format!("1 {unit} without a sentence was left out")],
        _ => vec![format!("{empty} {unit}s without a sentence were left out")],
    };
    Ok(Reading {
        benchmark: Benchmark::Triplets(triplets),
        notes,
    })
}

/// Returns whether a folder holds one file that could be meant. A table is told by the names of its columns. Any text is sentences, so that
/// those that SimCSE's script downloads are told by their name.
pub(crate) fn files_in(folder: &Path, task: &str) -> usize {
    let found = match task {
        SENTENCES => files(folder, TEXTS),
        _ => files(folder, TABLES),
    };
    let [file] = &found[..] else {
        return 0;
    };
    let is_meant = match task {
        SENTENCES => {
            let name = file.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.contains(OWN_NAME))
        }
        _ => Table::open(file, Form::default()).is_ok_and(|table| {
            let has = |column: &&str| table.header.iter().any(|name| name == column);
            COLUMNS[..2].iter().all(has)
        }),
    };
    usize::from(is_meant)
}

/// Returns the file itself, or the only file of a folder with one of the endings.
fn only(source: &Path, endings: &[&str], what: &str) -> Result<PathBuf, StageError> {
    if !source.is_dir() {
        return Ok(source.to_path_buf());
    }
    let mut found = files(source, endings);
    match (found.pop(), found.len()) {
        (Some(file), 0) => Ok(file),
        (None, _) => Err(StageError::input(
            source.display(),
            format!("no file *.{} in it", endings.join(", *.")),
            format!("give {what}"),
        )),
        (Some(file), others) => Err(StageError::input(
            source.display(),
            format!("{} files could be meant", others + 1),
            format!("name one of them, such as {}", file.display()),
        )),
    }
}

fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| {
            let ending = path.extension().and_then(|ending| ending.to_str());
            path.is_file() && ending.is_some_and(|ending| endings.contains(&ending))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn triplets(reading: Reading) -> Vec<Triplet> {
        match reading.benchmark {
            Benchmark::Triplets(triplets) => triplets,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_quoted_sentence_may_hold_commas_quotes_and_line_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nli.csv");
        let text = "sent0,sent1,hard_neg\n\"A, \"\"b\"\"\nc\",d,e\nf,,g\n";
        fs::write(&path, text).unwrap();
        for source in [path.as_path(), folder.path()] {
            let reading = read_triplets(source).unwrap();
            assert_eq!(reading.notes, ["1 row without a sentence was left out"]);
            let expected = Triplet {
                anchor: "A, \"b\"\nc".into(),
                positive: Some("d".into()),
                negative: Some("e".into()),
            };
            assert_eq!(triplets(reading), [expected]);
        }
        fs::write(folder.path().join("other.csv"), text).unwrap();
        let error = read_triplets(folder.path()).err().unwrap();
        assert!(
            error.to_string().contains("2 files could be meant"),
            "{error}"
        );
        fs::write(&path, "sent0,other\na,b\n").unwrap();
        let error = read_triplets(&path).err().unwrap();
        assert!(error.to_string().contains("no column `sent1`"), "{error}");
    }

    #[test]
    fn lines_without_a_sentence_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wiki.txt");
        fs::write(&path, "One.\n\n  Two. \r\n \n").unwrap();
        let reading = read_sentences(&path).unwrap();
        assert_eq!(reading.notes, ["2 lines without a sentence were left out"]);
        let found: Vec<String> = triplets(reading)
            .into_iter()
            .map(|one| one.anchor)
            .collect();
        assert_eq!(found, ["One.", "Two."]);
        fs::write(&path, "\n").unwrap();
        let error = read_sentences(folder.path()).err().unwrap();
        assert!(error.to_string().contains("no sentence in it"), "{error}");
    }
}
