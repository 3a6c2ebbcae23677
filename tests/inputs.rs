//! Files and folders of the user's as inputs, from outside: what counts, what a stage is shown, and what becomes of changes.

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{Ended, Project};

/// How long anything here may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stage that lists what it is shown, and reads it.
const LIST: &str = r#"
[vars]
d = "in"

[stage.s]
use = "command"
shell = "cd {d}; find . -type f -o -type l | sort > {output}/names; find . -type f | sort | xargs cat > {output}/text"
inputs = { d = "${d}" }
"#;

fn list() -> Project {
    let project = Project::with(LIST);
    project.write("in/a.txt", "text\n");
    project
}

/// Runs a stage and returns the folder with what it has made.
#[track_caller]
fn made(project: &Project, target: &str) -> PathBuf {
    let told = project.pipe(&["run", target]).code(0).stdout;
    let (folder, _) = told.split_once("  ").expect("a folder and a label");
    folder.into()
}

#[track_caller]
fn names(project: &Project) -> String {
    fs::read_to_string(made(project, "stage:s").join("names")).expect("names")
}

#[track_caller]
fn is_cached(project: &Project, arguments: &[&str]) {
    let arguments = [&["run", "stage:s"], arguments].concat();
    project.pipe(&arguments).code(0).says("is cached");
}

/// Runs a stage that takes a while, and does something else once it has begun.
fn run_and(project: &Project, began: &Path, meanwhile: impl FnOnce()) -> Ended {
    let run = project
        .command(&["run", "stage:s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let deadline = Instant::now() + PATIENCE;
    while !began.exists() {
        assert!(Instant::now() < deadline, "waited in vain");
        sleep(Duration::from_millis(5));
    }
    meanwhile();
    Ended::from(run.wait_with_output().expect("ended"))
}

/// A stage that says when it has begun, and goes on when it is told to.
fn slow(inputs: &str, reads: &str) -> Project {
    let places = tempfile::tempdir().expect("a folder").keep();
    let project = Project::with(&format!(
        "[stage.s]\nuse = \"command\"\ninputs = {{ d = \"{inputs}\" }}\n\
         shell = \"touch {0}/began; until test -e {0}/go; do sleep 0.02; done; {reads}\"\n",
        places.display()
    ));
    project.write("in/a.txt", "text\n");
    fs::write(project.join("places"), places.display().to_string()).expect("written");
    project
}

/// Runs that stage, and does something else while it waits.
fn run_slowly(project: &Project, meanwhile: impl FnOnce()) -> Ended {
    let places = PathBuf::from(fs::read_to_string(project.join("places")).expect("a path"));
    let ended = run_and(project, &places.join("began"), || {
        meanwhile();
        fs::write(places.join("go"), "").expect("written");
    });
    fs::remove_dir_all(places).expect("removed");
    ended
}

#[test]
fn what_does_not_count_is_neither_keyed_nor_shown() {
    let project = list();
    assert_eq!(names(&project), "./a.txt\n");
    for name in [
        ".DS_Store",
        ".git/index",
        ".cache/huggingface/x",
        "a.txt~",
        "__pycache__/a.pyc",
    ] {
        project.write(&format!("in/{name}"), "noise");
    }
    symlink("somebody@host.1:2", project.join("in/.#a.txt")).expect("linked");
    is_cached(&project, &[]);
    // The job runs again and sees the same files.
    project.edit("[stage.s]", "[stage.s]\nversion = 2");
    assert_eq!(names(&project), "./a.txt\n");
    // Other hidden files count, unless the stage ignores them.
    project.write("in/.env", "A=1\n");
    assert_eq!(names(&project), "./.env\n./a.txt\n");
    project.edit("[stage.s]", "[stage.s]\nignore = [\".env\", \"*.log\"]");
    assert_eq!(names(&project), "./a.txt\n");
    project.write("in/deep/x.log", "noise");
    is_cached(&project, &[]);
}

#[test]
fn a_pattern_that_is_none_is_told_with_its_place() {
    let project = list();
    project.edit("[stage.s]", "[stage.s]\nignore = [\"*.log\", \"../x\"]");
    let ended = project.pipe(&["run", "stage:s"]).code(2);
    let ended = ended.says("`../x` leads out of the input's folder");
    let ended = ended.says("pipeline.toml:6:");
    ended.says("write it as from the input's folder on");
}

#[test]
fn what_a_stage_ignores_of_another_ones_result_is_not_shown_either() {
    let project = Project::with(
        r#"
[vars]
noise = "one"

[stage.made]
use = "command"
shell = "echo text > {output}/a.txt; echo ${noise} > {output}/x.log"

[stage.s]
use = "command"
shell = "ls {d} > {output}/names"
inputs = { d = "@made" }
ignore = ["*.log"]
"#,
    );
    assert_eq!(names(&project), "a.txt\n");
    project
        .pipe(&["run", "stage:s", "--set", "noise=two"])
        .code(0)
        .says("1 cached, 1 run");
    project.edit("ignore = [\"*.log\"]", "ignore = [\"*\"]");
    project
        .pipe(&["run", "stage:s"])
        .code(2)
        .says("input `d`: `ignore` matches all of its files");
}

#[test]
fn tables_may_be_written_beside_the_data_but_not_into_it() {
    let project = Project::with(
        r#"
[profile.own]
default = true

[vars]
data = "data"

[stage.s]
use = "command"
shell = "cd {d}; echo {{\\\"accuracy\\\": $(find . -type f | wc -l)}} > {output}/scores.json"
inputs = { d = "${data}" }
makes = "scores"

[table.t]
title = "t"
cell = "@s"
rows = [{ label = "a" }]
columns = [{ label = "b" }]
"#,
    );
    project.write("data/a.txt", "text");
    let run = |more: &[&str]| project.pipe(&[&["run", "all"], more].concat());
    // The folder of results is an input, or lies in one, and holds files of the user's.
    for (results, counted) in [("data", "2.0"), ("data/more", "9.0")] {
        project.write(&format!("{results}/notes.txt"), "mine");
        // None of the user's files is lost from view.
        let table = run(&["--results", results]).code(0).stdout;
        assert!(table.contains(counted), "{table}");
        assert!(project.join(results).join("own/digests.json").is_file());
        for _ in 0..2 {
            let again = run(&["--results", results]).code(0);
            again.says("the job is cached");
        }
    }
    project.write("data/less/own/x.txt", "mine");
    run(&["--results", "data/less"])
        .code(2)
        .says("tables would be written among the files of data/less/own")
        .says("--results FOLDER");
    // Into this folder each run would write files that the job reads.
    let into = ["--results", "data", "--set", "data=data/own"];
    run(&into)
        .code(2)
        .says("tables would be written to data/own, which is the input `d` of `s");
    run(&["--set", "data=data/own"]).code(0);
    // The folder holds nothing but results.
    run(&["--set", "data=results"])
        .code(2)
        .says("nothing that counts but results of pipe");
}

#[test]
fn an_input_may_hold_store_results_and_where_the_run_prints_to() {
    let project = Project::with(
        r#"
[stage.s]
use = "command"
shell = "cd {d}; find . -type f | sort > {output}/names"
inputs = { d = "." }
"#,
    );
    project.write("a.txt", "text\n");
    project.write("results/plain/x.md", "made");
    project.write("results/plain/digests.json", "{\n  \"jobs\": {}\n}");
    project.write("elsewhere/x", "text");
    project.write(
        "target/CACHEDIR.TAG",
        "Signature: 8a477f597d28d172789f06886806bc55\n",
    );
    let run = |store: &str| {
        let log = fs::File::create(project.join("log.txt")).expect("made");
        let out = fs::File::create(project.join("out.txt")).expect("made");
        let status = project
            .command(&["run", "stage:s", "--store", store])
            .stdout(out)
            .stderr(log)
            .status();
        let log = fs::read_to_string(project.join("log.txt")).expect("a log");
        assert!(status.expect("started").success(), "{log}");
        let out = fs::read_to_string(project.join("out.txt")).expect("output");
        let (folder, _) = out.split_once("  ").expect("a folder");
        let names = fs::read_to_string(Path::new(folder).join("names")).expect("names");
        (log, names)
    };
    let names = "./a.txt\n./elsewhere/x\n./pipeline.toml\n";
    assert_eq!(run(".pipe").1, names);
    assert!(run(".pipe").0.contains("is cached"));
    // Another store is left out under any name, and so is a link to one.
    assert_eq!(run("stores/one").1, names);
    fs::create_dir(project.join("real")).expect("made");
    symlink("real", project.join("link")).expect("linked");
    assert_eq!(run("link/store").1, names);
    assert!(run("link/store").0.contains("is cached"));
}

#[test]
fn the_corpus_of_the_folder_that_holds_all_is_its_text() {
    let project = Project::with("[stage.s]\nuse = \"corpus\"\nsource = \".\"\n");
    project.write("a.txt", "text\n");
    project.pipe(&["run", "stage:s"]).code(0);
    is_cached(&project, &[]);
    let ended = project.pipe(&["run", "stage:s", "--store", "."]).code(12);
    assert!(ended.stderr.contains("not a store"), "{}", ended.stderr);
}

#[test]
fn a_store_is_no_input_but_a_result_in_it_is() {
    let project = list();
    let folder = made(&project, "stage:s");
    let ended = project
        .pipe(&["run", "stage:s", "--set", "d=.pipe"])
        .code(2);
    ended.says("this is a store of pipe");
    let d = format!("d={}", folder.display());
    project.pipe(&["run", "stage:s", "--set", &d]).code(0);
}

#[test]
fn a_single_file_goes_by_its_content() {
    let project = list();
    for (name, text) in [
        ("f.txt", "s"),
        ("g.txt", "s"),
        ("h.csv", "s"),
        ("i.txt", "t"),
    ] {
        project.write(name, text);
    }
    symlink("f.txt", project.join("l.txt")).expect("linked");
    project.edit("cd {d}; find . -type f -o -type l | sort", "echo {d}");
    project.edit("; find . -type f | sort | xargs cat > {output}/text", "");
    let run = |name: &str| project.pipe(&["run", "stage:s", "--set", &format!("d={name}")]);
    let first = run("f.txt").code(0);
    let folder = first.stdout.split("  ").next().expect("a folder");
    let shown = fs::read_to_string(Path::new(folder).join("names")).expect("a path");
    assert!(shown.ends_with("/inputs/d.txt\n"), "{shown}");
    for same in ["g.txt", "l.txt"] {
        run(same).code(0).says("is cached");
    }
    for other in ["h.csv", "i.txt"] {
        run(other).code(0).says("1 run");
    }
}

#[test]
fn what_is_no_file_is_refused_with_a_reason() {
    let project = list();
    Command::new("mkfifo")
        .arg(project.join("in/fifo"))
        .status()
        .expect("made");
    let ended = project.pipe(&["run", "stage:s"]).code(2);
    let ended = ended.says("in/fifo: a named pipe, and neither a file nor a folder");
    ended.says("hint: remove it from the input folder");
    for (d, reason) in [
        ("in/fifo", "in/fifo: a named pipe"),
        ("/dev/null", "/dev/null: a device"),
        ("/dev/zero", "/dev/zero: a device"),
    ] {
        let ended = project.pipe(&["run", "stage:s", "--set", &format!("d={d}")]);
        ended
            .code(2)
            .says(reason)
            .says("hint: write what is to be read to a file");
    }
}

#[test]
fn who_touches_links_or_saves_an_input_costs_nobody_his_work() {
    let project = slow("in", "cp {d}/a.txt {output}");
    let path = project.join("in/a.txt");
    let ended = run_slowly(&project, || {
        let touch = Command::new("touch").arg(&path).status();
        assert!(touch.expect("touched").success());
        fs::hard_link(&path, project.join("another")).expect("linked");
        project.write("aside", "text\n");
        fs::rename(project.join("aside"), &path).expect("renamed");
        project.write("in/.DS_Store", "noise");
        symlink("nowhere", project.join("in/.#a.txt")).expect("linked");
    });
    ended.code(0);
}

#[test]
fn a_changed_input_fails_the_job_and_blames_nobody_by_name() {
    for (change, reason) in [
        (
            "echo other > in/a.txt",
            "in/a.txt: somebody has changed it since",
        ),
        (
            "echo new > in/b.txt",
            "in/b.txt: somebody has added it since",
        ),
        ("rm in/a.txt; echo > in/c.txt", "somebody has"),
    ] {
        let project = slow("in", "cp {d}/a.txt {output} || echo > {output}/a.txt");
        let ended = run_slowly(&project, || {
            let mut sh = Command::new("sh");
            sh.args(["-c", change]).current_dir(project.path());
            assert!(sh.status().expect("run").success());
        });
        let ended = ended.code(2).says(reason);
        assert!(!ended.stderr.contains("the program"), "{}", ended.stderr);
    }
}

#[test]
fn what_a_job_has_a_copy_of_may_be_edited_meanwhile() {
    let project = slow("in/a.txt", "cp {d} {output}/a.txt");
    let ended = run_slowly(&project, || project.write("in/a.txt", "edited\n")).code(0);
    let folder = ended.stdout.split("  ").next().expect("a folder");
    let text = fs::read_to_string(Path::new(folder).join("a.txt")).expect("text");
    assert_eq!(text, "text\n", "what was keyed");
}

#[test]
fn a_path_in_an_error_is_the_users() {
    let project = Project::with("[stage.s]\nuse = \"corpus\"\nsource = \"in\"\n");
    fs::create_dir(project.join("in")).expect("made");
    fs::write(project.join("in/a.txt"), b"caf\xe9\n").expect("written");
    project.write("in/.DS_Store", "noise");
    let ended = project.pipe(&["run", "stage:s"]).code(2);
    let path = project.join("in/a.txt").display().to_string();
    let ended = ended.says(&path);
    assert!(!ended.stderr.contains("/inputs/"), "{}", ended.stderr);
}

#[test]
fn what_is_written_to_a_result_while_it_is_read_is_no_result_and_made_again() {
    let places = tempfile::tempdir().expect("a folder");
    let project = Project::with(&format!(
        r#"
[stage.text]
use = "command"
shell = "echo right > {{output}}/a.txt"

[stage.s]
use = "command"
shell = "touch {0}/began; until test -e {0}/go; do sleep 0.02; done; cat {{d}}/a.txt > {{output}}/a.txt"
inputs = {{ d = "@text" }}
"#,
        places.path().display()
    ));
    let object = || {
        let objects = project.files(".pipe/objects");
        objects.into_iter().next().expect("an object")
    };
    let ended = run_and(&project, &places.path().join("began"), || {
        let path = object();
        let time = fs::metadata(&path)
            .expect("an object")
            .modified()
            .expect("a time");
        let chmod = Command::new("chmod").arg("u+w").arg(&path).status();
        assert!(chmod.expect("run").success());
        fs::write(&path, "wrong\n").expect("written");
        let file = fs::File::options().write(true).open(&path).expect("open");
        file.set_modified(time).expect("put back");
        fs::write(places.path().join("go"), "").expect("written");
    });
    let ended = ended.code(12);
    let ended = ended.says("input `d`: changed in the store: ");
    ended.says("somebody has changed it while a job was reading it");
    let folder = made(&project, "stage:s");
    let text = fs::read_to_string(folder.join("a.txt")).expect("text");
    assert_eq!(text, "right\n");
    project.pipe(&["verify"]).code(0);
}

#[test]
fn the_users_files_are_read_anew_when_asked_for() {
    let project = list();
    made(&project, "stage:s");
    let ended = project.pipe(&["verify", "--inputs"]).code(0);
    assert!(
        ended.stdout.contains("1 file of yours: all as noted"),
        "{}",
        ended.stdout
    );
    let told = project
        .pipe(&["verify", "--inputs", "--json"])
        .code(0)
        .json();
    assert_eq!(told["inputs"]["read"], 1);
    assert_eq!(told["inputs"]["changed"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_file_that_git_annex_has_not_fetched_is_told_as_that() {
    let project = list();
    let target = ".git/annex/objects/Xk/1z/SHA256E-s9--01.txt/SHA256E-s9--01.txt";
    symlink(target, project.join("in/b.txt")).expect("linked");
    symlink(target, project.join("c.txt")).expect("linked");
    let told = project.pipe(&["run", "stage:s"]);
    assert_ne!(told.code, Some(0));
    told.says("b.txt: a link of git-annex to a file that was not fetched")
        .says("git annex get b.txt");
    project
        .pipe(&["run", "stage:s", "--set", "d=c.txt"])
        .code(2)
        .says("c.txt: a link of git-annex to a file that was not fetched")
        .says("git annex get c.txt");
    symlink("nowhere", project.join("d.txt")).expect("linked");
    project
        .pipe(&["run", "stage:s", "--set", "d=d.txt"])
        .code(2)
        .says("d.txt: a link that leads nowhere");
}
