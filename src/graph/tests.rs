//! What expansion promises: sharing, laziness, labels, determinism.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::{InputSource, Plan, expand};
use crate::declare::{Pipeline, Target};
use crate::fakes::{PIPELINE, load, load_in, messages};

fn plan(pipeline: &Pipeline, targets: &[&str]) -> Plan {
    expand(pipeline, &pipeline.targets(targets).unwrap()).unwrap()
}

fn labels(plan: &Plan) -> Vec<&str> {
    plan.jobs.jobs().map(|(_, job)| &*job.label).collect()
}

#[test]
fn a_target_pulls_in_what_it_needs_and_nothing_else() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    assert_eq!(
        labels(&plan(&pipeline, &["stage:train"])),
        ["world", "corpus", "train"]
    );
    assert_eq!(
        labels(&plan(&pipeline, &["stage:majority[task=mnli]"])),
        ["majority[task=mnli]"]
    );
    assert!(labels(&plan(&pipeline, &[])).is_empty());
}

#[test]
fn cells_share_every_job_that_their_variables_do_not_reach() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let plan = plan(&pipeline, &["table:rates"]);
    let labels = labels(&plan);
    assert_eq!(
        labels
            .iter()
            .filter(|label| label.starts_with("corpus"))
            .count(),
        1
    );
    assert_eq!(
        labels
            .iter()
            .filter(|label| label.starts_with("train"))
            .count(),
        2
    );
    // Two rates, two tasks, three seeds.
    assert_eq!(
        labels
            .iter()
            .filter(|label| label.starts_with("tune"))
            .count(),
        12
    );
    let cells = &plan.tables[0].cells;
    assert_eq!(cells[0][0].as_ref().unwrap().jobs.len(), 3);
    let perplexity = cells[0][2].as_ref().unwrap();
    assert_eq!(perplexity.metric.as_deref(), Some("perplexity"));
    assert_eq!(
        perplexity.jobs.len(),
        1,
        "seeds of fine-tuning do not reach pre-training"
    );
    assert_eq!(
        cells[2][1].as_ref().unwrap().jobs.len(),
        1,
        "the majority class has no seed"
    );
    assert_eq!(cells[2][2], None, "row and column name different stages");
}

#[test]
fn tables_share_jobs() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let both = plan(&pipeline, &["all"]);
    let same = both.tables[0].cells[1][0].as_ref().unwrap().jobs[0];
    assert_eq!(both.tables[1].cells[1][0].as_ref().unwrap().jobs, [same]);
}

#[test]
fn a_variable_that_is_overridden_reaches_nothing_behind_it() {
    let pipeline = load(PIPELINE, None, &[("m", "0.9")]).unwrap();
    let plan = plan(&pipeline, &["stage:train[m_corr=0.4,m_pred=0.4]"]);
    assert_eq!(
        labels(&plan),
        ["world", "corpus", "train[m_corr=0.4,m_pred=0.4]"]
    );
    let train = plan.jobs.job(plan.stages[0]);
    assert_eq!(train.params.params().0["masking"]["corrupt"], 0.4);
}

#[test]
fn labels_name_what_differs_from_the_profile() {
    let pipeline = load(PIPELINE, None, &[("m", "0.15")]).unwrap();
    assert_eq!(
        labels(&plan(&pipeline, &["stage:train"]))[2],
        "train[m=0.15]"
    );
    let same = load(PIPELINE, None, &[("m", "0.40")]).unwrap();
    assert_eq!(labels(&plan(&same, &["stage:train"]))[2], "train");
    let large = load(PIPELINE, Some("large"), &[]).unwrap();
    let planned = plan(&large, &["stage:train"]);
    assert_eq!(labels(&planned)[2], "train");
    assert_eq!(
        planned.jobs.job(planned.stages[0]).params.text("size"),
        Some("base")
    );
}

#[test]
fn no_two_jobs_have_one_label_and_a_label_is_a_target() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let texts = [
        "all",
        "stage:train[m=0.2]",
        "stage:train[m=0.2,m_corr=0.4]",
        "stage:train[m_corr=0.4,m_pred=0.4]",
        "stage:train[m_corr=0.4,m_pred=0.2]",
        "stage:train[m=0.2,m_corr=0.2]",
    ];
    let everything = plan(&pipeline, &texts);
    let all = labels(&everything);
    assert_eq!(
        all.iter().collect::<BTreeSet<_>>().len(),
        all.len(),
        "{all:?}"
    );
    for (index, job) in everything.jobs.jobs() {
        let again = plan(&pipeline, &[&format!("stage:{}", job.label)]);
        let found = again.jobs.job(again.stages[0]);
        assert_eq!(
            (&found.stage, &found.params),
            (&job.stage, &job.params),
            "{}",
            job.label
        );
        assert!(
            everything.jobs.inputs(index).all(|input| input < index),
            "inputs come first"
        );
    }
}

#[test]
fn rows_win_over_set_and_set_over_the_profile() {
    let pipeline = load(
        PIPELINE,
        Some("large"),
        &[("size", "tiny"), ("task", "qnli")],
    )
    .unwrap();
    let plan = plan(&pipeline, &["table:rates"]);
    let job = plan
        .jobs
        .job(plan.tables[0].cells[0][0].as_ref().unwrap().jobs[0]);
    assert_eq!(job.params.text("task"), Some("mnli"));
    let train = plan
        .jobs
        .jobs()
        .find(|(_, job)| &*job.stage == "train")
        .unwrap()
        .1;
    assert_eq!(train.params.text("size"), Some("tiny"));
    assert_eq!(
        plan.tables[0].cells[0][0].as_ref().unwrap().jobs.len(),
        1,
        "the profile's seeds"
    );
}

#[test]
fn paths_stand_in_for_stages_and_must_exist_when_needed() {
    let folder = tempfile::tempdir().unwrap();
    let text = PIPELINE.replace("\"@world/text\"", "\"books\"");
    let pipeline = load_in(folder.path(), &text, None, &[]).unwrap();
    let targets = [Target::Stage {
        name: "corpus".into(),
        bindings: Vec::new(),
    }];
    let report = expand(&pipeline, &targets).unwrap_err();
    assert_eq!(messages(&report), ["no such file or folder: books"]);
    std::fs::create_dir(folder.path().join("books")).unwrap();
    let found = plan(&pipeline, &["stage:corpus"]);
    let input = found.jobs.job(found.stages[0]).input("source").unwrap();
    assert_eq!(*input, InputSource::Path(folder.path().join("books")));
    assert_eq!(labels(&found), ["corpus"], "the world is not needed");
}

#[test]
fn a_binding_that_is_out_of_range_is_shown_where_it_stands() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let targets = pipeline.targets(&["stage:train[m=1.5,size=nano]"]).unwrap();
    let report = expand(&pipeline, &targets).unwrap_err();
    assert_eq!(
        messages(&report),
        ["expected a number from 0 to 1, found 1.5"]
    );
    let place = &report.diagnostics()[0];
    let (start, end) = place.labels[0].span;
    assert_eq!(&place.source.as_ref().unwrap().text[start..end], "1.5");
}

#[test]
fn a_chain_of_many_stages_does_not_exhaust_the_stack() {
    let mut text =
        String::from("[stage.s0]\nuse = \"corpus\"\nsource = \"@w\"\n[stage.w]\nuse = \"world\"\n");
    for number in 1..20_000 {
        text.push_str(&format!(
            "[stage.s{number}]\nuse = \"loop\"\nfrom = \"@s{}\"\n",
            number - 1
        ));
    }
    let pipeline = load(&text, None, &[]).unwrap();
    assert_eq!(plan(&pipeline, &["stage:s19999"]).jobs.len(), 20_001);
}

#[test]
fn expansion_is_a_function_of_the_file() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let again = load(PIPELINE, None, &[]).unwrap();
    assert_eq!(
        labels(&plan(&pipeline, &["all"])),
        labels(&plan(&again, &["all"]))
    );
}
