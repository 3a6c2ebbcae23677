//! Results without their weight: what `pipe export --scores` leaves out, and what can be done without it.

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Ended, Project};

/// Trains a small encoder and fine-tunes it; `weigh` reads its weights.
const PIPELINE: &str = r#"
[vars]
lr = 1e-3
times = 1

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 4
batch = 8

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "sst2"

[stage.finetune]
use = "finetune"
encoder = "@pretrain"
data = "@benchmark"
epochs = 1
batch = 16
lr = "${lr}"

[stage.weigh]
use = "command"
shell = '''echo '{{"bytes":' $(wc -c < {model}/model.safetensors)}} > {output}/scores.json'''
env = { TIMES = "${times}" }
inputs = { model = "@pretrain" }
makes = "scores"

[table.training]
title = "Training"
rows = [{ label = "all" }]
columns = [
    { label = "pretrain", cell = "@pretrain" },
    { label = "finetune", cell = "@finetune" },
]

[table.weights]
title = "Weights"
rows = [{ label = "all" }]
columns = [{ label = "bytes", cell = "@weigh", metric = "bytes" }]

[profile.plain]
default = true
"#;

/// A project in which all has run, and its archives: whole, and thin.
fn made() -> (Project, String, String) {
    let project = Project::beyond_tokens(PIPELINE);
    project.pipe(&["run", "table:training"]).code(0);
    project
        .pipe(&["export", "table:training", "-o", "whole.tar"])
        .code(0);
    project
        .pipe(&["export", "table:training", "-o", "thin.tar", "--scores"])
        .code(0);
    let path = |name: &str| project.join(name).to_str().expect("UTF-8").to_owned();
    let (whole, thin) = (path("whole.tar"), path("thin.tar"));
    (project, whole, thin)
}

fn size(path: &str) -> u64 {
    fs::metadata(path).expect("a file").len()
}

fn states(plan: &Ended) -> Vec<(String, String)> {
    let plan = plan.json();
    let jobs = plan["jobs"].as_array().expect("jobs").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    jobs.map(|job| (text(&job["label"]), text(&job["state"])))
        .collect()
}

#[test]
fn a_thin_archive_gives_the_tables_and_logs_and_is_written_again_from_where_it_was_imported() {
    let (project, whole, thin) = made();
    assert!(
        size(&thin) * 4 < size(&whole),
        "{} of {}",
        size(&thin),
        size(&whole)
    );
    let table = project.pipe(&["show", "table:training"]).code(0).stdout;

    let other = Project::beyond_tokens(PIPELINE);
    let told = other.pipe(&["import", &thin]).code(0);
    assert!(
        told.stdout.contains("7 results taken in, 0 there already")
            && told.stdout.contains("of them without their weight"),
        "{}",
        told.stdout
    );
    other
        .pipe(&["export", "table:training", "-o", "again.tar", "--scores"])
        .code(0);
    assert!(
        fs::read(other.join("again.tar")).expect("read") == fs::read(&thin).expect("read"),
        "the same bytes, from wherever the results are known"
    );
    other
        .pipe(&["export", "table:training", "-o", "more.tar"])
        .code(2)
        .says("which were imported without: ")
        .says("write what is here with --scores, or make them again with `pipe run 'stage:");
    assert!(!other.join("more.tar").exists());

    // Everything that needs no weights works without them.
    for arguments in [&["show", "table:training"][..], &["run", "table:training"]] {
        assert_eq!(other.pipe(arguments).code(0).stdout, table);
    }
    let run = other.pipe(&["run", "table:training"]).code(0);
    assert!(run.stderr.contains("all 7 jobs cached"), "{}", run.stderr);
    let log = other.pipe(&["log", "stage:pretrain"]).code(0).stdout;
    assert!(log.contains("loss"), "{log}");
    assert_eq!(
        log.lines().count(),
        project
            .pipe(&["log", "stage:pretrain"])
            .code(0)
            .stdout
            .lines()
            .count()
    );
    for arguments in [
        &["why", "table:training"][..],
        &["graph", "table:training"],
        &["show", "--cell", "finetune", "table:training"],
        &["pin", "table:training"],
        &["doctor"],
        &["diff"],
    ] {
        let ended = other.pipe(arguments);
        assert!(
            matches!(ended.code, Some(0)),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
    let plan = other.pipe(&["plan", "table:training", "--json"]).code(0);
    assert!(
        states(&plan).iter().all(|(_, state)| state == "cached"),
        "{plan:?}"
    );
    let verified = other.pipe(&["verify"]).code(0).stdout;
    assert!(
        verified.contains("all whole\n")
            && verified.contains("6 results here without their weight"),
        "{verified}"
    );
    let swept = other.pipe(&["gc", "--max-cost", "1000h"]).code(0).stdout;
    assert!(swept.contains("nothing to remove"), "{swept}");
    let rerun = other
        .pipe(&["verify", "--rerun", "100%", "--json"])
        .code(0)
        .json();
    assert_eq!(rerun["rerun"]["different"], json!([]), "{rerun}");
}

#[test]
fn a_job_that_reads_weights_has_them_made_again_and_says_so_before() {
    let (project, _, thin) = made();
    let kilobytes = project.pipe(&["run", "table:weights"]).code(0).stdout;
    let other = Project::beyond_tokens(PIPELINE);
    other.pipe(&["import", &thin]).code(0);
    let plan = other.pipe(&["plan", "table:weights", "--json"]).code(0);
    let expected = [
        "world",
        "corpus",
        "tokenizer",
        "tokens",
        "pretrain",
        "weigh",
    ];
    let mut to_run: Vec<String> = states(&plan).into_iter().map(|(label, _)| label).collect();
    to_run.sort();
    let mut sorted = expected.to_vec();
    sorted.sort_unstable();
    assert_eq!(to_run, sorted);
    assert!(
        states(&plan).iter().all(|(_, state)| state == "run"),
        "{plan:?}"
    );
    let told = other.pipe(&["plan", "table:weights"]).code(0).stdout;
    assert!(told.contains("its files are not here"), "{told}");
    let why = other.pipe(&["why", "stage:pretrain"]).code(0).stdout;
    assert!(
        why.starts_with(
            "pretrain: run: its files are not here: imported from thin.tar without its weight\n"
        ),
        "{why}"
    );
    let why = other.pipe(&["why", "table:training"]).code(0).stdout;
    assert!(why.contains("pretrain: cached: "), "nobody reads it: {why}");
    // A target that is a stage reads its files, so they are made again.
    let ended = other.pipe(&["run", "stage:pretrain"]).code(0);
    assert!(
        ended.stderr.contains("5 jobs: 0 cached, 5 run"),
        "{}",
        ended.stderr
    );
    let folder = ended
        .stdout
        .split("  ")
        .next()
        .expect("a folder")
        .to_owned();
    assert!(fs::metadata(folder).expect("a folder").is_dir());
    let ended = other.pipe(&["run", "table:weights"]).code(0);
    assert!(ended.stderr.contains("5 cached, 1 run"), "{}", ended.stderr);
    assert_eq!(ended.stdout, kilobytes);
    // The result is like any other now.
    other
        .pipe(&["export", "stage:pretrain", "-o", "whole.tar"])
        .code(0);
    let why = other.pipe(&["why", "stage:pretrain"]).code(0).stdout;
    assert!(why.contains("cached") && !why.contains("imported"), "{why}");
    other.pipe(&["verify"]).code(0);
    other
        .pipe(&["run", "table:training"])
        .code(0)
        .says("all 7 jobs cached");

    // Another store does the same in one run, and ends with the same files.
    let third = Project::beyond_tokens(PIPELINE);
    third.pipe(&["import", &thin]).code(0);
    let ended = third
        .pipe(&["run", "table:weights", "--set", "times=2"])
        .code(0)
        .says("pretrain: to run again: its files are not here: imported from thin.tar");
    assert!(
        ended.stderr.contains("6 jobs: 0 cached, 6 run"),
        "{}",
        ended.stderr
    );
    assert_eq!(artifacts(&third), artifacts(&other));
}

/// Returns the artifacts behind the encoder.
fn artifacts(project: &Project) -> Vec<String> {
    let run = project.pipe(&["run", "stage:pretrain", "--json"]).code(0);
    let run = run.json();
    let jobs = run["jobs"].as_array().expect("jobs").iter();
    jobs.map(|job| job["artifact"].to_string()).collect()
}

#[test]
fn what_is_damaged_is_not_elsewhere_and_what_is_elsewhere_not_damaged() {
    let (_project, whole, thin) = made();
    let other = Project::beyond_tokens(PIPELINE);
    other.pipe(&["import", &thin]).code(0);
    // A light file that is lost counts as damage, and so does a lost mark.
    let object = other.files(".pipe/objects")[0].clone();
    let mark = other.files(".pipe/away")[0].clone();
    let kept = [&object, &mark].map(|path| fs::read(path).expect("read"));
    for path in [&object, &mark] {
        fs::remove_file(path).expect("removed");
    }
    other.pipe(&["verify"]).code(12).says("is missing");
    // The import takes in what is missing, and nothing else.
    let told = other.pipe(&["import", &thin]).code(0).stdout;
    assert!(!told.starts_with("0 results"), "{told}");
    assert_eq!(fs::read(&object).expect("read"), kept[0]);
    assert_eq!(fs::read(&mark).expect("read"), kept[1]);
    other.pipe(&["verify"]).code(0);

    // A whole archive fills in what is missing; then a lost object is damage again.
    let told = other.pipe(&["import", &whole]).code(0).stdout;
    assert!(
        told.starts_with("6 results taken in, 1 there already"),
        "{told}"
    );
    assert!(!told.contains("without their weight"), "{told}");
    let verified = other.pipe(&["verify"]).code(0).stdout;
    assert!(!verified.contains("without their weight"), "{verified}");
    assert!(other.files_if_any(".pipe/away").is_empty());
    other
        .pipe(&["export", "table:training", "-o", "whole.tar"])
        .code(0);
    // A thin archive over a whole store changes nothing.
    let before = other.files(".pipe/objects");
    let told = other.pipe(&["import", &thin]).code(0).stdout;
    assert!(
        told.starts_with("0 results taken in, 7 there already"),
        "{told}"
    );
    assert!(!told.contains("without their weight"), "{told}");
    assert_eq!(other.files(".pipe/objects"), before);
    let largest = before
        .iter()
        .max_by_key(|path| fs::metadata(path).expect("size").len());
    fs::remove_file(largest.expect("an object")).expect("removed");
    other.pipe(&["verify"]).code(12).says("is missing");
}

/// A job that makes other bytes here than its known result has fails, and the known result stays.
#[test]
fn what_is_made_again_must_be_what_it_was() {
    const DICE: &str = r#"
[stage.dice]
use = "command"
shell = "head -c 16 /dev/urandom > {output}/noise"
outputs = ["noise"]

[stage.read]
use = "command"
shell = "wc -c < {noise}/noise > {output}/length"
inputs = { noise = "@dice" }

[profile.plain]
default = true
"#;
    let project = Project::with(DICE);
    project.pipe(&["run", "stage:dice"]).code(0);
    project
        .pipe(&["export", "stage:dice", "-o", "thin.tar", "--scores"])
        .code(0);
    let thin = project.join("thin.tar");
    let other = Project::with(DICE);
    other
        .pipe(&["import", thin.to_str().expect("UTF-8")])
        .code(0);
    let record = other.files(".pipe/records")[0].clone();
    let before = fs::read(&record).expect("read");
    other
        .pipe(&["run", "stage:read"])
        .code(12)
        .says("dice: its result is not what it makes here: noise (artifact ")
        .says("the known result stays, imported from thin.tar");
    assert_eq!(fs::read(&record).expect("read"), before);
    other.pipe(&["verify"]).code(0);
}

#[test]
fn an_archive_that_claims_what_is_not_so_is_refused_or_takes_nothing_away() {
    let (project, _, thin) = made();
    let bytes = fs::read(&thin).expect("read");
    let text = String::from_utf8_lossy(&bytes[..512]).into_owned();
    assert!(text.starts_with("index-"));
    let size = u64::from_str_radix(&text[124..135], 8).expect("a size") as usize;
    let index: Value = serde_json::from_slice(&bytes[512..512 + size]).expect("an index");
    let rest = &bytes[512 + size.div_ceil(512) * 512..];
    let forge = |change: &dyn Fn(&mut Value)| {
        let mut index = index.clone();
        change(&mut index);
        let text = index.to_string().into_bytes();
        let name = format!("index-{}.json", blake3::hash(&text).to_hex());
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(text.len() as u64);
        header.set_mode(0o444);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        let mut archive = header.as_bytes().to_vec();
        archive.extend(&text);
        archive.resize(archive.len().div_ceil(512) * 512, 0);
        archive.extend(rest);
        fs::write(project.join("forged.tar"), archive).expect("written");
        project.pipe(&["import", "forged.tar", "--store", "new"])
    };
    forge(&|_| {}).code(0);
    fs::remove_dir_all(project.join("new")).expect("removed");
    let away = |index: &mut Value| index["away"].as_array_mut().expect("a list").clone();
    let object = |index: &Value| {
        let members = index["members"].as_array().expect("a list").iter();
        let mut objects = members.filter(|member| {
            member["path"]
                .as_str()
                .expect("a path")
                .starts_with("objects/")
        });
        objects.next().expect("an object").clone()
    };
    forge(&|index| drop(index["away"].as_array_mut().expect("a list").pop()))
        .code(2)
        .says("does not come before it");
    forge(&|index| index["away"][0]["size"] = json!(1))
        .code(2)
        .says("does not come before it");
    forge(&|index| {
        let mut list = away(index);
        list.reverse();
        index["away"] = json!(list);
    })
    .code(2)
    .says("not in order");
    forge(&|index| {
        let mut list = away(index);
        let digest = "f".repeat(64);
        list.push(json!({ "digest": digest, "size": 1 }));
        index["away"] = json!(list);
    })
    .code(2)
    .says("it leaves out what no result of it has");
    forge(&|index| {
        let member = object(index);
        let mut list = away(index);
        list.push(json!({ "digest": member["digest"], "size": member["size"] }));
        list.sort_by_key(|one| one["digest"].to_string());
        index["away"] = json!(list);
    })
    .code(2)
    .says("it is there, and said to be left out");
    assert!(!project.join("new").exists());
    // An object that is here stays here, whatever an archive claims.
    let before = project.files(".pipe/objects");
    project.pipe(&["import", &thin]).code(0);
    assert_eq!(project.files(".pipe/objects"), before);
    assert!(project.files_if_any(".pipe/away").is_empty());
    project.pipe(&["verify"]).code(0);
}

/// An import that is killed at any instant leaves a whole store, and the same import goes on.
#[test]
fn an_import_of_a_thin_archive_may_be_killed() {
    let (project, _, thin) = made();
    let table = project.pipe(&["show", "table:training"]).code(0).stdout;
    let other = Project::beyond_tokens(PIPELINE);
    for milliseconds in [1, 2, 4, 6, 8, 10, 13, 16, 20, 25, 30, 40] {
        let mut import: Command = other.command(&["import", &thin]);
        let mut import = import
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        thread::sleep(Duration::from_millis(milliseconds));
        let _ = import.kill();
        import.wait().expect("ended");
        other.pipe(&["verify"]).code(0);
        let before = other.files_if_any(".pipe/records").len();
        if milliseconds < 20 && before > 0 && before < 7 {
            // Half of the archive is taken in: what is known is whole, and the rest would run.
            other.pipe(&["plan", "table:training"]).code(0);
        }
        if before < 7 {
            let _ = fs::remove_dir_all(other.join(".pipe/caches"));
        }
    }
    other.pipe(&["import", &thin]).code(0);
    assert_eq!(other.pipe(&["run", "table:training"]).code(0).stdout, table);
    other.pipe(&["verify"]).code(0);
}

/// The results that are elsewhere rest on a corpus that is not here. They cannot be made again, which is reported before
/// anything runs.
#[test]
fn what_cannot_be_made_again_is_told_with_what_it_would_need() {
    const COUNT: &str = r#"
[vars]
times = 1

[stage.corpus]
use = "corpus"
source = "data/corpus"

[stage.count]
use = "command"
shell = "ls {c} | wc -l > {output}/count; echo {{}} > {output}/$TIMES"
env = { TIMES = "${times}" }
inputs = { c = "@corpus" }

[profile.plain]
default = true
"#;
    let project = Project::with(COUNT);
    let text = "the cat sat on the mat\n\n".repeat(50_000);
    project.write("data/corpus/a.txt", &text);
    project.pipe(&["run", "stage:count"]).code(0);
    project
        .pipe(&["export", "stage:count", "-o", "thin.tar", "--scores"])
        .code(0);
    let thin = project.join("thin.tar");
    let other = Project::with(COUNT);
    fs::remove_file(other.join("pipeline.toml")).expect("removed");
    other
        .pipe(&["import", thin.to_str().expect("UTF-8"), "--project", "."])
        .code(0);
    let why = other.pipe(&["why", "stage:count"]).code(0).stdout;
    assert!(why.contains("count: run: its files are not here"), "{why}");
    for asked in [
        &["run", "stage:count"][..],
        &["run", "stage:count", "--set", "times=2"],
    ] {
        other
            .pipe(asked)
            .code(2)
            .says("no such file or folder: data/corpus");
    }
    other
        .pipe(&["export", "stage:count", "-o", "again.tar", "--scores"])
        .code(0);
    assert!(
        fs::read(other.join("again.tar")).expect("read") == fs::read(&thin).expect("read"),
        "the same bytes"
    );
    // With the corpus at hand they can be made.
    other.write("data/corpus/a.txt", &text);
    other
        .pipe(&["run", "stage:count"])
        .code(0)
        .says("2 jobs: 0 cached, 2 run");
}
