//! What travels, and what is had elsewhere.

use super::*;

#[test]
fn an_exported_table_is_had_elsewhere_without_running_anything() {
    let project = Project::new();
    project
        .pipe(&["export", "table:baselines", "-o", "all.tar"])
        .code(2)
        .says("no result yet");
    let table = project.pipe(&["run", "table:baselines"]).code(0).stdout;
    let ended = project
        .pipe(&["export", "table:baselines", "-o", "all.tar"])
        .code(0);
    assert!(
        ended.stdout.starts_with("all.tar: 10 results, "),
        "{}",
        ended.stdout
    );
    project
        .pipe(&["export", "table:baselines", "-o", "all.tar"])
        .code(2)
        .says("all.tar: it is there already");
    project
        .pipe(&["export", "table:baselines", "-o", "again.tar"])
        .code(0);
    let bytes = fs::read(project.join("all.tar")).expect("read");
    assert_eq!(
        fs::read(project.join("again.tar")).expect("read"),
        bytes,
        "the same bytes"
    );

    let other = Project::new();
    let archive = project.join("all.tar");
    let archive = archive.to_str().expect("UTF-8");
    let ended = other.pipe(&["import", archive]).code(0);
    assert!(
        ended.stdout.starts_with(
            "10 results taken in, 0 there already: table:baselines under profile plain"
        ),
        "{}",
        ended.stdout
    );
    let ended = other
        .pipe(&["run", "table:baselines"])
        .code(0)
        .says("all 10 jobs cached");
    assert_eq!(ended.stdout, table);
    other.pipe(&["verify"]).code(0);
    // Whatever shows imported results tells where they come from.
    let from = "imported from all.tar (index ";
    for pipe in [&other, &project] {
        let is_foreign = std::ptr::eq(pipe, &other);
        let why = pipe.pipe(&["why", "stage:majority"]).code(0).stdout;
        assert_eq!(why.contains(from), is_foreign, "{why}");
        let cell = ["show", "--cell", "majority", "table:baselines"];
        let cell = pipe.pipe(&cell).code(0).stdout;
        assert_eq!(cell.contains(from), is_foreign, "{cell}");
    }
    let provenance = fs::read_to_string(other.join("results/plain/baselines.provenance.json"));
    assert!(
        provenance
            .expect("read")
            .contains("\"archive\": \"all.tar\"")
    );
    let mine = fs::read_to_string(project.join("results/plain/baselines.provenance.json"));
    assert!(!mine.expect("read").contains("archive"));
    other
        .pipe(&["export", "table:baselines", "-o", "more.tar"])
        .code(0);
    let third = Project::new();
    let more = other.join("more.tar");
    third
        .pipe(&["import", more.to_str().expect("UTF-8")])
        .code(0);
    let why = third.pipe(&["why", "stage:majority"]).code(0).stdout;
    assert!(
        why.contains(from) && why.contains("imported from more.tar"),
        "{why}"
    );
    for object in other.files(".pipe/objects") {
        assert_eq!(
            fs::metadata(object).expect("metadata").permissions().mode() & 0o777,
            0o444
        );
    }
    let log = other.pipe(&["log", "stage:world"]).code(0);
    assert!(!log.stderr.contains("has not run"), "{}", log.stderr);

    // The archive is imported again: into a whole store, into one that lacks half, and over damage.
    let ended = other.pipe(&["import", archive]).code(0);
    assert!(
        ended
            .stdout
            .starts_with("0 results taken in, 10 there already"),
        "{}",
        ended.stdout
    );
    for (number, record) in other.files(".pipe/records").iter().enumerate().step_by(2) {
        match number % 4 {
            0 => fs::remove_file(record).expect("removed"),
            _ => fs::write(record, "{").expect("written"),
        }
    }
    let object = &other.files(".pipe/objects")[3];
    fs::remove_file(object).expect("removed");
    fs::write(object, "swapped").expect("written");
    other.pipe(&["import", archive]).code(0);
    other
        .pipe(&["run", "table:baselines"])
        .code(0)
        .says("all 10 jobs cached");
    other.pipe(&["verify"]).code(0);
    assert!(other.files(".pipe/tmp").is_empty());
}

#[test]
fn files_of_claims_travel_with_the_project() {
    let project = Project::new();
    let claims = "# none yet\nschema = 1\n";
    project.write("data/claims/own.toml", claims);
    project.edit(
        "title = \"What needs no encoder\"",
        "title = \"What needs no encoder\"\nclaims = \"data/claims/own.toml\"",
    );
    project.pipe(&["run", "stage:majority"]).code(0);
    let export = ["export", "stage:majority", "-o", "all.tar"];
    project.pipe(&export).code(0);
    let other = Project::with("");
    let archive = project.join("all.tar");
    let archive = archive.to_str().expect("UTF-8");
    other
        .pipe(&["import", archive, "--project", "theirs"])
        .code(0);
    let laid_out = fs::read_to_string(other.join("theirs/data/claims/own.toml"));
    assert_eq!(laid_out.expect("read"), claims);
    let list = ["list", "baselines", "--file", "theirs/pipeline.toml"];
    let told = other.pipe(&list).code(0).stdout;
    assert!(told.contains("  claims: data/claims/own.toml\n"), "{told}");
    // What is named and is not there is told before anything runs.
    fs::remove_file(project.join("data/claims/own.toml")).expect("removed");
    project
        .pipe(&["run", "stage:majority"])
        .code(2)
        .says("cannot read data/claims/own.toml: No such file");
}

/// A corpus stays where it was. Results that rest on it can be looked at elsewhere, built upon, and exported again; a job that
/// would have to read it is refused.
#[test]
fn what_was_imported_is_shown_and_built_upon_without_the_files_it_rests_on() {
    const PIPELINE: &str = r#"
[vars]
text = "data/corpus"
n = 3

[stage.corpus]
use = "corpus"
source = "${text}"

[stage.count]
use = "command"
argv = ["${run}", "{c}", "{output}", "${n}"]
makes = "scores"
inputs = { c = "@corpus", run = "programs/count.sh" }

[stage.more]
use = "command"
shell = "cp {c}/*.parquet {output}/"
inputs = { c = "@corpus" }

[table.counted]
title = "Counted"
cell = "@count"
rows = [{ label = "it" }]
columns = [{ label = "files", metric = "files" }]
"#;
    let pipeline = PIPELINE.replace("${run}", "{run}");
    let project = Project::with(&pipeline);
    let script =
        "#!/bin/sh\necho \"{\\\"files\\\": $(ls \"$1\" | wc -l)$3}\" > \"$2/scores.json\"\n";
    project.write("programs/count.sh", script);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(project.join("programs/count.sh"), mode).expect("a program");
    // The corpus is too large to go into the archive.
    let text = "the cat sat on the mat\n\n".repeat(50_000);
    project.write("data/corpus/a.txt", &text);
    let table = project.pipe(&["run", "all"]).code(0).stdout;
    let told = project.pipe(&["export", "all", "-o", "all.tar"]).code(0);
    assert!(
        told.stdout
            .contains("with pipeline.toml, programs/count.sh\nnot in it: data/corpus ("),
        "{}",
        told.stdout
    );
    let archive = project.join("all.tar");
    let archive = archive.to_str().expect("UTF-8");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let away = elsewhere.path().join("paper");
    let away = away.to_str().expect("UTF-8");
    let empty = Project::with("");
    fs::remove_file(empty.join("pipeline.toml")).expect("removed");
    empty
        .pipe(&["import", archive])
        .code(2)
        .says("--project FOLDER");
    let told = empty.pipe(&["import", archive, "--project", away]).code(0);
    let next = format!("next: cd {away}; pipe show all --profile default\n");
    assert!(told.stdout.ends_with(&next), "{}", told.stdout);
    // A second import finds the same files, which is no mistake.
    empty.pipe(&["import", archive, "--project", away]).code(0);

    let file = format!("{away}/pipeline.toml");
    let pipe = |arguments: &[&str]| empty.pipe(&[arguments, &["--file", &file]].concat());
    let note = "data/corpus is not at hand: taken as it was where all.tar was made";
    let shown = pipe(&["show", "all", "--profile", "default"])
        .code(0)
        .says(note);
    assert_eq!(shown.stdout, table);
    for looks in [
        &["why", "all"][..],
        &["plan", "all"],
        &["log", "stage:count"],
        &["graph", "all"],
        &["pin", "all"],
        &["export", "all", "-o", "again.tar"],
        &["run", "all"],
    ] {
        pipe(looks).code(0).says(note);
    }
    let swept = pipe(&["gc", "--dry-run", "--max-cost", "1000h"]).code(0);
    assert!(
        swept.stdout.contains("nothing to remove"),
        "{}",
        swept.stdout
    );
    // A new job that rests on imported results runs; one that would have to read the corpus does not.
    pipe(&["run", "stage:more"]).code(0).says("1 cached, 1 run");
    let changed = pipe(&["run", "all", "--set", "n=4"]).code(0);
    assert!(changed.stdout.contains("14.00"), "{}", changed.stdout);
    fs::remove_dir_all(elsewhere.path().join("paper/.pipe/records")).expect("removed");
    pipe(&["run", "all"])
        .code(2)
        .says("no such file or folder: data/corpus");
    pipe(&["verify", "--inputs"])
        .code(2)
        .says("no such file or folder: data/corpus");
    // An archive that was exported from the import does as well.
    let again = empty.join("again.tar");
    let again = again.to_str().expect("UTF-8");
    let third = elsewhere.path().join("third");
    let third = third.to_str().expect("UTF-8");
    empty.pipe(&["import", again, "--project", third]).code(0);
    let file = format!("{third}/pipeline.toml");
    let shown = empty.pipe(&["show", "all", "--file", &file]).code(0);
    assert_eq!(shown.stdout, table);
    // A corpus that is at hand counts as it is.
    fs::create_dir_all(elsewhere.path().join("third/data/corpus")).expect("a folder");
    fs::write(elsewhere.path().join("third/data/corpus/a.txt"), "else").expect("written");
    let shown = empty.pipe(&["show", "all", "--file", &file]).code(0);
    assert!(!shown.stderr.contains("not at hand"), "{}", shown.stderr);
    assert!(shown.stdout.contains("not run yet"), "{}", shown.stdout);
}

/// A part of an input that goes into the archive for another reason is not taken for the input. Files that others may not read
/// stay.
#[test]
fn a_part_of_an_input_is_not_taken_for_the_whole_and_secrets_stay() {
    const PIPELINE: &str = r#"
[vars]
data = "none"

[stage.count]
use = "command"
shell = "n=$(cat {data}/* | wc -c); echo \"{{\\\"bytes\\\": $n}}\" > {output}/scores.json"
inputs = { data = "${data}", vocab = "data/vocab.txt", code = "code" }
makes = "scores"

[table.counted]
title = "Counted"
cell = "@count"
rows = [{ label = "it" }]
columns = [{ label = "bytes", metric = "bytes" }]
"#;
    let project = Project::with("");
    fs::rename(project.join("pipeline.toml"), project.join("mine.toml")).expect("renamed");
    project.write("mine.toml", PIPELINE);
    project.write("data/corpus.txt", &"the cat sat\n".repeat(100_000));
    project.write("data/vocab.txt", "cat\n");
    project.write("code/main.py", "print()\n");
    project.write("code/.env", "hidden token\n");
    project.write("outside", "outside token\n");
    let run = ["run", "all", "--file", "mine.toml", "--set", "data=./data"];
    let table = project.pipe(&run).code(0).stdout;
    let export = |name: &str| {
        let arguments = ["--file", "mine.toml", "--set", "data=./data", "-o", name];
        project
            .pipe(&[&["export", "all"], &arguments[..]].concat())
            .code(0)
    };
    let told = export("all.tar").stdout;
    assert!(
        told.contains("with data/vocab.txt, mine.toml\nnot in it: code (")
            && told.contains("data (but for a part of it, "),
        "{told}"
    );
    for change in [
        "chmod 600 main.py; rm .env",
        "ln -sf ../../outside link.py; chmod 644 main.py",
    ] {
        let shell = std::process::Command::new("sh")
            .args([
                "-c",
                &change.replace(
                    "../../outside",
                    &project.join("../outside").display().to_string(),
                ),
            ])
            .current_dir(project.join("code"))
            .status();
        assert!(shell.expect("sh runs").success());
        fs::write(project.join("../outside"), "outside token\n").ok();
    }
    let held = fs::read(project.join("all.tar")).expect("read");
    assert!(!held.windows(5).any(|window| window == b"token"));

    let elsewhere = tempfile::tempdir().expect("a folder");
    let told = project
        .command(&[
            "import",
            project.join("all.tar").to_str().expect("UTF-8"),
            "--project",
            "there",
        ])
        .current_dir(elsewhere.path())
        .output()
        .expect("pipe runs");
    let told = String::from_utf8(told.stdout).expect("UTF-8");
    let next = told
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("next: "));
    assert_eq!(
        next,
        Some("cd there; pipe show all --file mine.toml --profile default --set data=data"),
        "{told}"
    );
    let there = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--file", "mine.toml", "--set", "data=data"]);
        let output = project
            .command(&all)
            .current_dir(elsewhere.path().join("there"))
            .output()
            .expect("pipe runs");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("UTF-8"),
            String::from_utf8(output.stderr).expect("UTF-8"),
        )
    };
    let (code, shown, said) = there(&["show", "all"]);
    assert_eq!(
        (code, number(&shown)),
        (Some(0), number(&table)),
        "{shown}{said}"
    );
    assert!(said.contains("data is at hand in part only"), "{said}");
    // The results are of a run that was given values, and were imported recently: no table reaches them, and they stay.
    let (code, swept, _) = there(&["gc", "--max-cost", "any"]);
    assert!(
        code == Some(0) && swept.contains("nothing to remove"),
        "{swept}"
    );
    fs::remove_dir_all(elsewhere.path().join("there/.pipe/records")).expect("removed");
    let (code, _, said) = there(&["run", "all"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        !elsewhere
            .path()
            .join("there/results/default/counted.md")
            .exists()
    );
}

#[test]
fn an_archive_may_go_to_standard_output() {
    let project = Project::new();
    project.pipe(&["run", "stage:tokens"]).code(0);
    project
        .pipe(&["export", "stage:tokens", "-o", "all.tar"])
        .code(0);
    let output = project
        .command(&["export", "stage:tokens", "-o", "-"])
        .output()
        .expect("started");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout == fs::read(project.join("all.tar")).expect("read"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.starts_with("standard output: 4 results, "), "{told}");
    assert!(!project.join("-").exists());
    project
        .pipe(&["export", "stage:tokens", "-o", "-", "--json"])
        .code(2)
        .says("cannot both go to standard output");
    project
        .pipe(&["import", "-"])
        .code(2)
        .says("cannot come from standard input");
}
