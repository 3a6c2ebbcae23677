#![allow(clippy::unwrap_used)]

use candle_core::DType;
use encoder::{Architecture, Gradients, Ops, Pooling, Size};

use super::*;

const MODE: Mode = Mode::Train { seed: 7, step: 2 };
const CLASSES: [u32; 7] = [0, 2, 1, 0, 0, 2, 0];

fn model(pooling: Pooling, ops: Ops) -> Model {
    let config = Config {
        hidden_dropout_prob: 0.1,
        attention_probs_dropout_prob: 0.1,
        initializer_range: 0.2,
        ..Config::of_size(Size::Nano, Architecture::Bert, 30, 12, 0)
    };
    let kept = Kept {
        task: "toy".into(),
        kind: Kind::Classification,
        labels: ["a", "b", "c"].map(str::to_owned).into(),
        pairs: false,
        pooling,
        max_length: 12,
    };
    let encoder = Encoder::new(config, 1).unwrap().with_ops(ops);
    let mut model = Model::new(encoder, &kept, 4).unwrap();
    model.head = model.head.with_ops(ops);
    model
}

/// Examples of 3 to 9 tokens, one of which is alone of its class.
fn examples() -> Vec<Encoded> {
    let examples = CLASSES.iter().zip(0_u32..);
    let examples = examples.map(|(&class, at)| Encoded {
        ids: (0..3 + at)
            .map(|token| 1 + (5 * at + 3 * token) % 29)
            .collect(),
        token_types: Vec::new(),
        label: f64::from(class),
        cut: false,
    });
    examples.collect()
}

fn all(model: &Model, gradients: &Gradients) -> Vec<f32> {
    let names = model.parameters().iter().map(|(name, _)| name);
    names
        .flat_map(|name| gradients.get(name).unwrap())
        .collect()
}

fn found(pooling: Pooling, weight: f64) -> (f64, Vec<f32>) {
    let model = model(pooling, Ops::Fused);
    let examples = examples();
    let chosen: Vec<&Encoded> = examples.iter().collect();
    let mut gradients = Gradients::zeros(model.parameters());
    let loss = (weight, Supervised { temperature: 0.3 });
    let sum = model.add_contrasted(&chosen, loss, MODE, &mut gradients.collect());
    (sum.unwrap(), all(&model, &gradients))
}

/// The loss by candle's own operations: equation 3 of the paper, written out, and the cross-entropy.
fn composed(model: &Model, pooling: Pooling, weight: f64) -> Tensor {
    let examples = examples();
    let chosen: Vec<&Encoded> = examples.iter().collect();
    let (states, batch) = model.states(&chosen, 0, MODE).unwrap();
    let outputs = model.head.forward(&states, &batch, MODE).unwrap();
    let log_all = outputs.exp().unwrap().sum(1).unwrap().log().unwrap();
    let scalar = |matrix: &Tensor, row: usize, column: usize| {
        let row = matrix.narrow(0, row, 1).unwrap();
        row.narrow(1, column, 1).unwrap().sum_all().unwrap()
    };
    let mut told = log_all.sum_all().unwrap();
    for (row, &class) in CLASSES.iter().enumerate() {
        told = (told - scalar(&outputs, row, class as usize)).unwrap();
    }
    let pooled = (0..CLASSES.len()).map(|at| {
        let length = match pooling {
            Pooling::Cls => 1,
            _ => batch.length(at),
        };
        let own = states[0].narrow(0, batch.row(at, 0) as usize, length);
        own.unwrap().mean_keepdim(0).unwrap()
    });
    let pooled = Tensor::cat(&pooled.collect::<Vec<_>>(), 0).unwrap();
    let norms = pooled.sqr().unwrap().sum_keepdim(1).unwrap();
    let units = pooled.broadcast_div(&norms.sqrt().unwrap()).unwrap();
    let cosines = units.matmul(&units.t().unwrap()).unwrap();
    let exponentials = (cosines / 0.3).unwrap().exp().unwrap();
    let mut compared = (told.clone() * 0.0).unwrap();
    for (i, &own) in CLASSES.iter().enumerate() {
        let others = (0..CLASSES.len()).filter(|k| *k != i);
        let positives: Vec<usize> = others.clone().filter(|k| CLASSES[*k] == own).collect();
        let row = exponentials.narrow(0, i, 1).unwrap().sum_all().unwrap();
        let others = (row - scalar(&exponentials, i, i)).unwrap().log().unwrap();
        for &j in &positives {
            let own = scalar(&exponentials, i, j).log().unwrap();
            let term = ((&others - own).unwrap() / positives.len() as f64).unwrap();
            compared = (compared + term).unwrap();
        }
    }
    let sum = ((told * (1.0 - weight)).unwrap() + (compared * weight).unwrap()).unwrap();
    sum.to_dtype(DType::F64).unwrap()
}

#[test]
fn loss_and_gradients_are_those_of_composed_operations() {
    for (pooling, weight) in [
        (Pooling::Cls, 0.9),
        (Pooling::Mean, 0.1),
        (Pooling::Mean, 0.0),
    ] {
        let (loss, gradients) = found(pooling, weight);
        let reference = model(pooling, Ops::Composed);
        let expected = composed(&reference, pooling, weight);
        let mut all_expected = Gradients::zeros(reference.parameters());
        all_expected.replace(&expected).unwrap();
        let expected = expected.to_scalar::<f64>().unwrap();
        assert!(
            (loss - expected).abs() < 1e-5 * expected,
            "{loss} {expected}"
        );
        let expected = all(&reference, &all_expected);
        let most = expected
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        assert_eq!(gradients.len(), expected.len());
        for (found, expected) in gradients.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4 * most, "{found} {expected}");
        }
    }
}
