//! Computes vectors of many sentences with an encoder.
//!
//! The set of sentences alone decides which sentences share a batch: distinct token sequences are sorted by length and then by
//! their ids, and split into batches of at most [`BATCH_TOKENS`] tokens. So neither the order of the sentences nor the number of
//! threads changes a vector's bits; batches run in parallel and write to fixed places. What computes hidden states is an [`Engine`].

use std::collections::BTreeMap;

use contract::{Context, Meter, StageError};
use encoder::{Batch, Encoder, Mode, Pooling, Sequence};
use rayon::prelude::*;
use tokenize::Tokenizer;

use crate::Texts;

/// The most tokens in a batch, unless a single sentence has more. This bounds memory.
const BATCH_TOKENS: usize = 2048;
/// Number of batches between checks whether to stop.
const WAVE: usize = 16;

/// An encoder with its tokenizer, as far as sentences need them.
pub(crate) trait Engine: Sync {
    /// Returns the ids of a text with the special tokens around it, at most `max_length`, and whether the text was cut.
    fn tokens(&self, text: &str, max_length: usize) -> Result<(Vec<u32>, bool), StageError>;

    /// Returns how many ids there are before those of a text that follows `beginning`.
    fn prompt(&self, beginning: &str, max_length: usize) -> Result<usize, StageError>;

    /// Whether the sequences of a batch must have one length.
    fn is_even(&self) -> bool;

    /// Returns the vector of each sequence of a batch; averages leave out its first `skip` tokens.
    fn vectors(
        &self,
        ids: &[&[u32]],
        pooling: Pooling,
        skip: usize,
    ) -> Result<Vec<Vec<f32>>, StageError>;

    /// Returns the floating-point operations of the matrix products over sequences of these lengths.
    fn operations(&self, lengths: &[usize]) -> f64;
}

/// The own engine.
pub(crate) struct Own<'a> {
    pub(crate) encoder: &'a Encoder,
    pub(crate) tokenizer: &'a Tokenizer,
}

impl Engine for Own<'_> {
    fn tokens(&self, text: &str, max_length: usize) -> Result<(Vec<u32>, bool), StageError> {
        let ids = self.tokenizer.single(text, None);
        let is_cut = ids.len() > max_length;
        let sep = self.tokenizer.specials().sep;
        Ok((truncate(ids, max_length, sep), is_cut))
    }

    fn prompt(&self, beginning: &str, max_length: usize) -> Result<usize, StageError> {
        Ok(self.tokenizer.single(beginning, Some(max_length)).len() - 1)
    }

    fn is_even(&self) -> bool {
        false
    }

    fn vectors(
        &self,
        ids: &[&[u32]],
        pooling: Pooling,
        skip: usize,
    ) -> Result<Vec<Vec<f32>>, StageError> {
        let sequences = ids.iter().map(|ids| Sequence::new(ids.to_vec(), 0));
        let sequences: Vec<Sequence> = sequences.collect();
        let config = self.encoder.config();
        let batch = Batch::pack(&sequences, config)?;
        let layers = pooling.layers(config.num_hidden_layers);
        let states = self
            .encoder
            .hidden_states(&batch, &layers, Mode::Evaluate)?;
        let vectors = pooling.pool(&states, &batch, skip)?;
        vectors.to_vec2().map_err(StageError::failed)
    }

    fn operations(&self, lengths: &[usize]) -> f64 {
        let lengths = lengths.iter().copied();
        self.encoder.config().forward_operations(lengths, 0)
    }
}

/// Vectors for sentences.
pub struct Encoded {
    /// One vector per sentence, in the order of the sentences.
    pub vectors: Vec<Vec<f32>>,
    /// Number of sentences that were longer than allowed and were truncated.
    pub truncated: usize,
}

/// How sentences become vectors.
#[derive(Clone, Copy)]
pub struct Manner<'a> {
    /// Changes to the text of a sentence before it is tokenised.
    pub texts: &'a Texts,
    /// The most tokens that are read, `[CLS]` and `[SEP]` included.
    pub max_length: usize,
    /// The pooling of hidden states.
    pub pooling: Pooling,
    /// Number of tokens at the beginning of a sequence that averages leave out.
    pub skip: usize,
}

/// Encodes `sentences` in the given manner, by the own engine.
///
/// # Errors
/// When the tokenizer has ids that the encoder does not, a vector is not finite, or the run asks to stop.
pub fn encode(
    encoder: &Encoder,
    tokenizer: &Tokenizer,
    sentences: &[String],
    manner: Manner<'_>,
    context: &Context,
) -> Result<Encoded, StageError> {
    encode_by(&Own { encoder, tokenizer }, sentences, manner, context)
}

/// Encodes `sentences` in the given manner.
///
/// # Errors
/// When a sentence has no ids, or ids that the encoder does not have, a vector is not finite, or the run asks to stop.
pub(crate) fn encode_by(
    engine: &dyn Engine,
    sentences: &[String],
    manner: Manner<'_>,
    context: &Context,
) -> Result<Encoded, StageError> {
    let Manner {
        texts,
        max_length,
        pooling,
        skip,
    } = manner;
    let tokens = sentences
        .par_iter()
        .map(|sentence| engine.tokens(&texts.apply(sentence), max_length));
    let tokens: Vec<(Vec<u32>, bool)> = tokens.collect::<Result<_, _>>()?;
    let truncated = tokens.iter().filter(|(_, is_cut)| *is_cut).count();

    // Sentences with the same tokens (which differ only in letter case, say) are encoded once.
    let mut places = BTreeMap::<(usize, &[u32]), Vec<usize>>::new();
    for (sentence, (ids, _)) in tokens.iter().enumerate() {
        places.entry((ids.len(), ids)).or_default().push(sentence);
    }
    let sequences: Vec<&[u32]> = places.keys().map(|(_, ids)| *ids).collect();
    let batches = cut(&sequences, engine.is_even());

    let mut encoded: Vec<Vec<f32>> = Vec::with_capacity(sequences.len());
    let mut meter = Meter::start(context);
    for wave in batches.chunks(WAVE) {
        context.keep_going()?;
        let vectors = wave
            .par_iter()
            .map(|batch| engine.vectors(batch, pooling, skip))
            .collect::<Result<Vec<_>, _>>()?;
        encoded.extend(vectors.into_iter().flatten());
        let lengths = wave.iter().flat_map(|batch| batch.iter());
        let lengths: Vec<usize> = lengths.map(|ids| ids.len()).collect();
        meter.count(lengths.iter().sum(), engine.operations(&lengths));
        let (done, total) = (encoded.len() as u64, sequences.len() as u64);
        context.progress(done, total, "sentence", meter.speed());
    }
    drop(meter);

    let mut vectors = vec![Vec::new(); sentences.len()];
    for (owners, vector) in places.values().zip(encoded) {
        if vector.iter().any(|value| !value.is_finite()) {
            let sentence = &sentences[owners[0]];
            return Err(StageError::input(
                "encoder",
                format!("the vector of `{sentence}` is not finite"),
                "its weights are of a training that diverged, or damaged: give another encoder",
            ));
        }
        for &owner in owners {
            vectors[owner].clone_from(&vector);
        }
    }
    Ok(Encoded { vectors, truncated })
}

/// Truncates the ids to `max_length`, with `[SEP]` as the last one.
fn truncate(mut ids: Vec<u32>, max_length: usize, sep: u32) -> Vec<u32> {
    if ids.len() > max_length {
        ids.truncate(max_length.saturating_sub(1));
        ids.push(sep);
    }
    ids
}

/// Splits sequences, which are sorted by length, into runs of at most [`BATCH_TOKENS`] tokens; of one length each where batches are to
/// be even.
fn cut<'a>(sequences: &'a [&'a [u32]], is_even: bool) -> Vec<&'a [&'a [u32]]> {
    let mut batches = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (index, ids) in sequences.iter().enumerate() {
        let is_full = size > 0 && size + ids.len() > BATCH_TOKENS;
        if is_full || (is_even && ids.len() != sequences[start].len()) {
            batches.push(&sequences[start..index]);
            (start, size) = (index, 0);
        }
        size += ids.len();
    }
    if start < sequences.len() {
        batches.push(&sequences[start..]);
    }
    batches
}

/// Scales a vector to length 1; a zero vector is unchanged.
pub(crate) fn normalise(vector: &mut [f32]) {
    let norm = vector
        .iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt();
    if norm > 0.0 {
        for value in vector {
            *value = (f64::from(*value) / norm) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_sequence_once_and_stay_small() {
        let lengths = [3, 900, 1000, 1100, 1100, 5000, 6000];
        let sequences: Vec<Vec<u32>> = lengths.iter().map(|&length| vec![7; length]).collect();
        let borrowed: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
        let sizes = |is_even| -> Vec<usize> {
            let batches = cut(&borrowed, is_even);
            batches.iter().map(|batch| batch.len()).collect()
        };
        assert_eq!(sizes(false), [3, 1, 1, 1, 1]);
        assert_eq!(sizes(true), [1, 1, 1, 1, 1, 1, 1]);
        assert!(cut(&[], true).is_empty());
        let equal = [
            &borrowed[1][..600],
            &borrowed[2][..600],
            &borrowed[3][..600],
        ];
        assert_eq!(cut(&equal, true).len(), 1);
    }

    #[test]
    fn the_last_token_survives_truncation() {
        assert_eq!(truncate(vec![2, 10, 11, 12, 3], 4, 3), [2, 10, 11, 3]);
        assert_eq!(truncate(vec![2, 10, 3], 4, 3), [2, 10, 3]);
    }
}
