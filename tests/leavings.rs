//! What programs leave behind: links, other names of files, pipes, folders without rights. Nothing of the user's is touched.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use support::{Ended, Project};

/// A user that no files belong to: permissions bind this user, unlike root.
const SOMEBODY: u32 = 61_973;

/// A project with a stage `it` that runs `text` in the shell, and has `more` fields.
fn shell(text: &str, more: &str) -> Project {
    Project::with(&format!(
        "[stage.it]\nuse = \"command\"\nshell = '''{text}'''\n{more}\n"
    ))
}

/// Runs the stage, which must end well, and returns the folder with its artifact.
#[track_caller]
fn made(project: &Project) -> PathBuf {
    let told = project.pipe(&["run", "stage:it"]).code(0).stdout;
    let (folder, _) = told.split_once("  ").expect("a folder and a label");
    folder.into()
}

#[test]
fn a_folder_that_was_replaced_by_a_link_is_refused_and_nothing_moves() {
    for (place, more) in [
        ("output", "outputs = [\"keep\"]"),
        ("output", ""),
        ("checkpoints", ""),
        ("scratch", ""),
    ] {
        let text =
            format!("rmdir {{{place}}}; ln -s \"$REAL\" {{{place}}}; echo > {{output}}/keep");
        let project = shell(&text, more);
        project.write("real/keep", "mine");
        project.write("real/other", "mine");
        let real = project.join("real");
        let run = || {
            project.edit(
                "use = ",
                &format!("env = {{ REAL = \"{}\" }}\nuse = ", real.display()),
            );
            let ended = project.pipe(&["run", "stage:it"]).code(10);
            project.edit(&format!("env = {{ REAL = \"{}\" }}\n", real.display()), "");
            ended.says(&format!(
                "replaced the folder {{{place}}} by a link to {}",
                real.display()
            ));
            assert!(
                real.join("other").exists() && real.join("keep").exists(),
                "{place}"
            );
        };
        run();
        if place != "checkpoints" {
            // The link itself does not keep the job from running again.
            run();
        }
        project.pipe(&["gc"]).code(0);
        assert_eq!(fs::read_dir(&real).expect("there").count(), 2);
    }
    let project = shell("rmdir {output}; echo > {output}", "");
    let again = || project.pipe(&["run", "stage:it"]).code(10);
    again().says("replaced the folder {output} by a file");
    again().says("replaced the folder {output} by a file");
    shell("rmdir {output}", "")
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("removed the folder {output}");
}

#[test]
fn checkpoints_that_lead_elsewhere_are_never_cleared() {
    let project = shell("echo > {output}/a; exit 3", "");
    project.pipe(&["run", "stage:it"]).code(10);
    let work = fs::read_dir(project.join(".pipe/work")).expect("there");
    let work = work.flatten().next().expect("a work folder").path();
    project.write("real/unfinished/mine", "mine");
    fs::remove_dir_all(work.join("checkpoints")).expect("removed");
    std::os::unix::fs::symlink(project.join("real"), work.join("checkpoints")).expect("linked");
    project
        .pipe(&["run", "stage:it"])
        .code(2)
        .says("it is a link to")
        .says("what a link leads to stays as it is");
    assert!(project.join("real/unfinished/mine").exists());
}

#[test]
fn a_file_with_another_name_is_copied() {
    let project = shell(
        "ln \"$REAL\" {output}/tool; ln \"$REAL\" {output}/again; ln \"$REAL\" {scratch}/tool; ln \"$REAL\" {checkpoints}/tool",
        "",
    );
    project.write("tool", "mine\n");
    let tool = project.join("tool");
    let real = format!("env = {{ REAL = \"{}\" }}\nuse = ", tool.display());
    project.edit("use = ", &real);
    fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).expect("changed");
    let folder = made(&project);
    let metadata = fs::metadata(&tool).expect("there");
    assert_eq!((metadata.mode() & 0o777, metadata.nlink()), (0o755, 1));
    fs::write(&tool, "more\n").expect("written");
    project.pipe(&["verify"]).code(0);
    for name in ["tool", "again"] {
        assert_eq!(
            fs::read_to_string(folder.join(name)).expect("there"),
            "mine\n"
        );
    }
}

#[test]
fn scores_are_read_and_written_as_plain_files_alone() {
    let scores = "makes = \"scores\"";
    let good = "echo '{{\"a\": 1}}' > {output}/scores.json";
    for (text, more) in [
        ("mkfifo {output}/scores.json", ""),
        ("mkfifo {output}/scores.json", "outputs = [\"scores.json\"]"),
        ("mkfifo {output}/scores.parquet", ""),
        ("ln -s \"$REAL\" {output}/scores.json", ""),
        ("ln -s \"$REAL\" {output}/scores.parquet; GOOD", ""),
        ("truncate -s 17M {output}/scores.json", ""),
        ("mkdir {output}/scores.json", ""),
        (
            "GOOD; mkdir -p {output}/scores.parquet/a; echo > {output}/scores.parquet/a/b",
            "",
        ),
    ] {
        let project = shell(&text.replace("GOOD", good), &format!("{scores}\n{more}"));
        project.write("real", "{\"a\": 1}");
        let real = format!(
            "env = {{ REAL = \"{}\" }}\nuse = ",
            project.join("real").display()
        );
        project.edit("use = ", &real);
        let begun = Instant::now();
        project.pipe(&["run", "stage:it"]).code(10);
        assert!(begun.elapsed() < Duration::from_secs(60), "{text}");
        assert_eq!(
            fs::read_to_string(project.join("real")).expect("there"),
            "{\"a\": 1}"
        );
    }
    // A file that has another name as well is not written over.
    let project = shell(
        &format!("ln \"$REAL\" {{output}}/scores.parquet; {good}"),
        scores,
    );
    project.write("real", "mine");
    let real = format!(
        "env = {{ REAL = \"{}\" }}\nuse = ",
        project.join("real").display()
    );
    project.edit("use = ", &real);
    made(&project);
    assert_eq!(
        fs::read_to_string(project.join("real")).expect("there"),
        "mine"
    );
}

#[test]
fn links_within_the_output_become_files_and_others_are_refused() {
    let project = shell(
        "mkdir -p {output}/blobs {output}/steps/1; echo w > {output}/blobs/ab; ln -s ../../blobs/ab {output}/steps/1/w; \
         ln -s steps/1 {output}/latest; ln -s /dev/null {output}/stray",
        "outputs = [\"latest\"]",
    );
    let folder = made(&project);
    assert_eq!(
        fs::read_to_string(folder.join("latest/w")).expect("a file"),
        "w\n"
    );
    assert_eq!(fs::read_dir(&folder).expect("there").count(), 1);
    for (target, reason) in [
        ("/etc/passwd", "leads out of {output}, to /etc/passwd: a"),
        ("../lock", "leads out of {output}, to ../lock: a"),
        ("nothing", "leads to nothing, which is not there: a"),
        (".", "leads to a folder that it lies in: a"),
    ] {
        let project = shell(
            &format!("echo > {{output}}/b; ln -s {target} {{output}}/a"),
            "",
        );
        project.pipe(&["run", "stage:it"]).code(10).says(reason);
    }
    shell("mkfifo {output}/a", "")
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("no file and no folder: a");
    made(&shell(
        "mkfifo {output}/a; echo > {output}/b",
        "outputs = [\"b\"]",
    ));
}

/// Gives the project to somebody who is not root.
fn give(project: &Project, to: u32) {
    let mut all = Command::new("chown");
    all.args(["-R", &to.to_string()]).arg(project.path());
    assert!(all.status().expect("chown").success());
}

/// Runs the program as somebody who is not root and to whom the project belongs.
fn somebodys(project: &Project, arguments: &[&str]) -> Ended {
    let mut command = project.command(arguments);
    if rustix::process::geteuid().is_root() {
        give(project, SOMEBODY);
        command.uid(SOMEBODY).env("HOME", project.path());
    }
    Ended::from(command.output().expect("started"))
}

#[test]
fn folders_without_rights_are_committed_and_removed() {
    let closed = |place: &str| {
        format!(
            "mkdir -p {{{place}}}/d/e; echo hi > {{{place}}}/d/e/x; chmod 0 {{{place}}}/d/e; chmod 555 {{{place}}}/d {{{place}}}"
        )
    };
    let project = shell(&format!("{}; exit 3", closed("output")), "");
    somebodys(&project, &["run", "stage:it"])
        .code(10)
        .says("ended with code 3");
    somebodys(&project, &["run", "stage:it"])
        .code(10)
        .says("ended with code 3");
    project.edit("exit 3", "true");
    somebodys(&project, &["run", "stage:it"]).code(0);
    somebodys(&project, &["gc", "--max-cost", "100h"]).code(0);
    for place in ["scratch", "checkpoints"] {
        let text = format!(
            "echo > {{output}}/a; {}; chmod 555 {{output}}",
            closed(place)
        );
        let project = shell(&text, "");
        somebodys(&project, &["run", "stage:it"]).code(0);
        assert!(project.files(".pipe/tmp").is_empty());
        assert_eq!(
            fs::read_dir(project.join(".pipe/work"))
                .expect("there")
                .count(),
            0
        );
    }
    assert_eq!(
        fs::read_dir(project.join(".pipe/tmp"))
            .expect("there")
            .count(),
        0
    );
    assert_eq!(
        fs::read_dir(project.join(".pipe/work"))
            .expect("there")
            .count(),
        0
    );
}

#[test]
fn a_value_is_data_in_the_shell_in_arguments_and_in_the_environment() {
    let pipeline = r#"
[vars]
name = "a"
[stage.shell]
use = "command"
shell = "printf %s ${name} > {output}/x"
[stage.argv]
use = "command"
argv = ["sh", "-c", "printf %s \"$1\" > {output}/x", "sh", "${name}"]
[stage.env]
use = "command"
env = { NAME = "${name}" }
argv = ["sh", "-c", "printf %s \"$NAME\" > {output}/x"]
"#;
    let project = Project::with(pipeline);
    let quoted = Project::with(
        "[vars]\nname = \"a\"\n[stage.it]\nuse = \"command\"\nshell = 'printf %s \"${name}\" > {output}/x'\n",
    );
    for value in [
        "a; touch injected",
        "$(touch injected)",
        "{output}/y",
        "{{threads}}",
        "}",
        "it's \"so\"",
        "two words",
        "0.4",
    ] {
        let set = format!("name={value}");
        for stage in ["stage:shell", "stage:argv", "stage:env"] {
            let told = project.pipe(&["run", stage, "--set", &set]).code(0).stdout;
            let (folder, _) = told.split_once("  ").expect("a folder");
            let read = fs::read_to_string(PathBuf::from(folder).join("x")).expect("a file");
            assert_eq!(read, value, "{stage}");
        }
        let ended = quoted.pipe(&["run", "stage:it", "--set", &set]);
        if ["two words", "0.4"].contains(&value) {
            ended.code(0);
        } else {
            let told = ended.code(2).says("env = { NAME = \"${name}\" }").stderr;
            assert_eq!(told.matches('×').count(), 1, "{told}");
        }
    }
    assert!(
        project
            .files(".")
            .iter()
            .all(|path| !path.ends_with("injected"))
    );
}

#[test]
fn a_missing_module_is_told_as_what_it_is() {
    let project = Project::with(
        "[stage.it]\nuse = \"command\"\nargv = [\"python3\", \"-c\", \"import no_such_module\", \"--lr\", \"0.001\"]\n",
    );
    let ended = project.pipe(&["run", "stage:it"]);
    if ended.code == Some(2) {
        eprintln!("skipped: there is no python3");
        return;
    }
    ended
        .code(10)
        .says("`no_such_module` is not there for")
        .says("programs are found on the PATH");
}

#[test]
fn a_limit_of_processes_is_told_and_no_mistake_of_the_programs() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: the limit is that of a user who does nothing else");
        return;
    }
    if Command::new("prlimit").arg("--version").output().is_err() {
        eprintln!("skipped: there is no prlimit");
        return;
    }
    let project = Project::beyond_tokens("");
    project.write("big", &"a line of text\n".repeat(200_000));
    project.edit(
        "[stage.world]",
        "[stage.it]\nuse = \"command\"\nshell = \"cat {big} > {output}/x\"\ninputs = { big = \"big\" }\n[stage.world]",
    );
    give(&project, SOMEBODY + 1);
    let mut codes = Vec::new();
    for target in ["stage:it", "stage:tokens"] {
        for limit in 1..12 {
            let command = project.command(&["run", target, "--threads", "4"]);
            let mut limited = Command::new("prlimit");
            limited
                .arg(format!("--nproc={limit}"))
                .arg(command.get_program())
                .args(command.get_args())
                .current_dir(project.path())
                .env("HOME", project.path())
                .uid(SOMEBODY + 1);
            let ended = Ended::from(limited.output().expect("started"));
            let Ended { code, stderr, .. } = &ended;
            assert!(
                matches!(code, Some(0 | 10 | 12)),
                "{target}, {limit}: {code:?}\n{stderr}"
            );
            assert!(
                !stderr.contains("mistake in the program"),
                "{limit}: {stderr}"
            );
            if *code != Some(0) {
                assert!(stderr.contains("ulimit -u"), "{target}, {limit}: {stderr}");
            }
            codes.push(*code);
        }
    }
    assert!(codes.contains(&Some(10)), "{codes:?}");
}

#[test]
fn a_work_folder_that_was_replaced_is_refused_and_nothing_moves() {
    for (end, more) in [("", "outputs = [\"keep\"]"), ("", ""), ("; false", "")] {
        let text = format!(
            "work=$(dirname {{output}}); mv $work $work.away; ln -s $REAL $work; echo > {{output}}/keep{end}"
        );
        let project = shell(&text, more);
        for file in ["output/keep", "output/other", "log.txt", "lock"] {
            project.write(&format!("real/{file}"), "mine");
        }
        let real = project.join("real");
        let env = format!("env = {{ REAL = \"{}\" }}\nuse = ", real.display());
        project.edit("use = ", &env);
        // The second attempt finds what the first one has left.
        for _ in 0..2 {
            project.pipe(&["run", "stage:it"]).code(10);
            for file in ["output/other", "log.txt", "lock"] {
                let text = fs::read_to_string(real.join(file)).expect("there still");
                assert_eq!(text, "mine", "{file}");
            }
            assert!(real.join("output/keep").exists());
            assert_eq!(fs::read_dir(&real).expect("listed").count(), 3);
        }
    }
}

#[test]
fn a_program_that_signals_its_group_has_failed() {
    let project = shell("kill 0; sleep 5; echo > {output}/a", "");
    project
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("not by this run")
        .says("kill 0");
}

#[test]
fn what_was_served_of_a_stage_is_not_exchanged_by_the_job() {
    let project = Project::with(
        r#"
        [stage.made]
        use = "command"
        shell = "echo one > {output}/x"
        [stage.it]
        use = "command"
        shell = "rm -rf {d}; mkdir {d}; echo other > {d}/x; cp {d}/x {output}/y"
        inputs = { d = "@made" }
        "#,
    );
    project
        .pipe(&["run", "stage:it"])
        .code(12)
        .says("input `d`: changed");
}
