//! The sequences of each update, in order.
//!
//! Each epoch visits the training blocks in a permutation of its own, a function of (seed, epoch). A sequence is a
//! function of its place in the run, so the first update that is asked for may be any: resuming needs only the step.
//!
//! Memory is bounded whatever the size of the corpus. The permutation takes four bytes a block. Of the blocks themselves only a
//! window of the order is in memory, at most [`WINDOW_TOKENS`] tokens (two bytes each for vocabularies up to 65,536; twice that
//! while the window is read). A window is read in one pass over the files; a corpus that fits into one window is read once an
//! epoch.

use std::ops::Range;

use contract::StageError;
use encoder::Sequence;
use kernels::Stream;
use tokenize::{BlockSet, Blocks};
use training::Epochs;

use crate::beside::Beside;
use crate::copies::Rates;
use crate::masking::{Masker, Tally};
use crate::plan::Plan;
use crate::rates::Schedule;

/// The most tokens of blocks in memory at a time.
pub const WINDOW_TOKENS: usize = 1 << 25;

/// The predictions that one sequence asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// Positions to predict, ascending.
    pub positions: Vec<u32>,
    /// The original ids at these positions.
    pub ids: Vec<u32>,
}

/// The masked sequences of one update, or of a validation set, with their targets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// The masked sequences. A sequence's sample number is its index in this list.
    pub sequences: Vec<Sequence>,
    /// The targets of each sequence.
    pub targets: Vec<Targets>,
    /// What stands beside each of the sequences ([`Beside`]); empty where nothing does.
    pub beside: Vec<Sequence>,
    /// What was masked, counted.
    pub tally: Tally,
    /// Tokens that the rates ask for, in the mean.
    pub asked: f64,
}

impl Examples {
    /// Adds a masked sequence.
    pub fn push(&mut self, masked: crate::masking::Masked) {
        let sample = self.sequences.len() as u32;
        self.tally.add(&masked.tally);
        self.sequences.push(Sequence::new(masked.ids, sample));
        self.targets.push(Targets {
            positions: masked.positions,
            ids: masked.targets,
        });
    }

    /// Returns the number of tokens that the encoder reads.
    pub fn tokens(&self) -> usize {
        self.sequences
            .iter()
            .map(|sequence| sequence.ids.len())
            .sum()
    }

    /// Returns the number of tokens that are predicted.
    pub fn predicted(&self) -> usize {
        self.targets.iter().map(|targets| targets.ids.len()).sum()
    }

    /// Returns the sequences of a range in pieces of at most `size` sequences, in order; 0 makes one piece.
    pub fn pieces(
        &self,
        samples: Range<usize>,
        size: usize,
    ) -> impl Iterator<Item = (&[Sequence], &[Targets])> {
        let size = match size {
            0 => samples.len().max(1),
            size => size,
        };
        let sequences = self.sequences[samples.clone()].chunks(size);
        sequences.zip(self.targets[samples].chunks(size))
    }

    /// Returns all sequences in pieces of at most `size` sequences.
    pub fn parts(&self, size: usize) -> impl Iterator<Item = (&[Sequence], &[Targets])> {
        self.pieces(0..self.sequences.len(), size)
    }
}

/// Gives the examples of each update.
pub struct Feed<'a> {
    blocks: &'a Blocks,
    masker: Masker,
    rates: Schedule,
    beside: Beside,
    /// The source of the rates that sequences draw.
    drawn: Stream,
    plan: Plan,
    epochs: Epochs,
    window: Option<Window>,
}

/// The part of an epoch's order whose blocks are in memory.
struct Window {
    epoch: u32,
    /// Index in the order of the window's first block.
    start: usize,
    blocks: BlockSet,
}

impl Window {
    fn holds(&self, epoch: u32, place: usize) -> bool {
        self.epoch == epoch && (self.start..self.start + self.blocks.len()).contains(&place)
    }
}

impl<'a> Feed<'a> {
    /// Makes a feed from `blocks`, of which there is at least one.
    ///
    /// # Errors
    /// When there are more than 2³² blocks.
    pub fn new(
        blocks: &'a Blocks,
        masker: Masker,
        plan: Plan,
        seed: u64,
    ) -> Result<Self, StageError> {
        Ok(Self {
            blocks,
            rates: Schedule::constant(masker.rates),
            drawn: Stream::new(seed, "masking rate"),
            masker,
            beside: Beside::Nothing,
            plan,
            epochs: Epochs::new(seed, blocks.len())?,
            window: None,
        })
    }

    /// The feed, with rates that change.
    #[must_use]
    pub fn with_rates(self, rates: Schedule) -> Self {
        Self { rates, ..self }
    }

    /// The feed, with something beside each masked sequence.
    #[must_use]
    pub fn with_beside(self, beside: Beside) -> Self {
        Self { beside, ..self }
    }

    /// Returns the rates of the original at an index in the run: those of the update that its first copy belongs to.
    fn rates_of(&self, original: u64, visit: u32, row: u32) -> Rates {
        let update = original * self.plan.copies as u64 / self.plan.sequences.max(1) as u64;
        let done = update as f64 / f64::from(self.plan.updates.max(1));
        let u = match self.rates.is_random() {
            true => self.drawn.draws(visit, row, 0).uniform(),
            false => 0.0,
        };
        self.rates.at(done, u)
    }

    /// Returns the examples of update `step`, counted from 0.
    ///
    /// # Errors
    /// When blocks cannot be read.
    pub fn update(&mut self, step: u32) -> Result<Examples, StageError> {
        let range = self.plan.sequences_of(step);
        let copies = self.plan.copies as u64;
        let mut examples = Examples::default();
        for original in range.start / copies..range.end.div_ceil(copies) {
            let (visit, row, ids) = self.original(original)?;
            let rates = self.rates_of(original, visit, row);
            let masked = self.masker.copies_at(rates, visit, row, &ids);
            let last = masked.len();
            for (place, masked) in (1..).zip(masked) {
                if range.contains(&(original * copies + place as u64 - 1)) {
                    let rate = match place == last {
                        true => rates.last_copy(),
                        false => rates.corrupt,
                    };
                    examples.asked += rate * masked.tally.candidates as f64;
                    // Numbers from the sequences' own on: an update's samples all differ.
                    let sample = (self.plan.sequences + examples.sequences.len()) as u32;
                    let beside = self.beside.of(&masked, (rates, visit, row), &ids, sample);
                    examples.beside.extend(beside);
                    examples.push(masked);
                }
            }
        }
        Ok(examples)
    }

    /// Returns epoch, row and ids of the original at an index in the run.
    fn original(&mut self, original: u64) -> Result<(u32, u32, Vec<u32>), StageError> {
        let blocks = self.blocks.len() as u64;
        let epoch = u32::try_from(original / blocks).map_err(StageError::failed)?;
        let place = (original % blocks) as usize;
        let order = self.epochs.order(epoch);
        let window = match self.window.take() {
            Some(window) if window.holds(epoch, place) => window,
            _ => {
                let wanted =
                    usize::try_from(self.plan.originals() - original).unwrap_or(usize::MAX);
                let size = wanted
                    .min(WINDOW_TOKENS / self.blocks.summary().length.max(1))
                    .max(1);
                let end = order.len().min(place.saturating_add(size));
                Window {
                    epoch,
                    start: place,
                    blocks: self.blocks.read(&order[place..end])?,
                }
            }
        };
        let found = (epoch, order[place], window.blocks.get(place - window.start));
        self.window = Some(window);
        Ok(found)
    }
}
