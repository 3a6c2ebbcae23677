//! What an update costs, by one formula: the floating-point operations in the matrix products of a forward pass, two for each
//! multiply-add. A training step takes three times as many.
//!
//! A layer of width h with a feed-forward width of f costs, over a text of n tokens that it reads, n · 2 (4 h² + 2 h f) in its maps and
//! 4 n² h in attention. The head costs 2 h (h + vocabulary) for each token that is predicted. With E layers, of which D read masked
//! tokens too, and v of n tokens visible:
//!
//! * embedded: E layers over n tokens;
//! * decoder: E layers over v tokens, and D layers of the decoder over n;
//! * appended: E − D layers over v tokens, D over n.
//!
//! A contrastive loss adds a pass of the second view through the E layers, or a third of one for a teacher, which goes forward alone
//! (see [`crate::contrast`]).
//!
//! Without attention and head, the decoder's share of the ordinary cost is (E · v / n + D) / E. Normalisations, embeddings and the
//! optimiser are left out.

use contract::{Problem, StageError};
use encoder::Config;

use crate::copies::Rates;
use crate::network::Scheme;
use crate::parameters::Parameters;
use crate::plan::Updates;

/// Returns the operations of a forward pass over texts of (all, visible) tokens, with `predicted` predictions.
pub fn forward(
    config: &Config,
    scheme: Scheme,
    lengths: impl IntoIterator<Item = (f64, f64)>,
    predicted: f64,
) -> f64 {
    let hidden = config.hidden_size as f64;
    let head = 2.0 * hidden * (hidden + config.vocab_size as f64);
    let texts = lengths.into_iter();
    let layers = texts.map(|(all, visible)| layers(config, scheme, all, visible, true));
    layers.sum::<f64>() + predicted * head
}

/// Returns the operations of the layers over a text.
fn layers(config: &Config, scheme: Scheme, all: f64, visible: f64, attention: bool) -> f64 {
    let count = config.num_hidden_layers as f64;
    let maps = config.token_operations() / count;
    let pairs = match attention {
        true => 4.0 * config.hidden_size as f64,
        false => 0.0,
    };
    let layer = |tokens: f64| tokens * (maps + tokens * pairs);
    match scheme {
        Scheme::Embedded => count * layer(all),
        Scheme::Decoder(own) => count * layer(visible) + own as f64 * layer(all),
        Scheme::Appended(last) => {
            let last = last as f64;
            (count - last) * layer(visible) + last * layer(all)
        }
    }
}

/// Points at which rates that change are taken.
const POINTS: u32 = 64;

/// Returns the rates of corruption and prediction through the run. A rate that sequences draw is taken through its range.
fn courses(parameters: &Parameters) -> impl Iterator<Item = Rates> {
    let schedule = parameters.masking.schedule();
    (0..POINTS).map(move |point| {
        let at = (f64::from(point) + 0.5) / f64::from(POINTS);
        let corrupt = schedule.corrupt.at(at, at);
        let predict = schedule.predict.map_or(corrupt, |rate| rate.at(at, at));
        Rates { corrupt, predict }
    })
}

/// Returns the share of a text's tokens that the encoder's first layers read.
fn visible_share(parameters: &Parameters, rates: Rates) -> f64 {
    let masking = &parameters.masking;
    1.0 - rates.corrupt * (1.0 - masking.random - masking.keep)
}

/// Returns the operations per token in the layers' maps.
pub(crate) fn token_operations(parameters: &Parameters) -> f64 {
    let config = parameters.config(1, 0);
    let shares = courses(parameters).map(|rates| visible_share(parameters, rates));
    let visible = shares.sum::<f64>() / f64::from(POINTS);
    let further = parameters.contrast.further_passes();
    layers(&config, parameters.scheme(), 1.0, visible, false)
        + further * layers(&config, Scheme::Embedded, 1.0, 1.0, false)
}

/// Returns how many updates cost what `steps` updates with [`Scheme::Embedded`] and no contrastive loss cost. A teacher counts as one
/// of the encoder's shape. Lengths and vocabulary are those that the
/// parameters name; rates are taken as exact, and as shares of all tokens.
pub(crate) fn equal_updates(parameters: &Parameters) -> u32 {
    let masking = &parameters.masking;
    let (Some(length), Some(vocabulary)) = (masking.compute_length, masking.compute_vocabulary)
    else {
        // Refused by `check`.
        return parameters.steps;
    };
    let config = parameters.config(vocabulary, 0);
    let all = length as f64;
    let cost = |scheme| {
        let costs = courses(parameters).map(|rates| {
            let lengths = [(all, visible_share(parameters, rates) * all)];
            let predicted = all * rates.predict / rates.copies() as f64;
            forward(&config, scheme, lengths, predicted)
        });
        costs.sum::<f64>()
    };
    let further = parameters.contrast.further_passes();
    let further = further * layers(&config, Scheme::Embedded, all, all, true) * f64::from(POINTS);
    let ratio = cost(Scheme::Embedded) / (cost(parameters.scheme()) + further);
    (f64::from(parameters.steps) * ratio).round() as u32
}

/// Returns what speaks against the parameters.
pub(crate) fn check(parameters: &Parameters) -> Vec<Problem> {
    let masking = &parameters.masking;
    if masking.updates != Updates::EqualCompute {
        return Vec::new();
    }
    let needed = [
        ("masking.compute_length", masking.compute_length),
        ("masking.compute_vocabulary", masking.compute_vocabulary),
    ];
    let missing = needed.into_iter().filter(|(_, value)| value.is_none());
    let problem = |(path, _)| {
        let message = "masking.updates = \"equal-compute\" needs it";
        Problem::value(path, message).with_help("give the number of the tokens stage")
    };
    missing.map(problem).collect()
}

/// Checks that blocks are as long as updates were counted for.
pub(crate) fn check_length(parameters: &Parameters, length: usize) -> Result<(), StageError> {
    let masking = &parameters.masking;
    match masking.compute_length {
        Some(wanted) if masking.updates == Updates::EqualCompute && wanted != length => {
            Err(StageError::input(
                "masking.compute_length",
                format!(
                    "updates are counted for blocks of {wanted} tokens, and these have {length}"
                ),
                format!("give {length}"),
            ))
        }
        _ => Ok(()),
    }
}
