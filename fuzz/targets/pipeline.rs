//! The text of a pipeline file, read, checked, and expanded where it is valid. Whatever it says is refused with a report or
//! expands, both times the same, in bounded time and memory.
//!
//! Lines that begin with `#!` are the command line: `#! m=0.3 table:rates` sets a variable and names a target.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pipe::declare::{Pipeline, Target};
use pipe::errors::Report;
use pipe::graph::{self, InputSource, Plan};
use pipe::keys::{self, Key, KeyParts};
use pipe::registry::Registry;

/// The most places that are expanded: more of them take longer and run no other code.
const MOST: usize = 2_000;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = fuzz::folder("pipeline");
    let published = include_str!("../../data/reference/masking-rate.toml");
    let claims = include_str!("../../data/claims/masking-rate.toml");
    for (of, text) in [("reference", published), ("claims", claims)] {
        let place = folder.join("data").join(of);
        fs::create_dir_all(&place).expect("a folder");
        fs::write(place.join("masking-rate.toml"), text).expect("written");
    }
    fs::write(folder.join("data.txt"), "data").expect("written");
    folder.join("pipeline.toml")
});

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::shipped);

fuzz_target!(|bytes: &[u8]| {
    let file = FILE.as_path();
    fs::write(file, bytes).expect("written");
    let text = String::from_utf8_lossy(bytes);
    let words = text.lines().filter_map(|line| line.strip_prefix("#!"));
    let words = words.flat_map(str::split_whitespace);
    let (mut set, mut targets) = (Vec::new(), Vec::new());
    for word in words {
        match word.split_once('=') {
            Some((name, value)) if !name.contains(':') => {
                set.push((name.to_owned(), value.to_owned()));
            }
            _ => targets.push(word.to_owned()),
        }
    }
    let Some(pipeline) = read(file, None, &set) else {
        return;
    };
    expand(&pipeline, &targets);
    let others: Vec<&str> = pipeline.profiles().take(4).collect();
    for profile in others {
        if let Some(other) = read(file, Some(profile), &set) {
            assert_eq!(other.profile(), profile);
            expand(&other, &[]);
        }
    }
});

/// Reads the file twice.
fn read(file: &Path, profile: Option<&str>, set: &[(String, String)]) -> Option<Pipeline> {
    let first = graph::load(file, profile.map(Into::into), set, &REGISTRY);
    let second = graph::load(file, profile.map(Into::into), set, &REGISTRY);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert!(
                first
                    .stages()
                    .map(|(name, _)| name)
                    .eq(second.stages().map(|(name, _)| name))
            );
            assert!(first.outputs().eq(second.outputs()));
            assert_eq!(first.groups(), second.groups());
            assert_eq!(first.places(), second.places());
            Some(first)
        }
        (Err(first), Err(second)) => {
            assert_eq!(first, second);
            tell(&first);
            None
        }
        _ => panic!("valid once"),
    }
}

/// Draws a report, which must not be empty.
fn tell(report: &Report) {
    assert!(!report.diagnostics().is_empty());
    let plain = report.to_string();
    for diagnostic in report.diagnostics() {
        assert!(!diagnostic.message().is_empty());
    }
    assert!(plain.contains('×'));
    assert!(report.styled().len() >= plain.len());
}

fn expand(pipeline: &Pipeline, words: &[String]) {
    match pipeline.targets(words) {
        Ok(targets) => {
            for target in &targets {
                let again = pipeline.targets(&[target.to_string()]);
                assert_eq!(again.expect("read back"), std::slice::from_ref(target));
            }
            expand_targets(pipeline, &targets);
        }
        Err(report) => tell(&report),
    }
    let mut all = vec![Target::All];
    all.extend(pipeline.stages().map(|(name, _)| Target::Stage {
        name: name.to_owned(),
        bindings: Vec::new(),
    }));
    all.extend(
        pipeline
            .groups()
            .iter()
            .map(|group| Target::Group(group.name.clone())),
    );
    expand_targets(pipeline, &all);
}

fn expand_targets(pipeline: &Pipeline, targets: &[Target]) {
    if pipeline.places() > MOST {
        return;
    }
    if let Err(report) = graph::expand(pipeline, targets) {
        tell(&report);
    }
    match (
        graph::expand_without_files(pipeline, targets),
        graph::expand_without_files(pipeline, targets),
    ) {
        (Ok(first), Ok(second)) => {
            check(&first);
            assert_same(&first, &second);
        }
        (Err(first), Err(second)) => {
            assert_eq!(first, second);
            tell(&first);
        }
        _ => panic!("valid once"),
    }
}

/// Checks what must hold for any graph.
fn check(plan: &Plan) {
    let mut labels = BTreeSet::new();
    let mut made: BTreeMap<usize, Key> = BTreeMap::new();
    for (index, job) in plan.jobs.jobs() {
        assert!(
            labels.insert(&job.label),
            "two jobs are called {}",
            job.label
        );
        // The content of input files does not matter here: jobs stand for their artifacts, and paths for their content.
        let inputs: BTreeMap<String, String> = job
            .inputs
            .iter()
            .map(|(name, source)| {
                let digest = match source {
                    InputSource::Job { job, .. } => {
                        made.get(&job.index()).expect("inputs come first").to_hex()
                    }
                    InputSource::Path(path) => blake3::hash(path.as_os_str().as_encoded_bytes())
                        .to_hex()
                        .to_string(),
                };
                (name.to_string(), digest)
            })
            .collect();
        assert_eq!(inputs.len(), job.inputs.len(), "two inputs of one name");
        let key = keys::key(job.kind, job.version, None, &job.params, inputs.iter());
        let parts = KeyParts {
            kind: job.kind.to_owned(),
            version: job.version,
            numerics: None,
            params: job.params.params(),
            inputs,
        };
        assert_eq!(parts.key(), key);
        let text = serde_json::to_vec(&parts).expect("parts are JSON");
        let read: KeyParts = serde_json::from_slice(&text).expect("read back");
        assert_eq!(read, parts);
        assert_eq!(read.key(), key);
        made.insert(index.index(), key);
    }
    for table in &plan.outputs {
        assert_eq!(table.cells.len(), table.rows.len());
        for cells in &table.cells {
            assert_eq!(cells.len(), table.columns.len());
            for cell in cells.iter().flatten() {
                assert!(!cell.jobs.is_empty());
                if let Some(choice) = &cell.choice {
                    assert!(choice.points.len() > 1);
                }
            }
        }
    }
}

fn assert_same(first: &Plan, second: &Plan) {
    assert_eq!(first.stages, second.stages);
    let jobs = |plan: &Plan| -> Vec<_> {
        let jobs = plan.jobs.jobs();
        jobs.map(|(_, job)| (job.label.clone(), job.params.clone(), job.inputs.clone()))
            .collect()
    };
    assert_eq!(jobs(first), jobs(second));
    for (first, second) in first.outputs.iter().zip(&second.outputs) {
        assert_eq!(first.rows, second.rows);
        assert_eq!(first.columns, second.columns);
        assert_eq!(first.cells, second.cells);
    }
}
