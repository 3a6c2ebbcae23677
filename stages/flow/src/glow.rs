//! The flow: Glow (Kingma and Dhariwal 2018) over single vectors, as BERT-flow has it (`flow/glow_1x1.py`).

use std::f64::consts::LN_2;

use candle_core::{Device, Tensor};
use contract::StageError;
use encoder::{Block, Collecting, Entry, Parameters};
use kernels::Stream;

use crate::affine::{Affine, AffineGradient};
use crate::shape::Shape;
use crate::step::{MAPS, Map, MapGradient, Step, StepGradient, Tape, rectified};

/// Standard deviation of the initial weights of a coupling's hidden layers.
const INITIAL: f64 = 0.05;
/// ln 2π.
const LN_TAU: f64 = 1.837_877_066_409_345_3;
/// The parameters of a step, in their order: scaling, then each dense map and its scaling.
const NAMES: [&str; 2 + 3 * MAPS] = [
    "scaling.bias",
    "scaling.log_scale",
    "coupling.0.weight",
    "coupling.0.bias",
    "coupling.0.log_scale",
    "coupling.1.weight",
    "coupling.1.bias",
    "coupling.1.log_scale",
    "coupling.2.weight",
    "coupling.2.bias",
    "coupling.2.log_scale",
];
/// The ends of the names of the parameters that a coupling's last map hides at first, since it begins at zero.
pub(crate) const HIDDEN_AT_FIRST: &[&str] = &[
    "coupling.0.weight",
    "coupling.0.bias",
    "coupling.0.log_scale",
    "coupling.1.weight",
    "coupling.1.bias",
    "coupling.1.log_scale",
    "coupling.2.log_scale",
];

/// The trainable parameters of a flow: a block for each step.
pub(crate) struct Flow {
    shape: Shape,
    parameters: Parameters,
}

/// A flow with the values that its parameters have at one time.
pub(crate) struct Glow {
    shape: Shape,
    steps: Vec<Step>,
}

impl Flow {
    /// Makes a new flow whose steps give the vectors of a first batch a mean of zero and a variance of one in each component, hidden
    /// layers included; couplings add nothing yet. `seed` decides the weights of the hidden layers.
    ///
    /// # Errors
    /// When the parameters cannot be made.
    pub(crate) fn new(shape: Shape, seed: u64, first: &[&[f32]]) -> Result<Self, StageError> {
        let stream = Stream::new(seed, "initial weights");
        let wide = |vector: &&[f32]| vector.iter().map(|value| f64::from(*value)).collect();
        let mut rows: Vec<Vec<f64>> = first.iter().map(wide).collect();
        let mut parameters = Parameters::new();
        for (place, level) in (0_u32..).zip(shape.steps()) {
            let width = shape.level_width(level);
            rows.iter_mut().for_each(|row| row.truncate(width));
            let values = start(&mut rows, width, shape.hidden, |map, values| {
                let mut draws = stream.draws(0, place, map);
                for pair in values.chunks_mut(2) {
                    let drawn = draws.normal_pair();
                    for (value, drawn) in pair.iter_mut().zip(drawn) {
                        *value = (INITIAL * drawn) as f32;
                    }
                }
            });
            let tensors = values.into_iter().map(|(values, shape)| {
                Tensor::from_vec(values, shape, &Device::Cpu).map_err(StageError::failed)
            });
            let tensors = tensors.collect::<Result<Vec<_>, _>>()?;
            let name = format!("step.{place}");
            let names: Vec<String> = NAMES.iter().map(|of| format!("{name}.{of}")).collect();
            let named = names.iter().map(String::as_str).zip(&tensors);
            parameters.push(Block::new(&name, named)?)?;
        }
        Ok(Self { shape, parameters })
    }

    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the flow with the values that its parameters have now.
    ///
    /// # Errors
    /// When a value cannot be read.
    pub(crate) fn now(&self) -> Result<Glow, StageError> {
        let steps = self.parameters.blocks().iter().map(|block| {
            let flat = block.flat(false).to_vec1::<f32>();
            Ok(step(&flat.map_err(StageError::failed)?, block.entries()))
        });
        Ok(Glow {
            shape: self.shape,
            steps: steps.collect::<Result<_, StageError>>()?,
        })
    }

    /// Adds the gradient of the loss summed over the vectors, and returns the summed loss.
    ///
    /// The loss of a vector is the negative logarithm of its likelihood, in bits per component.
    ///
    /// # Errors
    /// When a value cannot be read.
    pub(crate) fn add_gradients(
        &self,
        vectors: &[&[f32]],
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let glow = self.now()?;
        let blocks = self.parameters.blocks();
        let zeros = |block: &Block| vec![0.0; block.length()];
        let mut sums: Vec<Vec<f64>> = blocks.iter().map(zeros).collect();
        let mut loss = 0.0;
        for vector in vectors {
            loss += glow.add_gradient(vector, blocks, &mut sums);
        }
        let unit = self.shape.width as f64 * LN_2;
        for (place, sums) in sums.iter().enumerate() {
            let values: Vec<f32> = sums.iter().map(|sum| (sum / unit) as f32).collect();
            gradients.add_values(place, &values)?;
        }
        Ok(loss / unit)
    }
}

/// Returns the values and shapes of a new step's parameters in the order of [`NAMES`], and sends the rows through the step.
fn start(
    rows: &mut [Vec<f64>],
    width: usize,
    hidden: usize,
    draw: impl Fn(u32, &mut [f32]),
) -> Vec<(Vec<f32>, Vec<usize>)> {
    let mut made = Vec::with_capacity(NAMES.len());
    let scaling = |rows: &mut [Vec<f64>], width: usize, made: &mut Vec<_>| {
        let (bias, log_scale) = Affine::normalising(rows, width);
        let affine = Affine::new(&bias, &log_scale);
        rows.iter_mut().for_each(|row| affine.apply(row));
        made.push((bias, vec![width]));
        made.push((log_scale, vec![width]));
    };
    scaling(rows, width, &mut made);
    rows.iter_mut().for_each(|row| row.reverse());
    let half = width / 2;
    let mut inner: Vec<Vec<f64>> = rows.iter().map(|row| row[..half].to_vec()).collect();
    for (map, inputs) in [(0, half), (1, hidden)] {
        let mut weight = vec![0.0; inputs * hidden];
        draw(map, &mut weight);
        let product = Map {
            weight: weight.iter().map(|value| f64::from(*value)).collect(),
            affine: Affine::new(&[], &[]),
            outputs: hidden,
        };
        inner = inner.iter().map(|row| product.product(row)).collect();
        made.push((weight, vec![inputs, hidden]));
        scaling(&mut inner, hidden, &mut made);
        inner = inner.iter().map(|row| rectified(row)).collect();
    }
    made.push((vec![0.0; hidden * half], vec![hidden, half]));
    made.push((vec![0.0; half], vec![half]));
    made.push((vec![0.0; half], vec![half]));
    made
}

/// Returns the step whose parameters lie in a block.
fn step(flat: &[f32], entries: &[Entry]) -> Step {
    let of = |place: usize| &flat[entries[place].range()];
    let map = |place: usize| Map {
        weight: of(place).iter().map(|value| f64::from(*value)).collect(),
        affine: Affine::new(of(place + 1), of(place + 2)),
        outputs: entries[place + 1].scalars(),
    };
    Step {
        affine: Affine::new(of(0), of(1)),
        coupling: [map(2), map(5), map(8)],
    }
}

/// Returns the places of a step's gradients in those of its block.
fn places<'a>(flat: &'a mut [f64], entries: &[Entry]) -> StepGradient<'a> {
    let (mut rest, mut start) = (flat, 0);
    let mut slices = entries.iter().map(|entry| {
        let range = entry.range();
        let (_, from) = std::mem::take(&mut rest).split_at_mut(range.start - start);
        let (own, after) = from.split_at_mut(range.len());
        (rest, start) = (after, range.end);
        own
    });
    let mut next = || slices.next().unwrap_or_default();
    let affine = AffineGradient {
        bias: next(),
        log_scale: next(),
    };
    let coupling = std::array::from_fn(|_| MapGradient {
        weight: next(),
        affine: AffineGradient {
            bias: next(),
            log_scale: next(),
        },
    });
    StepGradient { affine, coupling }
}

impl Glow {
    /// Returns what a vector is mapped to, and the logarithm of the determinant of the map's derivative there.
    pub(crate) fn map(&self, vector: &[f32]) -> (Vec<f64>, f64) {
        let (mapped, log_determinant, _) = self.forward(vector);
        (mapped, log_determinant)
    }

    fn forward(&self, vector: &[f32]) -> (Vec<f64>, f64, Vec<Tape>) {
        let mut values: Vec<f64> = vector.iter().map(|value| f64::from(*value)).collect();
        let mut log_determinant = 0.0;
        let mut tapes = Vec::with_capacity(self.steps.len());
        for (step, level) in self.steps.iter().zip(self.shape.steps()) {
            // What lies beyond is final.
            tapes.push(step.apply(&mut values[..self.shape.level_width(level)]));
            log_determinant += step.affine.log_determinant;
        }
        (values, log_determinant, tapes)
    }

    /// Adds the gradient of the negative log-likelihood of a vector in nats to the sums of each block, and returns it.
    fn add_gradient(&self, vector: &[f32], blocks: &[Block], sums: &mut [Vec<f64>]) -> f64 {
        let (mapped, log_determinant, tapes) = self.forward(vector);
        let squares: f64 = mapped.iter().map(|value| value * value).sum();
        let mut gradient = mapped;
        let levels: Vec<usize> = self.shape.steps().collect();
        for place in (0..self.steps.len()).rev() {
            let width = self.shape.level_width(levels[place]);
            let mut into = places(&mut sums[place], blocks[place].entries());
            self.steps[place].backward(&tapes[place], &mut gradient[..width], &mut into);
        }
        0.5 * (squares + LN_TAU * vector.len() as f64) - log_determinant
    }
}

#[cfg(test)]
mod tests;
