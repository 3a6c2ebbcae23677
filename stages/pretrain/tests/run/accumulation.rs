//! Gradients accumulated over micro-batches equal those of the full batch.

use std::sync::Arc;

use encoder::{Architecture, Config, Encoder, Gradients, Mode, Size};
use kernels::Stream;
use pretrain::copies::Rates;
use pretrain::feed::{Examples, Feed};
use pretrain::loss::add_gradients;
use pretrain::masking::{Masker, Ngrams, Strategy, Vocabulary};
use pretrain::plan::{BatchCounts, Plan, Updates};
use tokenize::{Blocks, Split};

use crate::artifact::{LENGTH, VOCABULARY, tokens};

const MODE: Mode = Mode::Train { seed: 3, step: 0 };

fn examples(rate: f64) -> Examples {
    examples_by(Strategy::uniform(), rate)
}

fn examples_by(strategy: Strategy, rate: f64) -> Examples {
    let folder = tokens(12);
    let blocks = Blocks::open(folder.path(), Split::Train).unwrap();
    let vocabulary = Arc::new(Vocabulary::new(VOCABULARY, 4, &[0, 1, 2, 3, 4]));
    let stream = Stream::new(3, "mask");
    let masker = Masker {
        strategy,
        ..Masker::uniform(Rates::equal(rate), vocabulary, stream)
    };
    let plan = Plan::new(1, 1, 12, BatchCounts::Copies, Updates::Fixed);
    let mut feed = Feed::new(&blocks, masker, plan, 3).unwrap();
    feed.update(0).unwrap()
}

fn encoder() -> Encoder {
    let config = Config::of_size(
        Size::Nano,
        Architecture::RobertaPreLayerNorm,
        VOCABULARY,
        LENGTH,
        0,
    );
    Encoder::new(config, 3).unwrap()
}

/// Returns loss and gradients, those of all parameters one after another, or `None` if no token is predicted.
fn update(encoder: &Encoder, examples: &Examples, micro_batch: usize) -> Option<(f64, Vec<f32>)> {
    let mut gradients = Gradients::zeros(encoder.parameters());
    let all = 0..examples.sequences.len();
    let mut collecting = gradients.collect();
    let sum = add_gradients(encoder, examples, all, micro_batch, MODE, &mut collecting).unwrap();
    drop(collecting);
    let predicted = examples.predicted();
    if predicted == 0 {
        return None;
    }
    gradients.scale(1.0 / predicted as f64);
    let loss = sum / predicted as f64;
    let names = encoder.parameters().iter().map(|(name, _)| name);
    let values = names.flat_map(|name| gradients.get(name).unwrap());
    Some((loss, values.collect()))
}

/// Returns the Euclidean distance of two gradients relative to the norm of the first.
fn distance(one: &[f32], other: &[f32]) -> f64 {
    assert_eq!(one.len(), other.len());
    let square = |x: f64| x * x;
    let differences = one.iter().zip(other);
    let differences = differences.map(|(&a, &b)| square(f64::from(a) - f64::from(b)));
    let norm: f64 = one.iter().map(|&x| square(f64::from(x))).sum();
    (differences.sum::<f64>() / norm).sqrt()
}

#[test]
fn micro_batches_change_no_bit() {
    let (encoder, examples) = (encoder(), examples(0.2));
    let counts: Vec<_> = examples
        .targets
        .iter()
        .map(|targets| targets.ids.len())
        .collect();
    assert_ne!(
        counts.iter().min(),
        counts.iter().max(),
        "uneven on purpose"
    );
    let (loss, whole) = update(&encoder, &examples, 0).unwrap();
    for micro_batch in [1, 5, 12, 100] {
        let (sum, parts) = update(&encoder, &examples, micro_batch).unwrap();
        assert_eq!(sum, loss, "{micro_batch}");
        assert!(parts == whole, "{micro_batch}");
    }
}

/// The words of each topic, in both orders.
pub(crate) fn ngrams() -> Ngrams {
    let mut ngrams = Ngrams::default();
    for first in (5..VOCABULARY as u32).step_by(2) {
        ngrams.insert(&[vec![first], vec![first + 1]]);
        ngrams.insert(&[vec![first + 1], vec![first], vec![first]]);
    }
    ngrams
}

#[test]
fn micro_batches_change_no_bit_whatever_the_strategy() {
    let encoder = encoder();
    for strategy in [
        Strategy::whole_word(),
        Strategy::spanbert_spans(0.2, 10),
        Strategy::t5_spans(3.0),
        Strategy::pmi(ngrams()),
    ] {
        let examples = examples_by(strategy.clone(), 0.3);
        let whole = update(&encoder, &examples, 0).unwrap();
        for micro_batch in [1, 5] {
            assert!(
                update(&encoder, &examples, micro_batch).unwrap() == whole,
                "{strategy:?}"
            );
        }
    }
}

/// The gradient of averages per micro-batch, as some frameworks compute it, is far away, so the comparison above can fail.
#[test]
fn a_mean_of_means_is_another_gradient() {
    let (encoder, examples) = (encoder(), examples(0.2));
    let (_, whole) = update(&encoder, &examples, 0).unwrap();
    let mut mean = vec![0.0; whole.len()];
    for (sequences, targets) in examples.parts(1) {
        let one = Examples {
            sequences: sequences.to_vec(),
            targets: targets.to_vec(),
            ..Examples::default()
        };
        let Some((_, part)) = update(&encoder, &one, 0) else {
            continue;
        };
        for (mean, part) in mean.iter_mut().zip(part) {
            *mean += part / examples.sequences.len() as f32;
        }
    }
    assert!(distance(&whole, &mean) > 1e-2);
}

#[test]
fn sequences_without_predictions_contribute_nothing() {
    let encoder = encoder();
    let mut all = examples(0.2);
    let (loss, whole) = update(&encoder, &all, 1).unwrap();
    let mut silent = examples(0.2);
    for targets in &mut silent.targets {
        targets.positions.clear();
        targets.ids.clear();
    }
    assert!(update(&encoder, &silent, 0).is_none());
    all.sequences.append(&mut silent.sequences);
    all.targets.append(&mut silent.targets);
    assert_eq!(update(&encoder, &all, 1).unwrap(), (loss, whole));
}
