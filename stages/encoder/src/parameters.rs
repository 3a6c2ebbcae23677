//! Trainable tensors by name.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor, Var};
use kernels::Stream;
use rayon::prelude::*;

use crate::checkpoint::{self, Entry, TensorFile};
use crate::names::{Specification, Start};
use crate::{EncoderError, Result};

/// Trainable tensors by name, in name order. Clones share their values.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    variables: BTreeMap<String, Var>,
}

impl Parameters {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parameters at their beginning: zero, one, or normal with that standard deviation. The random numbers are keyed by
    /// seed and name, so a parameter does not depend on which others there are.
    pub(crate) fn start(
        specifications: &[Specification],
        deviation: f64,
        seed: u64,
    ) -> Result<Self> {
        let stream = Stream::new(seed, "initial weights");
        let values: Vec<Vec<f32>> = specifications
            .par_iter()
            .map(|specification| {
                let count = specification.shape.iter().product();
                match specification.start {
                    Start::Zero => vec![0.0; count],
                    Start::One => vec![1.0; count],
                    Start::Random => normal(&stream, &specification.name, count, deviation),
                }
            })
            .collect();
        let mut parameters = Self::new();
        for (specification, values) in specifications.iter().zip(values) {
            let shape = specification.shape.as_slice();
            let variable = Var::from_vec(values, shape, &Device::Cpu)?;
            parameters.insert(specification.name.clone(), variable);
        }
        Ok(parameters)
    }

    /// Adds or replaces a parameter: a variable of 32-bit floats on the CPU.
    pub fn insert(&mut self, name: impl Into<String>, variable: Var) {
        self.variables.insert(name.into(), variable);
    }

    /// Adds all of `other`; the values are shared.
    pub fn extend(&mut self, other: &Self) {
        let others = other.variables.iter();
        self.variables
            .extend(others.map(|(name, variable)| (name.clone(), variable.clone())));
    }

    /// Returns names and variables in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.variables
            .iter()
            .map(|(name, variable)| (name.as_str(), variable))
    }

    /// Returns the parameter of that name.
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.variables.get(name)
    }

    /// Returns how many numbers the parameters hold.
    pub fn scalars(&self) -> usize {
        self.variables
            .values()
            .map(|variable| variable.elem_count())
            .sum()
    }

    /// Returns how many parameters there are.
    pub fn len(&self) -> usize {
        self.variables.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// Returns the parameters whose names `keep` accepts; the values are shared.
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = self.variables.iter().filter(|(name, _)| keep(name));
        Self {
            variables: kept
                .map(|(name, variable)| (name.clone(), variable.clone()))
                .collect(),
        }
    }

    /// Writes all values to a safetensors file in 32-bit floats. The same values give the same bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let entries = self
            .iter()
            .map(|(name, var)| (name.to_owned(), Entry::Tensor(var)));
        checkpoint::write(path, entries)
    }

    /// Sets all values from a safetensors file that [`Parameters::save`] wrote for parameters of the same names and
    /// shapes. Other tensors in the file are left aside.
    ///
    /// # Errors
    /// When the file cannot be read, lacks a parameter, or holds one of another shape.
    pub fn restore(&self, path: &Path) -> Result<()> {
        let bytes = std::fs::read(path).map_err(EncoderError::io(path))?;
        let file = TensorFile::parse(path, &bytes)?;
        for (name, variable) in self.iter() {
            variable.set(&file.tensor(name, variable.dims())?)?;
        }
        Ok(())
    }

    /// Returns the value of a parameter: a variable that gradients reach if `tracked`, else a constant.
    pub(crate) fn value(&self, name: &str, tracked: bool) -> Result<Tensor> {
        let variable = self
            .variables
            .get(name)
            .ok_or_else(|| EncoderError::Invalid {
                place: name.to_owned(),
                reason: "there is no such parameter".into(),
                remedy: "load the checkpoint again".into(),
            })?;
        Ok(if tracked {
            variable.as_tensor().clone()
        } else {
            variable.as_detached_tensor()
        })
    }
}

fn normal(stream: &Stream, name: &str, count: usize, deviation: f64) -> Vec<f32> {
    let hash = Stream::new(0, name).block(0, 0, 0, 0);
    let mut draws = stream.draws(hash[0], hash[1], hash[2]);
    std::iter::from_fn(|| Some(draws.normal_pair()))
        .flatten()
        .take(count)
        .map(|value| (value * deviation) as f32)
        .collect()
}
