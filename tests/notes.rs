//! What stages note of their results reaches whoever reads them.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::Project;

/// A corpus that leaves a document out, and a benchmark that leaves a short row out; tables rest on both in different ways.
const PIPELINE: &str = r#"
[vars]
task = "qqp"
min = 20

[stage.corpus]
use = "corpus"
source = "text"
min_characters = "${min}"

[stage.tokenizer]
use = "tokenizer"
corpus = "@corpus"
vocab_size = 60

[stage.benchmark]
use = "benchmarks"
source = "glue"
task = "${task}"

[stage.majority]
use = "majority"
data = "@benchmark"

[table.tasks]
rows = [{ label = "majority", cell = "@majority" }]
columns = [{ label = "QQP", task = "qqp" }, { label = "SST-2", task = "sst2" }]

[table.clean]
rows = [{ label = "majority", cell = "@majority" }]
columns = [{ label = "SST-2", task = "sst2" }]

[profile.plain]
default = true
"#;

const SHORT: &str = "QQP/train.tsv: 1 short row left out, as by GLUE's own loaders";
const LEFT_OUT: &str = "1 document of fewer than 20 characters left out";

fn project() -> Project {
    let project = Project::with(PIPELINE);
    let row = "0\t1\t2\tIs this one?\tIs that one?\t1\n";
    let header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n";
    project.write(
        "glue/QQP/train.tsv",
        &format!("{header}{row}1\t2\tshort\n{row}"),
    );
    project.write("glue/QQP/dev.tsv", &format!("{header}{row}"));
    for file in ["train", "dev"] {
        project.write(
            &format!("glue/SST-2/{file}.tsv"),
            "sentence\tlabel\ngood\t1\nbad\t0\ngreat\t1\n",
        );
    }
    project.write(
        "text/a.txt",
        "A document that is long enough to stay, and has some words.\n",
    );
    project.write("text/b.txt", "Short.\n");
    project
}

#[test]
fn a_note_is_told_by_the_run_and_wherever_its_table_is_shown() {
    let project = project();
    let footnote = format!("[1] benchmark: {SHORT}\n");
    let label = "stage:benchmark";

    let told = format!("noted:\n  benchmark: {SHORT}\n");
    let first = project.pipe(&["run", "table:tasks"]).code(0).says(&told);
    // The column that the note concerns is marked.
    assert!(first.stdout.contains("QQP [1]"), "{}", first.stdout);
    assert!(first.stdout.contains(&footnote), "{}", first.stdout);

    // No job runs, so the run has nothing new to tell, and the table tells the note all the same.
    let again = project.pipe(&["run", "table:tasks"]).code(0);
    assert!(again.stderr.contains("cached"), "{}", again.stderr);
    assert!(!again.stderr.contains("noted"), "{}", again.stderr);
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(project.pipe(&["show", "table:tasks"]).stdout, first.stdout);
    // The note is told without the caches as well.
    fs::remove_dir_all(project.join(".pipe/caches")).expect("removed");
    assert_eq!(project.pipe(&["show", "table:tasks"]).stdout, first.stdout);

    // A table that does not rest on the benchmark does not tell its note.
    let clean = project.pipe(&["run", "table:clean"]).code(0);
    assert!(!clean.stdout.contains("short"), "{}", clean.stdout);

    for arguments in [
        &["show", "table:tasks", "--cell", "QQP"][..],
        &["why", label],
        &["log", label],
    ] {
        let told = project.pipe(arguments).code(0).stdout;
        assert!(told.contains(&format!("noted: {SHORT}\n")), "{told}");
    }
    // For a stage that is asked for the note is told whether the job ran or not.
    for _ in 0..2 {
        project.pipe(&["run", label]).code(0).says(SHORT);
    }
    let quiet = project.pipe(&["run", label, "--quiet"]).code(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn notes_are_in_json_in_the_files_of_a_table_and_in_an_archive() {
    let project = project();
    let ran = project
        .pipe(&["run", "table:tasks", "--json"])
        .code(0)
        .json();
    let note = json!([{ "message": SHORT }]);
    let of = |jobs: &Value| -> Vec<Value> {
        let jobs = jobs.as_array().expect("jobs").iter();
        jobs.filter_map(|job| job.get("notes").cloned()).collect()
    };
    assert_eq!(of(&ran["jobs"]), std::slice::from_ref(&note));
    let table = &ran["tables"][0];
    assert_eq!(table["noted_by_stages"][0]["message"], json!(SHORT));
    assert_eq!(table["rows"][0]["cells"][0]["noted_by_stages"], json!([0]));
    assert_eq!(table["rows"][0]["cells"][1]["noted_by_stages"], json!([]));
    let label = table["noted_by_stages"][0]["jobs"][0].as_str();
    let label = label.expect("a label").to_owned();

    let read = |path: &str| fs::read_to_string(project.join(path)).expect("written");
    let provenance: Value =
        serde_json::from_str(&read("results/plain/tasks.provenance.json")).expect("JSON");
    assert_eq!(provenance["jobs"][&label]["notes"], note);
    assert!(read("results/plain/tasks.md").contains(SHORT));
    let csv = read("results/plain/tasks.csv");
    let lines: Vec<_> = csv.lines().filter(|line| line.contains(SHORT)).collect();
    assert_eq!(lines.len(), 1, "{csv}");

    let target = "stage:benchmark";
    let why = project.pipe(&["why", target, "--json"]).code(0).json();
    assert_eq!(why["jobs"][0]["notes"], note);
    let log = project.pipe(&["log", target, "--json"]).code(0).json();
    assert_eq!(log["logs"][0]["notes"], note);
    let log = project.pipe(&["log", "last"]).code(0).stdout;
    assert!(log.contains(SHORT), "{log}");

    // Whoever imports the results is told as well.
    let shown = project.pipe(&["show", "table:tasks"]).code(0).stdout;
    project
        .pipe(&["export", "table:tasks", "-o", "tasks.tar"])
        .code(0);
    fs::remove_dir_all(project.join(".pipe")).expect("removed");
    project.pipe(&["import", "tasks.tar"]).code(0);
    assert_eq!(project.pipe(&["show", "table:tasks"]).stdout, shown);
}

#[test]
fn the_same_data_elsewhere_gives_the_same_tables() {
    let one = project();
    one.pipe(&["run", "table:tasks"]).code(0);
    let other = project();
    fs::rename(other.join("glue"), other.join("data")).expect("moved");
    other.edit("source = \"glue\"", "source = \"data\"");
    other.pipe(&["run", "table:tasks"]).code(0);
    for file in ["tasks.md", "tasks.csv", "tasks.parquet", "digests.json"] {
        let read = |project: &Project| fs::read(project.join(&format!("results/plain/{file}")));
        assert_eq!(read(&one).expect(file), read(&other).expect(file), "{file}");
    }
}

#[test]
fn what_is_always_so_is_no_note_and_what_was_asked_for_is() {
    let project = project();
    project
        .pipe(&["run", "stage:tokenizer"])
        .code(0)
        .says(&format!("corpus: {LEFT_OUT}"));
    // Empty documents are no loss, so nothing is noted.
    let all = project.pipe(&["run", "stage:corpus", "--set", "min=1"]);
    let all = all.code(0);
    assert!(!all.stderr.contains("noted"), "{}", all.stderr);
}

#[test]
fn missing_parts_of_a_set_are_told_below_its_score() {
    let project = Project::beyond_tokens(
        r#"
[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 0
batch = 8

[stage.pairs]
use = "benchmarks"
source = "sts"
task = "sts"

[stage.embed]
use = "embed"
encoder = "@pretrain"
data = "@pairs"
max_length = 6

[stage.sts]
use = "sts"
embeddings = "@embed"
data = "@pairs"

[table.sts]
cell = "@sts"
rows = { label = "encoder" }
columns = [{ label = "STS12", metric = "sts12" }]
"#,
    );
    let pairs = "A man is playing a long guitar solo.\tA man plays.\nA dog.\tA cat.\nOne.\tTwo.\n";
    project.write("sts/STS/STS12-en-test/STS.input.MSRpar.txt", pairs);
    project.write("sts/STS/STS12-en-test/STS.gs.MSRpar.txt", "5\n1\n0\n");
    let run = project.pipe(&["run", "table:sts"]).code(0);
    for text in [
        "pairs: STS12 has 1 of its 5 parts, without MSRvid, SMTeuroparl, surprise.OnWN, surprise.SMTnews: its score is not the official one",
        "embed: 3 of 6 sentences were cut to 6 tokens",
        "sts: the average is over 1 of the 7 STS sets: sts12",
    ] {
        assert!(run.stdout.contains(text), "{}", run.stdout);
        assert!(run.stderr.contains(text), "{}", run.stderr);
    }
    assert_eq!(project.pipe(&["show", "table:sts"]).stdout, run.stdout);
}

/// A mean over tasks whose metrics differ may be wanted, but the table says what it is.
#[test]
fn a_mean_of_different_scores_says_so() {
    let project = Project::new();
    project.edit(
        "[profile.plain]\n",
        r#"[table.average]
cell = "@bag-of-words"
over = { task = ["sst2", "stsb", "rte"] }
rows = [{ label = "bag of words" }]
columns = [{ label = "average" }, { label = "SST-2", task = "sst2" }]

[table.undefined]
cell = "@majority"
over = { task = ["stsb", "sst2", "rte"] }
rows = [{ label = "majority" }]
columns = [{ label = "all" }]

[profile.plain]
"#,
    );
    let shown = project
        .pipe(&["run", "table:average", "table:undefined"])
        .code(0)
        .stdout;
    let told = "the mean of different scores: 2 of accuracy in %, 1 of spearman in x 100; `metric` names one";
    assert!(shown.contains(&format!("[1] {told}\n")), "{shown}");
    let row = shown
        .lines()
        .find(|line| line.starts_with(" bag of words"))
        .expect("a row");
    assert_eq!(row.matches("[1]").count(), 1, "{shown}");
    let cell = project
        .pipe(&["show", "table:average", "--cell", "average"])
        .code(0)
        .stdout;
    assert!(cell.contains(told), "{cell}");
    let read = |name: &str| {
        fs::read_to_string(project.join(&format!("results/plain/{name}.csv"))).expect("a table")
    };
    assert!(read("average").contains(told), "{}", read("average"));

    // The other scores keep their names, though one score is undefined.
    let table = read("undefined");
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    let at = |name: &str| {
        lines[0]
            .iter()
            .position(|column| *column == name)
            .expect(name)
    };
    let (task, value) = (at("task"), at("value"));
    let rows: Vec<(&str, &str)> = lines[1..]
        .iter()
        .map(|row| (row[task], row[value]))
        .collect();
    assert_eq!(rows, [("sst2", "50.0"), ("rte", "50.0")], "{table}");
}
