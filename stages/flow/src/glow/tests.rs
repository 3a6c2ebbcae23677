#![allow(clippy::unwrap_used)]

use encoder::Gradients;

use super::*;

const SHAPE: Shape = Shape {
    width: 8,
    levels: 2,
    depth: 2,
    hidden: 5,
};

/// Vectors whose components depend on each other.
fn vectors(count: usize, width: usize) -> Vec<Vec<f32>> {
    let stream = Stream::new(3, "test");
    let vector = |row: usize| {
        let mut draws = stream.draws(0, row as u32, 0);
        let own = draws.normal_pair()[0];
        let one = |at: usize| own * (1.0 + at as f64) + draws.normal_pair()[0] + 2.0;
        (0..width).map(one).map(|value| value as f32).collect()
    };
    (0..count).map(vector).collect()
}

fn slices(vectors: &[Vec<f32>]) -> Vec<&[f32]> {
    vectors.iter().map(Vec::as_slice).collect()
}

/// A flow none of whose parameters is at its special start.
fn moved() -> Flow {
    let vectors = vectors(40, SHAPE.width);
    let flow = Flow::new(SHAPE, 7, &slices(&vectors)).unwrap();
    let stream = Stream::new(5, "test");
    for (place, (name, shape)) in flow.parameters.iter().enumerate() {
        let mut draws = stream.draws(0, place as u32, 0);
        let value = flow.parameters.value(name, false).unwrap();
        let value = value.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let near = |value: f32| value + 0.03 * draws.normal_pair()[0] as f32;
        let near: Vec<f32> = value.into_iter().map(near).collect();
        let near = Tensor::from_vec(near, shape, &Device::Cpu).unwrap();
        flow.parameters.set(name, &near).unwrap();
    }
    flow
}

impl Glow {
    /// Returns the vector that is mapped to `values`.
    fn invert(&self, mut values: Vec<f64>) -> Vec<f64> {
        let levels: Vec<usize> = self.shape.steps().collect();
        for (step, level) in self.steps.iter().zip(levels).rev() {
            step.invert(&mut values[..self.shape.level_width(level)]);
        }
        values
    }
}

#[test]
fn the_map_can_be_undone() {
    let glow = moved().now().unwrap();
    for vector in vectors(10, SHAPE.width) {
        let back = glow.invert(glow.map(&vector).0);
        for (back, value) in back.iter().zip(&vector) {
            assert!((back - f64::from(*value)).abs() < 1e-9, "{back} {value}");
        }
    }
}

/// Returns the logarithm of the absolute determinant of a square matrix, by elimination.
fn log_determinant(mut rows: Vec<Vec<f64>>) -> f64 {
    let mut sum = 0.0;
    for at in 0..rows.len() {
        let pivot =
            (at..rows.len()).max_by(|a, b| rows[*a][at].abs().total_cmp(&rows[*b][at].abs()));
        rows.swap(at, pivot.unwrap());
        let own = rows[at].clone();
        sum += own[at].abs().ln();
        for row in &mut rows[at + 1..] {
            let factor = row[at] / own[at];
            for (value, own) in row.iter_mut().zip(&own) {
                *value -= factor * own;
            }
        }
    }
    sum
}

#[test]
fn the_determinant_is_that_of_the_derivative() {
    let glow = moved().now().unwrap();
    for vector in vectors(5, SHAPE.width) {
        let derivative = (0..SHAPE.width).map(|at| {
            // A power of two, so that adding it to 32-bit numbers of this size is nearly exact.
            let mapped = |by: f32| {
                let mut near = vector.clone();
                near[at] += by;
                (glow.map(&near).0, f64::from(near[at]))
            };
            let ((above, to), (below, from)) = (mapped(1e-3), mapped(-1e-3));
            let slopes = above.iter().zip(below);
            slopes
                .map(|(above, below)| (above - below) / (to - from))
                .collect()
        });
        let expected = log_determinant(derivative.collect());
        let found = glow.map(&vector).1;
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn gradients_are_slopes() {
    let flow = moved();
    let vectors = vectors(6, SHAPE.width);
    let slices = slices(&vectors);
    let mut gradients = Gradients::zeros(&flow.parameters);
    let loss = flow
        .add_gradients(&slices, &mut gradients.collect())
        .unwrap();
    let entries: Vec<(String, Vec<usize>)> = flow
        .parameters
        .iter()
        .map(|(name, shape)| (name.to_owned(), shape.to_vec()))
        .collect();
    for (name, shape) in entries {
        let gradient = gradients.get(&name).unwrap();
        let value = flow.parameters.value(&name, false).unwrap();
        let value = value.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for at in 0..value.len() {
            let measured = |by: f32| {
                let mut near = value.clone();
                near[at] += by;
                let moved = f64::from(near[at]);
                let near = Tensor::from_vec(near, shape.as_slice(), &Device::Cpu).unwrap();
                flow.parameters.set(&name, &near).unwrap();
                let mut unused = Gradients::zeros(&flow.parameters);
                let loss = flow.add_gradients(&slices, &mut unused.collect()).unwrap();
                (loss, moved)
            };
            let ((above, to), (below, from)) = (measured(1e-4), measured(-1e-4));
            let slope = (above - below) / (to - from);
            let found = f64::from(gradient[at]);
            // Where a component crosses zero within the step, a slope is between two.
            assert!(
                (found - slope).abs() < 2e-3 * (1.0 + slope.abs()),
                "{name}[{at}]: {found} {slope}"
            );
        }
        let value = Tensor::from_vec(value, shape.as_slice(), &Device::Cpu).unwrap();
        flow.parameters.set(&name, &value).unwrap();
    }
    let again = flow
        .add_gradients(&slices, &mut gradients.collect())
        .unwrap();
    assert_eq!(loss, again);
}

#[test]
fn the_start_normalises_its_batch() {
    let vectors = vectors(60, SHAPE.width);
    let flow = Flow::new(SHAPE, 1, &slices(&vectors)).unwrap();
    let glow = flow.now().unwrap();
    let mapped: Vec<Vec<f64>> = vectors.iter().map(|vector| glow.map(vector).0).collect();
    for at in 0..SHAPE.width {
        let mean =
            |of: &dyn Fn(f64) -> f64| mapped.iter().map(|row| of(row[at])).sum::<f64>() / 60.0;
        assert!(mean(&|value| value).abs() < 1e-5);
        assert!((mean(&|value| value * value) - 1.0).abs() < 1e-4);
    }
    let other = Flow::new(SHAPE, 2, &slices(&vectors)).unwrap();
    let weight = |flow: &Flow| {
        let weight = flow
            .parameters
            .value("step.0.coupling.0.weight", false)
            .unwrap();
        weight.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    assert_ne!(weight(&flow), weight(&other));
}
