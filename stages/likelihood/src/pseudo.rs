//! Pseudo-log-likelihoods: what a masked language model says of the tokens of a sentence, one at a time.
//!
//! The score of a sentence is the sum over its tokens of log P(token | the sentence with it masked). `[CLS]` and `[SEP]` stand around the
//! sentence and are not scored. Which other tokens are masked as well is the [`Scoring`].
//!
//! A sentence of n tokens makes n sequences. They are packed without padding, and the head runs at one position of each. The bits of
//! a log-probability depend on its own sequence alone, not on its neighbours or the number of threads.

use contract::{Context, Meter, StageError};
use encoder::{Batch, Encoder, Mode, Sequence};
use rayon::prelude::*;
use serde::Deserialize;
use tokenize::Tokenizer;

/// The most tokens in a batch, unless a single sequence has more. This bounds memory.
const BATCH_TOKENS: usize = 2048;
/// Number of batches between checks whether to stop.
const WAVE: usize = 16;

/// Which tokens are masked when one is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scoring {
    /// The token alone (Salazar et al., *Masked Language Model Scoring*, ACL 2020).
    Original,
    /// The token and those after it in the same word, so that the rest of a word does not give its beginning away (Kauf and Ivanova,
    /// *A Better Way to Do Masked Language Model Scoring*, ACL 2023: within-word left-to-right). The same as the former where every
    /// word is one token.
    WordL2r,
}

impl Scoring {
    /// The names of all scorings, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["original", "word-l2r"];
}

/// A sentence as a model reads it.
#[derive(Clone, Debug)]
pub struct Sentence<'a> {
    text: &'a str,
    /// `[CLS]`, the tokens, `[SEP]`.
    ids: Vec<u32>,
    /// The word of each token, without those of the two around them.
    words: Vec<u32>,
    is_cut: bool,
}

impl<'a> Sentence<'a> {
    /// Reads a sentence of at most `max_length` tokens, `[CLS]` and `[SEP]` included; what is longer is cut.
    ///
    /// # Errors
    /// When it has no token.
    pub fn read(
        text: &'a str,
        tokenizer: &Tokenizer,
        max_length: usize,
    ) -> Result<Self, StageError> {
        let mut tokens = tokenizer.tokens(text);
        let most = max_length.saturating_sub(2);
        let is_cut = tokens.len() > most;
        tokens.truncate(most);
        if tokens.is_empty() {
            return Err(StageError::input(
                "data",
                format!("the sentence `{}` has no token", text.escape_debug()),
                "give sentences of which the tokenizer leaves something",
            ));
        }
        let specials = tokenizer.specials();
        let mut ids = vec![specials.cls];
        ids.extend(tokens.iter().map(|token| token.id));
        ids.push(specials.sep);
        Ok(Self {
            text,
            ids,
            words: tokens.iter().map(|token| token.word).collect(),
            is_cut,
        })
    }

    /// Returns the number of tokens that are scored.
    pub fn tokens(&self) -> usize {
        self.words.len()
    }

    /// Whether the sentence was longer than allowed.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns the sequence in which the token at `place`, counted without `[CLS]`, is scored.
    fn masked(&self, place: usize, scoring: Scoring, mask: u32) -> Sequence {
        let mut ids = self.ids.clone();
        let last = match scoring {
            Scoring::Original => place,
            Scoring::WordL2r => {
                let word = self.words[place];
                let rest = self.words[place..].iter();
                place + rest.take_while(|of| **of == word).count() - 1
            }
        };
        ids[1 + place..=1 + last].fill(mask);
        Sequence::new(ids, 0)
    }
}

/// Returns the log-probability in nats of each token of each sentence. `mask` is the id of `[MASK]`.
///
/// # Errors
/// When the encoder has no head or not all of the ids, a log-probability is not finite, or the run asks to stop.
pub fn log_probabilities(
    encoder: &Encoder,
    mask: u32,
    sentences: &[Sentence<'_>],
    scoring: Scoring,
    context: &Context,
) -> Result<Vec<Vec<f64>>, StageError> {
    let probes: Vec<(usize, usize)> = sentences
        .iter()
        .enumerate()
        .flat_map(|(sentence, read)| (0..read.tokens()).map(move |place| (sentence, place)))
        .collect();
    let mut found: Vec<Vec<f64>> = sentences
        .iter()
        .map(|sentence| Vec::with_capacity(sentence.tokens()))
        .collect();
    let batches = cut(&probes, |(sentence, _)| sentences[*sentence].ids.len());
    let mut meter = Meter::start(context);
    let mut done = 0;
    for wave in batches.chunks(WAVE) {
        context.keep_going()?;
        let losses = wave
            .par_iter()
            .map(|batch| losses(encoder, mask, sentences, scoring, batch))
            .collect::<Result<Vec<_>, _>>()?;
        for (&(sentence, _), loss) in wave.iter().copied().flatten().zip(losses.concat()) {
            if !loss.is_finite() {
                let text = sentences[sentence].text;
                return Err(StageError::input(
                    "encoder",
                    format!("the log-probability of a token of `{text}` is not finite"),
                    "its weights are of a training that diverged, or damaged: give another encoder",
                ));
            }
            found[sentence].push(-loss);
        }
        let probes = || wave.iter().copied().flatten();
        let lengths = || probes().map(|(sentence, _)| sentences[*sentence].ids.len());
        let forward = encoder
            .config()
            .forward_operations(lengths(), probes().count());
        meter.count(lengths().sum(), forward);
        done += probes().count() as u64;
        context.progress(done, count(sentences), "token", meter.speed());
    }
    Ok(found)
}

fn count(sentences: &[Sentence<'_>]) -> u64 {
    sentences.iter().map(|read| read.tokens() as u64).sum()
}

/// Returns the cross-entropies of the probes of a batch.
fn losses(
    encoder: &Encoder,
    mask: u32,
    sentences: &[Sentence<'_>],
    scoring: Scoring,
    probes: &[(usize, usize)],
) -> Result<Vec<f64>, StageError> {
    let sequences: Vec<Sequence> = probes
        .iter()
        .map(|&(sentence, place)| sentences[sentence].masked(place, scoring, mask))
        .collect();
    let batch = Batch::pack(&sequences, encoder.config())?;
    let hidden = encoder.forward(&batch, Mode::Evaluate)?;
    let places = probes.iter().enumerate();
    let rows: Vec<u32> = places
        .map(|(sequence, &(_, place))| batch.row(sequence, 1 + place))
        .collect();
    let targets: Vec<u32> = probes
        .iter()
        .map(|&(sentence, place)| sentences[sentence].ids[1 + place])
        .collect();
    Ok(encoder.masked_lm_losses(&hidden, &rows, &targets)?)
}

/// Cuts probes into runs of at most [`BATCH_TOKENS`] tokens.
fn cut<T>(probes: &[T], length: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (place, probe) in probes.iter().enumerate() {
        let length = length(probe);
        if size > 0 && size + length > BATCH_TOKENS {
            batches.push(&probes[start..place]);
            (start, size) = (place, 0);
        }
        size += length;
    }
    if start < probes.len() {
        batches.push(&probes[start..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(words: &[u32]) -> Sentence<'static> {
        let ids = (0..words.len() as u32 + 2).map(|id| 10 + id).collect();
        Sentence {
            text: "",
            ids,
            words: words.to_vec(),
            is_cut: false,
        }
    }

    #[test]
    fn a_scoring_decides_what_is_masked() {
        let sentence = sentence(&[0, 1, 1, 1, 2]);
        let masked = |scoring| -> Vec<Vec<u32>> {
            (0..5)
                .map(|place| sentence.masked(place, scoring, 0).ids)
                .collect()
        };
        let original = [
            [10, 0, 12, 13, 14, 15, 16],
            [10, 11, 0, 13, 14, 15, 16],
            [10, 11, 12, 0, 14, 15, 16],
            [10, 11, 12, 13, 0, 15, 16],
            [10, 11, 12, 13, 14, 0, 16],
        ];
        assert_eq!(masked(Scoring::Original), original);
        let mut within = original;
        within[1] = [10, 11, 0, 0, 0, 15, 16];
        within[2] = [10, 11, 12, 0, 0, 15, 16];
        assert_eq!(masked(Scoring::WordL2r), within);
    }

    #[test]
    fn batches_hold_every_probe_once_and_stay_small() {
        let lengths = [900, 1000, 1100, 900, 49, 5000, 1];
        let sizes: Vec<usize> = cut(&lengths, |length| *length)
            .iter()
            .map(|batch| batch.len())
            .collect();
        assert_eq!(sizes, [2, 2, 1, 1, 1]);
        assert!(cut(&[], |length: &usize| *length).is_empty());
    }
}
