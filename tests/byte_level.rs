//! A pipeline over a byte-level BPE: everything that reads tokens works with it, twice with the same bytes.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::Project;

const PIPELINE: &str = r#"
[stage.ngrams]
use = "ngrams"
corpus = "@corpus"
tokenizer = "@tokenizer"
size = 100

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 6
batch = 8
masking = { strategy = "pmi", corrupt = 0.4 }
ngrams = "@ngrams"

[stage.words]
use = "pretrain"
tokens = "@tokens"
size = "nano"
layer_norm = "post"
steps = 4
batch = 8
masking = { strategy = "whole-word", corrupt = 0.4 }

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "mnli"

[stage.finetune]
use = "finetune"
encoder = "@pretrain"
data = "@benchmark"
epochs = 1
batch = 8
lr = 0.001
train_examples = 32
eval_examples = 16

[stage.types]
use = "finetune"
encoder = "@words"
data = "@benchmark"
epochs = 1
batch = 8
lr = 0.001
train_examples = 16
eval_examples = 16

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

[stage.pairs]
use = "benchmarks"
source = "@world/blimp"
task = "minimal-pairs"

[stage.minimal]
use = "minimal-pairs"
encoder = "@pretrain"
data = "@pairs"
limit = 2

[stage.validation]
use = "validation-loss"
encoder = "@pretrain"
tokens = "@tokens"
rate = 0.4
"#;

/// A question about a text whose characters are split over several tokens.
const QUESTIONS: &str = r#"{"data": [{"title": "t", "paragraphs": [{"context": "Der Zoo in Köln zeigt 东京 und 😀.", "qas": [
    {"id": "1", "question": "Wo?", "answers": [{"answer_start": 11, "text": "Köln"}]},
    {"id": "2", "question": "Was?", "answers": [{"answer_start": 22, "text": "东京"}]}
]}]}]}"#;

fn project() -> Project {
    let project = Project::beyond_tokens(PIPELINE);
    project.edit(
        "vocab_size = 300",
        "vocab_size = 500\nalgorithm = \"byte-level-bpe\"",
    );
    for split in ["train", "dev"] {
        project.write(&format!("squad/{split}-v1.1.json"), QUESTIONS);
    }
    project
}

/// Runs everything on so many threads, and returns the digests and the folders of the jobs' artifacts, by stage.
fn run(project: &Project, threads: &str) -> BTreeMap<String, (String, PathBuf)> {
    let run = ["run", "all", "--json", "--threads", threads];
    let run = project.pipe(&run).code(0).json();
    let jobs = run["jobs"].as_array().expect("jobs").iter();
    jobs.map(|job| {
        let text = |name: &str| job[name].as_str().expect("a text").to_owned();
        let target = format!("stage:{}", text("stage"));
        let shown = project.pipe(&["run", &target]).code(0).stdout;
        let (folder, _) = shown.split_once("  ").expect("a folder");
        (text("stage"), (text("artifact"), PathBuf::from(folder)))
    })
    .collect()
}

fn read(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).expect("read")).expect("JSON")
}

#[test]
fn everything_works_with_a_byte_level_bpe_and_twice_with_the_same_bytes() {
    let project = project();
    let made = run(&project, "1");
    let other = self::project();
    for (stage, (digest, _)) in run(&other, "2") {
        assert_eq!(digest, made[&stage].0, "{stage}");
    }
    let folder = |stage: &str| made[stage].1.as_path();
    // The encoder's folder is one of Hugging Face's with RoBERTa's tokenizer.
    let encoder = folder("pretrain");
    let config = read(encoder, "config.json");
    assert_eq!(config["model_type"], "roberta-prelayernorm");
    assert_eq!(config["pad_token_id"], 1);
    assert_eq!(config["vocab_size"], 500);
    let tokenizer = read(encoder, "tokenizer_config.json");
    assert_eq!(tokenizer["tokenizer_class"], "RobertaTokenizer");
    assert_eq!(tokenizer["mask_token"], "<mask>");
    assert_eq!(read(encoder, "vocab.json")["<mask>"], 4);
    assert!(encoder.join("merges.txt").is_file() && !encoder.join("vocab.txt").exists());
    // Answers are parts of the text, though no part of a character.
    let text = "Der Zoo in Köln zeigt 东京 und 😀.";
    let answers = read(folder("answer"), "predictions.json");
    for (question, answer) in answers.as_object().expect("answers") {
        let answer = answer.as_str().expect("a text");
        assert!(text.contains(answer), "{question}: {answer}");
    }
    let ngrams = fs::read_to_string(folder("ngrams").join("ngrams.txt")).expect("a list");
    assert!(
        ngrams.lines().count() > 10 && !ngrams.contains('Ġ'),
        "{ngrams}"
    );

    // The folder, given by its path, is the same encoder.
    let embedded = &made["embed"].0;
    let given = project.join("given");
    fs::create_dir(&given).expect("made");
    for entry in fs::read_dir(encoder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::copy(&path, given.join(path.file_name().expect("a name"))).expect("copied");
        }
    }
    fs::remove_file(given.join("tokenizer.json")).expect("removed");
    project.edit(
        "[stage.embed]\nuse = \"embed\"\nencoder = \"@pretrain\"",
        "[stage.embed]\nuse = \"embed\"\nencoder = \"given\"",
    );
    let again = project
        .pipe(&["run", "stage:embed", "--json"])
        .code(0)
        .json();
    let jobs = again["jobs"].as_array().expect("jobs");
    let embed = jobs.iter().find(|job| job["stage"] == "embed");
    assert_eq!(embed.expect("a job")["artifact"], **embedded);

    // A word is masked as a whole, and tokens are shown as people read them.
    let shown = project
        .pipe(&[
            "masks",
            "--strategy",
            "whole-word",
            "--rate",
            "0.5",
            "--encoder",
            "@pretrain",
            "--json",
            "the unmasked café 😀 dogs",
        ])
        .code(0)
        .json();
    let tokens = shown["examples"][0]["tokens"].as_array().expect("tokens");
    let mut units: BTreeMap<u64, String> = BTreeMap::new();
    for token in &tokens[1..] {
        if let Some(unit) = token["unit"].as_u64() {
            *units.entry(unit).or_default() += token["token"].as_str().expect("a text");
        }
    }
    assert!(!units.is_empty());
    assert_eq!(tokens[0]["token"], "<s>");
    for unit in units.values() {
        let words = ["the", "Ġunmasked", "Ġdogs"];
        assert!(
            words.contains(&unit.as_str()) || unit.starts_with("Ġcaf") || !unit.is_ascii(),
            "{units:?}"
        );
    }
}

#[test]
fn too_small_a_vocabulary_is_refused_before_anything_runs() {
    let project = Project::beyond_tokens("");
    project.edit(
        "vocab_size = 300",
        "vocab_size = 260\nalgorithm = \"byte-level-bpe\"",
    );
    let ended = project.pipe(&["run", "stage:tokens"]).code(2);
    let ended = ended.says(
        "a byte-level BPE has 261 tokens at least, for bytes and special tokens: 260 are too few",
    );
    ended.says("give 261 or more");
    // It matters not where the vocabulary is given.
    project.edit("vocab_size = 260", "vocab_size = 260\nvocab = \"given\"");
    let ended = project.pipe(&["run", "stage:tokens"]).code(2);
    assert!(!ended.stderr.contains("are too few"), "{}", ended.stderr);
}
