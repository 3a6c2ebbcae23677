//! Twenty updates end with the same bits on any number of threads, on every path that this CPU offers, in micro-batches of
//! any size, and after a kill; and these are the bits with which the numerics class was defined.
#![allow(clippy::unwrap_used)]

use encoder::{
    AdamW, AdamWOptions, Architecture, Batch, ClassificationHead, Config, Encoder, Gradients, Mode,
    Pooling, Precision, Sequence, Size, cross_entropy,
};
use kernels::{Path, Stream};

const UPDATES: u32 = 20;
const VOCABULARY: u32 = 150;
/// Sequences per micro-batch; an update has 12.
const PART: usize = 7;

/// Expected digests. A change of one is a change of the numerics class: see `kernels::numerics`.
const GOLDEN: [(Architecture, Precision, &str); 4] = [
    (Architecture::Bert, Precision::F32, "d2e03727afa4cdc6"),
    (
        Architecture::RobertaPreLayerNorm,
        Precision::F32,
        "eee8704312c55ca2",
    ),
    (Architecture::Bert, Precision::Bf16, "c31863cf0f4afd34"),
    (
        Architecture::RobertaPreLayerNorm,
        Precision::Bf16,
        "90fdfc4fba89e46a",
    ),
];

fn sequences(update: u32) -> Vec<Sequence> {
    let mut draws = Stream::new(8, "test").draws(update, 0, 0);
    let sequence = |sample| {
        let length = 2 + draws.index(30);
        Sequence::new(
            (0..length).map(|_| draws.below(VOCABULARY)).collect(),
            sample,
        )
    };
    (0..12).map(sequence).collect()
}

/// Trains on masked tokens and on classes, in parts of `micro_batch` sequences, and returns the digest of the weights. After
/// `kill` updates everything is thrown away and read again from disk.
fn train(
    architecture: Architecture,
    precision: Precision,
    micro_batch: usize,
    kill: Option<u32>,
) -> String {
    let config = Config {
        hidden_size: 36,
        num_attention_heads: 3,
        intermediate_size: 50,
        hidden_dropout_prob: 0.1,
        attention_probs_dropout_prob: 0.1,
        ..Config::of_size(Size::Nano, architecture, VOCABULARY as usize, 32, 0)
    };
    let folder = tempfile::tempdir().unwrap();
    let files = ["weights", "moments"].map(|name| folder.path().join(name));
    let start = || {
        let encoder = Encoder::new(config.clone(), 1)
            .unwrap()
            .with_precision(precision);
        let head = ClassificationHead::new(&config, 3, 1)
            .unwrap()
            .with_precision(precision);
        let head = head.with_pooling(Pooling::Mean);
        let mut parameters = encoder.parameters().clone();
        parameters.extend(head.parameters()).unwrap();
        let optimizer = AdamW::new(&parameters, AdamWOptions::default()).unwrap();
        let gradients = Gradients::zeros(&parameters);
        (encoder, head, parameters, optimizer, gradients)
    };
    let (mut encoder, mut head, mut parameters, mut optimizer, mut gradients) = start();
    for step in 0..UPDATES {
        if Some(step) == kill {
            parameters.save(&files[0]).unwrap();
            optimizer.save(&files[1]).unwrap();
            (encoder, head, parameters, optimizer, gradients) = start();
            parameters.restore(&files[0]).unwrap();
            optimizer.restore(&files[1]).unwrap();
        }
        let mut collecting = gradients.collect();
        let mode = Mode::Train { seed: 3, step };
        for part in sequences(step).chunks(micro_batch) {
            let batch = Batch::pack(part, encoder.config()).unwrap();
            let hidden = encoder.forward(&batch, mode).unwrap();
            let places = (0..part.len()).flat_map(|sequence| {
                let positions = (0..batch.length(sequence)).step_by(3);
                positions.map(move |position| (sequence, position))
            });
            let (rows, targets): (Vec<u32>, Vec<u32>) = places
                .map(|(sequence, position)| {
                    let target = 7 * part[sequence].sample + position as u32;
                    (batch.row(sequence, position), target % VOCABULARY)
                })
                .unzip();
            let masked = encoder.masked_lm_loss(&hidden, &rows, &targets).unwrap();
            let states = std::slice::from_ref(&hidden);
            let scores = head.forward(states, &batch, mode).unwrap();
            let classes: Vec<u32> = part.iter().map(|one| one.sample % 3).collect();
            let loss = (masked + cross_entropy(&scores, &classes).unwrap()).unwrap();
            collecting.add(&loss).unwrap();
        }
        drop(collecting);
        gradients.scale(1.0 / 80.0);
        gradients.clip(1.0);
        optimizer.step(&parameters, &gradients, 1e-2).unwrap();
    }
    parameters.save(&files[0]).unwrap();
    blake3::hash(&std::fs::read(&files[0]).unwrap()).to_hex()[..16].to_owned()
}

#[test]
fn training_ends_with_the_golden_bits() {
    let golden = |architecture, precision| {
        GOLDEN
            .iter()
            .find(|golden| (golden.0, golden.1) == (architecture, precision))
            .unwrap()
            .2
    };
    for (architecture, precision, digest) in GOLDEN {
        let check = |what: &str, found: String| {
            assert_eq!(found, digest, "{architecture:?} {precision:?} {what}");
        };
        for path in Path::available() {
            let _forced = path.force();
            check(path.name(), train(architecture, precision, PART, None));
        }
        for threads in 1..=4 {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            check(
                &format!("{threads} threads"),
                pool.install(|| train(architecture, precision, PART, None)),
            );
        }
        if precision == Precision::F32 {
            for size in [1, 5, 12] {
                check(
                    &format!("in micro-batches of {size}"),
                    train(architecture, precision, size, None),
                );
            }
        }
        check(
            "after a kill",
            train(architecture, precision, PART, Some(11)),
        );
    }
    assert_ne!(
        golden(Architecture::Bert, Precision::F32),
        golden(Architecture::Bert, Precision::Bf16)
    );
}
