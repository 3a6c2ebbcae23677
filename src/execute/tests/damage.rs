//! What others have changed: results in the store, and inputs.

use std::fs::{self, File};
use std::time::Duration;

use super::bench::{Bench, DIAMOND, graph, letters};
use crate::execute::{FailureKind, JobState};
use crate::graph::InputSource;

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
        // Cut at every tenth byte, and zeroed.
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
    // As if it had rotten: same size, same time.
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

#[test]
fn input_that_changes_under_a_stage_is_no_result() {
    let mut bench = Bench::new();
    bench.writer.slow = Some(Duration::from_millis(50));
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("text");
    fs::write(&file, "one").unwrap();
    let mut graph = graph(&[("a", "a", &[])]);
    let node = graph.graph.node_indices().next().unwrap();
    graph.graph[node].inputs =
        Box::new([("source".into(), InputSource::Path(file.as_path().into()))]);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| bench.run(&graph));
        while bench.writer.ran.lock().unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        fs::write(&file, "two").unwrap();
        let states = run.join().unwrap();
        let JobState::Failed(failure) = &states[0] else {
            panic!("{states:?}")
        };
        assert!(
            failure.message.contains("was changed while"),
            "{}",
            failure.message
        );
        assert_eq!(failure.kind, FailureKind::Input);
    });
    assert_eq!(letters(&bench.run(&graph)), "M");
    assert_eq!(letters(&bench.run(&graph)), "C");
}
