//! What `pipe gc` and `pin` promise, seen from outside.

mod support;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use support::{EVERYTHING, Ended, Project};

/// A job that no table reaches, and what it is called.
const EXTRA: [&str; 4] = ["run", "stage:tokens", "--set", "length=16"];

fn json(project: &Project, arguments: &[&str]) -> serde_json::Value {
    project
        .pipe(&[arguments, &["--json"]].concat())
        .code(0)
        .json()
}

/// Returns the labels of results that stay, or go, with the reasons.
fn results(report: &serde_json::Value, stay: bool) -> Vec<(String, String)> {
    let results = report["results"].as_array().expect("results").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let mut found: Vec<_> = results
        .filter(|result| result["stays"] == stay)
        .map(|result| (text(&result["label"]), text(&result["reason"])))
        .collect();
    found.sort();
    found
}

#[test]
fn what_no_table_reaches_goes_and_the_rest_is_still_cached() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    let whole = project.files(".pipe/objects");
    let report = json(&project, &["gc"]);
    assert_eq!(results(&report, false), []);
    assert_eq!(report["removed"], serde_json::json!({}));
    project.pipe(&EXTRA).code(0);
    project
        .pipe(&["run", "stage:benchmark", "--set", "world_seed=3"])
        .code(0);

    // A result for which somebody set a value recently is kept.
    let report = json(&project, &["gc", "--dry-run"]);
    assert_eq!(results(&report, false), []);
    let kept = results(&report, true);
    let short = kept.iter().find(|(label, _)| label == "tokens[length=16]");
    let reason = &short.expect("kept").1;
    assert!(
        reason.starts_with("run 20")
            && reason.ends_with(" (stage:tokens --profile plain --set length=16) made or used it"),
        "{reason}"
    );
    let ended = project.pipe(&["gc"]).code(0);
    assert!(
        ended.stdout.contains("3 of these stay since runs of the last 30 d 0 h with --set or values in brackets made or used them"),
        "{}",
        ended.stdout
    );
    project.pipe(&EXTRA).code(0).says("cached");

    // A dry run removes nothing.
    let before = project.files(".pipe");
    let report = json(&project, &["gc", "--recent", "0s", "--dry-run"]);
    assert_eq!(project.files(".pipe"), before);
    let gone = results(&report, false);
    let labels: Vec<&str> = gone.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "benchmark[world_seed=3]",
            "tokens[length=16]",
            "world[world_seed=3]"
        ]
    );
    assert_eq!(gone[1].1, "no table reaches it");
    assert_eq!(report["removed"]["record"]["count"], 3);

    let ended = project.pipe(&["gc", "--recent", "0s", "--dry-run"]).code(0);
    assert!(
        ended.stdout.contains("would remove 3 records"),
        "{}",
        ended.stdout
    );
    let ended = project.pipe(&["gc", "--recent", "0s"]).code(0);
    assert!(
        ended
            .stdout
            .contains("tokens[length=16]: no table reaches it ("),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("3 results that cost 0.0"),
        "{}",
        ended.stdout
    );
    assert_eq!(project.files(".pipe/objects"), whole);
    project.pipe(&["verify"]).code(0);
    project.is_all_cached();
    assert_eq!(results(&json(&project, &["gc"]), false), []);
}

#[test]
fn what_the_sweep_may_cost_is_bounded_and_said() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    project.pipe(&EXTRA).code(0);
    let ended = project
        .pipe(&["gc", "--recent", "0s", "--max-cost", "0s"])
        .code(0);
    assert!(
        ended
            .stdout
            .contains("stay: 1 result that no table reaches"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("--max-cost any"), "{}", ended.stdout);
    project.pipe(&EXTRA).code(0).says("cached");
    project
        .pipe(&["gc", "--recent", "0s", "--max-cost", "any"])
        .code(0);
    assert_eq!(project.files(".pipe/records").len(), 13);
    project
        .pipe(&["gc", "--max-cost", "soon"])
        .code(2)
        .says("or `any`");
}

#[test]
fn results_of_changed_tables_and_changed_inputs_go_with_their_reasons() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    project.edit("{ label = \"MNLI\", task = \"mnli\" },", "");
    let report = json(&project, &["gc", "--dry-run"]);
    let gone = results(&report, false);
    let labels: Vec<&str> = gone.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "bag-of-words[task=mnli]",
            "benchmark[task=mnli]",
            "majority[task=mnli]"
        ]
    );
    assert!(
        gone.iter()
            .all(|(_, reason)| reason == "no table reaches it"),
        "{gone:?}"
    );
    project.edit("world_seed = 0", "world_seed = 1");
    project.pipe(&EVERYTHING).code(0);
    let gone = results(&json(&project, &["gc"]), false);
    let reason = |label: &str| {
        let found = gone.iter().find(|(known, _)| known == label);
        found.map(|(_, reason)| reason.as_str())
    };
    assert_eq!(reason("world"), Some("no table reaches it"));
    assert_eq!(reason("tokenizer"), Some("an input has changed since"));
    project.pipe(&EVERYTHING).code(0).says("all 10 jobs cached");
}

#[test]
fn pinned_results_stay_whatever_the_pipeline_says() {
    let project = Project::new();
    project
        .pipe(&["pin", "all"])
        .code(2)
        .says("no result yet")
        .says("pipe run all");
    project.pipe(&EVERYTHING).code(0);
    project.pipe(&EXTRA).code(0);
    let pin = [
        &["pin"],
        &EXTRA[1..],
        &["--as", "short", "--note", "for the appendix"],
    ]
    .concat();
    project.pipe(&pin).code(0);
    project.pipe(&pin).code(0);
    let shown = project.pipe(&["pin"]).code(0).stdout;
    assert!(
        shown.starts_with("short  stage:tokens under profile plain, length=16: 4 results, "),
        "{shown}"
    );
    assert!(shown.ends_with(" (for the appendix)\n"), "{shown}");
    project
        .pipe(&["pin", "all", "--as", "short"])
        .code(2)
        .says("there is a pin `short` already");
    project
        .pipe(&["pin", "all", "--as", "../x"])
        .code(2)
        .says("cannot be called");
    project.pipe(&["pin", "table:baselines"]).code(0);
    let text = fs::read_to_string(project.join("pipeline.toml")).expect("read");
    let start = text.find("[table.baselines]").expect("a table");
    let end = text.find("[profile.plain]").expect("a profile");
    project.write(
        "pipeline.toml",
        &format!("{}{}", &text[..start], &text[end..]),
    );
    project.edit("seed = \"${world_seed}\"", "seed = 77");

    let report = json(&project, &["gc", "--recent", "0s", "--max-cost", "any"]);
    let kept = results(&report, true);
    let pinned = |label: &str| {
        kept.iter()
            .any(|(known, why)| known == label && why.starts_with("pinned as "))
    };
    assert!(
        pinned("tokens[length=16]") && pinned("majority[task=qnli]") && pinned("world"),
        "{kept:?}"
    );
    project.write("pipeline.toml", &text);
    project.pipe(&EXTRA).code(0).says("all 4 jobs cached");
    project
        .pipe(&["run", "table:baselines"])
        .code(0)
        .says("cached");
    project.pipe(&["verify"]).code(0);

    project
        .pipe(&["unpin", "long"])
        .code(2)
        .says("there are short, table-baselines");
    project.pipe(&["unpin", "short", "table-baselines"]).code(0);
    let report = json(&project, &["gc", "--recent", "0s"]);
    assert_eq!(results(&report, false)[0].0, "tokens[length=16]");
    // A pin that cannot be read ends the command.
    project.write(".pipe/pins/half.json", "{");
    project.pipe(&["gc"]).code(12).says("half.json: not a pin");
    project
        .pipe(&["verify"])
        .code(12)
        .says("half.json: not a pin");
    assert!(
        project.join(".pipe/pins/half.json").exists(),
        "it is not set aside"
    );
}

#[test]
fn what_may_still_hold_is_kept_until_its_inputs_are_known() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    // The corpus is lost, so it is not known whether the tokens still hold until it is made again.
    for record in project.files(".pipe/records") {
        if fs::read_to_string(&record)
            .expect("read")
            .contains("\"label\": \"corpus\"")
        {
            fs::remove_file(record).expect("removed");
        }
    }
    let report = json(&project, &["gc", "--recent", "0s", "--max-cost", "any"]);
    assert_eq!(results(&report, false), []);
    let kept = results(&report, true);
    let why = kept
        .iter()
        .find(|(label, _)| label == "tokens")
        .map(|(_, why)| why.as_str());
    assert_eq!(
        why,
        Some("profile plain may need it, once its inputs are made again")
    );
    project.pipe(&EVERYTHING).code(0).says("12 cached, 1 run");
}

#[test]
fn input_files_that_are_not_there_take_no_result_with_them() {
    let project = Project::with(
        "[stage.corpus]\nuse = \"corpus\"\nsource = \"texts\"\n\
         [stage.tokenizer]\nuse = \"tokenizer\"\ncorpus = \"@corpus\"\nvocab_size = 200\n",
    );
    let words = "the quick brown fox jumps over the lazy dog again and again\n";
    project.write("texts/a.txt", &words.repeat(50));
    project.pipe(&["run", "all"]).code(0);
    fs::rename(project.join("texts"), project.join("away")).expect("moved");
    let report = json(&project, &["gc", "--recent", "0s", "--max-cost", "any"]);
    assert_eq!(results(&report, false), []);
    fs::rename(project.join("away"), project.join("texts")).expect("moved");
    project
        .pipe(&["run", "all"])
        .code(0)
        .says("all 2 jobs cached");
    let ended = project.pipe(&["export", "all", "-o", "all.tar"]).code(0);
    assert!(
        ended.stdout.contains("with pipeline.toml, texts/a.txt\n"),
        "{}",
        ended.stdout
    );
}

#[test]
fn stopped_jobs_that_a_table_needs_keep_their_checkpoints() {
    let project = Project::training(4000);
    let mut child = project
        .command(&["run", "all", "-q"])
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let checkpoint = || {
        project
            .files_if_any(".pipe/work")
            .iter()
            .any(|path| path.to_string_lossy().contains("checkpoints/after-"))
    };
    while !checkpoint() {
        std::thread::sleep(Duration::from_millis(5));
        assert!(child.try_wait().expect("waited").is_none(), "it ended");
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    std::thread::sleep(Duration::from_millis(100));
    let ended = project
        .pipe(&["gc", "--recent", "0s", "--max-cost", "any"])
        .code(0);
    assert!(checkpoint(), "{}", ended.stdout);
    // No pipeline wants so many steps any more.
    project.edit("steps = 4000", "steps = 3");
    let ended = project
        .pipe(&["gc", "--recent", "0s", "--max-cost", "any"])
        .code(0);
    assert!(
        ended
            .stdout
            .contains("pretrain, half done: no table reaches it"),
        "{}",
        ended.stdout
    );
    assert!(project.files(".pipe/work").is_empty());
    project.pipe(&["run", "all"]).code(0).says("cached, 1 run");
}

/// Sweeps go on all the time while several runs make what no table reaches: every run ends well, with the right digests.
#[test]
fn sweeps_beside_runs_take_nothing_from_them() {
    let reference = Project::new();
    let set = ["--set", "world_seed=5", "--results", "results"];
    let run = [&EVERYTHING[..], &set].concat();
    reference.pipe(&run).code(0);
    let project = Project::new();
    // All keys of the pipeline itself are known, so no result of the runs below may turn out to be one that it needs.
    project.pipe(&EVERYTHING).code(0);
    for round in 0..2 {
        let runs: Vec<_> = (0..3)
            .map(|_| {
                let mut command = project.command(&run);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                command.spawn().expect("started")
            })
            .collect();
        let mut runs: Vec<_> = runs.into_iter().map(Some).collect();
        let mut sweeps = 0;
        while runs.iter().any(Option::is_some) {
            let ended = project
                .pipe(&["gc", "--recent", "0s", "--max-cost", "any", "-q"])
                .code(0);
            assert!(
                ended.stderr.is_empty() || ended.stderr.contains("no store yet"),
                "{}",
                ended.stderr
            );
            sweeps += 1;
            for run in &mut runs {
                let ended = run
                    .as_mut()
                    .is_some_and(|run| run.try_wait().expect("waited").is_some());
                if let Some(run) = run.take_if(|_| ended) {
                    Ended::from(run.wait_with_output().expect("ended")).code(0);
                }
            }
        }
        assert!(sweeps > 1, "{sweeps} sweeps only, round {round}");
        let [made, expected] = [&project, &reference]
            .map(|project| project.digests_in("results/plain/with-world_seed=5"));
        assert_eq!(made, expected);
        project.pipe(&["verify"]).code(0);
        project
            .pipe(&["gc", "--recent", "0s", "--max-cost", "any"])
            .code(0);
        assert_eq!(project.files(".pipe/records").len(), 13);
    }
}

#[test]
fn a_killed_sweep_leaves_a_store_that_is_whole() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    let digests = project.digests();
    for number in 0..8_u64 {
        let seed = format!("world_seed={}", 10 + number % 2);
        project
            .pipe(&["run", "stage:benchmark", "--set", &seed])
            .code(0);
        let mut child = project
            .command(&["gc", "--recent", "0s", "--max-cost", "any"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        std::thread::sleep(Duration::from_millis(3 + 6 * number));
        child.kill().expect("killed");
        child.wait().expect("ended");
        project.pipe(&["verify"]).code(0);
        project.is_all_cached();
        assert_eq!(project.digests(), digests);
    }
    project
        .pipe(&["gc", "--recent", "0s", "--max-cost", "any"])
        .code(0);
    let report = json(&project, &["gc"]);
    assert_eq!(report["removed"], serde_json::json!({}));
    assert_eq!(project.files(".pipe/records").len(), 13);
}

#[test]
fn what_nobody_names_goes_too() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    let hex = blake3::hash(b"left by a killed commit")
        .to_hex()
        .to_string();
    project.write(
        &format!(".pipe/objects/{}/{hex}", &hex[..2]),
        "left by a killed commit",
    );
    project.write(&format!(".pipe/logs/{hex}.txt"), "old");
    project.write(&format!(".pipe/listings/{hex}.json"), "{}");
    project.write(".pipe/folders/0123456789abcdef/file", "old");
    project.write(".pipe/records/note.txt", "not ours");
    let report = json(&project, &["gc"]);
    for kind in ["object", "log", "listing", "folder"] {
        assert_eq!(report["removed"][kind]["count"], 1, "{kind}: {report}");
    }
    assert!(project.join(".pipe/records/note.txt").exists());
    project.is_all_cached();
    // A record that cannot be read may name any result.
    project.write(&format!(".pipe/records/{hex}.json"), "{");
    project
        .pipe(&["gc"])
        .code(12)
        .says("the record cannot be read")
        .says("pipe verify");
    project.pipe(&["verify"]).code(12);
    project.pipe(&["gc"]).code(0);
}

#[test]
fn a_folder_that_cannot_be_removed_is_told_and_keeps_no_other() {
    let project = Project::with(
        "[vars]\nn = 9\n\n[stage.s]\nuse = \"command\"\nshell = \"echo ${n} > {output}/x; exit ${n}\"\n",
    );
    for n in 0..4 {
        let code = if n == 0 { 0 } else { 10 };
        let set = format!("n={n}");
        project.pipe(&["run", "stage:s", "--set", &set]).code(code);
    }
    let work = || -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(project.join(".pipe/work")).expect("listed");
        let mut all: Vec<_> = entries.map(|entry| entry.expect("read").path()).collect();
        all.sort();
        all
    };
    let closed = work().swap_remove(0);
    assert_eq!(work().len(), 3);
    // Permissions do not hold for root; a folder in the place of the lock file holds for everybody.
    fs::remove_file(closed.join("lock")).expect("removed");
    fs::create_dir(closed.join("lock")).expect("made");
    let sweep = ["gc", "--recent", "0s", "--max-cost", "any"];
    let left = format!("left {}: ", closed.display());
    project.pipe(&sweep).code(12).says(&left);
    assert_eq!(work(), std::slice::from_ref(&closed));
    assert!(project.files_if_any(".pipe/objects").is_empty());
    let report = project
        .pipe(&[&sweep[..], &["--json"]].concat())
        .code(12)
        .json();
    assert_eq!(report["left"][0]["path"], closed.display().to_string());
    fs::remove_dir(closed.join("lock")).expect("removed");
    project.pipe(&sweep).code(0);
    assert!(work().is_empty());
}
