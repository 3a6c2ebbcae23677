//! Whole runs over a worker of a few lines.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use contract::{ArtifactType, Event, Params};
use serde_json::json;

use super::protocol::{ErrorKind, ErrorReport, JobFile, Outcome, Usage};
use super::{
    Control, Exit, Failure, FailureKind, JobState, Machine, Means, Options, Resolver, Share,
    Standing, Stop, Worker, run, survey,
};
use crate::graph::{InputSource, Job, JobGraph};
use crate::keys::{CanonicalParams, KeyParts};
use crate::progress::Progress;
use crate::resources::Resources;
use crate::store::{Holder, Record, Store, StoreError};

/// Writes the text of its parameter and its inputs to one file, or fails as its parameter says.
#[derive(Default)]
struct Writer {
    ran: Mutex<Vec<String>>,
    threads: AtomicUsize,
    most_threads: AtomicUsize,
    running: AtomicUsize,
    most_running: AtomicUsize,
    slow: Option<Duration>,
    /// Sends a request to stop when the first job starts.
    stop: Option<Mutex<Sender<Stop>>>,
    /// Whether jobs go on until they are killed.
    stubborn: bool,
    /// The signal that jobs die of when they are asked to stop.
    dies_of: Option<i32>,
}

impl Writer {
    fn ran(&self) -> Vec<String> {
        std::mem::take(&mut self.ran.lock().unwrap())
    }
}

impl Worker for Writer {
    fn run(
        &self,
        folder: &Path,
        _lock: File,
        share: &Share,
        control: &Control,
    ) -> Result<Exit, StoreError> {
        let threads = share.threads;
        let now = self.threads.fetch_add(threads, Ordering::SeqCst) + threads;
        self.most_threads.fetch_max(now, Ordering::SeqCst);
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(now, Ordering::SeqCst);
        let job: JobFile =
            serde_json::from_slice(&fs::read(folder.join("job.json")).unwrap()).unwrap();
        self.ran.lock().unwrap().push(job.label.clone());
        if let Some(stop) = &self.stop {
            stop.lock().unwrap().send(Stop::Gently).unwrap();
            while !control.stopping() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if self.dies_of.is_some() {
            return Ok(Exit {
                signal: self.dies_of,
                ..Exit::default()
            });
        }
        if self.stubborn {
            while !control.killed() {
                std::thread::sleep(Duration::from_millis(1));
            }
            return Ok(Exit {
                signal: Some(9),
                ..Exit::default()
            });
        }
        std::thread::sleep(self.slow.unwrap_or_default());
        let text = job.params.0["text"].as_str().unwrap();
        let mut content = text.to_owned();
        for path in job.inputs.0.values() {
            let places = [path.join("sub/text"), path.join("text"), path.clone()];
            let place = places.iter().find(|place| place.is_file()).unwrap();
            content += &fs::read_to_string(place).unwrap();
        }
        // Some stages forget what they are given.
        if text == "constant" {
            content = text.to_owned();
        }
        let output = folder.join("output/sub");
        let _ = fs::remove_dir_all(folder.join("output"));
        fs::create_dir_all(&output).unwrap();
        fs::write(output.join("text"), content).unwrap();
        self.threads.fetch_sub(threads, Ordering::SeqCst);
        self.running.fetch_sub(1, Ordering::SeqCst);
        let error = |kind| {
            Outcome::Error(ErrorReport {
                kind,
                message: "as asked".into(),
                remedy: None,
            })
        };
        let outcome = match text {
            _ if control.stopping() => error(ErrorKind::Interrupted),
            "fail" => error(ErrorKind::Failed),
            "full" => error(ErrorKind::Full),
            "panic" => panic!("as asked"),
            "panic in the child" => error(ErrorKind::Panic),
            "vanish" => {
                return Ok(Exit {
                    signal: Some(9),
                    ..Exit::default()
                });
            }
            "nothing" => {
                fs::remove_dir_all(folder.join("output")).unwrap();
                fs::create_dir(folder.join("output")).unwrap();
                Outcome::Ok(Usage::default())
            }
            _ => Outcome::Ok(Usage {
                core_seconds: 1.5,
                ..Usage::default()
            }),
        };
        let code = if matches!(outcome, Outcome::Ok(_)) {
            0
        } else {
            10
        };
        let printed = serde_json::to_string(&outcome).unwrap();
        Ok(Exit {
            printed,
            code: Some(code),
            signal: None,
        })
    }
}

struct Silent;

impl Progress for Silent {
    fn planned(&mut self, _: usize, _: usize) {}
    fn started(&mut self, _: usize, _: &str, _: usize) {}
    fn waits(&mut self, _: usize, _: Option<&Holder>) {}
    fn event(&mut self, _: usize, _: &Event) {}
    fn finished(&mut self, _: usize, _: &str, _: Option<&Record>) {}
    fn failed(&mut self, _: usize, _: &str, _: &Failure) {}
    fn note(&mut self, _: &str) {}
    fn tick(&mut self) {}
}

/// A graph of jobs: label, text, and the labels of inputs, perhaps `label/subfolder`.
fn graph(jobs: &[(&str, &str, &[&str])]) -> JobGraph {
    let mut graph = JobGraph::default();
    let mut places = BTreeMap::new();
    for (label, text, inputs) in jobs {
        let mut sources = Vec::new();
        for (number, input) in inputs.iter().enumerate() {
            let (source, subfolder) = match input.split_once('/') {
                Some((source, subfolder)) => (source, Some(subfolder.to_owned())),
                None => (*input, None),
            };
            let (index, _) = graph.jobs().find(|(_, job)| *job.label == *source).unwrap();
            let input = InputSource::Job {
                job: index,
                subfolder,
            };
            sources.push((format!("input{number}").into(), input));
        }
        let node = graph.graph.add_node(Job {
            stage: "writer".into(),
            kind: "writer",
            label: (*label).into(),
            params: CanonicalParams::of(&Params(
                json!({ "text": text }).as_object().unwrap().clone(),
            )),
            inputs: sources.into(),
            output: ArtifactType::Folder,
            version: 1,
            numeric: false,
            resources: Resources::default(),
        });
        for input in *inputs {
            let source = places[input.split('/').next().unwrap()];
            graph.graph.add_edge(source, node, ());
        }
        places.insert(*label, node);
    }
    graph
}

const DIAMOND: &[(&str, &str, &[&str])] = &[
    ("a", "a", &[]),
    ("b", "b", &["a"]),
    ("c", "c", &["a"]),
    ("d", "d", &["b", "c/sub"]),
];

struct Bench {
    folder: tempfile::TempDir,
    writer: Writer,
    options: Options,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            writer: Writer::default(),
            options: Options {
                jobs: 3,
                threads: 4,
                memory: None,
                gpus: Vec::new(),
                keep_going: false,
                grace: Options::GRACE,
                budget: None,
                order: None,
                known: Vec::new(),
            },
        }
    }

    fn store(&self) -> Store {
        Store::open(self.folder.path()).unwrap()
    }

    fn run(&self, graph: &JobGraph) -> Vec<JobState> {
        self.run_foreseeing(graph, &|_, _| None)
    }

    /// Runs with a notion of what jobs will hold.
    fn run_foreseeing(
        &self,
        graph: &JobGraph,
        peak_memory: &dyn Fn(&str, &KeyParts) -> Option<u64>,
    ) -> Vec<JobState> {
        let (_sender, stops) = channel();
        let machine = Machine {
            class: "test".into(),
            cpu: "test".into(),
            cores: 2,
        };
        let store = self.store();
        run(
            graph,
            Means {
                peak_memory,
                ..means(&store, &self.writer, &machine)
            },
            self.options.clone(),
            &mut Silent,
            &stops,
        )
    }

    fn objects(&self) -> Vec<std::path::PathBuf> {
        let folders = fs::read_dir(self.folder.path().join("objects")).unwrap();
        let mut all: Vec<_> = folders
            .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
            .map(|entry| entry.unwrap().path())
            .collect();
        all.sort();
        all
    }
}

/// Without a notion of what jobs will hold.
fn means<'a>(store: &'a Store, worker: &'a Writer, machine: &'a Machine) -> Means<'a> {
    Means {
        store,
        worker,
        machine,
        peak_memory: &|_, _| None,
    }
}

/// One letter per job: Cached, Made, Failed, Blocked, Not started.
fn letters(states: &[JobState]) -> String {
    states
        .iter()
        .map(|state| match state {
            JobState::Cached(_) => 'C',
            JobState::Made(_) => 'M',
            JobState::Failed(_) => 'F',
            JobState::Blocked { .. } => 'B',
            JobState::NotStarted => 'N',
        })
        .collect()
}

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
    let machine = Machine {
        class: "test".into(),
        cpu: "test".into(),
        cores: 2,
    };
    let store = bench.store();
    let mut resolver = Resolver::new(&store, &machine);
    let standings = survey(&graph(DIAMOND), &mut resolver).unwrap();
    let letters: String = standings
        .iter()
        .map(|standing| match standing {
            Standing::Cached(_) => 'C',
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
        JobState::Failed(failure) => failure,
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

/// Runs four jobs, of which the first is asked to stop and the others are never started.
fn stops_at_the_first_job(bench: &Bench, graph: &JobGraph, stops: &Receiver<Stop>) {
    let machine = Machine {
        class: "test".into(),
        cpu: "test".into(),
        cores: 2,
    };
    let store = bench.store();
    let states = run(
        graph,
        means(&store, &bench.writer, &machine),
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
        let machine = Machine {
            class: "test".into(),
            cpu: "test".into(),
            cores: 2,
        };
        let store = bench.store();
        let means = means(&store, &bench.writer, &machine);
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

#[test]
fn input_that_changes_under_a_stage_is_no_result() {
    let mut bench = Bench::new();
    bench.writer.slow = Some(Duration::from_millis(50));
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("text");
    fs::write(&file, "one").unwrap();
    let mut graph = graph(&[("a", "a", &[])]);
    let node = graph.graph.node_indices().next().unwrap();
    graph.graph[node].inputs = Box::new([("source".into(), InputSource::Path(file.clone()))]);
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

/// So many jobs without inputs, each with these resources.
fn wide(number: usize, resources: &Resources) -> JobGraph {
    let names: Vec<String> = (0..number).map(|number| format!("j{number}")).collect();
    let jobs: Vec<(&str, &str, &[&str])> = names
        .iter()
        .map(|name| (name.as_str(), name.as_str(), &[] as &[&str]))
        .collect();
    let mut graph = graph(&jobs);
    for node in graph.graph.node_weights_mut() {
        node.resources = resources.clone();
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

/// Eight may run at once, for all that threads and jobs are concerned.
fn roomy(memory: u64) -> Bench {
    let mut bench = Bench::new();
    // Long enough that those overlap that may.
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
        // More than there is runs by itself, and is no mistake.
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
    graph.graph[large].resources = memory(8);
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
    // What is known already needs no room.
    bench.run(&wide(1, &Resources::default()));
    assert_eq!(letters(&bench.run(&wide(1, &memory(u64::MAX)))), "C");
}

#[test]
fn a_job_that_another_run_works_on_leaves_the_room_to_others() {
    let mut bench = Bench::new();
    bench.options.jobs = 1;
    let graph = graph(&[("a", "a", &[]), ("b", "b", &[]), ("c", "c", &["a"])]);
    let store = bench.store();
    let machine = Machine {
        class: "test".into(),
        cpu: "test".into(),
        cores: 2,
    };
    let standings = survey(&graph, &mut Resolver::new(&store, &machine)).unwrap();
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
