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
[stage.ngrams]
use = "ngrams"
corpus = "@corpus"
tokenizer = "@tokenizer"
size = 100

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

[stage.joined]
use = "command"
argv = ["sh", "-euc", "cat \"$1\" \"$2\" > {output}/joined", "sh", "{one}", "{other}"]
inputs = { one = "@tokenizer/vocab.txt", other = "@benchmark/task.json" }
"#;

#[test]
fn a_kind_whose_results_change_has_a_new_version() {
    let project = Project::beyond_tokens(EVERY_KIND);
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
    bag-of-words/3  bag-of-words 03b87a5f246a4772
    benchmarks/2  benchmark    84f1a3f816112c11
    benchmarks/2  sts-pairs    22d96904e017374e
    command/1  joined       1ecfe6c42e10e008
    corpus/2  corpus       c0c49abffdcd3bb2
    embed/3  embed        bfba2467af7d316e
    finetune/4  finetune     5d68498feb4f10e4
    majority/3  majority     56686a02306c48b3
    ngrams/1  ngrams       8b1b600ebc905956
    pretrain/3  pretrain     cf107e01ea6cb2bd
    sts/3  sts          56e41b44ed41236d
    tokenize/2  tokens       afc6f26a3865f214
    tokenizer/2  tokenizer    c3af02b073d036da
    world/2  world        185ef1f41d61c519
    ");
}
