//! A full disk ends every command with exit code 13, whatever it was writing, and once there is room it goes on.

mod support;

use std::fs::{self, File};

use support::{Ended, Project};

/// The exit code for a full disk.
const FULL: i32 = 13;

/// Runs the program with more and more room on the file system of the folder `small`, a page at a time and `pages` in all, and
/// returns how each run ended; `None` where no file system can be mounted. What `before` makes there stays, what a run leaves in
/// `clear` goes before the next.
fn with_more_and_more_room(
    project: &Project,
    before: &str,
    arguments: &str,
    clear: &str,
    steps: std::ops::Range<u32>,
    pages: u32,
) -> Option<Vec<Ended>> {
    fs::create_dir_all(project.join("small")).expect("made");
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let script = format!(
        "mount -t tmpfs -o size=100m tmpfs small || exit 99
        {before}
        for step in $(seq {first} {last}); do
            rm -rf {clear}
            mount -o remount,size=100m small
            used=$(df -k --output=used small | tail -n 1)
            mount -o remount,size=$((used + 4 * {pages} * step))k small || exit 98
            {pipe} {arguments} >$step.out 2>$step.err; echo $? >$step.code
        done",
        before = before.replace("PIPE", pipe),
        first = steps.start,
        last = steps.end - 1,
    );
    let ended = project.unshared(&script)?.code(0);
    assert_eq!(ended.stderr, "");
    let read = |step: u32, end: &str| {
        fs::read_to_string(project.join(&format!("{step}.{end}"))).expect("written")
    };
    let ended = steps.map(|step| Ended {
        code: read(step, "code").trim().parse().ok(),
        stdout: read(step, "out"),
        stderr: read(step, "err"),
    });
    Some(ended.collect())
}

/// Checks that each run is done or was out of room, with the remedy; and that for each of `files` some run names it with the
/// system's own message.
#[track_caller]
fn were_out_of_room(ended: &[Ended], files: &[&str]) {
    for run in ended {
        if run.code != Some(0) {
            assert_eq!(run.code, Some(FULL), "{}", run.stderr);
            assert!(run.stderr.contains("free some space"), "{}", run.stderr);
        }
    }
    for file in files {
        let is_of = |line: &str| line.contains(&format!("{file}: No space left on device"));
        assert!(
            ended.iter().any(|run| run.stderr.lines().any(is_of)),
            "no run had no room for {file}: {:#?}",
            ended.iter().map(|run| &run.stderr).collect::<Vec<_>>()
        );
    }
}

#[test]
fn no_room_for_what_a_stage_writes_in_parquet() {
    let project = Project::new();
    let ended = with_more_and_more_room(
        &project,
        "PIPE run stage:world --store small/s >before.out 2>before.err || exit 97",
        "run stage:corpus --store small/s",
        "small/s/work",
        0..14,
        1,
    );
    let Some(ended) = ended else { return };
    were_out_of_room(&ended, &["output/documents-00000.parquet"]);
}

#[test]
fn no_room_for_weights() {
    // A checkpoint is written after five steps.
    let project = Project::training(6);
    let ended = with_more_and_more_room(
        &project,
        "PIPE run stage:tokens --store small/s >before.out 2>before.err || exit 97",
        "run stage:pretrain --store small/s",
        "small/s/work",
        0..16,
        64,
    );
    let Some(ended) = ended else { return };
    let files = [
        "weights.safetensors",
        "moments.safetensors",
        "output/model.safetensors",
    ];
    were_out_of_room(&ended, &files);
}

#[test]
fn no_room_for_results() {
    let project = Project::new();
    project.pipe(&["run", "table:baselines"]).code(0);
    let ended = with_more_and_more_room(
        &project,
        "true",
        "run table:baselines --results small/r",
        "small/r",
        1..14,
        1,
    );
    let Some(ended) = ended else { return };
    let files = [
        "digests.json",
        "baselines.md",
        "baselines.parquet",
        "baselines.provenance.json",
    ];
    were_out_of_room(&ended, &files);
    assert_eq!(ended.last().and_then(|run| run.code), Some(0));
}

#[test]
fn no_room_for_a_new_project_an_imported_one_or_an_archive() {
    let project = Project::new();
    project
        .pipe(&["run", "stage:world", "table:baselines"])
        .code(0);
    project
        .pipe(&["export", "stage:world", "-o", "a.tar"])
        .code(0);
    let pipe = env!("CARGO_BIN_EXE_pipe");
    fs::create_dir(project.join("small")).expect("made");
    // The disk has no block left for content, or no place for another file.
    for room in ["size=4k", "nr_inodes=1"] {
        for command in [
            "init small/p",
            "import a.tar --store other --project small/p",
            "import a.tar --store small/s",
            "export stage:world -o small/b.tar",
            "run stage:world --store small/s",
            "run table:baselines --results small/r",
        ] {
            let script = format!(
                "mount -t tmpfs -o {room} tmpfs small || exit 99
                echo 2>/dev/null >small/all
                exec {pipe} {command}"
            );
            let Some(ended) = project.unshared(&script) else {
                return;
            };
            ended.code(FULL).says("small/").says("free some space");
        }
    }
}

#[test]
fn no_room_for_the_leases_of_gpus() {
    let project = Project::with(
        r#"
[stage.s]
use = "command"
shell = "true > {output}/x"
resources = { gpus = 1 }
"#,
    );
    fs::create_dir(project.join("small")).expect("made");
    let script = format!(
        "mount -t tmpfs -o nr_inodes=1 tmpfs small || exit 99
        PIPE_GPUS=1 PIPE_GPU_LOCKS=small/gpus exec {} run stage:s",
        env!("CARGO_BIN_EXE_pipe")
    );
    if let Some(ended) = project.unshared(&script) {
        ended
            .code(FULL)
            .says("small/gpus: cannot lease a GPU")
            .says("free some space");
    }
}

#[test]
fn the_doctor_names_a_full_disk_as_that() {
    let project = Project::new();
    let pipe = env!("CARGO_BIN_EXE_pipe");
    fs::create_dir(project.join("small")).expect("made");
    let script = format!(
        "mount -t tmpfs -o size=100m tmpfs small || exit 99
        {pipe} run stage:world --store small/s >before.out 2>before.err || exit 97
        head -c 200000000 /dev/zero >small/all 2>head.err
        exec {pipe} doctor --store small/s"
    );
    let Some(ended) = project.unshared(&script) else {
        return;
    };
    let told = ended.code(FULL).stdout;
    assert!(told.contains("No space left on device"), "{told}");
    assert!(!told.contains("make the store writable"), "{told}");
}

#[test]
fn no_room_for_standard_output() {
    let project = Project::new();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["list"],
        &["list", "--json"],
        &["schema"],
        &["plan"],
        &["graph", "--format", "svg"],
        &["doctor", "--json"],
        &["status"],
    ] {
        // Every write to this device finds the disk full.
        let full = File::options().write(true).open("/dev/full");
        let mut command = project.command(arguments);
        let output = command.stdout(full.expect("opened")).output();
        let ended = Ended::from(output.expect("started"));
        assert_eq!(ended.code, Some(FULL), "{arguments:?}: {}", ended.stderr);
    }
}

/// The limit's signal kills whoever does not expect it: `pipe` does, a program of the user's need not.
#[test]
fn a_limit_on_file_sizes_kills_nothing() {
    let project = Project::with(
        r#"
[stage.world]
use = "world"
seed = 0
size = "tiny"

[stage.killed]
use = "command"
argv = ["dd", "if=/dev/zero", "of={output}/x", "bs=1000", "count=9"]

[stage.told]
use = "command"
shell = "trap '' XFSZ; head -c 9000 /dev/zero > {output}/x"

[stage.shell]
use = "command"
shell = "head -c 9000 /dev/zero > {output}/x; exit $?"
"#,
    );
    for stage in ["world", "killed", "told", "shell"] {
        // The limit is in blocks of 512 bytes.
        let script = format!(
            "ulimit -f 8; exec {} run stage:{stage}",
            env!("CARGO_BIN_EXE_pipe")
        );
        let ended = project.sh(&script).code(FULL);
        assert!(ended.stderr.contains("free some space"), "{}", ended.stderr);
    }
}
