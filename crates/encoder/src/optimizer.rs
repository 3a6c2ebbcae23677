//! AdamW over blocks of parameters, whose state can be saved and restored.

mod update;

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use self::update::{Update, rules};
use crate::block::{Block, Entry, Table};
use crate::checkpoint::{self, Stored, TensorFile};
use crate::values::with_values;
use crate::{EncoderError, Gradients, Parameters};

/// Which parameters weight decay applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecayGroup {
    /// All parameters (Wettig et al. 2023, after fairseq).
    All,
    /// All parameters except biases and the weights of layer normalisation (Devlin et al. 2019, Izsak et al. 2021).
    NoBiasOrNorm,
}

impl DecayGroup {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["all", "no-bias-or-norm"];
}

/// Settings of [`AdamW`]. The defaults are Wettig et al.'s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWOptions {
    /// β₁, the decay of the first moment, in [0, 1).
    pub beta1: f64,
    /// β₂, the decay of the second moment, in [0, 1).
    pub beta2: f64,
    /// ε, added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay per unit of learning rate.
    pub weight_decay: f64,
    /// Which parameters weight decay applies to.
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

/// The moments of one block.
#[derive(Clone, Debug)]
struct Moments {
    table: Arc<Table>,
    runs: Vec<Run>,
    first: Vec<f32>,
    second: Vec<f32>,
}

/// Adjacent tensors of a block, without a gap between them, that all decay or all do not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    range: Range<usize>,
    decays: bool,
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).
#[derive(Clone, Debug)]
pub struct AdamW {
    options: AdamWOptions,
    /// The moments of each block.
    moments: Vec<Moments>,
    steps: u32,
}

/// Prefixes of the names in a file of moments.
const FIRST: &str = "first.";
const SECOND: &str = "second.";
const STEPS: &str = "steps";

impl AdamW {
    /// Makes an optimiser for `parameters`, before its first update.
    ///
    /// # Errors
    /// When an option is out of range.
    pub fn new(parameters: &Parameters, options: AdamWOptions) -> Result<Self, EncoderError> {
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
        let moments = parameters.blocks().iter().map(|block| Moments {
            table: Arc::clone(block.table()),
            runs: runs(block.entries(), options.decay),
            first: vec![0.0; block.length()],
            second: vec![0.0; block.length()],
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
    /// When a block has no gradient, or is not one of the blocks that the optimiser was made for. Then no parameter is
    /// updated.
    pub fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        learning_rate: f64,
    ) -> Result<(), EncoderError> {
        let blocks = parameters.blocks();
        let all = blocks.iter().enumerate().map(|(place, block)| {
            let own = self.moments.get(place).map(|moments| &moments.table);
            let gradient = gradients.unscaled(block);
            gradient.filter(|_| own == Some(block.table())).ok_or(block)
        });
        let all: Vec<&[f32]> = all.collect::<Result<_, &Block>>().map_err(|block| {
            let names = block.entries().iter().map(Entry::name);
            EncoderError::Audit {
                problems: names
                    .map(|name| format!("parameter `{name}` has no gradient or no moments"))
                    .collect(),
            }
        })?;
        let steps = self.steps + 1;
        let rules = rules(&self.options, steps, learning_rate, gradients.factor());
        for ((block, gradient), moments) in blocks.iter().zip(all).zip(&mut self.moments) {
            block.variable().inplace_op1(&Update {
                rules: &rules,
                runs: &moments.runs,
                gradient,
                moments: Mutex::new((&mut moments.first, &mut moments.second)),
            })?;
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
    pub fn save(&self, path: &Path) -> Result<(), EncoderError> {
        let moments = self.places().into_iter().flat_map(|(block, entry)| {
            let (shape, range) = (entry.shape(), entry.range());
            [(FIRST, &block.first), (SECOND, &block.second)].map(|(kind, values)| {
                let floats = Stored::Floats(&values[range.clone()], shape);
                (format!("{kind}{}", entry.name()), floats)
            })
        });
        let steps = (STEPS.to_owned(), Stored::Count([1], u64::from(self.steps)));
        checkpoint::write(path, moments.chain([steps]))
    }

    /// Sets moments and step count from a file that [`AdamW::save`] wrote for the same parameters.
    ///
    /// # Errors
    /// When the file cannot be read, or lacks a parameter's moments. The optimiser is then unchanged.
    pub fn restore(&mut self, path: &Path) -> Result<(), EncoderError> {
        let bytes = fs::read(path).map_err(EncoderError::io(path))?;
        let file = TensorFile::parse(path, &bytes)?;
        let read = |kind: &str, entry: &Entry| {
            file.tensor(&format!("{kind}{}", entry.name()), entry.shape())
        };
        // In name order, so that an error names the first of all missing names.
        for (_, entry) in self.places() {
            read(FIRST, entry)?;
            read(SECOND, entry)?;
        }
        let steps = u32::try_from(file.count(STEPS)?).map_err(|_| {
            EncoderError::checkpoint(path, "too many steps", "delete this checkpoint")
        })?;
        for moments in &mut self.moments {
            for entry in moments.table.entries() {
                for (kind, values) in [(FIRST, &mut moments.first), (SECOND, &mut moments.second)] {
                    let values = &mut values[entry.range()];
                    with_values(&read(kind, entry)?, |stored| values.copy_from_slice(stored))?;
                }
            }
        }
        self.steps = steps;
        Ok(())
    }

    /// Returns all tensors with the moments of their blocks, in name order.
    fn places(&self) -> Vec<(&Moments, &Entry)> {
        let places = self.moments.iter().flat_map(|block| {
            let entries = block.table.entries().iter();
            entries.map(move |entry| (block, entry))
        });
        let mut places: Vec<_> = places.collect();
        places.sort_by_key(|(_, entry)| entry.name());
        places
    }
}

/// Returns the runs of a block's entries. Floats between tensors belong to no run.
fn runs(entries: &[Entry], decay: DecayGroup) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for entry in entries {
        let range = entry.range();
        let decays = decay == DecayGroup::All || !entry.is_bias_or_norm();
        match runs.last_mut() {
            Some(run) if run.range.end == range.start && run.decays == decays => {
                run.range.end = range.end;
            }
            _ => runs.push(Run { range, decays }),
        }
    }
    runs
}

#[cfg(test)]
mod tests;
