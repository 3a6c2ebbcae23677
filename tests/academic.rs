//! The profile of the papers' settings, as far as a processor can follow it.

mod support;

use support::Project;

/// The shipped pipeline in the papers' profile, over a small world.
const ACADEMIC: [&str; 10] = [
    "--file",
    concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.toml"),
    "--profile",
    "academic",
    "--store",
    ".pipe",
    "--set",
    "world_size=tiny",
    "--set",
    "world_train=100",
];

#[test]
fn the_papers_settings_can_be_planned() {
    let project = Project::with("");
    let plan = ["plan", "all"];
    let told = project
        .pipe(&[&plan[..], &ACADEMIC].concat())
        .code(0)
        .stdout;
    assert!(told.contains("all · profile academic"), "{told}");
}

#[test]
#[ignore = "minutes, and gigabytes: `.ci/slow large` runs it"]
fn an_update_of_eight_sequences_at_the_large_shape_runs() {
    let project = Project::with("");
    let update = [
        "run",
        "stage:pretrain",
        "--set",
        "steps=1",
        "--set",
        "batch=8",
        "--set",
        "validation_blocks=1",
    ];
    let ended = project.pipe(&[&update[..], &ACADEMIC].concat()).code(0);
    let (folder, _) = ended.stdout.split_once("  ").expect("a folder");
    let config = std::fs::read_to_string(format!("{folder}/config.json")).expect("read");
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    for (name, value) in [
        ("num_hidden_layers", 24),
        ("hidden_size", 1024),
        ("num_attention_heads", 16),
        ("intermediate_size", 4096),
        // RoBERTa counts positions from behind the padding id.
        ("max_position_embeddings", 514),
        ("pad_token_id", 1),
    ] {
        assert_eq!(config[name], value, "{name}");
    }
    let log = std::path::Path::new(folder).join("log.parquet");
    let loss = metrics::log::read(&log, &["loss"]).expect("a log").concat();
    assert!(loss.len() == 1 && loss[0] > 0.0, "{loss:?}");
}
