//! The fused implementation agrees with the composed one, forward and backward, dropout included.
#![allow(clippy::unwrap_used)]

use candle_core::{D, DType, Device, Tensor, Var};
use encoder::{
    Activation, Architecture, Batch, ClassificationHead, Config, Encoder, Gradients, Mode, Ops,
    Parameters, Pooling, Precision, Projection, Sequence, Size, SpanHead, cross_entropy,
    squared_error,
};
use kernels::Stream;
use proptest::prelude::*;

const TRAIN: Mode = Mode::Train { seed: 5, step: 3 };
const VOCABULARY: u32 = 60;

fn largest(values: impl IntoIterator<Item = f32>) -> f32 {
    values
        .into_iter()
        .fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Checks that two lists of numbers agree up to `tolerance` times the larger of `floor` and the expected list's largest number.
fn agree(name: &str, found: &[f32], expected: &[f32], tolerance: f32, floor: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let size = largest(expected.iter().copied()).max(floor);
    let distance = largest(found.iter().zip(expected).map(|(a, b)| a - b));
    assert!(
        distance <= tolerance * size,
        "{name}: {distance:e} of {size:e}"
    );
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_dtype(DType::F32).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn sequences(lengths: &[usize], types: usize) -> Vec<Sequence> {
    let mut draws = Stream::new(8, "test").draws(0, 0, 0);
    let sequence = |(sample, &length): (usize, &usize)| {
        let ids = (0..length).map(|_| draws.below(VOCABULARY)).collect();
        Sequence {
            token_types: (0..length).map(|at| (at * types / length) as u32).collect(),
            ..Sequence::new(ids, 3 * sample as u32)
        }
    };
    lengths.iter().enumerate().map(sequence).collect()
}

fn compare(parameters: &Parameters, tolerance: f32, run: impl Fn(Ops) -> (Vec<Tensor>, Tensor)) {
    let [fused, composed] = [Ops::Fused, Ops::Composed].map(|ops| {
        let (states, loss) = run(ops);
        let mut gradients = Gradients::zeros(parameters);
        gradients.replace(&loss).unwrap();
        (states, numbers(&loss), gradients)
    });
    for (index, (found, expected)) in fused.0.iter().zip(&composed.0).enumerate() {
        agree(
            &format!("state {index}"),
            &numbers(found),
            &numbers(expected),
            tolerance,
            1.0,
        );
    }
    agree("loss", &fused.1, &composed.1, tolerance, 1.0);
    let norm = composed.2.norm() as f32;
    for (name, _) in parameters.iter() {
        let (found, expected) = (fused.2.get(name).unwrap(), composed.2.get(name).unwrap());
        // Gradients that are small beside the whole gradient consist mostly of rounding errors.
        agree(name, &found, &expected, 5.0 * tolerance, 0.02 * norm);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn encoders_agree(
        lengths in prop::collection::vec(1_usize..40, 1..9), pre: bool, exact: bool, dropped: bool,
        pooling in prop::sample::select(vec![
            Pooling::Cls, Pooling::Mean, Pooling::FirstLast, Pooling::EmbeddingLast,
        ]),
        heads in 1_usize..4, size in 1_usize..20, inner in 1_usize..70, recomputes: bool,
    ) {
        let probability = if dropped { 0.2 } else { 0.0 };
        let architecture = if pre { Architecture::RobertaPreLayerNorm } else { Architecture::Bert };
        let config = Config {
            // Layer normalisation over one or two numbers is ill-conditioned, so the width is larger.
            hidden_size: heads * (size + 4),
            num_attention_heads: heads,
            intermediate_size: inner,
            hidden_dropout_prob: probability,
            attention_probs_dropout_prob: probability,
            hidden_act: if exact { Activation::Gelu } else { Activation::GeluTanh },
            initializer_range: 0.3,
            layer_norm_eps: 1e-3,
            ..Config::of_size(Size::Nano, architecture, VOCABULARY as usize, 40, 0)
        };
        let types = config.type_vocab_size;
        let encoder = Encoder::new(config, 1).unwrap().with_recomputation(recomputes);
        let head = ClassificationHead::new(encoder.config(), 3, 2).unwrap();
        let head = head.with_pooling(pooling);
        let batch = Batch::pack(&sequences(&lengths, types), encoder.config()).unwrap();
        let rows: Vec<u32> = (0..batch.tokens() as u32).step_by(3).collect();
        let targets: Vec<u32> = rows.iter().map(|row| row % VOCABULARY).collect();
        compare(encoder.parameters(), 2e-5, |ops| {
            let encoder = encoder.clone().with_ops(ops);
            let layers: Vec<_> = (0..=encoder.config().num_hidden_layers).collect();
            let mut states = encoder.hidden_states(&batch, &layers, Mode::Evaluate).unwrap();
            let hidden = encoder.forward(&batch, TRAIN).unwrap();
            states.push(encoder.masked_lm_logits(&hidden, &rows).unwrap());
            let loss = encoder.masked_lm_loss(&hidden, &rows, &targets).unwrap();
            states.push(hidden);
            // The factor shows that a loss's gradient reaches all other gradients.
            (states, (loss * 0.25).unwrap())
        });
        let mut trained = encoder.body();
        trained.extend(head.parameters()).unwrap();
        let classes: Vec<u32> = (0..lengths.len() as u32).map(|index| index % 3).collect();
        compare(&trained, 2e-5, |ops| {
            let encoder = encoder.clone().with_ops(ops);
            let layers = pooling.layers(encoder.config().num_hidden_layers);
            let mut states = encoder.hidden_states(&batch, &layers, TRAIN).unwrap();
            let scores = head.clone().with_ops(ops).forward(&states, &batch, TRAIN).unwrap();
            let loss = cross_entropy(&scores, &classes).unwrap();
            states.push(scores);
            (states, loss)
        });
        let projection = Projection::new(encoder.config(), 4).unwrap();
        let mut trained = encoder.body();
        trained.extend(projection.parameters()).unwrap();
        compare(&trained, 4e-5, |ops| {
            let encoder = encoder.clone().with_ops(ops);
            let layers = pooling.layers(encoder.config().num_hidden_layers);
            let states = encoder.hidden_states(&batch, &layers, TRAIN).unwrap();
            let pooled = pooling.pool(&states, &batch, 0).unwrap();
            let projected = projection.clone().with_ops(ops).forward(&pooled, TRAIN).unwrap();
            // Not a sum of squares, which layer normalisation makes nearly constant.
            let factors: Vec<f32> = (0..projected.elem_count()).map(|at| (at % 7) as f32 - 2.5).collect();
            let factors = Tensor::from_vec(factors, projected.shape(), &Device::Cpu).unwrap();
            let loss = (&projected * factors).unwrap().sum_all().unwrap();
            (vec![pooled, projected], loss.to_dtype(DType::F64).unwrap())
        });
        let head = SpanHead::new(encoder.config(), 4).unwrap();
        let mut trained = encoder.body();
        trained.extend(head.parameters()).unwrap();
        let spans: Vec<[u32; 2]> = lengths
            .iter()
            .map(|&length| [length / 3, length - 1].map(|token| token as u32))
            .collect();
        compare(&trained, 4e-5, |ops| {
            let (encoder, head) = (encoder.clone().with_ops(ops), head.clone().with_ops(ops));
            let hidden = encoder.forward(&batch, TRAIN).unwrap();
            let loss = head.loss(&hidden, &batch, &spans, TRAIN).unwrap();
            let scores = head.scores(&hidden.detach(), &batch).unwrap().concat();
            let flat = Tensor::new(scores.as_flattened(), &Device::Cpu).unwrap();
            (vec![hidden, flat], (loss * 0.25).unwrap())
        });
    }
}

/// Returns every second token of each sequence, with its position.
fn halves(sequences: &[Sequence]) -> Vec<Sequence> {
    let half = |values: &[u32]| values.iter().copied().step_by(2).collect();
    sequences
        .iter()
        .map(|one| Sequence {
            token_types: half(&one.token_types),
            positions: (0..one.ids.len() as u32).step_by(2).collect(),
            ..Sequence::new(half(&one.ids), one.sample)
        })
        .collect()
}

/// Where an encoder sees only some tokens, the reference agrees, each token is embedded as in its text, and giving the positions
/// that tokens have anyway changes no bit.
#[test]
fn tokens_keep_their_positions_without_the_others() {
    for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
        let config = Config::of_size(Size::Nano, architecture, VOCABULARY as usize, 40, 0);
        let encoder = Encoder::new(config, 1).unwrap();
        let types = encoder.config().type_vocab_size;
        let whole = sequences(&[9, 40, 1, 12], types);
        let seen = halves(&whole);
        let pack = |sequences: &[Sequence]| Batch::pack(sequences, encoder.config()).unwrap();
        let batch = pack(&seen);
        let rows: Vec<u32> = (0..batch.tokens() as u32).step_by(2).collect();
        let targets: Vec<u32> = rows.iter().map(|row| 3 * row % VOCABULARY).collect();
        compare(encoder.parameters(), 2e-5, |ops| {
            let encoder = encoder.clone().with_ops(ops);
            let hidden = encoder.forward(&batch, TRAIN).unwrap();
            let loss = encoder.masked_lm_loss(&hidden, &rows, &targets).unwrap();
            (vec![hidden], loss)
        });

        let of_layer = |batch: &Batch, layer: usize| -> Vec<Vec<f32>> {
            let states = encoder.hidden_states(batch, &[layer], Mode::Evaluate);
            states.unwrap()[0].to_vec2().unwrap()
        };
        let all = pack(&whole);
        let (some, every) = (of_layer(&batch, 0), of_layer(&all, 0));
        for (sequence, one) in seen.iter().enumerate() {
            for (token, &position) in one.positions.iter().enumerate() {
                let found = &some[batch.row(sequence, token) as usize];
                let expected = &every[all.row(sequence, position as usize) as usize];
                assert_eq!(found, expected, "{architecture:?} {sequence} {position}");
            }
        }

        let said: Vec<Sequence> = whole
            .iter()
            .map(|one| one.clone().at((0..one.ids.len() as u32).collect()))
            .collect();
        assert_eq!(of_layer(&pack(&said), 2), of_layer(&all, 2));
        // The positions matter: without them, the same tokens get other hidden states.
        let moved: Vec<Sequence> = seen.iter().map(|one| one.clone().at(Vec::new())).collect();
        assert_ne!(of_layer(&pack(&moved), 2), of_layer(&batch, 2));
    }
}

/// Checks a layer with so many blocks of rows that every sum has several.
#[test]
fn large_batches_agree() {
    for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
        let config = Config::of_size(Size::Nano, architecture, 2000, 100, 0);
        let encoder = Encoder::new(config, 1).unwrap();
        let batch =
            Batch::pack(&sequences(&[100, 90, 64, 64, 33, 7], 1), encoder.config()).unwrap();
        let rows: Vec<u32> = (0..batch.tokens() as u32).step_by(2).collect();
        let targets: Vec<u32> = rows.iter().map(|row| 3 * row).collect();
        compare(encoder.parameters(), 2e-5, |ops| {
            let hidden = encoder
                .clone()
                .with_ops(ops)
                .forward(&batch, TRAIN)
                .unwrap();
            let loss = encoder
                .clone()
                .with_ops(ops)
                .masked_lm_loss(&hidden, &rows, &targets)
                .unwrap();
            (vec![hidden], loss)
        });
    }
}

/// bfloat16 operands have 8 significant bits, and the gradient still points in nearly the same direction.
#[test]
fn bfloat16_is_near() {
    let config = Config::of_size(Size::Nano, Architecture::Bert, VOCABULARY as usize, 40, 0);
    let encoder = Encoder::new(config, 1).unwrap();
    let batch = Batch::pack(&sequences(&[40, 33, 20], 2), encoder.config()).unwrap();
    let rows: Vec<u32> = (0..batch.tokens() as u32).step_by(3).collect();
    let targets: Vec<u32> = rows.iter().map(|row| row % VOCABULARY).collect();
    let [(exact, full), (near, half)] = [Precision::F32, Precision::Bf16].map(|precision| {
        let encoder = encoder.clone().with_precision(precision);
        let hidden = encoder.forward(&batch, TRAIN).unwrap();
        let loss = encoder.masked_lm_loss(&hidden, &rows, &targets).unwrap();
        let mut gradients = Gradients::zeros(encoder.parameters());
        gradients.replace(&loss).unwrap();
        (numbers(&loss)[0], gradients)
    });
    assert!(
        exact != near && (exact - near).abs() < 2e-3 * exact,
        "{exact} {near}"
    );
    let mut apart = 0.0;
    for (name, _) in encoder.parameters().iter() {
        let (a, b) = (full.get(name).unwrap(), half.get(name).unwrap());
        apart += a
            .iter()
            .zip(&b)
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum::<f64>();
    }
    let relative = apart.sqrt() / full.norm();
    assert!((1e-5..0.02).contains(&relative), "{relative}");
}

proptest! {
    #[test]
    fn losses_agree_with_their_definitions(
        classes in 1_usize..40, targets in prop::collection::vec(0_u32..40, 1..30), seed: u64,
    ) {
        let targets: Vec<u32> = targets.iter().map(|target| target % classes as u32).collect();
        let mut draws = Stream::new(seed, "test").draws(0, 0, 0);
        let logits: Vec<f32> = (0..targets.len() * classes).map(|_| 5.0 * draws.normal_pair()[0] as f32).collect();
        let shape = (targets.len(), classes);
        let variable = Var::from_vec(logits.clone(), shape, &Device::Cpu).unwrap();
        let loss = (cross_entropy(variable.as_tensor(), &targets).unwrap() * 2.0).unwrap();
        let found = loss.backward().unwrap().remove(&variable).unwrap();
        let (mut sum, mut expected) = (0.0, Vec::new());
        for (row, &target) in logits.chunks(classes).zip(&targets) {
            let total: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
            sum += total.ln() - f64::from(row[target as usize]);
            expected.extend(row.iter().enumerate().map(|(class, &x)| {
                let hit = if class == target as usize { 1.0 } else { 0.0 };
                2.0 * (f64::from(x).exp() / total - hit) as f32
            }));
        }
        agree("cross-entropy", &numbers(&loss), &[2.0 * sum as f32], 1e-5, 1.0);
        agree("its gradient", &numbers(&found), &expected, 1e-5, 1.0);

        let outputs = variable.as_tensor().narrow(D::Minus1, 0, 1).unwrap();
        let wanted: Vec<f32> = targets.iter().map(|&target| target as f32).collect();
        let loss = squared_error(&outputs, &wanted).unwrap();
        let found = numbers(&loss.backward().unwrap().remove(&variable).unwrap());
        let differences: Vec<f32> = numbers(&outputs).iter().zip(&wanted).map(|(a, b)| a - b).collect();
        agree("squares", &numbers(&loss), &[differences.iter().map(|x| x * x).sum()], 1e-5, 1.0);
        let first: Vec<f32> = found.chunks(classes).map(|row| row[0]).collect();
        agree("their gradient", &first, &differences.iter().map(|x| 2.0 * x).collect::<Vec<_>>(), 1e-5, 1.0);
    }
}

#[test]
fn targets_and_rows_out_of_range_are_errors() {
    let config = Config::of_size(Size::Nano, Architecture::Bert, VOCABULARY as usize, 40, 0);
    let encoder = Encoder::new(config, 1).unwrap();
    let batch = Batch::pack(&sequences(&[4], 2), encoder.config()).unwrap();
    let hidden = encoder.forward(&batch, TRAIN).unwrap();
    let loss = |rows: &[u32], targets: &[u32]| encoder.masked_lm_loss(&hidden, rows, targets);
    assert_eq!(
        loss(&[4], &[1]).unwrap_err().to_string(),
        "rows: there is no row 4 among 4"
    );
    assert_eq!(
        loss(&[3], &[60]).unwrap_err().to_string(),
        "targets: 60 is none of 60 classes"
    );
    assert_eq!(
        loss(&[3], &[1, 2]).unwrap_err().to_string(),
        "targets: 2 targets for 1 rows"
    );
    assert!(encoder.masked_lm_logits(&hidden, &[4]).is_err());
    let logits = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
    assert!(cross_entropy(&logits, &[0, 3]).is_err() && cross_entropy(&logits, &[0]).is_err());
    assert!(squared_error(&logits, &[0.0, 3.0]).is_err());
}

/// Checks logits so far apart that their exponentials would overflow.
#[test]
fn large_scores_do_not_overflow() {
    let logits = Var::new(&[[1e30_f32, -1e30, 0.0]], &Device::Cpu).unwrap();
    let loss = cross_entropy(logits.as_tensor(), &[0]).unwrap();
    assert_eq!(loss.to_scalar::<f64>().unwrap(), 0.0);
    let gradient = loss.backward().unwrap().remove(&logits).unwrap();
    assert!(
        numbers(&gradient).iter().all(|x| x.abs() < 1e-37),
        "{gradient:?}"
    );
}

/// Checks a second forward pass before the backward pass of the first, and two backward passes through one graph.
#[test]
fn passes_do_not_overwrite_each_other() {
    let config = Config::of_size(Size::Nano, Architecture::Bert, VOCABULARY as usize, 40, 0);
    let encoder = Encoder::new(config, 1).unwrap();
    let all = sequences(&[9, 12], 2);
    let loss = |sequence: &Sequence, target: u32| {
        let batch = Batch::pack(std::slice::from_ref(sequence), encoder.config()).unwrap();
        let hidden = encoder.forward(&batch, TRAIN).unwrap();
        encoder
            .masked_lm_loss(&hidden, &[1, 2], &[target, 5])
            .unwrap()
    };
    let collected = |losses: &[&Tensor]| {
        let mut gradients = Gradients::zeros(encoder.parameters());
        let mut collecting = gradients.collect();
        for loss in losses {
            collecting.add(loss).unwrap();
        }
        drop(collecting);
        let all = encoder
            .parameters()
            .iter()
            .map(|(name, _)| gradients.get(name).unwrap());
        all.flatten().map(f32::to_bits).collect::<Vec<_>>()
    };
    let alone = collected(&[&loss(&all[0], 7)]);
    let first = loss(&all[0], 7);
    let second = loss(&all[1], 8);
    assert_eq!(collected(&[&first]), alone);
    // The saved values are used up, so the second backward pass computes them again.
    assert_eq!(collected(&[&first]), alone);
    assert_eq!(
        collected(&[&first, &second]),
        collected(&[&loss(&all[0], 7), &loss(&all[1], 8)])
    );
    // The loss of both together gives the same sum except for rounding.
    let _ = collected(&[&(first + second).unwrap()]);
    let error = loss(&all[0], 7).backward().unwrap_err().to_string();
    assert!(
        error.contains("gradients are collected with Gradients,"),
        "{error}"
    );
}

/// Activations that are computed again have the same bits.
#[test]
fn recomputation_changes_no_bit() {
    for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
        let config = Config::of_size(Size::Nano, architecture, VOCABULARY as usize, 40, 0);
        let encoder = Encoder::new(config, 1).unwrap();
        let batch = Batch::pack(&sequences(&[40, 33, 20], 1), encoder.config()).unwrap();
        let [kept, again] = [false, true].map(|recomputes| {
            let encoder = encoder.clone().with_recomputation(recomputes);
            let hidden = encoder.forward(&batch, TRAIN).unwrap();
            let loss = encoder.masked_lm_loss(&hidden, &[1, 50], &[3, 4]).unwrap();
            let mut gradients = Gradients::zeros(encoder.parameters());
            gradients.replace(&loss).unwrap();
            let names = encoder.parameters().iter().map(|(name, _)| name);
            let all = names.flat_map(|name| gradients.get(name).unwrap());
            all.map(f32::to_bits).collect::<Vec<_>>()
        });
        assert!(kept == again, "{architecture:?}");
    }
}
