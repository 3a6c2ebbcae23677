//! Stopping before all is done.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::bench::{Bench, DIAMOND, Silent, graph, letters, means};
use crate::execute::{JobState, Stop, run};
use crate::failure::FailureKind;
use crate::graph::JobGraph;

/// Runs four jobs, of which the first is asked to stop and the others are never started.
fn stops_at_the_first_job(bench: &Bench, graph: &JobGraph, stops: &Receiver<Stop>) {
    let store = bench.store();
    let states = run(
        graph,
        means(&store, &bench.writer),
        bench.options.clone(),
        &mut Silent,
        stops,
    );
    assert_eq!(letters(&states), "FBBB");
    let JobState::Failed(failure) = &states[0] else {
        panic!("{states:?}")
    };
    assert_eq!(failure.kind, FailureKind::Interrupted);
}

#[test]
fn asked_to_stop_it_starts_nothing_more_and_the_next_run_goes_on() {
    let mut bench = Bench::new();
    let graph = graph(DIAMOND);
    let (sender, stops) = channel();
    bench.writer.stop = Some(Mutex::new(sender));
    stops_at_the_first_job(&bench, &graph, &stops);
    bench.writer.stop = None;
    assert_eq!(letters(&bench.run(&graph)), "MMMM");
}

#[test]
fn a_job_that_crashes_when_asked_to_stop_has_failed() {
    for (signal, kind) in [
        (15, FailureKind::Interrupted),
        (11, FailureKind::Failed),
        (9, FailureKind::Failed),
    ] {
        let mut bench = Bench::new();
        let (sender, stops) = channel();
        bench.writer.stop = Some(Mutex::new(sender));
        bench.writer.dies_of = Some(signal);
        let store = bench.store();
        let means = means(&store, &bench.writer);
        let graph = graph(&[("a", "a", &[])]);
        let states = run(&graph, means, bench.options.clone(), &mut Silent, &stops);
        let JobState::Failed(failure) = &states[0] else {
            panic!("{states:?}")
        };
        assert_eq!(failure.kind, kind, "signal {signal}");
    }
}

#[test]
fn a_job_that_does_not_stop_when_asked_to_is_killed_after_a_while() {
    let mut bench = Bench::new();
    let (sender, stops) = channel();
    bench.writer.stop = Some(Mutex::new(sender));
    bench.writer.stubborn = true;
    bench.options.grace = Duration::from_millis(20);
    stops_at_the_first_job(&bench, &graph(DIAMOND), &stops);
}
