//! Encoding the visible tokens alone: the fused implementation agrees with the composed one, micro-batches, packing and threads change
//! no bit, and every parameter is trained.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Tensor};
use encoder::{
    Architecture, Batch, Config, Decoder, Encoder, Gradients, Mode, Ops, Parameters, Sequence,
    Size, VisibleBatch, audit,
};
use kernels::Stream;
use proptest::prelude::*;

const TRAIN: Mode = Mode::Train { seed: 5, step: 3 };
const VOCABULARY: u32 = 60;
const MASK: u32 = 4;

/// Where masked tokens come in.
#[derive(Clone, Copy, Debug)]
enum Masked {
    Decoder,
    Appended(usize),
}

struct Network {
    encoder: Encoder,
    decoder: Option<Decoder>,
    masked: Masked,
    parameters: Parameters,
}

fn config(architecture: Architecture, dropout: f64) -> Config {
    Config {
        hidden_size: 24,
        num_attention_heads: 2,
        num_hidden_layers: 3,
        intermediate_size: 30,
        hidden_dropout_prob: dropout,
        attention_probs_dropout_prob: dropout,
        initializer_range: 0.3,
        layer_norm_eps: 1e-3,
        ..Config::of_size(Size::Nano, architecture, VOCABULARY as usize, 40, 0)
    }
}

fn network(config: Config, masked: Masked) -> Network {
    let encoder = Encoder::new(config, 1).unwrap();
    let mut parameters = encoder.parameters().clone();
    let decoder = match masked {
        Masked::Decoder => Some(Decoder::new(encoder.config(), 2, 1).unwrap()),
        Masked::Appended(_) => None,
    };
    if let Some(decoder) = &decoder {
        parameters.extend(decoder.parameters()).unwrap();
    }
    Network {
        encoder,
        decoder,
        masked,
        parameters,
    }
}

impl Network {
    /// Returns the hidden states of all tokens, and the loss of predicting every masked one.
    fn pass(&self, ops: Ops, sequences: &[Sequence], mode: Mode) -> (Tensor, Tensor) {
        let encoder = self.encoder.clone().with_ops(ops);
        let batch = VisibleBatch::pack(sequences, MASK, encoder.config()).unwrap();
        let hidden = match (&self.decoder, self.masked) {
            (Some(decoder), _) => decoder.forward(&encoder, &batch, mode).unwrap(),
            (None, Masked::Appended(layers)) => {
                encoder.forward_appended(&batch, layers, mode).unwrap()
            }
            (None, Masked::Decoder) => unreachable!(),
        };
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for (index, sequence) in sequences.iter().enumerate() {
            for (at, _) in sequence
                .ids
                .iter()
                .enumerate()
                .filter(|(_, id)| **id == MASK)
            {
                rows.push(batch.all().row(index, at));
                targets.push((sequence.sample + at as u32) % VOCABULARY);
            }
        }
        let loss = encoder.masked_lm_loss(&hidden, &rows, &targets).unwrap();
        (hidden, loss)
    }

    fn gradients(&self, ops: Ops, parts: &[&[Sequence]]) -> (f64, Gradients) {
        let mut gradients = Gradients::zeros(&self.parameters);
        let mut collecting = gradients.collect();
        let mut sum = 0.0;
        for part in parts {
            let (_, loss) = self.pass(ops, part, TRAIN);
            sum += loss.to_scalar::<f64>().unwrap();
            collecting.add(&loss).unwrap();
        }
        drop(collecting);
        (sum, gradients)
    }
}

fn sequences(lengths: &[usize], share: f64) -> Vec<Sequence> {
    let mut draws = Stream::new(8, "test").draws(0, 0, 0);
    let mut token = || match draws.uniform() < share {
        true => MASK,
        false => 5 + draws.below(VOCABULARY - 5),
    };
    let sequence = |(sample, &length): (usize, &usize)| {
        Sequence::new((0..length).map(|_| token()).collect(), 3 * sample as u32)
    };
    lengths.iter().enumerate().map(sequence).collect()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_dtype(DType::F32).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn agree(name: &str, found: &[f32], expected: &[f32], tolerance: f32, floor: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = |all: &mut dyn Iterator<Item = f32>| all.fold(0.0, |a: f32, b| a.max(b.abs()));
    let size = largest(&mut expected.iter().copied()).max(floor);
    let distance = largest(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    assert!(
        distance <= tolerance * size,
        "{name}: {distance:e} of {size:e}"
    );
}

fn bits(gradients: &Gradients, parameters: &Parameters) -> Vec<Vec<u32>> {
    let of = |name: &str| gradients.get(name).unwrap_or_default();
    let names = parameters.iter().map(|(name, _)| of(name));
    names
        .map(|values| values.into_iter().map(f32::to_bits).collect())
        .collect()
}

fn all() -> Vec<(Architecture, Masked)> {
    let both = [Architecture::Bert, Architecture::RobertaPreLayerNorm];
    let ways = [Masked::Decoder, Masked::Appended(1), Masked::Appended(3)];
    both.into_iter()
        .flat_map(|architecture| ways.map(|masked| (architecture, masked)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn fused_and_composed_agree(
        lengths in prop::collection::vec(1_usize..40, 1..7), share in 0.1_f64..1.0, pre: bool, dropped: bool,
        way in prop::sample::select(vec![Masked::Decoder, Masked::Appended(1), Masked::Appended(2)]),
        recomputes: bool,
    ) {
        let architecture = if pre { Architecture::RobertaPreLayerNorm } else { Architecture::Bert };
        let mut network = network(config(architecture, if dropped { 0.2 } else { 0.0 }), way);
        network.encoder = network.encoder.with_recomputation(recomputes);
        let mut sequences = sequences(&lengths, share);
        // Something must be predicted, and something be seen.
        sequences.push(Sequence::new(vec![7, MASK, 9], 100));
        let states = [Ops::Fused, Ops::Composed].map(|ops| {
            let evaluated = numbers(&network.pass(ops, &sequences, Mode::Evaluate).0);
            (evaluated, numbers(&network.pass(ops, &sequences, TRAIN).0))
        });
        agree("states", &states[0].0, &states[1].0, 3e-5, 1.0);
        agree("states in training", &states[0].1, &states[1].1, 3e-5, 1.0);
        let [fused, composed] = [Ops::Fused, Ops::Composed].map(|ops| network.gradients(ops, &[&sequences]));
        prop_assert!((fused.0 - composed.0).abs() <= 3e-5 * composed.0.abs().max(1.0));
        let norm = composed.1.norm() as f32;
        for (name, _) in network.parameters.iter() {
            let (found, expected) = (fused.1.get(name).unwrap(), composed.1.get(name).unwrap());
            agree(name, &found, &expected, 2e-4, 0.02 * norm);
        }
    }
}

#[test]
fn every_parameter_is_trained() {
    for (architecture, masked) in all() {
        let network = network(config(architecture, 0.1), masked);
        let sequences = sequences(&[12, 20, 40], 0.4);
        let (_, gradients) = network.gradients(Ops::Fused, &[&sequences]);
        audit(&network.parameters, &gradients).unwrap();
    }
}

/// Sequences of which nothing is visible are among them, so that some micro-batches have no visible token.
#[test]
fn micro_batches_and_threads_change_no_bit() {
    for (architecture, masked) in all() {
        let network = network(config(architecture, 0.2), masked);
        let mut sequences = sequences(&[9, 14, 1, 40, 3, 5, 22], 0.6);
        sequences[2].ids = vec![MASK; 3];
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let of = |size: usize, threads: usize| {
            let parts: Vec<&[Sequence]> = sequences.chunks(size).collect();
            let run = || network.gradients(Ops::Fused, &parts);
            let (_, gradients) = pool(threads).unwrap().install(run);
            bits(&gradients, &network.parameters)
        };
        let expected = of(7, 1);
        for (size, threads) in [(1, 1), (2, 3), (3, 2), (7, 4)] {
            assert!(of(size, threads) == expected, "{masked:?} {size} {threads}");
        }
    }
}

/// What is masked cannot be told from the encoder's states: it has not seen it, but it has seen the positions.
#[test]
fn the_encoder_sees_the_visible_tokens_at_their_places() {
    let network = network(config(Architecture::Bert, 0.0), Masked::Decoder);
    let encoder = &network.encoder;
    let states = |sequence: Sequence| {
        let batch = Batch::pack(&[sequence], encoder.config()).unwrap();
        numbers(&encoder.forward(&batch, Mode::Evaluate).unwrap())
    };
    let alone = states(Sequence::new(vec![7, 9], 0).at(vec![0, 3]));
    let counted_anew = states(Sequence::new(vec![7, 9], 0));
    assert_ne!(alone, counted_anew);
    // Nothing is masked: appended places are none, and the result is the encoder's own.
    let whole = Sequence::new(vec![7, 8, 9], 0);
    let batch = VisibleBatch::pack(std::slice::from_ref(&whole), MASK, encoder.config()).unwrap();
    let found = encoder.forward_appended(&batch, 1, Mode::Evaluate).unwrap();
    assert_eq!(numbers(&found), states(whole));
    assert!(encoder.forward_appended(&batch, 4, Mode::Evaluate).is_err());
}

/// Appended before the first layer, masked tokens are ordinary ones.
#[test]
fn appended_before_all_layers_is_ordinary() {
    for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
        let network = network(config(architecture, 0.2), Masked::Appended(3));
        let sequences = sequences(&[12, 7], 0.4);
        let batch = Batch::pack(&sequences, network.encoder.config()).unwrap();
        let expected = network.encoder.forward(&batch, TRAIN).unwrap();
        let (found, _) = network.pass(Ops::Fused, &sequences, TRAIN);
        assert_eq!(numbers(&found), numbers(&expected));
    }
}

#[test]
fn a_decoder_is_saved_and_restored() {
    let config = config(Architecture::RobertaPreLayerNorm, 0.0);
    let folder = tempfile::tempdir().unwrap();
    let decoder = Decoder::new(&config, 2, 1).unwrap();
    decoder.save(folder.path()).unwrap();
    let other = Decoder::new(&config, 2, 2).unwrap();
    other.restore(folder.path()).unwrap();
    for (name, _) in decoder.parameters().iter() {
        let [one, two] =
            [&decoder, &other].map(|one| numbers(&one.parameters().value(name, false).unwrap()));
        assert_eq!(one, two, "{name}");
    }
    let deeper = Decoder::new(&config, 3, 2).unwrap();
    let error = deeper.restore(folder.path()).unwrap_err().to_string();
    assert!(error.contains("decoder.layer.2"), "{error}");
    assert!(Decoder::new(&config, 0, 1).is_err());
}
