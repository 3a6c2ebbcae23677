//! Trainable tensors in one flat, contiguous run of memory.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;

use crate::EncoderError;
use crate::layout::Cursor;
use crate::sink::Sink;
use crate::values::with_values;

/// A named tensor in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    name: String,
    offset: usize,
    shape: Vec<usize>,
}

impl Entry {
    pub(crate) fn new(name: impl Into<String>, offset: usize, shape: &[usize]) -> Self {
        Self {
            name: name.into(),
            offset,
            shape: shape.to_vec(),
        }
    }

    /// Returns the tensor's name, which is Hugging Face's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the tensor's shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the number of the tensor's elements.
    pub fn scalars(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns the range of the tensor's floats in its block.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.scalars()
    }

    /// Whether the tensor is a bias or belongs to a normalisation. In an encoder those are the vectors.
    pub fn is_bias_or_norm(&self) -> bool {
        self.shape.len() <= 1
    }
}

/// The names of a block's tensors and their places, in ascending order of offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    name: String,
    entries: Vec<Entry>,
    length: usize,
}

impl Table {
    pub(crate) fn new(name: impl Into<String>, entries: Vec<Entry>, length: usize) -> Self {
        Self {
            name: name.into(),
            entries,
            length,
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Makes the block of this table. `fill` gets the index of each entry, the entry, and its floats, which are zero so far.
    /// Floats between entries stay zero.
    pub(crate) fn block(
        self,
        fill: impl Fn(usize, &Entry, &mut [f32]) -> Result<(), EncoderError> + Sync,
    ) -> Result<Block, EncoderError> {
        let mut values = vec![0.0; self.length];
        let mut slices = Vec::with_capacity(self.entries.len());
        let (mut rest, mut start) = (values.as_mut_slice(), 0);
        for entry in &self.entries {
            let Range {
                start: first,
                end: last,
            } = entry.range();
            let (slice, after) =
                std::mem::take(&mut rest)[first - start..].split_at_mut(last - first);
            slices.push((entry, slice));
            (rest, start) = (after, last);
        }
        slices
            .into_par_iter()
            .enumerate()
            .try_for_each(|(place, (entry, slice))| fill(place, entry, slice))?;
        let length = self.length;
        Ok(Block {
            sink: Arc::new(Sink::new(&self.name)),
            values: Var::from_vec(values, length, &Device::Cpu)?,
            table: Arc::new(self),
        })
    }
}

/// Trainable tensors, one after another in one flat variable. Clones share values and sink.
#[derive(Clone, Debug)]
pub struct Block {
    table: Arc<Table>,
    values: Var,
    sink: Arc<Sink>,
}

impl Block {
    /// Makes a block of copies of named tensors.
    ///
    /// # Errors
    /// When a tensor does not hold 32-bit floats on the CPU.
    pub fn new<'a>(
        name: &str,
        tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    ) -> Result<Self, EncoderError> {
        let tensors: Vec<(&str, Tensor)> = tensors
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.contiguous()?)))
            .collect::<candle_core::Result<_>>()?;
        let mut cursor = Cursor::default();
        let entries = tensors.iter().map(|(name, tensor)| {
            Entry::new(*name, cursor.place(tensor.elem_count()), tensor.dims())
        });
        let entries = entries.collect();
        Table::new(name, entries, cursor.length()).block(|place, _, values| {
            let (_, tensor) = &tensors[place];
            Ok(with_values(tensor, |own| values.copy_from_slice(own))?)
        })
    }

    /// Returns the block's name, for messages.
    pub fn name(&self) -> &str {
        &self.table.name
    }

    /// Returns the block's tensors in the order in which they lie.
    pub fn entries(&self) -> &[Entry] {
        &self.table.entries
    }

    /// Returns the number of the block's floats, those between its tensors included.
    pub fn length(&self) -> usize {
        self.table.length
    }

    /// Returns the whole block as one vector.
    pub fn variable(&self) -> &Var {
        &self.values
    }

    /// Returns the sink that receives the gradients of operations over the whole block.
    pub fn sink(&self) -> &Arc<Sink> {
        &self.sink
    }

    /// Returns the whole block as one vector that shares the block's memory: with gradients if `tracked`, else a constant.
    pub fn flat(&self, tracked: bool) -> Tensor {
        if tracked {
            self.values.as_tensor().clone()
        } else {
            self.values.as_detached_tensor()
        }
    }

    /// Returns a block of the same values in memory of its own, with `prefix` before all names.
    pub(crate) fn apart(&self, prefix: &str) -> Result<Self, EncoderError> {
        let entries = self.entries().iter();
        let entries = entries.map(|entry| Entry {
            name: format!("{prefix}{}", entry.name),
            ..entry.clone()
        });
        let name = format!("{prefix}{}", self.name());
        let table = Table::new(name, entries.collect(), self.length());
        let own = self.flat(false);
        with_values(&own, |own| {
            table.block(|_, entry, values| {
                values.copy_from_slice(&own[entry.range()]);
                Ok(())
            })
        })?
    }

    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Whether the other block shares this block's values.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.sink, &other.sink)
    }

    /// Returns a tensor of the block, which shares the block's memory.
    pub(crate) fn value(&self, entry: &Entry, tracked: bool) -> Result<Tensor, EncoderError> {
        let flat = self.flat(tracked);
        Ok(flat
            .narrow(0, entry.offset, entry.scalars())?
            .reshape(entry.shape())?)
    }

    /// Sets the values of a tensor of the block.
    pub(crate) fn set(&self, entry: &Entry, value: &Tensor) -> Result<(), EncoderError> {
        if value.dims() != entry.shape() {
            return Err(EncoderError::invalid(
                entry.name(),
                format!(
                    "a value of shape {:?}, not {:?}",
                    value.dims(),
                    entry.shape()
                ),
                "give a value of the parameter's shape",
            ));
        }
        if entry.scalars() > 0 {
            let value = value.detach().flatten_all()?.contiguous()?;
            self.flat(false).slice_set(&value, 0, entry.offset)?;
        }
        Ok(())
    }
}
