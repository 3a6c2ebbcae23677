//! Agreement with Hugging Face and torch (`goldens/make.py`), and with candle-transformers.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{D, DType, Device, Tensor};
use encoder::{
    AdamW, AdamWOptions, Batch, Block, DecayGroup, Encoder, Gradients, Mode, Ops, Parameters,
    Sequence, audit,
};

/// The encoders that [`goldens`] holds.
const KINDS: [&str; 4] = ["bert", "roberta", "roberta-prelayernorm", "distilbert"];

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

struct Golden {
    encoder: Encoder,
    expected: HashMap<String, Tensor>,
    sequences: Vec<Sequence>,
}

impl Golden {
    fn open(name: &str) -> Self {
        let folder = goldens().join(name);
        let expected =
            candle_core::safetensors::load(folder.join("expected.safetensors"), &Device::Cpu)
                .unwrap();
        let sequences = (0..2)
            .map(|index| Sequence {
                token_types: numbers(&expected[&format!("types.{index}")]),
                ..Sequence::new(numbers(&expected[&format!("ids.{index}")]), index)
            })
            .collect();
        Self {
            encoder: Encoder::load(&folder).unwrap(),
            expected,
            sequences,
        }
    }

    fn batch(&self) -> Batch {
        Batch::pack(&self.sequences, self.encoder.config()).unwrap()
    }

    /// Returns the batch's rows in the order of the goldens: sequence 0, then sequence 1.
    fn rows(&self, batch: &Batch) -> Vec<u32> {
        (0..batch.sequences())
            .flat_map(|sequence| {
                (0..batch.length(sequence)).map(move |position| (sequence, position))
            })
            .map(|(sequence, position)| batch.row(sequence, position))
            .collect()
    }
}

fn numbers(tensor: &Tensor) -> Vec<u32> {
    tensor.to_dtype(DType::U32).unwrap().to_vec1().unwrap()
}

fn largest(tensor: &Tensor) -> f64 {
    let all = tensor.abs().unwrap().flatten_all().unwrap();
    f64::from(all.max(D::Minus1).unwrap().to_scalar::<f32>().unwrap())
}

/// Checks that two tensors agree to 1e-5 of the larger of 1 and the expected tensor's largest element.
fn check(name: &str, found: &Tensor, expected: &Tensor, tolerance: f64, floor: f64) {
    let distance = largest(&(found - expected).unwrap());
    let size = largest(expected).max(floor);
    assert!(
        distance <= tolerance * size,
        "{name} is off by {distance:e} of {size:e}"
    );
}

#[test]
fn hidden_states_agree_with_hugging_face() {
    for name in KINDS {
        for ops in [Ops::Fused, Ops::Composed] {
            let golden = Golden::open(name);
            let encoder = golden.encoder.clone().with_ops(ops);
            let batch = golden.batch();
            let rows = Tensor::new(golden.rows(&batch), &Device::Cpu).unwrap();
            let layers: Vec<_> = (0..=encoder.config().num_hidden_layers).collect();
            let states = encoder
                .hidden_states(&batch, &layers, Mode::Evaluate)
                .unwrap();
            assert_eq!(states.len(), 3);
            for (layer, state) in states.iter().enumerate() {
                let expected = &golden.expected[&format!("hidden.{layer}")];
                let found = state.index_select(&rows, 0).unwrap();
                check(
                    &format!("{name} {ops:?} hidden.{layer}"),
                    &found,
                    expected,
                    1e-5,
                    1.0,
                );
            }
            let last = encoder.forward(&batch, Mode::Evaluate).unwrap();
            check("forward", &last, &states[2], 0.0, 1.0);
        }
    }
}

#[test]
fn loss_and_gradients_agree_with_torch() {
    for name in ["bert", "roberta", "roberta-prelayernorm"] {
        for ops in [Ops::Fused, Ops::Composed] {
            let golden = Golden::open(name);
            let encoder = golden.encoder.clone().with_ops(ops);
            let batch = golden.batch();
            let order = golden.rows(&batch);
            let rows: Vec<u32> = numbers(&golden.expected["rows"])
                .into_iter()
                .map(|row| order[row as usize])
                .collect();
            let targets = numbers(&golden.expected["targets"]);
            let hidden = encoder
                .forward(&batch, Mode::Train { seed: 1, step: 0 })
                .unwrap();
            let loss = encoder.masked_lm_loss(&hidden, &rows, &targets).unwrap();
            let expected = golden.expected["loss"].squeeze(0).unwrap();
            let loss32 = loss.to_dtype(DType::F32).unwrap();
            check(
                &format!("{name} {ops:?} loss"),
                &loss32,
                &expected,
                1e-5,
                0.0,
            );

            let mut gradients = Gradients::zeros(encoder.parameters());
            gradients.replace(&loss).unwrap();
            audit(encoder.parameters(), &gradients).unwrap();
            let all = golden
                .expected
                .keys()
                .filter(|key| key.starts_with("gradient."));
            assert_eq!(all.count(), encoder.parameters().len());
            for (parameter, shape) in encoder.parameters().iter() {
                let found = gradients.get(parameter).unwrap();
                let found = Tensor::from_vec(found, shape, &Device::Cpu).unwrap();
                let expected = &golden.expected[&format!("gradient.{parameter}")];
                // The gradients of key biases are zero except for rounding.
                let floor = if parameter.ends_with("key.bias") {
                    1.0
                } else {
                    0.0
                };
                check(
                    &format!("{name} {ops:?} {parameter}"),
                    &found,
                    expected,
                    1e-5,
                    floor,
                );
            }
        }
    }
}

#[test]
fn logits_agree_with_candle_transformers() {
    use candle_transformers::models::bert::{BertForMaskedLM, Config};

    let golden = Golden::open("bert");
    let folder = goldens().join("bert");
    let mut tensors =
        candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
    let words = tensors["bert.embeddings.word_embeddings.weight"].clone();
    tensors.insert("cls.predictions.decoder.weight".into(), words);
    let bias = tensors["cls.predictions.bias"].clone();
    tensors.insert("cls.predictions.decoder.bias".into(), bias);
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let config: Config = serde_json::from_str(&config).unwrap();
    let builder = candle_nn::VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let other = BertForMaskedLM::load(builder, &config).unwrap();

    let batch = golden.batch();
    let hidden = golden.encoder.forward(&batch, Mode::Evaluate).unwrap();
    for (index, sequence) in golden.sequences.iter().enumerate() {
        let ids = Tensor::new(&sequence.ids[..], &Device::Cpu)
            .unwrap()
            .unsqueeze(0)
            .unwrap();
        let types = Tensor::new(&sequence.token_types[..], &Device::Cpu).unwrap();
        let expected = other
            .forward(&ids, &types.unsqueeze(0).unwrap(), None)
            .unwrap();
        let rows: Vec<u32> = (0..batch.length(index))
            .map(|p| batch.row(index, p))
            .collect();
        let found = golden.encoder.masked_lm_logits(&hidden, &rows).unwrap();
        check("logits", &found, &expected.squeeze(0).unwrap(), 1e-5, 1.0);
    }
}

#[test]
fn adamw_agrees_with_torch() {
    let golden = candle_core::safetensors::load(goldens().join("adamw.safetensors"), &Device::Cpu);
    let golden = golden.unwrap();
    let tensors = ["weight", "bias"].map(|name| (name, &golden[&format!("{name}.0")]));
    let block = Block::new("golden", tensors).unwrap();
    let parameters = Parameters::of([block]).unwrap();
    let options = AdamWOptions {
        weight_decay: 0.1,
        decay: DecayGroup::NoBiasOrNorm,
        ..Default::default()
    };
    let mut optimizer = AdamW::new(&parameters, options).unwrap();
    let mut gradients = Gradients::zeros(&parameters);
    for step in 1..8 {
        // The gradient of the sum of parameter · gradient is that gradient.
        let product = |name: &str| {
            let parameter = parameters.value(name, true).unwrap();
            (parameter * &golden[&format!("{name}.gradient.{step}")])
                .unwrap()
                .sum_all()
                .unwrap()
        };
        let loss = (product("weight") + product("bias")).unwrap();
        gradients.replace(&loss).unwrap();
        optimizer
            .step(&parameters, &gradients, 0.01 * f64::from(step))
            .unwrap();
        for name in ["weight", "bias"] {
            let found = parameters.value(name, false).unwrap();
            check(name, &found, &golden[&format!("{name}.{step}")], 1e-6, 1.0);
        }
    }
    assert_eq!(optimizer.steps(), 7);
}
