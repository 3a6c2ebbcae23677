//! How much the jobs that run at once have together.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bench::{Bench, graph, letters};
use crate::execute::{JobState, Options};
use crate::failure::FailureKind;
use crate::graph::JobGraph;
use crate::resources::Resources;

/// So many jobs without inputs, each with these resources.
fn wide(number: usize, resources: &Resources) -> JobGraph {
    let names: Vec<String> = (0..number).map(|number| format!("j{number}")).collect();
    let jobs: Vec<(&str, &str, &[&str])> = names
        .iter()
        .map(|name| (name.as_str(), name.as_str(), &[] as &[&str]))
        .collect();
    let mut graph = graph(&jobs);
    for node in graph.graph.node_weights_mut() {
        node.resources = resources.clone().into();
    }
    graph
}

fn memory(bytes: u64) -> Resources {
    Resources {
        memory: Some(bytes),
        place: Some("pipeline.toml:7".into()),
        ..Resources::default()
    }
}

/// A bench on which eight jobs may run at once, as far as threads and the number of jobs go.
fn roomy(memory: u64) -> Bench {
    let mut bench = Bench::new();
    // Slow enough that jobs overlap where they may.
    bench.writer.slow = Some(Duration::from_millis(100));
    bench.options = Options {
        jobs: 8,
        threads: 8,
        memory: Some(memory),
        ..bench.options
    };
    bench
}

#[test]
fn memory_is_never_promised_twice() {
    let bench = roomy(10);
    let states = bench.run(&wide(9, &memory(4)));
    assert_eq!(letters(&states), "MMMMMMMMM");
    assert_eq!(bench.writer.most_running.load(Ordering::SeqCst), 2);
}

#[test]
fn what_like_jobs_have_held_counts_where_nothing_is_declared() {
    let bench = roomy(10);
    let states = bench.run_foreseeing(&wide(6, &Resources::default()), &|label, _| {
        // A job that likely holds more memory than there is runs by itself, and is no mistake.
        Some(if label == "j0" { 99 } else { 3 })
    });
    assert_eq!(letters(&states), "MMMMMM");
    assert_eq!(bench.writer.most_running.load(Ordering::SeqCst), 3);
}

#[test]
fn declared_threads_are_what_a_job_gets() {
    let bench = roomy(0);
    let threads = Resources {
        threads: Some(3),
        ..Resources::default()
    };
    let states = bench.run(&wide(5, &threads));
    assert_eq!(letters(&states), "MMMMM");
    let most = bench.writer.most_threads.load(Ordering::SeqCst);
    assert_eq!(most, 6, "two jobs of three threads each fit into eight");
    let key = states[0].found().unwrap().key;
    let record = bench.store().recorded(&key).unwrap().unwrap();
    assert_eq!(record.cost.threads, 3);
}

#[test]
fn a_large_job_is_not_passed_over_by_small_ones_that_fit() {
    let bench = roomy(8);
    let mut graph = wide(40, &memory(2));
    let large = graph.graph.node_indices().nth(4).unwrap();
    graph.graph[large].resources = memory(8).into();
    assert!(
        bench
            .run(&graph)
            .iter()
            .all(|state| state.found().is_some())
    );
    let ran = bench.writer.ran();
    let place = ran.iter().position(|label| label == "j4").unwrap();
    assert!(place < 8, "{ran:?}");
}

#[test]
fn what_no_run_here_can_have_is_the_user_s_mistake() {
    let mut bench = roomy(8_000_000_000);
    bench.options.keep_going = true;
    let failure = |resources: &Resources| match bench.run(&wide(1, resources)).remove(0) {
        JobState::Failed(failure) => failure,
        other => panic!("{other:?}"),
    };
    let too_much = failure(&memory(9_000_000_000));
    assert_eq!(too_much.kind, FailureKind::Input);
    assert_eq!(
        too_much.message,
        "pipeline.toml:7: it declares 9.00 GB of memory, and this run has 8.00 GB of memory"
    );
    assert!(too_much.remedy.unwrap().contains("--memory"));
    let gpu = failure(&Resources {
        gpus: 1,
        ..Resources::default()
    });
    assert_eq!(
        gpu.message,
        "its stage: it declares 1 GPU, and this run has 0 GPUs"
    );
    let threads = failure(&Resources {
        threads: Some(9),
        ..Resources::default()
    });
    assert!(
        threads
            .message
            .ends_with("9 threads, and this run has 8 threads")
    );
    // A job with a known result needs no room.
    bench.run(&wide(1, &Resources::default()));
    assert_eq!(letters(&bench.run(&wide(1, &memory(u64::MAX)))), "C");
}
