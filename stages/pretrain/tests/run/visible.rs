//! Runs whose encoder reads the visible tokens alone.

use std::fs;

use contract::{Context, Params, Stage, complete};
use encoder::Encoder;
use pretrain::{Parameters, PretrainStage};
use serde_json::{Value, json};

use crate::artifact::{assert_same, files, go_on, params, run, run_in, tokens};
use crate::resume::stopped_after;

fn given(masked: &str, more: &Value) -> Value {
    let mut all = json!({
        "validate_every": 2,
        "checkpoint_every": 2,
        "max_grad_norm": 1.0,
        "masking": {"corrupt": 0.6, "mask_special": false, "masked": masked},
    });
    merge(&mut all, more);
    all
}

fn merge(all: &mut Value, more: &Value) {
    match (all, more) {
        (Value::Object(all), Value::Object(more)) => {
            for (name, value) in more {
                merge(all.entry(name).or_insert(Value::Null), value);
            }
        }
        (all, more) => *all = more.clone(),
    }
}

#[test]
fn an_interruption_leaves_no_trace() {
    let tokens = tokens(30);
    for masked in ["decoder", "appended"] {
        let straight = run(tokens.path(), given(masked, &json!({}))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        stopped_after(folder.path(), tokens.path(), 3, given(masked, &json!({})));
        let context = Context::in_folder(folder.path()).unwrap();
        run_in(&context, tokens.path(), given(masked, &json!({}))).unwrap();
        assert_same(straight.path(), folder.path());
    }
}

#[test]
fn micro_batches_change_no_byte() {
    let tokens = tokens(30);
    for masked in ["decoder", "appended"] {
        let [one, all] = [1, 0].map(|size| {
            let more = json!({"micro_batch": size, "precision": "f32"});
            run(tokens.path(), given(masked, &more)).unwrap()
        });
        assert_same(one.path(), all.path());
    }
}

/// The folder is an encoder like any other; a decoder lies beside it, and a run goes on with both.
#[test]
fn the_decoder_is_kept_beside_an_ordinary_encoder() {
    let tokens = tokens(30);
    let constant = |masked, steps: u32, more: &Value| {
        let mut all =
            json!({"schedule": "constant", "warmup": 0.0, "steps": steps, "keep_state": true});
        merge(&mut all, more);
        given(masked, &all)
    };
    let straight = run(tokens.path(), constant("decoder", 6, &json!({}))).unwrap();
    let first = run(tokens.path(), constant("decoder", 4, &json!({}))).unwrap();
    let output = first.path().join("output");
    let whole = Encoder::load(&output).unwrap();
    assert!(whole.has_head());
    let state = json!({"start_from": "state"});
    let second = go_on(tokens.path(), &output, constant("decoder", 6, &state)).unwrap();
    let (straight, second) = (files(straight.path()), files(second.path()));
    for name in [
        "model.safetensors",
        "decoder.safetensors",
        "optimizer.safetensors",
    ] {
        assert!(straight[name] == second[name], "{name}");
    }
    fs::remove_file(output.join("decoder.safetensors")).unwrap();
    let error = go_on(tokens.path(), &output, constant("decoder", 6, &state)).unwrap_err();
    assert!(error.to_string().contains("it holds no decoder"), "{error}");
    let ordinary = files(
        run(tokens.path(), given("embedded", &json!({})))
            .unwrap()
            .path(),
    );
    assert!(!ordinary.contains_key("decoder.safetensors"));
}

fn problems(more: &Value) -> Vec<String> {
    let mut all = json!({"size": "nano", "steps": 100, "batch": 4});
    merge(&mut all, more);
    let complete = complete(PretrainStage.signature().fields, all.as_object().unwrap());
    let problems = PretrainStage.check(&Params(complete.unwrap()));
    let paths = problems.iter().map(|problem| problem.path.join("."));
    paths.collect()
}

#[test]
fn what_cannot_be_is_said_before_a_run() {
    let masking = |more: Value| json!({"masking": more});
    let visible = json!({"masked": "decoder", "mask_special": false});
    assert!(problems(&masking(visible.clone())).is_empty());
    let special = masking(json!({"masked": "decoder"}));
    assert_eq!(problems(&special), ["masking.mask_special"]);
    let mut whole = visible;
    merge(&mut whole, &json!({"corrupt": 1.0}));
    assert_eq!(problems(&masking(whole)), ["masking.corrupt"]);
    let deep = json!({"masked": "appended", "mask_special": false, "masked_layers": 3});
    assert_eq!(problems(&masking(deep)), ["masking.masked_layers"]);
    let compute = json!({"updates": "equal-compute"});
    let missing = ["masking.compute_length", "masking.compute_vocabulary"];
    assert_eq!(problems(&masking(compute)), missing);
    let uneven = json!({"hidden": 100});
    assert_eq!(problems(&uneven), ["hidden"]);
    assert!(problems(&json!({"hidden": 96})).is_empty());
    let unknown = json!({"size": "nano", "steps": 1, "batch": 1, "masking": {"masked": "hidden"}});
    let fields = PretrainStage.signature().fields;
    assert!(complete(fields, unknown.as_object().unwrap()).is_err());
}

fn updates(more: &Value) -> u32 {
    let mut all = json!({
        "size": "mini", "steps": 1000, "batch": 4,
        "masking": {"corrupt": 0.6, "mask_special": false, "updates": "equal-compute", "compute_length": 128, "compute_vocabulary": 1000},
    });
    merge(&mut all, more);
    let complete = complete(PretrainStage.signature().fields, all.as_object().unwrap()).unwrap();
    let parameters: Parameters = Params(complete).parse().unwrap();
    parameters.plan().updates
}

/// The expected numbers follow from the formula by hand: mini has 4 layers of 256, 12 · 256² weights each.
#[test]
fn equal_compute_is_counted_in_multiply_adds() {
    assert_eq!(updates(&json!({})), 1000);
    let (tokens, width) = (128.0, 256.0);
    let layer = |n: f64| n * 2.0 * 12.0 * width * width + 4.0 * n * n * width;
    let head = 0.6 * tokens * 2.0 * width * (width + 1000.0);
    let ordinary = 4.0 * layer(tokens) + head;
    let seen = 0.4 * tokens;
    let decoder = 4.0 * layer(seen) + layer(tokens) + head;
    let expected = (1000.0 * ordinary / decoder).round() as u32;
    assert!(expected > 1300, "{expected}");
    assert_eq!(
        updates(&json!({"masking": {"masked": "decoder"}})),
        expected
    );
    let appended = 3.0 * layer(seen) + layer(tokens) + head;
    let expected = (1000.0 * ordinary / appended).round() as u32;
    assert_eq!(
        updates(&json!({"masking": {"masked": "appended"}})),
        expected
    );
}

/// A length other than that of the blocks would count other updates than those that cost the same.
#[test]
fn blocks_of_another_length_are_refused() {
    let tokens = tokens(30);
    let error = |length: u32| {
        let masking =
            json!({"updates": "equal-compute", "compute_length": length, "compute_vocabulary": 50});
        let folder = run(
            tokens.path(),
            given("decoder", &json!({"masking": masking})),
        );
        folder.map_err(|error| error.to_string()).err()
    };
    let message = error(3).unwrap();
    assert!(
        message.contains("updates are counted for blocks of 3 tokens"),
        "{message}"
    );
}

#[test]
fn keys_of_ordinary_runs_stay() {
    let ordinary = params(json!({}));
    let keyed = contract::keyed(PretrainStage.signature().fields, &ordinary);
    let text = serde_json::to_string(&keyed.0).unwrap();
    for name in ["masked", "compute", "\"layers\""] {
        assert!(!text.contains(name), "{text}");
    }
}
