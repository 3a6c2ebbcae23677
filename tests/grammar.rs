//! What a table may say: axes, exclusions, grids, groups; from the command line, good and bad.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use support::Project;

/// Runs that leave nothing but the table on standard output.
fn shown(project: &Project, target: &str) -> String {
    project.pipe(&["run", target, "--quiet"]).code(0).stdout
}

/// The small pipeline, and what `more` declares.
fn with(more: &str) -> Project {
    let project = Project::new();
    let path = project.join("pipeline.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text + more).unwrap();
    project
}

/// A new axis in a few lines, as the README says it.
const OWN: &str = r#"
[table.own]
cell = "@bag-of-words"
rows = { label = "world ${world_seed}", world_seed = [0, 1] }
columns = { task = ["sst2", "qnli"] }
"#;

#[test]
fn a_table_with_a_new_axis_takes_a_few_lines() {
    assert!(OWN.trim().lines().count() < 10);
    assert_snapshot!(shown(&with(OWN), "table:own"), @"
    own: own

               sst2   qnli
    ───────────────────────
     world 0   57.3   50.7
     world 1   60.0   57.3

    Profile `plain`.
    ");
}

#[test]
fn axes_make_the_jobs_and_the_table_of_lines_written_out() {
    let written = OWN
        .replace(
            "{ label = \"world ${world_seed}\", world_seed = [0, 1] }",
            "[{ label = \"world 0\", world_seed = 0 }, { label = \"world 1\", world_seed = 1 }]",
        )
        .replace(
            "{ task = [\"sst2\", \"qnli\"] }",
            "[{ task = \"sst2\" }, { task = \"qnli\" }]",
        );
    assert_ne!(written, OWN);
    let (axes, lines) = (with(OWN), with(&written));
    assert_eq!(shown(&axes, "table:own"), shown(&lines, "table:own"));
    assert_eq!(axes.digests(), lines.digests());
    for file in ["own.md", "own.parquet"] {
        let read =
            |project: &Project| fs::read(project.join(&format!("results/plain/{file}"))).unwrap();
        assert_eq!(read(&axes), read(&lines), "{file}");
    }
}

#[test]
fn what_is_excluded_is_not_run() {
    let more = r#"
[table.own]
cell = "@bag-of-words"
over = { world_seed = [0, 1] }
rows = { task = ["sst2", "qnli"] }
columns = [{ label = "plain" }, { label = "other", source = "@other" }]
exclude = [{ task = "qnli", source = "@other" }, { task = "sst2", world_seed = 1 }]

[stage.other]
use = "world"
seed = 2
size = "tiny"
"#;
    let project = with(more);
    assert_snapshot!(shown(&project, "table:own"), @"
    own: own

                 plain   other
    ───────────────────────────
     sst2         57.3    58.0
     qnli   54.0 ± 4.7       —

    ± sample standard deviation, n = 2 unless noted; without ±, n = 1
    — does not apply
    Profile `plain`.
    ");
    let digests = project.digests();
    let jobs: Vec<_> = digests
        .keys()
        .filter(|label| label.starts_with("bag-of-words"))
        .collect();
    assert_eq!(
        jobs,
        [
            "bag-of-words",
            "bag-of-words[source=@other]",
            "bag-of-words[task=qnli]",
            "bag-of-words[world_seed=1,task=qnli]",
        ]
    );
}

/// A grid whose points differ in their scores. It is over worlds, since no other parameter of the small pipeline changes a
/// score.
const SEARCHED: &str = r#"
[table.searched]
cell = "@bag-of-words"
rows = [
    { label = "best of three", best = { world_seed = [0, 1, 2] } },
    { label = "worst of three", best = { world_seed = [0, 1, 2] }, select = "lowest accuracy@validation" },
    { label = "majority", cell = "@majority", best = { vocabulary = [100, 200] } },
]
columns = { task = ["sst2", "qnli"] }

[group.both]
title = "Made from words"
tables = ["baselines", "searched"]
"#;

#[test]
fn the_best_point_of_a_grid_is_chosen_and_told() {
    let project = with(SEARCHED);
    assert_snapshot!(shown(&project, "table:searched"), @"
    searched: searched

                      sst2   qnli
    ──────────────────────────────
     best of three    60.0   57.3
     worst of three   57.3   44.7
     majority         50.0   50.0

    best of 3 by accuracy on validation, selected on the same split as reported: world_seed=1 for all
    best of 3 by lowest accuracy on validation, selected on the same split as reported:
    world_seed=0: worst of three / sst2
    world_seed=2: worst of three / qnli
    Profile `plain`.
    ");

    let selector = "best of three,task=qnli";
    let arguments = ["show", "table:searched", "--cell", selector];
    let told = project.pipe(&arguments).code(0).stdout;
    let chosen: Vec<&str> = told.lines().take(7).collect();
    assert_snapshot!(chosen[..6].join("\n"), @"
    searched: best of three, qnli
      mean 57.33, of 57.333333333333336
      world_seed=1: best of 3 by accuracy on validation, selected on the same split as reported
        world_seed=0: 50.67
        world_seed=1: 57.33
        world_seed=2: 44.67
    ");
    assert!(
        chosen[6].contains("bag-of-words[world_seed=1,task=qnli]")
            || chosen[6].contains("bag-of-words[task=qnli,world_seed=1]"),
        "{}",
        chosen[6]
    );

    let text = fs::read(project.join("results/plain/searched.provenance.json")).unwrap();
    let provenance: Value = serde_json::from_slice(&text).unwrap();
    let chosen = &provenance["rows"][0]["cells"][1]["chosen"];
    assert_eq!(chosen["point"], json!({ "world_seed": 1 }));
    assert_eq!(chosen["reported_split"], json!(true));
    assert_eq!(chosen["points"].as_array().unwrap().len(), 3);
    // The jobs of all points are described, those that were not chosen as well.
    assert!(provenance["jobs"].as_object().unwrap().len() > 6);

    let shown = project
        .pipe(&["show", "table:searched", "--json"])
        .code(0)
        .json();
    let cells = &shown["tables"][0]["rows"][0]["cells"];
    assert_eq!(cells[0]["chosen"]["point"], json!({ "world_seed": 1 }));
    let plain = &shown["tables"][0]["rows"][2]["cells"][0];
    assert_eq!(
        plain["chosen"],
        Value::Null,
        "a grid that reaches nothing chooses nothing"
    );
}

#[test]
fn nothing_is_chosen_among_a_part_of_a_grid() {
    let project = with(SEARCHED);
    for seed in ["0", "1"] {
        let target = format!("stage:bag-of-words[world_seed={seed}]");
        project.pipe(&["run", &target]).code(0);
    }
    let told = project.pipe(&["show", "table:searched"]).code(0).stdout;
    assert!(told.contains("best of three    — [1]"), "{told}");
    assert!(
        told.contains("[1] waiting for all 3 points of the grid: not run yet"),
        "{told}"
    );
    assert!(!told.contains("best of 3 by"), "{told}");
}

#[test]
fn a_score_to_select_by_that_there_is_not_is_told() {
    let project = with(&SEARCHED.replace(
        "lowest accuracy@validation",
        "lowest accuracy@validation_mismatched",
    ));
    project
        .pipe(&["run", "table:searched"])
        .code(2)
        .says("no score `accuracy@validation_mismatched`")
        .says("it has accuracy@validation");
}

#[test]
fn a_group_stands_for_its_tables() {
    let project = with(SEARCHED);
    let listed = project.pipe(&["list"]).code(0).stdout;
    assert!(
        listed.contains(
            "  both    20      0  not known         Made from words: baselines, searched"
        ),
        "{listed}"
    );
    let listed = project.pipe(&["list", "--json"]).code(0).json();
    let group = &listed["groups"][0];
    assert_eq!(
        (&group["name"], &group["title"], &group["tables"]),
        (
            &json!("both"),
            &json!("Made from words"),
            &json!(["baselines", "searched"])
        ),
    );
    let told = project.pipe(&["show", "group:both"]).code(0).stdout;
    assert!(
        told.contains("baselines: ") && told.contains("searched: "),
        "{told}"
    );
    project
        .pipe(&["plan", "group:botth"])
        .code(2)
        .says("did you mean `both`?");
    project
        .pipe(&["plan", "both"])
        .code(2)
        .says("did you mean `group:both`?");
}

#[test]
fn mistakes_are_told_all_at_once() {
    let more = r#"
[table.own]
cell = "@bag-of-words"
over = { world_seed = [0, 1] }
rows = [{ label = "${size:%} ${task} ${task:%}", task = ["sst2", []] }, { vocabulary = [] }]
columns = { label = "${world_seed", length = 24, select = "least accuracy" }
best = { world_seed = [0, 1], vocabulry = [100] }
exclude = [{ task = "mnli" }, {}]

[table.two]
cell = "@bag-of-words"
over = { world_seed = [0, 1] }
rows = { task = ["sst2", "qnli"], best = { vocabulary = [100, 200] } }
columns = { label = "all", best = { world_seed = [3, 4] } }
exclude = [{ task = "mnli" }, { task = "sst2", world_seed = 2 }, { length = 3 }]

[table.three]
cell = "@bag-of-words"
rows = { task = ["sst2", "qnli"] }
columns = { label = "all" }
exclude = { task = "mnli" }
select = "accuracy"

[group.some]
tables = ["tow", "own"]

[group.none]
"#;
    let ended = with(more).pipe(&["plan"]).code(2);
    assert_snapshot!(ended.stderr, @r#"
     × this line does not bind `size`
       ╭─[pipeline.toml:60:20]
    60 │ rows = [{ label = "${size:%} ${task} ${task:%}", task = ["sst2", []] }, { vocabulary = [] }]
       ·                    ─────────
       ╰────
     help: known variables that this line binds: task

     × `sst2` is no number to be shown as a percentage
       ╭─[pipeline.toml:60:38]
    60 │ rows = [{ label = "${size:%} ${task} ${task:%}", task = ["sst2", []] }, { vocabulary = [] }]
       ·                                      ─────────
       ╰────
     help: write ${task}

     × a variable holds a single value
       ╭─[pipeline.toml:60:66]
    60 │ rows = [{ label = "${size:%} ${task} ${task:%}", task = ["sst2", []] }, { vocabulary = [] }]
       ·                                                                  ──
       ╰────
     help: a text, a number, true or false

     × `vocabulary` takes a list of values: [0, 1, 2]
       ╭─[pipeline.toml:60:88]
    60 │ rows = [{ label = "${size:%} ${task} ${task:%}", task = ["sst2", []] }, { vocabulary = [] }]
       ·                                                                                        ──
       ╰────

     × `${` without `}`
       ╭─[pipeline.toml:61:22]
    61 │ columns = { label = "${world_seed", length = 24, select = "least accuracy" }
       ·                      ────────────
       ╰────
     help: write ${name}, or $${ for the plain characters

     × `least accuracy` names no score
       ╭─[pipeline.toml:61:59]
    61 │ columns = { label = "${world_seed", length = 24, select = "least accuracy" }
       ·                                                           ────────────────
       ╰────
     help: write select = "METRIC", "METRIC@SPLIT", "@SPLIT" or "lowest METRIC@SPLIT"

     × unknown variable `vocabulry`
       ╭─[pipeline.toml:62:31]
    62 │ best = { world_seed = [0, 1], vocabulry = [100] }
       ·                               ─────────
       ╰────
     help: did you mean `vocabulary`?

     × this leaves out everything
       ╭─[pipeline.toml:63:31]
    63 │ exclude = [{ task = "mnli" }, {}]
       ·                               ──
       ╰────
     help: name what to leave out: { variable = value, … }

     × row and column both have a `best`
       ╭─[pipeline.toml:68:8]
    68 │ rows = { task = ["sst2", "qnli"], best = { vocabulary = [100, 200] } }
       ·        ───────────────────────────────┬───────────────────────────────
       ·                                       ╰── this row
    69 │ columns = { label = "all", best = { world_seed = [3, 4] } }
       ·           ────────────────────────┬────────────────────────
       ·                                   ╰── this column
       ╰────
     help: say `best` in the rows or in the columns

     × `world_seed` is gathered over and cannot be chosen as well
       ╭─[pipeline.toml:69:51]
    69 │ columns = { label = "all", best = { world_seed = [3, 4] } }
       ·                                                   ─
       ╰────
     help: leave it out of `over` or of `best`

     × nothing in this table binds `length`
       ╭─[pipeline.toml:70:77]
    70 │ exclude = [{ task = "mnli" }, { task = "sst2", world_seed = 2 }, { length = 3 }]
       ·                                                                             ─
       ╰────
     help: leave out values that rows, columns, `over` or `best` bind

     × there is a `select` and no `best` to select from
       ╭─[pipeline.toml:72:8]
    72 │ [table.three]
       ·        ─────
       ╰────
     help: give a grid: best = { lr = [1e-5, 3e-5] }

     × unknown table `tow`
       ╭─[pipeline.toml:80:11]
    80 │ tables = ["tow", "own"]
       ·           ─────
       ╰────
     help: known tables: baselines, own, two, three

     × group `none` has no `tables`
       ╭─[pipeline.toml:82:8]
    82 │ [group.none]
       ·        ────
       ╰────
     help: write tables = ["TABLE", …]
    "#);
}

#[test]
fn to_leave_out_what_does_not_occur_is_a_mistake() {
    let more =
        OWN.to_owned() + "exclude = [{ task = \"qnli\", world_seed = 1 }, { task = \"mnli\" }]\n";
    assert_snapshot!(with(&more).pipe(&["plan"]).code(2).stderr, @r#"
     × this leaves out what does not occur
       ╭─[pipeline.toml:61:47]
    61 │ exclude = [{ task = "qnli", world_seed = 1 }, { task = "mnli" }]
       ·                                               ─────────────────
       ╰────
     help: no cell of table `own` has these values under profile `plain`; a profile may replace
           `exclude`
    "#);
}

/// The names of a stage's scores are known beforehand, so that a slip of the pen costs no training.
#[test]
fn names_of_scores_are_checked_before_anything_runs() {
    let table = |rest: &str| {
        Project::beyond_tokens(&format!(
            r#"
[vars]
held_out = 0
task = "sst2"
[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 1
batch = 2
[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "${{task}}"
[stage.finetune]
use = "finetune"
encoder = "@pretrain"
data = "@benchmark"
held_out = "${{held_out}}"
train_examples = 40
epochs = 1
batch = 8
lr = 1e-3
[stage.own]
use = "command"
shell = "true"
makes = "scores"
[stage.sts-pairs]
use = "benchmarks"
source = "@world/SentEval/data/downstream"
task = "sts"
[stage.embed]
use = "embed"
encoder = "@pretrain"
data = "@sts-pairs"
[stage.sts]
use = "sts"
embeddings = "@embed"
data = "@sts-pairs"
[table.all]
cell = "@finetune"
rows = [{{ label = "all" }}]
{rest}
"#
        ))
    };
    let told = |rest: &str, arguments: &[&str]| {
        let project = table(rest);
        let ended = project.pipe(arguments).code(2);
        assert!(project.files_if_any(".pipe").is_empty());
        ended
    };
    // These mistakes are found when the file is read, whatever the targets are.
    for (rest, message, help) in [
        (
            r#"columns = [{ label = "MNLI", metric = "acuracy" }]"#,
            "stage `finetune` has no score `acuracy`",
            "did you mean `accuracy`?",
        ),
        (
            r#"columns = [{ label = "ppl", cell = "@pretrain", metric = "perplexty" }]"#,
            "stage `pretrain` has no score `perplexty`",
            "did you mean `perplexity`?",
        ),
        (
            r#"columns = [{ label = "12", cell = "@sts", metric = "st12" }]"#,
            "stage `sts` has no score `st12`",
            "did you mean `sts12`?",
        ),
        (
            "columns = [{ label = \"MNLI\" }]\nbest = { held_out = [4, 8] }\nselect = \"@heldout\"",
            "stage `finetune` scores no split `heldout` here",
            "did you mean `held_out`?",
        ),
        (
            "columns = [{ label = \"MNLI\" }]\nbest = { held_out = [4, 8] }\nselect = \"acuracy@held_out\"",
            "stage `finetune` has no score `acuracy` on the split `held_out`",
            "did you mean `accuracy_held_out`?",
        ),
    ] {
        told(rest, &["plan", "stage:world"])
            .says(message)
            .says(help);
    }
    // Scores that depend on a parameter are checked when the table is asked for.
    let chosen = "columns = [{ label = \"MNLI\" }]\nbest = { task = [\"sst2\", \"rte\"] }\nselect = \"@held_out\"";
    told(chosen, &["plan"]).says("stage `finetune` scores no split `held_out` here");
    table(chosen).pipe(&["plan", "stage:world"]).code(0);
    table(chosen).pipe(&["plan", "--set", "held_out=8"]).code(0);
    // Nobody knows which scores a program of the user's writes, and which scores a task has only its data tell.
    for metric in ["f1", "accuracy_mm", "spearman"] {
        let column = format!("columns = [{{ label = \"x\", metric = \"{metric}\" }}]");
        table(&column).pipe(&["plan"]).code(0);
    }
    table(r#"columns = [{ label = "x", cell = "@own", metric = "mine" }]"#)
        .pipe(&["plan"])
        .code(0);
}
