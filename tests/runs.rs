//! What runs leave of themselves: `pipe log`, `pipe diff`.

mod support;

use std::process::Stdio;
use std::time::Duration;

use support::Project;

#[test]
fn runs_are_listed_and_what_each_did_can_be_read() {
    let project = Project::new();
    let none = project.pipe(&["log"]).code(0).stdout;
    assert_eq!(none, "no run has been made\n");
    project
        .pipe(&["diff"])
        .code(2)
        .says("there is no run yet")
        .says("hint: name a run as `pipe log` lists it");
    project.pipe(&["run", "table:baselines"]).code(0);
    project
        .pipe(&[
            "run",
            "stage:bag-of-words[task=mnli]",
            "--set",
            "world_seed=1",
        ])
        .code(0);
    let list = project.pipe(&["log"]).code(0).stdout;
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert!(
        lines[0].contains("  table:baselines --profile plain: 10 jobs, 0 cached, 10 made, "),
        "{list}"
    );
    assert!(
        lines[1].contains("stage:bag-of-words[task=mnli] --profile plain --set world_seed=1: 3 jobs, 0 cached, 3 made, "),
        "{list}"
    );
    let name = lines[0].split_whitespace().next().expect("a name");
    for text in [name, "last~1"] {
        let log = project.pipe(&["log", text]).code(0).stdout;
        assert!(
            log.contains("made     majority[task=mnli], artifact "),
            "{log}"
        );
        assert!(log.ends_with("ended with code 0\n"), "{log}");
    }
    let json = project.pipe(&["log", "--json"]).code(0).json();
    assert_eq!(json["runs"][1]["begun"]["set"]["world_seed"], "1");
    assert_eq!(json["runs"][1]["state"], "ended");
    project
        .pipe(&["log", "last~7"])
        .code(2)
        .says("no run, or more than one, is meant by `last~7`: there are 2");
}

#[test]
fn a_comparison_names_what_differs_and_why() {
    let project = Project::new();
    project.pipe(&["run", "table:baselines"]).code(0);
    project.pipe(&["run", "table:baselines"]).code(0);
    assert_eq!(
        project.pipe(&["diff"]).code(0).stdout,
        "10 jobs the same, 0 different\n"
    );
    project.edit("world_seed = 0", "world_seed = 5");
    project.pipe(&["run", "table:baselines"]).code(0);
    let diff = project.pipe(&["diff"]).code(0).stdout;
    assert!(diff.contains("changed  world: seed: 0 → 5\n"), "{diff}");
    let scored = diff
        .lines()
        .find(|line| line.starts_with("changed  bag-of-words[task=mnli]: input data: "))
        .unwrap_or_else(|| panic!("{diff}"));
    assert!(scored.contains(", accuracy "), "{scored}");
    assert!(diff.ends_with("0 jobs the same, 10 different\n"), "{diff}");
    // The way back: an earlier run is named, and compared with the latest.
    let json = project
        .pipe(&["diff", "last~2", "last~1", "--json"])
        .code(0)
        .json();
    assert_eq!(json["same"], 10);
    // Part of the jobs: the others are gone.
    project.pipe(&["run", "stage:world"]).code(0);
    let diff = project.pipe(&["diff"]).code(0).stdout;
    assert!(diff.contains("gone     majority\n"), "{diff}");
}

#[test]
fn a_killed_run_is_told_from_one_that_goes_on() {
    let project = Project::training(100_000);
    let mut run = project
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let pid = run.id();
    let mut list = String::new();
    while !list.contains("running as process") {
        std::thread::sleep(Duration::from_millis(50));
        list = project.pipe(&["log"]).code(0).stdout;
    }
    assert!(
        list.contains(&format!("running as process {pid} on ")),
        "{list}"
    );
    run.kill().expect("killed");
    run.wait().expect("ended");
    let list = project.pipe(&["log"]).code(0).stdout;
    assert!(list.trim_end().ends_with("killed"), "{list}");
    // What it had made is known all the same.
    project.pipe(&["run", "stage:world"]).code(0);
    project.pipe(&["diff"]).code(0);
}
