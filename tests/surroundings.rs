//! What a run finds around it: places that are missing, files of another user, names and texts that nobody expects.

mod support;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Ended, Project};

/// A table of one cell whose program is `program`.
fn table(program: &str) -> Project {
    Project::with(&format!(
        r#"
[stage.s]
use = "command"
argv = ["sh", "-c", '''{program}''']
outputs = ["scores.json"]
makes = "scores"

[table.t]
title = "T"
cell = "@s"
rows = [{{ label = "r" }}]
columns = [{{ label = "c" }}]

[profile.plain]
default = true
"#
    ))
}

#[test]
fn nothing_needs_a_folder_for_temporary_files() {
    // A program gets a temporary folder of its own.
    let project = table(
        r#"test -d "$TMPDIR"; mktemp > /dev/null; echo '{{"accuracy": 1}}' > {output}/scores.json"#,
    );
    let pipe = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        Ended::from(command.env("TMPDIR", "/nowhere").output().expect("started"))
    };
    pipe(&["run", "all"]).code(0);
    assert!(project.join("results/plain/t.parquet").is_file());
    pipe(&["run", "stage:s"]).code(0);
    for command in ["plan", "show", "why", "log", "verify", "gc", "doctor"] {
        pipe(&[command]).code(0);
    }
    pipe(&["export", "all", "-o", "x.tar"]).code(0);
    pipe(&["import", "x.tar", "--store", "other"]).code(0);
}

/// Two stages, each a file.
const TWO: &str = r#"
[stage.a]
use = "command"
shell = "echo a > {output}/x"

[stage.b]
use = "command"
shell = "echo b > {output}/x"
"#;

/// A user who has nothing.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Gives a project to a user.
fn give(project: &Project, user: u32) {
    let all = project.files_if_any(".");
    let folders = all.iter().flat_map(|file| file.ancestors());
    for path in folders.filter(|path| path.starts_with(project.path())) {
        lchown(path, Some(user), Some(user)).expect("given");
    }
}

fn as_user(project: &Project, user: u32, arguments: &[&str]) -> Ended {
    let mut command = project.command(arguments);
    command.env("HOME", project.path()).uid(user).gid(user);
    Ended::from(command.output().expect("started"))
}

/// Runs the program as root whose new files nobody else may read.
fn as_strict_root(project: &Project, arguments: &[&str]) -> Ended {
    let mut command = Command::new("sh");
    let pipe = project.command(arguments);
    command.args(["-c", r#"umask 077; exec "$0" "$@""#]);
    command.arg(pipe.get_program()).args(arguments);
    Ended::from(
        command
            .current_dir(project.path())
            .output()
            .expect("started"),
    )
}

#[test]
fn a_user_goes_on_after_root_has_run_once() {
    if !is_root() {
        return;
    }
    let project = Project::with(TWO);
    give(&project, NOBODY);
    let user = |arguments: &[&str]| as_user(&project, NOBODY, arguments);
    user(&["run", "stage:a"]).code(0);
    fs::remove_file(project.join(".pipe/folders/lock")).expect("removed");
    fs::remove_dir_all(project.join(".pipe/caches")).expect("removed");
    as_strict_root(&project, &["run", "stage:b"]).code(0);
    as_strict_root(&project, &["plan"]).code(0);
    let is_users =
        |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|file| file.uid() == NOBODY);
    let others: Vec<_> = project
        .files(".pipe")
        .into_iter()
        .filter(|path| !is_users(path))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    user(&["run", "stage:a", "stage:b"])
        .code(0)
        .says("all 2 jobs cached");
    for arguments in [
        &["log"][..],
        &["log", "last"],
        &["verify"],
        &["gc", "--max-cost", "1h"],
        &["status"],
    ] {
        user(arguments).code(0);
    }
}

#[test]
fn root_makes_a_store_and_results_that_are_the_users() {
    if !is_root() {
        return;
    }
    let project = table(r#"echo '{{"accuracy": 1}}' > {output}/scores.json"#);
    give(&project, NOBODY);
    as_strict_root(&project, &["run", "all"]).code(0);
    as_user(&project, NOBODY, &["run", "all"])
        .code(0)
        .says("cached");
    as_user(&project, NOBODY, &["run", "all", "--set", "x=1"]).code(2);
    project.edit("\"T\"", "\"Another title\"");
    as_user(&project, NOBODY, &["run", "all"]).code(0);
    let table = fs::read_to_string(project.join("results/plain/t.md")).expect("a table");
    assert!(table.contains("Another title"), "{table}");
}

#[test]
fn whose_a_file_is_that_keeps_a_user_out_is_said_with_how_to_get_it_back() {
    if !is_root() {
        return;
    }
    let project = Project::with(TWO);
    give(&project, NOBODY);
    let user = |arguments: &[&str]| as_user(&project, NOBODY, arguments);
    user(&["run", "stage:a"]).code(0);
    let keep_out = |path: &str| {
        let path = project.join(path);
        lchown(&path, Some(0), Some(0)).expect("taken");
        fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("closed");
    };
    let home = fs::canonicalize(project.join(".pipe")).expect("a path");
    let back = format!("sudo chown -R nobody '{}'", home.display());
    for path in [
        ".pipe/users/lock",
        ".pipe/objects",
        ".pipe/records",
        ".pipe/runs",
    ] {
        keep_out(path);
        // A journal that cannot be written is no failure; one that cannot be read is reported.
        let command = if path.ends_with("runs") {
            &["log"][..]
        } else {
            &["run", "stage:b"]
        };
        let ended = user(command).code(12).says("belongs to root").says(&back);
        assert!(!ended.stderr.contains("--store PATH"), "{}", ended.stderr);
        give(&project, NOBODY);
    }
    let caches = [".pipe/caches/records", ".pipe/caches"];
    for path in caches {
        keep_out(path);
        user(&["run", "stage:a"]).code(0).says("cached");
    }
    // The whole store belongs to another user: the remedy must not take it away.
    give(&project, 0);
    fs::set_permissions(&home, Permissions::from_mode(0o700)).expect("closed");
    user(&["run", "stage:a"])
        .code(12)
        .says("belongs to root")
        .says("--store PATH");
}

/// Runs a command below a terminal, and returns all that reached it.
fn on_a_terminal(project: &Project, arguments: &str) -> Vec<u8> {
    let plain = project.command(&[]);
    let program = plain.get_program();
    // `script` repeats its own command.
    let command = format!("{} {arguments}\n", program.display());
    project.write("typed", &command);
    let typescript = project.join("typescript");
    let mut script = Command::new("script");
    script
        .args(["-qc", "sh typed"])
        .arg(&typescript)
        .stdin(Stdio::null());
    // Variables around the tests must not reach the program here either, or forbid it colours.
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script
        .env("TERM", "xterm-256color")
        .current_dir(project.path())
        .output()
        .expect("`script`, of util-linux");
    fs::read(typescript).expect("what was shown")
}

#[test]
fn no_text_of_others_reaches_a_terminal_as_a_command() {
    const TITLE: &[u8] = b"\x1b]0;OWNED\x07";
    // The program sends a title, C1 control characters, and text that runs backwards.
    let project = Project::with(
        r#"
[stage.names]
use = "command"
shell = "touch {output}/$(printf 'a\\033]0;OWNED\\007')"
outputs = ["b"]

[stage.says]
use = "command"
shell = '''
printf '\033]0;OWNED\007 \302\233 \342\200\256 10%%\r20%%\r\n'
printf '{{"done": 1, "total": 2, "unit": "\\u001b]0;OWNED\\u0007{{", "note": "\\u001b]0;OWNED\\u0007"}}\n' >&$PIPE_PROGRESS_FD
printf '{{"note": "\\u001b]0;OWNED\\u0007"}}\n' >&$PIPE_PROGRESS_FD
echo '{{"accuracy": 1}}' > {output}/scores.json
'''
makes = "scores"

[table.t]
title = "\u001b]0;OWNED\u0007"
cell = "@says"
rows = [{ label = "\u001b]0;OWNED\u0007" }]
columns = [{ label = "\u001b]0;OWNED\u0007 c" }]

[profile.plain]
default = true
"#,
    );
    let check = |commands: &[&str]| {
        for command in commands {
            let shown = on_a_terminal(&project, command);
            assert!(!shown.is_empty(), "{command}");
            for sent in [TITLE, b"\xc2\x9b", "\u{202e}".as_bytes()] {
                let is_there = shown.windows(sent.len()).any(|part| part == sent);
                assert!(
                    !is_there,
                    "{command}: {:?}",
                    String::from_utf8_lossy(&shown)
                );
            }
        }
    };
    check(&[
        "run stage:names",
        "run -v all",
        "run all",
        "run stage:says",
        "log stage:names",
        "log stage:says",
        "log last",
        "log",
        "why stage:names",
        "why stage:says",
        "plan",
        "status",
        "show",
        "show --json",
        "show --cell 'm=\u{1b}]0;OWNED\u{7}'",
        "list",
        "graph",
        "diff",
        "verify",
        "gc --dry-run",
        "doctor",
        "export all -o x.tar",
        "import x.tar --store other",
        "log stage:says --store other",
        "run 'stage:\u{1b}]0;OWNED\u{7}'",
        "'\u{1b}]0;OWNED\u{7}'",
        "show --file '\u{1b}]0;OWNED\u{7}'",
    ]);
    // A file of results is safe in a terminal as well.
    let table = fs::read_to_string(project.join("results/plain/t.md")).expect("a table");
    assert!(!table.contains('\u{1b}'), "{table}");
    assert!(table.contains("\\x1b\\]0;OWNED\\x07"), "{table}");
    // In a file or a pipe, a log has the bytes that the program wrote.
    let log = project
        .command(&["log", "stage:says"])
        .output()
        .expect("started");
    assert!(log.stdout.starts_with(TITLE), "{log:?}");
    // The program's own colours are shown.
    let shown = String::from_utf8_lossy(&on_a_terminal(&project, "run stage:names")).into_owned();
    assert!(
        shown.contains("\u{1b}[31m") && shown.contains("\\x1b]0;OWNED"),
        "{shown}"
    );
}

#[test]
fn names_that_are_not_utf8_are_names() {
    let odd = OsStr::from_bytes(b"s\xe9");
    let project = Project::with(
        r#"
[stage.corpus]
use = "corpus"
source = "text"

[stage.program]
use = "command"
argv = ["true"]
"#,
    );
    project.write("text/a.txt", "A sentence.\n\nAnother one.\n");
    let pipe = |folder: &Path, arguments: &[&OsStr]| {
        let mut command = project.command(&[]);
        let output = command
            .current_dir(folder)
            .args(arguments)
            .output()
            .expect("started");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Ended {
            code: output.status.code(),
            stdout,
            stderr,
        }
    };
    let here = |arguments: &[&OsStr]| pipe(project.path(), arguments);
    let [run, corpus, store, json] = ["run", "stage:corpus", "--store", "--json"].map(OsStr::new);
    let printed = here(&[run, corpus, store, odd]).code(0);
    assert!(project.join(".").join(odd).join("store.json").is_file());
    assert!(printed.stdout.contains("corpus"), "{}", printed.stdout);
    // A pipe gets the very bytes of the path, so that the folder can be found.
    let mut command = project.command(&[]);
    let output = command
        .args([run, corpus, store, odd])
        .output()
        .expect("started");
    let end = output.stdout.windows(2).position(|two| two == b"  ");
    let place = OsStr::from_bytes(&output.stdout[..end.expect("a place and a label")]);
    assert!(Path::new(place).is_dir(), "{output:?}");
    for command in ["run", "plan", "why", "log"] {
        here(&[command.as_ref(), corpus, store, odd]).code(0);
        here(&[command.as_ref(), corpus, store, odd, json])
            .code(0)
            .json();
    }
    for command in ["verify", "gc", "status", "log", "doctor"] {
        here(&[command.as_ref(), store, odd, json]).code(0).json();
    }
    here(&[run, corpus, "--results".as_ref(), odd]).code(0);
    let archive = OsStr::from_bytes(b"s\xe9.tar");
    here(&["export".as_ref(), corpus, "-o".as_ref(), archive, json])
        .code(0)
        .json();
    here(&[
        "import".as_ref(),
        archive,
        store,
        OsStr::from_bytes(b"t\xe9"),
    ])
    .code(0);
    // A program gets paths as parts of texts.
    here(&[run, "stage:program".as_ref(), store, odd])
        .code(2)
        .says("is not UTF-8")
        .says("--store PATH");
    // The project itself lies in such a folder.
    let other = project.join(".").join(OsStr::from_bytes(b"p\xe9"));
    fs::create_dir_all(other.join("text")).expect("made");
    for file in ["pipeline.toml", "text/a.txt"] {
        fs::copy(project.join(file), other.join(file)).expect("copied");
    }
    pipe(&other, &[run, corpus]).code(0);
    pipe(&other, &[run, corpus]).code(0).says("cached");
}
