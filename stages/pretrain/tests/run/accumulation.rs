//! Gradients over micro-batches are the full batch's.

use encoder::{Architecture, Config, Encoder, Gradients, Mode, Size};
use kernels::Stream;
use pretrain::copies::Rates;
use pretrain::feed::{Examples, Feed};
use pretrain::loss::update_gradients;
use pretrain::masking::{Masker, Replacement, Strategy, Vocabulary};
use pretrain::plan::{BatchCounts, Plan, Updates};
use tokenize::{Blocks, Split};

use crate::artifact::{LENGTH, VOCABULARY, tokens};

const MODE: Mode = Mode::Train { seed: 3, step: 0 };

fn examples(rate: f64) -> Examples {
    let folder = tokens(12);
    let blocks = Blocks::open(folder.path(), Split::Train).unwrap();
    let masker = Masker {
        strategy: Strategy::Uniform,
        rates: Rates::equal(rate),
        replacement: Replacement::default(),
        mask_special: true,
        vocabulary: Vocabulary::new(VOCABULARY, 4, &[0, 1, 2, 3, 4]),
        stream: Stream::new(3, "mask"),
    };
    let plan = Plan::new(1, 1, 12, BatchCounts::Copies, Updates::Fixed);
    Feed::new(&blocks, masker, plan, 3).update(0).unwrap()
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

/// Returns the Euclidean distance of two gradients relative to the norm of the first.
fn distance(encoder: &Encoder, one: &Gradients, other: &Gradients) -> f64 {
    let values = |gradients: &Gradients, name: &str| {
        gradients
            .get(name)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
    };
    let mut sum = 0.0;
    for (name, _) in encoder.parameters().iter() {
        for (a, b) in values(one, name).into_iter().zip(values(other, name)) {
            sum += (f64::from(a) - f64::from(b)).powi(2);
        }
    }
    sum.sqrt() / one.norm().unwrap()
}

#[test]
fn micro_batches_change_nothing_but_rounding() {
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
    let whole = update_gradients(&encoder, &examples, 0, MODE)
        .unwrap()
        .unwrap();
    for micro_batch in [1, 5, 12, 100] {
        let parts = update_gradients(&encoder, &examples, micro_batch, MODE)
            .unwrap()
            .unwrap();
        assert!(
            (parts.loss - whole.loss).abs() < 1e-6 * whole.loss,
            "{micro_batch}"
        );
        let distance = distance(&encoder, &whole.gradients, &parts.gradients);
        assert!(distance < 1e-6, "{micro_batch}: {distance}");
    }
}

/// What frameworks that average per micro-batch compute is far away: the comparison above can fail.
#[test]
fn a_mean_of_means_is_another_gradient() {
    let (encoder, examples) = (encoder(), examples(0.2));
    let whole = update_gradients(&encoder, &examples, 0, MODE)
        .unwrap()
        .unwrap();
    let mut mean: Option<Gradients> = None;
    for (sequences, targets) in examples.parts(1) {
        let one = Examples {
            sequences: sequences.to_vec(),
            targets: targets.to_vec(),
        };
        let Some(part) = update_gradients(&encoder, &one, 0, MODE).unwrap() else {
            continue;
        };
        match &mut mean {
            Some(mean) => mean.accumulate(&part.gradients).unwrap(),
            None => mean = Some(part.gradients),
        }
    }
    let mut mean = mean.unwrap();
    mean.scale(1.0 / examples.sequences.len() as f64).unwrap();
    assert!(distance(&encoder, &whole.gradients, &mean) > 1e-2);
}

#[test]
fn sequences_without_predictions_contribute_nothing() {
    let encoder = encoder();
    let mut all = examples(0.2);
    let whole = update_gradients(&encoder, &all, 1, MODE).unwrap().unwrap();
    let mut silent = examples(0.2);
    for targets in &mut silent.targets {
        targets.positions.clear();
        targets.ids.clear();
    }
    assert!(
        update_gradients(&encoder, &silent, 0, MODE)
            .unwrap()
            .is_none()
    );
    all.sequences.append(&mut silent.sequences);
    all.targets.append(&mut silent.targets);
    let padded = update_gradients(&encoder, &all, 1, MODE).unwrap().unwrap();
    assert_eq!(padded.loss, whole.loss);
    assert_eq!(distance(&encoder, &whole.gradients, &padded.gradients), 0.0);
}
