//! Bad pipeline files, as the user sees them: `pipe plan` on each, its whole answer pinned.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::Output;

use assert_cmd::Command;
use insta::{assert_snapshot, with_settings};
use tempfile::TempDir;

/// A pipeline without mistakes.
const GOOD: &str = r#"[vars]
m = 0.40
m_corr = "${m}"
m_pred = "${m}"
size = "nano"
task = "sst2"
text = "@world/text"

[stage.world]
use = "world"

[stage.corpus]
use = "corpus"
source = "${text}"

[stage.tokenizer]
use = "tokenizer"
corpus = "@corpus"

[stage.tokens]
use = "tokenize"
corpus = "@corpus"
tokenizer = "@tokenizer"

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "${size}"
steps = 10
batch = 8
lr = 1e-3
masking = { corrupt = "${m_corr}", predict = "${m_pred}" }

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "${task}"

[stage.majority]
use = "majority"
data = "@benchmark"

[table.rates]
cell = "@pretrain"
rows = [
    { label = "15 %", m = 0.15 },
    { label = "40 %", m = 0.40 },
]
columns = [{ label = "perplexity", metric = "perplexity" }]

[profile.laptop]
default = true
"#;

fn pipe(text: &str, arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("pipeline.toml"), text).unwrap();
    let mut command = Command::cargo_bin("pipe").unwrap();
    command
        .current_dir(folder.path())
        .env_clear()
        .arg("plan")
        .args(["--file", "pipeline.toml"]);
    command.args(arguments).output().unwrap()
}

/// Checks what a mistaken pipeline or command line is answered with, against `snapshots/NAME.snap`.
fn shows(name: &str, text: &str, arguments: &[&str]) {
    let output = pipe(text, arguments);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        assert_snapshot!(name, told);
    });
}

/// Replaces passages of the good pipeline, each of which must be there.
fn with(passages: &[(&str, &str)]) -> String {
    passages
        .iter()
        .fold(GOOD.to_owned(), |text, (passage, other)| {
            assert!(text.contains(passage), "{passage}");
            text.replacen(passage, other, 1)
        })
}

#[test]
fn the_good_one_is_good() {
    let output = pipe(GOOD, &["all"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn not_toml() {
    shows(
        "not-toml",
        &with(&[("size = \"nano\"", "size = = \"nano")]),
        &["all"],
    );
}

#[test]
fn no_such_file() {
    let mut command = Command::cargo_bin("pipe").unwrap();
    let output = command
        .env_clear()
        .args(["plan", "--file", "no/pipeline.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("cannot read no/pipeline.toml"), "{told}");
    assert!(told.contains("--file"), "{told}");
}

#[test]
fn unknown_keys() {
    let text = with(&[
        ("[stage.world]", "[stages.world]"),
        ("steps = 10", "stepz = 10"),
        ("{ corrupt", "{ corupt"),
        ("label = \"15 %\"", "lable = \"15 %\""),
        ("cell = ", "cells = "),
    ]);
    shows("unknown-keys", &text, &["all"]);
}

#[test]
fn unknown_stage_kind() {
    let text = with(&[("use = \"pretrain\"", "use = \"pre-train\"")]);
    shows("unknown-stage-kind", &text, &["all"]);
}

#[test]
fn misspelt_names() {
    let mut text = with(&[
        ("\"${m_corr}\"", "\"${m_cor}\""),
        ("\"@tokenizer\"", "\"@tokeniser\""),
        ("m = 0.15", "n = 0.15"),
    ]);
    text.push_str("[profile.laptop.table.rate]\nover = { m = [0.2] }\n");
    text.push_str("[profile.laptop.vars]\nsiez = \"tiny\"\n");
    shows("misspelt-names", &text, &["all"]);
}

#[test]
fn misspelt_on_the_command_line() {
    let options = ["--profile", "labtop", "--set", "szie=tiny", "all"];
    shows("misspelt-options", GOOD, &options);
    let targets = [
        "rates",
        "table:rate",
        "stage:pretrian[m=0.2]",
        "stage:pretrain[n=0.2]",
    ];
    shows("misspelt-targets", GOOD, &targets);
}

#[test]
fn wrong_edge_type() {
    let text = with(&[("tokens = \"@tokens\"", "tokens = \"@corpus\"")]);
    shows("wrong-edge-type", &text, &["all"]);
    let text = with(&[("data = \"@benchmark\"", "data = \"@benchmark/sst2\"")]);
    shows("folder-inside-no-folder", &text, &["all"]);
}

#[test]
fn cycle_of_stages() {
    let text = with(&[("\"@world/glue_data\"", "\"@majority\"")]);
    shows("cycle-of-stages", &text, &["all"]);
}

#[test]
fn cycle_of_variables() {
    shows(
        "cycle-of-variables",
        &with(&[("m = 0.40", "m = \"${m_pred}\"")]),
        &["all"],
    );
}

#[test]
fn out_of_range() {
    let variable = with(&[("m = 0.40", "m = 1.5")]);
    shows("out-of-range-in-a-variable", &variable, &["stage:pretrain"]);
    shows(
        "out-of-range-in-a-row",
        &with(&[("m = 0.15", "m = 1.5")]),
        &["all"],
    );
    shows(
        "out-of-range-by-set",
        GOOD,
        &["--set", "m=1.5", "stage:pretrain"],
    );
    shows(
        "reaching-two-places-by-set",
        GOOD,
        &["--set", "m=0", "stage:pretrain"],
    );
    shows("out-of-range-in-a-target", GOOD, &["stage:pretrain[m=1.5]"]);
}

#[test]
fn wrong_choice_and_wrong_type() {
    let text = with(&[
        ("size = \"nano\"", "size = \"Nano\""),
        ("steps = 10", "steps = \"ten\""),
    ]);
    shows("wrong-choice-and-wrong-type", &text, &["all"]);
}

#[test]
fn missing_fields() {
    let text = with(&[
        ("tokens = \"@tokens\"\n", ""),
        ("steps = 10\n", ""),
        ("use = \"majority\"\n", ""),
    ]);
    shows("missing-fields", &text, &["all"]);
    shows(
        "missing-cell",
        &with(&[("cell = \"@pretrain\"\n", "")]),
        &["all"],
    );
}

#[test]
fn missing_files() {
    let text = with(&[("\"@world/text\"", "\"data/books\"")]);
    shows("missing-path", &text, &["all"]);
    // A file that no target needs is not looked for.
    assert!(pipe(&text, &["stage:majority"]).status.success());
    shows("missing-path-by-set", GOOD, &["--set", "text=books", "all"]);
    let cell = "cell = \"@pretrain\"\n";
    let text = with(&[(cell, &format!("{cell}reference = \"paper.toml#rates\"\n"))]);
    shows("missing-reference", &text, &["all"]);
}

#[test]
fn bound_twice() {
    let text = with(&[(
        "metric = \"perplexity\"",
        "metric = \"perplexity\", m = 0.3",
    )]);
    shows("bound-by-row-and-column", &text, &["all"]);
}

#[test]
fn comparisons() {
    let cell = "cell = \"@pretrain\"\n";
    let compare =
        "compare = { to = { m = 40 }, drawz = 500, level = 95 }\nclaims = \"claims.toml\"\n";
    let text = with(&[(cell, &format!("{cell}{compare}"))]);
    shows("misspelt-comparison", &text, &["all"]);
    let compare = "compare = { to = \"15 %\" }\n";
    let text = with(&[
        (cell, &format!("{cell}{compare}")),
        (
            "default = true\n",
            "default = true\n[profile.laptop.table.rates]\nrows = { label = \"${m:%}\", m = [0.2, 0.4] }\n",
        ),
    ]);
    shows("comparison-without-row", &text, &["all"]);
}

#[test]
fn profiles() {
    let more = "\n[profile.other]\ndefault = true\n[profile.third]\nextends = \"othr\"\n";
    shows("two-default-profiles", &format!("{GOOD}{more}"), &["all"]);
}

#[test]
fn all_at_once() {
    let text = with(&[
        ("m = 0.40", "m = 1.5"),
        ("\"@tokens\"", "\"@token\""),
        ("use = \"majority\"", "use = \"majorty\""),
        ("steps = 10", "stepz = 10"),
    ]);
    shows("all-at-once", &text, &["all"]);
}
