//! What `pipe` does, as a user sees it.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Ended, Project};

#[test]
fn a_run_prints_the_table_and_the_second_run_starts_nothing() {
    let project = Project::new();
    let first = project
        .pipe(&["run"])
        .code(0)
        .says("1 table · 10 jobs: 0 cached, 10 run in ");
    assert!(
        first.stdout.starts_with("baselines: What needs no encoder"),
        "{}",
        first.stdout
    );
    for word in [
        "majority",
        "bag of words",
        "SST-2",
        "QNLI",
        "MNLI",
        "Profile `plain`.",
    ] {
        assert!(first.stdout.contains(word), "{word}\n{}", first.stdout);
    }
    let results = project.files("results");
    let contents = || -> Vec<_> {
        results
            .iter()
            .map(|file| fs::read(file).expect("read"))
            .collect()
    };
    let before = contents();
    let second = project
        .pipe(&["run", "all"])
        .code(0)
        .says("all 10 jobs cached (");
    assert_eq!(second.stdout, first.stdout);
    assert!(!second.stderr.contains("start"), "{}", second.stderr);
    assert_eq!(contents(), before);
    let names: Vec<_> = results
        .iter()
        .map(|file| file.file_name().expect("a name").to_string_lossy())
        .collect();
    assert_eq!(
        names,
        [
            "baselines.costs.json",
            "baselines.csv",
            "baselines.md",
            "baselines.parquet",
            "baselines.provenance.json",
            "digests.json"
        ]
    );
}

#[test]
fn threads_jobs_and_place_reach_no_byte() {
    let (one, two) = (Project::new(), Project::new());
    one.pipe(&["run", "--threads", "1", "--jobs", "1"]).code(0);
    two.pipe(&[
        "run",
        "--threads",
        "2",
        "--jobs",
        "4",
        "--store",
        "elsewhere",
    ])
    .code(0);
    assert!(!two.join(".pipe").exists());
    let read = |project: &Project, name: &str| fs::read(project.join(name)).expect("read");
    for name in [
        "results/plain/digests.json",
        "results/plain/baselines.csv",
        "results/plain/baselines.md",
        "results/plain/baselines.parquet",
        "results/plain/baselines.provenance.json",
    ] {
        assert_eq!(read(&one, name), read(&two, name), "{name}");
    }
}

#[test]
fn only_what_a_change_reaches_runs_again() {
    let project = Project::new();
    project.pipe(&["run"]).code(0);
    let made = |ended: &Ended| -> Vec<String> {
        let jobs = ended.json()["jobs"].as_array().expect("jobs").clone();
        let made = jobs.iter().filter(|job| job["state"] == "made");
        made.map(|job| job["stage"].as_str().expect("a text").to_owned())
            .collect()
    };
    project.edit("[vars]", "# A remark.\n[vars]");
    assert_eq!(made(&project.pipe(&["run", "--json"]).code(0)), [""; 0]);
    project.pipe(&["run", "stage:tokens"]).code(0);
    let ended = project
        .pipe(&["run", "stage:tokens", "--set", "length=16", "--json"])
        .code(0);
    assert_eq!(made(&ended), ["tokens"]);
    let ended = project
        .pipe(&["run", "stage:tokens", "--set", "vocabulary=310", "--json"])
        .code(0);
    assert_eq!(made(&ended), ["tokenizer", "tokens"]);
    let ended = project
        .pipe(&["run", "stage:tokens[vocabulary=310,length=16]", "--json"])
        .code(0);
    assert_eq!(made(&ended), ["tokens"]);
    assert_eq!(
        made(&project.pipe(&["run", "stage:tokens", "--json"]).code(0)),
        [""; 0]
    );
}

#[test]
fn a_plan_and_a_look_write_nothing() {
    let project = Project::new();
    let plan = project.pipe(&["plan", "-v"]).code(0);
    for line in [
        "run      world: no result of its kind is known\n",
        "unknown  majority: needs data from `benchmark`, to run first, which goes back to `world`: no result of its kind is known\n",
    ] {
        assert!(plan.stdout.contains(line), "{line}{}", plan.stdout);
    }
    assert!(
        plan.stdout
            .ends_with("10 jobs: 0 cached, 1 to run, 9 not known before others have run\n")
    );
    let show = project.pipe(&["show", "table:baselines"]).code(0);
    assert!(show.stdout.contains("not run yet"), "{}", show.stdout);
    let names: Vec<_> = fs::read_dir(project.path()).expect("read").collect();
    assert_eq!(names.len(), 1, "{names:?}");

    let run = project.pipe(&["run", "table:baselines"]).code(0);
    assert_eq!(project.pipe(&["show"]).code(0).stdout, run.stdout);
    let plan = project.pipe(&["plan", "--json"]).code(0).json();
    assert_eq!(plan["schema_version"], 1);
    for job in plan["jobs"].as_array().expect("jobs") {
        assert_eq!(job["state"], "cached", "{job}");
    }
}

#[test]
fn a_doctor_tells_of_the_machine_and_measures_it_when_asked() {
    let project = Project::new();
    let before = project.pipe(&["doctor"]).code(0);
    for word in [
        "processor",
        "cpu-f32/",
        "profile plain",
        "none yet, the first run makes it",
        "not measured yet: pipe doctor --bench",
    ] {
        assert!(before.stdout.contains(word), "{word}\n{}", before.stdout);
    }
    let json = || project.pipe(&["doctor", "--json"]).code(0).json();
    assert!(json()["peak"].is_null());
    let bench = project.pipe(&["doctor", "--bench"]).code(0);
    assert!(bench.stdout.contains("GFLOP/s"), "{}", bench.stdout);
    assert!(json()["peak"]["f32"]["one"].as_f64().expect("a rate") > 1e8);

    // The machine is described even where there is no project.
    fs::remove_file(project.path().join("pipeline.toml")).expect("remove");
    let lost = project
        .pipe(&["doctor"])
        .code(2)
        .says("there is no pipeline.toml");
    assert!(lost.stdout.contains("processor"), "{}", lost.stdout);
}

#[test]
fn a_list_names_what_there_is() {
    let project = Project::new();
    let list = project.pipe(&["list"]).code(0);
    for word in [
        "baselines",
        "What needs no encoder",
        "bag-of-words",
        "vocabulary",
        "plain (in force)",
    ] {
        assert!(list.stdout.contains(word), "{word}\n{}", list.stdout);
    }
    let kind = project.pipe(&["list", "tokenize"]).code(0);
    assert!(kind.stdout.contains("validation_share"), "{}", kind.stdout);
    for kind in ["embed", "sts", "tokenizer"] {
        let kind = project.pipe(&["list", kind]).code(0);
        assert!(!kind.stdout.contains(".;"), "{}", kind.stdout);
    }
    project
        .pipe(&["list", "tokenise"])
        .code(2)
        .says("there is no stage kind `tokenise`");
    assert_eq!(
        project.pipe(&["list", "--json"]).code(0).json()["profile"],
        "plain"
    );
}

#[test]
fn provenance_leads_from_each_cell_to_the_world() {
    let project = Project::new();
    project.pipe(&["run"]).code(0);
    let text = fs::read(project.join("results/plain/baselines.provenance.json")).expect("read");
    let provenance: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(provenance["profile"], "plain");
    let text = fs::read(project.join("results/plain/baselines.costs.json")).expect("read");
    let costs: Value = serde_json::from_slice(&text).expect("JSON");
    assert!(costs["core_seconds"].as_f64().expect("a number") > 0.0);
    let cell = &provenance["rows"][1]["cells"][2];
    assert_eq!(cell["column"], "MNLI");
    let mut label = cell["jobs"][0].as_str().expect("a job").to_owned();
    let mut chain = Vec::new();
    loop {
        let job = &provenance["jobs"][&label];
        assert_eq!(job["key"].as_str().expect("a key").len(), 64);
        let cost = &costs["jobs"][&label]["cost"];
        assert!(cost["core_seconds"].as_f64().expect("a number") > 0.0);
        // What depends on this machine or on this day stands in no other file.
        assert!(job.get("cost").is_none(), "{job}");
        chain.push(job["kind"].as_str().expect("a kind").to_owned());
        let inputs = job["inputs"].as_object().expect("inputs");
        match inputs.values().next() {
            Some(input) => label = input["job"].as_str().expect("a job").to_owned(),
            None => break,
        }
    }
    assert_eq!(chain, ["bag-of-words", "benchmarks", "world"]);
}

#[test]
fn a_user_s_own_files_are_inputs_and_a_broken_row_is_named() {
    let project = Project::new();
    project.pipe(&["run", "stage:world"]).code(0);
    let rows = "sentence\tlabel\ngood film\t1\nbad film\t0\nfine film\t1\n";
    project.write("mine/glue_data/SST-2/train.tsv", rows);
    project.write("mine/glue_data/SST-2/dev.tsv", rows);
    let target = "stage:majority[task=sst2]";
    let set = ["run", target, "--set", "source=mine"];
    project.pipe(&set).code(0).says("2 jobs: 0 cached, 2 run");
    project.pipe(&set).code(0).says("all 2 jobs cached");
    project.write(
        "mine/glue_data/SST-2/dev.tsv",
        "sentence\tlabel\ngood film\t1\nno label\n",
    );
    let ended = project.pipe(&set).code(2).says("dev.tsv").says("hint: ");
    assert!(
        ended.stderr.contains(":3") || ended.stderr.contains("line 3"),
        "{}",
        ended.stderr
    );
    project.write("mine/glue_data/SST-2/dev.tsv", rows);
    project.pipe(&set).code(0).says("all 2 jobs cached");
}

#[test]
fn a_given_vocabulary_takes_the_place_of_a_trained_one() {
    let project = Project::new();
    let tokens = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\na\n##s\n";
    project.write("mine/vocab.txt", tokens);
    // The shipped pipeline.
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.toml");
    let options = ["--file", shipped, "--profile", "tiny", "--store", ".pipe"];
    let run = |target: &str, set: &str| {
        project.pipe(&[&["run", target, "--set", set], &options[..]].concat())
    };
    let made = |set: &str| {
        let ended = run("stage:tokenizer", set).code(0);
        let (folder, _) = ended.stdout.split_once("  ").expect("a folder");
        fs::read_to_string(format!("{folder}/vocab.txt")).expect("read")
    };
    assert_eq!(made("vocab=mine/vocab.txt"), tokens);
    assert_eq!(made("vocab=mine"), tokens);
    // An empty input counts as not given.
    assert_eq!(made("vocab=").lines().count(), 600);
    run("stage:tokens", "vocab=mine").code(0);
    run("stage:tokens", "vocab=yours")
        .code(2)
        .says("no such file or folder: yours");
}

#[test]
fn a_failed_job_leaves_the_rest_of_the_table_and_says_why() {
    let project = Project::new();
    project.edit(
        "use = \"bag-of-words\"\ndata = \"@benchmark\"",
        "use = \"bag-of-words\"\ndata = \"broken\"",
    );
    project.write("broken/task.json", "{}");
    let ended = project.pipe(&["run", "--keep-going", "--jobs", "1"]);
    assert!(matches!(ended.code, Some(2 | 10)), "{ended:?}");
    assert!(ended.stdout.contains("majority"), "{}", ended.stdout);
    assert!(ended.stdout.contains("— [1]"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("bag-of-words failed: "),
        "{}",
        ended.stdout
    );
    let log = ended
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("log: "))
        .expect("a log");
    let log_text = fs::read_to_string(log).expect("the log");
    assert!(log_text.contains("error: "), "{log_text}");
    assert!(
        !project.join("results/plain/baselines.md").exists(),
        "half a table is not kept"
    );
    // The same job is run by hand, in the folder that it left.
    let folder = log.strip_suffix("/log.txt").expect("a work folder");
    let by_hand = project.pipe(&["stage", folder]);
    assert_eq!(by_hand.code, ended.code);
    assert!(by_hand.stdout.starts_with("{\"error\":"), "{by_hand:?}");
}

#[test]
fn a_score_that_is_not_there_leaves_the_rest_of_the_tables() {
    let project = Project::new();
    project.edit(
        "    { label = \"MNLI\", task = \"mnli\" },\n",
        "    { label = \"MNLI\", task = \"mnli\", metric = \"pearson\" },
    { label = \"MNLI F1\", task = \"mnli\", metric = \"f1\" },\n",
    );
    project.edit(
        "    { label = \"majority\", cell = \"@majority\" },
    { label = \"bag of words\", cell = \"@bag-of-words\" },\n",
        "    { label = \"majority\" },\n",
    );
    project.edit(
        "[table.baselines]\n",
        "[table.baselines]\ncell = \"@majority\"\n",
    );
    let whole = "\n[table.whole]\nrows = [{ label = \"majority\" }]\ncell = \"@majority\"
        columns = [{ label = \"SST-2\", task = \"sst2\" }]\n\n[profile.plain]";
    project.edit("\n[profile.plain]", whole);
    let ended = project.pipe(&["run"]).code(2).says("2 tables · ");
    insta::assert_snapshot!(ended.stdout, @r"
    baselines: What needs no encoder

                SST-2   QNLI    MNLI   MNLI F1
    ───────────────────────────────────────────
     majority    50.0   50.0   — [1]     — [2]

    [1] no score `pearson`, only accuracy, accuracy_mm
    [2] no score `f1`, only accuracy, accuracy_mm
    Profile `plain`.

    whole: whole

                SST-2
    ──────────────────
     majority    50.0

    Profile `plain`.
    ");
    let told: Vec<_> = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: ") || line.starts_with("hint: "))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    error: majority[task=mnli]: no score `f1`, `pearson`
    hint: it has accuracy, accuracy_mm
    ");
    assert!(project.join("results/plain/whole.md").exists());
    assert!(
        !project.join("results/plain/baselines.md").exists(),
        "half a table is not kept"
    );
    // `show` without results is no mistake.
    assert_eq!(project.pipe(&["show"]).code(0).stdout, ended.stdout);
}

#[test]
fn a_run_of_a_part_keeps_the_digests_of_what_is_still_declared() {
    let project = Project::new();
    let second = "\n[table.second]\nrows = [{ label = \"majority\" }]\ncell = \"@majority\"
        columns = [{ label = \"RTE\", task = \"rte\" }]\n\n[profile.plain]";
    project.edit("\n[profile.plain]", second);
    project.pipe(&["run"]).code(0);
    let labels = || -> Vec<String> { project.digests().into_keys().collect() };
    let all = labels();
    assert!(all.contains(&"majority[task=rte]".to_owned()), "{all:?}");
    project.pipe(&["run", "table:baselines"]).code(0);
    assert_eq!(labels(), all);
    project.edit("task = \"rte\"", "task = \"sst2\"");
    project.pipe(&["run", "table:baselines"]).code(0);
    let left: Vec<_> = all
        .into_iter()
        .filter(|label| !label.contains("rte"))
        .collect();
    assert_eq!(labels(), left);
}

#[test]
fn results_of_other_values_go_to_folders_of_their_own_and_say_so() {
    let project = Project::new();
    let read = |path: &str| fs::read_to_string(project.join(path)).expect(path);
    let columns = |path: &str| read(path).lines().next().expect("a line").to_owned();
    let run = |set: &[&str]| {
        let mut arguments = vec!["run"];
        for pair in set {
            arguments.extend(["--set", pair]);
        }
        project.pipe(&arguments).code(0).stdout
    };
    let plain = run(&[]);
    assert!(plain.ends_with("Profile `plain`.\n"), "{plain}");
    let before = read("results/plain/baselines.md");
    assert!(!columns("results/plain/baselines.csv").contains("world_seed"));

    let one = run(&["world_seed=1"]);
    assert!(
        one.ends_with("Profile `plain` with world_seed=1.\n"),
        "{one}"
    );
    run(&["world_seed=2"]);
    assert_eq!(read("results/plain/baselines.md"), before);
    let folder = "results/plain/with-world_seed=1";
    let made = read(&format!("{folder}/baselines.md"));
    assert!(
        made.ends_with("- Profile \\`plain\\` with world\\_seed=1.\n"),
        "{made}"
    );
    assert!(columns(&format!("{folder}/baselines.csv")).contains(",world_seed,"));
    let provenance = read(&format!("{folder}/baselines.provenance.json"));
    let provenance: Value = serde_json::from_str(&provenance).expect("JSON");
    assert_eq!(provenance["set"], json!({ "world_seed": 1 }));
    assert!(
        project
            .join("results/plain/with-world_seed=2/digests.json")
            .exists()
    );
    let shown = project.pipe(&["show", "--set", "world_seed=1"]).code(0);
    assert_eq!(shown.stdout, one);

    // A value that the table does not read, or that is the variable's own, does not count as a setting.
    for set in [&["length=12"][..], &["world_seed=0", "length=12"]] {
        assert_eq!(run(set), plain);
    }
    assert_eq!(read("results/plain/baselines.md"), before);
    run(&["length=12", "world_seed=1"]);
    let all: BTreeSet<String> = fs::read_dir(project.join("results/plain"))
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| !name.starts_with("baselines"))
        .collect();
    let wanted = ["digests.json", "with-world_seed=1", "with-world_seed=2"];
    assert_eq!(all.into_iter().collect::<Vec<_>>(), wanted);
    project
        .pipe(&["run", "--set", "world_seed=1", "--results", "mine"])
        .code(0);
    assert!(
        project
            .join("mine/plain/with-world_seed=1/baselines.md")
            .exists()
    );
}

#[test]
fn mistakes_on_the_command_line_end_with_2_and_a_suggestion() {
    let project = Project::new();
    project
        .pipe(&["run", "table:baseline"])
        .code(2)
        .says("baselines");
    project
        .pipe(&["run", "--set", "vocabularry=5"])
        .code(2)
        .says("vocabulary");
    project
        .pipe(&["run", "--set", "vocabulary"])
        .code(2)
        .says("VARIABLE=VALUE");
    project
        .pipe(&["run", "--jobs", "0"])
        .code(2)
        .says("at least 1");
    project
        .pipe(&["run", "--threads", "100000"])
        .code(2)
        .says("--threads")
        .says("at most 1024");
    project.pipe(&["rnu"]).code(2);
    project
        .pipe(&["run", "--file", "nothing.toml"])
        .code(2)
        .says("nothing.toml");
    project
        .pipe(&["show", "stage:world"])
        .code(2)
        .says("only tables can be shown");
    let empty = Project::new();
    fs::remove_file(empty.join("pipeline.toml")).expect("removed");
    empty.pipe(&["run"]).code(2).says("--file");
    assert!(!empty.join(".pipe").exists());
}

#[test]
fn colours_go_to_terminals_alone_unless_forced() {
    let project = Project::new();
    let plain = project.pipe(&["list"]).code(0);
    assert!(!plain.stdout.contains('\u{1b}'));
    let output = project
        .command(&["list"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .expect("started");
    assert!(String::from_utf8_lossy(&output.stdout).contains('\u{1b}'));
    let mut forbidden = project.command(&["list"]);
    forbidden.env("CLICOLOR_FORCE", "0").env("NO_COLOR", "1");
    assert!(
        !String::from_utf8_lossy(&forbidden.output().expect("started").stdout).contains('\u{1b}')
    );
}

#[test]
fn a_closed_output_is_no_failure() {
    let project = Project::new();
    for arguments in [&["list"][..], &["plan"], &["run"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let status = project
            .command(arguments)
            .stdout(writer)
            .stderr(Stdio::null())
            .status()
            .expect("started");
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
    assert!(project.join("results/plain/baselines.md").exists());
    let full = fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let output = project
        .command(&["list"])
        .stdout(full)
        .output()
        .expect("started");
    Ended::from(output)
        .code(13)
        .says("cannot write to standard output");
}

#[test]
fn interrupted_it_ends_with_11_and_goes_on() {
    let project = Project::new();
    let mut command = project.command(&["run"]);
    let mut child = command
        .process_group(0)
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    // The first job is under way as soon as its folder is there.
    while !project
        .join(".pipe/work")
        .read_dir()
        .is_ok_and(|mut jobs| jobs.next().is_some())
    {
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(
            child.try_wait().expect("waited"),
            None,
            "it ended before it began"
        );
    }
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.expect("kill").success());
    let ended = Ended::from(child.wait_with_output().expect("ended"));
    ended
        .code(11)
        .says("interrupted: the same command goes on where it stopped");
    project.pipe(&["run"]).code(0);
    let reference = Project::new();
    reference.pipe(&["run"]).code(0);
    assert_eq!(project.digests(), reference.digests());
}
