//! Plans: what they say in a screen, and what they say it will cost.

mod support;

use serde_json::Value;
use support::Project;

/// An encoder is trained, tuned on a task and used for similarity; variables give its size.
const ENCODERS: &str = r#"
[vars]
size = "nano"
steps = 20
seed = 0

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "${size}"
steps = "${steps}"
batch = 8
max_positions = 64

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "sst2"

[stage.finetune]
use = "finetune"
encoder = "@pretrain"
data = "@benchmark"
epochs = 1
batch = 8
lr = 1e-3
train_examples = 64
eval_examples = 16
max_length = 32
seed = "${seed}"

[table.tuned]
title = "Tuned"
cell = "@finetune"
over = { seed = [0, 1] }
rows = [{ label = "all" }]
columns = [{ label = "SST-2" }]

[profile.plain]
default = true
"#;

/// Core time of a stage's jobs in a plan.
fn price(plan: &Value, stage: &str) -> f64 {
    let mut stages = plan["stages"].as_array().expect("stages").iter();
    let stage = stages.find(|tally| tally["stage"] == stage);
    stage.expect("the stage")["core_seconds"]
        .as_f64()
        .expect("a price")
}

/// What the jobs of a stage have cost in all, and how many operations they say they did, by their results.
fn spent(project: &Project, stage: &str, more: &[&str]) -> (f64, f64) {
    let plan = project
        .pipe(&[&["plan", "--json"], more].concat())
        .code(0)
        .json();
    let jobs = plan["jobs"].as_array().expect("jobs").iter();
    let costs: Vec<&Value> = jobs
        .filter(|job| job["stage"] == stage)
        .map(|job| &job["cost"])
        .collect();
    let operations = |cost: &&Value| {
        let mut worked = cost["worked"].as_array().expect("amounts").iter();
        let flop = worked.find(|worked| worked["unit"] == "flop");
        flop.and_then(|flop| flop["amount"].as_f64())
            .expect("operations")
    };
    let seconds = |cost: &&Value| cost["core_seconds"].as_f64().expect("a time");
    (
        costs.iter().map(seconds).sum(),
        costs.iter().map(operations).sum(),
    )
}

/// Matrix products' operations for a token in sequences of `length`, through layers of these shapes.
fn operations(layers: f64, hidden: f64, length: f64) -> f64 {
    layers * (2.0 * (4.0 * hidden * hidden + 8.0 * hidden * hidden) + 4.0 * length * hidden)
}

#[test]
fn prices_grow_with_the_encoder_that_a_job_will_get() {
    let project = Project::beyond_tokens(ENCODERS);
    project.pipe(&["run"]).code(0);
    let larger = |size: &str| {
        let set = format!("size={size}");
        project
            .pipe(&["plan", "--json", "--set", &set])
            .code(0)
            .json()
    };
    let nano = ["pretrain", "finetune"].map(|stage| spent(&project, stage, &[]));
    let (tiny, base) = (larger("tiny"), larger("base"));
    // The estimate is within a quarter of what counting the multiplications gives.
    project.pipe(&["run", "--set", "size=tiny"]).code(0);
    for (stage, nano) in ["pretrain", "finetune"].into_iter().zip(nano) {
        let foretold = price(&tiny, stage) / nano.0;
        let real = spent(&project, stage, &["--set", "size=tiny"]).1 / nano.1;
        assert!(
            (0.8..1.25).contains(&(foretold / real)),
            "{stage}: {foretold} for {real}"
        );
        let foretold = price(&base, stage) / nano.0;
        let real = operations(12.0, 768.0, 24.0) / operations(2.0, 64.0, 24.0);
        assert!(
            (0.7..1.4).contains(&(foretold / real)),
            "{stage}: {foretold} for {real}"
        );
    }
    // An estimate over such a leap is less sure than one over a small step.
    let between = &base["price"]["between"];
    let [least, most] = [0, 1].map(|at| between[at].as_f64().expect("a time"));
    assert!(most / least > 10.0, "{between}");
    // The size of an encoder of the user's is read from its files.
    let folder = project
        .pipe(&["run", "stage:pretrain", "--set", "size=tiny"])
        .code(0);
    let folder = folder
        .stdout
        .split_whitespace()
        .next()
        .expect("a folder")
        .to_owned();
    project.edit(
        "encoder = \"@pretrain\"",
        &format!("encoder = \"{folder}\""),
    );
    project.edit("lr = 1e-3", "lr = 2e-3");
    let given = project.pipe(&["plan", "--json"]).code(0).json();
    let ratio = price(&given, "finetune") / price(&tiny, "finetune");
    assert!((0.2..5.0).contains(&ratio), "{ratio}");
}

#[test]
fn a_plan_of_many_jobs_fits_a_screen() {
    let seeds: Vec<String> = (0..60).map(|seed| seed.to_string()).collect();
    let seeds = format!("[{}]", seeds.join(", "));
    let project = Project::beyond_tokens(&ENCODERS.replace("[0, 1]", &seeds));
    let plan = project.pipe(&["plan"]).code(0).stdout;
    insta::assert_snapshot!(plan);
    project
        .pipe(&["run", "stage:finetune", "stage:tokens"])
        .code(0);
    let plan = project.pipe(&["plan", "--set", "steps=30"]).code(0).stdout;
    let line = "  steps 20 → 30: 1 job of pretrain, and 60 that rest on it\n";
    assert!(plan.contains(line), "{plan}");
    assert!(plan.lines().count() < 20, "{plan}");
    assert!(
        plan.lines().all(|line| line.chars().count() <= 100),
        "{plan}"
    );
    // A change is told once, with the number of jobs that it concerns.
    let plan = project.pipe(&["plan"]).code(0).stdout;
    let line = "  seed 0 → 1, 2, 3, 4 and 55 more: 59 jobs of finetune\n";
    assert!(plan.contains(line), "{plan}");
    // `-v` lists the jobs.
    let long = project.pipe(&["plan", "-v"]).code(0).stdout;
    let line = "run      finetune[seed=1]: seed: 0 → 1 (against `finetune`)\n";
    assert!(long.contains(line), "{long}");
    assert!(long.contains("cached   finetune  "), "{long}");
    let json = project.pipe(&["plan", "--json"]).code(0).json();
    assert_eq!(json["jobs"].as_array().expect("jobs").len(), 66);
    assert_eq!(json["reasons"][0]["jobs"], 59);
}

/// A time is turned into updates before a run: the number that is found fits, and the next does not.
#[test]
fn a_time_is_turned_into_updates() {
    let project = Project::beyond_tokens(ENCODERS);
    let fit = |more: &[&str]| {
        let mut arguments = vec!["plan", "stage:pretrain", "--fit"];
        arguments.extend(more);
        project.pipe(&arguments)
    };
    let unknown = fit(&["steps", "--within", "1h"]).code(2).stderr;
    assert!(unknown.contains("run a short one first"), "{unknown}");
    project.pipe(&["run", "stage:pretrain"]).code(0);
    let steps = |within: &str| {
        let found = fit(&["steps", "--within", within, "--json"]).code(0).json();
        found["value"].as_u64().expect("a number")
    };
    let most = steps("2m");
    let wall = |steps: u64| {
        let set = format!("steps={steps}");
        let plan = project.pipe(&["plan", "stage:pretrain", "--json", "--set", &set]);
        let price = plan.code(0).json()["price"]["wall_seconds"].as_f64();
        price.expect("a time")
    };
    assert!(wall(most) <= 120.0 && wall(most + 1) > 120.0, "{most}");
    assert!(steps("4m") > 19 * most / 10);
    let said = fit(&["steps", "--within", "2m"]).code(0).stdout;
    assert!(said.contains(&format!("--set steps={most}")), "{said}");
    // A stage takes no more than that.
    assert_eq!(steps("30d"), 4_000_000);
    for (wrong, part) in [
        (["stepz", "--within", "1h"], "no such variable"),
        (
            ["seed", "--within", "1h"],
            "takes no longer with a larger seed",
        ),
        (["steps", "--within", "0s"], "even with steps = 1"),
    ] {
        let said = fit(&wrong).code(2).stderr;
        assert!(said.contains(part), "{said}");
    }
}
