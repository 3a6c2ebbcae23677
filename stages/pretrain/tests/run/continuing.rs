//! Encoders that are kept along the way, and runs that go on from them.

use std::fs;
use std::path::Path;

use contract::{Context, Stage, StageError};
use pretrain::PretrainStage;
use serde_json::{Value, json};

use crate::artifact::{assert_same, files, go_on, params, run, run_in, tokens};
use crate::resume::stopped_after;

/// Adds a schedule that does not depend on the length of the run, so that a shorter run is the beginning of a longer one.
fn constant(more: Value) -> Value {
    let mut all =
        json!({"schedule": "constant", "warmup": 0.0, "max_grad_norm": 1.0, "checkpoint_every": 2});
    let (Value::Object(all_fields), Value::Object(more)) = (&mut all, more) else {
        panic!("parameters are tables")
    };
    all_fields.extend(more);
    all
}

fn weights(folder: &Path, within: &str) -> Vec<u8> {
    fs::read(folder.join("output").join(within).join("model.safetensors")).unwrap()
}

#[test]
fn a_run_that_goes_on_ends_as_one_that_was_never_cut() {
    let tokens = tokens(30);
    let straight = run(
        tokens.path(),
        constant(json!({"steps": 9, "keep_state": true})),
    )
    .unwrap();
    let first = run(
        tokens.path(),
        constant(json!({"steps": 4, "keep_state": true})),
    )
    .unwrap();
    let given = constant(json!({"steps": 9, "keep_state": true, "start_from": "state"}));
    let second = go_on(tokens.path(), &first.path().join("output"), given).unwrap();
    let (straight, second) = (files(straight.path()), files(second.path()));
    for name in [
        "model.safetensors",
        "optimizer.safetensors",
        "config.json",
        "scores.parquet",
    ] {
        assert!(straight[name] == second[name], "{name}");
    }
    assert!(weights(first.path(), "") != second["model.safetensors"]);
}

#[test]
fn runs_of_several_lengths_are_cut_from_one_that_stays_at_its_peak() {
    let tokens = tokens(30);
    let falls_late = |more: Value| {
        let mut all = constant(more);
        all["schedule"] = json!("warmup-stable-decay");
        all["decay_share"] = json!(0.5);
        all
    };
    let given = constant(json!({"steps": 4, "keep_state": true}));
    let stem = run(tokens.path(), given).unwrap();
    let start = stem.path().join("output");
    for steps in [6, 8] {
        let straight = run(tokens.path(), falls_late(json!({"steps": steps}))).unwrap();
        let given = falls_late(json!({"steps": steps, "start_from": "state"}));
        let cut = go_on(tokens.path(), &start, given).unwrap();
        assert!(
            weights(cut.path(), "") == weights(straight.path(), ""),
            "{steps}"
        );
    }
}

#[test]
fn weights_alone_begin_a_new_run() {
    let tokens = tokens(30);
    let first = run(tokens.path(), constant(json!({"steps": 4}))).unwrap();
    let start = first.path().join("output");
    let none = go_on(tokens.path(), &start, json!({"steps": 0})).unwrap();
    assert!(weights(none.path(), "") == weights(first.path(), ""));
    let log = metrics::log::read(
        &go_on(tokens.path(), &start, json!({"steps": 3}))
            .unwrap()
            .path()
            .join("output/log.parquet"),
        &["step"],
    );
    assert_eq!(log.unwrap().concat(), [1.0, 2.0, 3.0]);
}

#[test]
fn what_is_kept_along_the_way_is_what_a_shorter_run_ends_with() {
    let tokens = tokens(30);
    let long = run(
        tokens.path(),
        constant(json!({"steps": 6, "keep_at": [4, 0, 2, 50]})),
    )
    .unwrap();
    for steps in [0, 2, 4] {
        let short = run(tokens.path(), constant(json!({"steps": steps}))).unwrap();
        let kept = format!("step-{steps}");
        assert!(
            weights(long.path(), &kept) == weights(short.path(), ""),
            "{steps}"
        );
        for name in ["config.json", "tokenizer.json", "vocab.txt"] {
            assert!(files(long.path()).contains_key(&format!("{kept}/{name}")));
        }
    }
    let parts = PretrainStage.parts(Some(&params(json!({"keep_at": [50, 4, 2, 4]}))));
    assert_eq!(parts.unwrap(), ["step-2", "step-4"]);
}

#[test]
fn a_kill_and_damage_leave_no_trace_in_what_is_kept() {
    let tokens = tokens(30);
    let given = || constant(json!({"steps": 8, "keep_at": [3, 5], "keep_state": true}));
    let straight = run(tokens.path(), given()).unwrap();
    for damaged in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        stopped_after(folder.path(), tokens.path(), 6, given());
        if damaged {
            let kept = folder.path().join("checkpoints/kept-step-3/config.json");
            fs::write(kept, "{}").unwrap();
        }
        run_in(
            &Context::in_folder(folder.path()).unwrap(),
            tokens.path(),
            given(),
        )
        .unwrap();
        assert_same(straight.path(), folder.path());
    }
}

#[test]
fn the_best_measurement_decides_and_a_kill_does_not_change_it() {
    let tokens = tokens(30);
    // The learning rate is so high that the loss rises again.
    let given = |best: bool| {
        constant(json!({
            "steps": 12, "lr": 0.05, "validate_every": 1, "keep_best": best, "masking": {"corrupt": 0.3},
        }))
    };
    let (best, last) = (
        run(tokens.path(), given(true)).unwrap(),
        run(tokens.path(), given(false)).unwrap(),
    );
    let measured = |folder: &Path| {
        let path = folder.join("output/validation.parquet");
        metrics::log::read(&path, &["step", "perplexity"]).unwrap()
    };
    let rows = measured(best.path());
    assert_eq!(rows, measured(last.path()));
    let lowest = rows.iter().min_by(|a, b| a[1].total_cmp(&b[1])).unwrap();
    assert!(lowest[0] < 12.0, "{rows:?}");
    let score = |folder: &Path| metrics::scores::read(&folder.join("output")).unwrap()[0].value;
    assert_eq!(score(best.path()), lowest[1]);
    assert_eq!(score(last.path()), rows.last().unwrap()[1]);
    // The kept weights are those of the best step.
    let steps = lowest[0] as u64;
    let mut short = given(false);
    short["steps"] = json!(steps);
    assert!(weights(run(tokens.path(), short).unwrap().path(), "") == weights(best.path(), ""));
    for stop in [steps, steps + 1, 11] {
        let folder = tempfile::tempdir().unwrap();
        stopped_after(folder.path(), tokens.path(), stop, given(true));
        run_in(
            &Context::in_folder(folder.path()).unwrap(),
            tokens.path(),
            given(true),
        )
        .unwrap();
        assert_same(best.path(), folder.path());
    }
}

fn refused(result: Result<tempfile::TempDir, StageError>) -> (String, String) {
    let error = result.map(|_| ()).unwrap_err();
    (error.to_string(), error.remedy().unwrap_or_default())
}

#[test]
fn what_cannot_be_gone_on_from_is_named() {
    let tokens = tokens(30);
    let plain = run(tokens.path(), json!({"steps": 2})).unwrap();
    let kept = run(tokens.path(), json!({"steps": 4, "keep_state": true})).unwrap();
    let from = |folder: &tempfile::TempDir, given: Value| {
        refused(go_on(tokens.path(), &folder.path().join("output"), given))
    };
    let (message, remedy) = from(&plain, json!({"start_from": "state"}));
    assert_eq!(
        message,
        "start: it holds no training state (optimizer.safetensors)"
    );
    assert!(remedy.starts_with("set keep_state = true"), "{remedy}");
    let (message, _) = from(&kept, json!({"start_from": "state", "steps": 3}));
    assert_eq!(
        message,
        "start: 4 updates were made already, and this run makes 3 in all"
    );
    let (message, _) = from(&plain, json!({"layer_norm": "post"}));
    assert_eq!(
        message,
        "start: its model_type is RobertaPreLayerNorm, that of the encoder to be trained Bert"
    );
    let (message, _) = from(&kept, json!({"start_from": "state", "keep_at": [2]}));
    assert_eq!(
        message,
        "keep_at: update 2 was made before this run, which goes on after 4"
    );
    let alone = refused(run(tokens.path(), json!({"start_from": "state"})));
    assert_eq!(
        alone.0,
        "start_from: there is no `start` whose training state could be taken"
    );
    let problems = PretrainStage.check(&params(json!({"keep_best": true})));
    assert_eq!(problems[0].path, ["keep_best"]);
}
