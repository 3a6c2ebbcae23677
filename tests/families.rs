//! Encoders of families that the own engine does not compute: refused with what to do, and embedded and encoded through candle.

mod support;

use std::fs;
use std::path::Path;

use support::Project;

const PIPELINE: &str = r#"
[vars]
engine = "own"

[stage.world]
use = "world"
seed = 0
size = "tiny"

[stage.pairs]
use = "benchmarks"
source = "@world/SentEval/data/downstream"
task = "sts"

[stage.embed]
use = "embed"
encoder = "model"
data = "@pairs"
engine = "${engine}"

[stage.sts]
use = "sts"
embeddings = "@embed"
data = "@pairs"

[profile.plain]
default = true
"#;

const CANDLE: [&str; 2] = ["--set", "engine=candle"];

/// A project with a copy of the golden folder of a family as its encoder.
fn project(family: &str) -> Project {
    let project = Project::with(PIPELINE);
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR"));
    let goldens = goldens.join("stages/evaluate/tests/goldens/families");
    copy(&goldens.join(family), &project.join("model"));
    project.write("texts.txt", "the man and two dogs\n\na guitar\n");
    project
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("copied")),
        }
    }
}

#[test]
fn another_family_is_refused_with_the_engine_that_computes_it() {
    let project = project("modernbert");
    project
        .pipe(&["run", "stage:embed"])
        .code(2)
        .says(
            "config.json: the own engine computes BERT, RoBERTa and DistilBERT, and no ModernBERT",
        )
        .says("set `engine = \"candle\"`");
    let run = [&["run", "stage:sts", "--json"], &CANDLE[..]].concat();
    let done = project.pipe(&run).code(0).json();
    let jobs = done["jobs"].as_array().expect("jobs");
    assert!(jobs.iter().any(|job| job["kind"] == "sts"), "{done}");
    // The class is part of the key, and told with the result.
    let list = project.sh("grep -l candle-cpu/1 .pipe/records/*.json | wc -l");
    assert_eq!(list.code(0).stdout.trim(), "1");
}

#[test]
fn threads_reach_no_byte() {
    let project = project("xlm-roberta");
    let vectors = |threads: &str| {
        let run = [
            "run",
            "stage:embed",
            "--store",
            threads,
            "--threads",
            threads,
        ];
        let made = project.pipe(&[&run[..], &CANDLE].concat()).code(0).stdout;
        let (folder, _) = made.split_once("  ").expect("a folder");
        fs::read(project.join(folder).join("embeddings.parquet")).expect("vectors")
    };
    let one = vectors("1");
    assert!(one == vectors("2"));
    assert!(one == vectors("3"));
}

#[test]
fn a_bad_tensor_is_named_with_its_file() {
    let project = project("nomic");
    let path = project.join("model/model.safetensors");
    let mut bytes = fs::read(&path).expect("weights");
    // The last tensor of the file is a layer's last normalisation.
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).expect("written");
    let run = [&["run", "stage:embed"], &CANDLE[..]].concat();
    project
        .pipe(&run)
        .code(2)
        .says("model.safetensors: tensor `encoder.layers.1.")
        .says(" holds NaN (value ");
}

#[test]
fn one_s_own_texts_are_encoded_by_the_engine_that_a_folder_needs() {
    let project = project("jina");
    let encode = ["encode", "model", "texts.txt", "--to", "v.npy"];
    project
        .pipe(&encode)
        .code(0)
        .says("the encoder is JinaBERT, which candle computes");
    assert_eq!(
        fs::read(project.join("v.npy")).expect("vectors").len(),
        128 + 3 * 24 * 4
    );
    let first_last = [
        "encode",
        "model",
        "texts.txt",
        "--to",
        "w.npy",
        "--pooling",
        "first-last",
    ];
    project
        .pipe(&first_last)
        .code(2)
        .says("pooling: first-last needs hidden states of several layers");
    project.write("model/config.json", r#"{"model_type": "albert"}"#);
    project
        .pipe(&["encode", "model", "texts.txt", "--to", "w.npy"])
        .code(2)
        .says("albert");
}
