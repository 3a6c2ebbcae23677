//! What `pipe verify --rerun` promises, seen from outside.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use support::Project;

/// Two programs that make the same each time, one that does not, and one that reads a file of the user's.
const PIPELINE: &str = r#"
[stage.first]
use = "command"
shell = "echo one > {output}/a; mkdir {output}/deep; echo two > {output}/deep/b"

[stage.second]
use = "command"
shell = "cat {first}/a {first}/deep/b > {output}/both"
inputs = { first = "@first" }

[stage.dice]
use = "command"
shell = "echo same > {output}/same; echo $$ > {output}/process; mkdir {output}/n; echo > {output}/n/$$"

[stage.after]
use = "command"
shell = "cat {dice}/process > {output}/it"
inputs = { dice = "@dice" }

[stage.reads]
use = "command"
shell = "wc -l < {mine} > {output}/lines"
inputs = { mine = "mine.txt" }
"#;

/// All files of the store that results consist of, and what is in them.
fn results(project: &Project) -> BTreeMap<PathBuf, Vec<u8>> {
    ["objects", "artifacts", "records", "logs"]
        .into_iter()
        .flat_map(|folder| project.files_if_any(&format!(".pipe/{folder}")))
        .map(|path| (path.clone(), fs::read(path).expect("read")))
        .collect()
}

#[test]
fn jobs_are_run_once_more_aside_and_what_differs_is_told() {
    let project = Project::with(PIPELINE);
    project.write("mine.txt", "a\nb\n");
    for stage in ["second", "after", "reads"] {
        project.pipe(&["run", &format!("stage:{stage}")]).code(0);
    }
    let before = results(&project);
    let ended = project
        .pipe(&["verify", "--rerun", "100%"])
        .code(12)
        .says("dice: its result is not what it makes here: n/")
        .says("process (artifact ")
        .says("is new")
        .says("is missing");
    assert!(
        ended.stdout.contains("5 jobs of 5 run once more (--seed "),
        "{}",
        ended.stdout
    );
    // The job behind it ran on the recorded result, so it made the same bytes.
    assert!(
        ended.stdout.contains("): 1 made others"),
        "{}",
        ended.stdout
    );
    assert_eq!(results(&project), before, "nothing is replaced");
    assert!(project.files_if_any(".pipe/tmp").is_empty());
    assert!(project.files_if_any(".pipe/work").is_empty());
    let again: Vec<PathBuf> = project
        .files(".pipe/folders")
        .into_iter()
        .filter(|path| path.to_string_lossy().contains(".again/"))
        .collect();
    assert_eq!(again.len(), 3, "{again:?}");
    let process = again.iter().find(|path| path.ends_with("process"));
    let process = fs::read(process.expect("the process")).expect("read");
    assert!(!before.values().any(|bytes| *bytes == process));
    // A second check replaces what the first one has left, and the store is as good as ever.
    project.pipe(&["verify", "--rerun", "100%"]).code(12);
    project.pipe(&["verify"]).code(0);
    project
        .pipe(&["run", "stage:after"])
        .code(0)
        .says("all 2 jobs cached");
    project.pipe(&["gc", "--dry-run"]).code(0);

    let told = project
        .pipe(&["verify", "--rerun", "100", "--json"])
        .code(12)
        .json();
    let told = &told["rerun"];
    assert_eq!(told["same"].as_array().expect("a list").len(), 4, "{told}");
    assert_eq!(told["different"][0]["label"], "dice", "{told}");
    assert_eq!(told["results"], 5, "{told}");
}

#[test]
fn a_sample_is_chosen_by_its_seed_and_bounded_by_what_jobs_cost() {
    let project = Project::with(PIPELINE);
    project.write("mine.txt", "a\nb\n");
    for stage in ["second", "reads"] {
        project.pipe(&["run", &format!("stage:{stage}")]).code(0);
    }
    let sample = |seed: &str| {
        let arguments = ["verify", "--rerun", "30%", "--seed", seed, "--json"];
        let told = project.pipe(&arguments).code(0).json();
        assert_eq!(told["rerun"]["results"], 3, "{told}");
        let same = told["rerun"]["same"].as_array().expect("a list").clone();
        assert_eq!(same.len(), 1, "{told}");
        same[0].as_str().expect("a label").to_owned()
    };
    assert_eq!(sample("7"), sample("7"));
    let seeds = [
        "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12",
    ];
    let chosen: std::collections::BTreeSet<String> = seeds.map(sample).into();
    assert_eq!(chosen.len(), 3, "several samples see all");
    let ended = project
        .pipe(&["verify", "--rerun", "100%", "--max-cost", "0s"])
        .code(0);
    assert!(
        ended
            .stdout
            .contains("3 jobs left out: it cost more than --max-cost leaves"),
        "{}",
        ended.stdout
    );
    // The file goes away, and the result comes from an archive: then the job has nothing to run on.
    let empty = project.pipe(&["verify", "--rerun", "0"]).code(2);
    assert!(
        empty.stderr.contains("a share of a hundred"),
        "{}",
        empty.stderr
    );
    project.write("mine.txt", &"a\n".repeat(1 << 20));
    project.pipe(&["run", "stage:reads"]).code(0);
    project
        .pipe(&["export", "stage:reads", "-o", "reads.tar"])
        .code(0);
    let away = project.join("away");
    let away = away.to_str().expect("UTF-8");
    project
        .pipe(&["import", "reads.tar", "--project", away])
        .code(0);
    let file = format!("{away}/pipeline.toml");
    let ended = project
        .pipe(&["verify", "--rerun", "100%", "--file", &file])
        .code(0);
    assert!(
        ended
            .stdout
            .contains("1 job left out: files of yours that it reads are not at hand"),
        "{}",
        ended.stdout
    );
}

/// A program that writes to what it was served changes nothing in the store.
#[test]
fn nothing_of_the_store_is_written_to() {
    let project = Project::with(
        r#"
[stage.first]
use = "command"
shell = "echo one > {output}/a"

[stage.second]
use = "command"
shell = "cat {first}/a > {output}/b; if printenv MARK; then chmod -R u+w {first}/; echo two > {first}/a; fi"
inputs = { first = "@first" }
pass_env = ["MARK"]
"#,
    );
    project.pipe(&["run", "stage:second"]).code(0);
    let before = results(&project);
    let mut command = project.command(&["verify", "--rerun", "100%"]);
    let output = command.env("MARK", "/").output().expect("pipe runs");
    assert_eq!(output.status.code(), Some(12), "{output:?}");
    assert_eq!(results(&project), before);
    project.pipe(&["verify"]).code(0);
    project
        .pipe(&["run", "stage:second"])
        .code(0)
        .says("all 2 jobs cached");
}

/// What a killed check has left goes with the next check.
#[test]
fn a_killed_one_leaves_nothing_for_long() {
    let project = Project::with(
        "[stage.slow]\nuse = \"command\"\nshell = \"! printenv MARK || sleep 60; echo > {output}/x\"\npass_env = [\"MARK\"]\n",
    );
    project.pipe(&["run", "stage:slow"]).code(0);
    let left = || project.files_if_any(".pipe/tmp").len();
    let mut command = project.command(&["verify", "--rerun", "100%", "-q"]);
    let mut child = command.env("MARK", "/").spawn().expect("started");
    while !project
        .files_if_any(".pipe/tmp")
        .iter()
        .any(|path| path.ends_with("job.json"))
    {
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(child.try_wait().expect("waited").is_none(), "it ended");
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(left() > 0);
    std::thread::sleep(std::time::Duration::from_millis(300));
    project.pipe(&["verify", "--rerun", "100%"]).code(0);
    assert_eq!(left(), 0);
}

#[test]
fn a_job_that_fails_when_run_once_more_is_told() {
    let project = Project::with(
        "[stage.once]\nuse = \"command\"\nshell = \"test ! -e \\\"$MARK\\\"; echo > {output}/x\"\npass_env = [\"MARK\"]\n",
    );
    let run = |mark: &str, arguments: &[&str], code: i32| {
        let output = project.command(arguments).env("MARK", mark).output();
        let output = output.expect("pipe runs");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    run("/none", &["run", "stage:once"], 0);
    run("/none", &["verify", "--rerun", "100%"], 0);
    let told = run("/", &["verify", "--rerun", "100%"], 10);
    assert!(told.contains("once: run once more, it failed: "), "{told}");
    run("/none", &["run", "stage:once"], 0);
}
