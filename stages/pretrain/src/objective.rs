//! Masked language modelling as an objective of the training loop.

use std::ops::Range;
use std::path::Path;

use contract::{Column, ColumnType, StageError};
use encoder::{Collecting, Mode};
use metrics::Direction;
use tokenize::Tokenizer;
use training::{Extent, Further, Measure, Objective, log};

use crate::feed::{Examples, Feed};
use crate::loss::add_gradients;
use crate::masking::LENGTHS;
use crate::network::Network;
use crate::validation::Validation;

/// The file of measurements on the way.
pub(crate) const VALIDATION: &str = "validation.parquet";

/// The columns of the training log.
pub(crate) const TRAINING_COLUMNS: &[Column] = &[
    log::STEP,
    log::loss(
        "mean cross-entropy in nats over the predicted tokens, and the weighted contrastive loss where there is one",
    ),
    log::LEARNING_RATE,
    log::GRADIENT_NORM,
    Column::new("predicted_tokens", ColumnType::Integer, "tokens predicted"),
    Column::new("tokens", ColumnType::Integer, "tokens read"),
];

/// The columns of the measurements.
pub(crate) const VALIDATION_COLUMNS: &[Column] = &[
    Column::new("step", ColumnType::Integer, "updates made before"),
    Column::new(
        "perplexity",
        ColumnType::Number,
        "on held-out blocks, corrupted as in training",
    ),
    Column::new(
        "perplexity_15",
        ColumnType::Number,
        "the same at a rate of 15 %, which compares runs of different rates",
    ),
];

/// The file of what was masked.
pub(crate) const MASKING: &str = "masking.parquet";

/// The columns of what was masked.
pub(crate) const MASKING_COLUMNS: &[Column] = &[
    log::STEP,
    Column::new(
        "candidates",
        ColumnType::Integer,
        "tokens that might be masked: all but special ones where those are spared",
    ),
    Column::new(
        "asked",
        ColumnType::Number,
        "tokens of them that the rates ask for, in the mean; the sum of rate times candidates over the sequences",
    ),
    Column::new(
        "corrupted",
        ColumnType::Integer,
        "tokens that were selected for corruption, those among them that are kept or random",
    ),
    Column::new(
        "units",
        ColumnType::Integer,
        "tokens, words, spans or n-grams that they make: what was drawn as a whole",
    ),
    Column::new(
        "collisions",
        ColumnType::Integer,
        "draws that met what was chosen before: places of spans drawn anew, spans that became one with another, n-grams that overlap \
         the chosen one",
    ),
    length("length_1", "units of one token"),
    length("length_2", "units of 2 tokens"),
    length("length_3", "units of 3 tokens"),
    length("length_4", "units of 4 tokens"),
    length("length_5", "units of 5 tokens"),
    length("length_6", "units of 6 tokens"),
    length("length_7", "units of 7 tokens"),
    length("length_8", "units of 8 tokens"),
    length("length_9", "units of 9 tokens"),
    length("length_10", "units of 10 tokens"),
    length("length_more", "units of more tokens"),
];

const fn length(name: &'static str, about: &'static str) -> Column {
    Column::new(name, ColumnType::Integer, about)
}

const _: () = assert!(MASKING_COLUMNS.len() == 6 + LENGTHS + 1);

/// An encoder that is trained to predict masked tokens.
pub(crate) struct MaskedLm<'a> {
    pub(crate) network: Network,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) feed: Feed<'a>,
    pub(crate) validation: Validation,
    /// Number of sequences in memory at once; 0 stands for all sequences of an update.
    pub(crate) micro_batch: usize,
    /// Whether what is masked has a log of its own.
    pub(crate) is_tallied: bool,
}

impl Objective for MaskedLm<'_> {
    type Batch = Examples;

    const LOG: &'static [Column] = TRAINING_COLUMNS;

    const MEASURE: Option<Measure> = Some(Measure {
        file: VALIDATION,
        columns: VALIDATION_COLUMNS,
        better: Direction::Lower,
        always: true,
    });

    fn parameters(&self) -> &encoder::Parameters {
        self.network.parameters()
    }

    fn batch(&mut self, step: u32) -> Result<Examples, StageError> {
        let examples = self.feed.update(step)?;
        if examples.predicted() == 0 {
            return Err(StageError::input(
                "masking.predict",
                format!("update {} has no token to predict", step + 1),
                "raise masking.predict, masking.corrupt or batch, or tokenize to longer blocks",
            ));
        }
        self.network.check_visible(&examples, step)?;
        Ok(examples)
    }

    fn extent(&self, examples: &Examples) -> Extent {
        let terms = examples.predicted();
        Extent {
            samples: examples.sequences.len(),
            terms,
            tokens: examples.tokens(),
            forward: self.network.forward_operations(examples),
        }
    }

    fn add(
        &self,
        examples: &Examples,
        samples: Range<usize>,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let micro_batch = self.micro_batch;
        add_gradients(
            &self.network,
            examples,
            samples,
            micro_batch,
            mode,
            gradients,
        )
    }

    fn row(&self, examples: &Examples) -> Vec<f64> {
        vec![examples.predicted() as f64, examples.tokens() as f64]
    }

    fn further(&self) -> Option<Further> {
        self.is_tallied.then_some(Further {
            file: MASKING,
            columns: MASKING_COLUMNS,
        })
    }

    fn further_row(&self, examples: &Examples) -> Vec<f64> {
        let tally = &examples.tally;
        let [candidates, corrupted, units, collisions] = [
            tally.candidates,
            tally.corrupted,
            tally.units,
            tally.collisions,
        ]
        .map(|count| count as f64);
        let lengths = tally.lengths.iter().map(|&count| count as f64);
        [candidates, examples.asked, corrupted, units, collisions]
            .into_iter()
            .chain(lengths)
            .collect()
    }

    fn measure(&mut self) -> Result<Vec<f64>, StageError> {
        let found = self.validation.measure(&self.network)?;
        Ok(vec![found.own.value, found.yardstick.value])
    }

    /// Writes encoder and tokenizer as a Hugging Face folder, and a decoder beside them if there is one.
    fn save(&self, folder: &Path) -> Result<(), StageError> {
        self.network.save(folder)?;
        let longest = self.network.encoder.config().max_length();
        self.tokenizer.copy_files_for(longest, folder)
    }
}
