#![allow(clippy::unwrap_used)]

use benchmarks::Triplet;
use contract::{Params, complete};
use encoder::{Architecture, Config, Encoder, Gradients, Projection, Size};
use serde_json::{Value, json};

use super::*;
use crate::parameters::{FIELDS, Parameters};

const WORDS: [&str; 12] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "green", "blue", "cat", "dog", "king",
    "tree",
];

fn tokenizer() -> Tokenizer {
    let words = WORDS.map(str::to_owned);
    Tokenizer::from_tokens(&words, true, Path::new("test")).unwrap()
}

/// Sentences of one to six words, each with one that belongs to it and one that does not.
fn triplets(count: usize) -> Vec<Triplet> {
    let sentence = |seed: usize| {
        let words = (0..1 + seed % 6).map(|at| WORDS[5 + (seed + 3 * at) % 7]);
        words.collect::<Vec<_>>().join(" ")
    };
    (0..count)
        .map(|row| Triplet {
            anchor: sentence(row),
            positive: Some(sentence(row + 7)),
            negative: Some(sentence(2 * row + 3)),
        })
        .collect()
}

fn parameters(more: &Value) -> Parameters {
    let mut given = json!({"lr": 1e-3, "batch": 9});
    given
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Params(complete(FIELDS, given.as_object().unwrap()).unwrap())
        .parse()
        .unwrap()
}

struct Found {
    loss: f64,
    gradients: Vec<Vec<f32>>,
    vectors: Vec<Vec<f32>>,
}

/// Returns loss and gradients of one update, and the vectors that it compared.
fn update(dropout: f64, more: &Value) -> Found {
    let parameters = parameters(more);
    let tokenizer = tokenizer();
    let config = Config {
        hidden_dropout_prob: dropout,
        attention_probs_dropout_prob: dropout,
        initializer_range: 0.3,
        ..Config::of_size(Size::Nano, Architecture::Bert, WORDS.len(), 24, 0)
    };
    let encoder = Encoder::new(config, 1).unwrap();
    let projection = Projection::new(encoder.config(), 1).unwrap();
    let has_head = parameters.masked_lm > 0.0;
    let model = Model::new(
        encoder,
        parameters.pooling,
        Some(projection),
        true,
        has_head,
    )
    .unwrap();
    let model = match parameters.encoders {
        1 => model,
        _ => model.with_second_encoder().unwrap(),
    };
    let triplets = triplets(9);
    let mut objective = Contrastive {
        model: &model,
        tokenizer: &tokenizer,
        maker: Maker::new(&parameters, &tokenizer, &triplets, parameters.max_length),
        epochs: Epochs::new(0, triplets.len()).unwrap(),
        batch: parameters.batch,
        micro_batch: parameters.micro_batch,
        contrast: parameters.contrast(),
        masked_lm: parameters.masked_lm,
        development: None,
    };
    let batch = objective.batch(0).unwrap();
    let mode = Mode::Train { seed: 3, step: 0 };
    let vectors = model.compared(&batch.sequences, batch.views, mode).unwrap();
    let mut gradients = Gradients::zeros(model.parameters());
    let loss = objective
        .add(&batch, 0..1, mode, &mut gradients.collect())
        .unwrap();
    Found {
        loss,
        gradients: model
            .parameters()
            .iter()
            .map(|(name, _)| gradients.get(name).unwrap())
            .collect(),
        vectors: vectors.to_vec2().unwrap(),
    }
}

/// Gradient caching computes the gradient of the whole batch, to the bit.
#[test]
fn the_number_of_sentences_in_memory_changes_no_bit() {
    for more in [
        json!({}),
        json!({"pooling": "mean"}),
        json!({"encoders": 2}),
    ] {
        let whole = update(0.1, &more);
        for size in [1, 2, 4, 8, 9, 50] {
            let mut parts = more.clone();
            parts["micro_batch"] = json!(size);
            let parts = update(0.1, &parts);
            assert!(parts.gradients == whole.gradients, "{more}: {size}");
            assert!(
                (parts.loss - whole.loss).abs() < 1e-9 * whole.loss.abs(),
                "{more}: {size}"
            );
        }
    }
}

/// Two encoders begin alike, so that their vectors and the loss are those of one; what each is told apart by differs, and both
/// gradients together are that of the one which does both.
#[test]
fn two_encoders_share_the_gradient_of_one() {
    for more in [json!({}), json!({"negatives": false, "pooling": "mean"})] {
        let one = update(0.1, &more);
        let mut given = more.clone();
        given["encoders"] = json!(2);
        let two = update(0.1, &given);
        assert_eq!(one.vectors, two.vectors);
        assert_eq!(one.loss, two.loss);
        assert_eq!(two.gradients.len(), 2 * one.gradients.len());
        // Names are in order, and `bert.` and `mlp.` stand before `second.`.
        let (first, second) = two.gradients.split_at(one.gradients.len());
        let largest = one.gradients.iter().flatten();
        let largest = largest.fold(0.0_f32, |most, value| most.max(value.abs()));
        let mut differs = false;
        for ((one, first), second) in one.gradients.iter().zip(first).zip(second) {
            for ((one, first), second) in one.iter().zip(first).zip(second) {
                assert!((one - (first + second)).abs() < 1e-5 * largest);
                differs |= (first - second).abs() > 1e-3 * largest;
            }
        }
        assert!(differs);
    }
}

/// The weight of the masked tokens is applied to sums over the sentences in memory, so that the last bits differ.
#[test]
fn masked_tokens_add_nearly_the_same_in_parts() {
    let more = json!({"masked_lm": 0.1, "masked_lm_rate": 0.4});
    let whole = update(0.1, &more);
    for size in [1, 4, 8] {
        let mut parts = more.clone();
        parts["micro_batch"] = json!(size);
        let parts = update(0.1, &parts);
        for (found, expected) in parts.gradients.iter().zip(&whole.gradients) {
            let largest = expected
                .iter()
                .fold(1e-3_f32, |most, value| most.max(value.abs()));
            let same = found.iter().zip(expected);
            assert!(
                same.into_iter()
                    .all(|(a, b)| (a - b).abs() <= 1e-6 * largest),
                "{size}"
            );
        }
    }
}

/// Both passes of a sentence see other dropout masks, unless one is asked for.
#[test]
fn passes_differ_by_their_dropout_alone() {
    let alone = json!({"positive": "dropout", "negatives": false});
    let pairs = |dropout: f64, more: &Value| {
        let mut given = alone.clone();
        given
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let vectors = update(dropout, &given).vectors;
        assert_eq!(vectors.len(), 18);
        vectors
            .chunks(2)
            .map(|pair| pair[0] == pair[1])
            .collect::<Vec<_>>()
    };
    assert!(pairs(0.1, &json!({})).iter().all(|equal| !equal));
    assert!(
        pairs(0.1, &json!({"fixed_mask": true}))
            .iter()
            .all(|equal| *equal)
    );
    assert!(pairs(0.0, &json!({})).iter().all(|equal| *equal));
}

#[test]
fn what_is_masked_beside_it_adds_to_the_loss() {
    let without = update(0.1, &json!({}));
    let with = update(0.1, &json!({"masked_lm": 0.5, "masked_lm_rate": 0.4}));
    // Nine sentences, a weight of one half, and about ln 12 nats a token of twelve.
    let more = (with.loss - without.loss) / (9.0 * 0.5);
    assert!((1.0..6.0).contains(&more), "{more}");
    assert!(with.gradients.len() > without.gradients.len());
}

/// Where chance masks nothing, one token is masked all the same.
#[test]
fn each_update_has_a_token_to_predict() {
    let with = update(0.1, &json!({"masked_lm": 0.5, "masked_lm_rate": 1e-9}));
    let without = update(0.1, &json!({}));
    assert!(with.loss > without.loss, "{} {}", with.loss, without.loss);
}

#[test]
fn hard_negatives_are_compared_as_well() {
    let with = update(0.0, &json!({}));
    let without = update(0.0, &json!({"negatives": false}));
    assert_eq!([with.vectors.len(), without.vectors.len()], [27, 18]);
    assert!(with.loss > without.loss);
}
