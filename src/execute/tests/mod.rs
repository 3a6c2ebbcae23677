//! Whole runs over a worker of a few lines.

#![allow(clippy::unwrap_used)]

mod away;
mod bench;
mod damage;
mod resources;
mod stopping;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use self::bench::{Bench, DIAMOND, graph, letters};
use crate::execute::queue::{Lane, Queue};
use crate::execute::resolve::Ready;
use crate::execute::{JobState, Options, Resolver, Standing, survey};
use crate::failure::FailureKind;
use crate::graph::JobIndex;
use crate::resources::Resources;

#[test]
fn each_job_runs_once_and_never_again() {
    let bench = Bench::new();
    let graph = graph(DIAMOND);
    let first = bench.run(&graph);
    assert_eq!(letters(&first), "MMMM");
    let ran = bench.writer.ran();
    assert_eq!(ran.len(), 4);
    assert_eq!((ran[0].as_str(), ran[3].as_str()), ("a", "d"));
    let second = bench.run(&graph);
    assert_eq!(letters(&second), "CCCC");
    assert_eq!(bench.writer.ran(), [""; 0]);
    let artifacts = |states: &[JobState]| -> Vec<_> {
        states
            .iter()
            .map(|state| state.found().unwrap().artifact)
            .collect()
    };
    assert_eq!(artifacts(&first), artifacts(&second));
    let store = bench.store();
    let last = second[3].found().unwrap();
    let path = store.file(&last.manifest, "sub/text").unwrap().unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "dbaca");
    let record = store.recorded(&last.key).unwrap().unwrap();
    assert_eq!(record.cost.core_seconds, 1.5);
    assert_eq!(
        fs::read_dir(bench.folder.path().join("work"))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(
        fs::read_dir(bench.folder.path().join("tmp"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_change_runs_what_follows_and_stops_where_bytes_are_the_same() {
    let bench = Bench::new();
    let chain = |first: &str| {
        graph(&[
            ("a", first, &[]),
            ("b", "constant", &["a"]),
            ("c", "c", &["b"]),
            ("d", "d", &["a"]),
        ])
    };
    bench.run(&chain("one"));
    bench.writer.ran();
    let states = bench.run(&chain("two"));
    assert_eq!(
        letters(&states),
        "MMCM",
        "c's input has the same bytes as before"
    );
    assert_eq!(
        letters(&bench.run(&chain("one"))),
        "CCCC",
        "the way back costs nothing"
    );
}

#[test]
fn the_survey_tells_what_is_cached_what_runs_and_what_is_not_known() {
    let bench = Bench::new();
    bench.run(&graph(&DIAMOND[..2]));
    let store = bench.store();
    let mut resolver = Resolver::new(&store);
    let standings = survey(&graph(DIAMOND), &mut resolver).unwrap();
    let letters: String = standings
        .iter()
        .map(|standing| match standing {
            Standing::Cached(_) => 'C',
            Standing::Away(_) => 'A',
            Standing::Missing { .. } => 'M',
            Standing::Unknown => 'U',
            Standing::Broken(_) => 'B',
        })
        .collect();
    assert_eq!(letters, "CCMU");
}

#[test]
fn jobs_with_one_key_run_once() {
    let bench = Bench::new();
    let states = bench.run(&graph(&[
        ("a", "x", &[]),
        ("b", "x", &[]),
        ("c", "c", &["b"]),
    ]));
    assert_eq!(letters(&states), "CMM", "b has more behind it");
    assert_eq!(bench.writer.ran().len(), 2);
}

#[test]
fn a_failure_stops_new_jobs_unless_asked_to_keep_going() {
    let jobs: &[(&str, &str, &[&str])] = &[
        ("bad", "fail", &[]),
        ("follows", "x", &["bad"]),
        ("later", "y", &["follows"]),
        ("other", "z", &[]),
        ("other2", "z2", &["other"]),
    ];
    let mut bench = Bench::new();
    bench.options.jobs = 1;
    assert_eq!(letters(&bench.run(&graph(jobs))), "FBBNN");
    bench.options.keep_going = true;
    let states = bench.run(&graph(jobs));
    assert_eq!(letters(&states), "FBBMM");
    let JobState::Blocked { by } = &states[2] else {
        panic!("blocked")
    };
    assert_eq!(
        by.index(),
        0,
        "the reason is the job that failed, not the one between"
    );
}

#[test]
fn failures_say_whose_fault_they_are() {
    let mut bench = Bench::new();
    bench.options.keep_going = true;
    let failure = |text: &str| match bench.run(&graph(&[("a", text, &[])])).remove(0) {
        JobState::Failed(failure) => *failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(failure("fail").kind, FailureKind::Failed);
    assert_eq!(failure("full").kind, FailureKind::Full);
    assert!(failure("vanish").message.contains("killed by signal 9"));
    for text in ["panic", "panic in the child"] {
        assert_eq!(failure(text).kind, FailureKind::Bug);
        assert_eq!(
            crate::cli::Exit::after([&failure(text)]),
            crate::cli::Exit::Bug
        );
    }
    assert_eq!(failure("panic").message, "internal error: as asked");
    let nothing = failure("nothing");
    assert!(
        nothing.message.ends_with("the stage wrote no file"),
        "{}",
        nothing.message
    );
    assert_eq!(
        letters(&bench.run(&graph(&[("a", "fine", &[])]))),
        "M",
        "the store still works"
    );
}

#[test]
fn jobs_with_one_key_fail_together() {
    let mut bench = Bench::new();
    bench.options.keep_going = true;
    let states = bench.run(&graph(&[
        ("a", "fail", &[]),
        ("b", "fail", &[]),
        ("c", "c", &["b"]),
    ]));
    assert_eq!(letters(&states), "FFB");
    assert_eq!(bench.writer.ran(), ["b"]);
}

#[test]
fn a_missing_folder_in_an_artifact_is_named_with_what_there_is() {
    let bench = Bench::new();
    let states = bench.run(&graph(&[("a", "a", &[]), ("b", "b", &["a/nowhere"])]));
    let JobState::Failed(failure) = &states[1] else {
        panic!("{states:?}")
    };
    assert_eq!(failure.kind, FailureKind::Input);
    assert_eq!(
        failure.message,
        "input `input0`: nothing lies at `nowhere` in what `a` made"
    );
    assert_eq!(failure.remedy.as_deref(), Some("it holds sub/"));
}

#[test]
fn threads_in_use_never_exceed_the_budget_and_a_lone_job_gets_all() {
    let mut bench = Bench::new();
    bench.writer.slow = Some(Duration::from_millis(10));
    let wide: Vec<(String, String)> = (0..12)
        .map(|n| (format!("j{n}"), format!("t{n}")))
        .collect();
    let wide: Vec<(&str, &str, &[&str])> = wide
        .iter()
        .map(|(label, text)| (label.as_str(), text.as_str(), &[] as &[&str]))
        .collect();
    bench.options = Options {
        jobs: 3,
        threads: 4,
        ..bench.options
    };
    bench.run(&graph(&wide));
    assert_eq!(
        bench.writer.most_threads.swap(0, Ordering::SeqCst),
        3,
        "three jobs, one thread each"
    );
    bench.run(&graph(&[("alone", "alone", &[])]));
    assert_eq!(bench.writer.most_threads.load(Ordering::SeqCst), 4);
}

#[test]
fn the_longest_chain_goes_first() {
    let mut bench = Bench::new();
    bench.options.jobs = 1;
    bench.run(&graph(&[
        ("lone", "x", &[]),
        ("short", "s", &[]),
        ("long1", "l1", &[]),
        ("long2", "l2", &["long1"]),
        ("long3", "l3", &["long2"]),
        ("middle", "m", &["short"]),
    ]));
    let ran = bench.writer.ran();
    let place = |label: &str| ran.iter().position(|ran| ran == label).unwrap();
    assert_eq!(place("long1"), 0, "{ran:?}");
    assert!(place("short") < place("lone"), "{ran:?}");
}

#[test]
fn two_runs_at_once_share_the_work() {
    let mut bench = Bench::new();
    bench.writer.slow = Some(Duration::from_millis(20));
    let graph = graph(DIAMOND);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| letters(&bench.run(&graph))))
            .collect();
        for run in runs {
            assert!(
                run.join()
                    .unwrap()
                    .chars()
                    .all(|letter| "CM".contains(letter))
            );
        }
    });
    let mut ran = bench.writer.ran();
    ran.sort();
    assert_eq!(ran, ["a", "b", "c", "d"], "each once, whoever did it");
}

#[test]
fn a_job_that_another_run_works_on_leaves_the_room_to_others() {
    let mut bench = Bench::new();
    bench.options.jobs = 1;
    let graph = graph(&[("a", "a", &[]), ("b", "b", &[]), ("c", "c", &["a"])]);
    let store = bench.store();
    let standings = survey(&graph, &mut Resolver::new(&store)).unwrap();
    let Standing::Missing { key, .. } = &standings[0] else {
        panic!("{standings:?}")
    };
    let claim = store.claim(key).unwrap().unwrap();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| bench.run(&graph));
        while bench.writer.ran.lock().unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(bench.writer.ran(), ["b"], "though a has more behind it");
        drop(claim);
        assert_eq!(letters(&run.join().unwrap()), "MMM");
    });
}

#[test]
fn a_job_that_comes_back_does_not_wait_for_itself() {
    let graph = graph(&[("a", "same", &[]), ("b", "same", &[])]);
    let jobs: Vec<JobIndex> = graph.jobs().map(|(index, _)| index).collect();
    let [a, b] = [0, 1].map(|at: usize| (None, Reverse(1), jobs[at]));
    let lane = || Lane::of("writer", &Resources::default());
    let ready = || Ready {
        key: "ab".repeat(32).parse().unwrap(),
        inputs: Vec::new(),
    };
    let mut queue = Queue::default();
    queue.push(a, lane(), ready());
    queue.push(b, lane(), ready());
    assert_eq!(queue.len(), 1);
    assert!(queue.take(a).is_some());
    // An input of both jobs was lost meanwhile, and is there again.
    queue.push(a, lane(), ready());
    queue.push(b, lane(), ready());
    assert_eq!(queue.len(), 0);
    assert_eq!(queue.end(&ready().key), BTreeSet::from([jobs[1]]));
    queue.push(b, lane(), ready());
    assert_eq!(queue.len(), 1);
}
