//! AdamW over named parameters, with its state in the open for checkpoints.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor, bail};
use rayon::prelude::*;

use crate::checkpoint::{self, Entry, TensorFile};
use crate::values::with_values;
use crate::{EncoderError, Gradients, Parameters, Result};

/// Which parameters decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecayGroup {
    /// All (Wettig et al. 2023, after fairseq).
    All,
    /// All but biases and the weights of layer normalisation (Devlin et al. 2019, Izsak et al. 2021).
    NoBiasOrNorm,
}

/// Settings of [`AdamW`]. The defaults are Wettig et al.'s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWOptions {
    /// Decay of the first moment, from 0 up to but not 1.
    pub beta1: f64,
    /// Decay of the second moment, from 0 up to but not 1.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay per unit of learning rate.
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay: DecayGroup,
}

impl Default for AdamWOptions {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-6,
            weight_decay: 0.01,
            decay: DecayGroup::All,
        }
    }
}

/// The moments of one parameter.
#[derive(Clone, Debug)]
struct Moments {
    shape: Vec<usize>,
    first: Vec<f32>,
    second: Vec<f32>,
    decays: bool,
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).
#[derive(Clone, Debug)]
pub struct AdamW {
    options: AdamWOptions,
    moments: BTreeMap<String, Moments>,
    steps: u32,
}

/// The names in a file of moments.
const FIRST: &str = "first.";
const SECOND: &str = "second.";
const STEPS: &str = "steps";

impl AdamW {
    /// An optimiser for `parameters`, before its first update.
    ///
    /// # Errors
    /// When an option is out of range.
    pub fn new(parameters: &Parameters, options: AdamWOptions) -> Result<Self> {
        for (place, value, most) in [
            ("beta1", options.beta1, 1.0),
            ("beta2", options.beta2, 1.0),
            ("epsilon", options.epsilon, f64::INFINITY),
            ("weight_decay", options.weight_decay, f64::INFINITY),
        ] {
            if !(0.0..most).contains(&value) {
                let reason = format!("{value} is out of range");
                let remedy = format!("give a number of at least 0 and below {most}");
                return Err(EncoderError::invalid(place, reason, remedy));
            }
        }
        let moments = parameters.iter().map(|(name, variable)| {
            let count = variable.elem_count();
            // Biases and the parameters of normalisations are the vectors.
            let decays = options.decay == DecayGroup::All || variable.rank() > 1;
            let shape = variable.dims().to_vec();
            let moments = Moments {
                shape,
                first: vec![0.0; count],
                second: vec![0.0; count],
                decays,
            };
            (name.to_owned(), moments)
        });
        Ok(Self {
            options,
            moments: moments.collect(),
            steps: 0,
        })
    }

    /// Updates `parameters` in place.
    ///
    /// # Errors
    /// When a parameter has no gradient or is not one of those the optimiser was made for.
    pub fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        learning_rate: f64,
    ) -> Result<()> {
        let steps = self.steps + 1;
        let AdamWOptions {
            beta1,
            beta2,
            epsilon,
            weight_decay,
            ..
        } = self.options;
        let correction1 = 1.0 - power(beta1, steps);
        let correction2 = 1.0 - power(beta2, steps);
        for (name, variable) in parameters.iter() {
            let (Some(moments), Some(gradient)) = (self.moments.get_mut(name), gradients.get(name))
            else {
                return Err(EncoderError::Audit {
                    problems: vec![format!("parameter `{name}` has no gradient or no moments")],
                });
            };
            let decay = if moments.decays { weight_decay } else { 0.0 };
            let update = Update {
                gradient,
                moments: Mutex::new((&mut moments.first, &mut moments.second)),
                keep: (1.0 - learning_rate * decay) as f32,
                beta1: beta1 as f32,
                beta2: beta2 as f32,
                fresh1: (1.0 - beta1) as f32,
                fresh2: (1.0 - beta2) as f32,
                rate: (learning_rate / correction1) as f32,
                root: (1.0 / correction2.sqrt()) as f32,
                epsilon: epsilon as f32,
            };
            variable.inplace_op1(&update)?;
        }
        self.steps = steps;
        Ok(())
    }

    /// Returns how many updates were made.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Writes moments and step count to a safetensors file. The same state gives the same bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let moments = self.moments.iter().flat_map(|(name, moments)| {
            let Moments {
                shape,
                first,
                second,
                ..
            } = moments;
            [
                (format!("{FIRST}{name}"), Entry::Floats(first, shape)),
                (format!("{SECOND}{name}"), Entry::Floats(second, shape)),
            ]
        });
        let steps = (STEPS.to_owned(), Entry::Count([1], u64::from(self.steps)));
        checkpoint::write(path, moments.chain([steps]))
    }

    /// Sets moments and step count from a file that [`AdamW::save`] wrote for the same parameters.
    ///
    /// # Errors
    /// When the file cannot be read, or lacks a parameter's moments. The optimiser is then as it was.
    pub fn restore(&mut self, path: &Path) -> Result<()> {
        let bytes = fs::read(path).map_err(EncoderError::io(path))?;
        let file = TensorFile::parse(path, &bytes)?;
        let mut restored = self.moments.clone();
        for (name, moments) in &mut restored {
            let read = |kind: &str| -> Result<Vec<f32>> {
                let tensor = file.tensor(&format!("{kind}{name}"), &moments.shape)?;
                Ok(tensor.flatten_all()?.to_vec1()?)
            };
            (moments.first, moments.second) = (read(FIRST)?, read(SECOND)?);
        }
        self.steps = u32::try_from(file.count(STEPS)?).map_err(|_| {
            EncoderError::checkpoint(path, "too many steps", "delete this checkpoint")
        })?;
        self.moments = restored;
        Ok(())
    }
}

/// Returns `base^exponent` by repeated multiplication: the C library's `pow` may differ between processors.
fn power(base: f64, mut exponent: u32) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// One parameter's update in one pass over memory.
struct Update<'a> {
    gradient: &'a Tensor,
    moments: Mutex<(&'a mut Vec<f32>, &'a mut Vec<f32>)>,
    /// 1 - learning rate · weight decay.
    keep: f32,
    beta1: f32,
    beta2: f32,
    fresh1: f32,
    fresh2: f32,
    /// Learning rate over the first moment's bias correction.
    rate: f32,
    /// Inverse root of the second moment's bias correction.
    root: f32,
    epsilon: f32,
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        const CHUNK: usize = 1 << 14;
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            bail!("contiguous 32-bit floats on the CPU are needed");
        };
        let values = &mut values[start..end];
        let mut moments = self
            .moments
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let (first, second) = &mut *moments;
        if self.gradient.elem_count() != values.len() || first.len() != values.len() {
            bail!(
                "a gradient of {} elements for {}",
                self.gradient.elem_count(),
                values.len()
            );
        }
        with_values(self.gradient, |gradient| {
            values
                .par_chunks_mut(CHUNK)
                .zip(gradient.par_chunks(CHUNK))
                .zip(
                    first
                        .par_chunks_mut(CHUNK)
                        .zip(second.par_chunks_mut(CHUNK)),
                )
                .for_each(|((values, gradient), (first, second))| {
                    for ((value, &gradient), (first, second)) in values
                        .iter_mut()
                        .zip(gradient)
                        .zip(first.iter_mut().zip(second))
                    {
                        *first = self.beta1 * *first + self.fresh1 * gradient;
                        *second = self.beta2 * *second + self.fresh2 * gradient * gradient;
                        let spread = second.sqrt() * self.root + self.epsilon;
                        *value = *value * self.keep - self.rate * *first / spread;
                    }
                });
        })
    }
}
