//! What surrounds a run and is not of its making: places that are missing, files of another user, names and texts that
//! nobody expects.

mod support;

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
    // A program gets one of its own.
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
