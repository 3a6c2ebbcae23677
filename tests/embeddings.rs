//! Sentences are encoded once for all that is done with their vectors.

mod support;

use support::Project;

/// An encoder, its vectors, and ten evaluations of them.
const EVALUATED: &str = r#"
[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 2
batch = 4

[stage.pairs]
use = "benchmarks"
source = "@world/SentEval/data/downstream"
task = "sts"

[stage.embed]
use = "embed"
encoder = "@pretrain"
data = "@pairs"

[stage.whiten]
use = "whiten"
embeddings = "@embed"
dimensions = "${dimensions}"

[stage.sts]
use = "sts"
embeddings = "${vectors}"
data = "@pairs"
aggregate = "${aggregate}"

[stage.geometry]
use = "geometry"
embeddings = "${vectors}"
data = "@pairs"
set = "${set}"

[vars]
vectors = "@embed"
dimensions = 4
aggregate = "all"
set = "stsb"

[table.evaluations]
title = "Ten evaluations"
rows = [
    { cell = "@sts", aggregate = ["all", "mean", "wmean"] },
    { cell = "@geometry", set = ["stsb", "sickr", "sts12"] },
    { cell = "@sts", vectors = "@whiten", dimensions = [2, 4] },
    { cell = "@geometry", vectors = "@whiten", dimensions = [2, 4] },
]
columns = [{ label = "score" }]

[profile.plain]
default = true
"#;

#[test]
fn ten_evaluations_of_an_encoder_cost_one_encoding() {
    let project = Project::beyond_tokens(EVALUATED);
    let run = project.pipe(&["run", "all", "--json"]).code(0).json();
    let count = |kinds: &[&str]| {
        let jobs = run["jobs"].as_array().expect("jobs").iter();
        jobs.filter(|job| kinds.contains(&job["kind"].as_str().expect("a kind")))
            .count()
    };
    assert_eq!(count(&["sts", "geometry"]), 10);
    assert_eq!(count(&["whiten"]), 2);
    assert_eq!(count(&["embed"]), 1);
    assert_eq!(count(&["pretrain"]), 1);

    // The vectors are a Parquet file, and one more way to look at them does not encode again.
    let made = project.pipe(&["run", "stage:embed"]).code(0).stdout;
    let (folder, _) = made.split_once("  ").expect("a folder");
    assert!(
        std::path::Path::new(folder)
            .join("embeddings.parquet")
            .is_file()
    );
    let another = ["plan", "stage:geometry[set=sts13]", "--json"];
    let plan = project.pipe(&another).code(0).json();
    let jobs = plan["jobs"].as_array().expect("jobs").iter();
    let left: Vec<&str> = jobs
        .filter(|job| job["state"] != "cached")
        .map(|job| job["kind"].as_str().expect("a kind"))
        .collect();
    assert_eq!(left, ["geometry"], "{plan}");
}
