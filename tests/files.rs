//! What `pipe list KIND` says of the files that a stage writes is what it writes.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use support::Project;

/// One stage of each kind at least.
const KINDS: &str = r#"
[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 4
batch = 4
validate_every = 2

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "mnli"

[stage.pairs]
use = "benchmarks"
source = "@world/SentEval/data/downstream"
task = "sts"

[stage.majority]
use = "majority"
data = "@benchmark"

[stage.bag-of-words]
use = "bag-of-words"
data = "@benchmark"

[stage.finetune]
use = "finetune"
encoder = "@pretrain"
data = "@benchmark"
batch = 8
epochs = 1
lr = 1e-3
train_examples = 32
eval_examples = 16
held_out = 8
keep_model = true

[stage.first]
use = "intermediate"
encoder = "@pretrain"
data = "@benchmark"
batch = 8
epochs = 1
lr = 1e-3
train_examples = 32
eval_examples = 16

[stage.example]
use = "masked-example"
text = "the king saw a dog"

[stage.embed]
use = "embed"
encoder = "@pretrain"
data = "@pairs"

[stage.sts]
use = "sts"
embeddings = "@embed"
data = "@pairs"

[stage.flown]
use = "flow"
embeddings = "@embed"
levels = 2
batch = 8

[stage.whitened]
use = "whiten"
embeddings = "@embed"
dimensions = 4

[stage.geometry]
use = "geometry"
embeddings = "@whitened"
data = "@pairs"

[stage.small-world]
use = "world-transfer"
examples = 60

[stage.sets]
use = "benchmarks"
source = "@small-world/SentEval/data/downstream"
task = "transfer"

[stage.embed-sets]
use = "embed"
encoder = "@pretrain"
data = "@sets"

[stage.transfer]
use = "transfer"
embeddings = "@embed-sets"
data = "@sets"
folds = 3

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
eval_examples = 16
keep_model = true

[stage.few]
use = "benchmarks"
source = "squad"
task = "squad"

[stage.theirs]
use = "answers"
predictions = "theirs.json"
data = "@few"

[stage.minimal-data]
use = "benchmarks"
source = "@world/blimp"
task = "minimal-pairs"

[stage.minimal]
use = "minimal-pairs"
encoder = "@pretrain"
data = "@minimal-data"
limit = 2

[stage.validation]
use = "validation-loss"
encoder = "@pretrain"
tokens = "@tokens"
rate = 0.4

[stage.sentences]
use = "benchmarks"
source = "@world/simcse/sentences"
task = "sentences"

[stage.triplets]
use = "benchmarks"
source = "@world/simcse/nli"
task = "triplets"

[stage.contrast]
use = "contrast"
encoder = "@pretrain"
data = "@sentences"
development = "@scored"
sentences = 32
batch = 8
lr = 1e-3
validate_every = 2

[stage.scored]
use = "benchmarks"
source = "@world/glue_data"
task = "stsb"

[stage.rank]
use = "effective-rank"
encoder = "@pretrain"
tokens = "@tokens"

[stage.cut]
use = "sentences"
corpus = "@corpus"
limit = 40
following = 1

[stage.ngrams]
use = "ngrams"
corpus = "@corpus"
tokenizer = "@tokenizer"
size = 100

[stage.own]
use = "task"
train = "own.csv"
texts = ["text"]
label = "label"
labels = ["no", "yes"]
dev_share = 0.5

[stage.program]
use = "command"
shell = "echo '{{\"accuracy\": 91.5}}' > {output}/scores.json"
makes = "scores"

[profile.plain]
default = true
"#;

const QUESTIONS: &str = r#"{"data": [{"title": "t", "paragraphs": [{"context": "The king saw a dog.", "qas": [
    {"id": "1", "question": "What did he see?", "answers": [{"answer_start": 13, "text": "a dog"}]}
]}]}]}"#;

#[test]
fn the_documented_files_and_columns_are_those_that_are_written() {
    let project = Project::beyond_tokens(KINDS);
    for split in ["train", "dev"] {
        project.write(&format!("squad/{split}-v1.1.json"), QUESTIONS);
    }
    project.write("theirs.json", r#"{"1": "a dog"}"#);
    project.write(
        "own.csv",
        "text,label\na b,yes\nc d,no\ne f,yes\ng h,no\ni j,yes\nk l,no\n",
    );
    let declared = project.pipe(&["list", "--json"]).code(0).json();
    let stages = declared["stages"].as_array().expect("stages");
    let name = |stage: &Value| stage["name"].as_str().expect("a name").to_owned();
    let targets: Vec<String> = stages
        .iter()
        .map(|stage| format!("stage:{}", name(stage)))
        .collect();
    let mut run = vec!["run"];
    run.extend(targets.iter().map(String::as_str));
    let made = project.pipe(&run).code(0).stdout;
    let folders: BTreeMap<&str, &str> = made
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(folder, label)| (label, folder))
        .collect();
    let mut shown = BTreeSet::new();
    for stage in stages {
        let (name, kind) = (name(stage), stage["kind"].as_str().expect("a kind"));
        let listed = project.pipe(&["list", kind, "--json"]).code(0).json();
        let documented = listed["files"].as_array().expect("files");
        assert!(!documented.is_empty(), "{kind} says nothing of its files");
        let folder = Path::new(folders[name.as_str()]);
        let mut seen = BTreeSet::new();
        for path in files(folder) {
            let place = path
                .strip_prefix(folder)
                .expect("below")
                .to_str()
                .expect("UTF-8");
            // Files of one name may differ with the shape of a task.
            let is_at = |file: &&Value| is_at(file["path"].as_str().expect("a path"), place);
            let alike: Vec<&Value> = documented.iter().filter(is_at).collect();
            let first = alike
                .first()
                .unwrap_or_else(|| panic!("{kind} writes {place}, which nothing documents"));
            seen.insert(first["path"].as_str().expect("a path"));
            if place.ends_with(".parquet") {
                let written = columns(&path);
                let known: Vec<_> = alike.iter().map(|file| documented_columns(file)).collect();
                assert!(
                    known.contains(&written),
                    "{kind}: {place}: {written:?}, not of {known:?}"
                );
            }
        }
        for file in documented {
            let path = file["path"].as_str().expect("a path");
            assert!(
                seen.contains(path) || !file["when"].is_null(),
                "{kind} always writes {path}, it says, and does not"
            );
        }
        shown.extend(seen.into_iter().map(|path| format!("{kind}: {path}")));
    }
    // Files that a kind writes only at times were written here.
    for file in [
        "benchmarks: validation_mismatched.parquet",
        "benchmarks: pairs.parquet",
        "command: scores.parquet",
        "finetune: model/*",
        "finetune-spans: model/*",
    ] {
        assert!(shown.contains(file), "{file} is not in {shown:?}");
    }
    let kinds = declared["kinds"].as_array().expect("kinds");
    for kind in kinds {
        let kind = kind["kind"].as_str().expect("a kind");
        assert!(
            stages.iter().any(|stage| stage["kind"] == kind),
            "no stage here is a `{kind}`: what it writes is not looked at"
        );
    }
    let text = project.pipe(&["list", "finetune"]).code(0).stdout;
    assert!(text.contains("  predictions.parquet\n"), "{text}");
    assert!(text.contains("gradient_norm  double"), "{text}");
}

/// Whether a documented path, in which one `*` may stand for any part, is that of the file.
fn is_at(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((start, end)) => path.starts_with(start) && path.ends_with(end),
    }
}

/// A column's name, its type, and whether it may hold nulls.
type Column = (String, String, bool);

fn documented_columns(file: &Value) -> Vec<Column> {
    let columns = file["columns"].as_array().expect("columns");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    columns
        .iter()
        .map(|column| {
            let nullable = column["nullable"].as_bool().expect("a truth value");
            (text(&column["name"]), text(&column["type"]), nullable)
        })
        .collect()
}

fn columns(path: &Path) -> Vec<Column> {
    let file = File::open(path).expect("a file");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let fields = reader.schema().fields().iter();
    fields
        .map(|field| {
            let name = type_name(field.data_type());
            (field.name().clone(), name, field.is_nullable())
        })
        .collect()
}

fn type_name(of: &DataType) -> String {
    match of {
        DataType::Utf8 => "utf8".into(),
        DataType::Int32 => "int32".into(),
        DataType::Int64 => "int64".into(),
        DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        DataType::Boolean => "bool".into(),
        DataType::List(item) => format!("list<{}>", type_name(item.data_type())),
        other => other.to_string(),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        match entry.expect("an entry").path() {
            path if path.is_dir() => files.extend(self::files(&path)),
            path => files.push(path),
        }
    }
    files
}
