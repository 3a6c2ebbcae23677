//! Questions whose answers are spans of a text: from SQuAD's files to tables, and what is wrong with such files.

mod support;

use serde_json::{Value, json};
use support::Project;

const STAGES: &str = r#"
[vars]
m = 0.15
seed = 0
steps = 3
release = "squad"

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = "${steps}"
batch = 8
max_positions = 48
masking = { corrupt = "${m}" }

[stage.questions]
use = "benchmarks"
source = "squad"
task = "${release}"

[stage.answer]
use = "finetune-spans"
encoder = "@pretrain"
data = "@questions"
epochs = 1
batch = 4
lr = 1e-3
stride = 8
seed = "${seed}"

[stage.others]
use = "answers"
predictions = "theirs.json"
data = "@questions"

[table.squad]
title = "Answers"
cell = "@answer"
over = { seed = [0, 1, 2] }
compare = { to = { m = 0.15 }, draws = 200 }
rows = [
    { label = "${m:%}", m = [0.15, 0.40] },
    { label = "start", steps = 0 },
    { label = "theirs", cell = "@others" },
]
columns = [
    { label = "1.1 F1", metric = "f1" },
    { label = "1.1 exact", metric = "exact_match" },
    { label = "2.0 F1", metric = "f1", release = "squad2" },
    { label = "2.0 unanswered", metric = "f1.no_answer", release = "squad2" },
]

[profile.plain]
default = true
"#;

/// A file of a release: six texts with a question each, and in 2.0 another that none of them answers.
fn file(second: bool, context: impl Fn(usize) -> String) -> Value {
    let paragraphs = (0..6).map(|place| {
        let context = context(place);
        let start = context
            .find("blue")
            .map_or(0, |byte| context[..byte].chars().count());
        let answers = json!([{"text": "blue", "answer_start": start}]);
        let mut asked = vec![
            json!({"id": format!("a{place}"), "question": "Which colour?", "answers": answers}),
        ];
        if second {
            let id = format!("n{place}");
            asked.push(json!({"id": id, "question": "Who?", "answers": [], "is_impossible": true}));
        }
        json!({"context": context, "qas": asked})
    });
    let paragraphs: Vec<Value> = paragraphs.collect();
    json!({"data": [{"title": "Colours", "paragraphs": paragraphs}]})
}

fn texts(place: usize) -> String {
    format!(
        "The élan of number {place} – it was blue. {}",
        "And so on. ".repeat(4 * place)
    )
}

fn project() -> Project {
    let project = Project::beyond_tokens(STAGES);
    for (version, second) in [("1.1", false), ("2.0", true)] {
        for split in ["train", "dev"] {
            let text = file(second, texts).to_string();
            project.write(&format!("squad/{split}-v{version}.json"), &text);
        }
    }
    project.write(
        "theirs.json",
        r#"{"a0": "Blue!", "a1": "the blue", "a2": "red", "n0": "", "n1": "x"}"#,
    );
    project
}

#[test]
fn answers_are_found_compared_and_written_for_the_server() {
    let project = project();
    project.pipe(&["run", "all"]).code(0);
    let shown = project.pipe(&["show", "table:squad"]).code(0);
    // Theirs: two of six in 1.1, three of five that have a prediction in 2.0, and of those without an answer one of two.
    let row = shown.stdout.lines().find(|line| line.contains("theirs"));
    let row: Vec<&str> = row.expect("a row").split_whitespace().collect();
    let numbers: Vec<&str> = row.into_iter().filter(|one| one.contains('.')).collect();
    assert_eq!(
        numbers,
        ["33.3", "33.3", "60.0", "50.0"],
        "{}",
        shown.stdout
    );
    let compared = project
        .pipe(&["compare", "table:squad", "m=0.15", "m=0.4", "--json"])
        .code(0);
    assert!(
        !compared.stdout.contains("do not give"),
        "{}",
        compared.stdout
    );
    let folder = project.pipe(&["run", "stage:answer"]).code(0);
    let folder = folder
        .stdout
        .split_whitespace()
        .next()
        .expect("a folder")
        .to_owned();
    let answers = std::fs::read(std::path::Path::new(&folder).join("predictions.json"));
    let answers: Value = serde_json::from_slice(&answers.expect("answers")).expect("JSON");
    assert_eq!(answers.as_object().map(serde_json::Map::len), Some(6));
}

#[test]
fn files_that_are_wrong_are_named() {
    let project = project();
    let path = "squad/dev-v1.1.json";
    let refused = |file: &Value| {
        project.write(path, &file.to_string());
        project.pipe(&["run", "stage:questions"]).code(2).stderr
    };
    let good = file(false, texts);
    let question = |key: &str, value: Value| {
        let mut file = good.clone();
        let asked = &mut file["data"][0]["paragraphs"][2]["qas"][0];
        match value {
            Value::Null => drop(asked.as_object_mut().expect("a question").remove(key)),
            value => asked[key] = value,
        }
        file
    };
    let missing = refused(&question("id", Value::Null));
    assert!(
        missing.contains("dev-v1.1.json:1: missing field `id`"),
        "{missing}"
    );
    let absent = refused(&question(
        "answers",
        json!([{"text": "mauve", "answer_start": 3}]),
    ));
    assert!(
        absent.contains("question `a2`: its answer \"mauve\" is not in the text"),
        "{absent}"
    );
    let long = refused(&file(false, |place| {
        texts(place) + &"long ".repeat(2 << 20)
    }));
    assert!(long.contains("a paragraph of 10485"), "{long}");
    assert!(long.contains("split it into paragraphs"), "{long}");
    // What is at another place than the file says is taken from where it is, and told.
    project.write(
        path,
        &question("answers", json!([{"text": "blue", "answer_start": 3}])).to_string(),
    );
    let ended = project.pipe(&["run", "stage:questions"]).code(0);
    assert!(
        ended
            .stderr
            .contains("1 answer taken from the nearest place"),
        "{}",
        ended.stderr
    );
}
