//! What an encoder makes of text without being trained on a task: minimal pairs, and losses at common rates.

mod support;

use support::Project;

/// Encoders of two masking rates that have learnt next to nothing, and of one of them the beginning.
const STAGES: &str = r#"
[vars]
m = 0.15
eval_rate = 0.15
scoring = "original"
pairs_limit = 0
steps = 3

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = "${steps}"
batch = 8
masking = { corrupt = "${m}" }

[stage.pairs]
use = "benchmarks"
source = "blimp"
task = "minimal-pairs"

[stage.minimal-pairs]
use = "minimal-pairs"
encoder = "@pretrain"
data = "@pairs"
scoring = "${scoring}"
limit = "${pairs_limit}"

[stage.validation-loss]
use = "validation-loss"
encoder = "@pretrain"
tokens = "@tokens"
rate = "${eval_rate}"

[table.minimal-pairs]
title = "Minimal pairs"
cell = "@minimal-pairs"
compare = { to = { m = 0.15 }, draws = 200 }
rows = [{ label = "${m:%}", m = [0.15, 0.40] }, { label = "start", steps = 0 }]
columns = [
    { label = "all", metric = "accuracy" },
    { label = "by the token", metric = "accuracy_mean" },
    { label = "within words", metric = "accuracy", scoring = "word-l2r" },
    { label = "islands", metric = "accuracy.island_effects" },
]

[table.common-rates]
title = "Common rates"
cell = "@validation-loss"
compare = { to = { m = 0.15 }, draws = 200 }
rows = [{ label = "${m:%}", m = [0.15, 0.40] }, { label = "start", steps = 0 }]
columns = [{ label = "at ${eval_rate:%}", eval_rate = [0.15, 0.40] }]

[profile.plain]
default = true
"#;

fn line(field: &str, term: &str, paradigm: &str, good: &str, bad: &str) -> String {
    let names = format!(r#""field": "{field}", "linguistics_term": "{term}", "UID": "{paradigm}""#);
    format!("{{\"sentence_good\": \"{good}\", \"sentence_bad\": \"{bad}\", {names}}}\n")
}

fn project() -> Project {
    let project = Project::beyond_tokens(STAGES);
    let (mut islands, mut agreement) = (String::new(), String::new());
    for word in ["king", "queen", "man", "woman", "dog", "child"] {
        let bad = format!("who did the {word} see the man ?");
        let good = format!("who did the {word} see ?");
        islands += &line("syntax", "island_effects", "wh_island", &good, &bad);
        let good = format!("the {word} sees it .");
        let bad = format!("the {word} see it .");
        agreement += &line("morphology", "agreement", "subject_verb", &good, &bad);
    }
    project.write("blimp/data/wh_island.jsonl", &islands);
    project.write("blimp/data/subject_verb.jsonl", &agreement);
    project
}

#[test]
fn rows_are_scored_without_training_on_a_task_and_compared() {
    let project = project();
    project.pipe(&["run", "all"]).code(0);
    let shown = project.pipe(&["show", "table:common-rates"]).code(0);
    // What has learnt nothing guesses among all 300 tokens, and ln 300 is 5.70.
    let mut lines = shown.stdout.lines();
    let start = lines.find(|line| line.contains("start"));
    assert!(
        start.is_some_and(|row| row.matches("5.69").count() == 2),
        "{}",
        shown.stdout
    );
    let shown = project.pipe(&["show", "table:minimal-pairs"]).code(0);
    assert!(
        shown.stdout.contains("within words") && !shown.stdout.contains('—'),
        "{}",
        shown.stdout
    );
    for table in ["table:minimal-pairs", "table:common-rates"] {
        let compared = project
            .pipe(&["compare", table, "m=0.15", "m=0.4", "--json"])
            .code(0);
        let text = compared.stdout.as_str();
        assert!(text.contains("difference"), "{text}");
        assert!(!text.contains("do not give"), "{text}");
    }
    project.pipe(&["run", "all"]).code(0).says("cached");
}

#[test]
fn a_line_without_a_field_is_named_and_nothing_is_lost() {
    let project = project();
    let path = "blimp/data/wh_island.jsonl";
    let whole = std::fs::read_to_string(project.join(path)).expect("the pairs");
    let broken = whole.replacen("\"sentence_bad\"", "\"sentence\"", 1);
    project.write(path, &broken);
    let ended = project.pipe(&["run", "table:minimal-pairs"]).code(2);
    let ended = ended.says("wh_island.jsonl:1: the line has no `sentence_bad`");
    assert!(ended.stderr.contains("sentence_good"), "{}", ended.stderr);
    project.write(path, &whole);
    project.pipe(&["run", "table:minimal-pairs"]).code(0);
}

#[test]
fn rates_that_are_none_are_refused_before_anything_runs() {
    let project = project();
    for rate in ["0", "1", "1.5", "-0.1"] {
        let set = format!("eval_rate={rate}");
        let ended = project.pipe(&["run", "stage:validation-loss", "--set", &set]);
        let ended = ended.code(2);
        assert!(ended.stderr.contains("rate"), "{}", ended.stderr);
    }
    assert!(!project.join(".pipe/records").exists());
}
