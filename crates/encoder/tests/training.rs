//! Guarantees for training: packing, dropout and micro-batches do not change results, the number of threads changes no bit,
//! and gradients are those of the loss.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

use candle_core::{D, Device, Tensor};
use encoder::{
    AdamW, AdamWOptions, Architecture, Batch, ClassificationHead, Config, Encoder, EncoderError,
    Gradients, Mode, Ops, Parameters, Sequence, Size, audit, cross_entropy, with_deep_stack,
};
use kernels::Stream;

const BOTH: [Architecture; 2] = [Architecture::Bert, Architecture::RobertaPreLayerNorm];
const TRAIN: Mode = Mode::Train { seed: 5, step: 3 };

fn config(architecture: Architecture) -> Config {
    Config {
        hidden_size: 32,
        intermediate_size: 48,
        hidden_dropout_prob: 0.2,
        attention_probs_dropout_prob: 0.3,
        initializer_range: 0.2,
        ..Config::of_size(Size::Nano, architecture, 60, 16, 0)
    }
}

fn sequences(lengths: &[usize]) -> Vec<Sequence> {
    let mut draws = Stream::new(8, "test").draws(0, 0, 0);
    let sequence = |(sample, &length): (usize, &usize)| {
        Sequence::new(
            (0..length).map(|_| draws.below(60)).collect(),
            sample as u32,
        )
    };
    lengths.iter().enumerate().map(sequence).collect()
}

fn rows_of(hidden: &Tensor, batch: &Batch, sequence: usize) -> Tensor {
    let rows: Vec<u32> = (0..batch.length(sequence))
        .map(|position| batch.row(sequence, position))
        .collect();
    hidden
        .index_select(&Tensor::new(rows, &Device::Cpu).unwrap(), 0)
        .unwrap()
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let all = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
    f64::from(all.max(D::Minus1).unwrap().to_scalar::<f32>().unwrap())
}

fn collected(loss: &Tensor, parameters: &Parameters) -> Gradients {
    let mut gradients = Gradients::zeros(parameters);
    gradients.replace(loss).unwrap();
    gradients
}

/// Returns the largest difference between elements of two gradients.
fn apart(one: &[f32], other: &[f32]) -> f64 {
    assert_eq!(one.len(), other.len());
    let differences = one.iter().zip(other).map(|(a, b)| f64::from((a - b).abs()));
    differences.fold(0.0, f64::max)
}

/// Returns loss and gradients over micro-batches of `size` sequences.
fn accumulated(encoder: &Encoder, sequences: &[Sequence], size: usize) -> (f64, Gradients) {
    let mut gradients = Gradients::zeros(encoder.parameters());
    let mut collecting = gradients.collect();
    let losses = sequences.chunks(size).map(|part| {
        let loss = loss_of(encoder, part);
        collecting.add(&loss).unwrap();
        loss.to_scalar::<f64>().unwrap()
    });
    let sum = losses.sum();
    drop(collecting);
    (sum, gradients)
}

/// Returns the loss of predicting, at position 1 of every sequence, its sample's index.
fn loss_of(encoder: &Encoder, sequences: &[Sequence]) -> Tensor {
    let batch = Batch::pack(sequences, encoder.config()).unwrap();
    let hidden = encoder.forward(&batch, TRAIN).unwrap();
    let rows: Vec<u32> = (0..sequences.len())
        .map(|index| batch.row(index, 1))
        .collect();
    let targets: Vec<u32> = sequences.iter().map(|sequence| sequence.sample).collect();
    encoder.masked_lm_loss(&hidden, &rows, &targets).unwrap()
}

fn gradients(encoder: &Encoder, sequences: &[Sequence]) -> (f64, Gradients) {
    accumulated(encoder, sequences, sequences.len())
}

/// Even with dropout, a sequence's hidden states do not depend on the sequences that it is packed with.
#[test]
fn a_measured_loss_has_the_bits_of_the_loss_that_is_trained_on() {
    for (architecture, ops) in BOTH
        .into_iter()
        .flat_map(|architecture| [Ops::Fused, Ops::Composed].map(|ops| (architecture, ops)))
    {
        let encoder = Encoder::new(config(architecture), 3).unwrap().with_ops(ops);
        let batch = Batch::pack(&sequences(&[16; 12]), encoder.config()).unwrap();
        let hidden = encoder.forward(&batch, Mode::Evaluate).unwrap();
        // More rows than are handed over at a time.
        let rows: Vec<u32> = (0..192).filter(|row| row % 7 != 3).collect();
        let targets: Vec<u32> = rows.iter().map(|row| row % 60).collect();
        let loss = encoder.masked_lm_loss(&hidden, &rows, &targets).unwrap();
        let loss: f64 = loss.to_scalar().unwrap();
        let found = encoder.measure_masked_lm(&hidden, &rows, &targets);
        assert_eq!(found.unwrap().to_bits(), loss.to_bits());
        let each = encoder.masked_lm_losses(&hidden, &rows, &targets).unwrap();
        assert_eq!(each.len(), rows.len());
        assert!((each.iter().sum::<f64>() - loss).abs() < 1e-4);
        for (place, loss) in each.iter().enumerate().step_by(50) {
            let (row, target) = (&rows[place..=place], &targets[place..=place]);
            let alone = encoder.masked_lm_loss(&hidden, row, target).unwrap();
            assert!((alone.to_scalar::<f64>().unwrap() - loss).abs() < 1e-6);
        }
        assert!(encoder.measure_masked_lm(&hidden, &[192], &[0]).is_err());
        assert!(encoder.measure_masked_lm(&hidden, &[1], &[60]).is_err());
    }
}

#[test]
fn packed_equals_one_at_a_time() {
    for architecture in BOTH {
        let encoder = Encoder::new(config(architecture), 1).unwrap();
        let sequences = sequences(&[5, 9, 5, 2, 16, 9]);
        let batch = Batch::pack(&sequences, encoder.config()).unwrap();
        for mode in [Mode::Evaluate, TRAIN] {
            let hidden = encoder.forward(&batch, mode).unwrap();
            for (index, sequence) in sequences.iter().enumerate() {
                let one = Batch::pack(std::slice::from_ref(sequence), encoder.config()).unwrap();
                let alone = encoder.forward(&one, mode).unwrap();
                let off = distance(&rows_of(&hidden, &batch, index), &alone);
                assert!(
                    off < 1e-5,
                    "{architecture:?} {mode:?} sequence {index}: {off:e}"
                );
            }
        }
    }
}

#[test]
fn dropout_depends_on_seed_step_and_sample() {
    let encoder = Encoder::new(config(Architecture::Bert), 1).unwrap();
    let sequence = sequences(&[7]).remove(0);
    let hidden = |sample, mode| {
        let sequence = Sequence {
            sample,
            ..sequence.clone()
        };
        let batch = Batch::pack(&[sequence], encoder.config()).unwrap();
        encoder.forward(&batch, mode).unwrap()
    };
    let base = hidden(0, TRAIN);
    assert_eq!(distance(&base, &hidden(0, TRAIN)), 0.0);
    assert!(distance(&base, &hidden(1, TRAIN)) > 0.1);
    assert!(distance(&base, &hidden(0, Mode::Train { seed: 5, step: 4 })) > 0.1);
    assert!(distance(&base, &hidden(0, Mode::Train { seed: 6, step: 3 })) > 0.1);
    assert!(distance(&base, &hidden(0, Mode::Evaluate)) > 0.1);
}

#[test]
fn accumulated_micro_batches_equal_the_full_batch() {
    for architecture in BOTH {
        let encoder = Encoder::new(config(architecture), 1).unwrap();
        let sequences = sequences(&[5, 9, 5, 3, 16, 9]);
        let (loss, full) = gradients(&encoder, &sequences);
        for size in [1, 2, 4] {
            let (sum, all) = accumulated(&encoder, &sequences, size);
            assert_eq!(sum, loss, "micro-batches of {size}");
            for (name, _) in encoder.parameters().iter() {
                assert_eq!(
                    all.get(name),
                    full.get(name),
                    "{name}, micro-batches of {size}"
                );
            }
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for architecture in BOTH {
        let encoder = Encoder::new(config(architecture), 1).unwrap();
        let sequences = sequences(&[5, 9, 5]);
        let (_, all) = gradients(&encoder, &sequences);
        for name in [
            "word_embeddings.weight",
            "layer.0.attention.self.query.weight",
            "layer.0.attention.self.value.bias",
            "layer.1.intermediate.dense.weight",
            "layer.1.output.dense.bias",
            "embeddings.LayerNorm.weight",
            "position_embeddings.weight",
        ] {
            let parameters = encoder.parameters();
            let (name, shape) = parameters
                .iter()
                .find(|(other, _)| other.ends_with(name))
                .unwrap();
            let values = all.get(name).unwrap();
            // In the direction of the gradient, the loss changes by the gradient's squared norm per unit.
            let squares: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
            let step = 2e-2 / squares.sqrt();
            let gradient = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
            let start = parameters.value(name, false).unwrap().copy().unwrap();
            let loss = |times: f64| {
                let moved = (&start + (&gradient * times).unwrap()).unwrap();
                parameters.set(name, &moved).unwrap();
                gradients(&encoder, &sequences).0
            };
            let slope = (loss(step / squares.sqrt()) - loss(-step / squares.sqrt()))
                / (2.0 * step / squares.sqrt());
            parameters.set(name, &start).unwrap();
            assert!(
                (slope / squares - 1.0).abs() < 0.01,
                "{name}: {slope} {squares}"
            );
        }
    }
}

/// The environment variable with the path to which a child process of [`threads_change_no_bit`] writes its result.
const CHILD: &str = "ENCODER_TEST_THREADS_RESULT";

/// Makes two updates, large enough to be split, in a process with 1 thread and in one with 2.
#[test]
fn threads_change_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let results = ["1", "2"].map(|threads| {
        let path = folder.path().join(threads);
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "two_updates"])
            .env("RAYON_NUM_THREADS", threads)
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        std::fs::read(path).unwrap()
    });
    assert!(results[0] == results[1]);
}

#[test]
fn two_updates() {
    let config = Config::of_size(Size::Nano, Architecture::RobertaPreLayerNorm, 500, 64, 0);
    let encoder = Encoder::new(config, 1).unwrap();
    let mut optimizer = AdamW::new(encoder.parameters(), AdamWOptions::default()).unwrap();
    let lengths: Vec<usize> = (0..20).map(|index| 40 + index % 3 * 12).collect();
    let sequences: Vec<Sequence> = sequences(&lengths)
        .into_iter()
        .map(|sequence| Sequence {
            ids: sequence.ids.iter().map(|id| id * 8).collect(),
            ..sequence
        })
        .collect();
    let mut losses = Vec::new();
    for _ in 0..2 {
        let (loss, mut gradients) = gradients(&encoder, &sequences);
        gradients.clip(0.5);
        optimizer
            .step(encoder.parameters(), &gradients, 1e-2)
            .unwrap();
        losses.push(loss);
    }
    assert!(losses[1] < losses[0], "{losses:?}");
    if let Some(path) = std::env::var_os(CHILD) {
        encoder.parameters().save(path.as_ref()).unwrap();
    }
}

fn bits(parameters: &Parameters) -> Vec<u32> {
    let values = parameters.iter().flat_map(|(name, _)| {
        let value = parameters.value(name, false).unwrap();
        value
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
            .into_iter()
            .map(f32::to_bits)
    });
    values.collect()
}

#[test]
fn clipping_and_scaling() {
    let encoder = Encoder::new(config(Architecture::Bert), 1).unwrap();
    let (_, mut gradients) = gradients(&encoder, &sequences(&[4, 6]));
    let norm = gradients.norm();
    let name = "bert.embeddings.LayerNorm.weight";
    let before = gradients.get(name).unwrap();
    gradients.scale(2.0);
    assert!((gradients.norm() / norm - 2.0).abs() < 1e-6);
    assert_eq!(gradients.clip(1e9), gradients.norm());
    gradients.clip(norm / 4.0);
    assert!((gradients.norm() / norm - 0.25).abs() < 1e-6);
    let expected: Vec<f32> = before.iter().map(|x| x * 0.25).collect();
    assert!(apart(&gradients.get(name).unwrap(), &expected) <= 1e-6 * norm);
}

#[test]
fn the_audit_names_what_is_not_trained() {
    let encoder = Encoder::new(config(Architecture::Bert), 1).unwrap();
    let head = ClassificationHead::new(encoder.config(), 2, 1).unwrap();
    let sequences = sequences(&[4, 6, 5]);
    let batch = Batch::pack(&sequences, encoder.config()).unwrap();
    let hidden = encoder.forward(&batch, TRAIN).unwrap();
    let scores = head.forward(&[hidden], &batch, TRAIN).unwrap();
    let loss = cross_entropy(&scores, &[0, 1, 1]);

    // Fine-tuning trains the body and the new head, but not the masked language modelling head.
    let mut trained = encoder.body();
    trained.extend(head.parameters()).unwrap();
    let loss = loss.unwrap();
    let gradients = collected(&loss, &trained);
    audit(&trained, &gradients).unwrap();
    let error = audit(encoder.parameters(), &gradients).unwrap_err();
    let EncoderError::Audit { problems } = &error else {
        panic!("{error}")
    };
    assert_eq!(problems.len(), 5, "{error}");
    assert!(
        problems
            .iter()
            .all(|problem| problem.contains("`cls.predictions.")),
        "{error}"
    );

    let mut zero = gradients.clone();
    zero.scale(0.0);
    let error = audit(head.parameters(), &zero).unwrap_err().to_string();
    assert!(
        error.contains("the gradient of parameter `classifier.dense.bias` is zero"),
        "{error}"
    );
    let mut broken = gradients;
    broken.scale(f64::NAN);
    let error = audit(head.parameters(), &broken).unwrap_err().to_string();
    assert!(
        error.contains("`classifier.out_proj.weight` is not finite"),
        "{error}"
    );
}

/// candle's own layer normalisation has no backward operation, and the audit must notice.
#[test]
fn the_audit_catches_candles_own_layer_norm() {
    let encoder = Encoder::new(config(Architecture::Bert), 1).unwrap();
    let sequences = sequences(&[4, 6]);
    let batch = Batch::pack(&sequences, encoder.config()).unwrap();
    let hidden = encoder.forward(&batch, TRAIN).unwrap();
    let ones = Tensor::ones(32, candle_core::DType::F32, &Device::Cpu).unwrap();
    let norm = candle_nn::LayerNorm::new(ones.clone(), ones, 1e-5);
    let hidden = candle_nn::Module::forward(&norm, &hidden).unwrap();
    let loss = encoder.masked_lm_loss(&hidden, &[1, 5], &[3, 4]).unwrap();
    let gradients = collected(&loss, encoder.parameters());
    let message = audit(encoder.parameters(), &gradients)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("layer.1.output.dense.weight` receives no gradient"),
        "{message}"
    );
}

/// The head returns scores in the order in which the sequences were given, whatever their lengths.
#[test]
fn classification_scores_are_in_the_callers_order() {
    let encoder = Encoder::new(config(Architecture::RobertaPreLayerNorm), 1).unwrap();
    let head = ClassificationHead::new(encoder.config(), 3, 1).unwrap();
    let score = |sequences: &[Sequence]| {
        let batch = Batch::pack(sequences, encoder.config()).unwrap();
        let hidden = encoder.forward(&batch, TRAIN).unwrap();
        head.forward(&[hidden], &batch, TRAIN).unwrap()
    };
    let sequences = sequences(&[9, 3, 12, 3]);
    let all = score(&sequences);
    assert_eq!(all.dims(), [4, 3]);
    for (index, sequence) in sequences.iter().enumerate() {
        let alone = score(std::slice::from_ref(sequence));
        assert!(distance(&all.narrow(0, index, 1).unwrap(), &alone) < 1e-5);
    }
}

/// A micro-batch without predictions has a loss of zero.
#[test]
fn no_predictions_give_no_loss() {
    for implementation in [Ops::Fused, Ops::Composed] {
        let encoder = Encoder::new(config(Architecture::Bert), 1)
            .unwrap()
            .with_ops(implementation);
        let batch = Batch::pack(&sequences(&[4, 5]), encoder.config()).unwrap();
        let hidden = encoder.forward(&batch, TRAIN).unwrap();
        let loss = encoder.masked_lm_loss(&hidden, &[], &[]).unwrap();
        assert_eq!(loss.to_scalar::<f64>().unwrap(), 0.0);
        let gradients = collected(&loss, encoder.parameters());
        assert_eq!(gradients.norm(), 0.0);
    }
}

#[test]
fn evaluation_builds_no_graph() {
    let encoder = Encoder::new(config(Architecture::Bert), 1).unwrap();
    let sequences = sequences(&[4]);
    let batch = Batch::pack(&sequences, encoder.config()).unwrap();
    let loss = encoder
        .forward(&batch, Mode::Evaluate)
        .unwrap()
        .sum_all()
        .unwrap();
    let gradients = collected(&loss, encoder.parameters());
    assert!(
        gradients
            .get("bert.embeddings.word_embeddings.weight")
            .is_none()
    );
}

#[test]
fn a_deep_encoder_trains_on_a_deep_stack() {
    with_deep_stack(|| {
        let config = Config {
            num_hidden_layers: 400,
            ..config(Architecture::RobertaPreLayerNorm)
        };
        let encoder = Encoder::new(config, 1).unwrap().with_ops(Ops::Composed);
        let (loss, gradients) = gradients(&encoder, &sequences(&[5, 6]));
        assert!(loss.is_finite());
        audit(encoder.parameters(), &gradients).unwrap();
    })
    .unwrap();
}

#[test]
fn training_lowers_the_loss_and_repeats_to_the_bit() {
    let run = |restart: bool| {
        let encoder = Encoder::new(config(Architecture::Bert), 1).unwrap();
        let mut optimizer = AdamW::new(encoder.parameters(), AdamWOptions::default()).unwrap();
        let sequences = sequences(&[5, 9, 5, 3]);
        let mut losses = Vec::new();
        for step in 0..12 {
            if restart && step == 6 {
                let folder = tempfile::tempdir().unwrap();
                let [weights, moments] =
                    ["weights", "moments"].map(|name| folder.path().join(name));
                encoder.parameters().save(&weights).unwrap();
                optimizer.save(&moments).unwrap();
                let other = Encoder::new(config(Architecture::Bert), 2).unwrap();
                other.parameters().restore(&weights).unwrap();
                for (name, _) in encoder.parameters().iter() {
                    let new = other.parameters().value(name, false).unwrap();
                    let zero = new.zeros_like().unwrap();
                    encoder.parameters().set(name, &zero).unwrap();
                    encoder.parameters().set(name, &new).unwrap();
                }
                optimizer = AdamW::new(encoder.parameters(), AdamWOptions::default()).unwrap();
                optimizer.restore(&moments).unwrap();
                assert_eq!(optimizer.steps(), 6);
            }
            let (loss, gradients) = gradients(&encoder, &sequences);
            optimizer
                .step(encoder.parameters(), &gradients, 3e-3)
                .unwrap();
            losses.push(loss);
        }
        (losses, bits(encoder.parameters()))
    };
    let (losses, end) = run(false);
    assert!(losses[11] < 0.5 * losses[0], "{losses:?}");
    assert!(run(true) == (losses, end));
}
