//! What `pipe list` says tables and groups cost.

mod support;

use std::fs;

use serde_json::Value;
use support::Project;

const GROUPED: &str = r#"
[vars]
steps = 5

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = "${steps}"
batch = 8

[table.short]
title = "A short training"
cell = "@pretrain"
rows = { steps = 5 }
columns = [{ label = "perplexity" }]

[table.both]
title = "Two trainings"
cell = "@pretrain"
rows = { steps = [5, 10] }
columns = [{ label = "perplexity" }]

[group.all]
tables = ["short", "both"]

[profile.plain]
default = true
"#;

/// Returns the sections of a list that tell costs, whatever the number of cores, with two spaces between columns.
fn told(project: &Project, more: &[&str]) -> String {
    let list = [&["list"], more].concat();
    let text = project.pipe(&list).code(0).stdout;
    let (costs, _) = text.split_once("\nStages").expect("stages");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = match cores {
        1 => "on 1 core".to_owned(),
        cores => format!("on {cores} cores"),
    };
    assert!(costs.contains(&cores), "{costs}");
    // The number of cores has a width as well.
    let costs = costs.replace(&cores, "on N cores");
    let lines = costs.lines().map(|line| {
        let parts: Vec<&str> = line
            .split("  ")
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect();
        parts.join("  ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the line of a name.
fn line<'a>(told: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = told
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .find(|words| words.first() == Some(&name))
        .expect("a line")
}

fn json(project: &Project, more: &[&str]) -> Value {
    project
        .pipe(&[&["list", "--json"], more].concat())
        .code(0)
        .json()
}

#[test]
fn tables_and_groups_tell_what_they_cost() {
    let project = Project::beyond_tokens(GROUPED);
    insta::assert_snapshot!(told(&project, &[]));
    assert!(!project.join(".pipe").exists(), "a list makes no store");
    project.pipe(&["run", "table:short"]).code(0);
    let after = told(&project, &[]);
    assert_eq!(line(&after, "short")[1..4], ["5", "5", "nothing"]);
    // What the other training takes is told by the one that has run.
    assert_eq!(line(&after, "both")[1..4], ["6", "5", "about"]);
    assert_eq!(line(&after, "all")[1..4], ["6", "5", "about"]);
    let listed = json(&project, &[]);
    let plan = project
        .pipe(&["plan", "table:both", "--json"])
        .code(0)
        .json();
    let cost = &listed["tables"][1]["cost"];
    assert_eq!(cost["price"], plan["price"]);
    assert_eq!((&cost["jobs"], &cost["run"]), (&6.into(), &1.into()));
    assert_eq!(&listed["groups"][0]["cost"], cost);
    // One name tells the same.
    let one = project.pipe(&["list", "both"]).code(0).stdout;
    assert!(
        one.contains("\n  costs: 6 jobs, 5 known; left, on "),
        "{one}"
    );
    let one = project.pipe(&["list", "short"]).code(0).stdout;
    assert!(
        one.contains("\n  costs: 5 jobs, 5 known; nothing is left\n"),
        "{one}"
    );
    assert_eq!(&json(&project, &["both"])["table"]["cost"], cost);
}

#[test]
fn a_list_does_without_what_is_missing() {
    let project = Project::beyond_tokens(GROUPED);
    project.edit("source = \"@world/text\"", "source = \"nowhere\"");
    let list = project
        .pipe(&["list"])
        .code(0)
        .says("1 job cannot run: ")
        .says("nowhere");
    let words: Vec<&str> = line(&list.stdout, "short")[1..5].to_vec();
    assert_eq!(words, ["4", "0", "cannot", "run"]);
    assert!(list.stdout.contains("\nStages"), "{}", list.stdout);
    let listed = json(&project, &[]);
    assert_eq!(listed["tables"][0]["cost"]["broken"], 1);
    // A store that is none.
    fs::create_dir(project.join(".pipe")).expect("a folder");
    project.write(".pipe/store.json", "{");
    let list = project
        .pipe(&["list"])
        .code(0)
        .says("what tables cost cannot be told");
    assert!(
        list.stdout.contains("  short  A short training\n"),
        "{}",
        list.stdout
    );
    assert_eq!(json(&project, &[])["tables"][0]["cost"], Value::Null);
}

#[test]
fn a_list_does_not_read_large_files() {
    let project = Project::beyond_tokens(GROUPED);
    project.edit("source = \"@world/text\"", "source = \"large.txt\"");
    let text = "a king saw a dog\n".repeat(1 << 21);
    project.write("large.txt", &text);
    let counted = || {
        let cost = json(&project, &[])["tables"][0]["cost"].clone();
        ["run", "unknown", "broken"].map(|name| cost[name].as_u64())
    };
    assert_eq!(counted(), [Some(0), Some(4), Some(0)]);
    // The time of a change that is older than the coarsest clock is believed, so the digest is noted.
    std::thread::sleep(std::time::Duration::from_secs(4));
    project.pipe(&["run", "stage:world"]).code(0);
    project.pipe(&["plan"]).code(0);
    assert_eq!(counted(), [Some(1), Some(3), Some(0)]);
}
