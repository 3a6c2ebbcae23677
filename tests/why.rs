//! Reasons: why a job will run, and why another need not.

mod support;

use std::fs;

use serde_json::Value;
use support::Project;

/// The explanation of the one job asked for.
fn why(project: &Project, arguments: &[&str]) -> String {
    let all = [&["why"], arguments].concat();
    project.pipe(&all).code(0).stdout
}

#[test]
fn each_sort_of_change_is_named() {
    let project = Project::new();
    assert_eq!(
        why(&project, &["stage:world"]),
        "world: run: no result of its kind is known\n"
    );
    assert_eq!(
        why(&project, &["stage:tokenizer"]),
        "tokenizer: unknown: needs corpus from `corpus`, to run first, which goes back to `world`: no result of its kind is known\n"
    );
    project.pipe(&["run", "stage:tokens"]).code(0);
    assert_eq!(
        why(&project, &["stage:tokens"]),
        "tokens: cached: all that its key holds is as it was when `tokens` ran; its code has not changed since\n  \
         noted: too few documents to set some aside (328; a share of 0.01 takes some 500 of such a length): validation takes the last blocks\n"
    );

    // A parameter has changed, and other jobs follow from it.
    assert_eq!(
        why(&project, &["stage:tokens[length=16]"]),
        "tokens[length=16]: run: sequence_length: 24 → 16 (against `tokens`)\n"
    );
    assert_eq!(
        why(&project, &["stage:tokens[length=16,vocabulary=310]"]),
        "tokens[vocabulary=310,length=16]: unknown: needs tokenizer from `tokenizer[vocabulary=310]`, to run first, \
         which goes back to `tokenizer[vocabulary=310]`: vocab_size: 300 → 310 (against `tokenizer`); \
         sequence_length: 24 → 16 (against `tokens`)\n"
    );
    // The plan says the same.
    let plan = project
        .pipe(&["plan", "stage:tokens[length=16]", "-v"])
        .code(0)
        .stdout;
    let line = "run      tokens[length=16]: sequence_length: 24 → 16 (against `tokens`)\n";
    assert!(plan.contains(line), "{plan}");

    // A result that another run has made is known as well.
    project
        .pipe(&["run", "stage:tokens[vocabulary=310]"])
        .code(0);
    let text = why(&project, &["stage:tokens[vocabulary=310]", "--json"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["jobs"][0]["why"]["state"], "cached");
    assert_eq!(json["jobs"][0]["why"]["code_changed"], false);
}

#[test]
fn a_user_s_file_that_changed_is_named() {
    let project = Project::with(
        "[vars]\n[stage.corpus]\nuse = \"corpus\"\nsource = \"texts\"\n[profile.plain]\ndefault = true\n",
    );
    let sentence = "The quick brown fox jumps over the lazy dog once more today.\n";
    project.write("texts/a.txt", &sentence.repeat(30));
    project.write("texts/b.txt", &sentence.repeat(40));
    project.write("texts/c.txt", &sentence.repeat(50));
    project.pipe(&["run", "stage:corpus"]).code(0);
    project.write("texts/b.txt", &sentence.repeat(41));
    project.write("texts/d.txt", &sentence.repeat(10));
    fs::remove_file(project.join("texts/c.txt")).expect("removed");
    let told = why(&project, &["stage:corpus"]);
    assert!(
        told.ends_with("(b.txt changed, c.txt gone, d.txt added) (against `corpus`)\n"),
        "{told}"
    );
    assert!(told.starts_with("corpus: run: input source: "), "{told}");
}

#[test]
fn damage_and_changed_code_are_told_apart_from_changes() {
    let project = Project::new();
    project.pipe(&["run", "stage:world"]).code(0);
    let path = records(&project, "world").remove(0);
    let text = fs::read_to_string(&path).expect("read");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(record["source"].as_str().map(str::len), Some(16), "{text}");
    record["source"] = "0123456789abcdef".into();
    // The record is as an earlier build would have written it.
    record.as_object_mut().expect("fields").remove("check");
    write(&path, &record.to_string());
    let told = why(&project, &["stage:world"]);
    assert!(
        told.ends_with("; its code has changed since, its behaviour version is 4 as before\n"),
        "{told}"
    );
    write(&path, "{");
    let told = why(&project, &["stage:world"]);
    assert!(
        told.starts_with("world: run: its result is damaged in the store: "),
        "{told}"
    );
}

fn write(path: &std::path::Path, text: &str) {
    // The file is removed first, since records are replaced and never written to.
    fs::remove_file(path).expect("removed");
    fs::write(path, text).expect("written");
}

/// The records of a kind of job.
fn records(project: &Project, stage: &str) -> Vec<std::path::PathBuf> {
    let kind = if stage == "tokens" { "tokenize" } else { stage };
    let mut found = project.files(".pipe/records");
    found.retain(|path| {
        let text = fs::read(path).expect("read");
        let record: Value = serde_json::from_slice(&text).expect("JSON");
        record["parts"]["kind"] == kind
    });
    found
}

#[test]
fn what_waits_is_followed_to_the_file_and_the_parameter_where_it_begins() {
    let project = Project::new();
    project.edit("source = \"@world/text\"", "source = \"text\"");
    project.write(
        "text/a.txt",
        &"one two three four five six seven.\n\n".repeat(80),
    );
    project.write(
        "text/b.txt",
        &"eight nine ten eleven twelve.\n\n".repeat(80),
    );
    project.pipe(&["run", "stage:tokens"]).code(0);
    project.write(
        "text/b.txt",
        &"thirteen fourteen fifteen sixteen.\n\n".repeat(80),
    );
    let file = why(&project, &["stage:tokens"]);
    assert!(
        file.starts_with("tokens: unknown: needs corpus from `corpus` and tokenizer from `tokenizer`, to run first, which goes back to `corpus`: input source: "),
        "{file}"
    );
    assert!(
        file.ends_with("(b.txt changed) (against `corpus`)\n"),
        "{file}"
    );
    // A changed parameter of a job in between is a reason as well.
    let both = why(&project, &["stage:tokens[vocabulary=310]"]);
    assert!(both.contains("(b.txt changed) (against `corpus`), and to `tokenizer[vocabulary=310]`: vocab_size: 300 → 310 (against `tokenizer`)\n"), "{both}");
    let text = why(&project, &["stage:tokens", "--json"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let cause = &json["jobs"][0]["why"]["causes"][0];
    assert_eq!(cause["label"], "corpus");
    assert_eq!(cause["why"]["changes"][0]["files"][0]["path"], "b.txt");
}
