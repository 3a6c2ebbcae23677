//! Reads SentEval's transfer tasks: MR, CR, SUBJ, MPQA, SST2, TREC and MRPC (Conneau and Kiela, *SentEval*, LREC 2018).
//!
//! The layout is that of SentEval's download script (`data/downstream/MR/rt-polarity.pos`, …), and what is read is what SentEval's
//! `binary.py`, `sst.py`, `trec.py` and `mrpc.py` read: words are joined by single spaces; an empty line of MR, CR, SUBJ or MPQA is a
//! sentence without words, since the published counts count it (CR has four, MPQA three); of TREC the coarse class alone counts. SentEval
//! reads all but SST2 and MRPC as Latin-1. Of its files only TREC's training set is none of UTF-8, and the others are ASCII: a file that is
//! UTF-8 is read as that, which differs only for files that SentEval would garble.

use std::path::{Path, PathBuf};

use contract::StageError;

use crate::catalogue::Reading;
use crate::identity::settle;
use crate::table::{Table, shorten};
use crate::text::TextFile;
use crate::{Benchmark, Example, TransferSet, TransferSplits};

/// The name of the task.
pub(crate) const TASK: &str = "transfer";
const REMEDY: &str = "give SentEval's `data/downstream`, which holds `MR`, `CR`, `SUBJ`, `MPQA`, `SST`, `TREC` and `MRPC`";
const OFFICIAL: &str = "use the official file, as SentEval's download script leaves it";

/// A set: its name, its folder, its files and its classes.
struct Source {
    name: &'static str,
    folder: &'static str,
    files: &'static [&'static str],
    labels: &'static [&'static str],
    read: fn(&[TextFile], &Source) -> Result<TransferSplits, StageError>,
}

const SOURCES: [Source; 7] = [
    Source {
        name: "mr",
        folder: "MR",
        files: &["rt-polarity.pos", "rt-polarity.neg"],
        labels: &["negative", "positive"],
        read: read_classes,
    },
    Source {
        name: "cr",
        folder: "CR",
        files: &["custrev.pos", "custrev.neg"],
        labels: &["negative", "positive"],
        read: read_classes,
    },
    Source {
        name: "subj",
        folder: "SUBJ",
        files: &["subj.objective", "subj.subjective"],
        labels: &["subjective", "objective"],
        read: read_classes,
    },
    Source {
        name: "mpqa",
        folder: "MPQA",
        files: &["mpqa.pos", "mpqa.neg"],
        labels: &["negative", "positive"],
        read: read_classes,
    },
    Source {
        name: "sst2",
        folder: "SST/binary",
        files: &["sentiment-train", "sentiment-dev", "sentiment-test"],
        labels: &["negative", "positive"],
        read: read_sst2,
    },
    Source {
        name: "trec",
        folder: "TREC",
        files: &["train_5500.label", "TREC_10.label"],
        labels: &["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"],
        read: read_trec,
    },
    Source {
        name: "mrpc",
        folder: "MRPC",
        files: &["msr_paraphrase_train.txt", "msr_paraphrase_test.txt"],
        labels: &["not_equivalent", "equivalent"],
        read: read_mrpc,
    },
];

/// The names of the sets, in the order of tables.
pub fn sets() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|source| source.name)
}

/// Reads every set that `source` has: SentEval's `downstream` folder, or a folder above it.
pub(crate) fn read(source: &Path) -> Result<Reading, StageError> {
    if !source.is_dir() {
        return Err(StageError::input(
            source.display(),
            "no such folder",
            REMEDY,
        ));
    }
    let folder = find_folder(source);
    let (mut sets, mut notes) = (Vec::new(), Vec::new());
    for set in &SOURCES {
        let Some(paths) = files(&folder, set)? else {
            if folder.join(set.folder).is_dir() {
                let name = set.name.to_uppercase();
                notes.push(format!(
                    "{name} is left out: its folder holds none of its files"
                ));
            }
            continue;
        };
        let open = match set.name {
            "sst2" | "mrpc" => TextFile::open,
            _ => TextFile::open_latin1,
        };
        let texts = paths.iter().map(|path| open(path));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let splits = (set.read)(&texts, set)?;
        let without = splits
            .named()
            .into_iter()
            .flat_map(|(_, examples)| examples);
        let without = without.filter(|one| one.sentence1.is_empty()).count();
        if without > 0 {
            notes.push(format!(
                "{}: {without} lines without words count as sentences, as in SentEval",
                set.name.to_uppercase()
            ));
        }
        sets.push(TransferSet {
            name: set.name.to_owned(),
            labels: set.labels.iter().map(|&label| label.to_owned()).collect(),
            splits,
        });
    }
    if sets.is_empty() {
        return Err(StageError::input(
            source.display(),
            "none of the seven transfer sets is in it",
            REMEDY,
        ));
    }
    Ok(Reading {
        benchmark: Benchmark::Transfer(sets),
        notes,
    })
}

/// Returns the number of sets in a folder in SentEval's layout.
pub(crate) fn sets_in(folder: &Path) -> usize {
    let is_there = |set: &&Source| folder.join(set.folder).join(set.files[0]).is_file();
    SOURCES.iter().filter(is_there).count()
}

/// Returns the folder of the sets. Only places inside `source` are searched, since only `source` is keyed.
fn find_folder(source: &Path) -> PathBuf {
    let above = [
        "",
        "downstream",
        "data/downstream",
        "SentEval/data/downstream",
    ];
    let above = above.map(|folder| source.join(folder));
    let found = above.iter().find(|folder| sets_in(folder) > 0);
    found.unwrap_or(&above[0]).clone()
}

/// Returns the files of a set; `None` where none of them is there.
fn files(folder: &Path, set: &Source) -> Result<Option<Vec<PathBuf>>, StageError> {
    let paths = set.files.iter();
    let paths: Vec<PathBuf> = paths
        .map(|file| folder.join(set.folder).join(file))
        .collect();
    let Some(there) = paths.iter().find(|path| path.is_file()) else {
        return Ok(None);
    };
    match paths.iter().find(|path| !path.is_file()) {
        Some(lacking) => Err(StageError::input(
            there.display(),
            format!("its partner `{}` is missing", lacking.display()),
            "complete the set",
        )),
        None => Ok(Some(paths)),
    }
}

/// Reads a file for each class, of which SentEval gives the first 1 and the second 0.
fn read_classes(files: &[TextFile], _: &Source) -> Result<TransferSplits, StageError> {
    let mut examples = Vec::new();
    for (file, label) in files.iter().zip([1.0, 0.0]) {
        let before = examples.len();
        let class = file.path().extension().unwrap_or_default().display();
        for (number, (_, line)) in file.lines().enumerate() {
            examples.push(Example {
                id: format!("{class}-{number}"),
                sentence1: joined(line),
                sentence2: None,
                label,
            });
        }
        not_empty(&examples[before..], file)?;
    }
    Ok(TransferSplits::Whole(examples))
}

/// Reads `text TAB class` lines.
fn read_sst2(files: &[TextFile], set: &Source) -> Result<TransferSplits, StageError> {
    let read = |file: &TextFile| {
        let mut examples = Vec::new();
        for (number, (place, line)) in file.lines().enumerate() {
            let columns: Vec<&str> = line.trim().split('\t').collect();
            let [sentence, label] = columns[..] else {
                return Err(StageError::input(
                    place,
                    format!(
                        "expected a sentence and its class with a tab between them, found {} columns",
                        columns.len()
                    ),
                    OFFICIAL,
                ));
            };
            let class = ["0", "1"].iter().position(|class| *class == label.trim());
            let class = class.ok_or_else(|| {
                StageError::input(
                    place,
                    format!("the class is \"{}\", not 0 or 1", shorten(label)),
                    OFFICIAL,
                )
            })?;
            examples.push(Example {
                id: number.to_string(),
                sentence1: joined(sentence),
                sentence2: None,
                label: class as f64,
            });
        }
        not_empty(&examples, file)?;
        with_all_classes(examples, file, set)
    };
    Ok(TransferSplits::Development {
        train: read(&files[0])?,
        validation: read(&files[1])?,
        test: read(&files[2])?,
    })
}

/// Reads `COARSE:fine question` lines.
fn read_trec(files: &[TextFile], set: &Source) -> Result<TransferSplits, StageError> {
    let read = |file: &TextFile| {
        let mut examples = Vec::new();
        for (number, (place, line)) in file.lines().enumerate() {
            let wrong = |reason: String| Err(StageError::input(place, reason, OFFICIAL));
            let parts = line.trim().split_once(':');
            let parts = parts.and_then(|(class, rest)| Some((class, rest.split_once(' ')?.1)));
            let Some((class, question)) = parts else {
                return wrong(format!(
                    "expected `CLASS:subclass question`, found \"{}\"",
                    shorten(line)
                ));
            };
            let Some(label) = set.labels.iter().position(|label| *label == class) else {
                return wrong(format!(
                    "the class is \"{}\", not one of {}",
                    shorten(class),
                    set.labels.join(", ")
                ));
            };
            examples.push(Example {
                id: number.to_string(),
                sentence1: joined(question),
                sentence2: None,
                label: label as f64,
            });
        }
        not_empty(&examples, file)?;
        Ok(examples)
    };
    Ok(TransferSplits::Test {
        train: read(&files[0])?,
        test: read(&files[1])?,
    })
}

fn read_mrpc(files: &[TextFile], set: &Source) -> Result<TransferSplits, StageError> {
    let read = |file: &TextFile| {
        let columns = ["Quality", "#1 String", "#2 String"];
        let (mut examples, mut names) = (Vec::new(), Vec::new());
        for row in Table::with_header(file, &columns, &["#1 ID", "#2 ID"])?.rows() {
            let row = row?;
            let class = ["0", "1"].iter().position(|class| *class == row.fields[0]);
            let class = class.ok_or_else(|| {
                StageError::input(
                    row.place,
                    format!("the class is \"{}\", not 0 or 1", shorten(row.fields[0])),
                    OFFICIAL,
                )
            })?;
            examples.push(Example {
                id: String::new(),
                sentence1: joined(row.fields[1]),
                sentence2: Some(joined(row.fields[2])),
                label: class as f64,
            });
            names.push((row.name, row.number));
        }
        for (example, id) in examples.iter_mut().zip(settle(names.into_iter())) {
            example.id = id;
        }
        not_empty(&examples, file)?;
        with_all_classes(examples, file, set)
    };
    Ok(TransferSplits::Test {
        train: read(&files[0])?,
        test: read(&files[1])?,
    })
}

fn not_empty(examples: &[Example], file: &TextFile) -> Result<(), StageError> {
    match examples {
        [] => Err(StageError::input(
            file.path().display(),
            "no sentence is in it",
            OFFICIAL,
        )),
        _ => Ok(()),
    }
}

/// Refuses a file of two classes that has one of them alone.
fn with_all_classes(
    examples: Vec<Example>,
    file: &TextFile,
    set: &Source,
) -> Result<Vec<Example>, StageError> {
    let lacking =
        (0..set.labels.len()).find(|class| !examples.iter().any(|one| one.class() == *class));
    match lacking {
        Some(class) => Err(StageError::input(
            file.path().display(),
            format!(
                "no sentence in it is of the class {class}, {}",
                set.labels[class]
            ),
            OFFICIAL,
        )),
        None => Ok(examples),
    }
}

/// Returns the words with single spaces between them.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
