//! `--set` beside tables that set variables themselves: never ignored in silence.

mod support;

use support::{Ended, Project};

/// A variable that rows set, one made of it, one that is gathered over, and one that only some rows set.
const TABLES: &str = r#"
[vars]
length = 24
share = "${length}"
task = "sst2"
seed = 0
idle = 1

[stage.world]
use = "world"
seed = "${seed}"
size = "tiny"
train = "${share}"

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "${task}"

[stage.majority]
use = "majority"
data = "@benchmark"

[table.all]
title = "Every row sets it"
cell = "@majority"
rows = { label = "${length} long", length = [20, 30] }
columns = [{ label = "SST-2" }]

[table.made]
title = "Every row sets what is made of it"
cell = "@majority"
rows = [{ label = "short", share = 20 }, { label = "long", share = 30 }]
columns = [{ label = "SST-2" }]

[table.some]
title = "Some rows set it"
cell = "@majority"
rows = [{ label = "as it is" }, { label = "short", length = 20 }]
columns = [{ label = "SST-2", task = "sst2" }, { label = "QNLI", task = "qnli" }]

[table.seeds]
title = "Gathered over"
cell = "@majority"
over = { seed = [0, 1] }
rows = [{ label = "all" }]
columns = [{ label = "SST-2" }]

[profile.plain]
default = true
"#;

#[test]
fn a_value_that_every_cell_overrides_is_refused_with_the_rows_that_do() {
    let project = Project::with(TABLES);
    for command in ["run", "plan", "show", "why"] {
        project
            .pipe(&[command, "table:all", "--set", "length=40"])
            .code(2)
            .says("error: --set length=40 would change nothing: in table `all` rows `20 long`, `30 long` set `length`\n")
            .says("stage:NAME[length=…]");
    }
    assert!(project.files_if_any(".pipe").is_empty());
    project
        .pipe(&["plan", "table:made", "--set", "length=40"])
        .code(2)
        .says("rows `short`, `long` set `share`, which would follow from `length`\n");
    project
        .pipe(&["plan", "table:some", "--set", "task=mnli"])
        .code(2)
        .says("columns `SST-2`, `QNLI` set `task`\n");
    project
        .pipe(&["plan", "table:seeds", "--set", "seed=4"])
        .code(2)
        .says("in table `seeds` `over` sets `seed`\n");
}

#[test]
fn a_value_that_reaches_some_cells_is_told_of() {
    let project = Project::with(TABLES);
    let plan = |arguments: &[&str]| {
        project
            .pipe(&[&["plan"], arguments].concat())
            .code(0)
            .stderr
    };
    assert_eq!(
        plan(&["table:some", "--set", "length=40"]),
        "note: --set length=40 reaches 2 of 4 cells: in table `some` row `short` sets `length`\n"
    );
    // Of two tables one sets the variable, and a stage does not read it.
    let told = plan(&["table:all", "table:seeds", "--set", "length=40"]);
    assert_eq!(
        told,
        "note: --set length=40 reaches 0 of 2 cells: in table `all` rows `20 long`, `30 long` set `length`\n"
    );
    // Nothing that is asked for reads the variable.
    assert_eq!(
        plan(&["table:all", "--set", "idle=2"]),
        "note: --set idle=2: nothing that is asked for reads `idle`\n"
    );
    assert_eq!(
        plan(&["stage:majority[task=qnli]", "--set", "task=mnli"]),
        "note: --set task=mnli: nothing that is asked for reads `task`\n"
    );
    // There is nothing to tell, or `-q` keeps it from being told.
    assert_eq!(plan(&["table:seeds", "--set", "length=40"]), "");
    assert_eq!(plan(&["stage:majority", "--set", "task=mnli"]), "");
    assert_eq!(plan(&["table:some", "--set", "length=40", "-q"]), "");
    // A row that happens to set the same value does not count as the setting.
    assert_eq!(
        plan(&["table:some", "--set", "length=20"]),
        "note: --set length=20 reaches 2 of 4 cells: in table `some` row `short` sets `length`\n"
    );
}

/// A value in brackets is checked like one of `--set`, whatever the command is.
#[test]
fn a_value_in_brackets_that_the_stage_does_not_read_is_refused() {
    let project = Project::with(TABLES);
    let told = "stage `majority` does not read `idle`: this value would change nothing\n";
    for command in ["run", "plan", "why", "log", "graph", "pin"] {
        project
            .pipe(&[command, "stage:majority[task=qnli,idle=3]"])
            .code(2)
            .says(told)
            .says(
                "it reads no variable itself; what it rests on reads length, share, task, seed\n",
            );
    }
    assert!(project.files_if_any(".pipe").is_empty());
    // Another value in the brackets hides this one.
    project
        .pipe(&["plan", "stage:world[length=3,share=30]"])
        .code(2)
        .says("stage `world` does not read `length`")
        .says("`share`, given here as well, would follow from it");
    project
        .pipe(&["plan", "stage:world[length=30,length=20]"])
        .code(2)
        .says("`length` is given twice\n");
    project
        .pipe(&["plan", "stage:majority[length=30,seed=4]"])
        .code(0);
}

/// Each number has a folder of its own, also one whose bytes happen not to be UTF-8.
#[test]
fn every_number_has_results_of_its_own() {
    let project = Project::beyond_tokens(
        r#"
        [vars]
        rate = 0.4
        [stage.pretrain]
        use = "pretrain"
        tokens = "@tokens"
        size = "nano"
        steps = 1
        batch = 2
        masking = { corrupt = "${rate}", predict = "${rate}" }
        [table.rates]
        title = "Rates"
        cell = "@pretrain"
        rows = [{ label = "all" }]
        columns = [{ label = "perplexity", metric = "perplexity" }]
        [profile.plain]
        default = true
        "#,
    );
    for rate in ["0.1", "0.2", "0.8"] {
        project
            .pipe(&["run", "all", "--set", &format!("rate={rate}")])
            .code(0);
        let folder = format!("results/plain/with-rate={rate}");
        assert!(project.join(&folder).join("rates.csv").exists(), "{rate}");
    }
    assert!(!project.join("results/plain/rates.csv").exists());
}

/// Rows would each train an encoder, and a setting gives all of them the same one: a note tells that these rows are alike.
#[test]
fn rows_that_no_longer_differ_are_told() {
    let project = Project::with(TABLES);
    project.edit(
        "rows = [{ label = \"as it is\" }, { label = \"short\", length = 20 }]",
        "rows = [{ label = \"one\", idle = 1 }, { label = \"other\", idle = 2 }]",
    );
    let run = project.pipe(&["run", "table:some"]).code(0);
    assert!(
        run.stdout.contains(
            "rows `one`, `other` have the same jobs behind them in `SST-2`, `QNLI`: what they vary does not reach those"
        ),
        "{}",
        run.stdout
    );
    let run = project.pipe(&["run", "table:all"]).code(0);
    assert!(!run.stdout.contains("the same jobs"), "{}", run.stdout);
}

/// A relative path starts at the current folder, and results are kept under where it leads.
#[test]
fn results_of_a_path_go_by_where_it_leads() {
    let project = Project::with(
        r#"
        [vars]
        rows = "rows.txt"
        [stage.count]
        use = "command"
        shell = 'printf "{{\"rows\": %s}}" "$(wc -l < {rows})" > {output}/scores.json'
        inputs = { rows = "${rows}" }
        makes = "scores"
        [table.rows]
        title = "Rows"
        cell = "@count"
        rows = [{ label = "all" }]
        columns = [{ label = "rows" }]
        [profile.plain]
        default = true
        "#,
    );
    project.write("rows.txt", "one\n");
    project.write("x.txt", "one\ntwo\n");
    project.write("a/x.txt", "one\ntwo\nthree\n");
    project.write("b/x.txt", "one\ntwo\nthree\nfour\n");
    let run = |folder: &str, path: &str| {
        let set = format!("rows={path}");
        let mut command = project.command(&["run", "--set", &set]);
        command.current_dir(project.join(folder));
        Ended::from(command.output().expect("started"))
            .code(0)
            .stdout
    };
    let made = |folder: &str| {
        let table = project.join(&format!("results/plain/{folder}/rows.csv"));
        std::fs::read_to_string(table).expect("a table")
    };
    let own = run(".", "x.txt");
    assert!(own.ends_with("Profile `plain` with rows=x.txt.\n"), "{own}");
    let absolute = project.join("x.txt").display().to_string();
    for (folder, path) in [(".", "./x.txt"), ("a", "../x.txt"), ("b", &absolute)] {
        assert_eq!(run(folder, path), own, "{folder} {path}");
    }
    let of_a = run("a", "x.txt");
    assert!(
        of_a.ends_with("Profile `plain` with rows=a/x.txt.\n"),
        "{of_a}"
    );
    run("b", "x.txt");
    let mut folders: Vec<String> = std::fs::read_dir(project.join("results/plain"))
        .expect("a folder")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter(|name| name.starts_with("with-"))
        .collect();
    folders.sort();
    assert_eq!(folders.len(), 3, "{folders:?}");
    assert_eq!(folders[2], "with-rows=x.txt");
    for (folder, rows) in folders.iter().zip(["3.0", "4.0", "2.0"]) {
        assert!(made(folder).contains(&format!(",{rows},")), "{folder}");
    }
    assert!(folders[0].starts_with("with-rows=a_x.txt-"), "{folders:?}");
    let mut show = project.command(&["show", "--set", "rows=x.txt"]);
    show.current_dir(project.join("a"));
    assert_eq!(
        Ended::from(show.output().expect("started")).code(0).stdout,
        of_a
    );
}
