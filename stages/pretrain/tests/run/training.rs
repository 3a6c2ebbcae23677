//! The results of a run, and the errors of refused runs.

use std::fs;
use std::path::Path;

use contract::{ArtifactType, Context, Stage, StageError};
use encoder::Encoder;
use pretrain::{Parameters, PretrainStage};
use serde_json::{Value, json};

use crate::artifact::{
    LENGTH, VOCABULARY, blocks, files, params, run, run_in, tokens, write_tokens,
};

/// Returns columns of the training log, row by row.
fn log(folder: &Path, names: &[&str]) -> Vec<Vec<f64>> {
    metrics::log::read(&folder.join("output/log.parquet"), names).unwrap()
}

/// Returns the measurements: step and both perplexities.
fn measured(folder: &Path) -> Vec<Vec<f64>> {
    let names = ["step", "perplexity", "perplexity_15"];
    metrics::log::read(&folder.join("output/validation.parquet"), &names).unwrap()
}

fn recipe(folder: &Path) -> Value {
    serde_json::from_slice(&files(folder)["recipe.json"]).unwrap()
}

fn refused(tokens: &Path, given: Value) -> StageError {
    run(tokens, given).map(|_| ()).unwrap_err()
}

#[test]
fn the_artifact_is_declared_and_complete() {
    let signature = PretrainStage.signature();
    assert_eq!(
        (signature.output, signature.numerics.is_some()),
        (ArtifactType::Encoder, true)
    );
    let tokens = tokens(10);
    let folder = run(tokens.path(), json!({"steps": 2})).unwrap();
    let files = files(folder.path());
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "config.json",
            "log.parquet",
            "model.safetensors",
            "recipe.json",
            "scores.parquet",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "validation.parquet",
            "vocab.txt",
        ]
    );
    let encoder = Encoder::load(&folder.path().join("output")).unwrap();
    let config: Value = serde_json::from_slice(&files["tokenizer_config.json"]).unwrap();
    assert_eq!(
        (
            config["model_max_length"].clone(),
            encoder.config().max_length()
        ),
        (json!(LENGTH), LENGTH)
    );
}

#[test]
fn a_rate_at_which_nothing_is_measured_is_named() {
    let tokens = tokens(10);
    let error = refused(tokens.path(), json!({"masking": {"corrupt": 1e-4}}));
    assert_eq!(
        error.to_string(),
        "validation_blocks: no token is predicted in 10 validation blocks"
    );
    assert_eq!(
        error.remedy().unwrap(),
        "raise masking.corrupt or validation_blocks, or set more of the corpus aside for validation"
    );
}

#[test]
fn the_loss_falls_well_below_chance() {
    let tokens = tokens(200);
    for layer_norm in ["pre", "post"] {
        let given = json!({
            "layer_norm": layer_norm, "steps": 150, "batch": 24, "lr": 5e-3, "dropout": 0.0,
            "attention_dropout": 0.0, "validate_every": 75, "validation_blocks": 20,
            "masking": {"corrupt": 0.3, "mask_special": false},
        });
        let folder = run(tokens.path(), given).unwrap();
        let losses = log(folder.path(), &["loss"]).concat();
        let chance = (VOCABULARY as f64).ln();
        assert!((losses[0] - chance).abs() < 0.3, "{}", losses[0]);
        let last = &losses[130..];
        let mean = last.iter().sum::<f64>() / last.len() as f64;
        // With the context, one of a topic's two words remains to guess: ln 2 = 0.69; without the context ln 40 = 3.69.
        assert!(mean < 1.5, "{layer_norm}: {mean}");
        let measured = measured(folder.path());
        let steps: Vec<_> = measured.iter().map(|row| row[0]).collect();
        assert_eq!(steps, [75.0, 150.0]);
        let scores = metrics::scores::read(&folder.path().join("output")).unwrap();
        assert_eq!(scores[0].name, "perplexity");
        assert!(
            scores[0].main && scores[0].value < 4.5,
            "{}",
            scores[0].value
        );
        assert_eq!(scores[0].value, measured[1][1]);
        assert_eq!(scores[1].value, measured[1][2]);
    }
}

#[test]
fn no_updates_give_the_encoder_as_it_was_initialised() {
    let tokens = tokens(10);
    let folder = run(tokens.path(), json!({"steps": 0, "seed": 9})).unwrap();
    let parameters: Parameters = params(json!({"steps": 0, "seed": 9})).parse().unwrap();
    let fresh = tempfile::tempdir().unwrap();
    Encoder::new(parameters.config(VOCABULARY, 0), 9)
        .unwrap()
        .save(fresh.path())
        .unwrap();
    let weights = fs::read(fresh.path().join("model.safetensors")).unwrap();
    assert_eq!(files(folder.path())["model.safetensors"], weights);
    let scores = metrics::scores::read(&folder.path().join("output")).unwrap();
    for score in scores {
        // An untrained encoder guesses among all tokens, up to the effect of its random weights.
        assert!(
            (score.value / VOCABULARY as f64).ln().abs() < 0.3,
            "{score:?}"
        );
    }
    assert!(log(folder.path(), &["loss"]).is_empty());
}

#[test]
fn copies_are_counted_and_recorded() {
    let tokens = tokens(30);
    let masking = |batch_counts: &str, updates: &str| {
        json!({
            "steps": 2, "batch": 6,
            "masking": {
                "corrupt": 0.1, "predict": 0.4, "batch_counts": batch_counts, "updates": updates,
            },
        })
    };
    for (batch_counts, updates, sequences, steps, originals) in [
        ("copies", "fixed", 6, 2, 3),
        ("copies", "per-original", 6, 8, 12),
        ("originals", "fixed", 24, 2, 12),
    ] {
        let folder = run(tokens.path(), masking(batch_counts, updates)).unwrap();
        let recipe = recipe(folder.path());
        let derived = &recipe["derived"];
        assert_eq!(derived["copies"], 4);
        assert_eq!(derived["sequences_per_update"], sequences);
        assert_eq!(derived["updates"], steps);
        assert_eq!(derived["originals_seen"], originals);
        assert_eq!(
            recipe["parameters"]["masking"]["batch_counts"],
            batch_counts
        );
        assert_eq!(recipe["parameters"]["masking"]["updates"], updates);
        assert_eq!(recipe["parameters"]["beta2"], 0.98);
        let log = log(folder.path(), &["tokens", "predicted_tokens"]);
        assert_eq!(log.len(), steps);
        for row in &log {
            assert!(row[0] <= (sequences * LENGTH) as f64);
            let rate = row[1] / row[0];
            assert!(
                (0.05..0.15).contains(&rate),
                "one copy predicts what it corrupts: {rate}"
            );
        }
    }
}

#[test]
fn micro_batches_change_no_bit_of_the_artifact() {
    let tokens = tokens(30);
    let run = |micro_batch: usize| {
        let parameters = json!({"masking": {"corrupt": 0.2}, "micro_batch": micro_batch});
        files(run(tokens.path(), parameters).unwrap().path())
    };
    let (whole, parts) = (run(0), run(3));
    let differs = |name: &&String| whole.get(*name) != parts.get(*name);
    let different: Vec<_> = whole.keys().filter(differs).collect();
    // The recipe is the same too, since it leaves out parameters that are not keyed.
    assert!(different.is_empty(), "{different:?}");
}

/// The interval between checkpoints is not keyed, so it must not change a bit.
#[test]
fn the_cadence_of_checkpoints_changes_no_bit_of_the_artifact() {
    let tokens = tokens(30);
    let run = |every: usize| {
        let parameters = json!({"checkpoint_every": every});
        files(run(tokens.path(), parameters).unwrap().path())
    };
    let often = run(1);
    assert!(!often.is_empty());
    assert_eq!(often, run(1000));
}

#[test]
fn another_seed_is_another_run() {
    let tokens = tokens(30);
    let weights = |seed: u64| {
        files(
            run(tokens.path(), json!({"steps": 1, "seed": seed}))
                .unwrap()
                .path(),
        )
        .remove("model.safetensors")
        .unwrap()
    };
    assert_eq!(weights(1), weights(1));
    assert_ne!(weights(1), weights(2));
}

#[test]
fn a_parameter_without_gradient_stops_the_run_before_it_starts() {
    // Dropout this high lets nothing of the embeddings through.
    let tokens = tokens(10);
    let folder = tempfile::tempdir().unwrap();
    let context = Context::in_folder(folder.path()).unwrap();
    let error = run_in(&context, tokens.path(), json!({"dropout": 0.999_999_9})).unwrap_err();
    assert!(matches!(error, StageError::Failed(_)), "{error}");
    assert!(error.to_string().contains("position_embeddings"), "{error}");
    assert_eq!(fs::read_dir(context.output()).unwrap().count(), 0);
}

#[test]
fn a_diverged_run_names_the_update() {
    let tokens = tokens(10);
    let error = refused(tokens.path(), json!({"lr": 1e37, "warmup": 0.0}));
    assert!(
        error.to_string().contains("of update 2 is not finite"),
        "{error}"
    );
}

#[test]
fn what_the_data_cannot_give_is_an_error_of_the_input() {
    let long = tokens(10);
    let error = refused(long.path(), json!({"max_positions": LENGTH - 1}));
    assert!(
        error
            .to_string()
            .contains("max_positions: the blocks are up to 16"),
        "{error}"
    );

    // The first rate is so low that no token is ever selected, the second so low that most blocks have no token to predict.
    let never = refused(long.path(), json!({"masking": {"corrupt": 1e-6}}));
    assert!(
        never
            .to_string()
            .contains("no token is predicted in 10 validation"),
        "{never}"
    );
    let rarely = refused(
        long.path(),
        json!({"batch": 1, "masking": {"corrupt": 0.02}}),
    );
    assert!(
        rarely.to_string().contains("has no token to predict"),
        "{rarely}"
    );
    assert!(never.remedy().is_some() && rarely.remedy().is_some());

    let empty = tempfile::tempdir().unwrap();
    write_tokens(empty.path(), &blocks(3, 1), &[]);
    let error = refused(empty.path(), json!({}));
    assert!(
        error.to_string().contains("there is no validation block"),
        "{error}"
    );
}
