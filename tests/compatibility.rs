//! Stores and archives that earlier programs have written are read, and no job of theirs runs again.

mod support;

use std::fs;
use std::path::Path;

use support::Project;

/// A project with the files of `tests/fixtures/store-1`.
fn fixture() -> Project {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-1");
    let pipeline = fs::read_to_string(folder.join("pipeline.toml")).expect("the pipeline");
    let project = Project::with(&pipeline);
    copy(&folder, project.path());
    project
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let place = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &place);
        } else {
            fs::copy(&path, &place).expect("copied");
        }
    }
}

#[test]
fn results_of_store_format_1_hold() {
    let project = fixture();
    let store = ["--store", "store"];
    let pipe = |arguments: &[&str]| project.pipe(&[arguments, &store].concat());
    let run = pipe(&["run", "all"]).code(0).says("all 3 jobs cached");
    insta::assert_snapshot!(run.stdout, @r"
    scores: Scores

         accuracy
    ──────────────
     1      91.50
     2      91.50

    Profile `plain`.
    ");
    let why = pipe(&["why", "stage:score[m=2]"]).code(0).stdout;
    assert!(why.contains("all that its key holds is as it was"), "{why}");
    let pins = pipe(&["pin"]).code(0).stdout;
    assert!(pins.contains("kept") && pins.contains("a note"), "{pins}");
    let log = pipe(&["log"]).code(0).stdout;
    assert!(
        log.contains("stage:half --profile plain: 1 job, 0 cached, 1 failed, "),
        "{log}"
    );
    let log = pipe(&["log", "stage:half"]).code(0);
    assert!(log.stderr.contains("log.txt"), "{}", log.stderr);
    // The job goes on from the checkpoint that the earlier program has saved; from the beginning it would fail again.
    let half = pipe(&["run", "stage:half"]).code(0).stdout;
    let folder = half.split_whitespace().next().expect("a folder");
    assert_eq!(
        fs::read_to_string(Path::new(folder).join("whole")).expect("a file"),
        "1\n"
    );
    pipe(&["verify"]).code(0);
    pipe(&["gc", "--max-cost", "any"]).code(0);
    pipe(&["run", "all"]).code(0).says("all 3 jobs cached");
}

#[test]
fn an_archive_of_format_1_is_taken_in() {
    let project = fixture();
    let imported = ["--store", "imported"];
    let pipe = |arguments: &[&str]| project.pipe(&[arguments, &imported].concat());
    pipe(&["import", "archive.tar"]).code(0);
    pipe(&["run", "all"]).code(0).says("all 3 jobs cached");
    pipe(&["verify"]).code(0);
}
