//! What runs leave of themselves: `pipe log`, `pipe diff`.

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

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
fn what_a_run_finds_on_its_way_counts_as_cached_and_why() {
    let project = Project::with(
        r#"
[vars]
seed = 0

[stage.one]
use = "world"
seed = "${seed}"
size = "tiny"

[stage.two]
use = "world"
seed = "${seed}"
size = "tiny"

[stage.corpus]
use = "corpus"
source = "@one/text"
"#,
    );
    let both = ["run", "stage:two", "stage:corpus", "--set", "seed=7"];
    project
        .pipe(&both)
        .code(0)
        .says("3 jobs: 1 cached (1 the same as another job), 2 run in ");
    project.pipe(&both).code(0).says("all 3 jobs cached");
    let list = project.pipe(&["log"]).code(0).stdout;
    assert!(
        list.contains("--set seed=7: 3 jobs, 1 cached (1 the same as another job), 2 made, "),
        "{list}"
    );
    assert!(list.contains("--set seed=7: 3 jobs, 3 cached, "), "{list}");
    let json = project.pipe(&["log", "--json"]).code(0).json();
    assert_eq!(json["runs"][0]["cached"], 1);
    assert_eq!(json["runs"][0]["made"], 2);
    let last = project.pipe(&["log", "last"]).code(0).stdout;
    assert!(
        last.contains(": stage:two stage:corpus --profile ") && last.contains(" --set seed=7, "),
        "{last}"
    );
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
    // An earlier run can be named, and compared with the latest.
    let json = project
        .pipe(&["diff", "last~2", "last~1", "--json"])
        .code(0)
        .json();
    assert_eq!(json["same"], 10);
    // A run of one stage is compared only where it is named.
    project.pipe(&["run", "stage:world"]).code(0);
    assert_eq!(project.pipe(&["diff"]).code(0).stdout, diff);
    let list = project.pipe(&["log", "-n", "1"]).code(0).stdout;
    let stage = list
        .lines()
        .last()
        .and_then(|line| line.split_whitespace().next());
    let diff = project
        .pipe(&["diff", "last", stage.expect("a name")])
        .code(0)
        .stdout;
    assert!(diff.contains("gone     majority\n"), "{diff}");
    project
        .pipe(&["diff", "last~3", "last"])
        .code(2)
        .says("is meant by `last~3`");
}

#[test]
fn runs_with_other_settings_are_compared_job_by_job() {
    let project = Project::beyond_tokens(
        r#"
[vars]
lr = 1e-3
m = 0.4

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 3
batch = 4
lr = "${lr}"
masking = { corrupt = "${m}" }

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "sst2"

[stage.finetune]
use = "finetune"
encoder = "@pretrain"
data = "@benchmark"
batch = 8
epochs = 1
lr = 1e-3
train_examples = 16
eval_examples = 16

[table.all]
title = "All"
cell = "@finetune"
rows = { label = "${m}", m = [0.2, 0.4] }
columns = [
    { label = "perplexity", cell = "@pretrain" },
    { label = "accuracy" },
]
"#,
    );
    project.pipe(&["run", "--set", "lr=2e-3"]).code(0);
    project.pipe(&["run", "--set", "lr=3e-4"]).code(0);
    project.pipe(&["run"]).code(0);
    let diff = project.pipe(&["diff", "last~2", "last~1"]).code(0).stdout;
    assert!(!diff.contains("added") && !diff.contains("gone"), "{diff}");
    for line in [
        "changed  pretrain: lr 0.002 → 0.0003: perplexity ",
        "changed  pretrain[m=0.2]: lr 0.002 → 0.0003: perplexity ",
        "changed  finetune[m=0.2]: lr 0.002 → 0.0003",
    ] {
        assert!(diff.contains(line), "{line}\n{diff}");
    }
    assert!(diff.ends_with("5 jobs the same, 4 different\n"), "{diff}");
    // For a variable that one of the runs did not set, the value of its profile is told.
    let diff = project.pipe(&["diff"]).code(0).stdout;
    for line in [
        "changed  pretrain: lr 0.0003 → 0.001: perplexity ",
        "changed  finetune[m=0.2]: lr 0.0003 → 0.001",
    ] {
        assert!(diff.contains(line), "{line}\n{diff}");
    }
    let json = project.pipe(&["diff", "--json"]).code(0).json();
    let jobs = json["jobs"].as_array().expect("jobs");
    let pretrain = jobs
        .iter()
        .find(|job| job["label"] == "pretrain")
        .expect("a job");
    assert_eq!(pretrain["difference"]["set"]["was"], "pretrain[lr=0.0003]");
    assert_eq!(pretrain["difference"]["changes"][0]["name"], "lr");
}

#[test]
fn the_last_run_is_the_last_whatever_the_clock_says() {
    let project = Project::new();
    project.pipe(&["run", "stage:world"]).code(0);
    let runs = || {
        project
            .files(".pipe/runs")
            .into_iter()
            .filter(|path| path.parent().is_some_and(|folder| folder.ends_with("runs")))
    };
    // The clock seems to have been far ahead, for a run of this program and for one of an earlier program, whose names have no
    // number.
    let first = runs().next().expect("a run");
    let earlier = first.with_file_name("20991231-000000-2.jsonl");
    std::fs::copy(&first, earlier).expect("copied");
    std::fs::rename(&first, first.with_file_name("20981231-000000_1.jsonl")).expect("renamed");
    project.pipe(&["run", "stage:corpus"]).code(0);
    let last = project.pipe(&["log", "last"]).code(0).stdout;
    assert!(last.contains("stage:corpus"), "{last}");
    let list = project.pipe(&["log"]).code(0).stdout;
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        names[..2],
        ["20991231-000000-2", "20981231-000000_1"],
        "{list}"
    );
    assert!(names[2].ends_with("_2"), "{list}");
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
    // A process that the run was just starting holds what the run held, until it has become the stage's program.
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut list = project.pipe(&["log"]).code(0).stdout;
    while list.contains("running as process") && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
        list = project.pipe(&["log"]).code(0).stdout;
    }
    assert!(list.trim_end().ends_with("killed"), "{list}");
    // What the killed run had made, and what was known when it began, is known all the same.
    project.pipe(&["run", "stage:world"]).code(0);
    let json = project.pipe(&["log", "--json"]).code(0).json();
    let stage = json["runs"][1]["run"].as_str().expect("a name");
    project.pipe(&["diff", "last", stage]).code(0);
    project
        .pipe(&["diff"])
        .code(2)
        .says("no run is meant by `last~1`, which counts runs of tables alone");
}

/// Whatever becomes of a run, its results are not reported as gone.
#[test]
fn what_was_there_when_a_run_began_is_known_while_it_goes_on_and_when_it_was_killed() {
    let project = Project::training(100_000);
    project.pipe(&["run", "stage:tokens"]).code(0);
    let mut run = project
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    while !project
        .pipe(&["log"])
        .code(0)
        .stdout
        .contains("5 jobs, 4 cached, running as process")
    {
        std::thread::sleep(Duration::from_millis(50));
    }
    let json = project.pipe(&["log", "--json"]).code(0).json();
    let first = json["runs"][0]["run"].as_str().expect("a name").to_owned();
    let diff = || project.pipe(&["diff", &first, "last"]).code(0);
    let going = diff();
    assert_eq!(going.stdout, "4 jobs the same, 0 different\n");
    going.says(" goes on without results of 1 of its 5 jobs; here they count as gone\n");
    run.kill().expect("killed");
    run.wait().expect("ended");
    let killed = diff();
    assert_eq!(killed.stdout, "4 jobs the same, 0 different\n");
    killed.says(" was killed without results of 1 of its 5 jobs; here they count as gone\n");
    assert_eq!(project.pipe(&["diff", &first, &first]).code(0).stderr, "");
}

#[test]
fn a_job_that_need_not_run_after_all_is_written_down() {
    let project = Project::with(
        r#"
        [stage.first]
        use = "command"
        shell = "echo same > {output}/a"
        version = 1
        [stage.second]
        use = "command"
        shell = "cp {a}/a {output}/b"
        inputs = { a = "@first" }
        "#,
    );
    project.pipe(&["run"]).code(0);
    project.edit("version = 1", "version = 2");
    let told = project.pipe(&["run"]).code(0).stderr;
    assert!(told.contains("[1/2] done    first"), "{told}");
    let log = project.pipe(&["log", "last"]).code(0).stdout;
    assert!(log.contains(" 2 jobs, 0 cached at the start\n"), "{log}");
    assert!(log.contains("found    second, artifact "), "{log}");
}
