//! What others have changed: results in the store, and inputs.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::bench::{Bench, DIAMOND, graph, letters};
use crate::execute::JobState;
use crate::failure::FailureKind;
use crate::graph::{InputSource, JobGraph};
use crate::store::Digest;

#[test]
fn a_damaged_object_is_set_aside_and_made_again() {
    let bench = Bench::new();
    let graph = graph(DIAMOND);
    let before = bench.run(&graph);
    bench.writer.ran();
    let objects = bench.objects();
    for damage in ["shorter", "missing"] {
        let path = &objects[1];
        let content = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        if damage == "shorter" {
            fs::write(path, &content[..content.len() - 1]).unwrap();
        }
        let states = bench.run(&graph);
        assert_eq!(bench.writer.ran().len(), 1, "{damage}");
        for (state, before) in states.iter().zip(&before) {
            assert_eq!(
                state.found().unwrap().artifact,
                before.found().unwrap().artifact
            );
        }
        assert_eq!(fs::read(path).unwrap(), content);
    }
    let aside = objects[1].with_extension("damaged");
    assert!(aside.exists(), "evidence is kept");
}

#[test]
fn records_and_manifests_that_are_no_such_thing_count_as_missing() {
    let bench = Bench::new();
    let graph = graph(DIAMOND);
    bench.run(&graph);
    bench.writer.ran();
    for kind in ["records", "artifacts"] {
        let folder = bench.folder.path().join(kind);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        // The file is cut at every tenth byte, and zeroed.
        let content = fs::read(&files[0]).unwrap();
        let mut damages: Vec<Vec<u8>> = (0..content.len())
            .step_by(content.len() / 10)
            .map(|at| content[..at].to_vec())
            .collect();
        damages.push(vec![0; content.len()]);
        for damage in damages {
            fs::write(&files[0], damage).unwrap();
            assert!(
                bench
                    .run(&graph)
                    .iter()
                    .all(|state| state.found().is_some())
            );
            assert_eq!(bench.writer.ran().len(), 1);
        }
        assert_eq!(bench.run(&graph).len(), 4);
        assert_eq!(bench.writer.ran().len(), 0);
    }
}

#[test]
fn what_the_disk_has_changed_is_made_again_before_a_stage_reads_it() {
    let bench = Bench::new();
    let graph = graph(&[("a", "a", &[]), ("b", "b", &["a"]), ("c", "c", &["a"])]);
    let before = bench.run(&graph);
    bench.writer.ran();
    // As if the disk had changed a byte: same size, same time.
    let a = before[0].found().unwrap();
    let store = bench.store();
    let path = store.file(&a.manifest, "sub/text").unwrap().unwrap();
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "x").unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(time).unwrap();
    let b = before[1].found().unwrap().key;
    fs::remove_file(bench.folder.path().join(format!("records/{b}.json"))).unwrap();
    let states = bench.run(&graph);
    assert_eq!(letters(&states), "MMC");
    let mut ran = bench.writer.ran();
    ran.sort();
    assert_eq!(ran, ["a", "b"]);
    for (state, before) in states.iter().zip(&before) {
        assert_eq!(
            state.found().unwrap().artifact,
            before.found().unwrap().artifact
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "a");
}

/// A graph of one job that reads a path.
fn reader(path: &Path) -> JobGraph {
    let mut graph = graph(&[("a", "a", &[])]);
    let node = graph.graph.node_indices().next().unwrap();
    graph.graph[node].inputs = Box::new([("source".into(), InputSource::Path(path.into()))]);
    graph
}

/// Runs a graph of slow jobs and, once a job with that label runs, calls `meanwhile`.
fn run_and(
    bench: &Bench,
    graph: &JobGraph,
    label: &str,
    meanwhile: impl FnOnce(),
) -> Vec<JobState> {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| bench.run(graph));
        let runs = || {
            bench
                .writer
                .ran
                .lock()
                .unwrap()
                .iter()
                .any(|ran| ran == label)
        };
        while !runs() {
            std::thread::sleep(Duration::from_millis(1));
        }
        meanwhile();
        run.join().unwrap()
    })
}

#[test]
fn a_folder_that_changes_under_a_stage_is_no_result() {
    let mut bench = Bench::new();
    bench.writer.slow = Some(Duration::from_millis(100));
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("text");
    fs::write(&file, "one").unwrap();
    let graph = reader(data.path());
    let states = run_and(&bench, &graph, "a", || fs::write(&file, "two").unwrap());
    let JobState::Failed(failure) = &states[0] else {
        panic!("{states:?}")
    };
    let message = &failure.message;
    assert!(
        message.ends_with("text: somebody has changed it since this run looked at it"),
        "{message}"
    );
    assert_eq!(failure.kind, FailureKind::Input);
    assert_eq!(letters(&bench.run(&graph)), "M");
    assert_eq!(letters(&bench.run(&graph)), "C");
}

#[test]
fn a_file_that_was_copied_for_a_stage_may_change() {
    let mut bench = Bench::new();
    bench.writer.slow = Some(Duration::from_millis(100));
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("text");
    fs::write(&file, "one").unwrap();
    let graph = reader(&file);
    let states = run_and(&bench, &graph, "a", || fs::write(&file, "two").unwrap());
    let made = |states: &[JobState]| {
        let found = states[0].found().unwrap();
        let path = bench.store().file(&found.manifest, "sub/text").unwrap();
        fs::read_to_string(path.unwrap()).unwrap()
    };
    assert_eq!(made(&states), "aone");
    assert_eq!(made(&bench.run(&graph)), "atwo");
}

/// Writes to an object as root can, and puts the object's time back.
fn overwrite(path: &Path, text: &str) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mode = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, mode).unwrap();
    File::open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn what_is_changed_in_the_store_under_a_stage_is_no_result_and_made_again_by_the_next_run() {
    let mut bench = Bench::new();
    bench.writer.slow = Some(Duration::from_millis(100));
    let graph = graph(&[("a", "a", &[]), ("b", "b", &["a"])]);
    let digest = Digest::of(b"a").to_string();
    let objects = bench.store().root().join("objects");
    let object = objects.join(&digest[..2]).join(&digest);
    let states = run_and(&bench, &graph, "b", || overwrite(&object, "x"));
    let JobState::Failed(failure) = &states[1] else {
        panic!("{states:?}")
    };
    assert_eq!(failure.kind, FailureKind::Changed);
    let message = &failure.message;
    let start = "input `input0`: changed in the store: ";
    assert!(message.starts_with(start), "{message}");
    let end = "somebody has changed it while a job was reading it";
    assert!(message.ends_with(end), "{message}");
    assert_eq!(
        fs::read_to_string(object.with_extension("damaged")).unwrap(),
        "x"
    );

    bench.writer.ran();
    let states = bench.run(&graph);
    assert_eq!(bench.writer.ran(), ["a", "b"]);
    let found = states[1].found().unwrap();
    let path = bench.store().file(&found.manifest, "sub/text").unwrap();
    assert_eq!(fs::read_to_string(path.unwrap()).unwrap(), "ba");
    assert_eq!(letters(&bench.run(&graph)), "CC");
}

#[test]
fn an_object_that_others_link_and_read_is_no_change() {
    let mut bench = Bench::new();
    bench.writer.slow = Some(Duration::from_millis(50));
    let graph = graph(&[("a", "a", &[]), ("b", "b", &["a"]), ("c", "c", &["a"])]);
    assert_eq!(letters(&bench.run(&graph)), "MMM");
    assert_eq!(bench.writer.ran().len(), 3);
}
