//! Twenty updates end with the same bits on any number of threads, on every path that this CPU offers, and after a kill;
//! and these are the bits that they ended with when the numerics class was fixed.
#![allow(clippy::unwrap_used)]

use encoder::{
    AdamW, AdamWOptions, Architecture, Batch, ClassificationHead, Config, Encoder, Gradients,
    HeadPooling, Mode, Precision, Sequence, Size, cross_entropy,
};
use kernels::{Path, Stream};

const UPDATES: u32 = 20;
const VOCABULARY: u32 = 150;

/// A change of these is a change of the numerics class: see `kernels::numerics`.
const GOLDEN: [(Architecture, Precision, &str); 4] = [
    (Architecture::Bert, Precision::F32, "3e26164ee9bc8c9a"),
    (
        Architecture::RobertaPreLayerNorm,
        Precision::F32,
        "1ddc204fae91d245",
    ),
    (Architecture::Bert, Precision::Bf16, "d1fb24f3673366cb"),
    (
        Architecture::RobertaPreLayerNorm,
        Precision::Bf16,
        "1b4c2b537c4f98b9",
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

/// Trains on masked tokens and on classes; `kill` is the number of updates after which everything is thrown away and
/// read again from disk. Returns the digest of the weights.
fn train(architecture: Architecture, precision: Precision, kill: Option<u32>) -> String {
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
        let head = head.with_pooling(HeadPooling::Mean);
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
        gradients.clear();
        let mode = Mode::Train { seed: 3, step };
        // Two micro-batches.
        for part in sequences(step).chunks(7) {
            let batch = Batch::pack(part, encoder.config()).unwrap();
            let hidden = encoder.forward(&batch, mode).unwrap();
            let rows: Vec<u32> = (0..batch.tokens() as u32).step_by(3).collect();
            let targets: Vec<u32> = rows.iter().map(|row| row % VOCABULARY).collect();
            let masked = encoder.masked_lm_loss(&hidden, &rows, &targets).unwrap();
            let scores = head.forward(&hidden, &batch, mode).unwrap();
            let classes: Vec<u32> = part.iter().map(|one| one.sample % 3).collect();
            let loss = (masked + cross_entropy(&scores, &classes).unwrap()).unwrap();
            gradients.add(&loss).unwrap();
        }
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
            check(path.name(), train(architecture, precision, None));
        }
        for threads in 1..=4 {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            check(
                &format!("{threads} threads"),
                pool.install(|| train(architecture, precision, None)),
            );
        }
        check("after a kill", train(architecture, precision, Some(11)));
    }
    assert_ne!(
        golden(Architecture::Bert, Precision::F32),
        golden(Architecture::Bert, Precision::Bf16)
    );
}
