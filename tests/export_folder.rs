//! Models that leave: `pipe export --to`, `pipe encode`, `pipe predict`, and results in MTEB's form. What the libraries of Hugging Face make
//! of them `tests/goldens/export_folder.py` shows.

mod support;

use std::fs;

use serde_json::{Value, json};
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

#[test]
fn a_sentence_encoder_is_a_folder_that_gives_the_same_vectors() {
    let project = made(&["stage:contrast[projection=kept]"]);
    let stage = "stage:contrast[projection=kept]";
    project.pipe(&["export", stage, "--to", "model/a"]).code(0);
    assert_eq!(
        names(&project, "model/a"),
        [
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
            "README.md",
            "config.json",
            "model.safetensors",
            "modules.json",
            "sentence_bert_config.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt",
        ]
    );
    assert_eq!(
        json(&project, "model/a/config.json")["architectures"],
        json!(["BertModel"])
    );
    let leftovers = project.sh("ls -A model").code(0).stdout;
    assert_eq!(leftovers, "a\n", "nothing else is left beside it");

    project
        .pipe(&["encode", stage, "texts.txt", "--to", "stage.parquet"])
        .code(0);
    project
        .pipe(&["encode", "model/a", "texts.txt", "--to", "folder.parquet"])
        .code(0);
    let bytes = |path: &str| fs::read(project.join(path)).expect("a file");
    assert_eq!(bytes("stage.parquet"), bytes("folder.parquet"));
    project
        .pipe(&[
            "encode",
            "model/a",
            "texts.txt",
            "--to",
            "cls.parquet",
            "--pooling",
            "cls",
        ])
        .code(0);
    assert_ne!(
        bytes("cls.parquet"),
        bytes("folder.parquet"),
        "without the map"
    );

    project
        .pipe(&[
            "encode",
            "@contrast[projection=kept]",
            "texts.txt",
            "--to",
            "v.npy",
        ])
        .code(0);
    let npy = bytes("v.npy");
    let rows: Vec<&[u8]> = npy[npy.len() - 4 * 64 * 4..].chunks(64 * 4).collect();
    assert_eq!(rows[0], rows[3], "the same sentence");
    assert_ne!(rows[0], rows[1]);
    let piped = project.sh(&format!(
        "head -1 texts.txt | {} encode model/a - --to one.npy --json",
        env!("CARGO_BIN_EXE_pipe")
    ));
    let said = piped.code(0).json();
    assert_eq!(said["vectors"]["sentences"], 1);
    assert_eq!(&bytes("one.npy")[bytes("one.npy").len() - 256..], rows[0]);

    // The same result gives the same bytes.
    project.pipe(&["export", stage, "--to", "model/b"]).code(0);
    for name in names(&project, "model/a") {
        assert_eq!(
            bytes(&format!("model/a/{name}")),
            bytes(&format!("model/b/{name}")),
            "{name}"
        );
    }
}

#[test]
fn a_card_tells_where_a_model_comes_from_and_nothing_of_this_machine() {
    let project = made(&["stage:pretrain", "stage:finetune"]);
    project
        .pipe(&["export", "stage:pretrain", "--to", "model"])
        .code(0);
    let card = fs::read_to_string(project.join("model/README.md")).expect("a card");
    let front = card.split("---\n").nth(1).expect("front matter");
    assert!(front.contains("library_name: transformers\n"), "{front}");
    assert!(front.contains("pipeline_tag: fill-mask\n"), "{front}");
    for part in [
        "# pretrain\n",
        "AutoModelForMaskedLM",
        "| hidden size | 64 |",
        "\"steps\": 2",
        "| tokens | tokenize | `",
        "| finetune | accuracy |",
        "perplexity",
        "pipe run stage:pretrain --profile plain\n",
        "core time",
    ] {
        assert!(card.contains(part), "`{part}` is not in:\n{card}");
    }
    let root = project.path().to_str().expect("UTF-8");
    assert!(!card.contains(root), "{card}");
    assert!(!card.contains(" /"), "no absolute path: {card}");
    let said = project
        .pipe(&["export", "stage:pretrain", "--to", "json", "--json"])
        .code(0)
        .json();
    assert_eq!(said["class"], "AutoModelForMaskedLM");
    let key = said["key"].as_str().expect("a key");
    assert!(card.contains(key), "{key}");
}

#[test]
fn an_encoder_is_taken_for_what_it_is_asked_for() {
    let project = made(&[
        "stage:pretrain[layer_norm=pre]",
        "stage:contrast[pooling=first-last]",
    ]);
    let stage = "stage:pretrain[layer_norm=pre]";
    for (to, more, class, has_modules) in [
        (
            "a",
            &["--for", "masked-lm"][..],
            "RobertaPreLayerNormForMaskedLM",
            false,
        ),
        (
            "b",
            &["--for", "encoder"],
            "RobertaPreLayerNormModel",
            false,
        ),
        (
            "c",
            &["--for", "sentences"],
            "RobertaPreLayerNormModel",
            true,
        ),
        ("d", &["--pooling", "max"], "RobertaPreLayerNormModel", true),
    ] {
        let mut arguments = vec!["export", stage, "--to", to];
        arguments.extend(more);
        project.pipe(&arguments).code(0);
        let config = json(&project, &format!("{to}/config.json"));
        assert_eq!(config["architectures"], json!([class]));
        assert_eq!(
            project.join(to).join("modules.json").exists(),
            has_modules,
            "{to}"
        );
    }
    assert_eq!(
        json(&project, "d/1_Pooling/config.json")["pooling_mode_max_tokens"],
        true
    );

    // A pooling that sentence-transformers lacks: the encoder goes without, and vectors are made as it was trained.
    let averaged = "stage:contrast[pooling=first-last]";
    let ended = project.pipe(&["export", averaged, "--for", "sentences", "--to", "e"]);
    refused(
        ended,
        "sentence-transformers has no pooling like first-last",
    );
    assert!(!project.join("e").exists());
    project.pipe(&["export", averaged, "--to", "e"]).code(0);
    assert!(!project.join("e/modules.json").exists());
    let vectors = project.pipe(&[
        "encode",
        averaged,
        "texts.txt",
        "--to",
        "v.parquet",
        "--json",
    ]);
    assert_eq!(vectors.code(0).json()["vectors"]["pooling"], "first-last");
}

#[test]
fn what_cannot_be_taken_is_refused_with_what_to_do() {
    let project = made(&["stage:contrast", "stage:first"]);
    let to = |stage: &str, more: &[&str]| {
        let mut arguments = vec!["export", stage, "--to", "model"];
        arguments.extend(more);
        project.pipe(&arguments)
    };
    refused(
        to("stage:tokens", &[]),
        "holds no model: a stage of kind tokenize makes tokens",
    )
    .says("name a stage that makes an encoder: pretrain, contrast");
    refused(to("stage:contrast[pooling=max]", &[]), "no result yet")
        .says("pipe run 'stage:contrast[pooling=max]'");
    refused(
        to("stage:first", &["--for", "masked-lm"]),
        "no head that predicts tokens",
    );
    refused(
        to("stage:contrast", &["--for", "sound"]),
        "cannot be taken for `sound`",
    )
    .says("sentences, masked-lm, encoder; or task");
    refused(
        to("stage:first", &["--for", "task", "--pooling", "mean"]),
        "a folder for task has the pooling",
    )
    .says("leave --pooling out");
    refused(
        to("stage:contrast", &["--for", "encoder", "--pooling", "cls"]),
        "has no pooling",
    );
    refused(to("all", &[]), "all is not the result of one stage");
    let both = [
        "export",
        "stage:contrast",
        "stage:pretrain",
        "--to",
        "model",
    ];
    refused(project.pipe(&both), "the model of one stage");
    refused(
        to("stage:contrast", &["-o", "x.tar"]),
        "cannot be used with",
    );
    assert!(!project.join("model").exists());
    project.write("model/mine.txt", "mine");
    refused(to("stage:contrast", &[]), "is there already, and not empty");
    assert_eq!(names(&project, "model"), ["mine.txt"]);

    let encode = |more: &[&str]| {
        let mut arguments = vec!["encode", "stage:contrast", "texts.txt"];
        arguments.extend(more);
        project.pipe(&arguments)
    };
    refused(encode(&["--to", "a.txt"]), "its ending does not say");
    refused(
        encode(&["--to", "a.npy", "--pooling", "min"]),
        "--pooling: ",
    );
    refused(
        encode(&["--to", "a.npy", "--max-length", "2"]),
        "no token of a sentence would be seen",
    );
    project.write("a.npy", "mine");
    refused(encode(&["--to", "a.npy"]), "is there already");
    refused(
        project.pipe(&["encode", "nowhere", "texts.txt", "--to", "b.npy"]),
        "no such folder: nowhere",
    );
    refused(
        project.pipe(&["encode", "stage:tokens", "texts.txt", "--to", "b.npy"]),
        "makes tokens, and no encoder",
    );
    project.write("empty.txt", "");
    refused(
        project.pipe(&["encode", "stage:contrast", "empty.txt", "--to", "b.npy"]),
        "has no line",
    );
}

#[test]
fn a_classifier_is_kept_where_it_is_asked_for() {
    let project = made(&[
        "stage:finetune",
        "stage:finetune[head=mean]",
        "stage:finetune[keep=false]",
        "stage:finetune[task=stsb]",
        "stage:first",
    ]);
    project
        .pipe(&["export", "stage:finetune", "--to", "model"])
        .code(0);
    let config = json(&project, "model/config.json");
    assert_eq!(
        config["architectures"],
        json!(["BertForSequenceClassification"])
    );
    assert_eq!(
        config["id2label"],
        json!({"0": "entailment", "1": "not_entailment"})
    );
    assert_eq!(config["problem_type"], "single_label_classification");
    refused(
        project.pipe(&["export", "stage:finetune", "--to", "x", "--for", "encoder"]),
        "leave --for and --pooling out, or give --for task",
    );
    refused(
        project.pipe(&["export", "stage:finetune[head=mean]", "--to", "x"]),
        "see the first token alone",
    )
    .says("pooling = \"cls\"");
    refused(
        project.pipe(&["export", "stage:finetune[keep=false]", "--to", "x"]),
        "has not kept its model",
    )
    .says("keep_model = true in [stage.finetune]");
    assert!(!project.join("x").exists());

    // One that starts others is an encoder, and its head is taken where that is asked for.
    project
        .pipe(&["export", "stage:first", "--to", "body"])
        .code(0);
    project
        .pipe(&["export", "stage:first", "--to", "head", "--for", "task"])
        .code(0);
    for (folder, class) in [
        ("body", "BertModel"),
        ("head", "BertForSequenceClassification"),
    ] {
        let config = json(&project, &format!("{folder}/config.json"));
        assert_eq!(config["architectures"], json!([class]));
    }
    refused(
        project.pipe(&["export", "stage:pretrain", "--to", "x", "--for", "task"]),
        "holds an encoder without a head for a task",
    );

    project.write(
        "pairs.tsv",
        "n\tsentence1\tsentence2\n1\tthe king saw a dog\tthe king saw it\n2\ta\tb\n",
    );
    for stage in ["stage:finetune", "stage:finetune[head=mean]"] {
        let table = project
            .pipe(&["predict", stage, "pairs.tsv"])
            .code(0)
            .stdout;
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split('\t').collect())
            .collect();
        assert_eq!(
            lines[0],
            ["row", "prediction", "entailment", "not_entailment"]
        );
        assert_eq!(lines.len(), 3);
        for line in &lines[1..] {
            let shares: Vec<f64> = line[2..]
                .iter()
                .map(|cell| cell.parse().expect("a number"))
                .collect();
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            assert_eq!(
                line[1],
                lines[0][if shares[0] >= shares[1] { 2 } else { 3 }]
            );
        }
    }
    let said = project.pipe(&[
        "predict",
        "stage:finetune[task=stsb]",
        "pairs.tsv",
        "--to",
        "out.tsv",
    ]);
    assert_eq!(
        said.code(0).stdout,
        "out.tsv: 2 predictions, by finetune[task=stsb]\n"
    );
    let text = fs::read_to_string(project.join("out.tsv")).expect("a file");
    let second = text
        .lines()
        .nth(1)
        .expect("a row")
        .split('\t')
        .nth(1)
        .expect("a cell");
    assert!(second.parse::<f64>().is_ok(), "{text}");
    refused(
        project.pipe(&["predict", "stage:finetune", "pairs.tsv", "--to", "out.tsv"]),
        "is there already",
    );

    project.write("wrong.tsv", "question\tsentence2\na\tb\n");
    refused(
        project.pipe(&["predict", "stage:finetune", "wrong.tsv"]),
        "no column `sentence1`; the columns are question, sentence2",
    )
    .says("the columns sentence1, sentence2");
    refused(
        project.pipe(&["predict", "stage:pretrain", "pairs.tsv"]),
        "predicts nothing",
    );
    refused(
        project.pipe(&["predict", "stage:finetune[keep=false]", "pairs.tsv"]),
        "has not kept its model",
    );
}

#[test]
fn a_model_that_answers_is_kept_as_well() {
    let project = made(&["stage:answer"]);
    project
        .pipe(&["export", "stage:answer", "--to", "model"])
        .code(0);
    assert_eq!(
        json(&project, "model/config.json")["architectures"],
        json!(["BertForQuestionAnswering"])
    );
    project.write(
        "q.csv",
        "question,context\nWho saw it?,\"The king, they say, saw a dog.\"\n",
    );
    let table = project
        .pipe(&["predict", "stage:answer", "q.csv", "--json"])
        .code(0)
        .json();
    assert_eq!(
        table["columns"],
        json!(["row", "prediction", "probability", "null_odds"])
    );
    let answer = table["rows"][0][1].as_str().expect("a text");
    assert!(
        "The king, they say, saw a dog.".contains(answer),
        "{answer}"
    );
}

#[test]
fn a_model_that_was_not_asked_for_leaves_keys_as_they_were() {
    let key = |keep: &str| {
        let project = Project::beyond_tokens(PIPELINE);
        if keep.is_empty() {
            project.edit("keep_model = \"${keep}\"\n", "");
            project.edit("keep = true\n", "");
        } else {
            project.edit("keep = true", keep);
        }
        project.pipe(&["run", "stage:finetune"]).code(0);
        let why = project.pipe(&[
            "export",
            "stage:finetune",
            "-o",
            "a.tar",
            "--scores",
            "--json",
        ]);
        let all = why.code(0).json();
        let results = all["results"].as_array().expect("results").clone();
        let keys = results.iter().map(|one| one["key"].to_string());
        keys.collect::<std::collections::BTreeSet<_>>()
    };
    let none = key("");
    assert_eq!(none, key("keep = false"));
    assert_ne!(none, key("keep = true"));
}

#[test]
fn results_on_similarity_have_mtebs_form() {
    let project = made(&["stage:sts"]);
    let said = project
        .pipe(&["export", "stage:sts", "--mteb", "mteb", "--json"])
        .code(0)
        .json();
    assert_eq!(said["files"].as_array().expect("files").len(), 7);
    let notes = said["notes"].to_string();
    assert!(notes.contains("MTEB's test split has 3108"), "{notes}");
    let names = names(&project, "mteb");
    let file = names
        .iter()
        .find(|name| name.ends_with("/STS12.json"))
        .expect("a task");
    assert!(file.starts_with("results/pipe__sts/"), "{file}");
    let task = json(&project, &format!("mteb/{file}"));
    assert_eq!(task["task_name"], "STS12");
    let score = &task["scores"]["test"][0];
    assert_eq!(
        (&score["hf_subset"], &score["languages"]),
        (&json!("default"), &json!(["eng-Latn"]))
    );
    assert_eq!(score["main_score"], score["cosine_spearman"]);
    let shown = project.pipe(&["run", "stage:sts"]).code(0).stdout;
    assert!(shown.contains("sts"), "{shown}");

    // All pairs of SICK, which MTEB scores, stand in the place of those of its test split.
    let all = ["stage:sts", "--set", "sick_all=true"];
    project.pipe(&["run", all[0], all[1], all[2]]).code(0);
    project
        .pipe(&["export", all[0], all[1], all[2], "--mteb", "all"])
        .code(0);
    let of = |folder: &str| {
        let names = self::names(&project, folder);
        let name = names.iter().find(|name| name.ends_with("/SICK-R.json"));
        json(&project, &format!("{folder}/{}", name.expect("a task")))["scores"]["test"][0]["main_score"].clone()
    };
    assert_ne!(of("all"), of("mteb"));
    refused(
        project.pipe(&["export", "stage:contrast", "--mteb", "x"]),
        "whose results MTEB has no form for",
    );
}

#[test]
fn a_kill_leaves_nothing_half() {
    let project = made(&["stage:pretrain"]);
    // The folder to be written to cannot be made complete: its parent allows nothing more after the first files.
    project.write("blocked", "a file");
    let ended = project.pipe(&["export", "stage:pretrain", "--to", "blocked/model"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let ended = project.pipe(&["export", "stage:pretrain", "--to", "blocked"]);
    refused(ended, "is there already, and no folder");
    for wait in [0.0, 0.02, 0.05, 0.1, 0.2] {
        let pipe = env!("CARGO_BIN_EXE_pipe");
        project.sh(&format!(
            "rm -rf out; {pipe} export stage:pretrain --to out >/dev/null 2>&1 & p=$!; sleep {wait}; kill -9 $p; wait $p 2>/dev/null; true"
        ));
        if project.join("out").exists() {
            assert!(
                project.join("out/README.md").exists(),
                "the folder is whole"
            );
        }
    }
}

#[test]
fn no_place_of_this_machine_leaves_with_a_model() {
    let project = made(&["stage:pretrain"]);
    // The text of the world, given as a file of the user's elsewhere.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let secret = elsewhere.path().join("secret/wik");
    fs::create_dir_all(secret.parent().expect("above")).expect("made");
    fs::write(&secret, "the king saw a dog\n".repeat(400)).expect("written");
    project.edit("source = \"@world/text\"", "source = \"${text}\"");
    project.edit("[vars]\n", "[vars]\ntext = \"@world/text\"\n");
    let set = format!("text={}", secret.display());
    let relative = format!(
        "text={}{}",
        "../".repeat(project.path().components().count() - 1),
        secret.strip_prefix("/").expect("absolute").display()
    );
    let brackets = format!("stage:pretrain[{set}]");
    project
        .pipe(&["run", "stage:pretrain", "--set", &set])
        .code(0);
    project.pipe(&["run", &brackets]).code(0);
    for (place, arguments) in [
        ("a", &["stage:pretrain", "--set", &set][..]),
        ("b", &["stage:pretrain", "--set", &relative]),
        ("c", &[&brackets]),
    ] {
        let mut export = vec!["export", "--to", place];
        export.extend(arguments);
        project.pipe(&export).code(0);
        let card = fs::read_to_string(project.join(place).join("README.md")).expect("a card");
        assert!(!card.contains("secret"), "{card}");
        assert!(!card.contains(" /") && !card.contains("=/"), "{card}");
        assert!(card.contains("PATH/TO/wik"), "{card}");
        assert!(card.contains("In the place of `PATH/TO/`"), "{card}");
        assert!(card.contains("| wik | yours | `"), "{card}");
    }
}

#[test]
fn markup_of_others_stays_text() {
    let project = Project::beyond_tokens(PIPELINE);
    project.edit("[vars]\n", "[vars]\nnote = \"x\"\n");
    project.edit(
        "[stage.sentences]",
        "[stage.own]\nuse = \"command\"\nargv = [\"sh\", \"-c\", \"cp -r {given}/. {output}\", \"${note}\"]\n\
         inputs = { given = \"@pretrain\" }\nmakes = \"encoder\"\n\n[stage.sentences]",
    );
    let set = "note=<i>_a_ [x](y) `\n```\n# b | c";
    project.pipe(&["run", "stage:own", "--set", set]).code(0);
    project
        .pipe(&["export", "stage:own", "--set", set, "--to", "model"])
        .code(0);
    let card = fs::read_to_string(project.join("model/README.md")).expect("a card");
    let title = card
        .lines()
        .find(|line| line.starts_with("# "))
        .expect("a title");
    assert!(title.contains("\\<i\\>\\_a\\_ \\[x\\]"), "{title}");
    assert!(
        card.contains("$'note=<i>_a_ [x](y) `\\n```\\n# b | c'"),
        "{card}"
    );
    assert!(
        !card.lines().any(|line| line == "# b" || line == "```x"),
        "{card}"
    );
    let fences = card.lines().filter(|line| line.starts_with("```"));
    assert_eq!(fences.count(), 6, "three blocks, none ended early: {card}");
    assert!(
        !card.contains("The same declaration gives the same bytes"),
        "nobody knows what a program does: {card}"
    );
}

#[test]
fn nothing_is_written_into_the_store_nor_left_after_an_error() {
    let project = made(&["stage:finetune", "stage:sts", "stage:first"]);
    project.write("pairs.tsv", "sentence1\tsentence2\na\tb\n");
    fs::create_dir(project.join("filled")).expect("made");
    let before = project.files(".pipe").len();
    for arguments in [
        &["export", "stage:pretrain", "--to", ".pipe/model"][..],
        &["export", "stage:sts", "--mteb", ".pipe/objects/m"],
        &[
            "encode",
            "stage:pretrain",
            "texts.txt",
            "--to",
            "filled/../.pipe/a.npy",
        ],
        &[
            "predict",
            "stage:finetune",
            "pairs.tsv",
            "--to",
            ".pipe/a.tsv",
        ],
    ] {
        refused(project.pipe(arguments), "lies in the store");
    }
    let after = project.files(".pipe");
    let left = after
        .iter()
        .any(|file| file.ends_with("a.npy") || file.ends_with("a.tsv"));
    assert!(
        !left && !project.join(".pipe/model").exists(),
        "{before}: {after:?}"
    );

    for arguments in [
        &["encode", "stage:pretrain", "nofile", "--to", "new/a.npy"][..],
        &[
            "predict",
            "stage:finetune",
            "nofile.tsv",
            "--to",
            "new/x/a.tsv",
        ],
        &[
            "export",
            "stage:first",
            "--for",
            "masked-lm",
            "--to",
            "new/x/m",
        ],
    ] {
        assert_eq!(project.pipe(arguments).code, Some(2));
        assert!(!project.join("new").exists(), "{arguments:?}");
    }
    refused(
        project.pipe(&["encode", "stage:pretrain", "filled", "--to", "a.npy"]),
        "filled is a folder, and no text",
    )
    .says("name a file of text");
    refused(
        project.pipe(&["predict", "stage:finetune", "pairs.tsv", "--to", "a.txt"]),
        "its ending does not say",
    );
    project
        .pipe(&["predict", "stage:finetune", "pairs.tsv", "--to", "a.csv"])
        .code(0);
    let text = fs::read_to_string(project.join("a.csv")).expect("a file");
    assert!(
        text.starts_with("row,prediction,entailment,not_entailment\n0,"),
        "{text}"
    );

    // A folder that is there is filled and stays: the shell in it sees the files.
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let seen = project.sh(&format!(
        "chmod 2750 filled; cd filled; {pipe} export stage:pretrain -f ../pipeline.toml --to . >/dev/null && ls -A && stat -c %a ."
    ));
    let seen = seen.code(0).stdout;
    assert!(
        seen.contains("config.json\n") && !seen.contains(".pipe-"),
        "{seen}"
    );
    assert!(seen.ends_with("2750\n"), "{seen}");
}

#[test]
fn what_a_training_has_kept_along_the_way_has_a_name() {
    let target = "stage:pretrain";
    let project = Project::beyond_tokens(PIPELINE);
    project.edit(
        "size = \"nano\"\nsteps = 2\n",
        "size = \"nano\"\nsteps = 2\nkeep_at = [1]\n",
    );
    project.write("texts.txt", TEXTS);
    project.pipe(&["run", target]).code(0);
    let step = format!("{target}/step-1");
    project.pipe(&["export", &step, "--to", "early"]).code(0);
    project.pipe(&["export", target, "--to", "end"]).code(0);
    let bytes = |path: &str| fs::read(project.join(path)).expect("a file");
    assert_ne!(
        bytes("early/model.safetensors"),
        bytes("end/model.safetensors")
    );
    let card = fs::read_to_string(project.join("early/README.md")).expect("a card");
    assert!(card.contains("/step-1\n"), "{card}");
    assert!(
        !card.contains("perplexity"),
        "the score is of the end: {card}"
    );
    project
        .pipe(&["encode", &step, "texts.txt", "--to", "a.npy"])
        .code(0);
    project
        .pipe(&["encode", "early", "texts.txt", "--to", "b.npy"])
        .code(0);
    assert_eq!(bytes("a.npy"), bytes("b.npy"));
    let other = format!("{target}/step-7");
    refused(
        project.pipe(&["encode", &other, "texts.txt", "--to", "c.npy"]),
        "has kept no step-7",
    )
    .says("name what it has kept: step-1");
}

#[test]
fn a_question_without_a_text_is_named_by_file_and_line() {
    let project = made(&["stage:answer"]);
    project.write("q.csv", "question,context\nWho?,the king\nWho?,\n");
    refused(
        project.pipe(&["predict", "stage:answer", "q.csv"]),
        "q.csv: line 3: the context has no token",
    );
    project.write("open.csv", "question,context\nWho?,\"the king\n");
    let ended = project.pipe(&["predict", "stage:answer", "open.csv"]);
    let ended = refused(ended, "never closed").says("or give a .tsv file");
    assert!(!ended.stderr.contains("quotes = false"), "{}", ended.stderr);
}
