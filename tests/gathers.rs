//! Inputs that gather the results of a stage over values of variables.

mod support;

use std::fs;

use insta::assert_snapshot;
use serde_json::json;
use support::Project;

const PIPELINE: &str = r#"
[vars]
seed = 0
m = 0.4
unread = 1

[stage.tune]
use = "command"
argv = ["sh", "{script}", "{output}", "${seed}", "${m}"]
inputs = { script = "tune.sh" }
makes = "scores"

[stage.mean]
use = "command"
argv = ["sh", "{script}", "{runs}", "{output}"]
inputs = { script = "mean.sh", runs = { stage = "@tune", over = { seed = [0, 1, 2] } } }
makes = "scores"

[table.means]
title = "Means"
cell = "@mean"
rows = { label = "${m:%}", m = [0.15, 0.4] }
columns = [{ label = "mean" }]

[profile.plain]
default = true
"#;

const TUNE: &str = r#"echo "{\"accuracy\": $2$3}" | sed 's/\(.\)0\./\1./' > "$1/scores.json""#;
const MEAN: &str = r#"
ls "$1" > "$2/members"
cat "$1"/*/scores.json >> "$2/members"
echo "{\"accuracy\": $(ls "$1" | wc -l)}" > "$2/scores.json"
"#;

fn project() -> Project {
    let project = Project::with(PIPELINE);
    project.write("tune.sh", TUNE);
    project.write("mean.sh", MEAN);
    project
}

/// What the program of a job saw.
fn members(project: &Project, target: &str) -> String {
    let told = project.pipe(&["run", target]).code(0).stdout;
    let folder = told.split_once("  ").expect("a folder and a label").0;
    fs::read_to_string(format!("{folder}/members")).expect("a file")
}

#[test]
fn a_job_is_given_all_results_by_name() {
    let project = project();
    assert_snapshot!(members(&project, "stage:mean"), @r#"
    seed=0
    seed=1
    seed=2
    {"accuracy": 0.4}
    {"accuracy": 1.4}
    {"accuracy": 2.4}
    "#);
    project
        .pipe(&["run", "stage:mean"])
        .code(0)
        .says("all 4 jobs cached");
    // The order of the values changes nothing that a job could see.
    project.edit("[0, 1, 2]", "[2, 0, 1]");
    project
        .pipe(&["run", "stage:mean"])
        .code(0)
        .says("all 4 jobs cached");
    // One member more is another input.
    project.edit("[2, 0, 1]", "[2, 0, 1, 3]");
    let why = project.pipe(&["why", "stage:mean"]).code(0).stdout;
    assert!(why.contains("runs/seed=3 from `tune[seed=3]`"), "{why}");
    project
        .pipe(&["run", "stage:mean"])
        .code(0)
        .says("3 cached, 2 run");
    let why = project.pipe(&["why", "stage:mean"]).code(0).stdout;
    assert!(why.contains("all that its key holds is as it was"), "{why}");
}

#[test]
fn each_table_line_gathers_its_own() {
    let project = project();
    project
        .pipe(&["run", "all"])
        .code(0)
        .says("8 jobs: 0 cached, 8 run");
    let cell = ["show", "table:means", "--cell", "m=0.15", "--json"];
    let told = project.pipe(&cell).code(0).json();
    let job = &told["cells"][0]["jobs"][0];
    assert_eq!(job["label"], "mean[m=0.15]");
    assert_eq!(job["inputs"]["runs/seed=1"]["job"], "tune[seed=1,m=0.15]");
    assert_eq!(
        told["cells"][0]["needed"].as_array().expect("jobs").len(),
        3
    );
    // Only the jobs behind the edited member run, and the job that gathers them.
    let graph = project.pipe(&["graph", "--jobs", "--json"]).code(0).json();
    assert_eq!(graph["edges"].as_array().expect("edges").len(), 6);
    project.pipe(&["gc"]).code(0);
    project.pipe(&["verify"]).code(0);
    project
        .pipe(&["run", "all"])
        .code(0)
        .says("all 8 jobs cached");
    project.edit("seed = [0, 1, 2]", "seed = [0, 1]");
    project
        .pipe(&["run", "all"])
        .code(0)
        .says("6 jobs: 4 cached, 2 run");
    let told = project
        .pipe(&["gc", "--max-cost", "any", "--recent", "0s"])
        .code(0)
        .stdout;
    assert!(told.contains("goes   tune[seed=2]"), "{told}");
}

#[test]
fn several_variables_are_multiplied_out_and_odd_values_go_by_their_places() {
    let project = project();
    project.edit(
        "over = { seed = [0, 1, 2] }",
        "over = { m = [0.15, 0.4], seed = [0, 1] }",
    );
    let seen = members(&project, "stage:mean");
    let names: Vec<&str> = seen.lines().take(4).collect();
    assert_eq!(
        names,
        [
            "m=0.15,seed=0",
            "m=0.15,seed=1",
            "m=0.4,seed=0",
            "m=0.4,seed=1"
        ]
    );
    project.edit(
        "over = { m = [0.15, 0.4], seed = [0, 1] }",
        "over = { m = [\"0.1 \", \"0.2 \"] }",
    );
    let seen = members(&project, "stage:mean");
    assert_eq!(seen.lines().take(2).collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn folders_of_results_and_gathered_ones_are_gathered_again() {
    let project = project();
    project.edit("stage = \"@tune\"", "stage = \"${what}\"");
    project.edit("unread = 1", "unread = 1\nwhat = \"@tune\"");
    project.edit(
        "[table.means]",
        "[stage.all]\nuse = \"command\"\nargv = [\"cp\", \"-rL\", \"{means}\", \"{output}\"]\n\
         inputs = { means = { stage = \"@mean\", over = { m = [0.15, 0.4] } } }\n\n[table.means]",
    );
    let told = project
        .pipe(&["run", "stage:all"])
        .code(0)
        .says("9 jobs: 0 cached, 9 run")
        .stdout;
    let folder = told.split_once("  ").expect("a folder").0;
    let file = format!("{folder}/means/m=0.15/members");
    assert!(
        fs::read_to_string(file)
            .expect("a file")
            .contains("{\"accuracy\": 2.15}")
    );
}

#[test]
fn a_built_in_kind_takes_what_is_gathered_where_it_takes_a_folder() {
    let project = Project::new();
    project.edit(
        "source = \"@world/text\"",
        "source = { stage = \"@world/text\", over = { world_seed = [0, 1] } }",
    );
    project
        .pipe(&["run", "stage:corpus"])
        .code(0)
        .says("3 jobs: 0 cached, 3 run");
    project.edit(
        "data = \"@benchmark\"",
        "data = { stage = \"@benchmark\", over = { task = [\"sst2\", \"qnli\"] } }",
    );
    project
        .pipe(&["plan"])
        .code(2)
        .says(
            "`data` of stage `majority` takes a benchmark, and this is a folder of several results",
        )
        .says("name one stage");
}

#[test]
fn results_travel_whole_and_thin() {
    let project = project();
    let table = project.pipe(&["run", "all"]).code(0).stdout;
    for thin in [false, true] {
        let _ = fs::remove_file(project.join("results.tar"));
        let mut export = vec!["export", "table:means", "-o", "results.tar"];
        export.extend(thin.then_some("--scores"));
        project.pipe(&export).code(0);
        let other = self::project();
        let archive = project.join("results.tar").display().to_string();
        other.pipe(&["import", &archive]).code(0);
        assert_eq!(other.pipe(&["show", "table:means"]).code(0).stdout, table);
        other
            .pipe(&["run", "all"])
            .code(0)
            .says("all 8 jobs cached");
        // The changed job reads the members; these are scores, which are light, so they are here.
        other.write("mean.sh", &format!("# another\n{MEAN}"));
        other.pipe(&["run", "all"]).code(0).says("6 cached, 2 run");
        other.pipe(&["verify"]).code(0);
    }
    // Members that are heavy are made again for the job that reads them.
    project.edit(
        "makes = \"scores\"\n\n[stage.mean]",
        "makes = \"folder\"\n\n[stage.mean]",
    );
    project.pipe(&["run", "all"]).code(0);
    project
        .pipe(&["export", "table:means", "-o", "thin.tar", "--scores"])
        .code(0);
    let other = self::project();
    other.edit(
        "makes = \"scores\"\n\n[stage.mean]",
        "makes = \"folder\"\n\n[stage.mean]",
    );
    let archive = project.join("thin.tar").display().to_string();
    other.pipe(&["import", &archive]).code(0);
    other
        .pipe(&["run", "all"])
        .code(0)
        .says("all 8 jobs cached");
    other.write("mean.sh", &format!("# another\n{MEAN}"));
    other.pipe(&["run", "all"]).code(0).says("0 cached, 8 run");
}

#[test]
fn what_is_wrong_is_told_with_place_reason_and_remedy() {
    let told = |runs: &str| {
        let project = project();
        project.edit("{ stage = \"@tune\", over = { seed = [0, 1, 2] } }", runs);
        project.pipe(&["plan"]).code(2).stderr
    };
    let all = [
        "{ stage = \"@tune\" }",
        "{ over = { seed = [0] } }",
        "{ stage = \"@tune\", ovr = { seed = [0] }, over = { seed = [0] } }",
        "{ stage = \"@tune\", over = { sed = [0] } }",
        "{ stage = \"@tune\", over = { seed = [] } }",
        "{ stage = \"@tune\", over = {} }",
        "{ stage = \"@tune\", over = [0] }",
        "{ stage = [\"@tune\"], over = { seed = [0] } }",
        "{ stage = \"tune\", over = { seed = [0] } }",
        "{ stage = \"@tun\", over = { seed = [0] } }",
        "{ stage = \"@tune\", over = { unread = [0, 1] } }",
        "{ stage = \"@tune\", over = { seed = [0, 0] } }",
        "{ stage = \"@mean\", over = { seed = [0, 1] } }",
        "{ stage = \"@tune\", over = { seed = [[0]] } }",
    ];
    let all: Vec<String> = all.into_iter().map(told).collect();
    assert_snapshot!(all.join("\n"));
}

#[test]
fn what_gathers_what_gathers_has_an_end() {
    let project = project();
    let values = |count: u32| format!("{:?}", (0..count).collect::<Vec<_>>());
    project.edit("seed = [0, 1, 2]", &format!("seed = {}", values(330)));
    project.edit(
        "[table.means]",
        &format!(
            "[stage.all]\nuse = \"command\"\nargv = [\"true\", \"{{means}}\"]\n\
             inputs = {{ means = {{ stage = \"@mean\", over = {{ m = {} }} }} }}\n\n[table.means]",
            values(330),
        ),
    );
    project
        .pipe(&["plan", "stage:all"])
        .code(2)
        .says("with `mean` inputs gather more than 100000 results")
        .says("gather fewer");
    project.edit(
        &format!("m = {}", values(330)),
        &format!("m = {}", values(10_001)),
    );
    project
        .pipe(&["plan", "stage:all"])
        .code(2)
        .says("this gathers 10001 results, more than 10000");
}

#[test]
fn a_variable_that_is_gathered_over_is_no_longer_the_job_s_own() {
    let project = project();
    project
        .pipe(&["run", "stage:mean[seed=1]"])
        .code(2)
        .says("`seed`");
    let listed = project.pipe(&["list", "seed", "--json"]).code(0).json();
    assert_ne!(listed, json!(null));
    // A value of `--set` does not reach the members where `over` binds the variable.
    let seen = members(&project, "stage:mean");
    let told = project.pipe(&["run", "stage:mean", "--set", "seed=7"]);
    assert!(told.stderr.contains("seed"), "{}", told.stderr);
    assert!(seen.starts_with("seed=0\n"));
}
