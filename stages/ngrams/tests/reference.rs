//! The list against one that is made without regard to speed or memory.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use columnar::{Reader, Schema};
use contract::{Column, ColumnType, Context, Inputs, Params, Stage, StageError, complete};
use ngrams::NgramsStage;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenize::Tokenizer;

/// Words that the tokenizer knows; `newer` and `yorker` are of two tokens.
const WORDS: [&str; 8] = ["new", "york", "of", "the", "in", "newer", "yorker", "out"];

/// A corpus and a tokenizer in a folder.
fn given(documents: &[String]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("corpus");
    fs::create_dir(&corpus).unwrap();
    const TEXT: &[Column] = &[Column::new("text", ColumnType::Text, "the text")];
    let texts = documents.iter().map(String::as_str).collect();
    columnar::write(
        &corpus.join("corpus-00000.parquet"),
        &Schema::of(TEXT),
        vec![texts],
    )
    .unwrap();
    let mut tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        .map(str::to_owned)
        .to_vec();
    tokens.extend(["new", "york", "of", "the", "in", "out", "##er", ",", "."].map(str::to_owned));
    let tokenizer = Tokenizer::from_tokens(&tokens, true, Path::new("test")).unwrap();
    tokenizer
        .copy_files(&folder.path().join("tokenizer"))
        .unwrap();
    folder
}

fn params(given: Value) -> Params {
    let Value::Object(given) = given else {
        panic!("a table")
    };
    Params(complete(NgramsStage.signature().fields, &given).unwrap())
}

/// Runs the stage and returns the folder of its artifact.
fn run(folder: &Path, name: &str, given: Value) -> Result<PathBuf, StageError> {
    let work = folder.join(name);
    fs::create_dir(&work).unwrap();
    let context = Context::in_folder(&work).unwrap();
    let (corpus, tokenizer) = (folder.join("corpus"), folder.join("tokenizer"));
    let inputs = Inputs::from([("corpus", &*corpus), ("tokenizer", &*tokenizer)]);
    let params = params(given);
    assert_eq!(NgramsStage.check(&params), []);
    NgramsStage.run(&params, &inputs, &context)?;
    Ok(work.join("output"))
}

/// N-gram, count, score.
type Entry = (String, i64, f64);

fn read(folder: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    let file = Reader::open(&folder.join("ngrams.parquet"), "").unwrap();
    for batch in file.batches().unwrap() {
        let batch = batch.unwrap();
        let texts = batch.texts("ngram").unwrap();
        let (counts, scores) = (
            batch.integers("count").unwrap(),
            batch.numbers("score").unwrap(),
        );
        let words = batch.integers("words").unwrap();
        for row in 0..batch.rows() {
            assert_eq!(texts.get(row).split(' ').count() as i64, words[row]);
            entries.push((texts.get(row).to_owned(), counts[row], scores[row]));
        }
    }
    let list = fs::read_to_string(folder.join("ngrams.txt")).unwrap();
    assert!(
        list.lines()
            .eq(entries.iter().map(|entry| entry.0.as_str()))
    );
    entries
}

/// All ways to cut words into parts.
fn segmentations(words: &[String]) -> Vec<Vec<Vec<String>>> {
    if words.is_empty() {
        return vec![Vec::new()];
    }
    let firsts = 1..=words.len();
    firsts
        .flat_map(|first| {
            segmentations(&words[first..]).into_iter().map(move |rest| {
                let mut all = vec![words[..first].to_vec()];
                all.extend(rest);
                all
            })
        })
        .collect()
}

/// The list as the paper defines it.
fn reference(documents: &[String], size: usize, min_count: i64, squared: bool) -> Vec<Entry> {
    let mut counts: HashMap<Vec<String>, i64> = HashMap::new();
    let mut totals = [0_i64; 6];
    for document in documents {
        let separated = document.to_lowercase().replace(['.', ',', '?'], " | ");
        for run in separated.split('|') {
            let words: Vec<String> = run.split_whitespace().map(str::to_owned).collect();
            for (length, total) in totals.iter_mut().enumerate().skip(1) {
                for ngram in words.windows(length) {
                    *counts.entry(ngram.to_vec()).or_default() += 1;
                    *total += 1;
                }
            }
        }
    }
    let p = |ngram: &[String]| (counts[ngram] as f64 / totals[ngram.len()] as f64).ln();
    let mut list = Vec::new();
    for (length, share) in [(2, 0.5), (3, 0.25), (4, 0.125), (5, 0.125)] {
        let frequent = counts
            .iter()
            .filter(|(ngram, count)| ngram.len() == length && **count >= min_count);
        let mut scored: Vec<Entry> = frequent
            .map(|(ngram, count)| {
                let cuts = segmentations(ngram)
                    .into_iter()
                    .filter(|parts| parts.len() > 1);
                let whole = p(ngram) * if squared { 2.0 } else { 1.0 };
                let of_cut =
                    |parts: Vec<Vec<String>>| whole - parts.iter().map(|part| p(part)).sum::<f64>();
                (
                    ngram.join(" "),
                    *count,
                    cuts.map(of_cut).fold(f64::INFINITY, f64::min),
                )
            })
            .collect();
        // Scores that differ by rounding alone count as equal.
        let rounded = |score: f64| (score * 1e9).round() as i64;
        scored.sort_by(|a, b| rounded(b.2).cmp(&rounded(a.2)).then_with(|| a.0.cmp(&b.0)));
        scored.truncate((share * size as f64).round() as usize);
        list.extend(scored);
    }
    list
}

/// Whether two lists agree, entries of one score in any order where rounding decides it.
fn agree(found: &[Entry], expected: &[Entry]) {
    assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
    for (one, other) in found.iter().zip(expected) {
        assert!((one.2 - other.2).abs() < 1e-9, "{one:?} {other:?}");
        assert_eq!(one.0.split(' ').count(), other.0.split(' ').count());
    }
    let by_name: HashMap<&str, &Entry> = expected
        .iter()
        .map(|entry| (entry.0.as_str(), entry))
        .collect();
    let missing: Vec<_> = found
        .iter()
        .filter(|entry| !by_name.contains_key(entry.0.as_str()))
        .collect();
    let lowest = |entry: &Entry| {
        let words = entry.0.split(' ').count();
        let same = expected
            .iter()
            .filter(|other| other.0.split(' ').count() == words);
        same.map(|other| other.2).fold(f64::INFINITY, f64::min)
    };
    // An entry may differ where the quota cuts entries of one score.
    assert!(
        missing
            .iter()
            .all(|entry| (entry.2 - lowest(entry)).abs() < 1e-9),
        "{missing:?}"
    );
    for entry in found {
        if let Some(other) = by_name.get(entry.0.as_str()) {
            assert_eq!(entry.1, other.1, "{entry:?}");
        }
    }
}

fn any_document() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        6 => (0..WORDS.len()).prop_map(|word| WORDS[word].to_owned()),
        2 => Just("New York".to_owned()),
        1 => Just(",".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just("?".to_owned()),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_list_is_that_of_the_definition(
        documents in prop::collection::vec(any_document(), 1..12), size in 1_usize..200, min_count in 1_i64..4, squared: bool,
    ) {
        let folder = given(&documents);
        let expected = reference(&documents, size, min_count, squared);
        let score = if squared { "pmi-frequency" } else { "pmi" };
        let made = run(folder.path(), "one", json!({"size": size, "min_count": min_count, "score": score}));
        match made {
            Ok(made) => agree(&read(&made), &expected),
            Err(error) => {
                prop_assert!(expected.is_empty(), "{error} {expected:?}");
                prop_assert!(error.to_string().contains("no n-gram occurs"), "{error}");
            }
        }
    }
}

/// Worked out by hand: of `new york` six times among other words.
#[test]
fn a_score_worked_out_by_hand() {
    let documents = vec!["new york of the york in new york, new york. the of".to_owned(); 3];
    let folder = given(&documents);
    let made = run(folder.path(), "one", json!({"size": 8, "min_count": 3})).unwrap();
    let entries = read(&made);
    let new_york = entries.iter().find(|entry| entry.0 == "new york").unwrap();
    assert_eq!(new_york.1, 9);
    // 36 words, new 9 times and york 12 times; 27 pairs of neighbours.
    let expected = (9.0_f64 / 27.0 / (9.0 / 36.0 * 12.0 / 36.0)).ln();
    assert!(
        (new_york.2 - expected).abs() < 1e-12,
        "{} {expected}",
        new_york.2
    );
}

#[test]
fn a_list_is_cut_by_its_shares_and_told_if_it_is_short() {
    let documents = vec!["the new york of the new york in the new york".to_owned(); 4];
    let folder = given(&documents);
    let shares = json!({"two": 0.0, "three": 1.0, "four": 0.0, "five": 0.0});
    let made = run(
        folder.path(),
        "one",
        json!({"size": 1, "min_count": 5, "shares": shares}),
    )
    .unwrap();
    assert_eq!(
        fs::read_to_string(made.join("ngrams.txt")).unwrap(),
        "the new york\n"
    );
    let problems = NgramsStage.check(&params(json!({"shares": {"two": 0.9}})));
    assert_eq!(problems[0].path, ["shares"]);
    let error = run(folder.path(), "two", json!({"min_count": 1000})).unwrap_err();
    assert!(
        error.to_string().contains("no n-gram occurs 1000 times"),
        "{error}"
    );
    assert!(error.remedy().unwrap().contains("lower min_count"));
}
