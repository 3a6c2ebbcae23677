//! QNLI: does the sentence answer the question? It may speak of the same person and thing and yet of another
//! deed, or tell the time where the place was asked.

use kernels::Draws;

use super::{Example, Split, fact, lean};
use crate::lexicon::Lexicon;
use crate::meaning::{Kind, Relation};
use crate::templates::{Ask, question, setting, statement};

/// The classes in the official order.
pub(crate) const LABELS: [&str; 2] = ["entailment", "not_entailment"];

/// Makes an example of the class `class`.
pub(crate) fn example(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let answers = class == 0;
    let asked = fact(lexicon, Kind::Event, split, draws);
    let answer = asked.related(lexicon, Relation::Same, split.frequencies, draws);
    let asks_place = lean(2, draws) == 0;
    let ask = if asks_place { Ask::Where } else { Ask::When };
    let place_or_time = if asks_place == answers {
        &lexicon.places
    } else {
        &lexicon.times
    };
    let said = statement(lexicon, &answer, split.genre, 0.0, draws);
    let asked = question(lexicon, &asked, ask, 0.0, draws);
    let said = format!(
        "{said} {}",
        setting(place_or_time, split.frequencies, 0.0, draws)
    );
    Example {
        sentence1: asked,
        sentence2: Some(format!("{said} .")),
        label: class as f64,
    }
}
