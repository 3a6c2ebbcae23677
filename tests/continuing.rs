//! Training that goes on from other training, and names that fields had before.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::Project;

const TRAINING: &str = r#"
[vars]
kept = 2
steps = 4
keep_at = 2

[stage.first]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = "${steps}"
batch = 8
schedule = "constant"
warmup = 0.0
keep_at = ["${keep_at}"]
keep_state = true

[stage.more]
use = "pretrain"
start = "@first"
start_from = "state"
tokens = "@tokens"
size = "nano"
steps = 6
batch = 8
schedule = "constant"
warmup = 0.0

[stage.straight]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 6
batch = 8
schedule = "constant"
warmup = 0.0

[stage.early]
use = "pretrain"
start = "@first/step-${kept}"
tokens = "@tokens"
size = "nano"
steps = 0
batch = 8

[stage.world-of-first]
use = "command"
shell = "ls {first} > {output}/names"
inputs = { first = "@first/step-2" }
"#;

#[track_caller]
fn made(project: &Project, target: &str) -> PathBuf {
    let told = project.pipe(&["run", target]).code(0).stdout;
    let (folder, _) = told.split_once("  ").expect("a folder and a label");
    folder.into()
}

fn weights(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("model.safetensors")).unwrap()
}

#[test]
fn a_stage_goes_on_from_the_state_or_from_a_step_of_another() {
    let project = Project::beyond_tokens(TRAINING);
    let (more, straight) = (
        made(&project, "stage:more"),
        made(&project, "stage:straight"),
    );
    assert!(weights(&more) == weights(&straight));
    let (early, first) = (made(&project, "stage:early"), made(&project, "stage:first"));
    assert!(weights(&early) == weights(&first.join("step-2")));
    let names = made(&project, "stage:world-of-first").join("names");
    assert!(
        fs::read_to_string(names)
            .unwrap()
            .contains("tokenizer.json")
    );
    // Another kept step is another input, with the same training.
    let kept = [
        "plan",
        "stage:early",
        "--set",
        "keep_at=3",
        "--set",
        "kept=3",
    ];
    project.pipe(&kept).code(0);
}

#[test]
fn a_step_that_is_not_kept_is_told_before_anything_runs() {
    let project = Project::beyond_tokens(TRAINING);
    for command in ["plan", "run"] {
        let told = project
            .pipe(&[command, "stage:early", "--set", "kept=3"])
            .code(2);
        let told = told.says("`@first` will have no `step-3`");
        told.says("it will have step-2");
    }
    let beyond = [
        "run",
        "stage:early",
        "--set",
        "keep_at=5",
        "--set",
        "kept=5",
    ];
    let told = project
        .pipe(&beyond)
        .code(2)
        .says("`@first` will have no `step-5`");
    told.says("set keep_at of stage `first`");
}

/// What two stages say already is not found out after hours of training.
#[test]
fn what_cannot_go_on_is_told_before_anything_runs() {
    let project = Project::beyond_tokens(TRAINING);
    let refused = |from: &str, to: &str, says: &[&str]| {
        project.edit(from, to);
        for command in ["plan", "run"] {
            let mut told = project.pipe(&[command, "stage:more"]).code(2);
            for text in says {
                told = told.says(text);
            }
        }
        project.edit(to, from);
    };
    refused(
        "start = \"@first\"\nstart_from",
        "start_from",
        &["there is no `start` whose training state could be taken"],
    );
    refused(
        "keep_state = true",
        "keep_state = false",
        &[
            "the stage that makes it keeps no training state",
            "set keep_state = true there",
        ],
    );
    refused(
        "start = \"@first\"",
        "start = \"@first/step-2\"",
        &["`step-2` holds an encoder alone"],
    );
    refused(
        "steps = 6\nbatch = 8\nschedule = \"constant\"\nwarmup = 0.0\n\n[stage.straight]",
        "steps = 3\nbatch = 8\nschedule = \"constant\"\nwarmup = 0.0\n\n[stage.straight]",
        &["4 updates were made already, and this run makes 3 in all"],
    );
    refused(
        "start_from = \"state\"\ntokens = \"@tokens\"\nsize = \"nano\"",
        "start_from = \"state\"\ntokens = \"@tokens\"\nsize = \"mini\"",
        &["its `size` is `nano`, and `mini` here"],
    );
}

#[test]
fn names_that_fields_had_are_understood_and_change_no_key() {
    let project = Project::beyond_tokens(
        r#"
[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 1
batch = 8
clip = 1.0
masking = { same = 0.1, random = 0.1 }
"#,
    );
    project.pipe(&["run", "stage:pretrain"]).code(0);
    for (from, to) in [
        ("clip = ", "max_grad_norm = "),
        ("same = ", "keep = "),
        ("\nlength = ", "\nsequence_length = "),
    ] {
        project.edit(from, to);
    }
    project
        .pipe(&["run", "stage:pretrain"])
        .code(0)
        .says("all 5 jobs cached");
    let told = |value: &str| {
        project.edit("max_grad_norm = 1.0", value);
        let told = project.pipe(&["why", "stage:pretrain"]).code(0).stdout;
        project.edit(value, "max_grad_norm = 1.0");
        told
    };
    assert!(told("max_grad_norm = 0.5").contains("max_grad_norm"));
    project.edit("batch = 8", "batch = 8\nclip = 1.0");
    let told = project.pipe(&["run", "stage:pretrain"]).code(2);
    let told =
        told.says("`clip` is what `max_grad_norm` was called before: one of them is too many");
    told.says("leave `clip` out");
}
