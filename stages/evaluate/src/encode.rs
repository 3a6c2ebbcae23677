//! Computes vectors of many sentences with an encoder.
//!
//! The set of sentences alone decides which sentences share a batch: distinct token sequences are sorted by length and then by
//! their ids, and split into batches of at most [`BATCH_TOKENS`] tokens. So neither the order of the sentences nor the number of
//! threads changes a vector's bits; batches run in parallel and write to fixed places.

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

/// Encodes `sentences` in the given manner.
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
    let max_length = manner.max_length;
    let tokens: Vec<Vec<u32>> = sentences
        .par_iter()
        .map(|sentence| tokenizer.single(&manner.texts.apply(sentence), None))
        .collect();
    let truncated = tokens.iter().filter(|ids| ids.len() > max_length).count();
    let sep = tokenizer.specials().sep;
    let tokens: Vec<Vec<u32>> = tokens
        .into_iter()
        .map(|ids| truncate(ids, max_length, sep))
        .collect();

    // Sentences with the same tokens (which differ only in letter case, say) are encoded once.
    let mut places = BTreeMap::<(usize, &[u32]), Vec<usize>>::new();
    for (sentence, ids) in tokens.iter().enumerate() {
        places.entry((ids.len(), ids)).or_default().push(sentence);
    }
    let sequences: Vec<&[u32]> = places.keys().map(|(_, ids)| *ids).collect();
    let batches = cut(&sequences);

    let mut encoded: Vec<Vec<f32>> = Vec::with_capacity(sequences.len());
    let mut meter = Meter::start(context);
    for wave in batches.chunks(WAVE) {
        context.keep_going()?;
        let vectors = wave
            .par_iter()
            .map(|batch| encode_batch(encoder, batch, manner))
            .collect::<Result<Vec<_>, _>>()?;
        encoded.extend(vectors.into_iter().flatten());
        let lengths = wave
            .iter()
            .flat_map(|batch| batch.iter())
            .map(|ids| ids.len());
        let forward = encoder.config().forward_operations(lengths.clone(), 0);
        meter.count(lengths.sum(), forward);
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

/// Splits sequences into runs of at most [`BATCH_TOKENS`] tokens.
fn cut<'a>(sequences: &'a [&'a [u32]]) -> Vec<&'a [&'a [u32]]> {
    let mut batches = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (index, ids) in sequences.iter().enumerate() {
        if size > 0 && size + ids.len() > BATCH_TOKENS {
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

fn encode_batch(
    encoder: &Encoder,
    ids: &[&[u32]],
    manner: Manner<'_>,
) -> Result<Vec<Vec<f32>>, StageError> {
    let sequences: Vec<Sequence> = ids
        .iter()
        .map(|ids| Sequence::new(ids.to_vec(), 0))
        .collect();
    let batch = Batch::pack(&sequences, encoder.config())?;
    let layers = manner.pooling.layers(encoder.config().num_hidden_layers);
    let states = encoder.hidden_states(&batch, &layers, Mode::Evaluate)?;
    let vectors = manner.pooling.pool(&states, &batch, manner.skip)?;
    vectors.to_vec2().map_err(StageError::failed)
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
        let sizes: Vec<usize> = cut(&borrowed).iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [3, 1, 1, 1, 1]);
        assert!(cut(&[]).is_empty());
    }

    #[test]
    fn the_last_token_survives_truncation() {
        assert_eq!(truncate(vec![2, 10, 11, 12, 3], 4, 3), [2, 10, 11, 3]);
        assert_eq!(truncate(vec![2, 10, 3], 4, 3), [2, 10, 3]);
    }
}
