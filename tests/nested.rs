//! Runs that a program of a stage makes itself.

mod support;

use std::time::Instant;

use support::Project;

/// A stage whose program runs another target of the same pipeline, and one that it may run.
fn project(target: &str, more: &str) -> Project {
    let program = env!("CARGO_BIN_EXE_pipe");
    let project = Project::with("");
    let folder = project.path().display().to_string();
    project.write(
        "pipeline.toml",
        &format!(
            r#"
[stage.other]
use = "command"
shell = "echo other > {{output}}/a"

[stage.outer]
use = "command"
argv = ["{program}", "run", "{target}", "--file", "{folder}/pipeline.toml", "--results", "{{output}}/r"{more}]

[stage.behind]
use = "command"
argv = ["cp", "-r", "{{outer}}", "{{output}}/copy"]
inputs = {{ outer = "@outer" }}
"#
        ),
    );
    project
}

#[test]
fn a_run_that_waits_for_its_own_end_is_refused() {
    for target in ["stage:outer", "stage:behind"] {
        let began = Instant::now();
        let project = project(target, "");
        project
            .pipe(&["run", "stage:outer"])
            .code(10)
            .says("`pipe` ended with code 2");
        let log = project.pipe(&["log", "stage:outer"]).code(0).stdout;
        assert!(
            log.contains("error: outer: this run was started by the very job: it would wait for its own end\n"),
            "{log}"
        );
        assert!(
            log.contains("hint: have the program make what it needs itself"),
            "{log}"
        );
        assert!(began.elapsed().as_secs() < 60);
    }
}

#[test]
fn a_run_that_begins_itself_again_elsewhere_is_refused() {
    let project = project("stage:outer", r#", "--store", "{scratch}/store""#);
    project
        .pipe(&["run", "stage:outer"])
        .code(10)
        .says("ended with code 2");
}

#[test]
fn other_runs_inside_of_a_job_go_on() {
    let project = project("stage:other", "");
    project.edit(
        "--results\", \"{output}/r\"]",
        "--results\", \"{output}/r\"]\nversion = 2",
    );
    let ended = project.pipe(&["run", "stage:outer"]);
    // The job fails only because it writes no output of its own.
    assert!(ended.stderr.contains("written no file"), "{}", ended.stderr);
    project.pipe(&["run", "stage:other"]).code(0).says("cached");
}
