//! `pipe masks`, masking strategies in a pipeline, and what is told of wrong ones.

mod support;

use std::fs;

use serde_json::Value;
use support::Project;

const TEXT: &str = "We study high masking rates in masked language modeling: how much can be hidden, and what is learnt from it?";

/// Tokens, n-grams and an encoder with the masking given.
fn pretraining(masking: &str, more: &str) -> Project {
    Project::beyond_tokens(&format!(
        r#"
[vars]
strategy = "uniform"
m = 0.4

[stage.ngrams]
use = "ngrams"
corpus = "@corpus"
tokenizer = "@tokenizer"
size = 200
min_count = 5

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 3
batch = 4
masking = {masking}
{more}

[profile.plain]
default = true
"#
    ))
}

#[test]
fn examples_are_shown_without_colours_where_nobody_sees_them() {
    let project = Project::new();
    let shown = project
        .pipe(&["masks", "--strategy", "t5-spans", "--rate", "0.4", TEXT])
        .code(0);
    insta::assert_snapshot!(shown.stdout);
    insta::assert_snapshot!(shown.stderr, @"[…] masked together and predicted");
    let again = project
        .pipe(&["masks", "--strategy", "t5-spans", "--rate", "0.4", TEXT])
        .code(0);
    assert_eq!(again.stdout, shown.stdout);
    let other = project
        .pipe(&["masks", "--strategy", "t5-spans", "--seed", "1", TEXT])
        .code(0);
    assert_ne!(other.stdout, shown.stdout);
}

#[test]
fn what_is_kept_random_or_not_predicted_is_marked() {
    let project = Project::new();
    let arguments = [
        "masks",
        "--strategy",
        "whole-word",
        "--rate",
        "0.6",
        "--predict",
        "0.3",
        "--keep",
        "0.3",
        "--random",
        "0.3",
        TEXT,
    ];
    let shown = project.pipe(&arguments).code(0);
    for mark in ["[", "(", "=", "~", "[MASK]"] {
        assert!(shown.stdout.contains(mark), "{mark}: {}", shown.stdout);
    }
    for mark in ["(…)", "=…=", "~…~"] {
        assert!(shown.stderr.contains(mark), "{mark}: {}", shown.stderr);
    }
    // Copies, where more is predicted than masked.
    let shown = project
        .pipe(&[
            "masks",
            "--rate",
            "0.1",
            "--predict",
            "0.3",
            "--examples",
            "1",
            TEXT,
        ])
        .code(0);
    assert!(shown.stdout.contains("copy 3 of 3"), "{}", shown.stdout);
}

#[test]
fn json_holds_every_token() {
    let project = Project::new();
    let shown = project
        .pipe(&["masks", "--rate", "0.5", "--examples", "2", "--json", TEXT])
        .code(0)
        .json();
    let examples = shown["examples"].as_array().expect("examples");
    assert_eq!(examples.len(), 2);
    for example in examples {
        let tokens = example["tokens"].as_array().expect("tokens");
        let masked = tokens
            .iter()
            .filter(|token| !token["unit"].is_null())
            .count();
        assert_eq!(example["corrupted"], masked);
        assert_eq!(example["units"], masked);
        assert!(
            tokens
                .iter()
                .all(|token| token["unit"].is_null() || token["input"] == "[MASK]")
        );
    }
}

#[test]
fn wrong_options_are_told() {
    let project = Project::new();
    for (arguments, told) in [
        (
            &["--rate", "0"][..],
            "--rate: nothing would be learnt at a rate of 0",
        ),
        (
            &["--rate", "1"],
            "--rate: at a rate of 1 no token is left to predict from",
        ),
        (&["--rate", "1.5"], "--rate: expected a number from 0 to 1"),
        (&["--rate", "40%"], "did you mean 0.40?"),
        (
            &["--predict", "1.2"],
            "--predict: expected a number from 0 to 1",
        ),
        (
            &["--strategy", "spans"],
            "--strategy: expected one of uniform, whole-word, spanbert-spans, t5-spans, pmi",
        ),
        (
            &["--strategy", "pmi"],
            "the strategy pmi masks the n-grams of a list, and none is given",
        ),
        (
            &["--strategy", "t5-spans", "--count", "bernoulli"],
            "--count: spans are not drawn each by itself",
        ),
        (
            &["--keep", "0.7", "--random", "0.7"],
            "--keep: random and keep add up to 1.4",
        ),
        (&["--encoder", "nowhere"], "no such file or folder: nowhere"),
        (&["--encoder", "@nothing"], "nothing"),
    ] {
        let mut all = vec!["masks"];
        all.extend(arguments);
        all.push(TEXT);
        let shown = project.pipe(&all).code(2);
        assert!(
            shown.stderr.contains(told),
            "{arguments:?}: {}",
            shown.stderr
        );
        // No option can hold one.
        assert!(!shown.stderr.contains("a table"), "{}", shown.stderr);
    }
    let shown = project.pipe(&["masks", "  "]).code(2);
    assert!(
        shown.stderr.contains("it holds no token"),
        "{}",
        shown.stderr
    );
}

#[test]
fn a_list_and_a_trained_encoder_of_the_pipeline_are_used() {
    let project = pretraining(r#"{ strategy = "${strategy}", corrupt = "${m}" }"#, "");
    let early = project
        .pipe(&["masks", "--encoder", "@pretrain", TEXT])
        .code(2);
    assert!(early.stderr.contains("pretrain"), "{}", early.stderr);
    project
        .pipe(&["run", "stage:pretrain", "stage:ngrams"])
        .code(0);
    let arguments = [
        "masks",
        "--strategy",
        "pmi",
        "--ngrams",
        "@ngrams",
        "--encoder",
        "@pretrain",
        "--rate",
        "0.5",
        "--json",
        "the old man sees the dog",
    ];
    let shown = project.pipe(&arguments).code(0).json();
    let tokens = shown["examples"][0]["tokens"].as_array().expect("tokens");
    let guessed: Vec<&Value> = tokens
        .iter()
        .filter(|token| token["predicted"] == true)
        .collect();
    assert!(!guessed.is_empty());
    for token in guessed {
        assert!(
            token["guess"].is_string()
                && token["probability"]
                    .as_f64()
                    .is_some_and(|p| p > 0.0 && p <= 1.0)
        );
    }
    let shown = project
        .pipe(&["masks", "--encoder", "@pretrain", TEXT])
        .code(0);
    assert!(shown.stdout.contains("guess"), "{}", shown.stdout);
}

#[test]
fn every_strategy_trains_in_a_pipeline() {
    let project = pretraining(
        r#"{ strategy = "${strategy}", corrupt = "${m}" }"#,
        "ngrams = \"${list}\"\n",
    );
    let pipeline = project.path().join("pipeline.toml");
    let text = fs::read_to_string(&pipeline).expect("read");
    fs::write(
        &pipeline,
        text.replace("m = 0.4\n", "m = 0.4\nlist = \"\"\n"),
    )
    .expect("written");
    for strategy in ["uniform", "whole-word", "spanbert-spans", "t5-spans"] {
        project
            .pipe(&["run", &format!("stage:pretrain[strategy={strategy}]")])
            .code(0);
    }
    project
        .pipe(&["run", "stage:pretrain[strategy=pmi,list=@ngrams]"])
        .code(0);
    // A list of the user's own, as a file.
    fs::write(project.path().join("list.txt"), "the old\nold man\n").expect("written");
    project
        .pipe(&["run", "stage:pretrain[strategy=pmi,list=list.txt]"])
        .code(0);
    fs::write(project.path().join("list.txt"), "the old\nold\n").expect("written");
    let junk = project
        .pipe(&["run", "stage:pretrain[strategy=pmi,list=list.txt]"])
        .code(2);
    assert!(
        junk.stderr
            .contains(":2: `old` is one word, and an n-gram has two at least"),
        "{}",
        junk.stderr
    );
    let without = project
        .pipe(&["plan", "stage:pretrain[strategy=pmi]"])
        .code(2);
    assert!(
        without.stderr.contains("none is given"),
        "{}",
        without.stderr
    );
    let useless = project
        .pipe(&["plan", "stage:pretrain[list=@ngrams]"])
        .code(2);
    assert!(
        useless.stderr.contains("is read by the strategy pmi alone"),
        "{}",
        useless.stderr
    );
}

#[test]
fn wrong_rates_are_told_before_anything_runs() {
    for (masking, told) in [
        ("{ corrupt = 0 }", "nothing would be learnt at a rate of 0"),
        (
            "{ corrupt = 1 }",
            "at a rate of 1 no token is left to predict from",
        ),
        (
            "{ corrupt = 1.5 }",
            "expected a number from 0 to 1, or a table { from = …, to = …, shape = … }, found 1.5",
        ),
        ("{ corrupt = 40 }", "did you mean 0.40?"),
        ("{ corrupt = 0.4, predict = 1.2 }", "found 1.2"),
        (
            "{ corrupt = { from = 0.3, to = 0.15, shap = \"linear\" } }",
            "did you mean `shape`?",
        ),
        (
            "{ corrupt = { from = 0.3, to = 0.15 } }",
            "`to` is given, and the shape is constant",
        ),
        (
            "{ corrupt = { to = 0.15, shape = \"linear\" } }",
            "`from` is missing",
        ),
        (
            "{ corrupt = { from = 0.3, to = 0.1, shape = \"linear\" }, predict = 0.3 }",
            "now 1, now 2 copies",
        ),
    ] {
        let shown = pretraining(masking, "")
            .pipe(&["plan", "stage:pretrain"])
            .code(2);
        assert!(shown.stderr.contains(told), "{masking}: {}", shown.stderr);
    }
}

#[test]
fn a_corpus_smaller_than_a_block_is_told() {
    let project = Project::with(
        r#"
[stage.corpus]
use = "corpus"
source = "text"

[stage.tokenizer]
use = "tokenizer"
corpus = "@corpus"
vocab_size = 64

[stage.tokens]
use = "tokenize"
corpus = "@corpus"
tokenizer = "@tokenizer"
sequence_length = 128

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 3
batch = 4
"#,
    );
    fs::create_dir(project.path().join("text")).expect("made");
    fs::write(
        project.path().join("text/a.txt"),
        "a few words and no more\n",
    )
    .expect("written");
    let shown = project.pipe(&["run", "stage:pretrain"]).code(2);
    insta::assert_snapshot!(
        shown
            .stderr
            .lines()
            .filter(|line| line.contains("error")
                || line.contains("hint")
                || line.contains("block"))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

/// A table that shows one text at two rates.
const SHOWN: &str = r#"
[vars]
m = 0.4

[stage.example]
use = "masked-example"
text = "the king and the queen saw a dog in the garden"
masking = { corrupt = "${m}", mask_special = false }

[table.shown]
title = "What is read"
rows = { label = "${m:%}", m = [0.2, 0.6] }
columns = { label = "example", cell = "@example", shows = "masked" }

[profile.plain]
default = true
"#;

#[test]
fn a_table_shows_what_the_command_shows() {
    let project = Project::with(SHOWN);
    let shown = project.pipe(&["run", "all"]).code(0).stdout;
    let text = "the king and the queen saw a dog in the garden";
    for rate in ["0.2", "0.6"] {
        let command = ["masks", "--rate", rate, "--examples", "1", text];
        let told = project.pipe(&command).code(0).stdout;
        let input = told.lines().find_map(|line| line.strip_prefix("  input  "));
        let input = input.expect("a line").trim_end();
        assert!(
            input.contains("[MASK]") && shown.contains(input),
            "{input}: {shown}"
        );
    }
    for (from, to, says) in [
        (text, " ", "there is nothing to mask"),
        (
            "mask_special = false",
            "strategy = \"pmi\"",
            "the strategy pmi masks the n-grams of a list, and none is given",
        ),
        (
            "corrupt = \"${m}\"",
            "corrupt = 1.0",
            "at a rate of 1 no token is left to predict from",
        ),
    ] {
        let project = Project::with(SHOWN);
        project.edit(from, to);
        project.pipe(&["plan"]).code(2).says(says);
    }
    let project = Project::with(SHOWN);
    project.edit("the king and", &"the king and ".repeat(20));
    project
        .pipe(&["run", "all"])
        .code(2)
        .says("letters")
        .says("give a shorter sentence");
}
