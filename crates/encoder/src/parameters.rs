//! Trainable tensors by name.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;

use crate::EncoderError;
use crate::block::{Block, Entry};
use crate::checkpoint::{self, Stored, TensorFile};

/// Trainable tensors by name: flat blocks in a fixed order, each with several tensors. Clones share their values.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    blocks: Vec<Block>,
    /// Indices of block and entry by name.
    places: BTreeMap<String, (usize, usize)>,
}

impl Parameters {
    /// Makes an empty set of parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the parameters of these blocks, whose values are shared.
    ///
    /// # Errors
    /// When two parameters have one name.
    pub fn of(blocks: impl IntoIterator<Item = Block>) -> Result<Self, EncoderError> {
        let mut parameters = Self::new();
        for block in blocks {
            parameters.push(block)?;
        }
        Ok(parameters)
    }

    /// Adds a block.
    ///
    /// # Errors
    /// When one of the block's names is taken already.
    pub fn push(&mut self, block: Block) -> Result<(), EncoderError> {
        let names = block.entries().iter().map(Entry::name);
        if let Some(name) = names.clone().find(|&name| self.places.contains_key(name)) {
            return Err(EncoderError::invalid(
                name,
                "there are two parameters of that name",
                "give each parameter a name of its own",
            ));
        }
        let place = self.blocks.len();
        self.places.extend(
            (0..)
                .zip(names)
                .map(|(at, name)| (name.to_owned(), (place, at))),
        );
        self.blocks.push(block);
        Ok(())
    }

    /// Adds all blocks of `other`, whose values are shared.
    ///
    /// # Errors
    /// When both have a parameter of one name.
    pub fn extend(&mut self, other: &Self) -> Result<(), EncoderError> {
        other
            .blocks
            .iter()
            .try_for_each(|block| self.push(block.clone()))
    }

    /// Returns the parameters of the first `count` blocks, whose values are shared.
    pub(crate) fn first(&self, count: usize) -> Self {
        let places = self.places.iter().filter(|(_, place)| place.0 < count);
        Self {
            blocks: self.blocks.iter().take(count).cloned().collect(),
            places: places.map(|(name, &place)| (name.clone(), place)).collect(),
        }
    }

    /// Returns the same values in memory of their own, with `prefix` before all names.
    pub(crate) fn apart(&self, prefix: &str) -> Result<Self, EncoderError> {
        let blocks = self.blocks.iter().map(|block| block.apart(prefix));
        Self::of(blocks.collect::<Result<Vec<_>, _>>()?)
    }

    /// Returns the blocks in their order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Returns names and shapes of the parameters in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.entries()
            .map(|(_, entry)| (entry.name(), entry.shape()))
    }

    /// Returns the number of elements of all parameters.
    pub fn scalars(&self) -> usize {
        self.entries().map(|(_, entry)| entry.scalars()).sum()
    }

    /// Returns the number of parameters.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns the value of a parameter, which shares the parameter's memory: with gradients if `tracked`, else a constant.
    ///
    /// # Errors
    /// When there is no such parameter.
    pub fn value(&self, name: &str, tracked: bool) -> Result<Tensor, EncoderError> {
        let (block, entry) = self.existing(name)?;
        block.value(entry, tracked)
    }

    /// Sets the value of a parameter.
    ///
    /// # Errors
    /// When there is no such parameter, or the value is of another shape or shares the memory of the parameter's block.
    pub fn set(&self, name: &str, value: &Tensor) -> Result<(), EncoderError> {
        let (block, entry) = self.existing(name)?;
        block.set(entry, value)
    }

    /// Writes all values to a safetensors file in 32-bit floats. The same values give the same bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), EncoderError> {
        let entries = self.entries().map(|(block, entry)| {
            let value = block.value(entry, false)?;
            Ok((entry.name().to_owned(), Stored::Tensor(value)))
        });
        checkpoint::write(path, entries.collect::<Result<Vec<_>, EncoderError>>()?)
    }

    /// Sets all values from a safetensors file that [`Parameters::save`] wrote for parameters of the same names and
    /// shapes. Other tensors in the file are ignored.
    ///
    /// # Errors
    /// When the file cannot be read, lacks a parameter, or has another shape for one.
    pub fn restore(&self, path: &Path) -> Result<(), EncoderError> {
        let bytes = std::fs::read(path).map_err(EncoderError::io(path))?;
        let file = TensorFile::parse(path, &bytes)?;
        for (block, entry) in self.entries() {
            block.set(entry, &file.tensor(entry.name(), entry.shape())?)?;
        }
        Ok(())
    }

    /// Returns the indices of block and entry of a parameter.
    pub(crate) fn place(&self, name: &str) -> Option<(usize, usize)> {
        self.places.get(name).copied()
    }

    /// Returns the indices of block and entry of all parameters in name order.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        self.places.values().copied()
    }

    /// Returns all entries with their blocks, in name order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Block, &Entry)> {
        self.places().map(|(block, entry)| self.at(block, entry))
    }

    fn at(&self, block: usize, entry: usize) -> (&Block, &Entry) {
        let block = &self.blocks[block];
        (block, &block.entries()[entry])
    }

    fn existing(&self, name: &str) -> Result<(&Block, &Entry), EncoderError> {
        match self.place(name) {
            Some((block, entry)) => Ok(self.at(block, entry)),
            None => Err(EncoderError::invalid(
                name,
                "there is no such parameter",
                "load the checkpoint again",
            )),
        }
    }
}
