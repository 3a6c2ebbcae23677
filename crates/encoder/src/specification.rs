//! The parameters of each block of an encoder: their names, shapes and initial values.

use kernels::Stream;
use rayon::prelude::*;

use crate::block::{Block, Entry, Table};
use crate::layout::{
    ClassificationLayout, DecoderLayout, EncoderLayout, Linear, Matrix, Norm, ProjectionLayout,
    SpanLayout, Vector,
};
use crate::names::{self, Module, Names};
use crate::{Config, EncoderError};

/// The initial values of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Random and normally distributed.
    Random,
    /// Zero.
    Zero,
    /// One.
    One,
}

/// The description of a block that is not yet made.
#[derive(Clone, Debug)]
pub(crate) struct Specification {
    table: Table,
    /// The initial values of each entry of the table.
    starts: Vec<Start>,
}

impl Specification {
    /// Returns the names, shapes and places of the parameters.
    pub(crate) fn entries(&self) -> &[Entry] {
        self.table.entries()
    }

    /// Makes the block; `fill` gets each entry and its floats, which are zero so far.
    pub(crate) fn block(
        self,
        fill: impl Fn(&Entry, &mut [f32]) -> Result<(), EncoderError> + Sync,
    ) -> Result<Block, EncoderError> {
        self.table.block(|_, entry, values| fill(entry, values))
    }

    /// Makes the block with its initial values: zero, one, or normal with that standard deviation. The random numbers depend
    /// only on seed and name, so a parameter's values do not depend on which other parameters exist.
    pub(crate) fn start(self, deviation: f64, seed: u64) -> Result<Block, EncoderError> {
        let stream = Stream::new(seed, "initial weights");
        self.table.block(|place, entry, values| {
            match self.starts[place] {
                Start::Zero => {}
                Start::One => values.fill(1.0),
                Start::Random => normal(&stream, entry.name(), deviation, values),
            }
            Ok(())
        })
    }
}

fn normal(stream: &Stream, name: &str, deviation: f64, values: &mut [f32]) {
    let hash = Stream::new(0, name).block(0, 0, 0, 0);
    let mut draws = stream.draws(hash[0], hash[1], hash[2]);
    for pair in values.chunks_mut(2) {
        for (value, normal) in pair.iter_mut().zip(draws.normal_pair()) {
            *value = (normal * deviation) as f32;
        }
    }
}

/// Makes all blocks.
pub(crate) fn blocks(
    specifications: Vec<Specification>,
    make: impl Fn(Specification) -> Result<Block, EncoderError> + Send + Sync,
) -> Result<Vec<Block>, EncoderError> {
    specifications.into_par_iter().map(make).collect()
}

/// Collects entries in the order of a layout.
#[derive(Default)]
struct List {
    entries: Vec<Entry>,
    starts: Vec<Start>,
}

impl List {
    fn matrix(&mut self, name: &str, at: Matrix) {
        let shape = [at.rows, at.columns];
        self.entries.push(Entry::new(name, at.offset, &shape));
        self.starts.push(Start::Random);
    }

    fn vector(&mut self, name: &str, at: Vector, start: Start) {
        self.entries.push(Entry::new(name, at.offset, &[at.length]));
        self.starts.push(start);
    }

    fn linear(&mut self, module: &str, at: Linear) {
        self.matrix(&format!("{module}.weight"), at.weight);
        self.vector(&format!("{module}.bias"), at.bias, Start::Zero);
    }

    fn norm(&mut self, module: &str, at: Norm) {
        self.vector(&format!("{module}.weight"), at.weight, Start::One);
        self.vector(&format!("{module}.bias"), at.bias, Start::Zero);
    }

    fn end(self, name: impl Into<String>, length: usize) -> Specification {
        Specification {
            table: Table::new(name, self.entries, length),
            starts: self.starts,
        }
    }
}

/// A block of an encoder. Blocks lie in the order of these variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Embeddings,
    Layer(usize),
    /// The normalisation after the last layer, in encoders that have one.
    FinalNorm,
    /// The masked language modelling head, in encoders that have one.
    Head,
}

impl Place {
    /// Returns the block's index.
    pub(crate) fn index(self, config: &Config) -> usize {
        let layers = config.num_hidden_layers;
        match self {
            Self::Embeddings => 0,
            Self::Layer(layer) => 1 + layer,
            Self::FinalNorm => 1 + layers,
            Self::Head => 1 + layers + usize::from(EncoderLayout::of(config).final_norm.is_some()),
        }
    }
}

/// Returns the blocks of an encoder in the order of [`Place`], including that of its masked language modelling head.
pub(crate) fn of_encoder(config: &Config) -> Vec<Specification> {
    let names = Names::of(config.architecture);
    let layout = EncoderLayout::of(config);
    let mut all = vec![embeddings(&names, &layout)];
    all.extend((0..config.num_hidden_layers).map(|number| layer(&names, &layout, number)));
    all.extend(final_norm(&names, &layout));
    all.push(head(&names, &layout));
    all
}

/// Returns the blocks of a decoder of masked tokens: its embeddings, its layers, and the normalisation after them in architectures
/// that have one.
pub(crate) fn of_decoder(config: &Config, layers: usize) -> Vec<Specification> {
    let names = Names::of_decoder(config.architecture);
    let (layout, at) = (EncoderLayout::of(config), DecoderLayout::of(config));
    let mut list = List::default();
    list.matrix(&names.body(names::POSITIONS), at.positions);
    list.norm(&names.body(names::EMBEDDING_NORM), at.norm);
    let mut all = vec![list.end("decoder embeddings", at.length)];
    all.extend((0..layers).map(|number| layer(&names, &layout, number)));
    all.extend(final_norm(&names, &layout));
    all
}

fn final_norm(names: &Names, layout: &EncoderLayout) -> Option<Specification> {
    let at = layout.final_norm?;
    let mut list = List::default();
    list.norm(&names.body(names::FINAL_NORM), at.norm);
    Some(list.end("final norm", at.length))
}

fn embeddings(names: &Names, layout: &EncoderLayout) -> Specification {
    let at = layout.embeddings;
    let mut list = List::default();
    list.matrix(&names.body(names::WORDS), at.words);
    list.matrix(&names.body(names::POSITIONS), at.positions);
    list.matrix(&names.body(names::TOKEN_TYPES), at.token_types);
    list.norm(&names.body(names::EMBEDDING_NORM), at.norm);
    list.end("embeddings", at.length)
}

fn layer(names: &Names, layout: &EncoderLayout, number: usize) -> Specification {
    let at = layout.layer;
    let name = |module| names.layer(number, module);
    let parts = [Module::Query, Module::Key, Module::Value].map(name);
    let mut list = List::default();
    for (third, part) in parts.iter().enumerate() {
        list.matrix(&format!("{part}.weight"), at.qkv.third(third).weight);
    }
    for (third, part) in parts.iter().enumerate() {
        let bias = at.qkv.third(third).bias;
        list.vector(&format!("{part}.bias"), bias, Start::Zero);
    }
    list.linear(&name(Module::AttentionOutput), at.attention_output);
    list.norm(&name(Module::AttentionNorm), at.attention_norm);
    list.linear(&name(Module::FeedForwardInput), at.feed_forward_input);
    list.linear(&name(Module::FeedForwardOutput), at.feed_forward_output);
    list.norm(&name(Module::FeedForwardNorm), at.feed_forward_norm);
    list.end(format!("layer.{number}"), at.length)
}

fn head(names: &Names, layout: &EncoderLayout) -> Specification {
    let at = layout.head;
    let mut list = List::default();
    list.linear(names.head_dense, at.dense);
    list.norm(names.head_norm, at.norm);
    list.vector(names.head_bias, at.decoder_bias, Start::Zero);
    list.end("head", at.length)
}

/// Returns the block of a classification head.
pub(crate) fn of_classification_head(layout: &ClassificationLayout) -> Specification {
    let mut list = List::default();
    list.linear("classifier.dense", layout.dense);
    list.linear("classifier.out_proj", layout.output);
    list.end("classification head", layout.length)
}

/// Returns the block of a head that finds spans.
pub(crate) fn of_span_head(layout: &SpanLayout) -> Specification {
    let mut list = List::default();
    list.linear("qa_outputs", layout.output);
    list.end("span head", layout.length)
}

/// Returns the block of a map of pooled sequences.
pub(crate) fn of_projection(layout: &ProjectionLayout) -> Specification {
    let mut list = List::default();
    list.linear("mlp.dense", layout.dense);
    list.end("projection", layout.length)
}

#[cfg(test)]
mod tests;
