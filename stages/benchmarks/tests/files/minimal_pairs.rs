//! Minimal pairs: JSON lines in the form of BLiMP.

use std::fmt::Write;
use std::fs;

use benchmarks::{MinimalPair, read_minimal_pairs, read_pairs};

use crate::common::{folder, run};

/// A line as BLiMP has them, with a key that comes and goes between its files.
fn line(field: &str, term: &str, paradigm: &str, id: &str, good: &str) -> String {
    format!(
        r#"{{"sentence_good": "{good}", "sentence_bad": "{good} not", "field": "{field}", "linguistics_term": "{term}", "UID": "{paradigm}", "simple_LM_method": true, "pairID": {id}}}"#
    )
}

fn read(files: &[(&str, &[u8])], below: &str) -> Vec<MinimalPair> {
    let source = folder(files);
    let artifact = run(&source.path().join(below), "minimal-pairs").unwrap();
    assert!(artifact.notes.is_empty());
    read_minimal_pairs(&artifact.path()).unwrap()
}

#[test]
fn files_and_folders_are_read() {
    let islands = [
        line("syntax", "islands", "adjunct", "\"7\"", "Who"),
        line("syntax", "islands", "adjunct", "\"3\"", "What"),
    ];
    let binding = [
        line("syntax/semantics", "binding", "principle_A", "0", "He"),
        line("syntax/semantics", "binding", "principle_A", "0", "She"),
    ];
    let (islands, binding) = (islands.join("\n"), binding.join("\r\n") + "\n\n");
    let (first, second) = (islands.as_bytes(), binding.as_bytes());
    let own = [("b.jsonl", first), ("a.jsonl", second)];
    let below = [
        ("data/b.jsonl", first),
        ("data/a.jsonl", second),
        ("summary/models.jsonl", b"{}".as_slice()),
        ("README.md", b"BLiMP".as_slice()),
    ];
    let pairs = read(&own, "");
    let shown: Vec<String> = pairs
        .iter()
        .map(|pair| {
            let MinimalPair {
                field,
                phenomenon,
                paradigm,
                id,
                good,
                bad,
            } = pair;
            format!("{field} {phenomenon} {paradigm} {id}: {good} / {bad}")
        })
        .collect();
    assert_eq!(
        shown,
        [
            // Two pairs of one name, so that their places tell them apart.
            "syntax_semantics binding principle_A 0: He / He not",
            "syntax_semantics binding principle_A 1: She / She not",
            "syntax islands adjunct 7: Who / Who not",
            "syntax islands adjunct 3: What / What not",
        ]
    );
    assert_eq!(read(&below, ""), pairs);
    assert_eq!(read(&own, "b.jsonl"), pairs[2..]);
}

#[test]
fn what_is_read_is_described() {
    let text = line("syntax", "islands", "adjunct", "1", "Who");
    let source = folder(&[("a.jsonl", text.as_bytes())]);
    let artifact = run(source.path(), "minimal-pairs").unwrap();
    let description = fs::read_to_string(artifact.path().join("task.json")).unwrap();
    insta::assert_snapshot!(description);
    let error = read_pairs(&artifact.path()).unwrap_err().to_string();
    assert!(
        error.ends_with(
            ": this is the task `minimal-pairs`: minimal pairs, not the similarity sets"
        ),
        "{error}"
    );
}

#[test]
fn broken_lines_are_named() {
    let good = line("syntax", "islands", "adjunct", "1", "Who");
    let without = |key: &str| good.replace(&format!("\"{key}\""), "\"other\"");
    let mut shown = String::new();
    for (what, broken) in [
        ("no acceptable sentence", without("sentence_good")),
        ("no other", without("sentence_bad")),
        ("no field", without("field")),
        ("no phenomenon", without("linguistics_term")),
        ("no paradigm", without("UID")),
        ("an empty sentence", good.replace("\"Who\"", "\" \"")),
        ("a number", good.replace("\"Who\"", "3")),
        ("a list", "[1, 2]".to_owned()),
        ("half a line", good[..40].to_owned()),
        ("no JSON", "Who should Derek hug?".to_owned()),
        ("another field", good.replace("syntax", "morphology")),
    ] {
        let text = format!("{good}\n\n{broken}\n");
        let source = folder(&[("a.jsonl", text.as_bytes())]);
        let Err(error) = run(source.path(), "minimal-pairs") else {
            panic!("{what} is read")
        };
        let message = format!("{what}: {error}\n  help: {}\n", error.remedy().unwrap());
        shown += &message.replace(source.path().to_str().unwrap(), "SOURCE");
    }
    for (what, name, text) in [
        ("nothing", "a.txt", ""),
        ("an empty file", "a.jsonl", "\n"),
        ("UTF-16", "a.jsonl", ""),
    ] {
        let bytes = match what {
            "UTF-16" => b"\xff\xfea\0".as_slice(),
            _ => text.as_bytes(),
        };
        let source = folder(&[(name, bytes)]);
        let Err(error) = run(source.path(), "minimal-pairs") else {
            panic!("{what} is read")
        };
        let message = format!("{what}: {error}\n  help: {}", error.remedy().unwrap());
        writeln!(
            shown,
            "{}",
            message.replace(source.path().to_str().unwrap(), "SOURCE")
        )
        .unwrap();
    }
    insta::assert_snapshot!(shown);
}
