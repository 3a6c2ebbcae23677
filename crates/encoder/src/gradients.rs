//! Gradients of parameters, and the audit that every parameter has one.

use candle_core::Tensor;
use kernels::Share;
use rayon::prelude::*;

use crate::block::{Block, Entry};
use crate::names::{KEY_BIAS, SPAN_BIAS};
use crate::sink::{Buffer, Loan};
use crate::values::with_values;
use crate::{EncoderError, Parameters};

/// Number of elements that one task works on.
const CHUNK: usize = 1 << 16;

/// Gradients of parameters, in one buffer per block that lasts for a whole run.
///
/// An update collects gradients, scales and clips them, and gives them to the optimiser. Scaling does not touch the buffers:
/// a common factor is kept, and applied where gradients are read.
#[derive(Clone, Debug)]
pub struct Gradients {
    parameters: Parameters,
    /// One buffer per block.
    buffers: Vec<Buffer>,
    factor: f64,
}

/// Adds the gradients of several losses, such as those of an update's micro-batches. The gradients are complete when this
/// value is dropped.
///
/// The sums have the same bits however an update's samples are split into losses, if the samples keep their ascending order
/// (with [`crate::Precision::Bf16`] also each part must have an even number of tokens and of predictions).
#[derive(Debug)]
pub struct Collecting<'a>(&'a mut Gradients);

impl Collecting<'_> {
    /// Runs the backward pass of a scalar `loss` and adds its gradients.
    ///
    /// # Errors
    /// When a tensor operation fails, or another backward pass is using the parameters. Some gradients may have been added
    /// by then: call [`Gradients::collect`] again.
    pub fn add(&mut self, loss: &Tensor) -> Result<(), EncoderError> {
        let Gradients {
            parameters,
            buffers,
            ..
        } = &mut *self.0;
        let blocks = parameters.blocks();
        let sinks = blocks.iter().map(|block| block.sink().as_ref());
        let loan = Loan::of(sinks.zip(&mut *buffers))?;
        let found = loss.backward();
        drop(loan);
        let mut found = found?;
        for (block, buffer) in blocks.iter().zip(buffers) {
            // Gradients that operations returned to candle instead of adding them to the sink.
            let Some(gradient) = found.remove(block.variable()) else {
                continue;
            };
            with_values(&gradient.contiguous()?, |gradient| {
                buffer
                    .values
                    .par_chunks_mut(CHUNK)
                    .zip(gradient.par_chunks(CHUNK))
                    .share(|(sums, gradient)| kernels::add(sums, gradient));
            })?;
            buffer.touched = true;
        }
        Ok(())
    }
}

impl Collecting<'_> {
    /// Adds the gradient of a block's floats that was computed without candle; blocks count from 0 in the order of the parameters.
    ///
    /// # Errors
    /// When there is no such block, or it has another number of floats.
    pub fn add_values(&mut self, block: usize, gradient: &[f32]) -> Result<(), EncoderError> {
        let buffer = self.0.buffers.get_mut(block);
        let Some(buffer) = buffer.filter(|buffer| buffer.values.len() == gradient.len()) else {
            return Err(EncoderError::invalid(
                format!("block {block}"),
                format!("no block of {} floats has that place", gradient.len()),
                "give the gradient of one of the parameters' blocks",
            ));
        };
        kernels::add(&mut buffer.values, gradient);
        buffer.touched = true;
        Ok(())
    }
}

impl Drop for Collecting<'_> {
    fn drop(&mut self) {
        for buffer in &mut self.0.buffers {
            buffer.lookups.join(&mut buffer.values);
        }
    }
}

impl Gradients {
    /// Makes gradients of `parameters`, none of which a backward pass has reached.
    pub fn zeros(parameters: &Parameters) -> Self {
        let buffers = parameters.blocks().iter().map(|block| Buffer {
            values: vec![0.0; block.length()],
            ..Buffer::default()
        });
        Self {
            buffers: buffers.collect(),
            parameters: parameters.clone(),
            factor: 1.0,
        }
    }

    /// Forgets all gradients and returns the value to which losses are added.
    pub fn collect(&mut self) -> Collecting<'_> {
        for buffer in &mut self.buffers {
            // The gradients of a block that no backward pass reaches stay zero.
            if std::mem::take(&mut buffer.touched) {
                buffer
                    .values
                    .par_chunks_mut(CHUNK)
                    .share(|values| values.fill(0.0));
            }
        }
        self.factor = 1.0;
        Collecting(self)
    }

    /// Replaces the gradients by those of one loss: [`Gradients::collect`] and one [`Collecting::add`].
    ///
    /// # Errors
    /// The errors of [`Collecting::add`].
    pub fn replace(&mut self, loss: &Tensor) -> Result<(), EncoderError> {
        self.collect().add(loss)
    }

    /// Adds the gradients `other` of the same parameters. Neither may have been scaled.
    pub fn add(&mut self, other: &Self) {
        for (sums, others) in self.buffers.iter_mut().zip(&other.buffers) {
            if others.touched {
                sums.values
                    .par_chunks_mut(CHUNK)
                    .zip(others.values.par_chunks(CHUNK))
                    .share(|(sums, others)| kernels::add(sums, others));
                sums.touched = true;
            }
        }
    }

    /// Multiplies all gradients by `factor`.
    pub fn scale(&mut self, factor: f64) {
        self.factor *= factor;
    }

    /// Returns the Euclidean norm of all gradients together. Squares are summed in 64 bits, in name order.
    pub fn norm(&self) -> f64 {
        let places: Vec<(usize, usize)> = self.parameters.places().collect();
        let squares: Vec<f64> = places
            .into_par_iter()
            .map(|(block, entry)| {
                let entry = &self.parameters.blocks()[block].entries()[entry];
                kernels::sum_of_squares(&self.buffers[block].values[entry.range()])
            })
            .collect();
        kernels::sum(&squares).sqrt() * self.factor.abs()
    }

    /// Scales all gradients so that [`Gradients::norm`] is at most `limit`. Returns the norm before scaling.
    pub fn clip(&mut self, limit: f64) -> f64 {
        let norm = self.norm();
        if norm > limit {
            self.scale(limit / norm);
        }
        norm
    }

    /// Returns the gradient of a parameter, in row-major order, if a backward pass reached the parameter's block.
    pub fn get(&self, name: &str) -> Option<Vec<f32>> {
        let (block, entry) = self.parameters.place(name)?;
        let block = &self.parameters.blocks()[block];
        self.of(block, &block.entries()[entry])
    }

    fn of(&self, block: &Block, entry: &Entry) -> Option<Vec<f32>> {
        let (values, factor) = (self.unscaled(block)?, self.factor());
        let values = values[entry.range()].iter();
        Some(values.map(|value| value * factor).collect())
    }

    /// Returns the gradients of a block before they are multiplied by [`Gradients::factor`], if a backward pass reached the
    /// block.
    pub(crate) fn unscaled(&self, block: &Block) -> Option<&[f32]> {
        let mut blocks = self.parameters.blocks().iter();
        let buffer = &self.buffers[blocks.position(|own| own.is(block))?];
        buffer.touched.then_some(&buffer.values)
    }

    /// Returns the factor by which all gradients are to be multiplied.
    pub(crate) fn factor(&self) -> f32 {
        self.factor as f32
    }
}

/// The ends of the names of parameters whose gradient a softmax cancels.
const CANCELLED: [&str; 2] = [KEY_BIAS, SPAN_BIAS];

/// Checks that every parameter has a finite gradient that is not zero everywhere.
///
/// The bias of a key is an exception: adding one vector to all keys moves all scores of a query by the same amount, which the
/// softmax cancels, so the gradient of the bias is zero except for rounding. It must only exist and be finite. So is the bias of a head
/// that finds spans, which moves the scores of all tokens of a sequence.
///
/// # Errors
/// [`EncoderError::Audit`] names every parameter that is not trained, and why.
pub fn audit(parameters: &Parameters, gradients: &Gradients) -> Result<(), EncoderError> {
    audit_except(parameters, gradients, &[])
}

/// Checks like [`audit`], but lets the gradient of a parameter whose name ends with one of `hidden` be zero: what follows the parameter
/// begins at zero.
///
/// # Errors
/// Those of [`audit`].
pub fn audit_except(
    parameters: &Parameters,
    gradients: &Gradients,
    hidden: &[&str],
) -> Result<(), EncoderError> {
    let mut problems = Vec::new();
    for (block, entry) in parameters.entries() {
        let name = entry.name();
        let Some(gradient) = gradients.of(block, entry) else {
            problems.push(format!("parameter `{name}` receives no gradient"));
            continue;
        };
        if !kernels::all_finite(&gradient) {
            problems.push(format!("the gradient of parameter `{name}` is not finite"));
        } else if gradient.iter().all(|&x| x == 0.0)
            && !CANCELLED
                .iter()
                .chain(hidden)
                .any(|end| name.ends_with(end))
        {
            problems.push(format!("the gradient of parameter `{name}` is zero"));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(EncoderError::Audit { problems })
    }
}

#[cfg(test)]
mod tests;
