//! Fine-tuned models that are kept, and what they predict.

use std::fs;

use serde_json::json;

use super::*;

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
