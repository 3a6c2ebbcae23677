//! Questions about texts: SQuAD's official format, in small files.

use std::fmt::Write;
use std::path::Path;

use benchmarks::{SpanTask, read_spans};

use crate::common::{folder, run};

const FIXTURES: &str = "tests/fixtures";

fn shown(task: &SpanTask) -> String {
    let mut shown = String::new();
    for (split, questions) in [("train", &task.train), ("validation", &task.validation)] {
        for one in questions {
            let (id, title, question) = (&one.id, &one.title, &one.question);
            let (answers, gold) = (&one.answers, one.gold());
            writeln!(
                shown,
                "{split} {id} ({title}) {question} {answers:?} {gold:?}"
            )
            .unwrap();
        }
    }
    shown
}

#[test]
fn both_releases_are_read() {
    let mut text = String::new();
    for name in ["squad", "squad2"] {
        let artifact = run(Path::new(FIXTURES), name).unwrap();
        let same = run(&Path::new(FIXTURES).join("squad"), name).unwrap();
        let task = read_spans(&artifact.path()).unwrap();
        assert_eq!(task, read_spans(&same.path()).unwrap());
        writeln!(text, "{}, unanswerable: {}", task.name, task.unanswerable).unwrap();
        text += &shown(&task);
        for note in &artifact.notes {
            writeln!(text, "note: {note}").unwrap();
        }
        text += &std::fs::read_to_string(artifact.path().join("task.json")).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn answers_are_scored() {
    let scores = |name: &str, answers: &[&str]| -> Vec<(String, f64, u64, bool)> {
        let task = read_spans(&run(Path::new(FIXTURES), name).unwrap().path()).unwrap();
        let answers: Vec<Option<&str>> = answers.iter().copied().map(Some).collect();
        let scores = task.scores(&answers).unwrap().into_iter();
        scores
            .map(|one| (one.name, one.value, one.examples, one.main))
            .collect()
    };
    // The predictions have all, half and none of the gold words.
    let found = scores("squad", &["The 24–10!", "élan", "One"]);
    let f1 = 100.0 * (1.0 + 0.5 + 0.0) / 3.0;
    assert_eq!(found[0], ("f1".to_owned(), f1, 3, true));
    assert_eq!(found[1].0, "exact_match");
    assert!((found[1].1 - 100.0 / 3.0).abs() < 1e-12 && found.len() == 2);
    let found = scores("squad2", &["", ""]);
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.0.as_str(), one.1, one.2))
        .collect();
    assert_eq!(
        found,
        [
            ("f1", 50.0, 2),
            ("exact_match", 50.0, 2),
            ("f1.answer", 0.0, 1),
            ("exact_match.answer", 0.0, 1),
            ("f1.no_answer", 100.0, 1),
            ("exact_match.no_answer", 100.0, 1),
        ]
    );
    let task = read_spans(&run(Path::new(FIXTURES), "squad").unwrap().path()).unwrap();
    assert!(task.scores(&[None::<&str>]).is_err());
    // What was not answered is wrong in 1.1 and left out in 2.0.
    let missing = task.scores(&[Some("24–10"), None, Some("One")]).unwrap();
    assert!((missing[0].examples, missing[0].value) == (3, 100.0 / 3.0));
    assert_eq!(task.rows_of(&[Some("24–10"), None, None]).unwrap().len(), 3);
    let task = read_spans(&run(Path::new(FIXTURES), "squad2").unwrap().path()).unwrap();
    let missing = task.scores(&[None, Some("")]).unwrap();
    assert_eq!((missing[0].examples, missing[0].value), (1, 100.0));
    let rows = task.rows_of(&[None, Some("")]).unwrap();
    assert_eq!((rows.len(), rows[0].name.subset.as_str()), (1, "no_answer"));
    assert!(task.scores(&[None::<&str>, None]).is_err());
}

#[test]
fn broken_files_are_named() {
    let file = |qas: &str| {
        format!(r#"{{"data": [{{"paragraphs": [{{"context": "a text", "qas": [{qas}]}}]}}]}}"#)
    };
    let question = |id: &str, answers: &str| {
        format!(r#"{{"id": "{id}", "question": "?", "answers": [{answers}]}}"#)
    };
    let answer = r#"{"answer_start": 2, "text": "text"}"#;
    let good = file(&question("1", answer));
    let mut shown = String::new();
    for (what, train, task) in [
        ("no JSON", "{\n]".to_owned(), "squad"),
        (
            "another form",
            r#"{"data": [{"title": 1}]}"#.to_owned(),
            "squad",
        ),
        ("no question", r#"{"data": []}"#.to_owned(), "squad"),
        (
            "twice",
            file(&[question("1", answer), question("1", answer)].join(",")),
            "squad",
        ),
        ("no answer", file(&question("1", "")), "squad"),
        ("no answer", file(&question("1", "")), "squad2"),
        (
            "not in the text",
            file(&question("1", r#"{"answer_start": 0, "text": "texts"}"#)),
            "squad",
        ),
        ("a web page", "<!DOCTYPE html>\n<html>".to_owned(), "squad"),
    ] {
        let version = if task == "squad" { "1.1" } else { "2.0" };
        let names = ["train", "dev"].map(|split| format!("{split}-v{version}.json"));
        let source = folder(&[(&names[0], train.as_bytes()), (&names[1], good.as_bytes())]);
        let Err(error) = run(source.path(), task) else {
            panic!("{what} is read")
        };
        let message = format!("{what}: {error}\n  help: {}\n", error.remedy().unwrap());
        shown += &message.replace(source.path().to_str().unwrap(), "SOURCE");
    }
    let Err(error) = run(Path::new("tests/fixtures/glue_data"), "squad") else {
        panic!("nothing is read")
    };
    writeln!(shown, "{error}\n  help: {}", error.remedy().unwrap()).unwrap();
    insta::assert_snapshot!(shown);
}
