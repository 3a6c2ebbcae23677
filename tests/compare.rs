//! Whether rows of tables differ: `pipe compare`, marks in tables, `pipe claims`, and what they make of predictions that programs of
//! others have written.

mod support;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use insta::assert_snapshot;
use parquet::arrow::ArrowWriter;
use support::Project;

/// A row's runs are files that the test has written: `METHOD-SEED.json` and `METHOD-SEED.parquet`.
const PIPELINE: &str = r#"
[vars]
method = "plain"
seed = 0

[stage.score]
use = "command"
shell = '''cp {runs}/${method}-${seed}.json {output}/scores.json
if [ -e {runs}/${method}-${seed}.parquet ]; then cp {runs}/${method}-${seed}.parquet {output}/predictions.parquet; fi'''
inputs = { runs = "runs" }
makes = "scores"

[table.methods]
title = "Methods"
claims = "claims.toml"
cell = "@score"
over = { seed = [0, 1, 2, 3] }
compare = { to = "plain", draws = 1000 }
rows = { label = "${method}", method = ["plain", "better", "alike", "other", "bare", "broken"] }
columns = [{ label = "accuracy" }, { label = "loss", metric = "loss", compare = false }]

[profile.plain]
default = true
"#;

const CLAIMS: &str = r#"
schema = 1
[[claim]]
id = "better"
says = "The better method is better"
row = { method = "better" }
than = { method = "plain" }
source = "a paper, section 3"
confidence = "published"

[[claim]]
id = "worse"
says = "The plain method is better than both"
row = "plain"
than = ["better", { method = "alike" }]
source = "a talk"
confidence = "memory"

[[claim]]
id = "as good"
says = "The other method is nearly as good"
row = "alike"
than = "plain"
relation = "not worse"
margin = 60
columns = ["accuracy", "speed"]
source = "a paper"
confidence = "published"

[[claim]]
id = "absent"
says = "A method that nobody has is better"
row = { method = "magic" }
than = "plain"
source = "a paper"
confidence = "published"
"#;

/// Writes a run: how many of a hundred examples are right, beginning with the example `first`.
fn run(project: &Project, name: &str, first: usize, right: usize, prefix: &str, predictions: bool) {
    let names: Vec<String> = (0..100)
        .map(|place| format!("{prefix}{place:02}"))
        .collect();
    let labels = vec![1.0; 100];
    let is_right = |place: usize| (place + 100 - first) % 100 < right;
    let predicted: Vec<f64> = (0..100)
        .map(|place| f64::from(u8::from(is_right(place))))
        .collect();
    let loss: Vec<f64> = predicted.iter().map(|right| 1.5 - right).collect();
    let mean = loss.iter().sum::<f64>() / 100.0;
    let text = format!(r#"{{"accuracy": {right}, "loss": {mean}, "main": "accuracy"}}"#);
    project.write(&format!("runs/{name}.json"), &text);
    if predictions {
        let columns: [(&str, ArrayRef); 4] = [
            ("example", Arc::new(StringArray::from(names))),
            ("label", Arc::new(Float64Array::from(labels))),
            ("prediction", Arc::new(Float64Array::from(predicted))),
            ("loss", Arc::new(Float64Array::from(loss))),
        ];
        write(&project.join(&format!("runs/{name}.parquet")), columns);
    }
}

fn write<const N: usize>(path: &Path, columns: [(&str, ArrayRef); N]) {
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let file = std::fs::File::create(path).expect("made");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
}

fn methods() -> Project {
    let project = Project::with(PIPELINE);
    project.write("claims.toml", CLAIMS);
    for (seed, wobble) in [0, 2, 1, 3].into_iter().enumerate() {
        run(&project, &format!("plain-{seed}"), 0, 50 + wobble, "", true);
        run(
            &project,
            &format!("better-{seed}"),
            0,
            75 + 2 * wobble,
            "",
            true,
        );
        run(&project, &format!("alike-{seed}"), 5, 53 - wobble, "", true);
        run(
            &project,
            &format!("other-{seed}"),
            0,
            60 + wobble,
            "x",
            true,
        );
        run(
            &project,
            &format!("bare-{seed}"),
            0,
            20 + 2 * wobble,
            "",
            false,
        );
        run(
            &project,
            &format!("broken-{seed}"),
            0,
            30 + wobble,
            "",
            true,
        );
    }
    // The score and the predictions of this run disagree.
    project.write(
        "runs/broken-2.json",
        r#"{"accuracy": 40, "loss": 1.2, "main": "accuracy"}"#,
    );
    project
}

#[test]
fn rows_are_compared_marked_and_claimed() {
    let project = methods();
    let table = project.pipe(&["run", "all"]).code(0).stdout;
    assert_snapshot!(table);
    let read = |file: &str| {
        std::fs::read_to_string(project.join("results/plain").join(file)).expect("a file")
    };
    assert_snapshot!(read("methods.comparisons.csv"));
    assert!(read("digests.json").contains("methods.comparisons.parquet"));
    assert_snapshot!(project.pipe(&["compare", "table:methods"]).code(0).stdout);
    assert_snapshot!(project.pipe(&["claims"]).code(0).stdout);
    // What was compared is known to the store, and comes out alike when it is not.
    let known = project
        .pipe(&["compare", "table:methods", "--json"])
        .code(0)
        .stdout;
    std::fs::remove_dir_all(project.join(".pipe/caches")).expect("removed");
    let anew = project
        .command(&["compare", "table:methods", "--json"])
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .expect("run");
    assert_eq!(String::from_utf8_lossy(&anew.stdout), known);
    assert_eq!(project.pipe(&["show", "all"]).code(0).stdout, table);
}

#[test]
fn two_rows_are_compared_in_numbers() {
    let project = methods();
    project.pipe(&["run", "all"]).code(0);
    let compare = |more: &[&str]| {
        let arguments = [
            &["compare", "table:methods", "plain", "method=alike"][..],
            more,
        ]
        .concat();
        project.pipe(&arguments).code(0)
    };
    assert_snapshot!(compare(&["--power"]).stdout);
    let json = compare(&["--json", "--power=2.5"]).json();
    let line = &json["comparisons"][0];
    assert_eq!(line["difference"], -0.0 + 51.5 - 51.5);
    assert_eq!(line["seeds"], serde_json::json!([4, 4]));
    assert_eq!(line["of"], "procedures");
    assert_eq!(line["power"]["difference"], 2.5);
    // The other way round, all signs change.
    let there = project.pipe(&["compare", "table:methods", "plain", "better", "--json"]);
    let back = project.pipe(&["compare", "table:methods", "better", "plain", "--json"]);
    let (there, back) = (there.code(0).json(), back.code(0).json());
    let verdict = |json: &serde_json::Value| json["comparisons"][0]["verdict"].clone();
    assert_eq!(
        (verdict(&there), verdict(&back)),
        ("better".into(), "worse".into())
    );
}

#[test]
fn what_cannot_be_compared_says_why() {
    let project = methods();
    let told = |arguments: &[&str]| {
        let all = [&["compare"][..], arguments].concat();
        let ended = project.pipe(&all).code(2);
        ended.stderr
    };
    let all = [
        told(&["table:methods", "method=plian"]),
        told(&["table:methods", "plain", "plain"]),
        told(&["table:method"]),
        told(&["stage:score"]),
        told(&["table:methods", "plain", "better", "--power=0"]),
    ];
    assert_snapshot!(all.join("\n"));
    // Nothing has run yet.
    let text = project.pipe(&["compare", "table:methods"]).code(0).stdout;
    assert!(
        text.contains("accuracy: not compared: not run yet"),
        "{text}"
    );
    let claims = project.pipe(&["claims", "table:methods"]).code(0).stdout;
    assert!(claims.contains("not run: not run yet"), "{claims}");
}

#[test]
fn claims_that_cannot_be_read_name_file_and_line() {
    let project = methods();
    project.write(
        "claims.toml",
        &CLAIMS.replace("says = \"The better", "said = \"The better"),
    );
    project
        .pipe(&["claims"])
        .code(2)
        .says("claims.toml:5: unknown field `said`");
    project.write("claims.toml", &CLAIMS.replace("margin = 60", "margin = 0"));
    project
        .pipe(&["run", "all"])
        .code(2)
        .says("needs a margin above 0");
    project.write(
        "pipeline.toml",
        &PIPELINE.replace("claims = \"claims.toml\"\n", ""),
    );
    project
        .pipe(&["claims"])
        .code(2)
        .says("no claims are made on these tables");
}

#[test]
fn a_thin_archive_is_compared_like_the_store_that_it_is_of() {
    let project = methods();
    project.pipe(&["run", "all"]).code(0);
    let compared = project.pipe(&["compare", "table:methods"]).code(0).stdout;
    let claims = project.pipe(&["claims"]).code(0).stdout;
    project
        .pipe(&["export", "all", "-o", "a.tar", "--scores"])
        .code(0);
    let archive = project.join("a.tar");
    let archive = archive.to_str().expect("UTF-8");
    let other = Project::with("");
    other
        .pipe(&["import", archive, "--project", "copy"])
        .code(0);
    let copy = other.join("copy");
    let told = |arguments: &[&str]| {
        let mut command = other.command(arguments);
        let ended = command.current_dir(&copy).output().expect("run");
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    assert_eq!(told(&["compare", "table:methods"]), compared);
    assert_eq!(told(&["claims"]), claims);
}
