//! The user's own files: what stands in their place, how texts are compressed, and what scores cannot be.

mod support;

use std::fs;

use support::Project;

const POINTER: &str =
    "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize 440449768\n";

/// Stages that read what the user has, each with files of its own.
const READERS: &str = r#"
[stage.corpus]
use = "corpus"
source = "text"

[stage.tokenizer]
use = "tokenizer"
vocab = "vocabulary"

[stage.glue]
use = "benchmarks"
source = "glue"
task = "rte"

[stage.sts]
use = "benchmarks"
source = "sts"
task = "sts"

[stage.embed]
use = "embed"
encoder = "encoder"
data = "@sts"
"#;

/// A project in which every file that the stages read is there; those of the encoder are not read to their end.
fn readers() -> Project {
    let project = Project::with(READERS);
    for (name, text) in [
        ("text/a.txt", "Some text.\n"),
        (
            "vocabulary/vocab.txt",
            "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n",
        ),
        (
            "glue/RTE/train.tsv",
            "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n",
        ),
        (
            "glue/RTE/dev.tsv",
            "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n",
        ),
        ("sts/STS/STS12-en-test/STS.input.MSRpar.txt", "a\tb\nb\ta\n"),
        ("sts/STS/STS12-en-test/STS.gs.MSRpar.txt", "1\n2\n"),
        (
            "encoder/config.json",
            "{\"model_type\": \"bert\", \"vocab_size\": 7, \"hidden_size\": 8, \"num_hidden_layers\": 1, \
             \"num_attention_heads\": 2, \"intermediate_size\": 16, \"hidden_act\": \"gelu\", \
             \"max_position_embeddings\": 32, \"type_vocab_size\": 2, \"layer_norm_eps\": 1e-12, \"pad_token_id\": 0}",
        ),
        (
            "encoder/vocab.txt",
            "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n",
        ),
        ("encoder/model.safetensors", POINTER),
    ] {
        put(&project, name, text.as_bytes());
    }
    project
}

fn put(project: &Project, name: &str, bytes: &[u8]) {
    let path = project.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

#[test]
fn a_git_lfs_pointer_is_no_file_of_any_kind() {
    for (stage, name) in [
        ("corpus", "text/a.txt"),
        ("tokenizer", "vocabulary/vocab.txt"),
        ("tokenizer", "vocabulary/tokenizer.json"),
        ("tokenizer", "vocabulary/tokenizer_config.json"),
        ("glue", "glue/RTE/dev.tsv"),
        ("sts", "sts/STS/STS12-en-test/STS.gs.MSRpar.txt"),
        ("embed", "encoder/config.json"),
        ("embed", "encoder/model.safetensors"),
    ] {
        let project = readers();
        put(&project, name, POINTER.as_bytes());
        let place = name.rsplit('/').next().expect("a name");
        project
            .pipe(&["run", &format!("stage:{stage}")])
            .code(2)
            .says(&format!("{place}: a Git LFS pointer, not the file itself"))
            .says("git lfs pull");
    }
}

#[test]
fn a_refused_file_is_named_as_its_owner_knows_it() {
    let project = Project::with("[stage.corpus]\nuse = \"corpus\"\nsource = \"texts/b.txt.bz2\"\n");
    put(&project, "texts/b.txt.bz2", b"BZh91AY&SY\x01");
    let path = project.path().join("texts/b.txt.bz2");
    let reason = format!("{}: compressed by bzip2", path.display());
    project
        .pipe(&["run", "stage:corpus"])
        .code(2)
        .says(&reason)
        .says(&format!("unpack it: bunzip2 {}", path.display()));
    let status = project.pipe(&["status"]).code(0).stdout;
    assert!(status.contains(&reason), "{status}");
    let json = project.pipe(&["status", "--json"]).code(0).json();
    let remedy = json["jobs"][0]["failure"]["remedy"].as_str();
    let remedy = remedy.expect("a remedy");
    assert!(remedy.ends_with(path.to_str().expect("UTF-8")), "{remedy}");
}

#[test]
fn what_a_server_sent_in_the_place_of_a_file_is_told() {
    const PAGE: &[u8] = b"<!DOCTYPE html>\n<html><title>404</title></html>\n";
    for (stage, name) in [
        ("corpus", "text/a.txt"),
        ("tokenizer", "vocabulary/vocab.txt"),
        ("glue", "glue/RTE/dev.tsv"),
        ("embed", "encoder/config.json"),
        ("embed", "encoder/model.safetensors"),
    ] {
        let project = readers();
        put(&project, name, PAGE);
        project
            .pipe(&["run", &format!("stage:{stage}")])
            .code(2)
            .says("a web page (HTML)");
    }
    let project = readers();
    put(&project, "encoder/model.safetensors", b"");
    project
        .pipe(&["run", "stage:embed"])
        .code(2)
        .says("model.safetensors: the file is empty");
}

#[test]
fn tables_that_are_compressed_or_in_utf_16_are_told() {
    let wide: Vec<u8> = "index\tlabel\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (bytes, reason, remedy) in [
        (
            &b"\x1f\x8b\x08\0\0"[..],
            "compressed by gzip",
            "/glue/RTE/dev.tsv > NEW",
        ),
        (b"PK\x03\x04\x14\0", "a zip archive", "/glue/RTE/dev.tsv"),
        (&wide, "text in UTF-16", "iconv -f UTF-16LE"),
    ] {
        let project = readers();
        put(&project, "glue/RTE/dev.tsv", bytes);
        project
            .pipe(&["run", "stage:glue"])
            .code(2)
            .says(reason)
            .says(remedy);
    }
}

/// A table whose cells are the scores that programs write, one for each seed.
const SCORES: &str = r#"
[vars]
seed = 0

[stage.it]
use = "command"
argv = ["cp", "{scores}", "{output}/scores.json"]
inputs = { scores = "${seed}.json" }
makes = "scores"

[table.t]
cell = "@it"
over = { seed = [0, 1] }
rows = [{ label = "row" }]
columns = [{ label = "column" }]
"#;

#[test]
fn large_scores_have_a_mean_and_a_spread() {
    let project = Project::with(SCORES);
    project.write("0.json", "{\"a\": 1e308}");
    project.write("1.json", "{\"a\": 1.2e308}");
    let table = project.pipe(&["run", "table:t"]).code(0).stdout;
    assert!(table.contains("1.10e308 ± 1.41e307"), "{table}");
}

#[test]
fn a_score_that_is_there_twice_is_refused() {
    let project = Project::with(SCORES);
    project.write("0.json", "{\"a\": 1, \"a\": 2}");
    project.write("1.json", "{\"a\": 1}");
    project
        .pipe(&["run", "table:t"])
        .code(10)
        .says("scores.json: `a` is there twice");
}

#[test]
fn a_constant_prediction_has_no_correlation() {
    let project = Project::with(
        r#"
[stage.world]
use = "world"
seed = 0
size = "tiny"

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "stsb"

[stage.majority]
use = "majority"
data = "@benchmark"

[table.t]
cell = "@majority"
rows = [{ label = "mean" }]
columns = [{ label = "STS-B" }, { label = "Pearson", metric = "pearson" }]
"#,
    );
    let run = project.pipe(&["run", "table:t"]).code(0);
    insta::assert_snapshot!(run.stdout);
    // An undefined score is a result like others, so nothing is left to do.
    let again = project.pipe(&["run", "table:t"]).code(0);
    assert_eq!(again.stdout, run.stdout);
}

#[test]
fn a_trained_vocabulary_keeps_accents_if_told_to() {
    let project = Project::with(READERS);
    let words = "Wie schön, sagte Zoë. ".repeat(200);
    put(&project, "words/a.txt", words.as_bytes());
    let text = format!("text={}", project.path().join("words").display());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.toml");
    let vocabulary = |more: &[&str]| {
        let shipped = ["run", "stage:tokenizer", "--file", file, "--store", "store"];
        let own = ["--set", &text, "--set", "vocabulary=100"];
        let told = project.pipe(&[&shipped[..], &own, more].concat());
        let told = told.code(0).stdout;
        let folder = told.split_whitespace().next().expect("a folder").to_owned();
        fs::read_to_string(format!("{folder}/vocab.txt")).expect("a vocabulary")
    };
    let has = |text: &str, token: &str| text.lines().any(|line| line == token);
    let lower = vocabulary(&[]);
    assert!(has(&lower, "schon") && !has(&lower, "schön"), "{lower}");
    let kept = vocabulary(&["--set", "lower_case=false"]);
    assert!(
        has(&kept, "schön") && has(&kept, "Wie") && !has(&kept, "schon"),
        "{kept}"
    );
    let accents = vocabulary(&["--set", "strip_accents=false"]);
    assert!(
        has(&accents, "schön") && has(&accents, "wie") && !has(&accents, "schon"),
        "{accents}"
    );
    // These values are the usual ones, so the vocabulary is the same.
    let said = vocabulary(&["--set", "strip_accents=true", "--set", "lower_case=true"]);
    assert_eq!(said, lower);
    let capitals = vocabulary(&["--set", "strip_accents=true", "--set", "lower_case=false"]);
    assert!(
        has(&capitals, "schon") && has(&capitals, "Wie") && has(&capitals, "Zoe"),
        "{capitals}"
    );
}
