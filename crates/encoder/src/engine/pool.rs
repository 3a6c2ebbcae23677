//! Buffers that are used again: a step's activations take the memory of the step before, so that training neither allocates
//! memory nor touches fresh pages after its first step.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Unused buffers by capacity. Clones of a pool share its buffers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    free: Arc<Mutex<BTreeMap<usize, Vec<Vec<f32>>>>>,
}

impl Pool {
    /// Returns a buffer of `length` floats with arbitrary values.
    pub(crate) fn take(&self, length: usize) -> Buffer {
        let class = class(length);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let found = free.get_mut(&class).and_then(Vec::pop);
        drop(free);
        let floats = found.unwrap_or_else(|| vec![0.0; class]);
        Buffer {
            pool: self.clone(),
            floats,
            length,
        }
    }

    fn give(&self, floats: Vec<f32>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(floats.len()).or_default().push(floats);
    }
}

/// Rounds a length up to one of eight sizes per power of two, so that batches of similar size share buffers.
fn class(length: usize) -> usize {
    let step = (length.next_power_of_two() / 16).max(16);
    length.next_multiple_of(step)
}

/// A buffer in use; dropping it returns it to its pool.
#[derive(Debug)]
pub(crate) struct Buffer {
    pool: Pool,
    floats: Vec<f32>,
    length: usize,
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.floats[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.floats[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.floats));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back() {
        let pool = Pool::default();
        let mut buffer = pool.take(1000);
        buffer.fill(3.0);
        let place = buffer.as_ptr();
        drop(buffer);
        // A length of the same class gets the same memory after the buffer is dropped, and other memory before.
        let again = pool.take(1010);
        assert_eq!((again.as_ptr(), again.len()), (place, 1010));
        assert_ne!(pool.take(1010).as_ptr(), place);
    }

    #[test]
    fn a_buffer_wastes_at_most_an_eighth() {
        for length in 0..5000 {
            let class = class(length);
            assert!(class >= length && class - length <= (length / 8).max(16));
        }
    }
}
