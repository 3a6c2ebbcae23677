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

[stage.intermediate]
use = "intermediate"
encoder = "@pretrain"
data = "@benchmark"
epochs = 1
batch = 8
lr = 0.001
train_examples = 32
eval_examples = 16

[stage.example]
use = "masked-example"
text = "the king and the queen saw a dog"
tokenizer = "@tokenizer"

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
embeddings = "@embed"
data = "@sts-pairs"

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

[stage.sentences]
use = "benchmarks"
source = "sentences.txt"
task = "sentences"

[stage.contrast]
use = "contrast"
encoder = "@pretrain"
data = "@sentences"
batch = 2
lr = 0.001

[stage.rank]
use = "effective-rank"
encoder = "@pretrain"
tokens = "@tokens"

[stage.validation]
use = "validation-loss"
encoder = "@pretrain"
tokens = "@tokens"
rate = 0.4

[stage.own]
use = "task"
train = "own.csv"
texts = ["text"]
label = "label"
labels = ["no", "yes"]
dev_share = 0.5

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

const OWN: &str = "text,label\nthe king saw a dog,yes\nthe dog saw,no\na queen came,yes\nnobody came,no\nall went,yes\nnone went,no\n";

#[test]
fn a_kind_whose_results_change_has_a_new_version() {
    let project = Project::beyond_tokens(EVERY_KIND);
    for split in ["train", "dev"] {
        project.write(&format!("squad/{split}-v1.1.json"), QUESTIONS);
    }
    project.write("theirs.json", r#"{"1": "king and queen", "2": "dog"}"#);
    project.write("pairs.jsonl", PAIRS);
    project.write("own.csv", OWN);
    project.write(
        "sentences.txt",
        "the king saw a dog\na queen came\nnobody went\nthe dogs are here\n",
    );
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
    bag-of-words/3  bag-of-words fb08df1658df1bb9
    benchmarks/3  benchmark    b0845b27cf44a038
    benchmarks/3  pairs        1823ba7a67c0a184
    benchmarks/3  questions    6fb34b77e6a93b7a
    benchmarks/3  sentences    01bf0c339838a38b
    benchmarks/3  sets         353e0c757f6be3e3
    benchmarks/3  sts-pairs    342af4ac8a91c1cd
    command/1  joined       24752d7b97568708
    contrast/2  contrast     3984ece5d3b1b161
    corpus/2  corpus       55593d00e57fa72d
    effective-rank/1  rank         9801a2fdd0644415
    embed/3  embed        e1325dda5e209561
    embed/3  embed-sets   b9056e12f0d47848
    finetune/4  finetune     c0e01d0afd64f49b
    finetune-spans/1  answer       c2e239436a0eb81b
    flow/1  flown        81896f0109eb99da
    geometry/2  geometry     1a9f62ed544d93d5
    intermediate/1  intermediate 548ab468d3db6f40
    majority/3  majority     56686a02306c48b3
    masked-example/1  example      dc611f7042d0fceb
    minimal-pairs/1  minimal      a2c827e597a23aa6
    ngrams/1  ngrams       5d5fa2916727d8ad
    pretrain/3  pretrain     7742dc68f0759bb9
    sentences/1  cut          f02ebe682768c9ee
    sts/4  sts          4c8c17fcb31ddaf4
    task/1  own          5f9761c384a9e3f6
    tokenize/2  tokens       fda3425339550f02
    tokenizer/2  tokenizer    fdb80736a788f9f8
    transfer/1  transfer     e4a7ee618998d3e3
    validation-loss/1  validation   dcc62ab0a9015a65
    whiten/1  whitened     086ce53167687470
    world/4  world        60400eaf1abc3564
    world-transfer/1  small-world  347928275545d8de
    ");
}
