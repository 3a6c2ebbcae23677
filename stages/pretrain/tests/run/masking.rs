//! Runs with every strategy, and what they log of their masks.

use std::fs;
use std::path::Path;

use contract::{Context, Inputs, Maker, Params, Stage, StageError, keyed};
use pretrain::PretrainStage;
use pretrain::masking::StrategyName;
use serde_json::{Value, json};

use crate::artifact::{assert_same, files, params, run, run_on, tokens};
use crate::resume::stopped_after_on;

/// Settings of `masking` that have a log of their own: every strategy, and what else may differ.
pub(crate) fn masked() -> impl Iterator<Item = (&'static str, Value)> {
    [
        ("whole-word", json!({"strategy": "whole-word", "count": "bernoulli"})),
        ("spanbert-spans", json!({"strategy": "spanbert-spans", "replace_each": "span", "random": 0.1, "keep": 0.1})),
        ("t5-spans", json!({"strategy": "t5-spans", "corrupt": 0.15, "predict": 0.4})),
        ("pmi", json!({"strategy": "pmi", "corrupt": {"from": 0.5, "to": 0.2, "shape": "cosine"}})),
        ("uniform", json!({"corrupt": {"from": 0.2, "to": 0.6, "shape": "random"}})),
    ]
    .into_iter()
}

/// Returns the inputs of a run with that masking: `ngrams` where the strategy reads it, written beside the tokens.
fn inputs(tokens: &Path, given: &Value) -> Inputs {
    if given["masking"]["strategy"] != "pmi" {
        return Inputs::from([("tokens", tokens)]);
    }
    let list = tokens.join("list.txt");
    let pairs = (0..40)
        .step_by(2)
        .map(|word| format!("word{word} word{}\n", word + 1));
    fs::write(&list, pairs.collect::<String>()).unwrap();
    Inputs::from([("tokens", tokens), ("ngrams", &*list)])
}

/// Runs the stage in a context.
pub(crate) fn run_masked(context: &Context, tokens: &Path, given: Value) -> Result<(), StageError> {
    run_on(context, &inputs(tokens, &given), given)
}

/// Returns columns of the log of masks, row by row.
fn log(folder: &Path, names: &[&str]) -> Vec<Vec<f64>> {
    metrics::log::read(&folder.join("output/masking.parquet"), names).unwrap()
}

#[test]
fn every_strategy_has_a_run_here() {
    let run: Vec<_> = masked().map(|(name, _)| name).collect();
    for name in StrategyName::NAMES {
        assert!(run.contains(name), "{name}");
    }
}

#[test]
fn masks_are_logged_and_neither_micro_batches_nor_a_stop_change_a_byte() {
    let tokens = tokens(40);
    for (name, masking) in masked() {
        let given = |micro_batch: usize| json!({"steps": 6, "batch": 16, "masking": masking, "micro_batch": micro_batch, "checkpoint_every": 2});
        let folders = [0, 1].map(|run| {
            let folder = tempfile::tempdir().unwrap();
            let context = Context::in_folder(folder.path()).unwrap();
            run_masked(&context, tokens.path(), given(5 * run)).unwrap();
            folder
        });
        assert_same(folders[0].path(), folders[1].path());
        let stopped = tempfile::tempdir().unwrap();
        let inputs = inputs(tokens.path(), &given(0));
        stopped_after_on(stopped.path(), &inputs, 3, given(0));
        let context = Context::in_folder(stopped.path()).unwrap();
        run_masked(&context, tokens.path(), given(0)).unwrap();
        assert_same(folders[0].path(), stopped.path());

        let lengths: Vec<String> = (1..=10).map(|length| format!("length_{length}")).collect();
        let mut names = vec![
            "step",
            "candidates",
            "asked",
            "corrupted",
            "units",
            "collisions",
            "length_more",
        ];
        names.extend(lengths.iter().map(String::as_str));
        let rows = log(folders[0].path(), &names);
        assert_eq!(rows.len(), 6);
        let (mut asked, mut corrupted) = (0.0, 0.0);
        for row in &rows {
            assert_eq!(
                row[4],
                row[6..].iter().sum::<f64>(),
                "{name}: the histogram is of all units"
            );
            let tokens: f64 = (1..)
                .zip(&row[7..])
                .map(|(length, count)| f64::from(length) * count)
                .sum();
            assert!(row[6] > 0.0 || tokens == row[3], "{name}: {row:?}");
            assert!(row[1] <= 16.0 * 16.0);
            asked += row[2];
            corrupted += row[3];
        }
        // Of some hundred tokens each; spans of several tokens make single blocks uneven.
        assert!(
            (corrupted / asked - 1.0).abs() < 0.2,
            "{name}: {corrupted} {asked}"
        );
    }
}

#[test]
fn uniform_masks_of_constant_rates_have_no_further_log_and_the_key_of_before() {
    let tokens = tokens(20);
    let folder = run(
        tokens.path(),
        json!({"steps": 1, "masking": {"corrupt": {"from": 0.3}}}),
    )
    .unwrap();
    assert!(!files(folder.path()).contains_key("masking.parquet"));
    let key = |given: Value| keyed(PretrainStage.signature().fields, &params(given)).0;
    let before = json!({
        "strategy": "uniform", "corrupt": 0.3, "predict": null, "random": 0.0, "same": 0.0, "mask_special": true,
        "batch_counts": "copies", "updates": "fixed",
    });
    for masking in [
        json!({"corrupt": 0.3}),
        json!({"corrupt": {"from": 0.3}}),
        json!({"corrupt": {"from": 0.3, "to": null, "shape": "constant"}, "count": "exact", "replace_each": "token"}),
        json!({"corrupt": 0.3, "mean_span": 5, "span_p": 0.5, "longest_span": 3}),
    ] {
        assert_eq!(
            key(json!({"masking": masking}))["masking"],
            before,
            "{masking}"
        );
    }
    let masking = |masking: Value| key(json!({"masking": masking}))["masking"].clone();
    assert_eq!(masking(json!({"strategy": "t5-spans"}))["mean_span"], 3.0);
    assert_eq!(
        masking(json!({"strategy": "spanbert-spans"}))["span_p"],
        0.2
    );
    assert_eq!(masking(json!({"count": "bernoulli"}))["count"], "bernoulli");
    let course = json!({"from": 0.3, "to": 0.15, "shape": "linear"});
    assert_eq!(masking(json!({"corrupt": course}))["corrupt"], course);
}

#[test]
fn wrong_settings_are_told_with_their_place() {
    for (masking, place, told) in [
        (
            json!({"corrupt": 0}),
            "masking.corrupt",
            "nothing would be learnt at a rate of 0",
        ),
        (
            json!({"corrupt": 1}),
            "masking.corrupt",
            "at a rate of 1 no token is left to predict from",
        ),
        (
            json!({"corrupt": {"from": 0.3, "to": 0, "shape": "linear"}}),
            "masking.corrupt",
            "at a rate of 0",
        ),
        (
            json!({"corrupt": {"from": 0.3, "to": 1, "shape": "step"}}),
            "masking.corrupt",
            "at a rate of 1",
        ),
        (
            json!({"corrupt": {"from": 0.3, "shape": "step"}}),
            "masking.corrupt",
            "the shape asks for `to`",
        ),
        (
            json!({"corrupt": {"from": 0.3, "to": 0.2}}),
            "masking.corrupt",
            "the shape is constant",
        ),
        (json!({"predict": 0}), "masking.predict", "at a rate of 0"),
        (
            json!({"corrupt": {"from": 0.3, "to": 0.1, "shape": "linear"}, "predict": 0.3}),
            "masking.predict",
            "now 1, now 2 copies",
        ),
        (
            json!({"strategy": "t5-spans", "count": "bernoulli"}),
            "masking.count",
            "spans are not drawn each by itself",
        ),
        (
            json!({"strategy": "spanbert-spans", "span_p": 0}),
            "masking.span_p",
            "no parameter of 0",
        ),
    ] {
        let problems = PretrainStage.check(&params(json!({"masking": masking})));
        assert_eq!(problems.len(), 1, "{masking}: {problems:?}");
        assert_eq!(problems[0].path.join("."), place);
        assert!(
            problems[0].message.contains(told),
            "{}",
            problems[0].message
        );
        assert!(problems[0].help.is_some(), "{masking}");
    }
}

#[test]
fn a_list_goes_with_its_strategy_alone() {
    let files_of_mine = Maker {
        kind: None,
        params: Params::default(),
        part: None,
    };
    for (strategy, is_given, place) in [
        ("pmi", false, Some("masking")),
        ("uniform", true, Some("ngrams")),
        ("pmi", true, None),
        ("t5-spans", false, None),
    ] {
        let params = || params(json!({"masking": {"strategy": strategy}}));
        let maker = |name: &str| (is_given && name == "ngrams").then(|| files_of_mine.clone());
        let problems = PretrainStage.check_inputs(&params, &maker);
        let places: Vec<_> = problems
            .iter()
            .map(|problem| problem.path.join("."))
            .collect();
        assert_eq!(places.first().map(String::as_str), place, "{strategy}");
    }
    let tokens = tokens(10);
    let error = run(tokens.path(), json!({"masking": {"strategy": "pmi"}})).unwrap_err();
    assert!(error.to_string().contains("none is given"), "{error}");
}
