//! Reads the seven sets of semantic textual similarity: STS 2012 to 2016, the STS Benchmark and SICK-R.
//!
//! The layout is that of SentEval's download script (`STS/STS12-en-test/STS.input.MSRpar.txt`, …) or that of
//! the SemEval releases (`years`), in which 2016 names its files `STS2016.input.…`, with the STS Benchmark in `stsbenchmark`. SentEval's
//! script tokenises the years and lower-cases them; as released they have capitals. As in SentEval (`senteval/sts.py`), STS13 is
//! without its SMT part, pairs without a gold score are left out, and words are joined by single spaces.

mod years;

use std::path::{Path, PathBuf};

use contract::StageError;

use crate::catalogue::Reading as Read;
use crate::glue::score;
use crate::identity::settle;
use crate::table::{Table, shorten};
use crate::text::{Place, TextFile};
use crate::{Benchmark, StsPair};
use years::{YEARS, Year, find_files};

/// The names of the sets.
pub fn sets() -> impl Iterator<Item = &'static str> {
    YEARS.iter().map(|year| year.set).chain([STSB, SICKR])
}

const STSB: &str = "stsb";
const SICKR: &str = "sickr";
/// The set of all pairs of SICK, of training, trial and test, as MTEB has it: 9,927.
pub const SICKR_ALL: &str = "sickr_all";

/// The years in which some pairs have no gold score. The official score leaves these pairs out.
const UNSCORED: [&str; 2] = ["sts15", "sts16"];

/// The pairs read so far, the lines that they come from, and notes for the user about the files.
struct Reading {
    pairs: Vec<StsPair>,
    lines: Vec<usize>,
    notes: Vec<String>,
    /// How many pairs without a gold score a year has.
    unscored: Vec<(&'static str, usize)>,
}

/// Reads every set that `source` has: SentEval's `downstream` folder, a folder above it, or the folder of the years.
/// With `sick_all` all pairs of SICK are a set beside those of its test split.
pub(crate) fn read(source: &Path, sick_all: bool) -> Result<Read, StageError> {
    if !source.is_dir() {
        return Err(StageError::input(
            source.display(),
            "no such folder",
            REMEDY,
        ));
    }
    let (years, sick) = find_folders(source);
    let mut reading = Reading {
        pairs: Vec::new(),
        lines: Vec::new(),
        notes: Vec::new(),
        unscored: Vec::new(),
    };
    for year in YEARS {
        read_year(&year.folder(&years), year, &mut reading)?;
    }
    let benchmark = sts_benchmark(&years).join("sts-test.csv");
    if benchmark.is_file() {
        read_sts_benchmark(&benchmark, &mut reading)?;
    } else {
        reading.note_lacking(&benchmark, "STS-B");
    }
    let test = sick.join(SICK[2]);
    if test.is_file() {
        read_sick(SICKR, "test", &[test], &mut reading)?;
        if sick_all {
            let files = SICK.map(|name| sick.join(name));
            read_sick(SICKR_ALL, "all", &files, &mut reading)?;
        }
    } else {
        reading.note_lacking(&test, "SICK-R");
    }
    reading.note_unscored();
    if reading.pairs.is_empty() {
        return Err(StageError::input(
            source.display(),
            "none of the seven sets is in it",
            REMEDY,
        ));
    }
    Ok(Read {
        benchmark: Benchmark::Pairs(reading.pairs),
        notes: reading.notes,
    })
}

/// The files of SICK: 4,500, 500 and 4,927 pairs.
const SICK: [&str; 3] = [
    "SICK_train.txt",
    "SICK_trial.txt",
    "SICK_test_annotated.txt",
];

/// Returns the folder of the STS Benchmark: SentEval's, or the one of the release.
fn sts_benchmark(years: &Path) -> PathBuf {
    let folders = ["STSBenchmark", "stsbenchmark"].map(|folder| years.join(folder));
    let found = folders.iter().find(|folder| folder.is_dir());
    found.unwrap_or(&folders[0]).clone()
}

const REMEDY: &str = "give SentEval's `data/downstream`, which holds `STS/STS12-en-test`, …, \
                      `STS/STSBenchmark` and `SICK`";

/// Returns the number of sets in a folder, in SentEval's layout or in that of the years alone.
pub(crate) fn sets_in(folder: &Path) -> usize {
    let years = match folder.join("STS") {
        years if years.is_dir() => years,
        _ => folder.to_path_buf(),
    };
    let is_there = |year: &&Year| year.folder(&years).is_dir();
    let found = YEARS.iter().filter(is_there).count();
    // Folders with the other sets' names count only beside a year: alone, they could be anything.
    match found {
        0 => 0,
        found => {
            let more = [sts_benchmark(&years), folder.join("SICK")];
            found + more.iter().filter(|set| set.is_dir()).count()
        }
    }
}

/// Returns the folders of the years and of SICK. Only places inside `source` are searched, since only `source` is keyed.
fn find_folders(source: &Path) -> (PathBuf, PathBuf) {
    let above = [
        "",
        "downstream",
        "data/downstream",
        "SentEval/data/downstream",
    ];
    let above = above.map(|folder| source.join(folder));
    // SICK lies beside STS in SentEval's layout; either may be missing.
    let with = |part: &str| above.iter().find(|folder| folder.join(part).is_dir());
    match with("STS").or_else(|| with("SICK")) {
        Some(base) if base.join("STS").is_dir() => (base.join("STS"), base.join("SICK")),
        Some(base) => (base.clone(), base.join("SICK")),
        None => (source.to_path_buf(), source.join("SICK")),
    }
}

fn read_year(folder: &Path, year: &Year, reading: &mut Reading) -> Result<(), StageError> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for subset in year.subsets {
        match find_files(folder, subset)? {
            Some(files) => found.push((*subset, files)),
            None => missing.push(*subset),
        }
    }
    if found.is_empty() {
        if folder.is_dir() {
            let set = year.set.to_uppercase();
            reading.notes.push(format!(
                "{set} is left out: its folder holds none of its parts"
            ));
        }
        return Ok(());
    }
    if !missing.is_empty() {
        reading.notes.push(format!(
            "{} has {} of its {} parts, without {}: its score is not the official one",
            year.set.to_uppercase(),
            found.len(),
            year.subsets.len(),
            missing.join(", ")
        ));
    }
    let mut unscored = 0;
    for (subset, (input, gold)) in found {
        let before = reading.pairs.len();
        unscored += read_subset(&input, &gold, year.set, subset, reading)?;
        reading.end_part(before, &input)?;
    }
    if unscored > 0 {
        reading.unscored.push((year.set, unscored));
    }
    Ok(())
}

/// Reads a subset, and returns the number of its pairs without a gold score.
fn read_subset(
    input: &Path,
    gold: &Path,
    set: &str,
    subset: &str,
    reading: &mut Reading,
) -> Result<usize, StageError> {
    let (input, gold) = (TextFile::open(input)?, TextFile::open(gold)?);
    let (inputs, golds) = (input.lines().count(), gold.lines().count());
    if inputs != golds {
        return Err(StageError::input(
            gold.path().display(),
            format!(
                "it has {golds} lines, and {} has {inputs}",
                input.path().display()
            ),
            "use the two files of one release; a pair without a score has an empty line",
        ));
    }
    let mut unscored = 0;
    for (line, ((place, pair), (gold_place, gold))) in input.lines().zip(gold.lines()).enumerate() {
        if gold.trim().is_empty() {
            unscored += 1;
            continue;
        }
        // Some years give the source of each sentence in further columns.
        let mut columns = pair.split('\t');
        let (Some(sentence1), Some(sentence2)) = (columns.next(), columns.next()) else {
            return Err(StageError::input(
                place,
                "expected two sentences with a tab between them, found one column",
                "restore the tab, or use the official file",
            ));
        };
        let score = gold_score(gold_place, gold)?;
        let own = String::new();
        reading.push([set, subset], (own, line), [sentence1, sentence2], score);
    }
    Ok(unscored)
}

/// Reads the test split: genre, file, year, index, score and the two sentences, perhaps followed by their sources.
fn read_sts_benchmark(path: &Path, reading: &mut Reading) -> Result<(), StageError> {
    let before = reading.pairs.len();
    let file = TextFile::open(path)?;
    let lines = file.lines().filter(|(_, line)| !line.is_empty());
    for (number, (place, line)) in lines.enumerate() {
        let columns: Vec<_> = line.split('\t').collect();
        let [genre, file, year, index, gold, sentence1, sentence2, ..] = columns[..] else {
            return Err(StageError::input(
                place,
                format!("expected at least 7 columns, found {}", columns.len()),
                "restore the tabs between the row's columns, or use the official file",
            ));
        };
        let own = match index.is_empty() {
            true => String::new(),
            false => [genre, file, year, index].join("/"),
        };
        let score = gold_score(place, gold)?;
        reading.push([STSB, "test"], (own, number), [sentence1, sentence2], score);
    }
    reading.end_part(before, path)
}

/// Reads files of SICK as one set of one subset.
fn read_sick(
    set: &str,
    subset: &str,
    files: &[PathBuf],
    reading: &mut Reading,
) -> Result<(), StageError> {
    let before = reading.pairs.len();
    let mut line = 0;
    for path in files {
        if !path.is_file() {
            return Err(StageError::input(
                path.display(),
                "no such file, and all pairs of SICK are asked for",
                "complete the folder, or leave out `sick_all`",
            ));
        }
        let file = TextFile::open(path)?;
        let columns = ["relatedness_score", "sentence_A", "sentence_B"];
        let begin = line;
        for row in Table::with_header(&file, &columns, &["pair_ID"])?.rows() {
            let row = row?;
            let score = gold_score(row.place, row.fields[0])?;
            let sentences = [row.fields[1], row.fields[2]];
            line = begin + row.number + 1;
            reading.push(
                [set, subset],
                (row.name, begin + row.number),
                sentences,
                score,
            );
        }
    }
    match files {
        [.., last] => reading.end_part(before, last),
        [] => Ok(()),
    }
}

fn gold_score(place: Place<'_>, text: &str) -> Result<f64, StageError> {
    score(text, 0.0, 5.0).ok_or_else(|| {
        StageError::input(
            place,
            format!(
                "the gold score is \"{}\", not a number from 0 to 5",
                shorten(text)
            ),
            "correct the line, or use the official file",
        )
    })
}

impl Reading {
    /// Notes that a file of a set is missing in the set's folder.
    fn note_lacking(&mut self, file: &Path, set: &str) {
        if file.parent().is_some_and(Path::is_dir) {
            let name = file.file_name().unwrap_or_default().display();
            self.notes
                .push(format!("{set} is left out: its folder holds no {name}"));
        }
    }

    /// Notes how many pairs have no gold score, and are left out, by year.
    fn note_unscored(&mut self) {
        let told = |official: bool| {
            let of = self.unscored.iter();
            let of = of.filter(|(set, _)| UNSCORED.contains(set) == official);
            let counts: Vec<String> = of
                .map(|(set, count)| format!("{count} of {}", set.to_uppercase()))
                .collect();
            (!counts.is_empty()).then(|| counts.join(", "))
        };
        let official = told(true).map(|counts| {
            format!("pairs without a gold score are left out, as in the official score: {counts}")
        });
        let other = told(false).map(|counts| {
            format!("pairs are left out for want of a gold score, so that the score is not the official one: {counts}")
        });
        self.notes.extend([official, other].into_iter().flatten());
    }

    /// Ends a part of a set, whose pairs begin at index `before`, by deciding the names of the pairs.
    fn end_part(&mut self, before: usize, path: &Path) -> Result<(), StageError> {
        let (part, lines) = (&mut self.pairs[before..], &self.lines[before..]);
        if part.is_empty() {
            return Err(StageError::input(
                path.display(),
                "no pair in it has a gold score",
                "use the official file, or remove it to do without",
            ));
        }
        let own: Vec<_> = part.iter().map(|pair| pair.id.clone()).collect();
        for (pair, id) in part
            .iter_mut()
            .zip(settle(own.into_iter().zip(lines.iter().copied())))
        {
            pair.id = id;
        }
        Ok(())
    }

    /// Adds a pair with its own name, empty for none, and the number of the line that it comes from.
    fn push(
        &mut self,
        [set, subset]: [&str; 2],
        (own, line): (String, usize),
        sentences: [&str; 2],
        score: f64,
    ) {
        let [sentence1, sentence2] =
            sentences.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
        self.lines.push(line);
        self.pairs.push(StsPair {
            set: set.to_owned(),
            subset: subset.to_owned(),
            id: own,
            sentence1,
            sentence2,
            score,
        });
    }
}
