//! Sinks: custom operations add the gradients of their parameters there in the backward pass.
//!
//! candle's backward pass allocates every gradient and adds it to the one before. An operation over a whole block of parameters
//! can add to the block's persistent buffer instead: the block owns a [`Sink`], and [`crate::Gradients`] lends its buffer
//! to the sink during one backward pass. At other times the sink has no buffer, and an operation that asks for it fails, so a
//! gradient is never lost silently.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use candle_core::{Result, bail};

/// The gradients of one block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer {
    /// The sum so far, as long as the block.
    pub(crate) values: Vec<f32>,
    /// Gradients of looked-up rows, which are added to `values` after all backward passes.
    pub(crate) lookups: Lookups,
    /// Whether a backward pass reached the block.
    pub(crate) touched: bool,
}

/// The gradient of a block's first table from the rows that tokens look up.
///
/// A table that is tied to a decoder has a second gradient, from the decoder. If both were added to one sum as they arrive, the
/// order of additions would depend on how an update is split into batches. So the lookups of all batches are summed here first,
/// and added to the decoder's sum at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookups {
    /// Sums as long as the table, zero except for the rows in use; empty before the first row.
    sums: Vec<f32>,
    used: Vec<bool>,
}

impl Lookups {
    /// Adds row t of `rows`, `[tokens, width]`, to row `indices[t]` of a table of `size` rows, in order.
    pub(crate) fn add(&mut self, size: usize, width: usize, indices: &[u32], rows: &[f32]) {
        self.sums.resize(size * width, 0.0);
        self.used.resize(size, false);
        kernels::scatter_add(&mut self.sums, width, indices, rows);
        for &index in indices {
            self.used[index as usize] = true;
        }
    }

    /// Moves the sums to `values`, whose first elements are the table.
    pub(crate) fn join(&mut self, values: &mut [f32]) {
        let width = self.sums.len() / self.used.len().max(1);
        for (row, used) in self.used.iter_mut().enumerate() {
            if std::mem::take(used) {
                let range = row * width..(row + 1) * width;
                kernels::add(&mut values[range.clone()], &self.sums[range.clone()]);
                self.sums[range].fill(0.0);
            }
        }
    }
}

/// Receives the gradients of one block while [`crate::Collecting::add`] runs its backward pass.
#[derive(Debug)]
pub struct Sink {
    block: String,
    lent: Mutex<Option<Buffer>>,
}

impl Sink {
    pub(crate) fn new(block: &str) -> Self {
        Self {
            block: block.to_owned(),
            lent: Mutex::new(None),
        }
    }

    /// Calls `add` with the block's gradients so far, to which it adds in place, and marks the block as reached.
    ///
    /// # Errors
    /// When no [`crate::Collecting::add`] is running for the block, or another operation is using the buffer. This method never
    /// waits, since `add` may run other work of the same thread pool that would ask for the buffer again.
    pub fn with<R>(&self, add: impl FnOnce(&mut [f32]) -> R) -> Result<R> {
        self.with_lookups(|values, _| add(values))
    }

    /// Calls `add` like [`Sink::with`], but also with the lookups of the block's first table.
    pub(crate) fn with_lookups<R>(
        &self,
        add: impl FnOnce(&mut [f32], &mut Lookups) -> R,
    ) -> Result<R> {
        let mut lent = self.try_lock()?;
        let Some(buffer) = &mut *lent else {
            bail!(
                "block `{}` has no buffer for its gradients: gradients are collected with Gradients, not with \
                 Tensor::backward alone",
                self.block
            );
        };
        buffer.touched = true;
        Ok(add(&mut buffer.values, &mut buffer.lookups))
    }

    /// Moves `buffer` into the sink, and leaves an empty buffer in its place.
    fn lend(&self, buffer: &mut Buffer) -> Result<()> {
        let mut lent = self.try_lock()?;
        if lent.is_some() {
            bail!(
                "block `{}` is in another backward pass: run one after the other",
                self.block
            );
        }
        *lent = Some(std::mem::take(buffer));
        Ok(())
    }

    fn take_back(&self) -> Option<Buffer> {
        self.lent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn try_lock(&self) -> Result<MutexGuard<'_, Option<Buffer>>> {
        match self.lent.try_lock() {
            Ok(lent) => Ok(lent),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => bail!(
                "the gradients of block `{}` are being added to by another operation",
                self.block
            ),
        }
    }
}

/// Buffers lent to sinks. Dropping a loan, even while unwinding, moves the buffers back to their places.
pub(crate) struct Loan<'a> {
    lent: Vec<(&'a Sink, &'a mut Buffer)>,
}

impl<'a> Loan<'a> {
    /// Lends each buffer to its sink.
    ///
    /// # Errors
    /// When a sink already has a buffer. All buffers are then back in their places.
    pub(crate) fn of(pairs: impl Iterator<Item = (&'a Sink, &'a mut Buffer)>) -> Result<Self> {
        let mut loan = Self { lent: Vec::new() };
        for (sink, buffer) in pairs {
            sink.lend(buffer)?;
            loan.lent.push((sink, buffer));
        }
        Ok(loan)
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        for (sink, buffer) in &mut self.lent {
            if let Some(returned) = sink.take_back() {
                **buffer = returned;
            }
        }
    }
}
