//! Gradients that are summed in parts.

use contract::{Stage, keyed};
use pretrain::PretrainStage;
use serde_json::{Value, json};

use crate::artifact::{files, params, run, tokens};

fn losses(given: Value) -> Vec<f64> {
    let tokens = tokens(30);
    let folder = run(tokens.path(), given).unwrap();
    let path = folder.path().join("output/log.parquet");
    metrics::log::read(&path, &["loss"]).unwrap().concat()
}

#[test]
fn parts_are_the_same_gradient_but_for_rounding() {
    let whole = losses(json!({"gradient_parts": 1}));
    for parts in [2, 3, 8, 50] {
        let found = losses(json!({"gradient_parts": parts}));
        for (one, other) in whole.iter().zip(found) {
            assert!((one - other).abs() < 1e-4 * one, "{parts}: {one} {other}");
        }
    }
}

#[test]
fn neither_micro_batches_nor_checkpoints_change_a_bit_of_parts() {
    let tokens = tokens(30);
    let run = |micro_batch: usize| {
        let given = json!({"gradient_parts": 3, "micro_batch": micro_batch, "checkpoint_every": 1 + micro_batch});
        files(run(tokens.path(), given).unwrap().path())
    };
    let whole = run(0);
    assert_eq!(whole, run(1));
    assert_eq!(whole, run(2));
}

/// Keys made before gradients had parts are those with one part.
#[test]
fn keys_know_of_more_parts_than_one_alone() {
    let fields = PretrainStage.signature().fields;
    let key = |given: Value| keyed(fields, &params(given)).0;
    let plain = key(json!({}));
    for field in [
        "gradient_parts",
        "schedule",
        "keep_at",
        "keep_state",
        "keep_best",
        "start_from",
        "decay_share",
    ] {
        assert!(!plain.contains_key(field), "{field}");
    }
    assert_eq!(
        plain,
        key(json!({"gradient_parts": 1, "keep_at": [], "schedule": "linear", "decay_share": 0.5}))
    );
    assert_eq!(key(json!({"gradient_parts": 2}))["gradient_parts"], 2);
    let late = key(json!({"schedule": "warmup-stable-decay"}));
    assert_eq!(late["decay_share"], 0.2);
    // Keys use the fields' first names.
    let renamed = key(json!({"max_grad_norm": 0.5, "masking": {"keep": 0.1}}));
    assert_eq!(renamed["clip"], 0.5);
    assert_eq!(renamed["masking"]["same"], 0.1);
    assert_eq!(renamed, key(json!({"clip": 0.5, "masking": {"same": 0.1}})));
}
