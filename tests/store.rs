//! What the store promises, seen from outside, with damage, full disks and other runs.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use support::{EVERYTHING, Ended, Project};

/// Enough of the pipeline for a test of the store.
const PART: [&str; 2] = ["run", "stage:majority[task=sst2]"];

#[test]
fn objects_are_named_by_their_content_read_only_and_of_one_link() {
    let project = Project::new();
    project.pipe(&["run", "all"]).code(0);
    let tag = fs::read_to_string(project.join(".pipe/CACHEDIR.TAG")).expect("read");
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55"));
    for object in project.files(".pipe/objects") {
        let content = fs::read(&object).expect("read");
        let name = object.file_name().expect("a name").to_string_lossy();
        assert_eq!(blake3::hash(&content).to_hex().as_str(), name);
        let metadata = fs::metadata(&object).expect("metadata");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o444);
        assert_eq!(metadata.nlink(), 1, "no work folder is left");
    }
    assert!(project.files(".pipe/work").is_empty());
    assert!(project.files(".pipe/tmp").is_empty());
}

#[test]
fn a_stage_s_artifact_is_had_as_a_folder() {
    let project = Project::new();
    let ended = project.pipe(&["run", "stage:tokenizer"]).code(0);
    let (path, label) = ended.stdout.trim_end().split_once("  ").expect("a line");
    assert_eq!(label, "tokenizer");
    let folders = project.join(".pipe/folders").canonicalize().expect("made");
    assert_eq!(Path::new(path).parent(), Some(&*folders));
    let vocabulary = fs::read_to_string(Path::new(path).join("vocab.txt")).expect("read");
    assert!(vocabulary.starts_with("[PAD]\n"), "{vocabulary}");
    let targets = [
        "run",
        "stage:tokenizer",
        "stage:tokens",
        "table:baselines",
        "--json",
    ];
    let ended = project.pipe(&targets).code(0).json();
    for job in ended["jobs"].as_array().expect("jobs") {
        let asked = ["tokenizer", "tokens"].contains(&job["stage"].as_str().expect("a text"));
        assert_eq!(job["path"].is_string(), asked, "{job}");
        if job["stage"] == "tokenizer" {
            assert_eq!(job["path"], path);
        }
    }
    assert!(project.files(".pipe/tmp").is_empty());
}

#[test]
fn runs_at_once_lay_out_one_folder() {
    let project = Project::new();
    project.pipe(&PART).code(0);
    fs::remove_dir_all(project.join(".pipe/folders")).expect("removed");
    let children: Vec<_> = (0..6)
        .map(|_| {
            project
                .command(&PART)
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("started")
        })
        .collect();
    let mut told: Vec<_> = children
        .into_iter()
        .map(|child| {
            Ended::from(child.wait_with_output().expect("ended"))
                .code(0)
                .stdout
        })
        .collect();
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    let names = fs::read_dir(project.join(".pipe/folders")).expect("read");
    assert_eq!(names.count(), 2, "the folder and the lock");
}

#[test]
fn any_damage_that_a_run_can_see_is_mended_by_it() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    let before = project.digests();
    for folder in ["objects", "artifacts", "records"] {
        let files = project.files(&format!(".pipe/{folder}"));
        for (number, file) in files.iter().enumerate().step_by(files.len() / 3) {
            let content = fs::read(file).expect("read");
            fs::remove_file(file).expect("removed");
            match number % 3 {
                0 => fs::write(file, &content[..content.len() / 2]).expect("cut"),
                1 => fs::write(file, "").expect("emptied"),
                _ => {}
            }
            project.pipe(&EVERYTHING).code(0);
            assert_eq!(project.digests(), before, "{}", file.display());
            project.pipe(&EVERYTHING).code(0).says("all 13 jobs cached");
        }
    }
}

/// Every kind of file, damaged in every way: `pipe verify` finds it, and a run afterwards ends with the same digests.
#[test]
fn whatever_is_damaged_is_found_and_made_again() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    let digests = project.digests();
    let whole = project.pipe(&["verify"]).code(0);
    assert!(whole.stdout.ends_with("all whole\n"), "{}", whole.stdout);
    let ways: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes[0] ^= 1,
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.fill(0),
        |bytes| bytes.push(b' '),
    ];
    for folder in ["objects", "artifacts", "records"] {
        for (way, damage) in ways.iter().enumerate() {
            let files = project.files(&format!(".pipe/{folder}"));
            let whole: Vec<_> = files
                .iter()
                .filter(|path| !path.to_string_lossy().contains(".damaged"))
                .collect();
            let path = whole[(7 * way + 3) % whole.len()];
            let mut bytes = fs::read(path).expect("read");
            damage(&mut bytes);
            // A space after a record is no damage.
            if folder == "records" && way == 3 {
                continue;
            }
            fs::remove_file(path).expect("removed");
            fs::write(path, bytes).expect("written");
            let found = project.pipe(&["verify"]).code(12);
            let name = path.file_name().expect("a name").to_string_lossy();
            assert!(
                found.stderr.contains(&*name),
                "{folder} {way}: {}",
                found.stderr
            );
            project.pipe(&EVERYTHING).code(0);
            assert_eq!(project.digests(), digests, "{folder} {way}");
            project.pipe(&["verify"]).code(0);
        }
    }
    // The runs that had made a result miss its record.
    let gone = project.files(".pipe/records");
    let gone = gone
        .iter()
        .find(|path| !path.to_string_lossy().contains(".damaged"));
    fs::remove_file(gone.expect("a record")).expect("removed");
    project
        .pipe(&["verify"])
        .code(12)
        .says("it is missing: a run had made");
    project.pipe(&EVERYTHING).code(0);
    project.pipe(&["verify"]).code(0);
    // The manifest of an artifact misses its object.
    let gone = project.files(".pipe/objects");
    let gone = gone
        .iter()
        .find(|path| !path.to_string_lossy().contains(".damaged"));
    fs::remove_file(gone.expect("an object")).expect("removed");
    project.pipe(&["verify"]).code(12).says("is missing");
    project.pipe(&EVERYTHING).code(0);
    project.pipe(&["verify", "--sample", "50"]).code(0);
    assert_eq!(project.digests(), digests);
}

#[test]
fn a_run_that_claims_to_have_lasted_for_ever_is_passed_over() {
    let project = Project::new();
    project.pipe(&PART).code(0);
    let run = project.files(".pipe/runs").remove(0);
    let text = fs::read_to_string(&run).expect("a run");
    let (before, ended) = text.split_once(r#""ended","seconds":"#).expect("an end");
    let (_, after) = ended.split_once(',').expect("more");
    let forged = format!(r#"{before}"ended","seconds":1e19,{after}"#);
    fs::write(&run, forged).expect("written");
    project.pipe(&["verify"]).code(0);
}

#[test]
fn a_store_that_was_moved_still_serves() {
    let project = Project::new();
    project.pipe(&PART).code(0);
    fs::rename(project.join(".pipe"), project.join("moved")).expect("moved");
    let output = project
        .command(&PART)
        .env("PIPE_STORE", "moved")
        .output()
        .expect("started");
    Ended::from(output).code(0).says("cached");
    assert!(!project.join(".pipe").exists());
}

#[test]
fn runs_at_once_on_one_store_do_each_job_once() {
    let project = Project::new();
    let children: Vec<_> = (0..4)
        .map(|number| {
            let results = format!("results-{number}");
            project
                .command(&[&EVERYTHING[..], &["--json", "--results", &results]].concat())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("started")
        })
        .collect();
    let mut made = Vec::new();
    for child in children {
        let ended = Ended::from(child.wait_with_output().expect("ended")).code(0);
        for job in ended.json()["jobs"].as_array().expect("jobs") {
            if job["state"] == "made" {
                made.push(job["label"].as_str().expect("a label").to_owned());
            }
        }
    }
    made.sort();
    let all = made.len();
    made.dedup();
    assert_eq!((made.len(), all), (13, 13), "{made:?}");
    let digests = |number: usize| {
        fs::read(project.join(&format!("results-{number}/plain/digests.json"))).expect("read")
    };
    assert!((1..4).all(|number| digests(number) == digests(0)));
}

#[test]
fn what_is_no_store_is_left_alone() {
    let project = Project::new();
    project.write("thesis/chapter.tex", "precious");
    let with = |store: &str| project.pipe(&[&PART[..], &["--store", store]].concat());
    with("thesis")
        .code(12)
        .says("not a store, and not empty: it holds `chapter.tex`")
        .says("--store");
    assert_eq!(project.files("thesis").len(), 1);
    with("/dev/null/store").code(12).says("/dev/null/store");
    project.write("later/store.json", r#"{"format":99}"#);
    with("later").code(12).says("format 99");
}

#[test]
fn a_store_without_permission_to_write_is_named() {
    let project = Project::new();
    project.pipe(&PART).code(0);
    let tmp = project.join(".pipe/tmp");
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o555)).expect("set");
    // Permissions do not hold for root, who runs the tests in some containers.
    let holds = fs::write(tmp.join("probe"), "").is_err();
    if holds {
        project
            .pipe(&PART)
            .code(12)
            .says(".pipe/tmp")
            .says("hint: ");
    }
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o755)).expect("set");
    let _ = fs::remove_file(tmp.join("probe"));
    project.pipe(&PART).code(0).says("all 3 jobs cached");
}

#[test]
fn a_full_disk_ends_with_13_and_with_room_the_run_goes_on() {
    let project = Project::new();
    let store = project.join("small");
    fs::create_dir(&store).expect("made");
    let reference = Project::new();
    reference.pipe(&EVERYTHING).code(0);
    // The sizes go from too small for the store itself to almost enough.
    for kilobytes in [8, 64, 256, 1024] {
        let Some((full, after)) = in_small_store(&project, &store, kilobytes) else {
            // User namespaces are not allowed here; the next test covers the same code in another way.
            return;
        };
        let full = full.code(13).says("free some space");
        assert!(
            full.stderr.contains("/small"),
            "the path is named: {}",
            full.stderr
        );
        after.code(0);
        assert_eq!(project.digests(), reference.digests(), "{kilobytes} kB");
    }
}

/// A program of the user's meets a full disk: what it wrote is removed, and its checkpoints stay.
#[test]
fn a_program_on_a_full_disk_ends_with_13_and_leaves_room() {
    let project = Project::with(
        r#"
[stage.s]
use = "command"
shell = "echo saved >> {checkpoints}/n; head -c 3000000 /dev/zero > {output}/x || exit 3; cp {checkpoints}/n {output}/n"

[stage.silent]
use = "command"
shell = "head -c 3000000 /dev/zero > {output}/x 2>/dev/null"

[stage.elsewhere]
use = "command"
shell = "echo a > {output}/x; echo 'OSError: [Errno 28] No space left on device' >&2; exit 1"
"#,
    );
    project
        .pipe(&["run", "stage:elsewhere"])
        .code(13)
        .says("was told that no space is left")
        .says("free some space");
    let left = project.files_if_any(".pipe/work");
    assert!(
        !left.iter().any(|file| file.ends_with("output/x")),
        "{left:?}"
    );
    let store = project.join("small");
    fs::create_dir(&store).expect("made");
    for stage in ["stage:s", "stage:silent"] {
        let Some((full, after)) = in_small(&project, &store, 2048, &["run", stage]) else {
            return;
        };
        full.code(13)
            .says("no space is left here")
            .says("ended with code");
        let left = fs::read_to_string(project.join("left")).expect("what was left of the store");
        assert!(!left.contains("output/x"), "{left}");
        let saved = left.contains("checkpoints/");
        assert_eq!(saved, stage == "stage:s", "{left}");
        after.code(0);
    }
}

/// Runs everything with a store on a file system of that size, and again after it was given room; `None` where none
/// can be mounted.
fn in_small_store(project: &Project, store: &Path, kilobytes: u32) -> Option<(Ended, Ended)> {
    in_small(project, store, kilobytes, &EVERYTHING)
}

/// Runs `arguments` in such a store; `left` gets the files that the first run has left.
fn in_small(
    project: &Project,
    store: &Path,
    kilobytes: u32,
    arguments: &[&str],
) -> Option<(Ended, Ended)> {
    let run = format!(
        "{} {} --store {} -j 1",
        env!("CARGO_BIN_EXE_pipe"),
        arguments.join(" "),
        store.display()
    );
    let script = format!(
        "mount -t tmpfs -o size={kilobytes}k tmpfs {store} || exit 99
        {run} >first.out 2>first.err; echo $? >first.code
        find {store} -type f >left
        mount -o remount,size=100m {store}
        exec {run}",
        store = store.display(),
    );
    let after = project.unshared(&script)?;
    let read = |name: &str| fs::read_to_string(project.join(name)).expect("read");
    let first = Ended {
        code: read("first.code").trim().parse().ok(),
        stdout: read("first.out"),
        stderr: read("first.err"),
    };
    Some((first, after))
}

#[test]
fn a_limit_on_file_sizes_is_like_a_full_disk() {
    let project = Project::new();
    // The limit is in blocks of 512 bytes. Its signal would kill the writer and is ignored, so the write fails.
    let script = format!(
        "trap '' XFSZ; ulimit -f 4; exec {} run all stage:tokens",
        env!("CARGO_BIN_EXE_pipe")
    );
    project.sh(&script).code(13).says("hint: ");
    project.pipe(&EVERYTHING).code(0);
}

/// Objects lie on one file system and work folders on another, as where a large disk holds the objects.
#[test]
fn a_store_may_lie_on_two_file_systems() {
    let shm = Path::new("/dev/shm");
    let project = Project::new();
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    if device(shm).is_none() || device(shm) == device(project.path()) {
        return;
    }
    let Ok(elsewhere) = tempfile::TempDir::new_in(shm) else {
        return;
    };
    for moved in [
        &["objects"][..],
        &["work"],
        &["objects", "folders"],
        &["records", "artifacts", "logs", "pins"],
    ] {
        let project = Project::new();
        project.pipe(&["run", "stage:world"]).code(0);
        for name in moved {
            let place = elsewhere.path().join(name);
            fs::create_dir(&place).expect("made");
            fs::remove_dir_all(project.join(&format!(".pipe/{name}"))).expect("removed");
            symlink(&place, project.join(&format!(".pipe/{name}"))).expect("linked");
        }
        let told = project.pipe(&["doctor"]).code(0).stdout;
        assert!(
            told.contains("/ is on another file system than tmp/"),
            "{told}"
        );
        let ended = project.pipe(&["run", "all", "stage:tokens"]).code(0);
        let (folder, _) = ended
            .stdout
            .lines()
            .last()
            .expect("a line")
            .split_once("  ")
            .expect("a line");
        for file in project.files_if_any(folder) {
            let mode = fs::metadata(file).expect("a file").permissions().mode();
            assert_eq!(mode & 0o222, 0, "{moved:?}: served files are read-only");
        }
        project.is_all_cached();
        project.pipe(&["verify"]).code(0);
        project.pipe(&["pin", "all"]).code(0);
        project
            .pipe(&["run", "stage:tokens", "--set", "length=16"])
            .code(0);
        project.pipe(&["gc", "--max-cost", "any"]).code(0);
        project.is_all_cached();
        assert!(
            project.files(".pipe/work").is_empty() && project.files(".pipe/tmp").is_empty(),
            "{moved:?}"
        );
        for name in moved {
            fs::remove_dir_all(elsewhere.path().join(name)).expect("removed");
        }
    }
}
