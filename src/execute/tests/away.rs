//! Results that are known and whose files are elsewhere.

use std::fs::{self, File};
use std::sync::Arc;

use super::bench::{Bench, DIAMOND, graph, letters};
use crate::execute::{JobState, Resolver, Standing, recall, survey};
use crate::failure::FailureKind;
use crate::graph::{JobGraph, JobIndex};
use crate::store::Lookup;

/// Sends results away that a run has just made.
fn send_away(bench: &Bench, states: &[JobState]) {
    let store = bench.store();
    for state in states {
        store.send_away(state.found().unwrap());
    }
}

fn standings(bench: &Bench, graph: &JobGraph, asked: &[JobIndex]) -> String {
    let store = bench.store();
    let mut standings = survey(graph, &mut Resolver::new(&store)).unwrap();
    recall(graph, &mut standings, asked);
    let letters = standings.iter().map(|standing| match standing {
        Standing::Cached(_) => 'C',
        Standing::Away(_) => 'A',
        Standing::Missing { .. } => 'M',
        Standing::Unknown => 'U',
        Standing::Broken(_) => 'B',
    });
    letters.collect()
}

#[test]
fn nothing_is_made_again_that_nobody_reads() {
    let bench = Bench::new();
    let graph = graph(DIAMOND);
    let first = bench.run(&graph);
    send_away(&bench, &first);
    bench.writer.ran();
    assert_eq!(standings(&bench, &graph, &[]), "CCCC");
    assert_eq!(letters(&bench.run(&graph)), "CCCC");
    assert_eq!(bench.writer.ran(), [""; 0]);
}

#[test]
fn a_job_has_its_inputs_made_again_as_far_up_as_they_are_elsewhere() {
    let bench = Bench::new();
    let jobs = [
        ("a", "a", &[][..]),
        ("b", "b", &["a"]),
        ("c", "c", &["b"]),
        ("d", "d", &["a"]),
    ];
    let before = bench.run(&graph(&jobs));
    send_away(&bench, &before);
    bench.writer.ran();
    let more = [
        &jobs[..],
        &[("e", "e", &["c/sub"]), ("f", "f", &["c", "d"])],
    ]
    .concat();
    let more = graph(&more);
    assert_eq!(standings(&bench, &more, &[]), "AAAAMM");
    let after = bench.run(&more);
    assert_eq!(letters(&after), "MMMMMM");
    let mut ran = bench.writer.ran();
    ran.sort();
    assert_eq!(ran, ["a", "b", "c", "d", "e", "f"], "each once");
    for (before, after) in before.iter().zip(&after) {
        let (before, after) = (before.found().unwrap(), after.found().unwrap());
        assert_eq!(before.artifact, after.artifact);
        assert!(after.is_whole());
    }
    assert_eq!(letters(&bench.run(&more)), "CCCCCC");
    assert_eq!(standings(&bench, &more, &[]), "CCCCCC");
}

#[test]
fn what_is_here_is_enough_for_whom_it_suffices() {
    let bench = Bench::new();
    let jobs = [("a", "a", &[][..]), ("b", "b", &["a"])];
    let before = bench.run(&graph(&jobs));
    send_away(&bench, &before[..1]);
    bench.writer.ran();
    // The files of `b` are here, and nothing else is read.
    let more = [&jobs[..], &[("c", "c", &["b"])]].concat();
    let states = bench.run(&graph(&more));
    assert_eq!(letters(&states), "CCM");
    assert_eq!(bench.writer.ran(), ["c"]);
}

#[test]
fn whoever_asks_by_name_has_it_made_again() {
    let mut bench = Bench::new();
    let graph = graph(DIAMOND);
    let first = bench.run(&graph);
    send_away(&bench, &first);
    bench.writer.ran();
    let asked: Vec<JobIndex> = graph
        .jobs()
        .map(|(index, _)| index)
        .skip(1)
        .take(1)
        .collect();
    assert_eq!(standings(&bench, &graph, &asked), "AACC");
    bench.options.asked = asked;
    // What is not known at the start is looked up.
    assert_eq!(letters(&bench.run(&graph)), "MMCC");
    assert_eq!(bench.writer.ran(), ["a", "b"]);
    send_away(&bench, &first);
    let known = first.iter().map(|state| {
        let store = bench.store();
        match store.lookup(&state.found().unwrap().key).unwrap() {
            Lookup::Hit(found) => Some(Arc::new(found)),
            _ => None,
        }
    });
    bench.options.known = known.collect();
    assert_eq!(letters(&bench.run(&graph)), "MMCC");
    assert_eq!(bench.writer.ran(), ["a", "b"]);
}

#[test]
fn a_job_that_makes_other_bytes_leaves_the_known_result_as_it_is() {
    let bench = Bench::new();
    let jobs = [("a", "dice", &[][..]), ("b", "b", &["a"])];
    let before = bench.run(&graph(&jobs));
    send_away(&bench, &before);
    let more = [&jobs[..], &[("c", "c", &["b"]), ("d", "d", &[])]].concat();
    let states = bench.run(&graph(&more));
    let JobState::Failed(failure) = &states[0] else {
        panic!("{:?}", states[0]);
    };
    assert_eq!(failure.kind, FailureKind::Differs);
    assert!(
        failure
            .message
            .starts_with("its result is not what it makes here: sub/text (artifact "),
        "{}",
        failure.message
    );
    assert!(matches!(states[2], JobState::Blocked { .. }));
    let store = bench.store();
    let known = before[0].found().unwrap();
    let Lookup::Hit(there) = store.lookup(&known.key).unwrap() else {
        panic!("it is known as before");
    };
    assert_eq!(there.artifact, known.artifact);
    assert!(!there.is_whole());
}

#[test]
fn an_input_of_what_is_made_again_may_turn_out_damaged() {
    let bench = Bench::new();
    let jobs = [("a", "a", &[][..]), ("b", "b", &["a"])];
    let before = bench.run(&graph(&jobs));
    send_away(&bench, &before[1..]);
    bench.writer.ran();
    let object = bench
        .store()
        .object(&before[0].found().unwrap().manifest.files[0].digest);
    let time = fs::metadata(&object).unwrap().modified().unwrap();
    fs::remove_file(&object).unwrap();
    fs::write(&object, "b").unwrap();
    let file = File::options().write(true).open(&object).unwrap();
    file.set_modified(time).unwrap();
    let more = [&jobs[..], &[("c", "c", &["b", "a"]), ("d", "d", &["b"])]].concat();
    let states = bench.run(&graph(&more));
    assert_eq!(letters(&states), "MMMM");
    assert_eq!(bench.writer.ran().len(), 4);
    for (before, after) in before.iter().zip(&states) {
        let (before, after) = (before.found().unwrap(), after.found().unwrap());
        assert_eq!(before.artifact, after.artifact);
    }
}

#[test]
fn jobs_with_one_key_are_made_again_once() {
    let bench = Bench::new();
    let jobs = [("a", "x", &[][..]), ("b", "x", &[])];
    let before = bench.run(&graph(&jobs));
    send_away(&bench, &before[..1]);
    bench.writer.ran();
    let more = [&jobs[..], &[("c", "c", &["a"]), ("d", "d", &["b"])]].concat();
    let states = bench.run(&graph(&more));
    assert!(states.iter().all(|state| state.found().unwrap().is_whole()));
    let mut ran = bench.writer.ran();
    ran.sort();
    assert_eq!(ran.len(), 3, "{ran:?}");
    assert_eq!(ran[1..], ["c", "d"]);
}

#[test]
fn what_a_stopped_run_has_not_made_again_is_not_told_to_be_here() {
    let mut bench = Bench::new();
    let graph = graph(&[("a", "a", &[][..]), ("b", "b", &["a"])]);
    let before = bench.run(&graph);
    send_away(&bench, &before);
    bench.options.asked = graph.jobs().map(|(index, _)| index).collect();
    bench.options.budget = Some(std::time::Duration::ZERO);
    let states = bench.run(&graph);
    assert!(
        states
            .iter()
            .all(|state| state.found().is_none_or(|found| found.is_whole()))
    );
    bench.options.budget = None;
    let states = bench.run(&graph);
    assert!(
        states
            .iter()
            .all(|state| state.found().is_some_and(|found| found.is_whole()))
    );
}
