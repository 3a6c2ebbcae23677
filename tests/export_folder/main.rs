//! Models that leave: `pipe export --to`, `pipe encode`, `pipe predict`, and results in MTEB's form. What the libraries of Hugging Face make
//! of them `tests/goldens/export_folder.py` shows.

mod folders;
mod kept;
mod refused;
#[path = "../support/mod.rs"]
mod support;

use std::fs;

use serde_json::Value;
use support::{Ended, Project};

/// Encoders of every sort, two fine-tuned models and a result, each after two updates.
const PIPELINE: &str = r#"
[vars]
layer_norm = "post"
pooling = "cls"
projection = "training"
head = "cls"
keep = true
sick_all = false
task = "rte"

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
layer_norm = "${layer_norm}"
size = "nano"
steps = 2
batch = 4

[stage.sentences]
use = "benchmarks"
source = "@world/simcse/sentences"
task = "sentences"

[stage.contrast]
use = "contrast"
encoder = "@pretrain"
data = "@sentences"
sentences = 16
batch = 8
lr = 1e-3
pooling = "${pooling}"
projection = "${projection}"

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "${task}"

[stage.finetune]
use = "finetune"
encoder = "@pretrain"
data = "@benchmark"
batch = 8
epochs = 1
lr = 1e-3
train_examples = 16
eval_examples = 8
pooling = "${head}"
keep_model = "${keep}"

[stage.first]
use = "intermediate"
encoder = "@pretrain"
data = "@benchmark"
batch = 8
epochs = 1
lr = 1e-3
train_examples = 8
eval_examples = 8
keep_model = "${keep}"

[stage.questions]
use = "benchmarks"
source = "@world/squad"
task = "squad2"

[stage.answer]
use = "finetune-spans"
encoder = "@pretrain"
data = "@questions"
epochs = 1
batch = 8
lr = 1e-3
train_examples = 16
eval_examples = 8
keep_model = "${keep}"

[stage.pairs]
use = "benchmarks"
source = "@world/SentEval/data/downstream"
task = "sts"
sick_all = "${sick_all}"

[stage.embed]
use = "embed"
encoder = "@contrast"
data = "@pairs"

[stage.sts]
use = "sts"
embeddings = "@embed"
data = "@pairs"

[profile.plain]
default = true
"#;

const TEXTS: &str =
    "the king saw a dog\n\nthe queen, who was tall, did not see it\nthe king saw a dog\n";

fn made(targets: &[&str]) -> Project {
    let project = Project::beyond_tokens(PIPELINE);
    project.write("texts.txt", TEXTS);
    let mut run = vec!["run"];
    run.extend(targets);
    project.pipe(&run).code(0);
    project
}

fn names(project: &Project, folder: &str) -> Vec<String> {
    let root = project.join(folder);
    let files = project.files(folder).into_iter();
    let names = files.map(|file| {
        file.strip_prefix(&root)
            .expect("below")
            .display()
            .to_string()
    });
    names.collect()
}

fn json(project: &Project, path: &str) -> Value {
    let text = fs::read_to_string(project.join(path)).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

#[track_caller]
fn refused(ended: Ended, what: &str) -> Ended {
    ended.code(2).says(what)
}
