//! What each stage kind makes of a small input, pinned with its behaviour version.
//!
//! A change of the code that changes these bytes must raise the version of the kind (`Signature::version`): otherwise
//! results of older code would be taken for its own. A change that leaves them keeps every cached result valid.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use support::Project;

/// Every kind that works on the world and its tokens.
const EVERY_KIND: &str = r#"
[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 4
batch = 8

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "sst2"

[stage.finetune]
use = "finetune"
encoder = "@pretrain"
data = "@benchmark"
epochs = 1
batch = 8
lr = 0.001
train_examples = 32
eval_examples = 16

[stage.majority]
use = "majority"
data = "@benchmark"

[stage.bag-of-words]
use = "bag-of-words"
data = "@benchmark"

[stage.sts-pairs]
use = "benchmarks"
source = "@world/SentEval/data/downstream"
task = "sts"

[stage.embed]
use = "embed"
encoder = "@pretrain"
data = "@sts-pairs"

[stage.sts]
use = "sts"
embeddings = "@embed"
data = "@sts-pairs"

[stage.questions]
use = "benchmarks"
source = "squad"
task = "squad"

[stage.answer]
use = "finetune-spans"
encoder = "@pretrain"
data = "@questions"
epochs = 1
batch = 2
lr = 0.001

[stage.theirs]
use = "answers"
predictions = "theirs.json"
data = "@questions"

[stage.pairs]
use = "benchmarks"
source = "pairs.jsonl"
task = "minimal-pairs"

[stage.minimal]
use = "minimal-pairs"
encoder = "@pretrain"
data = "@pairs"

[stage.rank]
use = "effective-rank"
encoder = "@pretrain"
tokens = "@tokens"

[stage.validation]
use = "validation-loss"
encoder = "@pretrain"
tokens = "@tokens"
rate = 0.4

[stage.joined]
use = "command"
argv = ["sh", "-euc", "cat \"$1\" \"$2\" > {output}/joined", "sh", "{one}", "{other}"]
inputs = { one = "@tokenizer/vocab.txt", other = "@benchmark/task.json" }
"#;

/// Questions about a text.
const QUESTIONS: &str = r#"{"data": [{"title": "t", "paragraphs": [{"context": "The king and the queen saw a dog.", "qas": [
    {"id": "1", "question": "Who saw a dog?", "answers": [{"answer_start": 0, "text": "The king and the queen"}]},
    {"id": "2", "question": "What did they see?", "answers": [{"answer_start": 27, "text": "a dog"}]}
]}]}]}"#;

const PAIRS: &str = r#"{"sentence_good": "the king saw a dog", "sentence_bad": "the king a dog saw", "field": "syntax", "linguistics_term": "order", "UID": "verb"}
{"sentence_good": "the dogs are here", "sentence_bad": "the dogs is here", "field": "morphology", "linguistics_term": "agreement", "UID": "number"}
"#;

#[test]
fn a_kind_whose_results_change_has_a_new_version() {
    let project = Project::beyond_tokens(EVERY_KIND);
    for split in ["train", "dev"] {
        project.write(&format!("squad/{split}-v1.1.json"), QUESTIONS);
    }
    project.write("theirs.json", r#"{"1": "king and queen", "2": "dog"}"#);
    project.write("pairs.jsonl", PAIRS);
    let list = project.pipe(&["list", "--json"]).code(0).json();
    let kinds = list["kinds"].as_array().expect("kinds");
    let versions: BTreeMap<&str, &Value> = kinds
        .iter()
        .map(|kind| (kind["kind"].as_str().expect("a text"), &kind["version"]))
        .collect();
    let run = project.pipe(&["run", "all", "--json"]).code(0).json();
    let mut made = BTreeMap::new();
    for job in run["jobs"].as_array().expect("jobs") {
        let text = |name: &str| job[name].as_str().expect("a text").to_owned();
        made.insert((text("kind"), text("stage")), text("artifact"));
    }
    let mut golden = String::new();
    for ((kind, stage), artifact) in &made {
        let version = versions[kind.as_str()];
        writeln!(golden, "{kind}/{version}  {stage:<13}{}", &artifact[..16]).expect("a text");
    }
    for kind in versions.keys() {
        assert!(
            made.keys().any(|(made, _)| made == kind),
            "{kind} is not in this test: add a stage of it"
        );
    }
    // If this fails, raise the versions of the kinds that differ, and then pin what these kinds make now.
    insta::assert_snapshot!(golden, @"
    answers/1  theirs       f4f3faf7a7f5138c
    bag-of-words/3  bag-of-words 03b87a5f246a4772
    benchmarks/2  benchmark    84f1a3f816112c11
    benchmarks/2  pairs        1823ba7a67c0a184
    benchmarks/2  questions    6fb34b77e6a93b7a
    benchmarks/2  sts-pairs    22d96904e017374e
    command/1  joined       1ecfe6c42e10e008
    corpus/2  corpus       c0c49abffdcd3bb2
    embed/3  embed        bfba2467af7d316e
    finetune/4  finetune     5d68498feb4f10e4
    finetune-spans/1  answer       9d048e3dc48cf7a5
    majority/3  majority     56686a02306c48b3
    minimal-pairs/1  minimal      601f0678fc97a7d5
    pretrain/3  pretrain     cf107e01ea6cb2bd
    sts/3  sts          56e41b44ed41236d
    tokenize/2  tokens       afc6f26a3865f214
    tokenizer/2  tokenizer    c3af02b073d036da
    validation-loss/1  validation   755d22378e192252
    world/2  world        185ef1f41d61c519
    ");
}
