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
        "squad" | "squad2" => world.join("squad"),
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

/// Every answer is where the file says, so the reader moves none; most of a passage is no answer.
#[test]
fn questions_have_their_answers_where_they_say() {
    let folder = TempDir::new().unwrap();
    let world = folder.path().join("world");
    generate(&world, 7, SIZE, &|| Ok(())).unwrap();
    for (name, impossible) in [("squad", [0.0, 0.0]), ("squad2", [1.0 / 3.0, 0.5])] {
        let task = benchmarks::read_spans(&benchmark(&world, folder.path(), name)).unwrap();
        assert_eq!((task.train.len(), task.validation.len()), (600, 300));
        for (questions, share) in [&task.train, &task.validation].into_iter().zip(impossible) {
            let none = questions
                .iter()
                .filter(|question| question.answers.is_empty());
            let found = none.count() as f64 / questions.len() as f64;
            assert!((found - share).abs() < 0.08, "{name}: {found}");
        }
        let train = task
            .train
            .iter()
            .filter(|question| !question.answers.is_empty());
        for question in train {
            assert_eq!(question.answers.len(), 1);
            assert!(question.question.ends_with('?'), "{}", question.question);
        }
        let dev = task.validation.iter();
        for question in dev.filter(|question| !question.answers.is_empty()) {
            let gold = question.gold();
            let [first, _, last] = gold[..] else {
                panic!("{gold:?}")
            };
            assert!(last.ends_with(first) || first.ends_with(last), "{gold:?}");
        }
    }
    for file in ["train-v1.1", "dev-v1.1", "train-v2.0", "dev-v2.0"] {
        let text = fs::read_to_string(world.join(format!("squad/{file}.json"))).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let paragraphs = |article: &Value| article["paragraphs"].as_array().unwrap().clone();
        for paragraph in file["data"].as_array().unwrap().iter().flat_map(paragraphs) {
            let context: Vec<char> = paragraph["context"].as_str().unwrap().chars().collect();
            for asked in paragraph["qas"].as_array().unwrap() {
                let plausible = asked["plausible_answers"].as_array();
                let given = asked["answers"].as_array().into_iter().chain(plausible);
                for answer in given.flatten() {
                    let start = answer["answer_start"].as_u64().unwrap() as usize;
                    let text: Vec<char> = answer["text"].as_str().unwrap().chars().collect();
                    assert!(context[start..].starts_with(&text), "{asked}");
                }
            }
        }
    }
}

/// The file has BLiMP's fields; the two sentences differ in one word, or in the order of the same words.
#[test]
fn minimal_pairs_differ_in_one_respect() {
    let folder = TempDir::new().unwrap();
    generate(folder.path(), 7, SIZE, &|| Ok(())).unwrap();
    let files = files(&folder.path().join("blimp/data"));
    assert!(files.len() >= 8);
    let mut fields = BTreeSet::new();
    for (name, bytes) in &files {
        let text = std::str::from_utf8(bytes).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), SIZE.pairs);
        for (index, line) in lines.iter().enumerate() {
            let named = format!("{}.jsonl", line["UID"].as_str().unwrap());
            assert_eq!((&named, &line["pairID"]), (name, &json!(index.to_string())));
            fields.insert(line["field"].as_str().unwrap().to_owned());
            let words = |which: &str| -> Vec<String> {
                let said = line[which].as_str().unwrap().to_lowercase();
                let words = said.trim_end_matches('.').split(' ');
                words.map(str::to_owned).collect()
            };
            let (good, bad) = (words("sentence_good"), words("sentence_bad"));
            let sorted = |words: &[String]| {
                let mut words = words.to_vec();
                words.sort();
                words
            };
            let differ = good.iter().zip(&bad).filter(|(good, bad)| good != bad);
            let (same, differ) = (sorted(&good) == sorted(&bad), differ.count());
            assert_eq!(json!(same), line["lexically_identical"], "{line}");
            // A verb of denial brings no word, and an article may follow the word that differs.
            assert!(
                same || (good.len() == bad.len() && (1..=2).contains(&differ)),
                "{line}"
            );
        }
        let distinct: BTreeSet<String> = lines
            .iter()
            .map(|line| line["sentence_good"].to_string())
            .collect();
        assert_eq!(distinct.len(), lines.len(), "{name}");
    }
    assert_eq!(
        Vec::from_iter(fields),
        ["morphology", "semantics", "syntax", "syntax_semantics"]
    );
}

/// A perfect reader does well, and not perfectly, since annotators overlook words; and no baseline comes near.
#[test]
fn ceilings_are_below_a_perfect_score_and_above_the_baselines() {
    let folder = TempDir::new().unwrap();
    generate(folder.path(), 7, SIZE, &|| Ok(())).unwrap();
    let text = fs::read_to_string(folder.path().join("card.json")).unwrap();
    let card: Value = serde_json::from_str(&text).unwrap();
    for task in card["tasks"].as_array().unwrap() {
        let ceiling = task["ceiling"].as_f64().unwrap();
        assert!((85.0..100.0).contains(&ceiling), "{task}");
        assert!(
            task["bag_of_words"].as_f64().unwrap() < ceiling - 20.0,
            "{task}"
        );
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
