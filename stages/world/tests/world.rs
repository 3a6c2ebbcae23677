//! The generated world: its bytes, its layouts, and whether labels can be guessed from superficial features.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use benchmarks::{BenchmarksStage, Task};
use contract::{Context, Inputs, Params, Stage, complete};
use serde_json::{Value, json};
use tempfile::TempDir;
use world::{Size, generate};

const SIZE: Size = Size {
    words: 3_000,
    train: 600,
    dev: 300,
    pairs: 40,
};

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn benchmark(world: &Path, place: &Path, task: &str) -> std::path::PathBuf {
    let folder = place.join(task);
    let source = match task {
        "sts" => world.join("SentEval/data/downstream"),
        _ => world.join("glue_data"),
    };
    let Value::Object(given) = json!({ "task": task }) else {
        unreachable!()
    };
    let params = Params(complete(BenchmarksStage.signature().fields, &given).unwrap());
    let inputs = Inputs::from([("source", &*source)]);
    let context = Context::in_folder(&folder).unwrap();
    BenchmarksStage.run(&params, &inputs, &context).unwrap();
    folder.join("output")
}

fn tasks(place: &Path, size: Size) -> Vec<Task> {
    let world = place.join("world");
    generate(&world, 7, size, &|| Ok(())).unwrap();
    ["sst2", "mnli", "qnli", "qqp", "rte", "stsb"]
        .map(|task| benchmarks::read_labelled(&benchmark(&world, place, task)).unwrap())
        .into()
}

#[test]
fn seed_and_size_decide_every_byte() {
    let folder = TempDir::new().unwrap();
    for (name, seed) in [("one", 7), ("again", 7), ("other", 8)] {
        generate(&folder.path().join(name), seed, SIZE, &|| Ok(())).unwrap();
    }
    let one = files(&folder.path().join("one"));
    assert_eq!(one, files(&folder.path().join("again")));
    assert_ne!(one, files(&folder.path().join("other")));
    assert!(one.contains_key("card.md") && one.contains_key("card.json"));
}

#[test]
fn more_examples_leave_the_text_as_it_is() {
    let folder = TempDir::new().unwrap();
    let more = Size { train: 700, ..SIZE };
    for (name, size) in [("some", SIZE), ("more", more)] {
        generate(&folder.path().join(name), 7, size, &|| Ok(())).unwrap();
    }
    let text = |name: &str| files(&folder.path().join(name).join("text"));
    assert_eq!(text("some"), text("more"));
}

#[test]
fn the_readers_of_real_data_read_it() {
    let folder = TempDir::new().unwrap();
    for task in tasks(folder.path(), SIZE) {
        assert_eq!((task.train.len(), task.validation.len()), (600, 300));
        assert_eq!(task.validation_mismatched.is_some(), task.name == "mnli");
    }
    let world = folder.path().join("world");
    let pairs = benchmarks::read_pairs(&benchmark(&world, folder.path(), "sts")).unwrap();
    for set in ["sts12", "sts13", "sts14", "sts15", "sts16", "stsb", "sickr"] {
        let count = pairs.iter().filter(|pair| pair.set == set).count();
        // In two of the years, a quarter of the pairs has no gold score.
        assert!(count >= 30, "{set}: {count} pairs");
    }
}

/// Classes are equally frequent, and neither the most telling word nor the length of an example says much about the label. First
/// sentences lean two to one, so a word may be a sixth better than chance, and no word is better than that.
#[test]
fn no_label_can_be_read_off_a_word_or_a_length() {
    let folder = TempDir::new().unwrap();
    // There are many examples, so that chance has little effect on frequent words.
    let size = Size {
        train: 6000,
        ..SIZE
    };
    for task in tasks(folder.path(), size)
        .iter()
        .filter(|task| !task.labels.is_empty())
    {
        let classes = task.labels.len();
        let chance = 1.0 / classes as f64;
        let mut by_word: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut all = vec![0; classes];
        for example in &task.train {
            all[example.class()] += 1;
            let texts = [Some(&example.sentence1), example.sentence2.as_ref()];
            let mut words: Vec<&str> = texts
                .into_iter()
                .flatten()
                .flat_map(|text| text.split_whitespace())
                .collect();
            by_length
                .entry(words.len())
                .or_insert_with(|| vec![0; classes])[example.class()] += 1;
            words.sort_unstable();
            words.dedup();
            for word in words {
                by_word.entry(word).or_insert_with(|| vec![0; classes])[example.class()] += 1;
            }
        }
        assert!(
            all.iter().all(|&count| count == size.train / classes),
            "{}: {all:?}",
            task.name
        );
        for (word, counts) in &by_word {
            let total: usize = counts.iter().sum();
            let share = *counts.iter().max().unwrap() as f64 / total as f64;
            // Five standard deviations of a fair draw, since the most telling of hundreds of words is tested.
            let noise = 5.0 * (chance * (1.0 - chance) / total as f64).sqrt();
            assert!(
                share < chance + 1.0 / 6.0 + noise,
                "{}: `{word}` {counts:?}",
                task.name
            );
        }
        let best: usize = by_length
            .values()
            .map(|counts| counts.iter().max().unwrap())
            .sum();
        let share = best as f64 / size.train as f64;
        assert!(
            share < chance + 0.12,
            "{}: lengths tell {share:.2}",
            task.name
        );
    }
}

/// Memorised examples do not help: development examples are new, and most contain words that no training example
/// shows.
#[test]
fn development_examples_are_new_and_so_are_their_words() {
    let folder = TempDir::new().unwrap();
    for task in tasks(folder.path(), SIZE) {
        let text = |example: &benchmarks::Example| {
            format!(
                "{} {}",
                example.sentence1,
                example.sentence2.as_deref().unwrap_or_default()
            )
            .to_lowercase()
        };
        let train: Vec<String> = task.train.iter().map(text).collect();
        let validation: Vec<String> = task.validation.iter().map(text).collect();
        let words: BTreeSet<&str> = train
            .iter()
            .flat_map(|text| text.split_whitespace())
            .collect();
        assert!(
            validation.iter().all(|text| !train.contains(text)),
            "{}",
            task.name
        );
        let distinct: BTreeSet<&String> = validation.iter().collect();
        assert_eq!(distinct.len(), validation.len(), "{}", task.name);
        let with_new_words = validation
            .iter()
            .filter(|text| text.split_whitespace().any(|word| !words.contains(word)))
            .count();
        assert!(
            2 * with_new_words > validation.len(),
            "{}: {with_new_words}",
            task.name
        );
    }
}

#[test]
fn the_card_says_what_the_baselines_score() {
    let folder = TempDir::new().unwrap();
    let tasks = tasks(folder.path(), SIZE);
    let text = fs::read_to_string(folder.path().join("world/card.json")).unwrap();
    let card: Value = serde_json::from_str(&text).unwrap();
    for (entry, task) in card["tasks"].as_array().unwrap().iter().zip(&tasks) {
        let found = entry["bag_of_words"].as_f64().unwrap();
        let expected = baseline::bag_of_words_scores(task).unwrap()[0].value;
        assert!(
            (found - expected).abs() < 1e-9,
            "{}: {found} {expected}",
            task.name
        );
    }
}
