//! A worker of a few lines, and runs over it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use contract::{ArtifactType, Event, Params};
use serde_json::json;

use crate::execute::protocol::{ErrorKind, ErrorReport, JobFile, Outcome, Usage};
use crate::execute::{
    Assignment, Control, Executor, Exit, JobState, Machine, Means, Options, Stop, run,
};
use crate::failure::Failure;
use crate::graph::{InputSource, Job, JobGraph};
use crate::keys::{CanonicalParams, KeyParts};
use crate::progress::{Progress, Results};
use crate::store::{Holder, Record, Store, StoreError};

/// Writes the text of its parameter and its inputs to one file, or fails as its parameter says.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) ran: Mutex<Vec<String>>,
    pub(super) threads: AtomicUsize,
    pub(super) most_threads: AtomicUsize,
    pub(super) running: AtomicUsize,
    pub(super) most_running: AtomicUsize,
    pub(super) slow: Option<Duration>,
    /// Sends a request to stop when the first job starts.
    pub(super) stop: Option<Mutex<Sender<Stop>>>,
    /// Whether jobs go on until they are killed.
    pub(super) stubborn: bool,
    /// The signal that jobs die of when they are asked to stop.
    pub(super) dies_of: Option<i32>,
}

impl Writer {
    pub(super) fn ran(&self) -> Vec<String> {
        std::mem::take(&mut self.ran.lock().unwrap())
    }
}

impl Executor for Writer {
    fn machine(&self) -> &Machine {
        static MACHINE: LazyLock<Machine> = LazyLock::new(|| Machine {
            class: "test".into(),
            cpu: "test".into(),
            cores: 2,
        });
        &MACHINE
    }

    fn run(&self, assignment: &Assignment<'_>, control: &Control) -> Result<Exit, StoreError> {
        let folder = assignment.folder();
        let threads = assignment.share.threads;
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
        // Some programs give another result each time.
        if text == "dice" {
            static THROWN: AtomicUsize = AtomicUsize::new(0);
            content += &THROWN.fetch_add(1, Ordering::SeqCst).to_string();
        }
        // Some stages give the same result whatever their inputs are.
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
            ..Exit::default()
        })
    }
}

pub(super) struct Silent;

impl Progress for Silent {
    fn known(&mut self, _: &Results<'_>) {}
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
pub(super) fn graph(jobs: &[(&str, &str, &[&str])]) -> JobGraph {
    let mut graph = JobGraph::default();
    let mut places = BTreeMap::new();
    for (label, text, inputs) in jobs {
        let mut sources = Vec::new();
        for (number, input) in inputs.iter().enumerate() {
            let (source, subfolder) = match input.split_once('/') {
                Some((source, subfolder)) => (source, Some(subfolder.into())),
                None => (*input, None),
            };
            let (index, _) = graph.jobs().find(|(_, job)| *job.label == *source).unwrap();
            let input = InputSource::Job {
                job: index,
                subfolder,
            };
            sources.push((format!("input{number}").into(), input));
        }
        let params = json!({ "text": text }).as_object().unwrap().clone();
        let params = CanonicalParams::of(&Params(params));
        let node = graph.graph.add_node(Job {
            stage: "writer".into(),
            kind: "writer",
            label: (*label).into(),
            params: params.clone(),
            keyed: params,
            inputs: sources.into(),
            output: ArtifactType::Folder,
            version: 1,
            numerics: None,
            by_chance: false,
            resources: Default::default(),
            selections: Default::default(),
        });
        for input in *inputs {
            let source = places[input.split('/').next().unwrap()];
            graph.graph.add_edge(source, node, ());
        }
        places.insert(*label, node);
    }
    graph
}

pub(super) const DIAMOND: &[(&str, &str, &[&str])] = &[
    ("a", "a", &[]),
    ("b", "b", &["a"]),
    ("c", "c", &["a"]),
    ("d", "d", &["b", "c/sub"]),
];

pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) writer: Writer,
    pub(super) options: Options,
}

impl Bench {
    pub(super) fn new() -> Self {
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
                asked: Vec::new(),
            },
        }
    }

    pub(super) fn store(&self) -> Store {
        Store::open(self.folder.path()).unwrap()
    }

    pub(super) fn run(&self, graph: &JobGraph) -> Vec<JobState> {
        self.run_foreseeing(graph, &|_, _| None)
    }

    /// Runs with a notion of what jobs will hold.
    pub(super) fn run_foreseeing(
        &self,
        graph: &JobGraph,
        peak_memory: &dyn Fn(&str, &KeyParts) -> Option<u64>,
    ) -> Vec<JobState> {
        let (_sender, stops) = channel();
        let store = self.store();
        run(
            graph,
            Means {
                peak_memory,
                ..means(&store, &self.writer)
            },
            self.options.clone(),
            &mut Silent,
            &stops,
        )
    }

    pub(super) fn objects(&self) -> Vec<std::path::PathBuf> {
        let folders = fs::read_dir(self.folder.path().join("objects")).unwrap();
        let mut all: Vec<_> = folders
            .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
            .map(|entry| entry.unwrap().path())
            .collect();
        all.sort();
        all
    }
}

/// What a run works with, where nothing is known of how much memory jobs will hold.
pub(super) fn means<'a>(store: &'a Store, executor: &'a Writer) -> Means<'a> {
    Means {
        store,
        executor,
        source: &|_| None,
        peak_memory: &|_, _| None,
    }
}

/// One letter per job: Cached, Made, Failed, Blocked, Not started.
pub(super) fn letters(states: &[JobState]) -> String {
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
