//! A task's examples as token ids.

use benchmarks::{Example, Task};
use contract::{Context, StageError};
use encoder::{Config, Sequence};
use kernels::Stream;
use rayon::prelude::*;
use tokenize::Tokenizer;

/// An example as the encoder reads it: `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encoded {
    pub(crate) ids: Vec<u32>,
    /// Token types, one per token; empty where the encoder has a single token type.
    pub(crate) token_types: Vec<u32>,
    pub(crate) label: f64,
    /// Whether the example was longer than allowed and was truncated.
    pub(crate) cut: bool,
}

impl Encoded {
    /// Returns the example as a sequence with the index `sample` in its update.
    pub(crate) fn sequence(&self, sample: u32) -> Sequence {
        Sequence {
            token_types: self.token_types.clone(),
            ..Sequence::new(self.ids.clone(), sample)
        }
    }
}

/// Converts sentences to token ids for one encoder.
pub(crate) struct Reader<'a> {
    tokenizer: &'a Tokenizer,
    max_length: usize,
    has_types: bool,
}

impl<'a> Reader<'a> {
    /// Makes a reader for an encoder with the configuration `config`. Examples are truncated at `max_length` tokens; 0 stands
    /// for the tokenizer's limit, or the encoder's positions if these are fewer.
    ///
    /// # Errors
    /// When the encoder has fewer positions than `max_length`, or fewer tokens than the tokenizer.
    pub(crate) fn new(
        tokenizer: &'a Tokenizer,
        config: &Config,
        max_length: usize,
    ) -> Result<Self, StageError> {
        let positions = config.max_length();
        if max_length > positions {
            return Err(StageError::input(
                "max_length",
                format!("{max_length} tokens, but the encoder has {positions} positions"),
                format!("give at most {positions}, or 0 for all"),
            ));
        }
        if tokenizer.vocabulary() > config.vocab_size {
            return Err(StageError::input(
                "encoder",
                format!(
                    "its tokenizer has {} tokens, its embedding {}",
                    tokenizer.vocabulary(),
                    config.vocab_size
                ),
                "give the folder of an encoder with its own tokenizer",
            ));
        }
        Ok(Self {
            tokenizer,
            max_length: match max_length {
                0 => tokenizer.max_length().unwrap_or(positions).min(positions),
                max_length => max_length,
            },
            has_types: config.type_vocab_size >= 2,
        })
    }

    /// Returns the most tokens of an example that are read.
    pub(crate) fn max_length(&self) -> usize {
        self.max_length
    }

    pub(crate) fn read(&self, examples: &[Example]) -> Vec<Encoded> {
        examples
            .par_iter()
            .map(|example| self.encode(example))
            .collect()
    }

    fn encode(&self, example: &Example) -> Encoded {
        let read = |limit: Option<usize>| match &example.sentence2 {
            None => (self.tokenizer.single(&example.sentence1, limit), Vec::new()),
            Some(second) => self.tokenizer.pair(&example.sentence1, second, limit),
        };
        let whole = read(None);
        let cut = whole.0.len() > self.max_length;
        let (ids, token_types) = if cut {
            read(Some(self.max_length))
        } else {
            whole
        };
        Encoded {
            ids,
            token_types: if self.has_types {
                token_types
            } else {
                Vec::new()
            },
            label: example.label,
            cut,
        }
    }

    /// Notes how many examples of a split were truncated, if any were.
    pub(crate) fn note_cut<'e>(
        &self,
        split: &str,
        examples: impl IntoIterator<Item = &'e Encoded>,
        context: &Context,
    ) {
        let (mut cut, mut all) = (0_usize, 0_usize);
        for example in examples {
            cut += usize::from(example.cut);
            all += 1;
        }
        if cut > 0 {
            let length = self.max_length;
            context.note(format!(
                "{cut} of {all} {split} examples were cut to {length} tokens"
            ));
        }
    }
}

/// Keeps `train` training examples, drawn in the same way for every seed, in the file's order, and the first `validation`
/// examples of each development split. 0 keeps all.
pub(crate) fn limit(task: &mut Task, train: usize, validation: usize) {
    if train > 0 && train < task.train.len() {
        let mut draws = Stream::new(0, "training examples").draws(0, 0, 0);
        let mut kept = draws.choose(task.train.len(), train);
        kept.sort_unstable();
        task.train = kept.iter().map(|&at| task.train[at].clone()).collect();
    }
    if validation > 0 {
        task.validation.truncate(validation);
        if let Some(mismatched) = &mut task.validation_mismatched {
            mismatched.truncate(validation);
        }
    }
}
