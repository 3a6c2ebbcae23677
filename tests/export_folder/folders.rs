//! Folders for sentence-transformers and transformers, their cards, and results in MTEB's form.

use std::fs;

use serde_json::json;

use super::*;

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
