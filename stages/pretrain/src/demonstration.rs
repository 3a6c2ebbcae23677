//! Masking shown on a text: what an encoder would see of it, what it would have to predict, and what it would say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use contract::{Context, Field, FieldType, Params, Problem, StageError, complete};
use encoder::{Batch, Encoder, Mode, Sequence, with_deep_stack};
use kernels::Stream;
use serde_json::{Map, Value};
use tokenize::Tokenizer;

use crate::masking::{Masked, Masker};
use crate::parameters::{MASKING, Masking};
use crate::train::{masker, vocabulary};

pub use crate::masking::StrategyName;

/// What is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The settings of masking.
    pub masking: &'a Masking,
    /// The text to mask.
    pub text: &'a str,
    /// A tokenizer's folder or file; without one, and without an encoder, each word is a token.
    pub tokenizer: Option<&'a Path>,
    /// A trained encoder's folder.
    pub encoder: Option<&'a Path>,
    /// The list of n-grams.
    pub ngrams: Option<&'a Path>,
    /// The seed of the masks.
    pub seed: u64,
    /// How often the text is masked.
    pub examples: u32,
}

/// One copy of the text, masked.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Which of the examples this is, counted from 1.
    pub number: u32,
    /// Which copy of it, counted from 1, and how many there are.
    pub copy: (usize, usize),
    /// The tokens, special ones included.
    pub tokens: Vec<Shown>,
    /// Tokens that might be masked.
    pub candidates: u64,
    /// Tokens that are corrupted.
    pub corrupted: u64,
    /// Units that they make.
    pub units: u64,
    /// Draws that met what was chosen before.
    pub collisions: u64,
}

/// A token of an example.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The token as it is in the text.
    pub token: String,
    /// The token that the encoder reads.
    pub input: String,
    /// Whether that is the mask.
    pub is_masked: bool,
    /// The unit that it belongs to, if it is corrupted.
    pub unit: Option<usize>,
    /// Whether it is predicted.
    pub is_predicted: bool,
    /// What the encoder takes for the likeliest token there, and its probability.
    pub guess: Option<(String, f64)>,
}

/// The stage's field `masking`, as options give it: where a rate may be a table of its course there, it is a number here.
const OPTIONS: &[Field] = &{
    let mut options = [MASKING[0]; MASKING.len()];
    let mut at = 0;
    while at < options.len() {
        options[at] = MASKING[at];
        if let FieldType::OrTable { single, .. } = options[at].takes {
            options[at].takes = *single;
        }
        at += 1;
    }
    options
};

/// Returns the settings of masking that options mean.
///
/// # Errors
/// All problems; the last key of each path is that of the setting.
pub fn settings(given: &Map<String, Value>) -> Result<Masking, Vec<Problem>> {
    let params = Params(complete(OPTIONS, given)?);
    let masking: Masking = params
        .parse()
        .map_err(|error| vec![Problem::value("masking", error.to_string())])?;
    match masking.check() {
        problems if problems.is_empty() => Ok(masking),
        problems => Err(problems),
    }
}

/// Masks a text as the first visits to it would, and fills the masks in if there is an encoder.
///
/// # Errors
/// When the text holds no token, a file cannot be read or used, or the text is too long for the encoder.
pub fn examples(request: Request<'_>, context: &Context) -> Result<Vec<Example>, StageError> {
    let tokenizer = match (request.tokenizer, request.encoder) {
        (Some(given), _) | (None, Some(given)) => Tokenizer::load(given)?,
        (None, None) => by_words(request.text)?,
    };
    let mut ids = vec![tokenizer.specials().cls];
    ids.extend(tokenizer.encode(request.text));
    if ids.len() == 1 {
        return Err(StageError::input(
            "the text",
            "it holds no token",
            "give a sentence or two, in quotation marks",
        ));
    }
    let vocabulary = Arc::new(vocabulary(&tokenizer));
    let stream = Stream::new(request.seed, "mask");
    let masker = masker(
        request.masking,
        (&tokenizer, vocabulary, stream),
        request.ngrams,
        context,
    )?;
    let encoder = match request.encoder {
        Some(folder) => Some(fitting(Encoder::load(folder)?, &tokenizer, ids.len())?),
        None => None,
    };
    let shown = || show(request, &masker, &tokenizer, encoder.as_ref(), &ids);
    with_deep_stack(shown)
        .map_err(|error| StageError::not_started("the threads of the encoder", &error))?
}

fn show(
    request: Request<'_>,
    masker: &Masker,
    tokenizer: &Tokenizer,
    encoder: Option<&Encoder>,
    ids: &[u32],
) -> Result<Vec<Example>, StageError> {
    let mut examples = Vec::new();
    let rates = request.masking.schedule();
    for visit in 0..request.examples {
        let u = Stream::new(request.seed, "masking rate")
            .draws(visit, 0, 0)
            .uniform();
        let done = f64::from(visit) / f64::from(request.examples);
        let copies = masker.copies_at(rates.at(done, u), visit, 0, ids);
        let count = copies.len();
        for (copy, masked) in (1..).zip(copies) {
            let guesses = match encoder {
                Some(encoder) => guesses(encoder, tokenizer, &masked)?,
                None => vec![None; masked.positions.len()],
            };
            examples.push(Example {
                number: visit + 1,
                copy: (copy, count),
                tokens: tokens(tokenizer, ids, &masked, &guesses),
                candidates: masked.tally.candidates,
                corrupted: masked.tally.corrupted,
                units: masked.tally.units,
                collisions: masked.tally.collisions,
            });
        }
    }
    Ok(examples)
}

/// Returns a tokenizer whose tokens are the words of a text.
fn by_words(text: &str) -> Result<Tokenizer, StageError> {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let place = Path::new("the text");
    let separating = Tokenizer::from_tokens(&special, false, place)?;
    let words = separating.tokens(text);
    let words: BTreeSet<&str> = words.iter().map(|word| &text[word.bytes.clone()]).collect();
    let words = words.into_iter().map(str::to_owned);
    let known = special.iter().cloned();
    let tokens: Vec<String> = known
        .chain(words.filter(|word| !special.contains(word)))
        .collect();
    Tokenizer::from_tokens(&tokens, false, place)
}

/// Returns an encoder that has the tokenizer's tokens, a head, and positions for so many tokens.
fn fitting(encoder: Encoder, tokenizer: &Tokenizer, tokens: usize) -> Result<Encoder, StageError> {
    let wrong = |reason: String, remedy: &str| Err(StageError::input("--encoder", reason, remedy));
    if !encoder.has_head() {
        return wrong(
            "it has no head that predicts tokens".into(),
            "give an encoder that was trained by masked language modelling",
        );
    }
    let (own, given) = (encoder.config().vocab_size, tokenizer.vocabulary());
    if own != given {
        return wrong(
            format!("it has {own} tokens, and the tokenizer {given}"),
            "leave --tokenizer out: the encoder's own is used",
        );
    }
    let longest = encoder.config().max_length();
    if tokens > longest {
        return wrong(
            format!("the text has {tokens} tokens, and it reads {longest} at most"),
            "give a shorter text",
        );
    }
    Ok(encoder)
}

/// Returns the likeliest token and its probability at each position to predict.
fn guesses(
    encoder: &Encoder,
    tokenizer: &Tokenizer,
    masked: &Masked,
) -> Result<Vec<Option<(String, f64)>>, StageError> {
    if masked.positions.is_empty() {
        return Ok(Vec::new());
    }
    let sequences = [Sequence::new(masked.ids.clone(), 0)];
    let batch = Batch::pack(&sequences, encoder.config())?;
    let hidden = encoder.forward(&batch, Mode::Evaluate)?.detach();
    let rows: Vec<u32> = masked
        .positions
        .iter()
        .map(|&position| batch.row(0, position as usize))
        .collect();
    let logits = encoder.masked_lm_logits(&hidden, &rows)?;
    let logits: Vec<Vec<f32>> = logits.to_vec2().map_err(StageError::failed)?;
    let best = |logits: Vec<f32>| {
        let (id, highest) = (0_u32..).zip(&logits).max_by(|a, b| {
            let by_score = a.1.total_cmp(b.1);
            by_score.then(b.0.cmp(&a.0))
        })?;
        let parts = logits
            .iter()
            .map(|logit| kernels::exp(f64::from(logit - highest)));
        Some((tokenizer.readable(id), 1.0 / parts.sum::<f64>()))
    };
    Ok(logits.into_iter().map(best).collect())
}

fn tokens(
    tokenizer: &Tokenizer,
    ids: &[u32],
    masked: &Masked,
    guesses: &[Option<(String, f64)>],
) -> Vec<Shown> {
    let mut unit_of = vec![None; ids.len()];
    for (unit, positions) in masked.units.iter().enumerate() {
        for &position in positions {
            unit_of[position] = Some(unit);
        }
    }
    let mask = tokenizer.specials().mask;
    (0..ids.len())
        .map(|position| {
            let place = masked.positions.binary_search(&(position as u32)).ok();
            Shown {
                token: tokenizer.readable(ids[position]),
                input: tokenizer.readable(masked.ids[position]),
                is_masked: unit_of[position].is_some() && masked.ids[position] == mask,
                unit: unit_of[position],
                is_predicted: place.is_some(),
                guess: place.and_then(|place| guesses[place].clone()),
            }
        })
        .collect()
}
