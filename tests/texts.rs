//! Columns that show a text that a job made.

mod support;

use insta::assert_snapshot;
use support::Project;

const PIPELINE: &str = r#"
[vars]
method = "counts"
seed = 0

[stage.score]
use = "command"
argv = ["sh", "{script}", "{output}", "${method}", "${seed}"]
inputs = { script = "score.sh" }
makes = "scores"

[stage.plain]
use = "command"
argv = ["cp", "{plain}", "{output}/scores.json"]
inputs = { plain = "plain.json" }
makes = "scores"

[stage.folder]
use = "command"
argv = ["cp", "{texts}", "{output}/texts.json"]
inputs = { texts = "texts.json" }

[table.methods]
title = "Methods"
cell = "@score"
over = { seed = [1, 2] }
rows = { method = ["counts", "tf-idf"] }
columns = [
    { label = "features", shows = "features" },
    { label = "by", shows = "by" },
    { label = "accuracy" },
    { label = "elsewhere", shows = "features", cell = "@folder" },
]

[profile.plain]
default = true
"#;

const SCORE: &str = r#"
features=$2
if [ "$2$3" = tf-idf2 ]; then features=tf; fi
printf '{"accuracy": %s, "texts": {"features": "%s", "by": "Müller | Söhne"}}' "$3" "$features" > "$1/scores.json"
"#;

fn read(project: &Project, file: &str) -> String {
    std::fs::read_to_string(project.join("results/plain").join(file)).expect("a file")
}

fn methods() -> Project {
    let project = Project::with(PIPELINE);
    project.write("score.sh", SCORE);
    project.write("plain.json", r#"{"accuracy": 5}"#);
    project.write("texts.json", r#"{"features": "none"}"#);
    project
}

#[test]
fn a_column_shows_texts_in_every_form_of_a_table() {
    let project = methods();
    assert_snapshot!(project.pipe(&["run", "all"]).code(0).stdout);
    assert_snapshot!(read(&project, "methods.md"));
    assert_snapshot!(read(&project, "methods.csv"));
    let json = project
        .pipe(&["show", "table:methods", "--json"])
        .code(0)
        .json();
    let cells = &json["tables"][0]["rows"][1]["cells"];
    assert_eq!(cells[0]["texts"], serde_json::json!(["tf-idf", "tf"]));
    assert_eq!(cells[0]["mean"], serde_json::Value::Null);
    assert_eq!(cells[2]["values"], serde_json::json!([1.0, 2.0]));
    let cell = ["show", "table:methods", "--cell", "method=tf-idf,features"];
    let told = project.pipe(&cell).code(0).stdout;
    assert!(told.contains("\n  tf-idf, tf\n"), "{told}");
    let columns = read(&project, "methods.csv");
    assert!(
        columns
            .lines()
            .next()
            .expect("a heading")
            .ends_with(",text_value")
    );
    project
        .pipe(&["run", "all"])
        .code(0)
        .says("all 5 jobs cached");
}

#[test]
fn a_text_that_is_not_there_is_told_with_what_to_do() {
    let project = methods();
    project.edit("shows = \"features\"", "shows = \"feature\"");
    let told = project.pipe(&["run", "all"]).code(2);
    let told = told.says("no text `feature`").says("it has by, features");
    assert!(
        told.stdout.contains("no text `feature`, only by, features"),
        "{}",
        told.stdout
    );
    project.edit("cell = \"@score\"\nover", "cell = \"@plain\"\nover");
    project
        .pipe(&["run", "all"])
        .code(2)
        .says("what this stage makes has no texts")
        .says("have its program write {output}/texts.json");
}

#[test]
fn a_line_shows_one_thing() {
    let project = methods();
    project.edit(
        "shows = \"features\"",
        "shows = \"features\", metric = \"accuracy\"",
    );
    project
        .pipe(&["plan"])
        .code(2)
        .says("a line shows a text or a score, and not both")
        .says("leave out `metric` or `shows`");
    let project = methods();
    project.edit(
        "shows = \"features\"",
        "shows = \"features\", reference = \"mnli\"",
    );
    project
        .pipe(&["plan"])
        .code(2)
        .says("a column of texts has no published values");
}

#[test]
fn what_a_program_writes_as_texts_is_looked_at() {
    let project = methods();
    project.write("texts.json", "{\"features\": \"a\\nb\"}");
    // The file may be anything as long as nobody shows it.
    project.pipe(&["run", "stage:folder"]).code(0);
    project
        .pipe(&["run", "all"])
        .code(2)
        .says("the text `features` has more than one line")
        .says("texts of one line");
}

#[test]
fn texts_travel_without_weight() {
    let project = methods();
    let table = project.pipe(&["run", "all"]).code(0).stdout;
    project
        .pipe(&["export", "table:methods", "-o", "thin.tar", "--scores"])
        .code(0);
    let other = methods();
    let archive = project.join("thin.tar");
    other
        .pipe(&["import", &archive.display().to_string()])
        .code(0);
    assert_eq!(other.pipe(&["show", "table:methods"]).code(0).stdout, table);
}
