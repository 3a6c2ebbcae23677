//! `pipe log` of a stage: its messages, and the rows of a training.

mod support;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use support::Project;

#[test]
fn the_last_rows_of_a_training_are_shown() {
    let project = Project::training(12);
    // A short training tells its loss as well, in plain lines.
    project
        .pipe(&["run", "stage:pretrain"])
        .code(0)
        .says(" done    pretrain (")
        .says("): loss ")
        .says(" · perplexity ");
    let log = project.pipe(&["log", "stage:pretrain", "-n", "3"]).code(0);
    let lines: Vec<Vec<&str>> = log
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let header =
        "step loss learning_rate gradient_norm predicted_tokens tokens perplexity perplexity_15";
    assert_eq!(lines[0].join(" "), header);
    let steps: Vec<&str> = lines[1..].iter().map(|line| line[0]).collect();
    assert_eq!(steps, ["4", "8", "12"], "{}", log.stdout);
    assert_eq!(lines[3].len(), 8, "{}", log.stdout);
    let log = log
        .says("pretrain: log.parquet, 12 rows: ")
        .says("validation.parquet, 1 row: ");
    assert!(!log.stderr.contains("nothing to say"), "{}", log.stderr);
    let json = project
        .pipe(&["log", "stage:pretrain", "--json"])
        .code(0)
        .json();
    let log = &json["logs"][0];
    assert_eq!(log["text"], "");
    assert_eq!(log["files"][0]["file"], "log.parquet");
    assert_eq!(log["files"][0]["rows"], 12);
    assert_eq!(log["rows"][9]["step"], 12);
    assert!(log["rows"][9]["perplexity"].as_f64().expect("a number") > 1.0);
}

#[test]
fn a_training_that_goes_on_shows_what_there_is_so_far() {
    let project = Project::training(100_000);
    let mut run = project
        .command(&["run", "stage:pretrain"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let mut log = project.pipe(&["log", "stage:pretrain"]);
    // Rows and progress are written one after the other, so that the first may be seen without the second.
    while !(log.stdout.contains("gradient_norm") && log.stderr.contains("loss ")) {
        std::thread::sleep(Duration::from_millis(50));
        log = project.pipe(&["log", "stage:pretrain"]);
    }
    log.code(0)
        .says("pretrain: running: ")
        .says(" of 100000, ")
        .says("loss ");
    let status = project.pipe(&["status"]).code(0).stdout;
    assert!(status.contains(", loss "), "{status}");
    run.kill().expect("killed");
    run.wait().expect("ended");
    // The child may take a moment to die with its run.
    let mut log = project.pipe(&["log", "stage:pretrain"]);
    while !log.stderr.contains("pretrain: stopped: ") {
        std::thread::sleep(Duration::from_millis(50));
        log = project.pipe(&["log", "stage:pretrain"]);
    }
    assert!(log.stdout.contains("gradient_norm"), "{}", log.stdout);
    let json = project
        .pipe(&["log", "stage:pretrain", "--json"])
        .code(0)
        .json();
    let path = json["logs"][0]["files"][0]["path"]
        .as_str()
        .expect("a path");
    let lines = fs::read_to_string(path).expect("JSON lines");
    let first: serde_json::Value =
        serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["step"], 1);
}

#[test]
fn a_training_that_goes_on_from_a_checkpoint_shows_all_of_it() {
    let project = Project::training(40);
    let mut run = project
        .command(&["run", "stage:pretrain"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let events = |project: &Project| {
        let files = project.files_if_any(".pipe/work").into_iter();
        let events = files.filter(|file| file.ends_with("events.jsonl"));
        events
            .filter_map(|file| fs::read_to_string(file).ok())
            .collect::<String>()
    };
    while !events(&project).contains("checkpointed") {
        std::thread::sleep(Duration::from_millis(2));
        if run.try_wait().expect("asked").is_some() {
            // The job was too fast to be caught on this machine.
            return;
        }
    }
    run.kill().expect("killed");
    run.wait().expect("ended");
    project.pipe(&["run", "stage:pretrain"]).code(0);
    project
        .pipe(&["log", "stage:pretrain"])
        .code(0)
        .says("log.parquet, 40 rows: ");
}

#[test]
fn a_log_without_end_keeps_its_first_and_its_last_part() {
    let project = Project::with(
        "[stage.loud]\nuse = \"command\"\n\
         shell = \"seq 1 3000000; echo 1 > {output}/a\"\n",
    );
    project.pipe(&["run", "stage:loud"]).code(0);
    let log = project.pipe(&["log", "stage:loud"]).code(0).stdout;
    assert!(log.starts_with("1\n2\n3\n"));
    assert!(log.ends_with("\n2999999\n3000000\n"));
    let kept: usize = log
        .lines()
        .filter(|line| !line.starts_with('['))
        .map(|line| line.len() + 1)
        .sum();
    let note = log
        .lines()
        .find(|line| line.starts_with('['))
        .expect("a word");
    let all: usize = (1..=3_000_000_u32)
        .map(|number| number.to_string().len() + 1)
        .sum();
    assert_eq!(
        note,
        format!(
            "[pipe: {} bytes left out here: of a log of more than 16 MiB the first 4 and the last 8 are kept]",
            all - kept
        )
    );
    assert!(log.len() < 16 << 20);
    let json = project
        .pipe(&["log", "stage:loud", "--json"])
        .code(0)
        .json();
    assert_eq!(json["logs"][0]["text"], log);
}
