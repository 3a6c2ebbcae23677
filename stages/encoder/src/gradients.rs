//! Gradients by name, and the check that every parameter has one.

use std::collections::BTreeMap;

use candle_core::Tensor;
use rayon::prelude::*;

use crate::names::KEY_BIAS;
use crate::values::with_values;
use crate::{EncoderError, Parameters, Result};

/// Gradients by parameter name. A parameter that the loss does not reach has none.
#[derive(Clone, Debug)]
pub struct Gradients {
    tensors: BTreeMap<String, Tensor>,
}

impl Gradients {
    /// Runs the backward pass of a scalar `loss` and keeps the gradients of `parameters`.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn of(loss: &Tensor, parameters: &Parameters) -> Result<Self> {
        let mut found = loss.backward()?;
        let mut tensors = BTreeMap::new();
        for (name, variable) in parameters.iter() {
            if let Some(gradient) = found.remove(variable) {
                tensors.insert(name.to_owned(), gradient.contiguous()?);
            }
        }
        Ok(Self { tensors })
    }

    /// Adds the gradients of another micro-batch.
    ///
    /// # Errors
    /// When they are of parameters of other shapes.
    pub fn accumulate(&mut self, other: &Self) -> Result<()> {
        for (name, gradient) in &other.tensors {
            let sum = match self.tensors.get(name) {
                Some(own) => (own + gradient)?,
                None => gradient.clone(),
            };
            self.tensors.insert(name.clone(), sum);
        }
        Ok(())
    }

    /// Multiplies all by `factor`.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn scale(&mut self, factor: f64) -> Result<()> {
        for gradient in self.tensors.values_mut() {
            *gradient = (&*gradient * factor)?;
        }
        Ok(())
    }

    /// Returns the Euclidean norm over all gradients: squares are summed in f64, in name order.
    ///
    /// # Errors
    /// When a gradient is not of 32-bit floats on the CPU.
    pub fn norm(&self) -> Result<f64> {
        const CHUNK: usize = 1 << 16;
        let mut squares = 0.0;
        for gradient in self.tensors.values() {
            let partials: Vec<f64> = with_values(gradient, |values| {
                let sum = |chunk: &[f32]| chunk.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
                values.par_chunks(CHUNK).map(sum).collect()
            })?;
            squares += partials.iter().sum::<f64>();
        }
        Ok(squares.sqrt())
    }

    /// Scales all so that [`Gradients::norm`] is at most `limit`. Returns the norm before.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn clip(&mut self, limit: f64) -> Result<f64> {
        let norm = self.norm()?;
        if norm > limit {
            self.scale(limit / norm)?;
        }
        Ok(norm)
    }

    /// Returns the gradient of a parameter, if it got one.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }
}

/// Checks that every parameter received a finite gradient that is not zero throughout.
///
/// Adding one vector to all keys leaves attention as it is (every score of a query moves by the same amount, which the
/// softmax cancels), so the gradient of a key's bias is zero but for rounding; it must only exist and be finite.
///
/// # Errors
/// [`EncoderError::Audit`] names every parameter that is not trained, and why.
pub fn audit(parameters: &Parameters, gradients: &Gradients) -> Result<()> {
    let mut problems = Vec::new();
    for (name, _) in parameters.iter() {
        let Some(gradient) = gradients.get(name) else {
            problems.push(format!("parameter `{name}` receives no gradient"));
            continue;
        };
        let (finite, zero) = with_values(gradient, |values| {
            (
                values.iter().all(|x| x.is_finite()),
                values.iter().all(|&x| x == 0.0),
            )
        })?;
        if !finite {
            problems.push(format!("the gradient of parameter `{name}` is not finite"));
        } else if zero && !name.ends_with(KEY_BIAS) {
            problems.push(format!("the gradient of parameter `{name}` is zero"));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(EncoderError::Audit { problems })
    }
}
