//! Perplexity on held-out blocks.
//!
//! Perplexity is e to the mean cross-entropy in nats over the predicted tokens. It is measured twice, on the same blocks
//! and with masks that are the same in all measurements and for all seeds:
//!
//! * as the run corrupts: with its strategy, corruption rate and replacement, and every corrupted token predicted; of a rate that
//!   changes it is the one that the run ends with, of one that is drawn the mean;
//! * at 15 %, a yardstick that all runs share: uniform over all positions, always replaced by `[MASK]`.

use std::sync::Arc;

use contract::StageError;
use encoder::Mode;
use kernels::Stream;
use tokenize::Blocks;

use crate::copies::Rates;
use crate::feed::Examples;
use crate::masking::{Masker, Vocabulary};
use crate::network::Predicts;

/// Number of sequences that go through the encoder at a time.
const SEQUENCES: usize = 32;
/// Number of predicted tokens whose vocabulary scores are in memory at a time.
const ROWS: usize = 1024;
/// The rate that all runs share.
const YARDSTICK: f64 = 0.15;

/// A perplexity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Perplexity {
    /// e to the mean cross-entropy in nats.
    pub value: f64,
    /// Number of tokens in the mean.
    pub predicted: u64,
}

/// Both perplexities of one measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Perplexities {
    /// Perplexity with the run's own corruption.
    pub own: Perplexity,
    /// Perplexity at the rate of 15 %.
    pub yardstick: Perplexity,
}

/// Returns the masks at which encoders of different trainings are compared: uniform over all positions, with an exact count, always
/// `[MASK]`, every one predicted, and the same ones whatever the seed.
pub fn common_masks(vocabulary: Arc<Vocabulary>, rate: f64) -> Masker {
    Masker::uniform(
        Rates::equal(rate),
        vocabulary,
        Stream::new(0, "validation mask"),
    )
}

/// Returns the places of `count` blocks of `all` (of all, if there are fewer), spread evenly.
///
/// # Errors
/// When there are more than 2³² blocks.
pub fn spread(all: usize, count: usize) -> Result<Vec<u32>, StageError> {
    let count = count.min(all);
    (0..count)
        .map(|place| u32::try_from(place as u64 * all as u64 / count as u64))
        .collect::<Result<_, _>>()
        .map_err(StageError::failed)
}

/// Held-out examples, which are masked only once.
pub struct Validation {
    own: Examples,
    yardstick: Examples,
}

impl Validation {
    /// Masks `count` blocks (all, if there are fewer), spread evenly over `blocks`. `masker` corrupts as the run does.
    ///
    /// # Errors
    /// When there is no block, blocks cannot be read, or no token is predicted in any of them.
    pub fn new(blocks: &Blocks, masker: &Masker, count: usize) -> Result<Self, StageError> {
        let rows = spread(blocks.len(), count)?;
        let count = rows.len();
        let read = blocks.read(&rows)?;
        let yardstick = common_masks(masker.vocabulary.clone(), YARDSTICK);
        let own = Masker {
            rates: Rates::equal(masker.rates.corrupt),
            stream: yardstick.stream,
            ..masker.clone()
        };
        let examples = |masker: &Masker| {
            let mut examples = Examples::default();
            for (place, &row) in rows.iter().enumerate() {
                for masked in masker.copies(0, row, &read.get(place)) {
                    examples.push(masked);
                }
            }
            examples
        };
        let this = Self {
            own: examples(&own),
            yardstick: examples(&yardstick),
        };
        if this.own.predicted() == 0 || this.yardstick.predicted() == 0 {
            return Err(StageError::input(
                "validation_blocks",
                format!("no token is predicted in {count} validation blocks"),
                "raise masking.corrupt or validation_blocks, or set more of the corpus aside for validation",
            ));
        }
        Ok(this)
    }

    /// Returns the number of predicted tokens in the mean of each perplexity.
    pub fn predicted(&self) -> [u64; 2] {
        [&self.own, &self.yardstick].map(|examples| examples.predicted() as u64)
    }

    /// Measures both perplexities of an encoder, or of a network around one.
    ///
    /// # Errors
    /// When a sequence does not fit the encoder, a tensor operation fails, or a perplexity is not finite.
    pub fn measure(&self, network: &impl Predicts) -> Result<Perplexities, StageError> {
        Ok(Perplexities {
            own: perplexity(network, &self.own)?,
            yardstick: perplexity(network, &self.yardstick)?,
        })
    }
}

fn perplexity(network: &impl Predicts, examples: &Examples) -> Result<Perplexity, StageError> {
    let mut sum = 0.0;
    for (sequences, targets) in examples.parts(SEQUENCES) {
        let found = network.predict(sequences, targets, Mode::Evaluate)?;
        let hidden = found.hidden.detach();
        for (rows, ids) in found.rows.chunks(ROWS).zip(found.ids.chunks(ROWS)) {
            sum += network.encoder().measure_masked_lm(&hidden, rows, ids)?;
        }
    }
    let predicted = examples.predicted();
    let value = kernels::exp(sum / predicted as f64);
    if !value.is_finite() {
        return Err(StageError::failed(format!(
            "the validation perplexity is not finite: {sum} nats over {predicted} tokens"
        )));
    }
    Ok(Perplexity {
        value,
        predicted: predicted as u64,
    })
}
