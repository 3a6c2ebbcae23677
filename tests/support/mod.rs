//! A small pipeline in a folder of its own, and the program to run on it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// World, corpus, tokens and scores that need no encoder: seconds on one core, and every kind of edge.
const PIPELINE: &str = r#"
[vars]
source = "@world"
world_seed = 0
task = "sst2"
vocabulary = 300
length = 24

[stage.world]
use = "world"
seed = "${world_seed}"
size = "tiny"

[stage.corpus]
use = "corpus"
source = "@world/text"

[stage.tokenizer]
use = "tokenizer"
corpus = "@corpus"
vocab_size = "${vocabulary}"

[stage.tokens]
use = "tokenize"
corpus = "@corpus"
tokenizer = "@tokenizer"
length = "${length}"

[stage.benchmark]
use = "benchmarks"
source = "${source}/glue_data"
task = "${task}"

[stage.majority]
use = "majority"
data = "@benchmark"

[stage.bag-of-words]
use = "bag-of-words"
data = "@benchmark"

[table.baselines]
title = "What needs no encoder"
rows = [
    { label = "majority", cell = "@majority" },
    { label = "bag of words", cell = "@bag-of-words" },
]
columns = [
    { label = "SST-2", task = "sst2" },
    { label = "QNLI", task = "qnli" },
    { label = "MNLI", task = "mnli" },
]

[profile.plain]
default = true
"#;

/// The stages from the world to tokens, with which pipelines begin that train.
const TOKENS: &str = r#"
[stage.world]
use = "world"
seed = 0
size = "tiny"

[stage.corpus]
use = "corpus"
source = "@world/text"

[stage.tokenizer]
use = "tokenizer"
corpus = "@corpus"
vocab_size = 300

[stage.tokens]
use = "tokenize"
corpus = "@corpus"
tokenizer = "@tokenizer"
length = 24
"#;

/// The stage that trains on the tokens.
const TRAINING: &str = r#"
[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = STEPS
batch = 8
checkpoint_every = 5

[table.training]
title = "Training"
rows = [{ label = "all" }]
columns = [{ label = "main score" }]
cell = "@pretrain"

[profile.plain]
default = true
"#;

/// The targets for the table, and for the tokens that it does not need: 13 jobs.
pub(crate) const EVERYTHING: [&str; 3] = ["run", "all", "stage:tokens"];

/// A folder with a pipeline.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    /// The small pipeline in a new folder.
    pub(crate) fn new() -> Self {
        Self::with(PIPELINE)
    }

    /// A pipeline that makes tokens, with what `more` declares.
    pub(crate) fn beyond_tokens(more: &str) -> Self {
        Self::with(&format!("{TOKENS}{more}"))
    }

    /// A pipeline whose last job trains for so many updates.
    pub(crate) fn training(steps: u32) -> Self {
        Self::beyond_tokens(&TRAINING.replace("STEPS", &steps.to_string()))
    }

    /// Another pipeline in a new folder.
    pub(crate) fn with(pipeline: &str) -> Self {
        let project = Self {
            folder: TempDir::new().expect("a folder"),
        };
        project.write("pipeline.toml", pipeline);
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Replaces text in the pipeline file, which must be there.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let path = self.join("pipeline.toml");
        let text = fs::read_to_string(&path).expect("the pipeline");
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replace(from, to)).expect("written");
    }

    /// The program, to be run in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipe"));
        command.current_dir(self.path()).args(arguments);
        for name in [
            "PIPE_STORE",
            "PIPE_PROFILE",
            "NO_COLOR",
            "CLICOLOR_FORCE",
            "RAYON_NUM_THREADS",
            "RUST_BACKTRACE",
            "CUDA_VISIBLE_DEVICES",
            "PIPE_GPUS",
            "PIPE_STORE_LOCKS",
            "PIPE_INSIDE",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program and returns how it ended.
    pub(crate) fn pipe(&self, arguments: &[&str]) -> Ended {
        Ended::from(self.command(arguments).output().expect("started"))
    }

    /// Runs a script in the folder.
    pub(crate) fn sh(&self, script: &str) -> Ended {
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(self.path())
            .output();
        Ended::from(output.expect("sh"))
    }

    /// Runs a script in the folder that may mount file systems, which no other process sees, and that ends with code 99 where
    /// it cannot. `None` where it could not, or where user namespaces are not allowed.
    pub(crate) fn unshared(&self, script: &str) -> Option<Ended> {
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .current_dir(self.path())
            .output()
            .ok()?;
        let refused = output.status.code() == Some(99)
            || String::from_utf8_lossy(&output.stderr).starts_with("unshare:");
        (!refused).then(|| Ended::from(output))
    }

    /// Runs everything, and checks that every job was cached.
    #[track_caller]
    pub(crate) fn is_all_cached(&self) {
        self.pipe(&EVERYTHING).code(0).says("all 13 jobs cached");
    }

    /// Returns the digests that a run has left in its results, without those of tables.
    pub(crate) fn digests(&self) -> BTreeMap<String, String> {
        self.digests_in("results/plain")
    }

    /// Returns the digests in a folder of results.
    pub(crate) fn digests_in(&self, folder: &str) -> BTreeMap<String, String> {
        let path = self.join(folder).join("digests.json");
        let text = fs::read(path).expect("digests");
        let all: Value = serde_json::from_slice(&text).expect("JSON");
        all["jobs"]
            .as_object()
            .expect("jobs")
            .iter()
            .map(|(label, digest)| (label.clone(), digest.as_str().expect("a text").to_owned()))
            .collect()
    }

    /// Returns all files below a folder of the project, in any order. The folder may be missing, or change meanwhile.
    pub(crate) fn files_if_any(&self, folder: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut open = vec![self.join(folder)];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.is_dir() => open.push(path),
                    path => files.push(path),
                }
            }
        }
        files
    }

    /// Returns all files below a folder of the project, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut open = vec![self.join(folder)];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Ended {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Checks that standard error says something.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "`{text}` is not in:\n{}",
            self.stderr
        );
        self
    }

    /// Returns standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("JSON on standard output")
    }
}

/// Returns the processes that a process has started, whichever of its threads did.
pub(crate) fn children(process: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}
